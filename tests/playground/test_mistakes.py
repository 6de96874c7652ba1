"""What goes wrong is shown where it went wrong, and what to do about it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page

from onebot_simple.playground.source_files import stamps

from ..peers import wait_until
from .conftest import free_port, options
from .visits import IDLE, expect, run_as_test, save, visited

BOOM = """import os
from onebot_simple import WsClient, segment

bot = WsClient(os.getenv("ONEBOT_URL", "ws://127.0.0.1:3001"))


@bot.on_command("boom")
def boom(event):
    return str(1 / 0)


@bot.on_command("quiet")
def quiet(event):
    bot.set_group_card(event["group_id"], event["user_id"], card="静静")
    return [segment.reply(event["message_id"]), "好的"]


@bot.on("notice.notify.poke")
def poked(event):
    raise ValueError("疼")


bot.run()
"""


def test_a_teacher_sees_the_error_mends_it_sends_again_and_runs_the_copied_test(
    tab: Page, tmp_path: Path
) -> None:
    with visited(tab, BOOM, tmp_path, width=853, height=600) as visit:
        page = visit.page
        visit.expect_lamp("ws")
        visit.open_group()
        visit.say("/boom")
        error = page.locator(".message", has_text="/boom").locator(".error")
        expect(error.locator("summary")).to_have_text(
            "❌ boom · ZeroDivisionError · bot.py:9: division by zero"
        )
        error.locator("summary").click()
        expect(error.locator("pre")).to_contain_text("return str(1 / 0)")
        expect(error.locator("pre")).not_to_contain_text("onebot_simple")  # the reader's code only
        expect(page.locator("#bot .dot.on")).to_be_visible()  # the bot lives on
        expect(page.locator("#bot")).to_contain_text("❌ 1")

        save(tmp_path / "bot.py", BOOM.replace("1 / 0", "1 / 2"))
        # both runs have said so
        wait_until(lambda: visit.playground.bot_status["output"].count("connected to") == 2, 20)
        visit.expect_lamp("ws")
        expect(page.locator("#bot")).not_to_contain_text("❌")
        page.locator("#text").press("ArrowUp")
        visit.expect_answer("0.5")
        visit.say("/quiet")
        visit.expect_answer("Alice: /quiet好的")

        page.get_by_role("button", name="复制成测试").click()
        copied = page.locator("dialog pre").inner_text()
        clipboard = "navigator.clipboard.readText()"
        wait_until(lambda: page.evaluate(clipboard).strip() == copied.strip())
    assert "1 / 0" not in copied and "expect_error" not in copied  # only since the restart
    assert "qq.wait_call('set_group_card'" in copied
    run_as_test(copied, tmp_path)


def test_an_error_of_a_notice_stands_in_its_chat_and_leads_to_its_event(
    tab: Page, tmp_path: Path
) -> None:
    with visited(tab, BOOM, tmp_path) as visit:
        visit.expect_lamp("ws")
        visit.open_group()
        visit.page.locator("[data-tray=more]").click()
        visit.page.get_by_role("button", name="戳一戳机器人").click()
        summary = visit.page.locator(".alone .error summary")
        expect(summary).to_have_text(re.compile("^❌ poked · ValueError · bot.py:20: 疼$"))
        summary.click()
        expect(visit.page.locator(".frame.linked .title")).to_have_text("notice.notify.poke")
        visit.page.get_by_role("button", name="复制成测试").click()
        copied = visit.page.locator("dialog pre").inner_text()
    assert "qq.poke(20001, 10001)" in copied and "qq.expect_error(ValueError)" in copied
    run_as_test(copied, tmp_path)


def test_an_error_of_two_sentences_keeps_its_advice(tab: Page, tmp_path: Path) -> None:
    with visited(tab, BOOM.replace("str(1 / 0)", "5"), tmp_path) as visit:
        visit.expect_lamp("ws")
        visit.say("/boom")
        summary = visit.page.locator(".error summary")
        expect(summary).to_contain_text("boom 返回了 5（int），不能当回答。")
        expect(summary).to_contain_text("数字写成 str(42)")


def test_a_message_that_no_bot_received_says_so(tab: Page, tmp_path: Path) -> None:
    with visited(tab, IDLE, tmp_path) as visit:
        visit.say("hello?")
        lost = visit.page.locator(".message .lost")
        expect(lost).to_have_text("⚠ 没有送到：没有机器人连着")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("import schedule_xyz", "python -m pip install schedule_xyz"),
        ("import yaml_.x", "python -m pip install yaml_"),
        ("from onebot import WsClient", "没有模块 onebot。拼对了吗？这个库叫 onebot_simple。"),
        (BOOM.replace("bot.run()", "print('ready')"), "bot.run()"),
        (BOOM.replace("bot.run()", "bot.run  # here it goes"), "要写 bot.run()，带括号"),
        ("print('first line')\nx = [1,\n", "SyntaxError · bot.py:2"),
        ("for n in range(99):\n    print(f'line {n}')\n1 / 0", "ZeroDivisionError · bot.py:3"),
    ],
)
def test_why_there_is_no_bot_is_said_with_what_to_do(
    tab: Page, tmp_path: Path, source: str, words: str
) -> None:
    with visited(tab, source, tmp_path) as visit:
        expect(visit.page.locator("#alert")).to_contain_text(words)
        if "range" in source:  # the end of this run, and not the beginning
            expect(visit.page.locator("#alert pre")).to_contain_text("line 98")
            expect(visit.page.locator("#alert pre")).not_to_contain_text("line 1\n")
            save(tmp_path / "bot.py", "raise SystemExit('other')")
            expect(visit.page.locator("#alert pre")).to_have_text("other")


def test_a_bot_that_goes_to_another_port_is_told_where_to_go(tab: Page, tmp_path: Path) -> None:
    elsewhere = f"ws://127.0.0.1:{free_port()}"
    lost = BOOM.replace('os.getenv("ONEBOT_URL", "ws://127.0.0.1:3001")', repr(elsewhere))
    with visited(tab, lost, tmp_path) as visit:
        alert = visit.page.locator("#alert")
        home = visit.playground.simulator.ws_url
        expect(alert).to_contain_text(f"练习场的 WebSocket 在 {home}，它连的是这里吗？")
        expect(alert).to_contain_text(f"❌ 连不上 {elsewhere}：对方拒绝连接。")
        expect(alert.locator("pre")).to_be_hidden()
        visit.page.locator("#language").click()
        expect(alert).to_contain_text(f"❌ Cannot connect to {elsewhere}: connection refused.")
        visit.page.locator("#language").click()
        save(tmp_path / "bot.py", IDLE)
        expect(alert).to_be_hidden()  # what the run before has said is over
        save(tmp_path / "bot.py", lost)
        expect(alert).to_be_visible()
        save(tmp_path / "bot.py", lost.replace(elsewhere, home))
        visit.expect_lamp("ws")
        expect(alert).to_be_hidden()


SERVER = "from onebot_simple import {0}\nbot = {0}(port={1})\nbot.run()"


@pytest.mark.parametrize("name", ["WsServer", "EventServer"])
def test_a_server_that_waits_at_another_port_is_told_where_the_playground_goes(
    tab: Page, tmp_path: Path, name: str
) -> None:
    given = options(tmp_path / "bot.py")
    ports = {"WsServer": given.reverse_url, "EventServer": given.post_url}
    right = re.sub(r"\D", "", ports.pop(name).split(":")[2])
    # where the playground goes for the other kind of server is wrong, too
    wrong = re.sub(r"\D", "", ports.popitem()[1].split(":")[2])
    with visited(tab, SERVER.format(name, wrong), tmp_path, given=given) as visit:
        alert = visit.page.locator("#alert")
        expect(alert).to_contain_text(f"写 port={right}")
        visit.page.locator("#language").click()
        expect(alert).to_contain_text(f"write port={right}")
        save(tmp_path / "bot.py", SERVER.format(name, right))
        lines = visit.page.locator("#lines")
        expect(lines).to_contain_text(re.compile(f"listening on \\w+://127.0.0.1:{right}"))
        expect(alert).to_be_hidden()


def test_a_websocket_client_that_goes_to_the_http_api_is_told_so(tab: Page, tmp_path: Path) -> None:
    with visited(tab, IDLE, tmp_path) as visit:
        there = visit.playground.simulator.http_url.replace("http", "ws")
        save(tmp_path / "bot.py", re.sub(r"os.getenv\(.*\)\)", f"{there!r})", BOOM))
        reason = visit.page.locator("#alert p").last
        expect(reason).to_contain_text("端口写成 HTTP 服务器的了吗？")
        expect(reason).not_to_contain_text("Is it the port of the HTTP server?")
        visit.page.locator("#language").click()
        expect(reason).to_contain_text("Is it the port of the HTTP server?")


WARNED = BOOM.replace("1 / 0", "{}['长' * 500 + ' the end']").replace("notify.poke", "unheard_of")


def test_a_warning_is_seen_in_the_chat_and_a_long_error_to_its_end(
    tab: Page, tmp_path: Path
) -> None:
    with visited(tab, WARNED, tmp_path) as visit:
        visit.expect_lamp("ws")
        expect(visit.page.locator(".warning summary")).to_contain_text('⚠ 不认识事件 "notice.un')
        expect(visit.page.locator("#bot")).not_to_contain_text("❌")
        visit.say("/boom")
        expect(visit.page.locator(".message .error summary")).to_contain_text("the end")
        expect(visit.page.locator("#bot")).to_contain_text("❌ 1")
        visit.page.locator("#language").click()
        visit.page.set_viewport_size({"width": 390, "height": 800})
        for part in ("#bot", "#bot small"):  # not even there are the English words cut off
            width = f"document.querySelector('{part}').scrollWidth"
            room = f"document.querySelector('{part}').clientWidth"
            assert visit.page.evaluate(f"{width} <= Math.max({room}, 1)"), part


TICK = "@bot.every(0.1)\ndef tick():\n    print('tick')\n\n\nbot.run()"


def test_a_bot_that_prints_while_it_is_not_connected_is_told_so_all_the_time(
    tab: Page, tmp_path: Path
) -> None:
    lost = BOOM.replace('os.getenv("ONEBOT_URL", "ws://127.0.0.1:3001")', "'ws://127.0.0.1:1'")
    with visited(tab, lost.replace("bot.run()", TICK), tmp_path) as visit:
        lines = visit.page.locator("#lines")
        expect(lines).to_contain_text("Trying again in")
        expect(lines).to_contain_text(re.compile("Trying again in.*tick"))
        ends = "document.querySelector('#lines .out:last-child').textContent === 'tick'"
        wait_until(
            lambda: visit.page.evaluate(f"{ends} && !document.querySelector('#alert').hidden")
        )


CALLS = """import os
from onebot_simple import EventServer, HttpClient

bot = EventServer(port=int(os.environ["ONEBOT_PORT"]), api=HttpClient("http://127.0.0.1:1"))


@bot.every(0.1)
def call():
    bot.api.get_status()


bot.run()
"""
TWO = """import os
from onebot_simple import WsClient, WsServer

with {} as good:
    events = good.events()
    print("listens")
    next(events)
    WsClient("ws://127.0.0.1:1").run()
"""
AT_HOME = ["WsClient(os.environ['ONEBOT_URL'])", "WsServer(port=int(os.environ['ONEBOT_PORT']))"]


LATER = """import logging, os, time
from pathlib import Path
from onebot_simple import WsClient

logging.basicConfig(level={!r})
lost, good = WsClient("ws://127.0.0.1:1"), WsClient(os.environ["ONEBOT_URL"])


@lost.every(0.1)
def look():
    if Path(__file__).with_name("enough").exists():
        lost.stop()


lost.run()
{}
time.sleep(600)
"""


def test_a_bot_that_connects_without_a_word_is_no_longer_told(tab: Page, tmp_path: Path) -> None:
    with visited(tab, LATER.format("WARNING", "good.start()"), tmp_path) as visit:
        alert = visit.page.locator("#alert")
        expect(alert).to_be_visible()
        (tmp_path / "enough").touch()
        visit.expect_lamp("ws")
        expect(alert).to_be_hidden()


def test_a_bot_that_was_connected_is_not_told_of_the_time_before(tab: Page, tmp_path: Path) -> None:
    then = "with good:\n    time.sleep(0.5)\ntime.sleep(0.5)\nprint('over')"
    with visited(tab, LATER.format("INFO", then), tmp_path) as visit:
        expect(visit.page.locator("#alert")).to_be_visible()
        (tmp_path / "enough").touch()
        expect(visit.page.locator("#lines")).to_contain_text("over")
        expect(visit.page.locator("[data-name=ws] .dot.on")).to_have_count(0)
        expect(visit.page.locator("#alert")).to_be_hidden()


@pytest.mark.parametrize("english", [False, True], ids=["Chinese", "English"])
def test_a_call_that_goes_nowhere_is_no_websocket_that_is_not_connected(
    tab: Page, tmp_path: Path, english: bool
) -> None:
    with visited(tab, CALLS, tmp_path) as visit:
        if english:
            visit.page.locator("#language").click()
        expect(visit.page.locator("#lines")).to_contain_text("Cannot connect to http://")
        expect(visit.page.locator("#alert")).to_be_hidden()


@pytest.mark.parametrize("good", AT_HOME, ids=["WsClient", "WsServer"])
def test_a_bot_that_is_connected_may_try_in_vain_elsewhere(
    tab: Page, tmp_path: Path, good: str
) -> None:
    with visited(tab, TWO.format(good), tmp_path) as visit:
        visit.expect_lamp("ws" if "Client" in good else "ws_reverse")
        expect(visit.page.locator("#lines")).to_contain_text("listens")
        visit.say("hi")  # whatever comes lets it go on
        expect(visit.page.locator("#lines")).to_contain_text("Trying again in")
        expect(visit.page.locator("#alert")).to_be_hidden()


@pytest.mark.parametrize(
    ("name", "source"),
    [("logging", "x = 1"), ("random", "import onebot_simple\nonebot_simple.WsClient")],
)
def test_a_file_that_hides_a_module_of_python_is_named(
    tab: Page, tmp_path: Path, name: str, source: str
) -> None:
    (tmp_path / f"{name}.py").write_text(source, encoding="utf-8")
    with visited(tab, f"import {name}\n{BOOM}", tmp_path) as visit:
        expect(visit.page.locator("#alert")).to_contain_text(f"{name} 模块重名")


def test_the_output_is_a_pane_that_follows(tab: Page, tmp_path: Path) -> None:
    talkative = "import time\nfor n in range(500):\n    print('line', n)\n    time.sleep(0.002)\n"
    with visited(tab, talkative + IDLE, tmp_path) as visit:
        visit.page.locator("#bot").click()
        expect(visit.page.locator("#lines")).to_contain_text("line 499")
        visit.expect_at_end("#lines")
        visit.page.locator("#output-close").click()
        expect(visit.page.locator("#output")).to_be_hidden()


def test_another_file_of_the_folder_restarts_the_bot_but_none_of_a_hidden_or_virtual_one(
    tmp_path: Path, tab: Page
) -> None:
    helper, venv, hidden = tmp_path / "lib" / "helper.py", tmp_path / "env", tmp_path / ".git"
    for folder in (helper.parent, venv, hidden):
        folder.mkdir()
    helper.write_text("WORD = 'one'", encoding="utf-8")
    (venv / "pyvenv.cfg").touch()
    source = f"from lib.helper import WORD\nprint('says', WORD, flush=True)\n{IDLE}"
    with visited(tab, source, tmp_path) as visit:
        lines = visit.page.locator("#lines")
        expect(lines).to_contain_text("says one")
        for folder in (venv, hidden):
            (folder / "other.py").write_text("1", encoding="utf-8")
        assert {Path(name).name for name in stamps(tmp_path / "bot.py")} == {"bot.py", "helper.py"}
        save(helper, "WORD = 'three'")
        expect(lines).to_contain_text("says three")


def test_the_last_message_can_be_sent_again_after_each_restart(tab: Page, tmp_path: Path) -> None:
    with visited(tab, BOOM, tmp_path) as visit:
        visit.expect_lamp("ws")
        visit.say("/boom")
        expect(visit.page.locator(".error")).to_have_count(1)
        visit.page.locator("#bot").click()
        visit.page.get_by_label("重启后把上一句再发一次").check()
        save(tmp_path / "bot.py", BOOM.replace("1 / 0", "1 / 4"))
        visit.expect_answer("0.25")
        assert visit.bubbles("/boom") == 2
