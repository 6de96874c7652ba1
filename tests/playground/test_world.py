"""What else the page can do: people and groups, frames by hand, logs, files, the next run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page
from websocket import create_connection

from onebot_simple.playground.playground import Playground

from ..peers import wait_until
from .conftest import free_port, options
from .visits import IDLE, Visit, expect, visited


@pytest.fixture
def visit(tab: Page, tmp_path: Path) -> Iterator[Visit]:
    """In front of a bot that does nothing: the test speaks for it."""
    with visited(tab, IDLE, tmp_path) as one:
        yield one


def choose_more(page: Page, name: str) -> None:
    page.locator("[data-tray=more]").click()
    page.locator("#tray").get_by_role("button", name=name).click()


class TestPeople:
    def test_roles_are_shown_and_changed_and_who_left_comes_back(self, visit: Visit) -> None:
        page = visit.page
        visit.open_group()
        expect(page.locator("#speakers label", has_text="Bob")).to_have_text("Bob 管理员")
        page.get_by_role("button", name="成员", exact=True).click()
        page.get_by_label("角色 Carol").select_option("admin")
        expect(page.locator("#speakers")).to_contain_text("Carol 管理员")
        page.get_by_label("名片 Carol").fill("班长")
        page.get_by_label("名片 Carol").press("Tab")
        expect(page.locator("#speakers")).to_contain_text("班长 管理员")
        page.locator("dialog li", has_text="20002").get_by_role("button", name="移出群").click()
        page.locator("dialog").get_by_role("button", name="Bob 回来").click()
        expect(page.locator("dialog li", has_text="20002")).to_be_visible()
        page.get_by_label("新的人的昵称").fill("小明")
        page.locator("dialog form").first.get_by_role("button", name="添加").click()
        page.locator("dialog").get_by_role("button", name="小明 进群").click()
        expect(page.locator("#speakers")).to_contain_text("小明")
        page.locator("dialog").get_by_role("button", name="全部恢复原样").click()
        expect(page.locator("#speakers label")).to_have_count(3)

    def test_when_everybody_has_left_the_page_still_works(self, visit: Visit) -> None:
        visit.open_group()
        for name in ("Alice", "Bob", "Carol"):
            choose_more(visit.page, f"{name} 退群")
            expect(visit.page.locator(".notice", has_text=f"{name} 退群了")).to_be_visible()
        visit.say("nobody")
        expect(visit.page.locator("#toast")).not_to_have_text("")
        assert visit.page.input_value("#text") == "nobody"

    def test_who_may_recall_what_is_as_in_qq(self, visit: Visit) -> None:
        visit.open_group()
        visit.playground.simulator.send_group("by Carol", user=20003)
        message = visit.page.locator(".message", has_text="by Carol")
        recall = message.get_by_role("button", name="撤回")
        expect(message).to_be_visible()
        expect(recall).to_have_count(0)  # Alice is a plain member
        visit.page.get_by_label("Bob", exact=True).check(force=True)
        message.hover()
        recall.click()
        expect(visit.page.locator(".notice")).to_have_text("Bob 撤回了一条消息")


class TestByHand:
    def test_an_event_and_a_call_are_sent_and_what_is_not_valid_changes_nothing(
        self, visit: Visit
    ) -> None:
        page = visit.page
        page.get_by_role("button", name="手写").click()
        text, send = page.get_by_label("JSON"), page.locator("dialog [type=submit]")
        frames = visit.playground.simulator.wire.last_id
        for bad, words in (
            ("{", "不是 JSON"),
            ("[1]", "要一个 JSON 对象"),
            ('{"post_type": "nonsense"}', "post_type"),
        ):
            text.fill(bad)
            send.click()
            expect(page.locator("dialog .bad")).to_contain_text(words)
        assert visit.playground.simulator.wire.last_id == frames
        text.fill(
            '{"post_type": "notice", "notice_type": "notify", "sub_type": "title",'
            ' "group_id": 30001, "user_id": 20002, "title": "大师"}'
        )
        send.click()
        expect(page.locator("dialog .answer")).to_have_text("已推送")
        page.get_by_label("调用动作").check()
        text.fill('{"user_id": 20001, "message": "it\'s"}')
        page.get_by_label("动作", exact=True).fill("send_private_msg")
        page.get_by_role("button", name="复制成 curl").click()
        copied = "navigator.clipboard.readText()"
        wait_until(lambda: "send_private_msg -H" in page.evaluate(copied))
        assert "it'\\''s" in page.evaluate(copied)
        page.get_by_role("button", name="复制成 Python").click()
        expected = 'bot.call_action("send_private_msg", user_id=20001, message="it\'s")\n'
        wait_until(lambda: page.evaluate(copied) == expected)
        send.click()
        expect(page.locator("dialog .answer")).to_contain_text('"status": "ok"')
        page.keyboard.press("Escape")
        visit.expect_answer("it's")
        visit.open_group()
        expect(page.locator(".notice")).to_have_text("Bob 的头衔变成了 大师")

    def test_a_saved_log_is_replayed_and_a_broken_one_names_its_line(
        self, visit: Visit, tmp_path: Path
    ) -> None:
        page = visit.page
        page.get_by_role("button", name="手写").click()
        page.locator("dialog [type=submit]").click()
        page.keyboard.press("Escape")
        log = tmp_path / "day.jsonl"
        event = {
            "post_type": "message",
            "message_type": "private",
            "sub_type": "friend",
            "self_id": 777,
            "user_id": 90001,
            "message_id": 5,
            "time": 1,
            "raw_message": "从前",
            "message": "从前",
            "sender": {"nickname": "小红"},
        }
        frame = {"time": 1.5, "direction": "in", "transport": "ws", "frame": event}
        for lines, words in (('{"a"', "1"), (json.dumps(frame), "已重放 1 个事件")):
            log.write_text(lines + "\n", encoding="utf-8")
            page.get_by_role("button", name="存取").click()
            page.get_by_label("选一份日志").set_input_files(str(log))
            expect(page.locator("#toast")).to_contain_text(words)
            page.keyboard.press("Escape")
        page.locator("[data-chat=p90001]").click()
        expect(page.locator(".bubble")).to_have_text("从前")
        expect(page.locator("#chat-name")).to_have_text("小红")


HEARS = """import os
from onebot_simple import WsClient, segment
bot = WsClient(os.environ["ONEBOT_URL"])
bot.on_message(lambda event: "heard " + segment.plain_text(event))
bot.run()
"""


def test_the_command_replays_a_log_to_the_bot(browser: Browser, tmp_path: Path) -> None:
    log, file = tmp_path / "day.jsonl", tmp_path / "bot.py"
    file.write_text(HEARS, encoding="utf-8")
    event = {
        "post_type": "message",
        "message_type": "group",
        "sub_type": "normal",
        "self_id": 777,
        "user_id": 20002,
        "group_id": 30001,
        "message_id": 5,
        "time": 1,
        "raw_message": "from real life",
        "message": "from real life",
        "sender": {},
    }
    log.write_text(json.dumps(event), encoding="utf-8")
    given = options(file)
    given.replay = str(log)
    playground = Playground(given)
    playground.start()
    try:
        simulator = playground.simulator
        assert simulator.wait_reply(20)["text"] == "heard from real life"
    finally:
        playground.stop()
    log.write_text("{}\n\n[1]\n", encoding="utf-8")
    with pytest.raises(ValueError, match="1"):
        Playground(given)


class TestShown:
    def test_requests_and_invitations_tell_what_became_of_them(self, visit: Visit) -> None:
        page = visit.page
        visit.open_group()
        requests = visit.playground.simulator.world.requests
        choose_more(page, "有人申请进群")
        page.get_by_role("button", name="确定").click()
        wait_until(lambda: len(requests) == 1)
        choose_more(page, "有人邀请机器人进新群")
        page.get_by_role("button", name="确定").click()
        # an invitation is shown in the chat of the new group, which the bot is not in yet
        wait_until(lambda: len(requests) == 2)
        flags = list(requests)
        settle(visit, flags[0], "add", False)
        expect(page.locator(".asks").first).to_have_text("机器人已拒绝")
        expect(page.locator("[data-chat=g30002]")).to_contain_text("邀请机器人进群 30002")
        settle(visit, flags[1], "invite", True)
        page.locator("[data-chat=g30002]").click()
        expect(page.locator(".asks")).to_have_text("机器人已同意")

    def test_cards_forwards_and_large_pictures_can_be_read(self, visit: Visit) -> None:
        page, act = visit.page, visit.playground.simulator
        nodes = [
            {
                "type": "node",
                "data": {
                    "user_id": 20001,
                    "nickname": "小红",
                    "content": [{"type": "text", "data": {"text": n}}],
                },
            }
            for n in ("one", "two", "three", "four")
        ]
        call(visit, "send_private_forward_msg", user_id=20001, messages=nodes)
        page.get_by_text("聊天记录（4 条）").click()
        expect(page.locator("dialog .node")).to_have_count(4)
        expect(page.locator("dialog .node").last).to_contain_text("four")
        page.keyboard.press("Escape")
        card = json.dumps({"app": "x", "prompt": "[分享] 天气", "meta": {"a": {"title": "晴"}}})
        call(
            visit,
            "send_private_msg",
            user_id=20001,
            message=[{"type": "json", "data": {"data": card}}],
        )
        expect(page.locator(".card").last).to_contain_text("[分享] 天气")
        act.send_private([{"type": "contact", "data": {"type": "qq", "id": "10001"}}])
        expect(page.locator(".card").last).to_contain_text("10001")

    def test_what_napcat_would_do_is_said_beside_the_call(self, visit: Visit) -> None:
        page = visit.page
        face = {"type": "face", "data": {"id": "99999"}}
        text = {"type": "text", "data": {"text": "hi"}}
        call(visit, "send_private_msg", user_id=20001, message=[face, text])
        note = page.locator(".frame.note .title")
        expect(note).to_contain_text("99999")
        chinese = note.inner_text()
        page.locator("#language").click()
        expect(note).not_to_have_text(chinese)
        expect(note).to_contain_text("99999")

    def test_at_completes_names_and_a_dropped_file_goes_along(
        self, visit: Visit, tmp_path: Path
    ) -> None:
        page = visit.page
        visit.open_group()
        page.locator("#text").press_sequentially("@ca")
        page.keyboard.press("Enter")
        assert page.input_value("#text") == "@Carol "
        page.evaluate(
            "const data = new DataTransfer(); data.items.add(new File(['a,b'], 'table.csv'));"
            "data.items.add(new File(['x'], 'voice.mp3', {type: 'audio/mpeg'}));"
            "document.querySelector('#talk').dispatchEvent("
            "new DragEvent('drop', {dataTransfer: data, bubbles: true, cancelable: true}))"
        )
        expect(page.locator("#pending span")).to_have_count(2)
        page.locator("#text").press("Enter")
        expect(page.locator(".bubble")).to_contain_text("table.csv")
        [message] = visit.playground.simulator.world.messages.values()
        at, text, *files = [part["type"] for part in message.segments]
        # files are read side by side, so any of them may be the first
        assert (at, text, sorted(files)) == ("at", "text", ["file", "record"])

    def test_the_draft_stays_with_its_chat_and_the_chat_survives_a_reload(
        self, visit: Visit
    ) -> None:
        page = visit.page
        page.fill("#text", "for Alice")
        visit.open_group()
        assert page.input_value("#text") == ""
        page.fill("#text", "for all")
        page.reload()
        expect(page.locator("[data-chat=g30001]")).to_have_attribute("aria-current", "true")
        assert page.input_value("#text") == "for all"
        page.locator("[data-chat=p20001]").click()
        assert page.input_value("#text") == "for Alice"
        expect(page.locator("#chat-about")).to_contain_text("你是 Alice，正在和机器人聊天")
        visit.playground.simulator.send_group("psst")
        wait_until(lambda: page.title() == "(1) OneBot 练习场")


def settle(visit: Visit, flag: str, kind: str, approve: bool) -> None:
    call(visit, "set_group_add_request", flag=flag, sub_type=kind, approve=approve)


def call(visit: Visit, action: str, **params: object) -> None:
    """As the page calls an action by hand."""
    wanted = {"action": action, "params": params}
    answer = visit.page.evaluate(
        "(wanted) => fetch('/do/call', {method: 'POST', body: JSON.stringify(wanted),"
        " headers: {'Content-Type': 'application/json'}}).then((answer) => answer.json())",
        wanted,
    )
    assert answer["result"]["status"] == "ok", answer


def test_what_came_while_paused_is_bounded_and_comes_on_resuming(visit: Visit) -> None:
    page, simulator = visit.page, visit.playground.simulator
    url = simulator.ws_url
    socket = create_connection(url, suppress_origin=True)
    try:
        visit.expect_lamp("ws")
        page.get_by_role("button", name="暂停").click()
        for number in range(2100):
            simulator.send_raw(str(number))
        wait_until(lambda: simulator.wire.last_id > 2100, 40)
        expect(page.locator("#count")).to_contain_text("新到 2000 帧")
        page.get_by_role("button", name="继续").click()
        expect(page.locator(".frame")).to_have_count(2000)
    finally:
        socket.close()


def test_an_old_tab_finds_the_next_run_by_itself(browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "bot.py"
    file.write_text(IDLE, encoding="utf-8")
    given = options(file)
    given.page_port = free_port()
    context = browser.new_context(locale="zh-CN")
    old = context.new_page()
    first = Playground(given)
    first.start()
    old.goto(first.page.link)
    old.fill("#text", "in the first")
    old.press("#text", "Enter")
    expect(old.locator(".bubble")).to_have_count(1)
    first.stop()
    expect(old.locator("#link")).not_to_have_text("")
    second = Playground(given)
    second.start()
    try:
        context.new_page().goto(second.page.link)  # as the command opens it
        expect(old.locator(".bubble")).to_have_count(0, timeout=30_000)
        expect(old.locator("#link")).to_have_text("")
        second.simulator.send_private("in the second")
        expect(old.locator(".bubble")).to_have_text("in the second")
    finally:
        context.close()
        second.stop()
