// The bot: its chip, what is wrong with it, and the pane with its output.
import { $, button, el, listen, on, post, shortened, state, tell } from "./base.js";
import { howToImport } from "./bubbles.js";
import { follow } from "./follow.js";
import { half, t } from "./words.js";

const MAX_LINES = 1000;
const LAST = 12; // lines of output that a crash shows
const lines = []; // {run, text}, the newest
let log;
let errors = []; // when handlers failed, in this run

export function drawBot() {
	const { name, state: how, started } = state.bot;
	errors = errors.filter((time) => time >= started);
	$("bot").replaceChildren(...[el("span", { class: `dot ${how === "running" ? "on" : how === "crashed" ? "bad" : ""}` }),
		el("span", name || t("echoBot")), el("small", t(how)), errors.length ? el("b.errors", `❌ ${errors.length}`) : ""].filter(Boolean));
	$("bot").title = t("botOutput");
	drawAlert();
}

export function drawAlert() {
	const words = problem();
	const alert = $("alert");
	// the same words again would be read out again
	const shows = words.length ? JSON.stringify([words, state.bot.starts]) : "";
	if (alert.dataset.shows === shows) return;
	alert.dataset.shows = shows;
	alert.hidden = !words.length;
	alert.replaceChildren(...words.map((line) => el("p", line)), el("pre", { id: "last-words", tabIndex: 0 }), button("", t("restart"), () => post("restart_bot")));
	drawLastWords();
}

// Why there is no bot, and what to do about it.
function problem() {
	const { state: how, exit_code: code, problem: told } = state.bot;
	if (told?.kind === "not_run" && how === "finished") return [t("notRun", `${told.name}.run()`)];
	if (how === "running") return notConnected();
	if (how !== "crashed") return [];
	// the traceback below is longer than what is shown of it, and this comes before it
	const hides = mine().filter((text) => text.includes("模块重名")).map((text) => `⚠ ${text}`);
	if (told?.module) return [t("botCrashed", code), ...hides, howToImport(told.module).join(" ")];
	return [t("botCrashed", code), ...hides, ...(told ? [`❌ ${[told.type, told.where].filter(Boolean).join(" · ")}${told.text ? `: ${shortened(told.text)}` : ""}`] : [])];
}

// the output of this run, not of an earlier one
const mine = () => lines.filter((line) => line.run === state.bot.starts).map((line) => line.text);

// A bot that tries in vain, or waits where nobody comes, says so in its output, which is closed most of the time.
function notConnected() {
	const { ws, ws_reverse: reverse } = state.lamps;
	if (!ws || ws.connected || reverse.connected) return [];
	const said = mine();
	const last = said.findLast((text) => /已连接.* connected|秒后自动重连。 Trying again in | listening on /.test(text)) ?? "";
	const [, place] = last.match(/ listening on (\S+)/) ?? [];
	if (place) return waitsElsewhere(place);
	const [, reason] = last.match(/^(?:.*\bWARNING\b[: ]*(?:onebot_simple:)?)?(.*) [\d.]+ 秒后自动重连。/) ?? [];
	if (!reason) return [];
	const wasConnected = said.some((text) => /已连接.* connected/.test(text));
	return [...(wasConnected ? [] : [t("notConnected", ws.address)]), `❌ ${half(reason)}`];
}

function waitsElsewhere(place) {
	const portOf = (address) => new URL(address).port || "80";
	const { targets } = state.lamps[place.startsWith("ws") ? "ws_reverse" : "http_post"];
	const addresses = targets.map((target) => target.address);
	if (!addresses.length || addresses.some((address) => portOf(address) === portOf(place))) return [];
	return [t("waitsElsewhere", place, addresses[0], portOf(addresses[0]))];
}

function drawLastWords() {
	const box = $("last-words");
	if (!box) return;
	box.textContent = mine().slice(-LAST).join("\n");
	box.hidden = !box.textContent || state.bot.state === "running";
	box.scrollTop = box.scrollHeight;
}

export function addLines(news) {
	if (!news.length) return;
	log.rows.querySelector(".empty")?.remove();
	log.rows.append(...news.flatMap((line, index) => {
		const before = index ? news[index - 1] : lines.at(-1);
		const kind = /\b(ERROR|CRITICAL)\b|^Traceback|^\w*Error\b/.test(line.text) ? ".bad" : /\bWARNING\b/.test(line.text) ? ".warm" : "";
		return [...(before && before.run !== line.run ? [el("hr")] : []), el(`div.out${kind}`, line.text || " ")];
	}));
	lines.push(...news);
	lines.splice(0, Math.max(lines.length - MAX_LINES, 0));
	while (log.rows.childElementCount > MAX_LINES) log.rows.firstElementChild.remove();
	log.added(news.length);
	drawAlert();
	drawLastWords();
}

export function showOutput(open) {
	$("output").hidden = !open;
	$("bot").setAttribute("aria-expanded", String(open));
	sessionStorage.output = open ? "open" : "";
	if (open) { tell("show", "output"); log.toEnd(); }
}

export function startBot() {
	log = follow($("lines"));
	log.rows.append(el("p.empty", t("noOutput")));
	listen("errors", (news) => { if (news.length) { errors.push(...news.filter((item) => !item.error.is_warning).map((item) => item.time)); drawBot(); } });
	on("bot", "click", () => { const open = $("output").hidden; showOutput(open); if (!open) tell("show", "talk"); });
	on("output-close", "click", () => { showOutput(false); tell("show", "talk"); $("bot").focus(); });
	on("restart", "click", () => post("restart_bot"));
	showOutput(sessionStorage.output === "open");
	$("again").checked = sessionStorage.again === "yes";
	on("again", "change", () => { sessionStorage.again = $("again").checked ? "yes" : ""; });
}

// The bot was restarted and is there: say the last thing once more, where that is wanted.
let seenStarts = null;
let wanted = 0; // the start after which it is to be said

export function sayAgainAfterRestart() {
	const { starts, started, state: how } = state.bot;
	if (seenStarts !== null && starts > seenStarts && $("again").checked) {
		wanted = starts;
		// who receives events over HTTP does not announce itself
		setTimeout(() => { if (wanted === starts && how === "running") sayIt(); }, 3000);
	}
	seenStarts = starts;
	const peers = [...(state.lamps.ws?.peers ?? []), ...(state.lamps.ws_reverse?.targets ?? []).filter((one) => one.connected)];
	if (wanted && peers.some((peer) => (peer.since ?? 0) >= started)) sayIt();
}

function sayIt() {
	wanted = 0;
	tell("again-last");
}

export const relabelOutput = () => { log.draw(); const empty = log.rows.querySelector(".empty"); if (empty) empty.textContent = t("noOutput"); };
