// The wire log on the right: frames, what belongs together, the filter, the step mode.
import { arrowKeys, $, on, button, clock, copy, el, isAtEnd, nameOf, post, state, tabStopAtEnd } from "./base.js";
import { markMessages, messages } from "./chat.js";
import { t } from "./words.js";

const frames = new Map(); // id -> frame, oldest first
const events = []; // the newest events, to find what a call was about
let waiting = []; // came while paused
let paused = false;
let chosen = new Set(); // ids of frames
let onlyChosen = false;

// what arrives

export function addFrames(news) {
	for (const frame of news) understand(frame);
	if (paused) { waiting.push(...news); drawCount(); } else show(news);
}

function understand(frame) {
	frames.set(frame.id, frame);
	try { frame.json = JSON.parse(frame.text); } catch { frame.json = null; }
	const json = frame.json && typeof frame.json === "object" ? frame.json : {};
	frame.isBeat = json.meta_event_type === "heartbeat";
	if (frame.kind === "event" && json.post_type !== "meta_event") {
		events.push(frame);
		if (events.length > 300) events.shift();
	}
	if (frame.kind === "call") {
		const path = /^\S+ \/(\S*)/.exec(frame.head)?.[1].split("?")[0].replace(/\/$/, "");
		// a long frame is cut off, and then no JSON
		frame.action = frame.head ? path : json.action ?? /^\{"action":"([^"]+)"/.exec(frame.text)?.[1];
		frame.params = (frame.head ? frame.json : json.params) ?? {};
		frame.cause = causeOf(frame)?.id;
	}
}

// OneBot does not say which event made a bot call; the newest one of the same chat is the best guess.
function causeOf(call) {
	const { group_id, user_id, message_id, flag } = call.params;
	const same = (a, b) => a !== undefined && a !== null && String(a) === String(b);
	const fits = ({ json }) => (flag ? same(flag, json.flag)
		: same(message_id, json.message_id) || (group_id ? same(group_id, json.group_id)
			: user_id ? same(user_id, json.user_id) : false));
	const fitting = events.filter(fits);
	const newest = fitting.at(-1);
	return fitting.findLast((event) => event.connection === call.connection && event.text === newest.text) ?? newest;
}

function show(news) {
	const box = $("frames");
	const follow = isAtEnd(box) && !chosen.size;
	box.append(...news.map(rowOf));
	const limit = state.limit || 2000;
	for (const [id, frame] of frames) {
		if (frames.size <= limit) break;
		frame.row?.remove();
		frames.delete(id);
	}
	tabStopAtEnd(box, "summary");
	drawCount();
	if (follow) box.scrollTop = box.scrollHeight;
}

// one frame

function titleOf(frame) {
	const json = frame.json ?? {};
	if (frame.kind === "event") {
		const detail = json[`${json.post_type === "message_sent" ? "message" : json.post_type}_type`];
		return [json.post_type, detail, json.sub_type === "normal" || json.sub_type === "friend" ? "" : json.sub_type].filter(Boolean).join(".");
	}
	if (frame.kind === "call") return frame.action || "?";
	if (frame.kind === "response" || frame.kind === "stream") {
		if (json.status) return json.retcode ? `${json.status} ${json.retcode}` : json.status;
		return frame.head.split("\n")[0].replace("HTTP/1.1 ", "") || json.message || "";
	}
	return frame.kind === "close" ? t("closed") : frame.head.split("\n")[0].replace(" HTTP/1.1", "").replace("HTTP/1.1 ", "");
}

function detailOf(frame) {
	const json = frame.json ?? {};
	if (frame.kind === "event") {
		if (json.post_type === "message") return `${json.sender?.nickname ?? json.user_id}: ${json.raw_message}`;
		return json.user_id ? nameOf(json.user_id) : "";
	}
	if (frame.kind === "call") {
		const { message, ...others } = frame.params; // the interesting one first
		return Object.entries({ message, ...others }).filter(([, value]) => value !== null && value !== undefined)
			.map(([name, value]) => `${name}=${short(value)}`).join("  ");
	}
	if (frame.kind === "response") return json.message || (json.data ? short(json.data) : json.status ? "" : frame.text.slice(0, 100));
	return frame.kind === "raw" ? frame.text.slice(0, 100) : "";
}

function short(value) {
	if (Array.isArray(value)) value = value.map((part) => part?.data?.text ?? `[${part?.type ?? part}]`).join("");
	return (typeof value === "string" ? value : JSON.stringify(value)).slice(0, 120);
}

function rowOf(frame) {
	const failed = frame.json?.status === "failed" || /^HTTP\/1.1 [45]/.test(frame.head);
	const toBot = frame.direction === "to_bot";
	const row = el("details", {
		class: `frame ${frame.kind} ${toBot ? "to-bot" : "from-bot"} ${failed ? "failed" : ""}`, id: `frame-${frame.id}`, data: { id: frame.id },
		ontoggle: () => { if (row.open && !row.querySelector(".inside")) row.append(insideOf(frame)); },
	}, el("summary", { tabIndex: -1, onclick: () => choose(threadOf(frame)) },
		el("span.kind", t(frame.kind)),
		el("span.title", titleOf(frame)),
		el("span.detail", detailOf(frame)),
		frame.ms === null ? null : el("span.ms", `${frame.ms < 10 ? frame.ms.toFixed(1) : Math.round(frame.ms)} ms`),
		el("span.meta", `${t(toBot ? "toBot" : "fromBot")} · ${t(frame.transport)} · ${exactly(frame.time)} · #${frame.id}`)));
	frame.row = row;
	row.hidden = !isShown(frame);
	row.classList.toggle("linked", chosen.has(frame.id));
	return row;
}

function insideOf(frame) {
	const pretty = frame.json === null ? frame.text : JSON.stringify(frame.json, null, 2);
	const asked = frames.get(frame.answers);
	return el("div", { class: "inside" },
		frame.head ? el("pre.head", frame.head) : null,
		frame.text ? el("pre", ...(frame.json === null ? [pretty] : coloured(pretty))) : null,
		new Blob([frame.text]).size < frame.size ? el("p.hint", t("truncated", frame.size)) : null,
		el("div", { class: "line" },
			asked ? button(".quiet", t("answersFrame", asked.id), () => reveal(asked)) : null,
			el("span.grow"),
			button(".quiet", t("copyFrame"), () => copy([frame.head, pretty].filter(Boolean).join("\n\n")))));
}

function coloured(json) {
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

const exactly = (seconds) => `${clock(seconds)}.${String(Math.floor(seconds * 1000) % 1000).padStart(3, "0")}`;

function reveal(frame) {
	frame.row.open = true;
	frame.row.scrollIntoView({ block: "nearest" });
	frame.row.querySelector("summary").focus();
}

// what belongs together: an event, the calls that it caused, their responses

const all = () => [...frames.values()];
const answersTo = (call) => all().filter((frame) => frame.answers === call.id);

function threadOf(frame) {
	const call = frame.kind === "call" ? frame : frames.get(frame.answers);
	const root = frame.kind === "event" ? frame : call?.kind === "event" ? call : frames.get(call?.cause);
	if (!root || root.kind !== "event") return new Set([call, frame, ...(call ? answersTo(call) : [])].filter(Boolean).map((one) => one.id));
	const copies = root.message_id ? all().filter((one) => one.kind === "event" && one.message_id === root.message_id) : [root];
	const roots = new Set(copies.map((one) => one.id));
	const calls = all().filter((one) => one.kind === "call" && roots.has(one.cause));
	return new Set([...copies, ...copies.flatMap(answersTo), ...calls, ...calls.flatMap(answersTo)].map((one) => one.id));
}

export function chooseMessage(item) {
	const related = all().filter((frame) => frame.message_id === item.message_id && frame.kind !== "call");
	const event = related.find((frame) => frame.kind === "event");
	let ids = new Set();
	if (event) ids = threadOf(event);
	const call = related.map((frame) => frames.get(frame.answers)).find((frame) => frame?.kind === "call") ?? (item.action ? senderOf(item) : null);
	if (call) {
		const cause = call.kind === "call" ? call.cause : call.answers;
		ids = new Set([...ids, cause, call.id, ...answersTo(call).map((frame) => frame.id)].filter((id) => frames.has(id)));
	}
	choose(ids, item);
}

// the answer was lost, or it was a quick operation: what came from the bot just before
const senderOf = (item) => all().findLast((frame) => frame.id <= item.frame && frame.direction === "from_bot"
	&& (frame.action === item.action || (frame.transport === "http_post" && frame.json?.reply)));

function choose(ids, item = null) {
	chosen = ids;
	onlyChosen = onlyChosen && ids.size > 0;
	for (const frame of frames.values()) frame.row?.classList.toggle("linked", ids.has(frame.id));
	const about = new Set(item ? [item.message_id] : []);
	for (const id of ids) if (messages.has(frames.get(id)?.message_id)) about.add(frames.get(id).message_id);
	markMessages(about);
	drawChosen(item !== null);
	filter();
	if (item && ids.size) {
		document.dispatchEvent(new CustomEvent("show", { detail: "wire" }));
		frames.get(Math.min(...ids)).row?.scrollIntoView({ block: "start", behavior: "smooth" });
	}
}

function drawChosen(always) {
	const box = $("chosen");
	box.hidden = !chosen.size && !always;
	if (box.hidden) return;
	box.replaceChildren(el("span", chosen.size ? t("chosen", chosen.size) : t("chosenNone")), el("span.grow"),
		chosen.size ? button(".quiet", t(onlyChosen ? "showAll" : "onlyThese"), () => { onlyChosen = !onlyChosen; drawChosen(true); filter(); }) : "",
		el("button.quiet", { "aria-label": t("close"), onclick: () => choose(new Set()) }, "×"));
}

// the tools

function isShown(frame) {
	if (onlyChosen) return chosen.has(frame.id);
	if (frame.isBeat && $("hide-beats").checked) return false;
	const wanted = $("filter").value.trim().toLowerCase();
	return !wanted || `${titleOf(frame)} ${t(frame.transport)} ${t(frame.kind)} ${frame.transport} ${frame.kind} ${frame.head} ${frame.text}`.toLowerCase().includes(wanted);
}

function filter() {
	for (const frame of frames.values()) if (frame.row) frame.row.hidden = !isShown(frame);
	drawCount();
}

function drawCount() {
	const shown = all().filter((frame) => frame.row && !frame.row.hidden).length;
	$("count").textContent = [t("count", frames.size, shown), paused ? t("paused", waiting.length) : "", t("upTo", state.limit ?? 2000)].filter(Boolean).join(" · ");
}

export function drawFrames() {
	const box = $("frames");
	box.replaceChildren();
	const known = all().filter((frame) => !waiting.includes(frame));
	show(known);
	drawChosen(false);
	drawPause();
}

function drawPause() {
	$("pause").textContent = t(paused ? "resume" : "pause");
	$("pause").setAttribute("aria-pressed", String(paused));
}

export function drawHeld() {
	const { open, held } = state.gate;
	$("hold").setAttribute("aria-pressed", String(open === false));
	$("held").hidden = open !== false;
	$("held-count").textContent = t("heldCount", held.length);
	$("step").disabled = !held.length;
	$("held-list").replaceChildren(...held.map((one) => el("li", { class: one.direction === "to_bot" ? "to-bot" : "from-bot" },
		el("span.meta", `${t(one.direction === "to_bot" ? "toBot" : "fromBot")} · ${t(one.transport)}`), el("code", one.text.slice(0, 200)))));
}

export function startWire() {
	on("filter", "input", filter);
	on("hide-beats", "change", filter);
	on("pause", "click", () => {
		paused = !paused;
		drawPause();
		if (!paused) show(waiting.splice(0).filter((frame) => frames.has(frame.id)));
		drawCount();
	});
	on("copy", "click", () => copy(all().filter((frame) => frame.row && !frame.row.hidden)
		.map((frame) => `${exactly(frame.time)} ${t(frame.direction === "to_bot" ? "toBot" : "fromBot")} ${frame.transport} ${frame.kind} #${frame.id}\n${[frame.head, frame.text].filter(Boolean).join("\n")}`).join("\n\n")));
	on("hold", "click", () => post(state.gate.open === false ? "release" : "hold"));
	on("step", "click", () => post("step"));
	on("release", "click", () => post("release"));
	arrowKeys($("frames"), "summary");
}
