// The people of a group: who is what there, and what may be changed.
import { on } from "./base.js";

export function startPeople() {
	on("people", "click", () => {});
}
