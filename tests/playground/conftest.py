"""The playground in this process, and a real browser to look at it."""

from __future__ import annotations

import argparse
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Error, Page, sync_playwright

from onebot_simple.playground.playground import Playground

from ..peers import free_port as free_port

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome", "msedge")
QUIETLY = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-smooth-scrolling",  # who has scrolled has arrived
]


def options(bot: Path | None = None, token: str | None = None) -> argparse.Namespace:
    """As from the command line, with free ports."""
    return argparse.Namespace(
        bot=bot and str(bot),
        token=token,
        http_port=0,
        ws_port=0,
        page_port=0,
        post_url=f"http://127.0.0.1:{free_port()}/",
        reverse_url=f"ws://127.0.0.1:{free_port()}",
        replay=None,
        no_browser=True,
    )


@pytest.fixture
def bot_file() -> Path | None:
    """None is the bundled bot; a test may ask for another by its parameter."""
    return None


@pytest.fixture
def playground(bot_file: Path | None) -> Iterator[Playground]:
    one = Playground(options(bot_file))
    one.start()
    yield one
    one.stop()


# for a module, not for a test: it has threads of its own, which last; and not for the session:
# while it is there, no other test could use asyncio
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    with sync_playwright() as playwright:
        try:
            one = playwright.chromium.launch(executable_path=path, args=QUIETLY)
        except Error as error:
            if os.environ.get("CI"):
                raise
            pytest.skip(f"no browser here 没有浏览器: {error.message.splitlines()[0]}")
        yield one
        one.close()


# one for all visits: a new one takes as long as everything else that most tests do
@pytest.fixture(scope="module")
def tab(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="zh-CN")
    context.set_default_timeout(20_000)
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    yield context.new_page()
    context.close()
