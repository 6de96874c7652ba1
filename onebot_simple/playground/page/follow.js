// The one rule for every log: it follows its end until the reader scrolls up.
import { t } from "./words.js";

const TOUCH = 400; // ms within which a scroll belongs to what the reader did

// box: what scrolls; its only child holds the rows, its neighbour is the button for what is new.
export function follow(box) {
	const rows = box.firstElementChild;
	const button = box.nextElementSibling;
	let following = true; // only the reader's own scrolling changes it
	let visiting = false; // the page shows an older row, until the reader is done with it
	let unseen = 0;
	let top = 0;
	let height = 0;
	let room = 0;
	let touched = -1e9; // when the reader last used wheel, finger, key or scroll bar here

	const isAtEnd = () => box.scrollHeight - box.scrollTop - box.clientHeight < 3;
	const remember = () => { top = box.scrollTop; height = box.scrollHeight; room = box.clientHeight; };

	function pin() {
		if (following && !visiting) {
			box.scrollTop = box.scrollHeight;
			unseen = 0;
		}
		remember();
		draw();
	}

	function draw() {
		box.classList.toggle("follows", following && !visiting);
		button.hidden = !unseen;
		if (unseen) button.textContent = t("newer", unseen);
	}

	box.addEventListener("scroll", () => {
		// going up is the reader's doing, unless there is less to see, or more room to see it in
		const sameSize = box.scrollHeight >= height && box.clientHeight <= room;
		const byReader = box.scrollTop < top && (sameSize || performance.now() - touched < TOUCH);
		if (box.scrollTop > top && isAtEnd()) { // what the page itself scrolls is remembered already
			following = true;
			visiting = false;
			unseen = 0;
		} else if (byReader) following = false;
		pin();
	});
	for (const name of ["wheel", "touchmove", "pointerdown", "keydown"]) {
		box.addEventListener(name, () => { touched = performance.now(); }, { passive: true });
	}
	const sizes = new ResizeObserver(pin);
	sizes.observe(box);
	sizes.observe(rows);
	button.addEventListener("click", () => { toEnd(); box.focus(); });

	function toEnd() {
		following = true;
		visiting = false;
		pin();
	}

	return {
		rows,
		toEnd,
		draw,
		// so many rows were added
		added(count) {
			if (!following || visiting) unseen += count;
			pin();
		},
		// show an older row, and stay there
		visit(row) {
			const [there, seen] = [row.getBoundingClientRect(), box.getBoundingClientRect()];
			if (there.top >= seen.top && there.top < seen.bottom - 40) return;
			visiting = true;
			row.scrollIntoView({ block: "start" });
			remember();
			draw();
		},
		// the reader opened a row, and reads: what comes must not push it away
		stay(row) {
			visiting = true;
			row.scrollIntoView({ block: "nearest" });
			remember();
			draw();
		},
		// the reader is done with it
		leave() {
			visiting = false;
			touched = -1e9; // the click that closed the row is no scroll of the reader
			pin();
		},
	};
}

