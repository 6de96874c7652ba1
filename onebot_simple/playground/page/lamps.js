// The four lamps, each with its lines of code, and the faults.
import { $, button, closing, copy, el, post, showDialog, state } from "./base.js";
import { t } from "./words.js";

const TRANSPORTS = ["http_api", "http_post", "ws", "ws_reverse"];
const FAULTS = ["drop", "refuse_token", "delay", "fail", "swallow", "malformed", "heartbeat", "clear_faults"];

// a URL that events are posted to answered once, and may be gone by now
const isOn = (lamp) => lamp.targets?.some((target) => target.connected) ?? lamp.connected;
const targetsOf = (lamp) => lamp.targets?.map((target) => target.address) ?? [lamp.address];
const problemOf = (lamp) => lamp.targets?.map((target) => target.problem || (target.status >= 400 ? `HTTP ${target.status}` : "")).find(Boolean) ?? "";

export function drawLamps() {
	const box = $("lamps");
	if (!box.childElementCount) {
		box.append(...TRANSPORTS.map((name) => el("button.lamp", { data: { name }, "aria-haspopup": "dialog", onclick: () => showLamp(name) },
			el("span.dot"), el("b"), el("span.status"), el("code"))));
	}
	for (const one of box.children) {
		const lamp = state.lamps[one.dataset.name];
		const [dot, name, status, address] = one.children;
		dot.classList.toggle("on", isOn(lamp));
		name.textContent = t(one.dataset.name);
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

export function drawFaults() {
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
