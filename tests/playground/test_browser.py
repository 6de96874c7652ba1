"""The page in a real browser: what a beginner does, and what an attacker tries."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from onebot_simple.playground.playground import Playground

from ..peers import wait_until
from .visits import Visit, expect, run_as_test, shown, visited

EVIL = "<img src=x onerror=document.body.id='hacked'>"


ECHO = """
import os
from onebot_simple import EventServer, HttpClient, WsServer, segment
bot = {bot}
@bot.on_message
def echo(event):
    return "echo: " + segment.plain_text(event)
bot.run()
"""
PORT = "port=int(os.environ['ONEBOT_PORT'])"
CONNECTED = 3  # frames: the handshake, its answer, the greeting
ANSWERED = 3  # more with each message that is answered: the event, the call, the response


@pytest.fixture
def visit(tab: Page, playground: Playground, bot_file: Path | None) -> Iterator[Visit]:
    with shown(tab, playground) as one:
        if bot_file is None:
            one.expect_lamp("ws")
            expect(one.page.locator(".frame")).to_have_count(CONNECTED)
        yield one


def test_alice_says_hello_and_the_bubble_shows_event_call_and_response(visit: Visit) -> None:
    visit.say("你好")
    visit.expect_answer("echo: 你好")
    visit.page.locator(".message.from-bot .bubble").click()
    linked = visit.page.locator(".frame.linked")
    expect(linked).to_have_count(3)
    assert [text.split()[0] for text in linked.locator(".kind").all_inner_texts()] == [
        "事件",
        "调用",
        "响应",
    ]
    titles = linked.locator(".title").all_inner_texts()
    assert titles == ["message.private", "send_msg", "ok"]
    expect(linked.nth(1).locator(".ms")).to_have_text(re.compile(r"[\d.]+ ms"))
    expect(visit.page.locator(".message.linked")).to_have_count(2)
    visit.page.get_by_role("button", name="只看这些").click()
    expect(visit.page.locator(".frame:visible")).to_have_count(3)


@pytest.fixture
def written(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    file = tmp_path / "bot.py"
    file.write_text(ECHO.format(bot=request.param), "utf-8")
    return file


class TestOtherTransports:
    @pytest.fixture
    def bot_file(self, written: Path) -> Path:
        return written

    @pytest.mark.parametrize("written", [f"EventServer({PORT})"], indirect=True)
    def test_an_answer_in_the_http_response_leads_to_its_event(self, visit: Visit) -> None:
        wait_until(lambda: "listening" in visit.playground.bot_status["output"], 20)
        visit.say("hi")
        visit.expect_answer("echo: hi")
        visit.expect_lamp("http_post")
        visit.page.locator(".message.from-bot .bubble").click()
        expect(visit.page.locator(".frame.linked .kind")).to_have_text(["事件", "响应"])
        expect(visit.page.locator(".message.linked")).to_have_count(2)

    @pytest.mark.parametrize(
        "written", [f"EventServer({PORT}, api=HttpClient(os.environ['ONEBOT_URL']))"], indirect=True
    )
    def test_an_answer_over_the_http_api_leads_to_the_event_that_was_posted(
        self, visit: Visit
    ) -> None:
        wait_until(lambda: "listening" in visit.playground.bot_status["output"], 20)
        visit.say("hi")
        visit.expect_answer("echo: hi")
        visit.expect_lamp("http_api")
        visit.page.locator(".message.from-bot .bubble").click()
        titles = visit.page.locator(".frame.linked .title")
        expect(titles).to_have_text(["message.private", "send_msg", "ok"])

    @pytest.mark.parametrize("written", [f"WsServer({PORT})"], indirect=True)
    def test_the_reverse_websocket_works_as_well(self, visit: Visit) -> None:
        visit.expect_lamp("ws_reverse")
        visit.say("hi")
        visit.expect_answer("echo: hi")
        visit.page.locator(".message.from-bot .bubble").click()
        expect(visit.page.locator(".frame.linked")).to_have_count(3)


def test_a_frame_opens_and_shows_which_bubbles_it_made(visit: Visit) -> None:
    visit.say("one")
    visit.expect_answer("echo: one")
    visit.say("two")
    visit.expect_answer("echo: two")
    visit.page.locator(".frame.call summary").first.click()
    expect(visit.page.locator(".message.linked .bubble")).to_have_text(["one", "echo: one"])
    expect(visit.page.locator(".frame.call pre").first).to_contain_text('"action": "send_msg"')


def test_every_handshake_is_in_the_log_with_its_headers(visit: Visit) -> None:
    visit.page.locator(".frame.handshake summary").first.click()
    expect(visit.page.locator(".frame.handshake pre").first).to_contain_text("Upgrade: websocket")


def test_bob_speaks_in_the_group_with_at_face_and_reply(visit: Visit) -> None:
    page = visit.page
    page.get_by_role("button", name="Lab").click()
    page.get_by_label("Bob", exact=True).check(force=True)
    page.get_by_role("button", name="@ 某人").click()
    page.get_by_role("button", name="@Bot").click()
    page.get_by_role("button", name="表情").click()
    page.get_by_role("button", name="👍").click()
    page.locator("#text").press_sequentially("hi")
    page.keyboard.press("Enter")
    visit.expect_answer("echo:  hi")
    message = list(visit.playground.simulator.world.messages.values())[0]
    assert message.user_id == 20002
    assert [part["type"] for part in message.segments] == ["at", "text", "face", "text"]
    page.locator(".message.from-bot").hover()
    page.locator(".message.from-bot").get_by_role("button", name="回复").click()
    visit.say("again")
    visit.expect_answer("echo: again")
    expect(page.locator(".message.mine blockquote")).to_have_text("Bot: echo:  hi")


def test_a_picture_is_sent_and_shown(visit: Visit, tmp_path: Path) -> None:
    file = tmp_path / "dot.png"
    dot = (
        "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
        "1f15c4890000000d49444154789c63fccfc0500f0004850180"
        "84a98c210000000049454e44ae426082"
    )
    file.write_bytes(bytes.fromhex(dot))
    visit.page.set_input_files("#file", str(file))
    expect(visit.page.get_by_role("img", name="dot.png")).to_be_visible()
    visit.page.press("#text", "Enter")
    image = visit.page.locator(".message .bubble img")
    expect(image).to_have_attribute("src", re.compile("^/file/"))
    assert image.evaluate("one => one.decode().then(() => one.naturalWidth)") == 1


ALBUM = """
import os
from onebot_simple import WsClient, segment
bot = WsClient(os.environ['ONEBOT_URL'])
bot.on_message(lambda event: segment.image(bytes(100_000)))
bot.run()
"""


def test_a_call_too_long_to_be_shown_whole_still_has_its_name(tab: Page, tmp_path: Path) -> None:
    with visited(tab, ALBUM, tmp_path) as visit:
        visit.expect_lamp("ws")
        visit.say("a picture, please")
        expect(visit.page.locator("#frames summary", has_text="send_msg")).to_be_visible()


def test_what_else_can_happen_in_a_group(visit: Visit) -> None:
    page = visit.page
    page.get_by_role("button", name="Lab").click()

    def deed(name: str) -> None:
        page.locator("[data-tray=more]").click()
        page.locator("#tray").get_by_role("button", name=name).click()

    deed("戳一戳机器人")
    expect(page.locator(".notice", has_text="Bot 戳了戳 Alice")).to_be_visible()
    deed("新人进群…")
    page.get_by_role("button", name="确定").click()
    expect(page.locator(".bubble", has_text="@Dave 欢迎")).to_be_visible()
    deed("Bob 禁言 Carol 1 分钟")
    expect(page.locator(".notice", has_text="Bob 禁言了 Carol")).to_be_visible()
    page.get_by_label(re.compile("Carol")).check(force=True)
    visit.say("mmm")
    expect(page.locator("#toast")).to_contain_text("禁言")
    assert page.input_value("#text") == "mmm"
    deed("Carol 退群")
    expect(page.locator(".notice", has_text="Carol 退群了")).to_be_visible()
    deed("有人申请进群…")
    page.get_by_role("button", name="确定").click()
    expect(page.locator(".asks", has_text="机器人已同意")).to_be_visible()
    deed("有人加好友…")
    page.get_by_role("button", name="确定").click()
    expect(page.locator("#private-list .chat")).to_have_count(4)


def test_everything_that_people_did_is_in_the_copied_test(visit: Visit, tmp_path: Path) -> None:
    qq = visit.playground.simulator
    visit.open_group()
    said = qq.send_group('"hi" \\ [CQ:face,id=1]', user=20002, at_bot=True)
    qq.wait_reply()
    qq.send_group("quoting", reply_to=said["message_id"])
    qq.wait_reply()
    qq.join(20004, "Dave")
    qq.wait_reply()
    qq.poke(20002)
    qq.wait_call("send_poke")
    qq.group_request(20005, "let me in", nickname="Eve")
    qq.wait_reply()
    qq.recall(said["message_id"])
    qq.leave(20003)
    expect(visit.page.locator(".notice", has_text="Carol 退群了")).to_be_visible()
    visit.page.get_by_role("button", name="复制成测试").click()
    copied = visit.page.locator("dialog pre").inner_text()
    for line in (
        "at_bot=True",
        'reply_to=message1["message_id"]',
        "qq.join(20004, 'Dave'",
        "qq.poke(20002, 10001)",
        "qq.wait_call('send_poke'",
        "qq.group_request(20005, 'let me in'",
        'qq.recall(message1["message_id"])',
        "qq.leave(20003",
    ):
        assert line in copied
    run_as_test(copied, tmp_path)


def test_a_recalled_message_is_crossed_out(visit: Visit) -> None:
    visit.say("oops")
    visit.expect_answer("echo: oops")
    visit.page.locator(".message.mine").hover()
    visit.page.locator(".message.mine").get_by_role("button", name="撤回").click()
    expect(visit.page.locator(".message.recalled .bubble")).to_contain_text("oops")
    expect(visit.page.locator(".notice")).to_have_text("Alice 撤回了一条消息")


def test_a_fault_happens_once_per_click(visit: Visit) -> None:
    page = visit.page
    page.locator("#faults summary").click()
    page.get_by_role("button", name="调用失败").click()
    expect(page.locator("[data-name=fail] .count")).to_have_text("1")
    visit.say("first")
    expect(page.locator(".frame.failed .title")).to_have_text("failed 1200")
    visit.say("second")
    visit.expect_answer("echo: second")
    expect(page.locator("[data-name=fail] .count")).to_have_text("")
    assert visit.bubbles("echo: first") == 0
    page.get_by_role("button", name="坏的帧").click()
    expect(page.locator(".frame.raw")).to_have_count(1)
    page.get_by_role("button", name="断开连接").click()
    expect(page.locator(".frame.close")).to_have_count(1)
    expect(page.locator(".frame.handshake")).to_have_count(4)


def test_a_swallowed_answer_still_leads_to_its_call(visit: Visit) -> None:
    visit.page.locator("#faults summary").click()
    visit.page.get_by_role("button", name="不回应").click()
    expect(visit.page.locator("[data-name=swallow] .count")).to_have_text("1")
    visit.say("x")
    visit.expect_answer("echo: x")
    visit.page.locator(".message.from-bot .bubble").click()
    expect(visit.page.locator(".frame.linked.event")).to_have_count(1)
    expect(visit.page.locator(".frame.linked.call")).to_have_count(1)
    expect(visit.page.locator(".frame.linked.response")).to_have_count(0)


def test_step_mode_lets_one_frame_go_per_click(visit: Visit) -> None:
    page = visit.page
    page.get_by_role("button", name="单步").click()
    expect(page.locator("#held")).to_be_visible()
    visit.say("slowly")
    for number in range(ANSWERED):
        expect(page.locator(".frame")).to_have_count(CONNECTED + number)
        expect(page.locator("#held-list li")).to_have_count(1)
        page.get_by_role("button", name="放行一帧").click()
    visit.expect_answer("echo: slowly")
    expect(page.locator("#held-list li")).to_have_count(0)
    page.get_by_role("button", name="全部放行").click()
    expect(page.locator("#held")).to_be_hidden()


def test_the_log_is_filtered_paused_and_copied(visit: Visit) -> None:
    page = visit.page
    visit.say("apple")
    expect(page.locator(".frame")).to_have_count(CONNECTED + ANSWERED)
    page.fill("#filter", "send_msg")
    expect(page.locator(".frame:visible")).to_have_count(1)
    page.get_by_role("button", name="复制", exact=True).click()
    expect(page.locator("#toast")).to_have_text("已复制")
    assert "send_msg" in page.evaluate("navigator.clipboard.readText()")
    page.fill("#filter", "")
    page.get_by_role("button", name="暂停").click()
    count = page.locator(".frame").count()
    visit.say("pear")
    visit.expect_answer("echo: pear")
    expect(page.locator("#count")).to_contain_text("新到 3 帧")
    assert page.locator(".frame").count() == count
    page.get_by_role("button", name="继续").click()
    expect(page.locator(".frame")).to_have_count(count + ANSWERED)


def test_a_lamp_tells_the_address_and_three_lines_of_code(visit: Visit) -> None:
    visit.page.locator("[data-name=ws]").click()
    code = visit.page.locator("dialog pre").inner_text()
    url = visit.playground.simulator.ws_url
    assert code == f'from onebot_simple import WsClient\nbot = WsClient("{url}")\nbot.run()'
    visit.page.keyboard.press("Escape")
    for name in ("http_api", "http_post", "ws_reverse"):
        visit.page.locator(f"[data-name={name}]").click()
        assert visit.page.locator("dialog pre").inner_text().count("\n") == 2
        visit.page.keyboard.press("Escape")


def test_language_and_theme_are_switched_and_remembered(visit: Visit) -> None:
    page = visit.page
    visit.say("你好")
    visit.expect_answer("echo: 你好")
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("button", name="Send")).to_be_visible()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.locator(".frame.call .kind")).to_have_text("call")
    for part in ("#lamps", "#faults", "#wire .tools", "#speakers"):
        assert not re.search("[一-鿿]", page.locator(part).inner_text()), part
    before = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.locator("#theme").click()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != before
    page.reload()
    expect(page.get_by_role("button", name="Send")).to_be_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != before


def test_a_reload_loses_nothing(visit: Visit) -> None:
    visit.say("one")
    expect(visit.page.locator(".frame")).to_have_count(CONNECTED + ANSWERED)
    frames = visit.page.locator(".frame .title").all_inner_texts()
    visit.page.reload()
    visit.expect_answer("echo: one")
    expect(visit.page.locator(".frame")).to_have_count(len(frames))
    assert visit.page.locator(".frame .title").all_inner_texts() == frames
    assert visit.page.locator(".bubble").all_inner_texts() == ["one", "echo: one"]
    assert "token" not in visit.page.url


def test_everything_can_be_done_with_the_keyboard(visit: Visit) -> None:
    page = visit.page

    def tab_to(selector: str) -> None:
        for _ in range(60):
            page.keyboard.press("Tab")
            if page.evaluate(f"document.activeElement.matches('{selector}')"):
                return
        raise AssertionError(f"Tab never came to {selector}")

    tab_to("#group-list .chat")
    page.keyboard.press("Enter")
    tab_to("#speakers input")
    page.keyboard.press("ArrowRight")  # Bob
    tab_to("#text")
    page.keyboard.type("keys")
    page.keyboard.press("Enter")
    visit.expect_answer("echo: keys")
    assert list(visit.playground.simulator.world.messages.values())[0].user_id == 20002
    tab_to(".bubble")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator(".frame.linked")).to_have_count(3)
    tab_to(".frame summary")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    expect(page.locator(".frame[open]")).to_have_count(1)
    page.keyboard.press("Shift+Tab")
    tab_to("#language")
    page.keyboard.press("Enter")
    expect(page.locator("html")).to_have_attribute("lang", "en")


def test_what_a_stranger_is_called_or_says_stays_text(visit: Visit) -> None:
    page = visit.page
    visit.say(EVIL)
    visit.expect_answer(f"echo: {EVIL}")
    page.get_by_role("button", name="Lab").click()
    page.locator("[data-tray=more]").click()
    page.get_by_role("button", name="新人进群…").click()
    page.get_by_label("昵称").fill(EVIL)
    page.get_by_role("button", name="确定").click()
    visit.expect_answer(f"@{EVIL} 欢迎！Welcome!")
    for summary in page.locator(".frame summary").all():
        summary.click()
    visit.playground.simulator.world.people[20001].nickname = EVIL
    expect(page.locator("#private-list b").first).to_have_text(EVIL)
    assert page.evaluate("document.body.id") == ""
    assert page.locator("img").count() == 0
    sneak = (
        "const one = document.createElement('script'); one.text = '1'; document.body.append(one)"
    )
    page.evaluate(sneak)
    # complaints come while the page is asked something
    wait_until(lambda: page.evaluate("1") and visit.complaints)
    [complaint] = visit.complaints
    assert "Content Security Policy" in complaint
    visit.complaints.clear()


def test_frames_that_come_after_their_message_was_clicked_are_linked_too(visit: Visit) -> None:
    visit.playground.simulator.delay(1)
    visit.say("hi")
    visit.page.locator(".message:not(.from-bot) .bubble").last.click()
    expect(visit.page.locator(".frame.linked.call")).to_have_count(1)
    expect(visit.page.locator(".frame.linked")).to_have_count(3)


def test_a_narrow_page_has_tabs(visit: Visit) -> None:
    page = visit.page
    page.set_viewport_size({"width": 390, "height": 844})
    expect(page.locator("#talk")).to_be_visible()
    expect(page.locator("#chats")).to_be_hidden()
    page.locator("#tabs").get_by_role("button", name="聊天").click()
    page.get_by_role("button", name="Lab").click()
    expect(page.locator("#chat-name")).to_have_text("Lab")
    visit.say("hi")
    visit.expect_answer("echo: hi")
    page.locator(".message.from-bot .bubble").click()
    expect(page.locator("#wire")).to_be_visible()
    expect(page.locator(".frame.linked")).to_have_count(3)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_log_keeps_the_newest_2000_frames_and_says_so(visit: Visit) -> None:
    simulator = visit.playground.simulator
    for number in range(1010):
        simulator.send_raw(f'{{"n": {number}}}')
        simulator.send_raw(f'{{"m": {number}}}')
    wait_until(lambda: simulator.wire.last_id >= 2020, 20)
    expect(visit.page.locator("#count")).to_contain_text("2000")
    expect(visit.page.locator(".frame")).to_have_count(2000)


def test_the_bot_that_crashed_is_shown_and_restarted_by_its_button(visit: Visit) -> None:
    page = visit.page
    page.locator("#faults summary").click()
    page.get_by_role("button", name="令牌错误").click()
    expect(page.locator("#alert")).to_contain_text("AuthenticationError")
    page.locator("#alert").get_by_role("button", name="重启机器人").click()
    expect(page.locator("#alert")).to_be_hidden()
    visit.expect_lamp("ws")
    visit.say("back")
    visit.expect_answer("echo: back")


def test_a_playground_that_has_ended_says_so(visit: Visit) -> None:
    visit.playground.page.stop()
    expect(visit.page.locator("#link")).not_to_have_text("")
    expect(visit.page.locator("#bot")).to_contain_text("不知道")
    expect(visit.page.locator("#bot .on, #lamps .on")).to_have_count(0)
    visit.complaints.clear()  # the browser reports that it cannot connect
