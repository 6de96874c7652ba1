// Who is in the open group, or in this chat: roles, cards, titles, and who may come back.
import { BOT, $, button, closing, el, listen, nameOf, on, post, showDialog, state } from "./base.js";
import { groupOf, isGroup, openedChat } from "./items.js";
import { t } from "./words.js";

const ROLES = ["owner", "admin", "member"];
let open = false;

const change = (deed, wanted) => post(deed, { chat: openedChat(), ...wanted });
const field = (label, value, save, more = {}) => el("input", { value, "aria-label": label, placeholder: label, maxLength: 60, onchange: (event) => save(event.target.value), ...more });

function memberRow(member) {
	const name = nameOf(member.id);
	const muted = member.muted > Date.now() / 1000;
	const role = el("select", { "aria-label": `${t("role")} ${name}`, onchange: () => change("set_role", { user: member.id, role: role.value }) },
		...ROLES.map((one) => el("option", { value: one, selected: one === member.role }, t(one))));
	return el("li", el("b", `${name} `, el("small", member.id)), role,
		field(`${t("card")} ${name}`, member.card, (card) => change("set_card", { user: member.id, card })),
		field(`${t("specialTitle")} ${name}`, member.title, (title) => change("set_title", { user: member.id, title })),
		button("", t(muted ? "unmute" : "mute"), () => change("ban", { user: member.id, on: !muted })),
		member.id === BOT ? null : button("", t("kick"), () => change("kick", { user: member.id })));
}

function personRow(person) {
	return el("li", el("b", el("small", person.id)),
		field(t("nickname"), person.name, (name) => change("set_person", { user: person.id, name })),
		el("label.choice", el("input", { type: "checkbox", checked: person.friend, onchange: (event) => change("set_person", { user: person.id, friend: event.target.checked }) }), t("friend")));
}

function outsiders(group) {
	const former = new Set(group.former);
	const inside = new Set(group.members.map((one) => one.id));
	return state.people.filter((one) => !inside.has(one.id) && one.id !== BOT)
		.map((one) => button("", t(former.has(one.id) ? "bringBack" : "letIn", one.name), () => change(former.has(one.id) ? "bring_back" : "let_in", { user: one.id })));
}

function newOne(words, deed) {
	const name = el("input", { placeholder: t(words), "aria-label": t(words), maxLength: 60, required: true });
	return el("form.line", { onsubmit: (event) => { event.preventDefault(); change(deed, { name: name.value }); name.value = ""; } }, name, el("button", { type: "submit" }, t("add")));
}

function draw() {
	const group = isGroup(openedChat()) ? groupOf(openedChat()) : null;
	const ofPeople = state.people.filter((one) => one.id !== BOT);
	showDialog(group ? `${group.name} · ${group.id}` : t("people"),
		el("ul.people", ...(group ? group.members.map(memberRow) : ofPeople.map(personRow))),
		group ? el("div.line.wrap", ...outsiders(group)) : null,
		group ? field(t("groupName"), group.name, (name) => change("set_group", { name })) : null,
		newOne("newPerson", "add_person"), newOne("newGroup", "add_group"),
		el("div.line.wrap", group ? button("", t("dismiss"), () => { $("dialog").close(); change("remove_group"); }) : null,
			button("", t("resetWorld"), () => change("reset"))), closing());
	open = true;
}

// The world has changed: so does the dialog, and the reader stays where they were.
function drawAgain() {
	if (!open || !$("dialog").open) return;
	const fields = () => [...$("dialog").querySelectorAll("input,select,button")];
	const place = fields().indexOf(document.activeElement);
	if (document.activeElement.matches("#dialog form input")) return; // do not take away what is being typed
	draw();
	fields()[place]?.focus();
}

export function startPeople() {
	on("people", "click", draw);
	on("dialog", "close", () => { open = false; });
	listen("people", drawAgain);
}
