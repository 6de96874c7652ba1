"""Short ways to do on the page what everybody does there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from playwright.sync_api import ConsoleMessage, Error, Locator, Page
from playwright.sync_api import expect as expect_now

from onebot_simple.playground.playground import Playground

from ..lessons import PYTEST_ALONE
from ..peers import wait_until
from .conftest import options

IDLE = "import time\ntime.sleep(600)\n"  # a bot that does nothing, and does not connect


class Soon:
    """What Playwright's `expect` checks, looked at every 20 ms.

    Left to itself it looks after 0.1, 0.35, 0.85 and 1.85 s: most of what a page does is there
    long before it looks again.
    """

    def __init__(self, locator: Locator) -> None:
        self.locator = locator

    def __getattr__(self, check: str) -> Any:
        def checked(*wanted: Any, timeout: float = 15_000, **more: Any) -> None:
            deadline = time.monotonic() + timeout / 1000
            while True:
                try:
                    getattr(expect_now(self.locator), check)(*wanted, timeout=1, **more)
                    return
                except AssertionError:
                    if time.monotonic() > deadline:
                        raise
                time.sleep(0.02)

        return checked


def expect(locator: Locator) -> Any:
    """Playwright's, but see Soon."""
    return Soon(locator)


def save(file: Path, source: str) -> None:
    """All of it at once: a bot must not be started with half of its file."""
    new = file.with_suffix(".new")
    new.write_text(source, encoding="utf-8")
    new.replace(file)


class Visit:
    """A page, what it complained about, and short ways to do the usual."""

    def __init__(self, page: Page, playground: Playground) -> None:
        self.page = page
        self.playground = playground
        self.complaints: list[str] = []
        page.on("console", self._note)
        page.on("pageerror", self._note)
        page.goto(playground.page.link)

    def _note(self, said: ConsoleMessage | Error) -> None:
        if isinstance(said, Error):
            self.complaints.append(str(said))
        elif said.type != "log" and not self._is_of_another(said.location["url"]):
            self.complaints.append(said.text)

    def _is_of_another(self, url: str) -> bool:
        """Whether it belongs to the visit before, whose playground has ended."""
        return bool(url) and not url.startswith(urljoin(self.playground.page.link, "/"))

    def leave(self) -> None:
        """Look at something else, before the playground ends; the next visit finds a new page."""
        self.page.remove_listener("console", self._note)
        self.page.remove_listener("pageerror", self._note)
        self.page.mouse.move(0, 0)
        self.page.emulate_media(color_scheme="null", forced_colors="null")
        self.page.set_viewport_size({"width": 1440, "height": 900})
        with suppress(Error):  # it has ended
            # another playground may be given the same port, and then it is the same site
            self.page.evaluate("localStorage.clear(); sessionStorage.clear()")
            self.page.goto(urljoin(self.playground.page.link, "/style.css"))

    def expect_lamp(self, name: str) -> None:
        expect(self.page.locator(f"[data-name={name}] .dot.on")).to_be_visible()
        if name == "ws_reverse":  # which is on a moment before anybody can be told something
            qq, greeting = self.playground.simulator, (name, "event")
            wait_until(lambda: greeting in {(one["transport"], one["kind"]) for one in qq.frames})

    def say(self, text: str) -> None:
        self.page.fill("#text", text)
        self.page.press("#text", "Enter")

    def bubbles(self, text: str) -> int:
        return self.page.locator(".bubble", has_text=re.compile(f"^{re.escape(text)}$")).count()

    def expect_answer(self, text: str) -> None:
        last = self.page.locator(".message.from-bot .bubble").last
        expect(last).to_have_text(text)

    def open_group(self) -> None:
        self.page.locator("[data-chat=g30001]").click()

    def scroll_up(self, log: str, pixels: int) -> None:
        self.page.locator(log).hover()
        self.page.mouse.wheel(0, -pixels)
        self.expect_to_stay(log)

    def expect_to_stay(self, log: str) -> None:
        """The log follows its end no more."""
        expect(self.page.locator(log)).not_to_have_class(re.compile("follows"))

    def is_at_end(self, log: str) -> bool:
        box = f"document.querySelector('{log}')"
        return bool(
            self.page.evaluate(f"{box}.scrollHeight - {box}.scrollTop - {box}.clientHeight < 3")
        )

    def expect_at_end(self, log: str) -> None:
        wait_until(lambda: self.is_at_end(log), 15)


@contextmanager
def shown(tab: Page, playground: Playground) -> Iterator[Visit]:
    """A playground in a tab, in which others were and will be, each at an address of its own."""
    visit = Visit(tab, playground)
    try:
        yield visit
        assert visit.complaints == [], visit.complaints
    finally:
        visit.leave()


@contextmanager
def visited(
    tab: Page,
    source: str,
    folder: Path,
    *,
    width: int = 1440,
    height: int = 900,
    given: Namespace | None = None,
) -> Iterator[Visit]:
    """A page in front of a bot with this source, in a file bot.py of the folder."""
    file = folder / "bot.py"
    file.write_text(source, encoding="utf-8")
    playground = Playground(given or options(file))
    playground.start()
    tab.set_viewport_size({"width": width, "height": height})
    try:
        with shown(tab, playground) as visit:
            yield visit
    finally:
        playground.stop()


def run_as_test(copied: str, folder: Path) -> None:
    """Run what the page has copied, as its reader would, who has pytest and nothing beside it."""
    (folder / "test_bot.py").write_text(copied, encoding="utf-8")
    clean = {name: value for name, value in os.environ.items() if "ONEBOT" not in name}
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder)],
        capture_output=True,
        cwd=folder,
        env={**clean, **PYTEST_ALONE, "PYTHONUTF8": "1"},
        encoding="utf-8",
        check=False,
    )
    assert "1 passed" in run.stdout, run.stdout + copied
