// Frames by hand: emit any event, call any action, take a frame as Python or curl; save and replay.
import { $, button, closing, copy, el, listen, on, post, showDialog, state, toast } from "./base.js";
import { coloured, pretty } from "./json.js";
import { t } from "./words.js";

const EVENT = { post_type: "message", message_type: "group", sub_type: "normal", group_id: 30001, user_id: 20002, message_id: 1, message: [{ type: "text", data: { text: "你好" } }], raw_message: "你好", sender: { user_id: 20002, nickname: "Bob" } };

function byHand(isCall, action, content) {
	const name = el("input", { value: action, maxLength: 100, spellcheck: false });
	const text = el("textarea.json", { value: content, rows: 12, spellcheck: false });
	const answer = el("div.answer", { role: "status" });
	const kinds = [["emitEvent", false], ["callAction", true]].map(([words, value]) => el("label.choice",
		el("input", { type: "radio", name: "hand", checked: value === isCall, onchange: () => { isCall = value; draw(true); } }), el("span", t(words))));
	const code = el("div.line");
	const ours = el("label", t("action"), name);
	const send = async (event) => {
		event.preventDefault();
		const json = parsed(text.value, answer);
		if (!json) return;
		const done = await post(isCall ? "call" : "emit", isCall ? { action: name.value, params: json } : { event: json });
		if (!done) { answer.replaceChildren(el("p.bad", $("toast").textContent)); return; }
		answer.replaceChildren(isCall ? el("pre", ...coloured(pretty(JSON.stringify(done.result)))) : el("p", t("emitted")));
	};
	const take = (how) => () => { const json = parsed(text.value, answer); if (json) copy(how(isCall, name.value, json)); };
	function draw(fresh) {
		ours.hidden = !isCall;
		if (fresh) text.value = isCall ? '{\n  "group_id": 30001,\n  "message": "hi"\n}' : JSON.stringify(EVENT, null, 2);
		if (isCall) name.value ||= "send_group_msg";
	}
	code.append(button(".quiet", t("asPython"), take(asPython)), button(".quiet", t("asCurl"), take(asCurl)), el("span.grow"),
		el("button", { type: "button", onclick: () => $("dialog").close() }, t("close")), el("button.primary", { type: "submit" }, t("send")));
	showDialog(t("byHand"), el("form", { onsubmit: send }, el("div.line", ...kinds), ours, el("label", "JSON", text), code), answer);
	draw(!content);
	text.focus();
}

// The JSON, or null after saying what is wrong with it and where.
function parsed(text, answer) {
	try {
		const json = JSON.parse(text);
		if (json && typeof json === "object" && !Array.isArray(json)) return json;
		answer.replaceChildren(el("p.bad", t("noObject")));
	} catch (error) {
		answer.replaceChildren(el("p.bad", t("noJson", error.message)));
	}
	return null;
}

// code

function literal(value, indent = "") {
	if (value === null) return "None";
	if (typeof value === "boolean") return value ? "True" : "False";
	if (typeof value !== "object") return JSON.stringify(value);
	const inner = `${indent}    `;
	const parts = Array.isArray(value) ? value.map((one) => literal(one, inner))
		: Object.entries(value).map(([key, one]) => `${JSON.stringify(key)}: ${literal(one, inner)}`);
	const [open, close] = Array.isArray(value) ? "[]" : "{}";
	const line = open + parts.join(", ") + close;
	return line.length < 60 ? line : `${open}\n${parts.map((part) => `${inner}${part},\n`).join("")}${indent}${close}`;
}

const isName = (name) => /^[A-Za-z_]\w*$/.test(name);

function asPython(isCall, action, json) {
	if (!isCall) return `event = ${literal(json)}\nqq.emit(event)\n`;
	const names = Object.keys(json);
	if (!names.every(isName)) return `bot.request(${JSON.stringify(action)}, ${literal(json)})\n`;
	return `bot.call_action(${[JSON.stringify(action), ...names.map((name) => `${name}=${literal(json[name])}`)].join(", ")})\n`;
}

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

function asCurl(isCall, action, json) {
	const token = state.token ? ` -H ${quoted(`Authorization: Bearer ${t("yourToken")}`)}` : "";
	const url = isCall ? `${state.lamps.http_api.address}/${action}` : state.lamps.http_post.targets[0].address;
	return `curl -X POST ${url} -H 'Content-Type: application/json'${isCall ? token : ""} -d ${quoted(JSON.stringify(json))}\n`;
}

// the log as a file

function showLogFile() {
	const file = el("input", { type: "file", accept: ".jsonl,.json,.txt", onchange: async () => {
		if (!file.files.length) return;
		const done = await post("replay", { text: await file.files[0].text() });
		if (done) { $("dialog").close(); toast(t("replayed", done.result)); }
	} });
	showDialog(t("logFile"), el("p", t("saveHint")), el("a.primary.button", { href: "/log.jsonl", download: "day.jsonl" }, t("saveLog")),
		el("p", t("replayHint")), el("label", t("replayLog"), file), closing());
}

export function startHand() {
	on("by-hand", "click", () => byHand(false, "", ""));
	on("log-file", "click", showLogFile);
	listen("edit-frame", (frame) => {
		if (frame.kind === "call") byHand(true, frame.action ?? "", JSON.stringify(frame.params, null, 2));
		else byHand(false, "", pretty(frame.text));
	});
}
