// The chats on the left and the conversation in the middle.
import { BOT, arrowKeys, $, button, el, listen, nameOf, on, post, copy, showDialog, closing, state, tabStopAtEnd, tell } from "./base.js";
import { avatar, drawRequest, viewOf } from "./bubbles.js";
import { follow } from "./follow.js";
import { wasDelivered } from "./frames.js";
import { addItem, groupChats, groupOf, isGroup, itemsOf, membersOf, messages, newestOf, openChatNamed, openedChat, preview, privateChats, privateName, speakAs, speaker, unreadInAll, unreadOf } from "./items.js";
import { t } from "./words.js";

const MAX_SHOWN = 1000; // rows of a conversation
const DELIVERY = 1500; // ms within which a message reaches a bot
let log; // how #messages follows its end

// what arrives

export function addItems(news, live) {
	if (!news.length) return;
	const changed = new Set();
	for (const item of news) for (const one of addItem(item, live)) changed.add(one);
	append(news.filter((item) => item.chat === openedChat() || !item.chat));
	for (const item of changed) redraw(item);
	setTimeout(() => news.forEach(checkDelivery), DELIVERY);
	tell("errors", news.filter((item) => item.kind === "error"));
	drawChats();
}

// A message that no bot has received says so. In step mode it may still be held.
function checkDelivery(item) {
	if (item.kind !== "message" || item.user_id === BOT || wasDelivered(item) || state.gate.open === false) return;
	item.undelivered = true;
	redraw(item);
}

// A frame came: perhaps the message was delivered after all.
function checkUndelivered() {
	for (const mark of log.rows.querySelectorAll(".lost")) {
		const item = messages.get(Number(mark.closest(".message").dataset.message));
		if (item && wasDelivered(item)) redraw(item);
	}
}

function redraw(item) {
	const before = $(`message-${item.message_id}`);
	if (!before) return;
	const hadFocus = before.contains(document.activeElement);
	const after = viewOf(item);
	after.classList.toggle("linked", before.classList.contains("linked"));
	before.replaceWith(after);
	if (hadFocus) after.querySelector(".bubble").focus();
	else tabStopAtEnd($("messages"), log.rows, ".bubble");
}

export function drawPeople() {
	drawChats();
	drawHead();
	tell("people");
}

export function drawRequests() {
	for (const mark of log.rows.querySelectorAll(".asks")) drawRequest(mark);
}

export function drawAll() {
	log.rows.replaceChildren();
	append(itemsOf(openedChat()).slice(-MAX_SHOWN));
	log.toEnd();
	drawPeople();
	tell("chat-opened");
}

export function openChat(name) {
	if (name === openedChat()) return;
	tell("chat-left");
	openChatNamed(name);
	tell("other-chat");
	drawAll();
}

// the list of chats

function drawChats() {
	const groups = new Map(state.groups.filter((group) => group.members.some((one) => one.id === BOT)).map((group) => [`g${group.id}`, group.name]));
	// a group that the bot is only invited to, or has left
	for (const name of groupChats()) if (!groups.has(name)) groups.set(name, groupOf(name)?.name ?? t("someGroup", name.slice(1)));
	fill($("group-list"), [...groups]);
	fill($("private-list"), [...privateChats()].map((name) => [name, privateName(name)]));
	const count = unreadInAll();
	document.title = (count ? `(${count}) ` : "") + t("title");
}

function fill(list, chats) {
	const focused = list.contains(document.activeElement) ? document.activeElement.dataset.chat : null;
	list.replaceChildren(...chats.map(([name, title]) => {
		const [last, count] = [newestOf(name), unreadOf(name)];
		return el("button.chat", {
			"aria-current": name === openedChat(), data: { chat: name },
			onclick: () => { openChat(name); tell("show", "talk"); },
		}, avatar(name.slice(1), title, isGroup(name)), el("span.who", el("b", title),
			el("small", last ? preview(last) : " ")), count ? el("span.count", count) : null);
	}));
	if (focused) list.querySelector(`[data-chat="${focused}"]`)?.focus();
}

function drawHead() {
	const chat = openedChat();
	const id = Number(chat.slice(1));
	const group = groupOf(chat);
	const friend = state.people.find((person) => person.id === id)?.friend;
	$("chat-name").textContent = group ? group.name : isGroup(chat) ? t("someGroup", id) : nameOf(id);
	$("chat-about").textContent = group && speaker() ? t("aboutGroup", nameOf(speaker()), group.id, group.members.length)
		: isGroup(chat) ? t("aboutNobody") : t(friend ? "aboutFriend" : "aboutStranger", nameOf(id), id);
	drawSpeakers();
}

function drawSpeakers() {
	const box = $("speakers");
	box.hidden = !isGroup(openedChat());
	const now = Date.now() / 1000;
	const focused = box.contains(document.activeElement);
	box.replaceChildren(box.firstElementChild, ...membersOf(openedChat()).filter((one) => one.id !== BOT).map((one) => el("label",
		el("input", { type: "radio", name: "speaker", value: one.id, checked: one.id === speaker(), "aria-label": one.card || nameOf(one.id),
			onchange: () => { speakAs(one.id); drawAll(); } }),
		el("span", one.card || nameOf(one.id), one.role === "member" ? null : el("small", ` ${t(one.role)}`), one.muted > now ? ` · ${t("muted")}` : ""))));
	if (focused) box.querySelector(":checked")?.focus();
}

// the conversation

function append(news) {
	const views = news.filter((item) => item.kind !== "error" || !messages.has(item.message_id)).map(viewOf);
	if (views.length) log.rows.querySelector(".empty")?.remove();
	log.rows.append(...views);
	while (log.rows.childElementCount > MAX_SHOWN) log.rows.firstElementChild.remove();
	if (!log.rows.childElementCount) {
		log.rows.append(el("div.empty", el("p", t("emptyChat")), button(".primary", t("hello"), () => tell("say", t("hello")))));
	}
	tabStopAtEnd($("messages"), log.rows, ".bubble");
	log.added(views.length);
}

// when frames are chosen, the bubbles that belong to them are shown
function markMessages(ids) {
	const chosen = [...ids].map((id) => messages.get(id)).filter(Boolean);
	if (chosen.length && !chosen.some((item) => item.chat === openedChat())) openChat(chosen[0].chat);
	for (const view of log.rows.querySelectorAll(".message.linked")) view.classList.remove("linked");
	for (const item of chosen) $(`message-${item.message_id}`)?.classList.add("linked");
	const first = log.rows.querySelector(".message.linked");
	if (first) log.visit(first);
	else log.leave();
}

async function copyAsTest() {
	const answer = await post("as_test", { chat: openedChat() });
	if (!answer) return;
	copy(answer.result);
	showDialog(t("asTest"), el("p.hint", t("asTestHint")), el("pre", answer.result), closing(button("", t("copyAll"), () => copy(answer.result))));
}

export function startChat() {
	log = follow($("messages"));
	listen("mark-messages", markMessages);
	listen("frames", checkUndelivered);
	listen("said", () => log.toEnd());
	on("as-test", "click", copyAsTest);
	document.addEventListener("visibilitychange", () => { if (!document.hidden) { openChatNamed(openedChat()); drawChats(); } });
	arrowKeys($("messages"), ".bubble");
	arrowKeys($("chats"), ".chat");
}

export const relabelLog = () => log.draw();
