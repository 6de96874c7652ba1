// What the other files share: building elements, asking the server, and how things stand.
import { half, t } from "./words.js";

export const BOT = 10001;
export const state = { people: [], groups: [], lamps: {}, faults: {}, gate: { held: [] }, bot: {}, settled: {}, limit: 2000 };

export const $ = (id) => document.getElementById(id);
export const on = (id, event, deed) => $(id).addEventListener(event, deed);

// The parts of the page do not know each other: one tells, whoever it concerns listens.
const listeners = {};
export const listen = (name, deed) => (listeners[name] ??= []).push(deed);
export const tell = (name, ...details) => listeners[name]?.forEach((deed) => deed(...details));

// Only ever textContent: what a bot or a nickname says is text, whatever it looks like.
// el("p.hint", { title: "…" }, "text", child): the tag with its classes, properties if any, children.
export function el(tag, ...children) {
	const [name, ...classes] = tag.split(".");
	const element = document.createElement(name);
	if (classes.length) element.className = classes.join(" ");
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

export const shortened = (text) => (text.length > 2000 ? `${text.slice(0, 2000)}…` : text);

export const button = (look, words, deed, more = {}) => el(`button${look}`, { onclick: deed, ...more }, words);

// What the server answers, or undefined after saying why it cannot be done.
export async function post(name, wanted = {}) {
	try {
		const response = await fetch(`/do/${name}`, {
			method: "POST",
			headers: { "Content-Type": "application/json" },
			body: JSON.stringify(wanted),
		});
		const text = await response.text();
		const answer = response.headers.get("Content-Type").includes("json") ? JSON.parse(text) : { error: text };
		if (!answer.error) return { done: true, ...answer };
		toast(half(answer.error));
	} catch {
		toast(t("lost"));
	}
	return undefined;
}

let toastTimer;
export function toast(text) {
	$("toast").textContent = text;
	clearTimeout(toastTimer);
	toastTimer = setTimeout(() => { $("toast").textContent = ""; }, 6000);
}

export async function copy(text) {
	try {
		await navigator.clipboard.writeText(text);
		toast(t("copied"));
	} catch {
		toast(t("notCopied"));
	}
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

// One Tab stop for a whole log; the arrow keys move in it, and only there its buttons take one.
const stops = new WeakMap(); // log -> the element that Tab lands on

function stopAt(container, stop) {
	for (const [one, number] of [[stops.get(container), -1], [stop, 0]]) {
		if (!one) continue;
		one.tabIndex = number;
		for (const inner of one.closest(".message")?.querySelectorAll(".deeds button, .error summary") ?? []) inner.tabIndex = number;
	}
	stops.set(container, stop);
}

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
		if (event.target.matches(selector)) stopAt(container, event.target);
	});
}

// The newest is where the Tab key lands, unless somebody has moved elsewhere.
export function tabStopAtEnd(container, rows, selector) {
	if (container.contains(document.activeElement)) return;
	for (let row = rows.lastElementChild; row; row = row.previousElementSibling) {
		const stop = row.hidden ? null : row.querySelector(selector);
		if (stop) { stopAt(container, stop); return; }
	}
}

// by hand, for toLocaleTimeString() takes most of the time that a row takes
export function clock(seconds) {
	const time = new Date(seconds * 1000);
	return [time.getHours(), time.getMinutes(), time.getSeconds()].map((part) => String(part).padStart(2, "0")).join(":");
}

// The row of buttons at the end of a dialog.
export const closing = (...buttons) => el("div.line", ...buttons, el("span.grow"),
	el("button", { class: "primary", onclick: () => $("dialog").close() }, t("close")));
