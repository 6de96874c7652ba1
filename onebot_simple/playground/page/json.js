// JSON as people read it: characters instead of \u escapes, indented, coloured.
import { el } from "./base.js";

const ESCAPES = /\\u(d[89ab][0-9a-f]{2})\\u(d[c-f][0-9a-f]{2})|\\u([0-9a-f]{4})|\\[^]/gi;
const TOKENS = /"(?:[^"\\]|\\.)*"?|[{}[\]:,]|[^\s{}[\]:,"]+/g;

// Also what was cut off in the middle, and so is no JSON; every number stays as it was written.
export function decoded(text) {
	if (!text.includes("\\u")) return text;
	return text.replace(ESCAPES, (escape, high, low, single) => {
		if (high) return String.fromCharCode(parseInt(high, 16), parseInt(low, 16));
		const code = parseInt(single ?? "0", 16);
		return code >= 0xa0 && (code < 0xd800 || code > 0xdfff) ? String.fromCharCode(code) : escape;
	});
}

export function pretty(text) {
	const plain = decoded(text);
	if (!/^\s*[{[]/.test(plain)) return plain;
	const tokens = plain.match(TOKENS);
	let depth = 0;
	let out = "";
	tokens.forEach((token, index) => {
		const opens = token === "{" || token === "[";
		if (token === "}" || token === "]") {
			depth = Math.max(depth - 1, 0);
			out += (/^[{[]$/.test(tokens[index - 1]) ? "" : `\n${"  ".repeat(depth)}`) + token;
		} else if (opens) {
			depth += 1;
			out += /^[}\]]$/.test(tokens[index + 1] ?? "") ? token : `${token}\n${"  ".repeat(depth)}`;
		} else if (token === ",") out += `,\n${"  ".repeat(depth)}`;
		else out += token === ":" ? ": " : token;
	});
	return out;
}

export function coloured(json) {
	const pieces = [];
	const token = /("(?:[^"\\]|\\.)*")(\s*:)?|\b(?:true|false|null)\b|-?\d[\d.eE+-]*/g;
	let end = 0;
	for (const match of json.matchAll(token)) {
		pieces.push(json.slice(end, match.index));
		const kind = match[2] ? "key" : match[1] ? "string" : "number";
		pieces.push(el("span", { class: kind }, match[1] ?? match[0]), match[2] ?? "");
		end = match.index + match[0].length;
	}
	return [...pieces, json.slice(end)];
}
