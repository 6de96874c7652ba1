"""How long the page takes, in a real browser: python -m tests.benchmarks.page

With 500 messages in the chat and 2,000 frames in the log: from Enter to the bot's answer in the
chat (the bundled echo bot), and a switch of the language.
"""

from __future__ import annotations

import shutil
import statistics

from playwright.sync_api import Page, sync_playwright

from onebot_simple.playground.playground import Playground
from tests.playground.conftest import BROWSERS, QUIETLY, options

MESSAGES, FRAMES, ROUNDS = 500, 2_000, 40

# milliseconds from Enter to the frame in which the answer is on the screen
SAY = """(text) => new Promise((done) => {
    const box = document.querySelector("#text");
    const log = document.querySelector("#messages");
    box.value = text;
    const began = performance.now();
    new MutationObserver((_, observer) => {
        const last = [...log.querySelectorAll(".from-bot .bubble")].at(-1);
        if (!last?.textContent.endsWith(text)) return;
        observer.disconnect();
        requestAnimationFrame(() => done(performance.now() - began));
    }).observe(log, { childList: true, subtree: true });
    box.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true }));
})"""
SWITCH = """() => new Promise((done) => {
    const began = performance.now();
    document.querySelector("#language").click();
    requestAnimationFrame(() => setTimeout(() => done(performance.now() - began)));
})"""


def fill(page: Page, playground: Playground) -> None:
    simulator = playground.simulator
    for number in range(MESSAGES // 2):  # the bot answers each
        simulator.send_private(f"message {number}")
        simulator.wait_reply()
    while (missing := FRAMES - simulator.wire.last_id) > 0:
        for number in range(missing):
            simulator.emit({"post_type": "notice", "notice_type": "bench", "number": number})
        page.wait_for_timeout(500)
    page.wait_for_selector(f"#frame-{FRAMES}", state="attached")


def report(what: str, times: list[float]) -> None:
    cuts = statistics.quantiles(times, n=20)
    print(f"{what}: median {statistics.median(times):.1f} ms, 95 % within {cuts[-1]:.1f} ms")


def main() -> None:
    playground = Playground(options())
    playground.start()
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=QUIETLY)
        page = browser.new_page(viewport={"width": 1440, "height": 900}, locale="zh-CN")
        page.goto(playground.page.link)
        page.wait_for_selector("[data-name=ws] .dot.on")
        fill(page, playground)
        report("page to bot to page", [page.evaluate(SAY, f"round {n}") for n in range(ROUNDS)])
        report("language switch", [page.evaluate(SWITCH) for _ in range(ROUNDS)])
        browser.close()
    playground.stop()


if __name__ == "__main__":
    main()
