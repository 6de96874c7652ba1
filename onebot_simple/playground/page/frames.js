// The frames, and which of them belong together: an event, the calls it caused, their answers.
import { nameOf, state } from "./base.js";
import { decoded } from "./json.js";
import { isEnglish, t } from "./words.js";

export const frames = new Map(); // id -> frame, oldest first
const eventsOf = new Map(); // message_id -> the events of it, one for each connection
const callsOf = new Map(); // id of an event -> the calls that it caused
const answersTo = new Map(); // id of a frame -> the frames that answer it

const put = (map, key, value) => { const list = map.get(key); if (list) list.push(value); else map.set(key, [value]); };

export function understand(frame) {
	frames.set(frame.id, frame);
	try { frame.json = JSON.parse(frame.text); } catch { frame.json = null; }
	const json = frame.json && typeof frame.json === "object" ? frame.json : {};
	frame.isBeat = json.meta_event_type === "heartbeat";
	if (frame.answers) put(answersTo, frame.answers, frame);
	if (frame.kind === "event" && frame.message_id) put(eventsOf, frame.message_id, frame);
	if (frame.kind !== "call") return;
	const path = /^\S+ \/(\S*)/.exec(frame.head)?.[1].split("?")[0].replace(/\/$/, "");
	// a long frame is cut off, and then no JSON
	frame.action = frame.head ? path : json.action ?? /^\{"action":\s*"([^"]+)"/.exec(frame.text)?.[1];
	frame.params = (frame.head ? frame.json : json.params) ?? {};
	// the simulator knows: the echo tells the event and the handler, else it is a guess
	if (frame.cause?.frame) put(callsOf, frame.cause.frame, frame);
}

// Beyond the limit the oldest go; returns them.
export function forgetOldest() {
	const gone = [];
	for (const [id, frame] of frames) {
		if (frames.size <= state.limit) break;
		frames.delete(id);
		callsOf.delete(id);
		answersTo.delete(id);
		eventsOf.delete(frame.message_id);
		gone.push(frame);
	}
	return gone;
}

// what belongs together, as ids

const known = (list) => (list ?? []).filter((frame) => frames.has(frame.id));

export function threadOf(frame) {
	const asked = frames.get(frame.answers);
	const call = frame.kind === "call" ? frame : asked;
	const root = frame.kind === "event" ? frame : asked?.kind === "event" ? asked : frames.get(call?.cause?.frame);
	if (!root) return new Set([call, frame, ...(call ? known(answersTo.get(call.id)) : [])].filter(Boolean).map((one) => one.id));
	const copies = root.message_id ? known(eventsOf.get(root.message_id)) : [root];
	const calls = copies.flatMap((copy) => known(callsOf.get(copy.id)));
	return new Set([...copies, ...calls, ...[...copies, ...calls].flatMap((one) => known(answersTo.get(one.id)))].map((one) => one.id));
}

export function framesOfMessage(item) {
	const events = known(eventsOf.get(item.message_id));
	if (events.length) return threadOf(events[0]);
	const about = [...frames.values()].findLast((frame) => frame.message_id === item.message_id && frame.answers);
	const call = frames.get(about?.answers) ?? (item.action ? senderOf(item) : null);
	if (!call) return new Set();
	const cause = call.kind === "call" ? call.cause?.frame : call.answers;
	return new Set([cause, call.id, ...known(answersTo.get(call.id)).map((frame) => frame.id)].filter((id) => frames.has(id)));
}

export const wasDelivered = (item) => eventsOf.has(item.message_id) || (frames.size > 0 && item.time < frames.values().next().value.time);

// the answer was lost, or it was a quick operation: what came from the bot just before
const senderOf = (item) => [...frames.values()].findLast((frame) => frame.id <= item.frame && frame.direction === "from_bot"
	&& (frame.action === item.action || (frame.transport === "http_post" && frame.json?.reply)));

// how a frame is called

export function titleOf(frame) {
	const json = frame.json ?? {};
	if (frame.kind === "event") {
		const detail = json[`${json.post_type === "message_sent" ? "message" : json.post_type}_type`];
		return [json.post_type, detail, json.sub_type === "normal" || json.sub_type === "friend" ? "" : json.sub_type].filter(Boolean).join(".");
	}
	if (frame.kind === "call") return frame.action || "?";
	if (frame.kind === "note") return frame.note[isEnglish() ? "en" : "zh"];
	if (frame.kind === "response" || frame.kind === "stream") {
		if (json.status) return json.retcode ? `${json.status} ${json.retcode}` : json.status;
		return frame.head.split("\n")[0].replace("HTTP/1.1 ", "") || json.message || "";
	}
	return frame.kind === "close" ? t("closed") : frame.head.split("\n")[0].replace(" HTTP/1.1", "").replace("HTTP/1.1 ", "");
}

export function detailOf(frame) {
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
	if (frame.kind === "response") return json.message || (json.data ? short(json.data) : json.status ? "" : decoded(frame.text.slice(0, 200)));
	return frame.kind === "raw" ? decoded(frame.text.slice(0, 200)) : "";
}

function short(value) {
	if (Array.isArray(value)) value = value.map((part) => part?.data?.text ?? `[${part?.type ?? part}]`).join("");
	return (typeof value === "string" ? value : JSON.stringify(value)).slice(0, 120);
}

// What the bot needed, from the event to the call.
export const thinking = (frame) => frame.cause?.ms ?? null;

export const duration = (ms) => `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;

// "order() · bot.py:28 · 412 ms", as far as it is known
export function causeText({ cause }) {
	if (!cause) return "";
	const time = cause.ms === null ? "" : duration(cause.ms);
	if (cause.probably) return t("probably", time);
	return [cause.handler ? `${cause.handler}() · ${cause.at}` : "", time].filter(Boolean).join(" · ");
}
