// What the other files share: building elements, asking the server, and how things stand.
import { t } from "./words.js";

export const BOT = 10001;
export const state = { people: [], groups: [], lamps: {}, faults: {}, gate: { held: [] }, bot: {}, settled: [] };

export const $ = (id) => document.getElementById(id);
export const on = (id, event, deed) => $(id).addEventListener(event, deed);

// Only ever textContent: what a bot or a nickname says is text, whatever it looks like.
// el("p.hint", { title: "…" }, "text", child): the tag with its classes, properties if any, children.
export function el(tag, ...children) {
	const [name, ...classes] = tag.split(".");
	const element = document.createElement(name);
	element.classList.add(...classes);
	if (name === "button") element.type = "button";
	const properties = children[0]?.constructor === Object ? children.shift() : {};
	for (const [key, value] of Object.entries(properties)) {
		if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
		else if (key === "class") element.className = value;
		else if (key === "data") Object.assign(element.dataset, value);
		else if (key in element && key !== "role") element[key] = value;
		else element.setAttribute(key, value);
	}
	element.append(...children.filter((child) => child ?? false));
	return element;
}

export const button = (look, words, deed, more = {}) => el(`button${look}`, { onclick: deed, ...more }, words);

export async function post(name, wanted = {}) {
	try {
		const response = await fetch(`/do/${name}`, {
			method: "POST",
			headers: { "Content-Type": "application/json" },
			body: JSON.stringify(wanted),
		});
		const text = await response.text();
		const error = response.headers.get("Content-Type").includes("json") ? JSON.parse(text).error : text;
		if (!error) return true;
		toast(error);
	} catch {
		toast(t("lost"));
	}
	return false;
}

let toastTimer;
export function toast(text) {
	$("toast").textContent = text;
	clearTimeout(toastTimer);
	toastTimer = setTimeout(() => { $("toast").textContent = ""; }, 4000);
}

export async function copy(text) {
	await navigator.clipboard.writeText(text);
	toast(t("copied"));
}

export const nameOf = (id) => {
	if (String(id) === "all") return t("everybody");
	return state.people.find((person) => String(person.id) === String(id))?.name ?? String(id);
};

export function showDialog(title, ...content) {
	const dialog = $("dialog");
	dialog.replaceChildren(el("h2", { id: "dialog-title" }, title), ...content.filter(Boolean));
	if (!dialog.open) dialog.showModal();
	return dialog;
}

function stopAt(container, selector, stop) {
	for (const one of container.querySelectorAll(`${selector}[tabindex="0"]`)) one.tabIndex = -1;
	if (stop) stop.tabIndex = 0;
}

// One Tab stop for a whole log; the arrow keys move in it.
export function arrowKeys(container, selector) {
	container.addEventListener("keydown", (event) => {
		const steps = { ArrowDown: 1, ArrowUp: -1, Home: -Infinity, End: Infinity };
		if (!(event.key in steps) || !event.target.matches(selector)) return;
		event.preventDefault();
		const all = [...container.querySelectorAll(selector)].filter((one) => one.offsetParent);
		const next = all.indexOf(event.target) + steps[event.key];
		all[Math.min(Math.max(next, 0), all.length - 1)]?.focus();
	});
	container.addEventListener("focusin", (event) => {
		if (event.target.matches(selector)) stopAt(container, selector, event.target);
	});
}

// The newest is where the Tab key lands, unless somebody has moved elsewhere.
export function tabStopAtEnd(container, selector) {
	if (!container.contains(document.activeElement)) stopAt(container, selector, [...container.querySelectorAll(selector)].at(-1));
}

export const isAtEnd = (box) => box.scrollHeight - box.scrollTop - box.clientHeight < 80;

export const clock = (seconds) => new Date(seconds * 1000).toLocaleTimeString("zh-CN", { hour12: false });

// The row of buttons at the end of a dialog.
export const closing = (...buttons) => el("div.line", ...buttons, el("span.grow"),
	el("button", { class: "primary", onclick: () => $("dialog").close() }, t("close")));
