// The page as a whole: live updates, lamps, faults, the bot, language and theme.
import { $, on, button, closing, copy, el, post, showDialog, state } from "./base.js";
import { addItems, drawAll, startChat, stateChanged } from "./chat.js";
import { isEnglish, setEnglish, t } from "./words.js";
import { addFrames, drawFrames, drawHeld, startWire } from "./wire.js";

const TRANSPORTS = ["http_api", "http_post", "ws", "ws_reverse"];
const FAULTS = ["drop", "refuse_token", "delay", "fail", "swallow", "malformed", "heartbeat", "clear_faults"];

// live updates; the browser itself reconnects and says what it has seen

function listen() {
	const source = new EventSource("/events");
	source.onmessage = (event) => {
		const update = JSON.parse(event.data);
		if (update.state) takeState(update.state);
		addItems(update.items);
		addFrames(update.frames);
	};
	source.onopen = () => { $("link").textContent = ""; };
	source.onerror = () => { $("link").textContent = t(source.readyState === EventSource.CLOSED ? "ended" : "lost"); };
}

function takeState(now) {
	Object.assign(state, now);
	stateChanged();
	drawLamps();
	drawFaults();
	drawHeld();
	drawBot();
}

// lamps

// a URL that events are posted to answered once, and may be gone by now
const isOn = (lamp) => lamp.targets?.some((target) => target.connected) ?? lamp.connected;
const targetsOf = (lamp) => lamp.targets?.map((target) => target.address) ?? [lamp.address];
const problemOf = (lamp) => lamp.targets?.map((target) => target.problem || (target.status >= 400 ? `HTTP ${target.status}` : "")).find(Boolean) ?? "";

function drawLamps() {
	const box = $("lamps");
	if (!box.childElementCount) {
		box.append(...TRANSPORTS.map((name) => el("button.lamp", { data: { name }, "aria-haspopup": "dialog", onclick: () => showLamp(name) },
			el("span.dot"), el("b"), el("span.status"), el("code"))));
	}
	for (const button of box.children) {
		const lamp = state.lamps[button.dataset.name];
		const [dot, name, status, address] = button.children;
		dot.classList.toggle("on", isOn(lamp));
		name.textContent = t(button.dataset.name);
		status.textContent = t(isOn(lamp) ? "on" : "off");
		address.textContent = targetsOf(lamp).join(" ");
	}
}

function codeOf(name, address) {
	const url = new URL(address.replace(/^ws/, "http"));
	const token = state.token ? t("yourToken") : "";
	const more = (option) => (token ? `, ${option}"${token}"` : "");
	const [kind, line] = {
		http_api: ["HttpClient", `client = HttpClient("${address}"${more("")})`],
		http_post: ["EventServer", `bot = EventServer(port=${url.port || 80}${url.pathname === "/" ? "" : `, path="${url.pathname}"`}${more("secret=")})`],
		ws: ["WsClient", `bot = WsClient("${address}"${more("")})`],
		ws_reverse: ["WsServer", `bot = WsServer(port=${url.port || 80}${more("access_token=")})`],
	}[name];
	const last = name === "http_api" ? "print(client.get_login_info())" : "bot.run()";
	return `from onebot_simple import ${kind}\n${line}\n${last}`;
}

function showLamp(name) {
	const lamp = state.lamps[name];
	const [address] = targetsOf(lamp);
	const code = codeOf(name, address);
	const problem = problemOf(lamp);
	showDialog(`${t(name)} · ${t(isOn(lamp) ? "on" : "off")}`,
		el("p", t(`about_${name}`)),
		el("p", `${t("address")}: `, el("code", address)),
		problem && !isOn(lamp) ? el("p.hint", t("problem", problem)) : null,
		el("h3", t("codeTitle")), el("pre", code),
		closing(button("", t("copyAll"), () => copy(code))));
}

// faults

function drawFaults() {
	const box = $("fault-buttons");
	if (!box.childElementCount) {
		box.append(...FAULTS.map((name) => el("button", { data: { name }, onclick: () => post(name, { on: !state.heart }) }, el("span"), el("span.count"))));
	}
	for (const one of box.children) {
		const name = one.dataset.name;
		one.title = t(`${name}Hint`);
		one.children[0].textContent = t(name === "heartbeat" && !state.heart ? "heartGo" : name);
		one.children[1].textContent = state.faults[name] || "";
	}
	const coming = Object.values(state.faults).reduce((sum, count) => sum + count, state.heart ? 0 : 1);
	$("fault-count").textContent = coming || "";
}

// the bot's process

function drawBot() {
	const { name, state: how, exit_code: code, starts, output = "" } = state.bot;
	$("bot").replaceChildren(el("span", { class: `dot ${how === "running" ? "on" : how === "crashed" ? "bad" : ""}` }),
		el("span", name || t("echoBot")), el("small", t(how)));
	const alert = $("alert");
	const words = how === "crashed" ? t("botCrashed", code) : "";
	if (alert.dataset.shows === words + starts) return; // it would be read out again
	alert.dataset.shows = words + starts;
	alert.hidden = !words;
	alert.replaceChildren(words, el("pre", output.split("\n").slice(-8).join("\n")), button("", t("restart"), () => post("restart_bot")));
}

on("bot", "click", () => showDialog(t("botOutput"), el("pre", state.bot.output || t("noOutput")),
	closing(button("", t("restart"), () => { post("restart_bot"); $("dialog").close(); }))));

// language, theme, tabs

function drawWords() {
	document.documentElement.lang = isEnglish() ? "en" : "zh-CN";
	document.title = t("title");
	for (const one of document.querySelectorAll("[data-t]")) one.textContent = t(one.dataset.t);
	for (const [key, attribute] of [["l", "aria-label"], ["h", "title"], ["p", "placeholder"]]) {
		for (const one of document.querySelectorAll(`[data-${key}]`)) {
			one.setAttribute(attribute, t(one.dataset[key]));
			if (one.matches("button")) one.title = t(one.dataset[key]);
		}
	}
	const language = $("language");
	language.textContent = t("language");
	language.lang = isEnglish() ? "zh-CN" : "en";
	$("theme").title = t("theme");
	$("theme").setAttribute("aria-label", t("theme"));
}

function setTheme(theme) {
	document.documentElement.dataset.theme = theme;
	$("theme").textContent = theme === "dark" ? "☀" : "☾";
}

function showTab(name) {
	document.body.dataset.shows = name;
	for (const tab of $("tabs").children) tab.setAttribute("aria-current", String(tab.dataset.tab === name));
}

on("language", "click", () => {
	setEnglish(!isEnglish());
	localStorage.language = isEnglish() ? "en" : "zh";
	drawWords();
	if (!state.limit) return;
	takeState(state);
	drawAll();
	drawFrames();
});
on("theme", "click", () => {
	const theme = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
	localStorage.theme = theme;
	setTheme(theme);
});
on("tabs", "click", (event) => showTab(event.target.dataset.tab));
document.addEventListener("show", (event) => showTab(event.detail));

history.replaceState(null, "", "/"); // the link's token need not stay in sight: the cookie has it
setEnglish(localStorage.language ? localStorage.language === "en" : !navigator.languages.some((one) => one.startsWith("zh")));
setTheme(localStorage.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light"));
drawWords();
showTab("talk");
startChat();
startWire();
drawAll();
drawFrames();
listen();
