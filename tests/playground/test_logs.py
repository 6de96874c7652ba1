"""Both logs: what follows, what caused what, the filter; small windows, keys, colours."""

from __future__ import annotations

import json
import os
import struct
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zlib import compress, crc32

import pytest
from playwright.sync_api import Page
from websocket import WebSocket, create_connection

from ..peers import wait_until
from .conftest import free_port, options
from .visits import IDLE, Visit, expect, visited

AXE = os.environ.get("AXE_CORE")  # axe.min.js, as `npm pack axe-core` brings it


FOUR = """import os
import time
from onebot_simple import EventServer, HttpClient, WsClient, WsServer, segment

api = HttpClient("http://127.0.0.1:{2}")
bots = WsClient(os.environ["ONEBOT_URL"]), WsServer(port={1}), EventServer(port={0}, api=api)


@bots[0].on_message
def forward(event):
    return "forward " + segment.plain_text(event)


@bots[1].on_message
def reverse(event):
    return "reverse " + segment.plain_text(event)


@bots[2].on_message
def http(event):
    return "http " + segment.plain_text(event)


for bot in bots:
    bot.start()
print("ready")
time.sleep(600)
"""


@pytest.fixture
def visit(tab: Page, tmp_path: Path) -> Iterator[Visit]:
    """In front of a bot that does nothing: the test speaks for it."""
    with visited(tab, IDLE, tmp_path) as one:
        yield one


class Bot:
    """A hand-written bot: what it is told, and what it calls with which echo."""

    def __init__(self, visit: Visit) -> None:
        url = visit.playground.simulator.ws_url
        self.socket: WebSocket = create_connection(url, suppress_origin=True, timeout=5)
        self.visit = visit

    def __enter__(self) -> Bot:
        self.visit.expect_lamp("ws")
        return self

    def __exit__(self, *error: object) -> None:
        self.socket.close()

    def hear(self, text: str) -> int:
        """The message_id of the message with this text."""
        while True:
            event = json.loads(self.socket.recv())
            if event.get("raw_message") == text:
                return int(event["message_id"])

    def call(self, action: str, echo: str, /, **params: Any) -> None:
        self.socket.send(json.dumps({"action": action, "params": params, "echo": echo}))


def expect_linked(visit: Visit, *texts: str) -> None:
    expect(visit.page.locator(".message.linked .bubble")).to_have_text(list(texts))


class TestFollowing:
    def test_the_wire_log_follows_through_bursts_panels_and_a_reload(self, visit: Visit) -> None:
        simulator, page = visit.playground.simulator, visit.page
        with Bot(visit):
            for burst in (1, 2, 3):
                for number in range(100):
                    simulator.send_raw(f'{{"n": {number}}}')
                expect(page.locator(".frame.raw")).to_have_count(100 * burst)
                visit.expect_at_end("#frames")
            page.locator("#faults summary").click()
            visit.expect_at_end("#frames")
            page.set_viewport_size({"width": 1200, "height": 600})
            visit.expect_at_end("#frames")
            page.reload()
            expect(page.locator(".frame.raw")).to_have_count(300)
            visit.expect_at_end("#frames")
            simulator.send_raw("the last")
            expect(page.locator(".frame", has_text="the last")).to_be_in_viewport()

    def test_who_scrolls_up_stays_there_and_is_told_how_much_is_new(self, visit: Visit) -> None:
        simulator, page = visit.playground.simulator, visit.page
        with Bot(visit):
            for number in range(60):
                simulator.send_raw(f"frame {number}")
            expect(page.locator(".frame.raw")).to_have_count(60)
            visit.expect_at_end("#frames")
            visit.scroll_up("#frames", 600)
            simulator.send_raw("one more")
            newer = page.locator("#frames + .newer")
            expect(newer).to_have_text("↓ 1 条新的")
            assert not visit.is_at_end("#frames")
            newer.click()
            visit.expect_at_end("#frames")
            expect(newer).to_be_hidden()

    def test_ones_own_message_is_always_shown(self, visit: Visit) -> None:
        simulator, page = visit.playground.simulator, visit.page
        for number in range(40):
            simulator.send_private(f"word {number}")
        expect(page.locator(".bubble")).to_have_count(40)
        visit.expect_at_end("#messages")
        visit.scroll_up("#messages", 900)
        simulator.send_private("unseen")
        expect(page.locator("#messages + .newer")).to_have_text("↓ 1 条新的")
        visit.say("here I am")
        expect(page.locator(".bubble", has_text="here I am")).to_be_in_viewport()
        visit.expect_at_end("#messages")

    def test_a_picture_that_takes_its_time_to_load_is_followed_too(self, visit: Visit) -> None:
        for number in range(20):
            visit.playground.simulator.send_private(f"word {number}")
        source = "base64://" + b64encode(square(300)).decode()
        visit.playground.simulator.send_private(
            [{"type": "image", "data": {"file": source}}, {"type": "text", "data": {"text": "end"}}]
        )
        picture = visit.page.locator(".bubble img")
        wait_until(lambda: picture.evaluate("one => one.naturalWidth") == 300)
        visit.expect_at_end("#messages")
        expect(visit.page.locator("#messages + .newer")).to_be_hidden()

    def test_a_frame_that_is_read_is_not_pushed_away(self, visit: Visit) -> None:
        page, simulator = visit.page, visit.playground.simulator
        with Bot(visit):
            for number in range(40):
                simulator.send_raw(f"frame {number}")
            summary = page.locator(".frame.raw summary").last
            expect(summary).to_contain_text("frame 39")
            summary.click()
            visit.expect_to_stay("#frames")
            for number in range(40):
                simulator.send_raw(f"later {number}")
            expect(page.locator("#frames + .newer")).to_have_text("↓ 40 条新的")
            opened = page.locator(".frame[open] summary")
            expect(opened).to_be_in_viewport()
            # soon after a click, the page may take its own scroll for the reader's
            page.wait_for_timeout(500)
            opened.click()
            visit.expect_at_end("#frames")


def square(side: int) -> bytes:
    """A grey PNG."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    rows = compress((b"\0" + b"\x80" * side) * side)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        [chunk(b"IHDR", header), chunk(b"IDAT", rows), chunk(b"IEND", b"")]
    )


class TestCauses:
    def test_a_slow_answer_is_linked_to_what_it_answers_and_not_to_what_came_later(
        self, visit: Visit
    ) -> None:
        visit.open_group()
        with Bot(visit) as bot:
            visit.say("first")
            first = bot.hear("first")
            visit.say("second")
            bot.hear("second")
            echo = f"{first}:order@bot.py:28:17:9f3a01cc"
            bot.call("send_group_msg", echo, group_id=30001, message="slow")
            visit.expect_answer("slow")
            visit.page.locator(".message.from-bot .bubble").click()
        expect_linked(visit, "first", "slow")
        expect(visit.page.locator("#chosen .cause")).to_contain_text("order() · bot.py:28")
        expect(visit.page.locator(".frame.call .meta")).to_contain_text("order() bot.py:28")
        expect(visit.page.locator(".frame.call .ms")).to_contain_text("ms")

    def test_with_four_transports_at_once_each_answer_leads_to_its_own_event(
        self, tab: Page, tmp_path: Path
    ) -> None:
        given = options(tmp_path / "bot.py")
        given.http_port = free_port()
        ports = [urlsplit(url).port for url in (given.post_url, given.reverse_url)]
        ports.append(given.http_port)
        with visited(tab, FOUR.format(*ports), tmp_path, given=given) as visit:
            wait_until(lambda: "ready" in visit.playground.bot_status["output"], 20)
            visit.expect_lamp("ws")
            visit.expect_lamp("ws_reverse")
            visit.open_group()
            answers = visit.page.locator(".message.from-bot .bubble")
            for count, word in enumerate(("one", "two"), 1):
                visit.say(word)
                expect(answers).to_have_count(3 * count)
                # the same three messages were answered, and so were the calls and a post
                expect(visit.page.locator(".frame.response")).to_have_count(4 * count)
            for index, text in enumerate(answers.all_inner_texts()):
                name, word = text.split()
                answers.nth(index).click()
                chosen = visit.page.locator("#chosen .cause")
                expect(chosen).to_contain_text("大概" if name == "http" else f"{name}() · bot.py:")
                expect_linked(visit, word, text)

    def test_without_an_echo_that_tells_it_the_page_says_probably(self, visit: Visit) -> None:
        with Bot(visit) as bot:
            visit.say("hi")
            bot.hear("hi")
            bot.call("send_private_msg", "17", user_id=20001, message="yes")
            visit.expect_answer("yes")
            visit.page.locator(".message.from-bot .bubble").click()
        expect_linked(visit, "hi", "yes")
        expect(visit.page.locator("#chosen .cause")).to_contain_text("大概")


def test_the_filter_finds_chinese_takes_several_words_and_hides_nothing_that_was_clicked(
    visit: Visit,
) -> None:
    page = visit.page
    with Bot(visit) as bot:
        visit.say("苹果")
        bot.hear("苹果")
        bot.call("send_msg", "1", user_id=20001, message="红苹果")
        visit.expect_answer("红苹果")
        expect(page.locator(".frame.response")).to_have_count(1)
        kinds = page.locator(".frame:visible .kind")
        page.fill("#filter", "苹果")
        expect(kinds).to_have_text(["事件", "调用"])
        page.fill("#filter", "苹果 -红")
        expect(kinds).to_have_text(["事件"])
        page.fill("#filter", "send_msg 20001")
        expect(kinds).to_have_text(["调用"])
        page.fill("#filter", "nothing has this")
        expect(kinds).to_have_count(0)
        page.locator(".message.mine .bubble").click()
        expect(kinds).to_have_text(["事件", "调用", "响应"])
        page.locator(".frame.call summary").click()
        expect(page.locator(".frame.call pre")).to_contain_text("红苹果")
        page.get_by_role("button", name="复制这一帧").click()
        expect(page.locator("#toast")).to_have_text("已复制")
        assert "红苹果" in page.evaluate("navigator.clipboard.readText()")


class TestWindows:
    def test_at_150_percent_one_can_write_and_sees_both_logs(self, visit: Visit) -> None:
        visit.page.set_viewport_size({"width": 853, "height": 600})
        visit.open_group()
        sizes = visit.page.evaluate(
            "['#text', '#messages', '#frames'].map((name) => "
            "document.querySelector(name).getBoundingClientRect().toJSON())"
        )
        assert sizes[0]["width"] > 250
        assert all(size["height"] > 150 for size in sizes[1:])
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= 853

    @pytest.mark.parametrize(("width", "height"), [(360, 740), (640, 400)])
    def test_nothing_is_cut_off_on_a_small_page(
        self, visit: Visit, width: int, height: int
    ) -> None:
        page = visit.page
        page.set_viewport_size({"width": width, "height": height})
        for tab in ("chats", "talk", "wire", "output"):
            page.locator(f"#tabs [data-tab={tab}]").click()
            expect(page.locator(f"#{tab}")).to_be_visible()
            cut = page.evaluate(
                "[...document.querySelectorAll('button, input, textarea')].filter((one) => "
                "one.checkVisibility() && !one.closest('.tools') && "
                "one.getBoundingClientRect().right > innerWidth + 1).map((one) => one.outerHTML)"
            )
            assert cut == []
        page.locator("#tabs [data-tab=wire]").click()
        with Bot(visit):
            expect(page.locator(".frame")).to_have_count(3)
        room = page.evaluate("document.querySelector('#frames').clientHeight")
        row = page.evaluate("document.querySelector('.frame').offsetHeight")
        assert room >= 3 * row

    def test_large_type_and_flat_rows_are_kept(self, visit: Visit) -> None:
        page = visit.page
        with Bot(visit):
            expect(page.locator(".frame")).to_have_count(3)
        tall = page.locator(".frame").first.bounding_box()
        page.get_by_role("button", name="大字").click()
        page.get_by_role("button", name="单行").click()
        page.reload()
        expect(page.locator("html")).to_have_class("large")
        flat = page.locator(".frame").first.bounding_box()
        assert tall and flat and flat["height"] < tall["height"]


def test_five_hundred_bubbles_take_one_tab_stop_and_their_buttons_few(visit: Visit) -> None:
    page = visit.page
    for number in range(250):
        visit.playground.simulator.send_private(f"word {number}")
    expect(page.locator(".bubble")).to_have_count(250)
    stops = (
        "[...document.querySelectorAll('#messages *')].filter((one) => one.tabIndex >= 0"
        " && one.checkVisibility()).length"
    )
    assert page.evaluate(stops) <= 4  # the newest, and what it offers
    page.locator(".bubble").nth(100).click()
    page.keyboard.press("ArrowUp")
    assert page.evaluate("document.activeElement.textContent") == "word 99"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "回复"
    assert page.evaluate(stops) <= 4


def test_forced_colours_leave_it_readable(visit: Visit) -> None:
    page = visit.page
    page.emulate_media(forced_colors="active")
    visit.say("hello")
    page.locator(".bubble").click()
    outline = "getComputedStyle(document.querySelector('.linked .bubble')).outlineStyle"
    assert page.evaluate(outline) == "solid"
    border = "getComputedStyle(document.querySelector('.bubble')).borderTopStyle"
    assert page.evaluate(border) == "solid"


@pytest.mark.skipif(not AXE, reason="AXE_CORE does not say where axe.min.js is")
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing(tab: Page, tmp_path: Path, theme: str) -> None:
    broken = "raise ValueError('x')"
    with visited(tab, broken, tmp_path) as visit:
        page = visit.page
        page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
        page.evaluate(f"localStorage.theme = '{theme}'")
        page.reload()
        expect(page.locator("#alert")).to_be_visible()
        visit.open_group()
        visit.say("hello")
        page.locator("#bot").click()
        page.locator("#faults summary").click()
        assert AXE
        page.evaluate(Path(AXE).read_text(encoding="utf-8"))
        for opened in ("", "#people", "#by-hand", "#log-file"):
            if opened:
                page.locator(opened).click()
            found = page.evaluate("axe.run().then((all) => all.violations)")
            assert [(one["id"], [n["html"] for n in one["nodes"]]) for one in found] == []
            page.keyboard.press("Escape")
