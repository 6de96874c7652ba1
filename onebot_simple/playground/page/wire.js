// The wire log on the right: its rows, what was chosen, the filter, pause and step mode.
import { arrowKeys, $, button, clock, copy, el, listen, on, post, state, tabStopAtEnd, tell } from "./base.js";
import { follow } from "./follow.js";
import { causeText, detailOf, duration, forgetOldest, frames, framesOfMessage, thinking, threadOf, titleOf, understand } from "./frames.js";
import { coloured, decoded, pretty } from "./json.js";
import { t, WORDS } from "./words.js";

const WAITING = 2000; // frames that came while paused are kept
let log; // how #frames follows its end
let waiting = []; // came while paused
let paused = false;
let chosen = new Set(); // ids of frames
let chosenMessage = null; // whose frames they are; more of them may still come
let onlyChosen = false;
let shown = 0; // rows that are not hidden

// what arrives

export function addFrames(news) {
	if (!news.length) return;
	for (const frame of news) understand(frame);
	if (paused) waiting = [...waiting, ...news].slice(-WAITING);
	else show(news);
	if (chosenMessage) linkMore();
	forget();
	drawCount();
	tell("frames");
}

function show(news) {
	const before = shown;
	log.rows.append(...news.map(rowOf));
	tabStopAtEnd($("frames"), log.rows, "summary");
	log.added(shown - before);
}

function forget() {
	for (const frame of forgetOldest()) {
		if (frame.row && !frame.row.hidden) shown -= 1;
		frame.row?.remove();
		chosen.delete(frame.id);
	}
}

// one frame

function rowOf(frame) {
	const failed = frame.json?.status === "failed" || /^HTTP\/1.1 [45]/.test(frame.head);
	const toBot = frame.direction === "to_bot";
	const row = el("details", {
		class: `frame ${frame.kind} ${toBot ? "to-bot" : "from-bot"} ${failed ? "failed" : ""}`, id: `frame-${frame.id}`, data: { id: frame.id },
		ontoggle: () => {
			if (row.open && !row.querySelector(".inside")) row.append(insideOf(frame));
			if (row.open) log.stay(row);
			else if (!log.rows.querySelector(".frame[open]")) log.leave();
		},
	}, el("summary", { tabIndex: -1, onclick: () => choose(threadOf(frame)) },
		el("span.arrow", { "aria-hidden": "true" }, frame.kind === "note" ? "ⓘ" : toBot ? "→" : "←"),
		el("span.kind", kindOf(frame)),
		el("span.title", titleOf(frame)),
		el("span.detail", detailOf(frame)),
		el("span.ms", timeOf(frame)),
		el("span.meta", metaOf(frame))));
	frame.row = row;
	row.hidden = !isShown(frame);
	if (!row.hidden) shown += 1;
	row.classList.toggle("linked", chosen.has(frame.id));
	return row;
}

// How fast the playground itself answers says nothing, unless it was told to be late.
function timeOf(frame) {
	const ms = frame.kind === "call" ? thinking(frame) : frame.ms;
	return ms === null || (frame.kind !== "call" && frame.direction === "to_bot" && ms < 100) ? "" : duration(ms);
}

const kindOf = (frame) => t(frame.kind === "close" ? "ending" : frame.kind);
const handlerOf = ({ cause }) => (cause?.handler ? `${cause.handler}() ${cause.at}` : "");
const metaOf = (frame) => [t(frame.direction === "to_bot" ? "toBot" : "fromBot"), t(frame.transport), exactly(frame.time), `#${frame.id}`, handlerOf(frame)].filter(Boolean).join(" · ");

function insideOf(frame) {
	const asked = frames.get(frame.answers);
	const [text, cause] = [pretty(frame.text), causeText(frame)];
	return el("div.inside",
		cause ? el("p.cause", cause) : null,
		frame.head ? el("pre.head", frame.head) : null,
		frame.kind === "note" ? el("p", text) : frame.text ? el("pre", ...(frame.json === null ? [text] : coloured(text))) : null,
		new Blob([frame.text]).size < frame.size ? el("p.hint", t("truncated", frame.size)) : null,
		el("div.line",
			asked ? button(".quiet", t("answersFrame", asked.id), () => reveal(asked)) : null,
			el("span.grow"),
			frame.kind === "event" || frame.kind === "call" ? button(".quiet", t("editFrame"), () => tell("edit-frame", frame)) : null,
			button(".quiet", t("copyFrame"), () => copy([frame.head, text].filter(Boolean).join("\n\n")))));
}

const exactly = (seconds) => `${clock(seconds)}.${String(Math.floor(seconds * 1000) % 1000).padStart(3, "0")}`;

function reveal(frame) {
	if (!frame.row) return;
	frame.row.open = true;
	log.visit(frame.row);
	frame.row.querySelector("summary").focus();
}

// what was chosen

function choose(ids, item = null) {
	for (const id of chosen) frames.get(id)?.row?.classList.remove("linked");
	chosen = ids;
	chosenMessage = item;
	onlyChosen = onlyChosen && ids.size > 0;
	for (const id of ids) frames.get(id).row?.classList.add("linked");
	tell("mark-messages", new Set([...ids].map((id) => frames.get(id).message_id).concat(item ? [item.message_id] : [])));
	drawChosen(item !== null);
	filter();
	if (!ids.size) log.leave();
	if (!item || !ids.size) return;
	tell("show", "wire");
	const first = frames.get(Math.min(...ids)).row;
	if (first) log.visit(first);
}

// A message may be clicked before all of its frames have come.
function linkMore() {
	const ids = framesOfMessage(chosenMessage);
	if (ids.size <= chosen.size) return;
	chosen = ids;
	for (const id of ids) frames.get(id).row?.classList.add("linked");
	drawChosen(true);
	filter();
}

function drawChosen(always) {
	const box = $("chosen");
	box.hidden = !chosen.size && !always;
	if (box.hidden) return;
	const causes = [...chosen].map((id) => causeText(frames.get(id))).filter(Boolean);
	box.replaceChildren(el("span", chosen.size ? t("chosen", chosen.size) : t("chosenNone"), causes.length ? el("b.cause", causes[0]) : null), el("span.grow"),
		chosen.size ? button(".quiet", t(onlyChosen ? "showAll" : "onlyThese"), () => { onlyChosen = !onlyChosen; drawChosen(true); filter(); }) : "",
		el("button.quiet", { "aria-label": t("close"), onclick: () => choose(new Set()) }, "×"));
}

// the filter: all of its words have to be there, none of those with a minus

let words = [];

const searched = (frame) => frame.search ??= [titleOf(frame), ...WORDS[frame.transport], ...(WORDS[frame.kind] ?? []), frame.transport, frame.kind,
	handlerOf(frame), decoded(frame.head), decoded(frame.text)].join(" ").toLowerCase();

function isShown(frame) {
	if (chosen.has(frame.id)) return true; // what was just clicked is never hidden
	if (onlyChosen || (frame.isBeat && $("hide-beats").checked)) return false;
	return words.every((word) => (word.startsWith("-") && word.length > 1 ? !searched(frame).includes(word.slice(1)) : searched(frame).includes(word)));
}

function filter() {
	words = $("filter").value.toLowerCase().split(/\s+/).filter((word) => word && word !== "-");
	shown = 0;
	for (const frame of frames.values()) {
		if (!frame.row) continue;
		frame.row.hidden = !isShown(frame);
		if (!frame.row.hidden) shown += 1;
	}
	tabStopAtEnd($("frames"), log.rows, "summary");
	drawCount();
}

function drawCount() {
	$("count").textContent = [t("count", frames.size, shown), paused ? t("paused", waiting.length) : "", t("upTo", state.limit)].filter(Boolean).join(" · ");
}

// Another language: only the words change.
export function relabelFrames() {
	for (const frame of frames.values()) {
		if (!frame.row) continue;
		const [, kind, title, , , meta] = frame.row.firstElementChild.children;
		kind.textContent = kindOf(frame);
		meta.textContent = metaOf(frame);
		if (frame.kind === "close" || frame.kind === "note") title.textContent = titleOf(frame);
		const inside = frame.row.querySelector(".inside");
		if (inside) inside.replaceWith(insideOf(frame));
	}
	drawChosen(false);
	drawPause();
	drawCount();
	log.draw();
}

// pause and step mode

function drawPause() {
	$("pause").textContent = t(paused ? "resume" : "pause");
	$("pause").setAttribute("aria-pressed", String(paused));
}

function pauseOrResume() {
	paused = !paused;
	drawPause();
	if (!paused) show(waiting.splice(0).filter((frame) => frames.has(frame.id)));
	drawCount();
}

export function drawHeld() {
	const { open, held } = state.gate;
	$("hold").setAttribute("aria-pressed", String(open === false));
	$("held").hidden = open !== false;
	$("held-count").textContent = t("heldCount", held.length);
	$("step").disabled = !held.length;
	// the next one whole, for it is what the class looks at
	$("held-list").replaceChildren(...held.map((one, index) => el("li", { class: one.direction === "to_bot" ? "to-bot" : "from-bot" },
		el("span.meta", `${t(one.direction === "to_bot" ? "toBot" : "fromBot")} · ${t(one.transport)}`),
		index ? el("code", decoded(one.text).slice(0, 200)) : el("pre", ...coloured(pretty(one.text))))));
}

function copyShown() {
	copy([...frames.values()].filter((frame) => frame.row && !frame.row.hidden).map((frame) => [
		`${exactly(frame.time)} ${t(frame.direction === "to_bot" ? "toBot" : "fromBot")} ${frame.transport} ${frame.kind} #${frame.id}`,
		frame.head, decoded(frame.text)].filter(Boolean).join("\n")).join("\n\n"));
}

function setRows(tall) {
	$("frames").classList.toggle("flat", !tall);
	$("rows").setAttribute("aria-pressed", String(!tall));
	localStorage.rows = tall ? "tall" : "flat";
}

export function startWire() {
	log = follow($("frames"));
	listen("choose-message", (item) => choose(framesOfMessage(item), item));
	listen("choose-frame", (id) => { if (frames.has(id)) choose(threadOf(frames.get(id))); });
	on("filter", "input", filter);
	on("hide-beats", "change", filter);
	on("pause", "click", pauseOrResume);
	on("copy", "click", copyShown);
	on("rows", "click", () => setRows($("frames").classList.contains("flat")));
	on("hold", "click", () => post(state.gate.open === false ? "release" : "hold"));
	on("step", "click", () => post("step"));
	on("release", "click", () => post("release"));
	arrowKeys($("frames"), "summary");
	setRows(localStorage.rows !== "flat");
	drawPause();
	drawCount();
}
