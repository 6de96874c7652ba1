// How a message, a notice, a request and an error look in the conversation.
import { BOT, button, clock, el, nameOf, post, shortened, showDialog, state, tell, closing } from "./base.js";
import { wasDelivered } from "./frames.js";
import { cardOf, errorText, faceText, isAbove, isGroup, memberOf, messages, noticeText, plain, speaker } from "./items.js";
import { half, t } from "./words.js";

export const viewOf = (item) => item.kind === "message" ? messageView(item) : item.kind === "error" ? lostError(item) : noticeView(item);

export function avatar(id, name, group = false) {
	const robot = Number(id) === BOT;
	const view = el("span", { class: `avatar ${group ? "group" : ""} ${robot ? "robot" : ""}`, "aria-hidden": "true" }, robot ? "" : [...name][0]);
	if (!robot) view.style.background = `hsl(${(id * 67) % 360} 42% 36%)`;
	return view;
}

function messageView(item) {
	const own = `message ${item.user_id === speaker() ? "mine" : ""} ${item.user_id === BOT ? "from-bot" : ""} ${item.recalled ? "recalled" : ""}`;
	const name = isGroup(item.chat) ? cardOf(item.user_id) : nameOf(item.user_id);
	const choose = () => tell("choose-message", item);
	const bubble = el("div.bubble", { tabIndex: -1, role: "button", onclick: choose, title: t("showFrames"),
		onkeydown: (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); choose(); } },
	}, ...item.segments.map(segmentView), item.recalled ? el("small.mark", t("recalledMark")) : null);
	return el("div", { class: own, id: `message-${item.message_id}`, data: { message: item.message_id } },
		avatar(item.user_id, name),
		el("div.body",
			el("div.name", name, badge(item), el("time", clock(item.time))),
			bubble, messageButtons(item), below(item)));
}

function badge(item) {
	if (item.user_id === BOT && !isGroup(item.chat)) return el("i", t("bot"));
	const member = isGroup(item.chat) ? memberOf(item.user_id) : null;
	const words = [item.user_id === BOT ? t("bot") : "", member && member.role !== "member" ? t(member.role) : "", member?.title].filter(Boolean);
	return words.length ? el("i", words.join(" · ")) : null;
}

function messageButtons(item) {
	const look = { tabIndex: -1 };
	const mine = item.user_id === speaker();
	const mayRecall = !item.recalled && (mine || (isGroup(item.chat) && isAbove(speaker(), item.user_id)));
	const large = item.segments.find((part) => part.shown && part.as === "image");
	const forward = item.segments.find((part) => part.nodes);
	return el("div.deeds",
		large ? button("", t("enlarge"), () => showPicture(large), look) : null,
		forward ? button("", t("open"), () => showForward(forward), look) : null,
		item.recalled ? null : button("", t("reply"), () => tell("reply", item), look),
		item.user_id === BOT ? null : button("", t("again"), () => tell("again", item), look),
		mayRecall ? button("", t("recall"), () => post("recall", { message_id: item.message_id, operator: mine ? null : speaker() }), look) : null);
}

// what went wrong with a message
function below(item) {
	const lost = item.user_id !== BOT && item.undelivered && !wasDelivered(item);
	return el("div.below", lost ? el("small.lost", t("undelivered")) : null, ...(item.errors ?? []).map((one) => errorView(one)));
}

function errorView(item) {
	const { error } = item;
	return el(`details.error${error.is_warning ? ".warning" : ""}`,
		el("summary", { tabIndex: -1 }, errorText(item), error.text ? el("span", `${error.is_warning ? " " : ": "}${shortened(half(error.text))}`) : null),
		error.module ? importHelp(error.module) : null,
		error.traceback ? el("pre", error.traceback) : el("p", half(error.text)));
}

// an error that belongs to no message: of a notice, of a timer
function lostError(item) {
	if (messages.has(item.message_id)) return el("div", { hidden: true });
	const view = errorView(item);
	view.firstElementChild.tabIndex = 0;
	if (item.frame) view.firstElementChild.addEventListener("click", () => tell("choose-frame", item.frame));
	return el("div.alone", view);
}

const PIP_NAMES = { PIL: "pillow", cv2: "opencv-python", yaml: "pyyaml", bs4: "beautifulsoup4", dotenv: "python-dotenv", sklearn: "scikit-learn" };

// What to do about a module that is not there, and the command for it, if any.
export function howToImport(module) {
	const [name] = module.split(".");
	return name.startsWith("onebot") ? [t("misspelt", module)] : [t("install", module), `python -m pip install ${PIP_NAMES[name] ?? name}`];
}

function importHelp(module) {
	const [words, command] = howToImport(module);
	return el("p", words, command ? el("code", ` ${command}`) : null);
}

// parts of a message

function segmentView(part) {
	const data = part.data;
	if (part.type === "text") return data.text;
	if (part.type === "at") return el("span.mention", `@${data.qq === "all" ? t("everybody") : cardOf(Number(data.qq))}`);
	if (part.type === "face") return faceText(data.id);
	if (part.type === "reply") {
		const quoted = messages.get(Number(data.id));
		return el("blockquote", quoted ? `${nameOf(quoted.user_id)}: ${plain(quoted)}` : t("quoteGone"));
	}
	if (part.shown) return fileView(part);
	if (part.type === "image") return el("span.part", t("noPicture", data.url || data.file));
	if (part.nodes) return forwardView(part);
	return card(part);
}

function fileView(part) {
	const inside = (deed) => (event) => { event.stopPropagation(); deed?.(); };
	if (part.as === "image") {
		return el("img", { src: part.shown, alt: part.data.summary || part.data.file || t("image"), onclick: inside(() => showPicture(part)) });
	}
	if (part.as === "audio") return el("audio", { src: part.shown, controls: true, preload: "none", tabIndex: -1, onclick: inside() });
	if (part.as === "video") return el("video", { src: part.shown, controls: true, preload: "none", tabIndex: -1, onclick: inside() });
	return el("a.card", { href: part.shown, download: part.data.name ?? part.data.file ?? "", tabIndex: -1, onclick: inside() },
		el("b", t(part.type)), `${part.data.name ?? part.data.file ?? ""} · ${Math.ceil(part.size / 1024)} KB`);
}

const showPicture = (part) => showDialog(t("image"), el("img.large", { src: part.shown, alt: part.data.summary || part.data.file || t("image") }), closing());

const nodeView = (node) => el("div.node", el("b", node.name), el("div", ...node.segments.map(segmentView)));

function forwardView(part) {
	return el("span.card", { onclick: (event) => { event.stopPropagation(); showForward(part); } }, el("b", t("forwardOf", part.nodes.length)),
		...part.nodes.slice(0, 3).map((node) => el("small", `${node.name}: ${plain(node)}`)));
}

const showForward = (part) => showDialog(t("forwardOf", part.nodes.length), el("div.nodes", ...part.nodes.map(nodeView)), closing());

// Everything else as a card: what it is, and what it says.
function card({ type, data }) {
	return el("span.card", el("b", t(type)), ...(cardText(type, data) || Object.values(data).join(" ")).slice(0, 300).split("\n").map((line) => el("small", line)));
}

function cardText(type, data) {
	if (type === "json") return jsonCard(data.data);
	if (type === "contact") return `${t(data.type === "group" ? "groups" : "privates")} ${data.id}`;
	if (type === "music") return data.type === "custom" ? [data.title, data.content ?? data.singer, data.url].filter(Boolean).join("\n") : `${data.type} ${data.id}`;
	if (type === "location") return `${data.title ?? ""} ${data.lat}, ${data.lon}\n${data.content ?? ""}`.trim();
	if (type === "mface") return data.summary || data.emoji_id;
	if (type === "dice" || type === "rps") return data.result;
	return data.name ?? data.title ?? data.file ?? data.content ?? "";
}

function jsonCard(text) {
	try {
		const content = JSON.parse(text);
		const [detail] = Object.values(content.meta ?? {});
		return [content.prompt ?? content.desc ?? content.app, detail?.title, detail?.desc].filter(Boolean).join("\n") || text;
	} catch {
		return String(text);
	}
}

// what is no message

function noticeView(item) {
	const line = el("div.notice", el("span", noticeText(item)));
	if (item.kind === "request") line.append(el("small.asks", { data: { flag: item.event.flag } }));
	if (item.kind === "request") drawRequest(line.lastElementChild);
	return line;
}

export function drawRequest(mark) {
	const outcome = state.settled[mark.dataset.flag];
	mark.textContent = outcome === "approved" ? t("rApproved") : outcome ? t("rRefused") : t("rOpen");
	mark.dataset.outcome = outcome ?? "open";
}
