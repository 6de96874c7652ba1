// Everything that happened in the chats, and which chat is open.
import { BOT, nameOf, state } from "./base.js";
import { FACES, WORDS, t } from "./words.js";

const MAX_ITEMS = 2000;
export const messages = new Map(); // message_id -> item
const items = []; // oldest first
const newest = new Map(); // chat -> the last item
const unread = new Map(); // chat -> how many messages
const speakers = new Map(Object.entries(JSON.parse(sessionStorage.speakers ?? "{}"))); // group chat -> who speaks there
let chat = sessionStorage.chat ?? "p20001";

export const openedChat = () => chat;
export const isGroup = (name) => name.startsWith("g");
export const groupOf = (name) => state.groups.find((group) => `g${group.id}` === name);
export const membersOf = (name) => groupOf(name)?.members ?? [];
export const memberOf = (id) => membersOf(chat).find((member) => member.id === Number(id));
export const cardOf = (id) => memberOf(id)?.card || nameOf(id);
export const itemsOf = (name) => items.filter((item) => item.chat === name || !item.chat);
export const newestOf = (name) => newest.get(name);
export const unreadOf = (name) => unread.get(name) ?? 0;
export const unreadInAll = () => [...unread.values()].reduce((sum, count) => sum + count, 0);
export const privateChats = () => new Set(["p20001", "p20002", "p20003", ...[...newest.keys()].filter((name) => name && !isGroup(name))]);
export const groupChats = () => [...newest.keys()].filter((name) => name && isGroup(name));
export const privateName = (name) => nameOf(name.slice(1));

export function speaker() {
	if (!isGroup(chat)) return Number(chat.slice(1));
	const here = membersOf(chat).filter((member) => member.id !== BOT).map((member) => member.id);
	const wanted = Number(speakers.get(chat));
	return here.includes(wanted) ? wanted : here[0];
}

export function speakAs(id) {
	speakers.set(chat, id);
	sessionStorage.speakers = JSON.stringify(Object.fromEntries(speakers));
}

export function openChatNamed(name) {
	chat = name;
	sessionStorage.chat = name;
	unread.delete(name);
}

const RANKS = { member: 0, admin: 1, owner: 2 };
// Whether somebody may mute, or recall the messages of, somebody else in the open group.
export function isAbove(id, other) {
	const [one, two] = [memberOf(id), memberOf(other)];
	return Boolean(one) && RANKS[one.role] > (two ? RANKS[two.role] : 0);
}

// live: the page was open when it happened. Returns the older items that look different now.
export function addItem(item, live) {
	items.push(item);
	newest.set(item.chat, item);
	if (items.length > MAX_ITEMS) {
		const gone = items.shift();
		if (newest.get(gone.chat) === gone) newest.delete(gone.chat);
		if (messages.get(gone.message_id) === gone) messages.delete(gone.message_id);
	}
	if (item.kind === "message") {
		messages.set(item.message_id, item);
		if (live && (item.chat !== chat || document.hidden)) unread.set(item.chat, unreadOf(item.chat) + 1);
	}
	const about = messages.get(item.kind === "error" ? item.message_id : item.event?.message_id);
	if (!about) return [];
	if (item.kind === "error") (about.errors ??= []).push(item);
	else if (item.kind === "notice" && item.event.notice_type.endsWith("_recall")) about.recalled = true;
	else return [];
	return [about];
}

// in words

export const preview = (item) => item.kind === "message" ? `${nameOf(item.user_id)}: ${plain(item)}` : item.kind === "error" ? errorText(item) : noticeText(item);

export function plain(item) {
	if (item.recalled) return t("recalledMark");
	return item.segments.map((part) => {
		if (part.type === "text") return part.data.text;
		if (part.type === "at") return `@${nameOf(part.data.qq)}`;
		if (part.type === "face") return faceText(part.data.id);
		return part.type === "reply" ? "" : `[${t(part.type)}]`;
	}).join("").trim().slice(0, 80);
}

export const faceText = (id) => FACES[id] ?? `[${t("face")} ${id}]`;

// "❌ boom · ZeroDivisionError · bot.py:6", "⚠"
export function errorText({ error }) {
	const [, handler, place] = /^[^:]*:(.*)@([^@]*)$/.exec(error.origin) ?? [];
	return [error.is_warning ? "⚠" : "❌", [handler, error.type, error.where || place].filter(Boolean).join(" · ")].filter(Boolean).join(" ");
}

export function noticeText({ kind, event }) {
	const who = event.user_id ? nameOf(event.user_id) : t("everybody");
	if (kind === "request") {
		if (event.request_type === "friend") return t("rFriend", who, event.comment);
		return event.sub_type === "add" ? t("rAdd", who, event.comment) : t("rInvite", who, event.group_id, event.comment);
	}
	const key = [`${event.notice_type}.${event.sub_type}`, event.notice_type].find((one) => one in WORDS);
	const details = event.duration === undefined ? event.card_new ?? event.title ?? event.name_new ?? event.file?.name ?? event.honor_type ?? event.status_text : duration(event.duration);
	const name = `${event.notice_type}${event.sub_type ? ` (${event.sub_type})` : ""}`;
	return t(key ?? "nOther", key ? who : name, nameOf(event.operator_id ?? event.target_id ?? event.user_id), details || t("nothing"));
}

function duration(seconds) {
	if (seconds < 0) return t("forEver");
	for (const [unit, size] of [["days", 86400], ["hours", 3600], ["minutes", 60]]) {
		if (seconds >= size && seconds % size === 0) return t(unit, seconds / size);
	}
	return t("seconds", seconds);
}
