// Talking: the box, what goes along with the text, and what else can happen.
import { BOT, $, button, el, listen, nameOf, on, post, showDialog, tell, toast } from "./base.js";
import { cardOf, isAbove, isGroup, itemsOf, membersOf, openedChat, plain, speaker } from "./items.js";
import { FACES, t } from "./words.js";

const MAX_FILES = 20 * 1024 * 1024; // bytes, together
const drafts = new Map(Object.entries(JSON.parse(sessionStorage.drafts ?? "{}"))); // chat -> text
let quoted = null; // the message that is replied to
let files = []; // what goes along: {type, name, url}
let tray = "";
let names = []; // of members, that complete what was typed after an @

// "@Bot 你好 [🙂]" as segments; a name counts only where somebody in the group has it.
function segmentsOf(text) {
	const tokens = new Map();
	for (const [id, shown] of Object.entries(FACES)) tokens.set(`[${shown}]`, { type: "face", data: { id } });
	if (isGroup(openedChat())) tokens.set(`@${t("everybody")}`, { type: "at", data: { qq: "all" } });
	for (const one of membersOf(openedChat())) {
		for (const name of [nameOf(one.id), one.card]) if (name) tokens.set(`@${name}`, { type: "at", data: { qq: one.id } });
	}
	const longestFirst = [...tokens.keys()].sort((a, b) => b.length - a.length)
		.map((name) => name.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"));
	return text.split(new RegExp(`(${longestFirst.join("|")})`)).filter(Boolean)
		.map((piece) => tokens.get(piece) ?? { type: "text", data: { text: piece } });
}

async function send() {
	const box = $("text");
	const text = box.value;
	const message = text.trim() ? segmentsOf(text) : [];
	for (const { type, name, url } of files) message.push({ type, data: { file: url, name } });
	if (!message.length) return;
	if (!speaker()) { toast(t("aboutNobody")); return; }
	const [chat, before, along] = [openedChat(), quoted, files];
	box.value = "";
	[quoted, files] = [null, []];
	drawPending();
	tell("said");
	if (await post("say", { chat, user: speaker(), message, reply_to: before?.message_id })) return;
	if (chat !== openedChat()) return;
	box.value ||= text; // nothing was said: all of it is still there
	[quoted, files] = [before, along];
	drawPending();
}

function sendAgain(item) {
	tell("said");
	post("again", { message_id: item.message_id });
}

const lastSaid = () => itemsOf(openedChat()).findLast((item) => item.kind === "message" && item.user_id !== BOT && (!isGroup(openedChat()) || item.user_id === speaker()));

function insert(text) {
	const box = $("text");
	box.setRangeText(text, box.selectionStart, box.selectionEnd, "end");
	box.focus();
}

// pictures, voice, files

function takeFiles(list) {
	const size = [...files, ...list].reduce((sum, file) => sum + file.size, 0);
	if (size > MAX_FILES) { toast(t("filesTooBig")); return; }
	for (const file of list) {
		const kind = { image: "image", audio: "record", video: "video" }[file.type.split("/")[0]] ?? "file";
		const reader = new FileReader();
		reader.onload = () => {
			// an empty file has no content that could be sent
			if (!reader.result.includes(";base64,")) { toast(t("emptyFile", file.name)); return; }
			files.push({ type: kind, name: file.name, size: file.size, url: reader.result, blob: file });
			drawPending();
			$("text").focus();
		};
		reader.onerror = () => toast(t("emptyFile", file.name));
		reader.readAsDataURL(file);
	}
}

// drawn, not loaded: the page loads nothing but what the playground serves
function thumbnail({ blob, name }) {
	const canvas = el("canvas", { role: "img", "aria-label": name, height: 44, width: 44 });
	createImageBitmap(blob).then((picture) => {
		canvas.width = Math.min(120, Math.max(8, Math.round(picture.width * 44 / picture.height)));
		canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, 44);
	}, () => {});
	return canvas;
}

function drawPending() {
	const drop = (deed) => el("button", { "aria-label": t("remove"), onclick: () => { deed(); drawPending(); $("text").focus(); } }, "×");
	$("pending").replaceChildren(
		...(quoted ? [el("span", `${t("reply")} ${nameOf(quoted.user_id)}: ${plain(quoted)}`, drop(() => { quoted = null; }))] : []),
		...files.map((file) => el("span", file.type === "image" ? thumbnail(file) : `${t(file.type)} ${file.name}`,
			drop(() => { files = files.filter((one) => one !== file); }))));
}

// the tray above the message box

function drawTray() {
	const box = $("tray");
	const fillings = { at: mentions, face: faces, more: moreDeeds, names: completions }[tray]?.() ?? [];
	box.hidden = !fillings.length;
	box.className = tray;
	for (const one of document.querySelectorAll("[data-tray]")) {
		one.setAttribute("aria-expanded", String(one.dataset.tray === tray));
		if (one.dataset.tray === "at") one.hidden = !isGroup(openedChat());
	}
	box.replaceChildren(...fillings);
}

function closeTray() {
	tray = "";
	drawTray();
}

const trayButton = (words, deed) => button("", words, () => { closeTray(); deed(); });
const mentions = () => [...membersOf(openedChat()).map((one) => cardOf(one.id)), t("everybody")].map((name) => trayButton(`@${name}`, () => insert(`@${name} `)));
const faces = () => Object.values(FACES).map((shown) => trayButton(shown, () => insert(`[${shown}]`)));

function moreDeeds() {
	const chat = openedChat();
	const deeds = speaker() ? [trayButton(t("pokeBot"), () => post("poke", { chat, user: speaker() }))] : [];
	const ask = (words, deed, more = {}, comment = true) => deeds.push(trayButton(t(words), () => askName(t(words), deed, more, comment)));
	if (isGroup(chat)) {
		ask("join", "join", {}, false);
		if (speaker()) deeds.push(trayButton(t("leave", cardOf(speaker())), () => post("leave", { chat, user: speaker() })));
		const now = Date.now() / 1000;
		for (const one of membersOf(chat)) {
			const operator = [speaker(), ...membersOf(chat).map((each) => each.id)].find((id) => id !== BOT && id !== one.id && isAbove(id, one.id));
			if (one.id === BOT || !operator) continue;
			const mute = one.muted <= now;
			deeds.push(trayButton(t(mute ? "ban" : "lift", cardOf(one.id), cardOf(operator)), () => post("ban", { chat, user: one.id, on: mute, operator })));
		}
		ask("groupRequest", "group_request");
	}
	ask("friendRequest", "friend_request");
	ask("groupInvite", "group_request", { invite: true });
	return deeds;
}

// @Al completes to @Alice

const typedName = () => /(?:^|\s)@([^\s@]*)$/.exec($("text").value.slice(0, $("text").selectionStart));

function complete() {
	const typed = isGroup(openedChat()) ? typedName()?.[1].toLowerCase() : undefined;
	const all = membersOf(openedChat()).map((one) => cardOf(one.id));
	names = typed === undefined ? [] : all.filter((name) => name.toLowerCase().startsWith(typed));
	if (names.some((name) => name.toLowerCase() === typed)) names = []; // there is nothing to complete
	if (names.length) tray = "names";
	else if (tray === "names") tray = "";
	drawTray();
}

const completions = () => names.map((name, index) => button(index ? "" : ".first", `@${name}`, () => takeName(name)));

function takeName(name) {
	const box = $("text");
	const end = box.selectionStart;
	box.setRangeText(`@${name} `, end - typedName()[1].length - 1, end, "end");
	closeTray();
	box.focus();
}

// somebody new

const NEWCOMERS = ["Dave", "Eve", "小明", "小红", "Frank", "Grace"];
let newcomers = 0;

function askName(title, deed, more, withComment) {
	const name = el("input", { value: NEWCOMERS[newcomers++ % NEWCOMERS.length], maxLength: 60, required: true });
	const comment = el("input", { value: t("commentDefault"), maxLength: 200 });
	showDialog(title.replace("…", ""), el("form", { onsubmit: (event) => {
		event.preventDefault();
		$("dialog").close();
		$("text").focus();
		post(deed, { chat: openedChat(), name: name.value, comment: comment.value, ...more });
	} }, el("label", t("nickname"), name), withComment ? el("label", t("comment"), comment) : null,
	el("div.line", el("span.grow"), button("", t("cancel"), () => $("dialog").close()), el("button.primary", { type: "submit" }, t("ok")))));
	name.select();
}

// keys

function keys(event) {
	const box = $("text");
	// while an input method is composing, Enter chooses a word
	if (event.isComposing) return;
	if (tray === "names" && (event.key === "Enter" || event.key === "Tab")) {
		event.preventDefault();
		takeName(names[0]);
	} else if (event.key === "Enter" && !event.shiftKey) {
		event.preventDefault();
		send();
	} else if (event.key === "ArrowUp" && !box.value && lastSaid()) {
		event.preventDefault();
		if (event.shiftKey) box.value = plain(lastSaid()); // to change it first
		else sendAgain(lastSaid());
	} else if (event.key === "Escape" && tray) closeTray();
}

function keepDraft() {
	if ($("text").value) drafts.set(openedChat(), $("text").value);
	else drafts.delete(openedChat());
	sessionStorage.drafts = JSON.stringify(Object.fromEntries(drafts));
}

export function startComposer() {
	listen("reply", (item) => { quoted = item; drawPending(); $("text").focus(); });
	listen("again", sendAgain);
	listen("again-last", () => { if (lastSaid()) sendAgain(lastSaid()); });
	listen("say", (text) => { $("text").value = text; send(); });
	listen("chat-left", keepDraft);
	listen("chat-opened", () => { drawPending(); closeTray(); });
	listen("other-chat", () => { [quoted, files] = [null, []]; $("text").value = drafts.get(openedChat()) ?? ""; drawPending(); });
	on("composer", "submit", (event) => { event.preventDefault(); send(); });
	on("text", "keydown", keys);
	on("text", "input", () => { complete(); keepDraft(); });
	on("text", "paste", (event) => { if (event.clipboardData.files.length) { event.preventDefault(); takeFiles([...event.clipboardData.files]); } });
	on("image", "click", () => $("file").click());
	on("file", "change", (event) => { takeFiles([...event.target.files]); event.target.value = ""; });
	on("talk", "dragover", (event) => { if (event.dataTransfer.types.includes("Files")) event.preventDefault(); });
	on("talk", "drop", (event) => { if (event.dataTransfer.files.length) { event.preventDefault(); takeFiles([...event.dataTransfer.files]); } });
	for (const one of document.querySelectorAll("[data-tray]")) {
		one.addEventListener("click", () => { tray = tray === one.dataset.tray ? "" : one.dataset.tray; drawTray(); $("tray").querySelector("button")?.focus(); });
	}
	on("tray", "keydown", (event) => {
		if (event.key !== "Escape") return;
		const opener = document.querySelector(`[data-tray="${tray}"]`) ?? $("text");
		closeTray();
		opener.focus();
	});
	$("text").value = drafts.get(openedChat()) ?? "";
}
