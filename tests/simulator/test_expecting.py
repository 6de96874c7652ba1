"""What a test can ask of a bot, and how the simulator says that it was otherwise."""

from __future__ import annotations

import json
import logging
import socket
import sys
import threading
import unittest
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

import pytest

from onebot_simple import (
    ActionFailed,
    EventServer,
    HttpClient,
    WsClient,
    WsServer,
    segment,
)
from onebot_simple.simulator import Failure, Simulator, simulator, ws_peer
from onebot_simple.simulator.journal import KEPT, Journal
from onebot_simple.simulator.wire import WireLog
from onebot_simple.simulator.world import RESOLVABLE_MESSAGES

from ..conftest import SetGreetingWait, SetStopWaits
from ..peers import wait_until

BOT, ALICE, BOB, CAROL, GROUP = 10001, 20001, 20002, 20003, 30001
AnyBot = EventServer | WsClient | WsServer


def http_with_api() -> EventServer:
    return EventServer(api=HttpClient("http://127.0.0.1:3000"))


MAKERS: list[Callable[[], AnyBot]] = [
    lambda: WsClient("ws://127.0.0.1:3001"),
    WsServer,
    EventServer,
    http_with_api,
]
NAMES = ["ws_client", "ws_server", "http_answer", "http_api"]
each_bot = pytest.mark.parametrize("make", MAKERS, ids=NAMES)


@pytest.fixture
def bot() -> WsClient:
    return WsClient("ws://127.0.0.1:3001")


@pytest.fixture
def qq(bot: WsClient) -> Iterator[Simulator]:
    """With a bot that says what it is told by Alice, and bans whom it is told to ban."""

    @bot.on_private_message
    def said(event: dict[str, Any]) -> str | None:
        return segment.plain_text(event) or None

    @bot.on_command("ban")
    def ban(event: dict[str, Any], args: str) -> None:
        bot.set_group_ban(event["group_id"], int(args), duration=60)

    @bot.on_command("boom")
    def boom(event: dict[str, Any]) -> None:
        raise ZeroDivisionError("boom")

    with Simulator(bot) as one:
        yield one


def until_it_calls(qq: Simulator) -> None:
    wait_until(lambda: qq.calls)


def until_it_fails(qq: Simulator) -> None:
    wait_until(lambda: " raised " in first_line(lambda: qq.wait_call("get_msg", 0)))


@pytest.fixture
def long_end(monkeypatch: pytest.MonkeyPatch, set_stop_waits: SetStopWaits) -> None:
    """At its end, a test waits for its bot, but not for ever: here, as long as a slow one needs."""
    set_stop_waits(20, 20)
    monkeypatch.setattr(simulator, "SETTLE_SECONDS", 20)
    monkeypatch.setattr(ws_peer, "PONG_TIMEOUT", 20)


def failure_of(deed: Callable[[], object]) -> str:
    with pytest.raises(AssertionError) as caught:
        deed()
    return str(caught.value)


def first_line(deed: Callable[[], object]) -> str:
    return failure_of(deed).splitlines()[0]


# a bot of any class


@each_bot
def test_it_adds(make: Callable[[], AnyBot]) -> None:
    bot = make()

    @bot.on_command("add")
    def add(event: dict[str, Any], args: str) -> str:
        return str(sum(int(word) for word in args.split()))

    with Simulator(bot) as qq:
        qq.send_group("/add 1 2", user=20002, at_bot=True)
        assert qq.wait_reply()["text"] == "3"


@each_bot
def test_the_bot_is_as_it_was_afterwards_and_can_be_used_again(
    make: Callable[[], AnyBot],
) -> None:
    bot = make()
    bot.on_message(lambda event: "hi")
    before = (bot.url, getattr(bot, "port", 0))
    api = getattr(bot, "api", None)
    for _ in range(2):
        with Simulator(bot) as qq:
            assert (bot.url, getattr(bot, "port", 0)) != before
            qq.send_private("hello")
            assert qq.wait_reply()["text"] == "hi"
        assert (bot.url, getattr(bot, "port", 0)) == before
        assert api is None or api.api_root == "http://127.0.0.1:3000"


@pytest.mark.parametrize(
    "make",
    [
        lambda: WsClient("ws://127.0.0.1:3001", "s3cret-and-long"),
        lambda: WsServer(access_token="s3cret-and-long"),
        lambda: EventServer(secret="s3cret-and-long"),
        lambda: EventServer(api=HttpClient("http://127.0.0.1:3000", "s3cret-and-long")),
    ],
    ids=NAMES,
)
def test_the_simulator_uses_the_token_of_the_bot(make: Callable[[], AnyBot]) -> None:
    bot = make()
    bot.on_message(lambda event: "hi")
    with Simulator(bot) as qq:
        qq.send_private("hello")
        assert qq.wait_reply()["text"] == "hi"
        assert "s3cret-and-long" not in str(qq.frames)


def test_a_mere_client_gets_the_address_too() -> None:
    client = HttpClient("http://127.0.0.1:3000")
    with client, Simulator(client) as qq:
        client.send_private_msg(ALICE, "hi")
        assert qq.wait_reply(user=ALICE)["text"] == "hi"
    assert client.api_root == "http://127.0.0.1:3000"


def test_tests_with_several_bots_run_side_by_side() -> None:
    def conversation(number: int) -> None:
        bot = MAKERS[number % 3]()
        bot.on_message(lambda event: f"I am {number}")
        with Simulator(bot) as qq:
            qq.send_private("who are you?")
            heard.append((number, qq.wait_reply(10)["text"]))

    heard: list[tuple[int, str]] = []
    threads = [threading.Thread(target=conversation, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(heard) == [(number, f"I am {number}") for number in range(6)]


def test_a_bot_that_is_started_already_is_refused() -> None:
    with WsServer(port=0) as bot:
        port = bot.port
        with pytest.raises(RuntimeError, match="started already"), Simulator(bot):
            pass
        assert bot.port == port
        socket.create_connection(("127.0.0.1", port)).close()  # it still runs


def test_what_is_no_bot_is_refused_without_showing_it() -> None:
    with pytest.raises(TypeError, match="access_token=") as caught:
        Simulator("s3cret")
    assert "s3cret" not in str(caught.value)


def test_a_bot_that_cannot_start_leaves_nothing_behind(set_greeting_wait: SetGreetingWait) -> None:
    set_greeting_wait(20)  # it waits for the refusal
    bot = WsClient("ws://127.0.0.1:3001", "wrong")
    with pytest.raises(Exception, match="token"), Simulator(bot, access_token="right"):
        pass
    assert bot.url == "ws://127.0.0.1:3001"


# replies and calls


def test_a_reply_that_came_before_the_next_send_is_not_lost(qq: Simulator) -> None:
    qq.send_private("one")
    qq.send_private("two")
    while len(qq.calls) < 2:
        qq.expect_no_call("get_msg", 0.01)
    qq.send_group("nothing to say")
    assert [qq.wait_reply()["text"], qq.wait_reply()["text"]] == ["one", "two"]
    qq.expect_silence(0.05)


def test_a_reply_can_be_waited_for_by_person_and_by_group(qq: Simulator, bot: WsClient) -> None:
    qq.add_person(20010, "Dora", friend=True)
    qq.send_private("to Dora", user=20010)
    qq.send_private("to Alice")
    assert qq.wait_reply(user=ALICE)["text"] == "to Alice"
    assert qq.wait_reply(user=20010)["text"] == "to Dora"
    bot.send_group_msg(GROUP, "to all")
    assert qq.wait_reply(group=GROUP)["text"] == "to all"


def test_a_reply_in_another_chat_is_named(qq: Simulator) -> None:
    qq.send_private("psst")
    until_it_calls(qq)
    line = first_line(lambda: qq.wait_reply(0, group=GROUP))
    assert 'said "psst" to 20001, not in group 30001' in line


def test_the_first_line_says_what_differs(qq: Simulator) -> None:
    qq.send_group("/ban 20003")
    until_it_calls(qq)
    line = first_line(lambda: qq.wait_call("set_group_ban", 0.01, duration=61))
    assert "set_group_ban was called with duration=60, not 61" in line
    assert "调用 set_group_ban 时 duration 是 60，不是 61" in line
    line = first_line(lambda: qq.wait_call("set_group_ban", 0.01, reason="spam"))
    assert "set_group_ban was called with no reason" in line
    assert qq.wait_call("set_group_ban", user_id="20003")["duration"] == 60
    line = first_line(lambda: qq.wait_call("set_group_ban", 0.01))
    assert "did not call set_group_ban within 0.01 s" in line


def test_parameters_may_have_any_name(qq: Simulator, bot: WsClient) -> None:
    bot.call_action("send_private_msg", user_id=ALICE, message="hi", timeout=5)
    assert qq.wait_call("send_private_msg", params={"timeout": 5})["user_id"] == ALICE


def test_a_failure_shows_the_last_frames_as_a_person_reads_them(qq: Simulator) -> None:
    qq.send_group("一个苹果", user=CAROL)
    qq.send_private("两个苹果")
    qq.wait_reply()
    text = failure_of(lambda: qq.wait_reply(0.05))
    lines = text.splitlines()[2:]
    assert len(lines) <= 10
    assert "→ bot ws event: message.group group_id=30001 user_id=20003" in text
    assert '"一个苹果"' in text
    assert '← bot ws call: send_msg(message_type="private", user_id=20001, message=' in text
    assert "两个苹果" in lines[-2]
    assert "\\u" not in text


@pytest.mark.parametrize(
    "wait",
    [
        lambda qq: qq.wait_reply(0.01),
        lambda qq: qq.wait_call("get_msg", 0.01),
        lambda qq: qq.expect_error(ValueError, 0.01),
        lambda qq: (qq.send_private("loud"), qq.expect_silence(3)),
        lambda qq: (qq.send_private("loud"), qq.expect_no_call("send_msg", 3)),
    ],
)
def test_a_failure_ends_in_the_line_of_the_test(
    qq: Simulator, wait: Callable[[Simulator], object]
) -> None:
    with pytest.raises(AssertionError) as caught:
        wait(qq)
    shown = caught.traceback.filter(caught)
    assert shown[-1].frame.code.raw is wait.__code__


def at_the_end_of_the_with(qq: Simulator) -> None:
    bot = WsClient("ws://127.0.0.1:3001")
    bot.on_message(lambda event: [][0])
    with Simulator(bot) as other:
        other.send_private("hi")
        until_it_fails(other)


@pytest.mark.parametrize(
    "wait",
    [lambda qq: qq.wait_reply(0.01), lambda qq: qq.wait_connected(0), at_the_end_of_the_with],
    ids=["wait_reply", "wait_connected", "the end of the with"],
)
def test_a_failure_ends_in_the_line_of_the_test_under_unittest_too(
    wait: Callable[[Simulator], object],
) -> None:
    with Simulator() as qq:
        result = unittest.FunctionTestCase(lambda: wait(qq)).run()
    assert result is not None
    ((_, shown),) = result.failures
    assert __file__ in shown
    assert "/onebot_simple/" not in shown.partition("AssertionError")[0]


def test_silence_also_fails_for_what_came_before(qq: Simulator) -> None:
    qq.send_private("loud")
    line = first_line(lambda: qq.expect_silence(3))
    assert 'was to be silent, but said "loud" to 20001' in line
    qq.wait_reply()
    qq.expect_silence(0.05)


def test_what_was_taken_from_one_side_is_no_surprise_from_the_other(qq: Simulator) -> None:
    qq.send_private("one")
    qq.wait_reply()
    qq.expect_no_call("send_msg", 0.05)
    qq.send_private("two")
    qq.wait_call("send_msg", message="two")
    qq.expect_silence(0.05)


def test_a_message_can_be_looked_at_from_both_sides_until_the_test_goes_on(
    qq: Simulator,
) -> None:
    qq.send_private("one")
    assert qq.wait_reply()["text"] == "one"
    assert qq.wait_call("send_msg")["user_id"] == ALICE
    qq.send_private("two")
    qq.wait_reply()
    qq.send_private("three")
    assert segment.plain_text(qq.wait_call("send_msg")["message"]) == "three"
    qq.send_private("four")
    assert qq.wait_reply()["text"] == "four"


def test_a_call_that_was_not_to_be_is_shown(qq: Simulator) -> None:
    qq.expect_no_call("set_group_ban", 0.05)
    qq.send_group("/ban 20003")
    until_it_calls(qq)
    qq.expect_no_call("set_group_ban", 0.01, user_id=ALICE)
    line = first_line(lambda: qq.expect_no_call("set_group_ban", 3))
    assert "was not to call set_group_ban, but did" in line
    assert '"user_id": 20003' in line


# errors of handlers


@each_bot
@pytest.mark.usefixtures("long_end")
def test_a_handler_that_raises_fails_the_test_at_its_end(make: Callable[[], AnyBot]) -> None:
    bot = make()

    @bot.on_message
    def boom(event: dict[str, Any]) -> None:
        json.loads("{")

    qq = Simulator(bot)

    def test() -> None:
        with qq:
            qq.send_private("hi")

    failure = failure_of(test)
    assert "boom raised JSONDecodeError" in failure.splitlines()[0]
    assert "(test_expecting.py:" in failure.splitlines()[0]
    assert 'json.loads("{")' in failure
    assert "/onebot_simple/" not in failure  # the traceback begins in the handler


@each_bot
def test_a_handler_that_calls_sys_exit_fails_the_test_unless_expected(
    make: Callable[[], AnyBot],
) -> None:
    bot = make()
    bot.on_message(lambda event: sys.exit())

    def test() -> None:
        with Simulator(bot) as qq:
            qq.send_private("hi")
            until_it_fails(qq)
            qq.expect_silence(0.01)

    assert "raised SystemExit" in failure_of(test)
    with Simulator(bot) as qq:
        qq.send_private("hi")
        qq.expect_error(SystemExit)


def test_a_handler_that_returns_nonsense_is_named(bot: WsClient) -> None:
    @bot.on_message
    def nonsense(event: dict[str, Any]) -> Any:
        return 5

    with Simulator(bot) as qq:
        qq.send_private("hi")
        until_it_fails(qq)
        line = first_line(lambda: qq.wait_reply(0.01))
        assert "nonsense raised TypeError" in line
        assert "(test_expecting.py:" in line
        qq.expect_error(TypeError)


def test_an_error_that_is_expected_is_none(qq: Simulator) -> None:
    qq.send_group("/boom")
    assert str(qq.expect_error(ZeroDivisionError)) == "boom"


def test_another_error_than_the_expected_one_is_named(qq: Simulator) -> None:
    assert "No handler raised KeyError" in first_line(lambda: qq.expect_error(KeyError, 0.01))
    qq.send_group("/boom")
    until_it_fails(qq)
    line = first_line(lambda: qq.expect_error(KeyError, 0.01))
    assert "No handler raised KeyError: boom 出错了：boom raised ZeroDivisionError: boom" in line
    assert "raised ZeroDivisionError" in first_line(lambda: qq.wait_reply(0.01))
    qq.expect_error()


def test_a_failed_test_keeps_its_own_reason(bot: WsClient) -> None:
    bot.on_message(lambda event: 1 / 0)
    with pytest.raises(KeyError, match="mine"), Simulator(bot) as qq:
        qq.send_private("hi")
        raise KeyError("mine")


def test_a_wait_that_ends_with_the_bot_is_no_error(bot: WsClient) -> None:
    bot.on_message(lambda event: bot.ask(event, "and?"))
    with Simulator(bot) as qq:
        qq.send_private("hi")
        qq.wait_reply()


def test_a_simulator_that_is_entered_again_begins_anew_in_the_same_world(bot: WsClient) -> None:
    bot.on_private_message(lambda event: "hi")
    bot.on_group_message(lambda event: [][0])
    qq = Simulator(bot)
    with pytest.raises(AssertionError, match="IndexError"), qq:
        said = qq.send_private("unread")["message_id"]
        until_it_calls(qq)
        qq.send_group("boom")
        until_it_fails(qq)
    last = qq.frames[-1]["id"]
    assert len(qq.calls) == 1  # a test may look at them after the end
    with qq:
        assert qq.calls == []
        assert qq.frames[0]["id"] > last
        qq.expect_silence(0)
        assert "IndexError" not in first_line(lambda: qq.wait_reply(0))
        assert bot.get_msg(said)["raw_message"] == "unread"
        assert qq.wire.wait_after(0, 0)[0]["id"] > last


def test_a_simulator_that_is_started_again_waits_for_somebody_to_call_again() -> None:
    client, qq = HttpClient("http://127.0.0.1:3000"), Simulator()
    with qq, client:
        client.api_root = qq.http_url
        client.get_status()
        qq.wait_connected(1)
    with qq:
        assert "nobody connected" in first_line(lambda: qq.wait_connected(0))


@pytest.mark.parametrize(
    ("same", "by_hand"),
    [(False, False), (True, False), (True, True)],
    ids=["another bot", "the same bot", "the same bot, before by hand"],
)
def test_an_error_of_the_test_before_counts_for_none(
    same: bool, by_hand: bool, caplog: pytest.LogCaptureFixture
) -> None:
    late, begun, go_on = WsClient("ws://127.0.0.1:3001"), threading.Event(), threading.Event()

    @late.on_group_message
    def slow(event: dict[str, Any]) -> None:
        begun.set()
        go_on.wait(30)
        raise ZeroDivisionError("late")

    with Simulator(None if by_hand else late) as qq:
        if by_hand:
            late.url = qq.ws_url
        with late if by_hand else nullcontext():
            qq.wait_connected()
            qq.send_group("hi")
            assert begun.wait(5)
    bot = late if same else WsClient("ws://127.0.0.1:3001")
    bot.on_private_message(lambda event: [][0])
    with Simulator(bot) as qq:
        go_on.set()
        wait_until(lambda: "ZeroDivisionError: late" in caplog.text)
        qq.send_private("hi")
        qq.expect_error(IndexError)


def test_an_error_counts_for_the_bot_whose_handler_it_ended() -> None:
    one, other = WsServer(), WsServer()
    one.on_message(lambda event: other.get_msg(1))
    with Simulator(one) as qq, Simulator(other) as another:
        qq.send_private("hi")
        qq.expect_error(ActionFailed)
        assert len(another.calls) == 1


@pytest.mark.parametrize(
    "given", [None, HttpClient("http://127.0.0.1:3000"), WsServer()], ids=["none", "client", "bot"]
)
def test_the_errors_of_a_bot_that_was_connected_by_hand_count(given: Any, bot: WsClient) -> None:
    bot.on_message(lambda event: [][0])
    with Simulator(bot) as before:
        pass
    with Simulator(given) as qq:
        bot.url = qq.ws_url
        with bot:
            wait_until(lambda: qq.lamps["ws"]["connected"])
            before.stop()  # once more, which is nothing to this bot
            qq.send_private("hi")
            qq.expect_error(IndexError)


def test_a_bot_that_was_refused_is_still_its_first_tests(bot: WsClient) -> None:
    bot.on_message(lambda event: [][0])
    with Simulator(bot) as qq:
        with pytest.raises(RuntimeError, match="started already"), Simulator(bot):
            pass
        qq.send_private("hi")
        qq.expect_error(IndexError)


def test_an_error_of_no_bot_counts(qq: Simulator) -> None:
    try:
        json.loads("{")
    except ValueError:
        logging.getLogger("onebot_simple").exception("the server failed")
    qq.expect_error(ValueError)


def test_errors_are_told_apart_when_two_bots_run_at_once() -> None:
    good, bad = WsServer(), WsServer()
    good.on_message(lambda event: "fine")
    bad.on_message(lambda event: 1 / 0)
    with Simulator(good) as one, Simulator(bad) as other:
        one.send_private("hi")
        other.send_private("hi")
        other.expect_error(ZeroDivisionError)
        assert one.wait_reply()["text"] == "fine"


# answers of one's own


def test_an_action_can_be_answered_by_the_test(qq: Simulator, bot: WsClient) -> None:
    qq.answer("ocr_image", {"texts": [{"text": "苹果"}]})
    assert bot.ocr_image("a.png")["texts"][0]["text"] == "苹果"
    qq.answer("get_stranger_info", lambda params: {"nickname": f"N{params['user_id']}"})
    assert bot.get_stranger_info(20099)["nickname"] == "N20099"

    def refuse(params: dict[str, Any]) -> None:
        raise Failure("not today")

    qq.answer("send_like", refuse)
    assert bot.request("send_like", {"user_id": ALICE})["message"] == "not today"
    qq.answer("send_like", lambda params: params["nothing"])
    assert bot.request("send_like", {"user_id": ALICE})["status"] == "failed"
    assert isinstance(qq.expect_error(KeyError), KeyError)


@pytest.mark.parametrize(
    ("deed", "words"),
    [
        (lambda qq: qq.wait_call("set_group_bann"), "did you mean 'set_group_ban'"),
        (lambda qq: qq.expect_no_call("nonsense_xyz"), "Unknown action"),
        (lambda qq: qq.answer("ocr_imag", {}), "did you mean 'ocr_image'"),
        (lambda qq: qq.answer("ocr_image", object()), "cannot be written as JSON"),
        (lambda qq: qq.fail("get_mesg"), "did you mean 'get_msg'"),
        (lambda qq: qq.fail(times=0), "at least 1"),
        (lambda qq: qq.fail(retcode="1200"), "retcode is an int"),
        (lambda qq: qq.delay(-1), "cannot be -1 seconds"),
        (lambda qq: qq.swallow(True), "must be an int"),
        (lambda qq: qq.send_raw(b"x"), "must be a str"),
        (lambda qq: qq.wait_reply("3"), "number of seconds"),
        (lambda qq: qq.wait_reply(user="Alice"), "must be an int"),
        (lambda qq: qq.expect_silence(float("nan")), "cannot be nan seconds"),
        (lambda qq: qq.expect_error("ValueError"), "class of errors"),
        (lambda qq: Simulator(message_format="xml"), "array or string"),
    ],
)
def test_what_is_misspelt_is_said_at_once(deed: Callable[[Simulator], object], words: str) -> None:
    with Simulator() as qq, pytest.raises((ValueError, TypeError), match=words) as caught:
        deed(qq)
    assert any("一" <= letter <= "鿿" for letter in str(caught.value))


def test_an_action_of_the_standard_that_napcat_lacks_can_be_waited_for(
    qq: Simulator, bot: WsClient
) -> None:
    bot.request("set_group_anonymous", {"group_id": GROUP})
    assert qq.wait_call("set_group_anonymous")["group_id"] == GROUP


def test_faults_are_counted_and_can_be_taken_back() -> None:
    with Simulator() as qq:
        qq.fail("get_msg", times=2)
        qq.delay(1, times=3)
        qq.swallow()
        qq.refuse_token(4)
        pending = {"fail": 2, "delay": 3, "swallow": 1, "refuse_token": 4}
        assert qq.pending_faults == pending
        qq.clear_faults()
        assert set(qq.pending_faults.values()) == {0}


def test_what_a_long_day_brings_is_kept_only_so_far() -> None:
    log = WireLog(None, 10)
    kept = Journal(log)
    call = {"action": "get_status", "params": {}, "frame": 0, "notes": []}
    for number in range(KEPT + 5):
        kept.add_call({**call, "params": {"number": number}})
    assert [kept.calls[index]["params"]["number"] for index in (0, -1)] == [5, KEPT + 4]
    with Simulator() as qq:
        oldest = qq.send_private("first")["message_id"]
        for number in range(RESOLVABLE_MESSAGES):
            qq.send_private(str(number))
        with pytest.raises(Failure, match="no message"):
            qq.recall(oldest)
