// The page as a whole: live updates, language, theme, large type, tabs.
import { $, listen, on, state } from "./base.js";
import { addLines, drawAlert, drawBot, relabelOutput, sayAgainAfterRestart, showOutput, startBot } from "./bot.js";
import { addItems, drawAll, drawPeople, drawRequests, relabelLog, startChat } from "./chat.js";
import { startComposer } from "./composer.js";
import { startHand } from "./hand.js";
import { drawFaults, drawLamps } from "./lamps.js";
import { addFrames, drawHeld, relabelFrames, startWire } from "./wire.js";
import { isEnglish, setEnglish, t } from "./words.js";
import { startPeople } from "./people.js";

// live updates

const AGAIN = 2000; // ms after which a page that was turned away asks again
let run = ""; // which playground this page belongs to
let seen = ""; // the last update of it

// what has changed, and who draws it
const DRAWERS = [
	[["lamps"], drawLamps], [["lamps"], drawAlert], [["faults", "heart"], drawFaults], [["gate"], drawHeld], [["bot"], drawBot],
	[["people", "groups"], drawPeople], [["settled"], drawRequests], [["bot", "lamps"], sayAgainAfterRestart],
];

function hear() {
	const source = new EventSource(`/events?seen=${seen}`);
	source.onmessage = (event) => take(JSON.parse(event.data), event.lastEventId);
	source.onopen = () => { $("link").textContent = ""; };
	source.onerror = () => {
		// the browser itself tries again, unless it was turned away: by the next playground, which
		// lets this page in once its link was opened in this browser
		const away = source.readyState === EventSource.CLOSED;
		$("link").textContent = t(away ? "ended" : "lost");
		forgetState();
		if (away) setTimeout(hear, AGAIN);
	};
}

// Nobody knows any more how the bot and the lamps are.
function forgetState() {
	state.bot.state = "gone";
	for (const lamp of Object.values(state.lamps)) for (const one of [lamp, ...(lamp.targets ?? [])]) one.connected = false;
	if (run) { drawBot(); drawLamps(); }
}

function take(update, id) {
	if (run && run !== update.run) { location.reload(); return; }
	const live = run !== "";
	[run, seen] = [update.run, id];
	Object.assign(state, update.state);
	for (const [names, draw] of DRAWERS) if (names.some((name) => name in update.state)) draw();
	addFrames(update.frames); // before the messages: they tell which were delivered
	addItems(update.items, live);
	addLines(update.lines);
}

// language, theme, large type

function drawWords() {
	document.documentElement.lang = isEnglish() ? "en" : "zh-CN";
	document.title = t("title");
	for (const one of document.querySelectorAll("[data-t]")) one.textContent = t(one.dataset.t);
	for (const [key, attribute] of [["l", "aria-label"], ["h", "title"], ["p", "placeholder"]]) {
		for (const one of document.querySelectorAll(`[data-${key}]`)) {
			one.setAttribute(attribute, t(one.dataset[key]));
			if (one.matches("button") && !one.dataset.h) one.title = t(one.dataset[key]);
		}
	}
	const language = $("language");
	language.textContent = t("language");
	language.lang = isEnglish() ? "zh-CN" : "en";
}

function switchLanguage() {
	setEnglish(!isEnglish());
	localStorage.language = isEnglish() ? "en" : "zh";
	drawWords();
	if (!run) return;
	for (const [, draw] of DRAWERS) draw();
	drawAll();
	relabelFrames();
	relabelLog();
	relabelOutput();
}

function setTheme(theme) {
	document.documentElement.dataset.theme = theme;
	$("theme").textContent = theme === "dark" ? "☀" : "☾";
}

function setLarge(large) {
	document.documentElement.classList.toggle("large", large);
	$("present").setAttribute("aria-pressed", String(large));
	localStorage.large = large ? "yes" : "";
}

// on a narrow page one section at a time

function showTab(name) {
	document.body.dataset.shows = name;
	if (name === "output" && $("output").hidden) showOutput(true);
	for (const tab of $("tabs").children) tab.setAttribute("aria-current", String(tab.dataset.tab === name));
}

on("language", "click", switchLanguage);
on("theme", "click", () => {
	const theme = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
	localStorage.theme = theme;
	setTheme(theme);
});
on("present", "click", () => setLarge(!document.documentElement.classList.contains("large")));
on("tabs", "click", (event) => { if (event.target.dataset.tab) showTab(event.target.dataset.tab); });
listen("show", showTab);

history.replaceState(null, "", "/"); // the link's token need not stay in sight: the cookie has it
setEnglish(localStorage.language ? localStorage.language === "en" : !navigator.languages.some((one) => one.startsWith("zh")));
setTheme(localStorage.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light"));
setLarge(localStorage.large === "yes");
drawWords();
startChat();
startComposer();
startWire();
startBot();
startHand();
startPeople();
showTab("talk");
drawAll();
hear();
