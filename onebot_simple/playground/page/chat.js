// The chats on the left and the conversation in the middle.
import { BOT, arrowKeys, $, on, button, clock, el, isAtEnd, nameOf, post, showDialog, state, tabStopAtEnd, toast } from "./base.js";
import { FACES, WORDS, t } from "./words.js";
import { chooseMessage } from "./wire.js";

const MAX_PICTURE = 2 * 1024 * 1024;
export const messages = new Map(); // message_id -> item
const items = []; // everything that happened, oldest first
const unread = new Map();
const speakers = new Map(); // group chat -> who speaks there
let chat = "p20001";
let extras = {}; // what goes along with the text
let tray = "";

const isGroup = (name) => name.startsWith("g");
const groupOf = (name) => state.groups.find((group) => `g${group.id}` === name);
const membersOf = (name) => groupOf(name)?.members ?? [];
const cardOf = (id) => membersOf(chat).find((member) => member.id === id)?.card || nameOf(id);

function speaker() {
	if (!isGroup(chat)) return Number(chat.slice(1));
	const here = membersOf(chat).filter((member) => member.id !== BOT).map((member) => member.id);
	return here.includes(speakers.get(chat)) ? speakers.get(chat) : here[0];
}

// what arrives

export function addItems(news) {
	for (const item of news) {
		items.push(item);
		if (item.kind === "message") messages.set(item.message_id, item);
		if (item.kind === "notice" && item.event.notice_type.endsWith("_recall")) {
			const message = messages.get(item.event.message_id);
			if (message) {
				message.recalled = true;
				$(`message-${message.message_id}`)?.replaceWith(messageView(message));
			}
		}
		if (item.chat !== chat && news.length < 20) unread.set(item.chat, (unread.get(item.chat) ?? 0) + 1);
	}
	const here = news.filter((item) => item.chat === chat);
	if (here.length) append(here);
	if (news.length) drawChats();
}

export function stateChanged() {
	drawChats();
	drawHead();
	for (const box of $("messages").querySelectorAll(".asks")) {
		box.textContent = t(state.settled.includes(box.dataset.flag) ? "rSettled" : "rOpen");
	}
}

export function drawAll() {
	$("messages").replaceChildren();
	append(items.filter((item) => item.chat === chat), true);
	stateChanged();
	drawTray();
	drawPending();
}

export function openChat(name) {
	if (name === chat) return;
	chat = name;
	unread.delete(name);
	extras = {};
	tray = "";
	drawAll();
}

// the list of chats

function drawChats() {
	const privates = new Set(["p20001", "p20002", "p20003"]);
	for (const item of items) if (!isGroup(item.chat)) privates.add(item.chat);
	fill($("group-list"), state.groups.filter((group) => group.members.some((one) => one.id === BOT))
		.map((group) => [`g${group.id}`, group.name]));
	fill($("private-list"), [...privates].map((name) => [name, nameOf(name.slice(1))]));
}

function fill(list, chats) {
	const focused = list.contains(document.activeElement) ? document.activeElement.dataset.chat : null;
	list.replaceChildren(...chats.map(([name, title]) => {
		const last = items.findLast((item) => item.chat === name);
		const count = unread.get(name);
		return el("button", {
			class: "chat", "aria-current": name === chat, data: { chat: name },
			onclick: () => { openChat(name); document.dispatchEvent(new CustomEvent("show", { detail: "talk" })); },
		}, avatar(name.slice(1), title, isGroup(name)), el("span.who", el("b", title),
			el("small", last ? preview(last) : " ")), count ? el("span.count", count) : null);
	}));
	if (focused) list.querySelector(`[data-chat="${focused}"]`)?.focus();
}

function avatar(id, name, group = false) {
	const robot = Number(id) === BOT;
	const view = el("span", { class: `avatar ${group ? "group" : ""} ${robot ? "robot" : ""}`, "aria-hidden": "true" }, robot ? "" : [...name][0]);
	if (!robot) view.style.background = `hsl(${(id * 67) % 360} 42% 36%)`;
	return view;
}

const preview = (item) => item.kind === "message" ? `${nameOf(item.user_id)}: ${plain(item)}` : noticeText(item);

function plain(item) {
	if (item.recalled) return t("recalledMark");
	return item.segments.map((part) => {
		if (part.type === "text") return part.data.text;
		if (part.type === "at") return `@${nameOf(part.data.qq)}`;
		if (part.type === "face") return faceText(part.data.id);
		return part.type === "reply" ? "" : `[${t(part.type)}]`;
	}).join("").trim().slice(0, 80);
}

function drawHead() {
	const id = Number(chat.slice(1));
	const group = groupOf(chat);
	const friend = state.people.find((person) => person.id === id)?.friend;
	$("chat-name").textContent = group ? group.name : nameOf(id);
	$("chat-about").textContent = group ? t("aboutGroup", group.id, group.members.length)
		: t(friend ? "aboutFriend" : "aboutStranger", id, nameOf(id));
	drawSpeakers();
}

function drawSpeakers() {
	const box = $("speakers");
	box.hidden = !isGroup(chat);
	const now = Date.now() / 1000;
	const focused = box.contains(document.activeElement);
	box.replaceChildren(box.firstElementChild, ...membersOf(chat).filter((one) => one.id !== BOT).map((one) => el("label",
		el("input", { type: "radio", name: "speaker", value: one.id, checked: one.id === speaker(),
			onchange: () => { speakers.set(chat, one.id); drawAll(); } }),
		el("span", one.card || nameOf(one.id), one.muted > now ? ` · ${t("muted")}` : ""))));
	if (focused) box.querySelector(":checked")?.focus();
}

// the conversation

function append(news, jump = false) {
	const box = $("messages");
	const follow = jump || isAtEnd(box);
	box.querySelector(".empty")?.remove();
	box.append(...news.map((item) => item.kind === "message" ? messageView(item) : noticeView(item)));
	if (!box.childElementCount) {
		box.append(el("div.empty", el("p", t("emptyChat")),
			button(".primary", t("hello"), () => { $("text").value = t("hello"); send(); })));
	}
	tabStopAtEnd(box, ".bubble");
	if (follow) box.scrollTop = box.scrollHeight;
}

function messageView(item) {
	const mine = item.user_id === speaker();
	const own = `message ${mine ? "mine" : ""} ${item.user_id === BOT ? "from-bot" : ""} ${item.recalled ? "recalled" : ""}`;
	const name = isGroup(item.chat) ? cardOf(item.user_id) : nameOf(item.user_id);
	const choose = () => chooseMessage(item);
	const bubble = el("div.bubble", { tabIndex: -1, role: "button", onclick: choose, title: t("showFrames"),
		onkeydown: (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); choose(); } },
	}, ...item.segments.map(segmentView), item.recalled ? el("small.mark", t("recalledMark")) : null);
	return el("div", { class: own, id: `message-${item.message_id}`, data: { message: item.message_id } },
		avatar(item.user_id, name),
		el("div", { class: "body" },
			el("div.name", name, item.user_id === BOT ? el("i", t("bot")) : null, el("time", clock(item.time))),
			bubble, item.recalled ? null : messageButtons(item)));
}

function messageButtons(item) {
	const operator = item.user_id === speaker() ? null : 20002; // Bob, the admin
	const mayRecall = operator === null || isGroup(chat);
	return el("div", { class: "deeds" },
		button("", t("reply"), () => { extras.reply = item; drawPending(); $("text").focus(); }),
		mayRecall ? button("", t("recall"), () => post("recall", { message_id: item.message_id, operator })) : null);
}

function segmentView(part) {
	const data = part.data;
	if (part.type === "text") return data.text;
	if (part.type === "at") return el("span.mention", `@${data.qq === "all" ? t("everybody") : cardOf(Number(data.qq))}`);
	if (part.type === "face") return faceText(data.id);
	if (part.type === "reply") {
		const quoted = messages.get(Number(data.id));
		return el("blockquote", quoted ? `${nameOf(quoted.user_id)}: ${plain(quoted)}` : t("quoteGone"));
	}
	if (part.type === "image" && part.shown) return el("img", { src: part.shown, alt: data.summary || data.file });
	if (part.type === "image") return el("span.part", t("noPicture", data.url || data.file));
	return el("span.part", `[${part.type}] ${data.name ?? data.title ?? data.file ?? data.result ?? ""}`);
}

const faceText = (id) => FACES[id] ?? `[${t("face")} ${id}]`;

function noticeView(item) {
	const line = el("div.notice", el("span", noticeText(item)));
	if (item.kind === "request") {
		line.append(el("small.asks", { data: { flag: item.event.flag } },
			t(state.settled.includes(item.event.flag) ? "rSettled" : "rOpen")));
	}
	return line;
}

function noticeText({ kind, event }) {
	const who = event.user_id ? nameOf(event.user_id) : t("everybody");
	if (kind === "request") {
		return t(event.request_type === "friend" ? "rFriend" : event.sub_type === "add" ? "rAdd" : "rInvite", who, event.comment);
	}
	const key = `${event.notice_type}.${event.sub_type}`;
	return t(key in WORDS ? key : event.notice_type in WORDS ? event.notice_type : "nOther",
		event.notice_type in WORDS || key in WORDS ? who : key.replace(".undefined", ""),
		nameOf(event.operator_id ?? event.target_id), event.duration ?? event.card_new ?? event.file?.name);
}

// talking

// "@Bot 你好 [🙂]" as segments; a name counts only where somebody in the group has it.
function segmentsOf(text) {
	const tokens = new Map();
	for (const [id, shown] of Object.entries(FACES)) tokens.set(`[${shown}]`, { type: "face", data: { id } });
	for (const one of membersOf(chat)) {
		for (const name of [nameOf(one.id), one.card]) if (name) tokens.set(`@${name}`, { type: "at", data: { qq: one.id } });
	}
	const names = [...tokens.keys()].sort((a, b) => b.length - a.length) // the longest wins
		.map((name) => name.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"));
	return text.split(new RegExp(`(${names.join("|")})`)).filter(Boolean)
		.map((piece) => tokens.get(piece) ?? { type: "text", data: { text: piece } });
}

async function send() {
	const box = $("text");
	const text = box.value;
	const message = text.trim() ? segmentsOf(text) : [];
	if (extras.image) message.push({ type: "image", data: { file: extras.image } });
	if (!message.length) return;
	box.value = "";
	if (await post("say", { chat, user: speaker(), message, reply_to: extras.reply?.message_id })) {
		extras = {};
		drawPending();
	} else box.value ||= text;
}

function insert(text) {
	const box = $("text");
	box.setRangeText(text, box.selectionStart, box.selectionEnd, "end");
	box.focus();
}

function takePicture(file) {
	if (!file) return;
	if (file.size > MAX_PICTURE) { toast(t("pictureTooBig")); return; }
	const reader = new FileReader();
	reader.onload = () => { extras.image = reader.result; drawPending(); $("text").focus(); };
	reader.readAsDataURL(file);
}

function drawPending() {
	const drop = (name) => el("button", { "aria-label": t("remove"), onclick: () => { extras[name] = null; drawPending(); $("text").focus(); } }, "×");
	$("pending").replaceChildren(
		...(extras.reply ? [el("span", `${t("reply")} ${nameOf(extras.reply.user_id)}: ${plain(extras.reply)}`, drop("reply"))] : []),
		...(extras.image ? [el("span", el("img", { src: extras.image, alt: t("image") }), drop("image"))] : []));
}

// the tray above the message box

function drawTray() {
	const box = $("tray");
	box.hidden = !tray;
	for (const button of document.querySelectorAll("[data-tray]")) {
		button.setAttribute("aria-expanded", String(button.dataset.tray === tray));
		if (button.dataset.tray === "at") button.hidden = !isGroup(chat);
	}
	box.className = tray;
	box.replaceChildren(...({ at: mentions, face: faces, more: moreDeeds }[tray]?.() ?? []));
}

const trayButton = (words, deed) => button("", words, () => { tray = ""; drawTray(); deed(); });

const mentions = () => membersOf(chat).map((one) => trayButton(`@${cardOf(one.id)}`, () => insert(`@${cardOf(one.id)} `)));

const faces = () => Object.values(FACES).map((shown) => trayButton(shown, () => insert(`[${shown}]`)));

function moreDeeds() {
	const deeds = [trayButton(t("pokeBot"), () => post("poke", { chat, user: speaker() }))];
	const ask = (words, deed, more = {}, comment = true) => deeds.push(trayButton(t(words), () => askName(t(words), deed, more, comment)));
	if (isGroup(chat)) {
		ask("join", "join", {}, false);
		deeds.push(trayButton(t("leave", cardOf(speaker())), () => post("leave", { chat, user: speaker() })));
		const now = Date.now() / 1000;
		for (const one of membersOf(chat).filter((each) => each.role === "member")) {
			const on = one.muted <= now;
			deeds.push(trayButton(t(on ? "ban" : "lift", cardOf(one.id)), () => post("ban", { chat, user: one.id, on })));
		}
		ask("groupRequest", "group_request");
	}
	ask("friendRequest", "friend_request");
	ask("groupInvite", "group_request", { invite: true });
	return deeds;
}

const NEWCOMERS = ["Dave", "Eve", "小明", "小红", "Frank", "Grace"];
let newcomers = 0;

function askName(title, deed, more, withComment) {
	const name = el("input", { value: NEWCOMERS[newcomers++ % NEWCOMERS.length], maxLength: 60, required: true });
	const comment = el("input", { value: t("commentDefault"), maxLength: 200 });
	showDialog(title.replace("…", ""), el("form", { onsubmit: (event) => {
		event.preventDefault();
		$("dialog").close();
		$("text").focus();
		post(deed, { chat, name: name.value, comment: comment.value, ...more });
	} }, el("label", t("nickname"), name), withComment ? el("label", t("comment"), comment) : null,
	el("div.line", el("span.grow"), button("", t("cancel"), () => $("dialog").close()), el("button.primary", { type: "submit" }, t("ok")))));
	name.select();
}

export function startChat() {
	on("composer", "submit", (event) => { event.preventDefault(); send(); });
	on("text", "keydown", (event) => {
		// while an input method is composing, Enter chooses a word
		if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); send(); }
		if (event.key === "Escape" && tray) { tray = ""; drawTray(); }
	});
	on("text", "paste", (event) => takePicture([...event.clipboardData.files].find((file) => file.type.startsWith("image/"))));
	on("image", "click", () => $("file").click());
	on("file", "change", (event) => { takePicture(event.target.files[0]); event.target.value = ""; });
	for (const button of document.querySelectorAll("[data-tray]")) {
		button.addEventListener("click", () => { tray = tray === button.dataset.tray ? "" : button.dataset.tray; drawTray(); $("tray").querySelector("button")?.focus(); });
	}
	on("tray", "keydown", (event) => {
		if (event.key !== "Escape") return;
		const opener = document.querySelector(`[data-tray="${tray}"]`);
		tray = "";
		drawTray();
		opener.focus();
	});
	arrowKeys($("messages"), ".bubble");
	arrowKeys($("chats"), ".chat");
}

// called when frames are chosen, to show the bubbles that belong to them
export function markMessages(ids) {
	const chosen = [...ids].map((id) => messages.get(id)).filter(Boolean);
	if (chosen.length && !chosen.some((item) => item.chat === chat)) openChat(chosen[0].chat);
	for (const view of document.querySelectorAll(".message")) view.classList.toggle("linked", ids.has(Number(view.dataset.message)));
	document.querySelector(".message.linked")?.scrollIntoView({ block: "nearest" });
}
