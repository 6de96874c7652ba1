"""Waiting for events: ask(), wait_for() and for event in bot.events()."""

from __future__ import annotations

import _thread
import contextlib
import json
import logging
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from onebot_simple import ApiNotAvailable, EventServer, WaitTimeout, WsClient, WsServer, segment
from onebot_simple.simulator import Simulator

from .conftest import Stage
from .peers import Api, Poster, ReverseWs, connect_event, message, text_of, wait_until

Event = dict[str, Any]


@pytest.fixture
def bot() -> Iterator[WsServer]:
    """A bot that gets its events from the test itself."""
    with WsServer(port=0) as one:
        yield one


# -- ask and wait_for ------------------------------------------------------------------------------


def test_what_is_said_after_ask_is_because_of_the_answer() -> None:
    bot = WsClient("ws://127.0.0.1:3001")
    bot.on_command("q")(lambda event: "hi " + bot.ask(event, "who?"))
    with Simulator(bot) as qq:
        asked = qq.send_private("/q")
        assert qq.wait_reply(20)["text"] == "who?"
        answered = qq.send_private("Bob")
        assert qq.wait_reply(20)["text"] == "hi Bob"
        causes = [call["cause"]["message_id"] for call in qq.calls if call["cause"]]
    assert causes == [asked["message_id"], answered["message_id"]]


def test_ask_is_the_input_of_a_chat(calling_stage: Stage) -> None:
    stage = calling_stage

    @stage.bot.on_command("hello")
    def hello(event: dict[str, Any]) -> str:
        name = stage.bot.ask(event, "name?")
        age = stage.bot.ask(event, "age?")
        return f"{name} is {age}"

    stage.bot.on_message(lambda event: "not for handlers")
    stage.go()
    stage.push(message("/hello", group_id=30001))
    assert stage.api.said() == "name?"
    stage.push(message("Ann", group_id=30001))
    assert stage.api.said(2) == "age?"
    stage.push(message("12", group_id=30001))
    assert stage.api.said(3) == "Ann is 12"
    assert "not for handlers" not in stage.api.all_said()


def test_ask_about_what_was_done_to_the_bot_asks_whoever_did_it(bot: WsServer) -> None:
    answers: list[str] = []
    bot.on("notice.group_ban")(lambda event: answers.append(bot.ask(event, timeout=5)))
    ban = {"post_type": "notice", "notice_type": "group_ban", "sub_type": "ban", "duration": 60}
    bot.handle({**ban, "self_id": 10001, "user_id": 10001, "operator_id": 20002, "group_id": 30001})
    bot.handle(message("not me", user_id=20003, group_id=30001))
    bot.handle(message("you were loud", user_id=20002, group_id=30001))
    wait_until(lambda: answers == ["you were loud"])


def test_answers_that_come_in_one_burst_reach_one_ask_after_the_other(
    calling_stage: Stage,
) -> None:
    stage, burst = calling_stage, threading.Event()

    @stage.bot.on_command("sum")
    def add(event: dict[str, Any]) -> str:
        burst.wait(20)
        return str(sum(int(stage.bot.ask(event)) for _ in range(5)))

    stage.bot.on_message(lambda event: "not for handlers")
    stage.go()
    feed(stage, "/sum", "1", "2", "3", "4", "5")
    burst.set()
    assert stage.api.said() == "15"


def test_ask_takes_nobody_elses_answer(calling_stage: Stage) -> None:
    stage = calling_stage

    @stage.bot.on_command("q")
    def question(event: dict[str, Any]) -> str:
        return "got " + stage.bot.ask(event, "?")

    stage.bot.on_message(lambda event: "heard " + segment.plain_text(event))
    stage.go()
    stage.push(message("/q", user_id=1, group_id=30001))
    assert stage.api.said() == "?"
    for number, other in enumerate(
        [
            message("other person", user_id=2, group_id=30001),
            message("other group", user_id=1, group_id=30002),
            message("private", user_id=1),
        ]
    ):
        stage.push(other)
        assert stage.api.said(2 + number).startswith("heard ")
    stage.push(message("mine", user_id=1, group_id=30001))
    assert stage.api.said(5) == "got mine"


def test_ask_is_answered_by_messages_alone(calling_stage: Stage) -> None:
    """The same person may type, take a message back, ask to be let in: handlers hear of that."""
    stage = calling_stage
    stage.bot.on_command("q")(lambda event: "got " + stage.bot.ask(event, "?"))
    stage.bot.on_notice(lambda event: "notice")
    stage.bot.on_request(lambda event: {"reply": "request"})
    stage.bot.on("message_sent")(lambda event: "sent")
    stage.bot.on_message(lambda event: "not for handlers")
    stage.go()
    others: list[dict[str, Any]] = [
        {"post_type": "notice", "notice_type": "notify", "sub_type": "input_status"},
        {"post_type": "notice", "notice_type": "group_recall", "message_id": 554},
        {"post_type": "request", "request_type": "group", "sub_type": "add", "flag": "f"},
        {**message("echo"), "post_type": "message_sent"},
    ]
    for chat in ({"user_id": 1}, {"user_id": 1, "group_id": 30001}):
        before = len(stage.api.all_said())
        stage.push(message("/q", **chat))
        assert stage.api.said(before + 1) == "?"
        for number, other in enumerate(others):
            said = ["notice", "notice", "request", "sent"][number]
            stage.push({**message(**chat), **other, **chat})
            assert stage.api.said(before + 2 + number) == said
        stage.push(message("Bob", **chat))
        assert stage.api.said(before + 6) == "got Bob"


def test_ask_steps_aside_for_others_in_the_group(calling_stage: Stage) -> None:
    stage = calling_stage
    stage.bot.on_command("wait")(lambda event: stage.bot.ask(event, "waiting", timeout=30))
    stage.bot.on_command("ping")(lambda event: "pong")
    stage.go()
    stage.push(message("/wait", user_id=1, group_id=30001))
    assert stage.api.said() == "waiting"
    stage.push(message("/ping", user_id=2, group_id=30001))
    assert stage.api.said(2) == "pong"
    stage.push(message("done", user_id=1, group_id=30001))
    assert stage.api.said(3) == "done"


def test_an_ask_in_vain_ends_the_handler_with_one_line(
    calling_stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    stage = calling_stage
    caplog.set_level(logging.INFO)
    stage.bot.on_command("q")(lambda event: stage.bot.ask(event, "?", timeout=0.05))
    stage.bot.on_message(lambda event: f"next: {words(event)}")
    stage.go()
    stage.push(message("/q"))
    wait_until(lambda: "did not answer within 0.05 s" in caplog.text)
    stage.push(message("hi"))
    stage.api.said(2)
    assert stage.api.all_said() == ["?", "next: hi"]
    assert "Traceback" not in caplog.text
    lines = [r for r in caplog.records if "did not answer" in r.getMessage()]
    assert [line.levelname for line in lines] == ["INFO"]
    assert "没有回答" in caplog.text


def test_ask_can_be_caught_when_nobody_answers(calling_stage: Stage) -> None:
    stage = calling_stage

    @stage.bot.on_command("q")
    def question(event: dict[str, Any]) -> str:
        try:
            return stage.bot.ask(event, "?", timeout=0.05)
        except WaitTimeout as error:
            assert isinstance(error, TimeoutError)
            return "too slow"

    stage.go()
    stage.push(message("/q"))
    assert stage.api.said(2) == "too slow"


def test_the_answer_to_a_prompt_cannot_come_too_early(calling_stage: Stage) -> None:
    stage = calling_stage

    def answer_before_the_prompt_is_confirmed(params: dict[str, Any]) -> Any:
        if text_of(params["message"]) == "name?":
            if stage.transport == "http_api":
                assert stage.peer.post(message("early bird"))[0] == 204  # type: ignore[union-attr]
            else:
                stage.push(message("early bird"))
            time.sleep(0.05)  # the event is there before the answer to the action
        return {"status": "ok", "retcode": 0, "data": {"message_id": 1}}

    stage.api.answers["send_msg"] = answer_before_the_prompt_is_confirmed
    stage.bot.on_command("q")(lambda event: "hi " + stage.bot.ask(event, "name?", timeout=30))
    stage.go()
    stage.push(message("/q"))
    assert stage.api.said(2) == "hi early bird"


def test_wait_for_takes_an_event_from_the_handlers(calling_stage: Stage) -> None:
    stage, seen = calling_stage, list[Event]()
    stage.bot.on_notice(seen.append)

    @stage.bot.on_command("poke")
    def poke(event: dict[str, Any]) -> str:
        stage.bot.send(event, "poke me")
        poked = stage.bot.wait_for(lambda other: other.get("sub_type") == "poke", timeout=30)
        return f"poked by {poked['user_id']}"

    stage.go()
    stage.push(message("/poke", user_id=1))
    assert stage.api.said() == "poke me"
    poke_me = {"notice_type": "notify", "sub_type": "poke", "user_id": 1}
    notice = {"post_type": "notice", "self_id": 10001, **poke_me}
    stage.push({"post_type": "meta_event", "meta_event_type": "heartbeat"})  # has no sub_type
    stage.push(notice)
    assert stage.api.said(2) == "poked by 1"
    stage.bot.stop()
    assert not seen


def test_wait_for_works_outside_of_handlers(stage: Stage) -> None:
    stage.go()
    found: list[dict[str, Any]] = []
    waiting = threading.Thread(
        target=lambda: found.append(stage.bot.wait_for(lambda event: event["user_id"] == 5))
    )
    waiting.start()
    while not found:  # it may begin to wait a little after the first of them
        stage.push(message(user_id=4))
        stage.push(message(user_id=5))
        waiting.join(0.05)
    assert found[0]["user_id"] == 5
    with pytest.raises(WaitTimeout, match=r"within 0.01 s"):
        stage.bot.wait_for(lambda event: event["user_id"] == 6, timeout=0.01)


def test_an_event_on_which_a_predicate_fails_does_not_match_and_the_log_says_so_once(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    stage.go()
    found: list[dict[str, Any]] = []
    checked: list[dict[str, Any]] = []

    def says_yes(event: dict[str, Any]) -> bool:
        if event["post_type"] == "meta_event":  # it may be asked about beside another event
            return False
        checked.append(event)
        return bool(event["sender"]["card"].startswith("yes"))

    waiting = threading.Thread(target=lambda: found.append(stage.bot.wait_for(says_yes)))
    waiting.start()
    while len(checked) < 3:
        stage.push({"post_type": "notice", "notice_type": "group_recall", "self_id": 10001})
        time.sleep(0.02)
    stage.push(message(sender={"card": "yes"}))
    waiting.join(20)
    assert found[0]["sender"]["card"] == "yes"
    assert caplog.text.count("The condition of wait_for() failed") == 1
    assert "KeyError('sender')" in caplog.text


@pytest.mark.parametrize(
    ("said", "heard"),
    [
        ("  yes \n", "yes"),
        ([segment.at(10001), segment.text(" yes ")], "yes"),
        ([segment.reply(5), segment.at(10001), segment.text(" yes")], "yes"),
        ([segment.image("a.png")], ""),
        ([segment.text("look "), segment.image("a.png")], "look"),
    ],
)
def test_the_answer_is_plain_text_and_has_the_whole_event(
    calling_stage: Stage, said: Any, heard: str
) -> None:
    stage = calling_stage

    @stage.bot.on_command("q")
    def question(event: Event) -> str:
        answer = stage.bot.ask(event, "?")
        kinds = [part["type"] for part in answer.event["message"]]
        return f"<{answer}> {kinds} {answer.event['user_id']}"

    stage.go()
    stage.push(message("/q"))
    assert stage.api.said() == "?"
    stage.push(message(said))
    kinds = [part["type"] for part in message(said)["message"]]
    assert stage.api.said(2) == f"<{heard}> {kinds} 20002"


@pytest.mark.parametrize("prompt", ["", None, []])
def test_an_empty_prompt_sends_nothing(stage: Stage, prompt: Any) -> None:
    asked = threading.Event()

    @stage.bot.on_command("q")
    def question(event: Event) -> str:
        asked.set()
        return "got " + stage.bot.ask(event, prompt)

    stage.bot.on_message(lambda event: "too early")
    stage.go()
    stage.push(message("/q"))
    assert asked.wait(5)
    number = 0
    while "got yes" not in stage.api.all_said():  # the wait may begin a little later
        stage.push(message("yes"))
        number += 1
        stage.api.said(number)
    assert set(stage.api.all_said()) <= {"got yes", "too early"}


def test_no_wait_for_a_message_takes_what_the_account_said_itself(bot: WsServer) -> None:
    got: list[Event] = []
    ready = threading.Event()

    def wants(event: Event) -> bool:
        ready.set()
        return bool(event["post_type"] == "message")

    waiting = threading.Thread(target=lambda: got.append(bot.wait_for(wants, 30)))
    waiting.start()
    while not ready.wait(0.02):
        bot.handle(connect_event())
    bot.handle(message("mine", user_id=10001, group_id=30001))
    bot.handle(message("yours", user_id=20002, group_id=30001))
    waiting.join()
    assert words(got[0]) == "yours"


@pytest.mark.parametrize(
    "elsewhere", [{"self_id": 10002}, {"group_id": 30001}, {"user_id": 7}, {"self_id": None}]
)
def test_ask_hears_the_person_in_that_chat_with_that_account_alone(
    bot: WsServer, elsewhere: Event
) -> None:
    got: list[str] = []
    heard: list[str] = []
    aside = threading.Event()
    bot.on_command("q")(lambda event: got.append(bot.ask(event)))
    bot.on_notice(lambda event: aside.set())
    bot.on_message(lambda event: heard.append(words(event)))
    bot.handle(message("/q"))
    bot.handle({**message(), "post_type": "notice"})
    assert aside.wait(5)  # the chat serves others, so the question has been asked
    bot.handle(message("elsewhere", **elsewhere))
    wait_until(lambda: heard == ["elsewhere"])
    bot.handle(message("here", user_id=20002))
    wait_until(lambda: got == ["here"])


def test_there_must_be_somebody_to_ask(bot: WsServer) -> None:
    with pytest.raises(ValueError, match=r"没有可以问的人.*names nobody"):
        bot.ask(connect_event(), "?")


@pytest.mark.parametrize("seconds", [0, -1, "60", float("nan"), None])
def test_a_timeout_that_is_none_is_refused_where_it_is_written(bot: WsServer, seconds: Any) -> None:
    for wait in (
        lambda: bot.ask(message(), timeout=seconds),
        lambda: bot.wait_for(lambda event: True, timeout=seconds),
        lambda: bot.every(seconds),
    ):
        with pytest.raises((TypeError, ValueError), match="timeout|seconds"):
            wait()


def test_wait_for_takes_a_function(bot: WsServer) -> None:
    with pytest.raises(TypeError, match=r"要一个函数，不是 'yes'.*write wait_for\(lambda event"):
        bot.wait_for("yes")  # type: ignore[arg-type]


def test_wait_for_refuses_what_would_match_everything(bot: WsServer) -> None:
    async def later(event: Event) -> bool:
        return False

    def one_by_one(event: Event) -> Iterator[bool]:
        yield False

    with pytest.raises(TypeError, match="later 是 async 函数"):
        bot.wait_for(later)
    with pytest.raises(TypeError, match="one_by_one 里有 yield"):
        bot.wait_for(one_by_one)


def test_a_condition_that_exits_harms_nobody(
    bot: WsServer, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[Event] = []
    bot.on_message(heard.append)

    def wants(event: Event) -> bool:
        if words(event) == "the end":
            return True
        raise SystemExit

    waiting = threading.Thread(target=bot.wait_for, args=(wants,))
    waiting.start()
    while "wait_for() 的条件" not in caplog.text:
        bot.handle(message())
        time.sleep(0.01)
    bot.handle(message("the end"))
    waiting.join(20)
    assert "The condition of wait_for() failed on message.private.friend" in caplog.text
    wait_until(lambda: len(heard) == bot.stats["events"] - 1)


def test_an_event_that_matches_when_the_wait_is_over_is_for_the_handlers(bot: WsServer) -> None:
    heard: list[Event] = []
    looked_at, over = threading.Event(), threading.Event()
    bot.on_message(heard.append)

    def wants(event: Event) -> bool:
        looked_at.set()
        return over.wait(5)

    def wait() -> None:
        while not looked_at.is_set():  # the event may come when one wait is over
            with pytest.raises(WaitTimeout):
                bot.wait_for(wants, timeout=0.2)
        over.set()

    waiting = threading.Thread(target=wait)
    waiting.start()
    while not looked_at.wait(0.02):
        bot.handle(message())
    waiting.join(20)
    wait_until(lambda: len(heard) == bot.stats["events"])


# -- for event in bot.events() --------------------------------------------------------------------


def words(event: Event) -> str:
    return segment.plain_text(event)


def feed(stage: Stage, *texts: str, **more: Any) -> None:
    """Let events arrive in this order, also over HTTP."""
    for text in texts:
        before = stage.bot.stats["events"]
        if isinstance(stage.peer, Poster):
            stage.peer.post(message(text, **more))  # it is answered when it has its place
        else:
            stage.push(message(text, **more))
        wait_until(lambda before=before: stage.bot.stats["events"] > before)  # type: ignore[misc]


def test_the_loop_of_the_documentation_sees_every_event_in_order(stage: Stage) -> None:
    seen, handled = list[str](), list[Event]()
    stage.bot.on_message(handled.append)
    stage.go()
    loop = stage.bot.events()
    for number in range(20):
        feed(stage, str(number), user_id=1 + number % 3, group_id=number % 4)
    for event in loop:
        if event["post_type"] == "message":
            seen.append(words(event))
        if len(seen) == 20:
            break
    assert seen == [str(number) for number in range(20)]
    assert not handled


def test_nothing_is_lost_between_two_turns_and_own_deeds_do_not_come(bot: WsServer) -> None:
    sent: list[Event] = []
    bot.on("message_sent")(sent.append)
    loop = bot.events()
    bot.handle(message("mine", user_id=10001))
    bot.handle({**message("mine too"), "post_type": "message_sent"})
    for number in range(100):
        bot.handle(message(str(number), user_id=number + 1))
    assert [words(next(loop)) for _ in range(100)] == [str(number) for number in range(100)]
    wait_until(lambda: len(sent) == 2)


def test_a_loop_that_is_left_takes_no_more_and_the_rest_is_handled(bot: WsServer) -> None:
    handled: list[str] = []
    bot.on_message(lambda event: handled.append(words(event)))
    for number, _ in enumerate(_talking(bot, [str(number) for number in range(50)])):
        if number == 9:
            break
    bot.handle(message("50"))
    wait_until(lambda: len(handled) == 41)
    assert sorted(map(int, handled)) == list(range(10, 51))


def _talking(bot: WsServer, texts: list[Any]) -> Any:
    """A loop for which these messages have come already."""
    loop = bot.events()
    for text in texts:
        bot.handle(message(text) if isinstance(text, str) else text)
    return loop


def test_handlers_hear_of_what_came_before_the_loop_and_after_it(bot: WsServer) -> None:
    handled: list[str] = []
    release = threading.Event()

    @bot.on_message
    def hear(event: Event) -> None:
        release.wait(10)
        handled.append(words(event))

    bot.handle(message("before 1"))
    bot.handle(message("before 2"))
    loop = bot.events()
    bot.handle(message("in the loop", user_id=7))
    assert words(next(loop)) == "in the loop"
    loop.close()
    release.set()
    bot.handle(message("after"))
    wait_until(lambda: len(handled) == 3)
    assert handled == ["before 1", "before 2", "after"]


def test_a_loop_that_nobody_keeps_takes_nothing(bot: WsServer) -> None:
    handled: list[Event] = []
    bot.on_message(handled.append)
    bot.events()
    bot.handle(message())
    wait_until(lambda: handled)


def test_two_loops_see_each_event_both(bot: WsServer) -> None:
    one, two = bot.events(), bot.events()
    for text in ("a", "b"):
        bot.handle(message(text))
    assert [words(next(one)), words(next(two)), words(next(one)), words(next(two))] == [*"aabb"]
    one.close()
    bot.handle(message("c"))
    assert words(next(two)) == "c"


def test_ask_and_wait_for_come_before_the_loop(calling_stage: Stage) -> None:
    stage = calling_stage
    stage.go()
    loop = stage.bot.events()
    seen: list[str] = []
    feed(stage, "hello")
    for event in loop:
        if event["post_type"] != "message":
            continue
        seen.append(words(event))
        if words(event) == "hello":
            feeding = threading.Thread(target=_answer_the_question, args=(stage,))
            feeding.start()
            seen.append(f"got {stage.bot.ask(event, 'name?', timeout=30)}")
            feeding.join()
        if words(event) == "last":
            break
    assert seen == ["hello", "got Ann", "other", "last"]


def _answer_the_question(stage: Stage) -> None:
    assert stage.api.said() == "name?"
    feed(stage, "other", user_id=7)
    feed(stage, "Ann")
    feed(stage, "last", user_id=7)


def test_a_loop_ends_when_the_bot_is_stopped_from_inside(stage: Stage) -> None:
    stage.go()
    loop = stage.bot.events()
    seen: list[str] = []
    feed(stage, "stop", "too late")
    for event in loop:
        if event["post_type"] == "message":
            seen.append(words(event))
            stage.bot.stop()
    assert seen == ["stop"]


def test_a_loop_ends_when_the_bot_is_stopped_from_elsewhere(stage: Stage) -> None:
    stage.go()
    loop = stage.bot.events()
    stopping = threading.Timer(0.1, stage.bot.stop)
    stopping.start()
    for _ in loop:
        pass
    stopping.join()


def test_an_error_in_a_loop_is_the_programs_own(bot: WsServer) -> None:
    handled: list[Event] = []
    bot.on_message(handled.append)
    with pytest.raises(ZeroDivisionError):
        for event in _talking(bot, ["first"]):
            raise ZeroDivisionError(event)
    bot.handle(message("second"))
    wait_until(lambda: handled)


@pytest.mark.usefixtures("whole_ctrl_c")
def test_ctrl_c_ends_a_loop_that_waits_without_a_traceback(
    bot: WsServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    loop: Any = bot.events()

    def press() -> None:
        wait_until(lambda: loop.gi_running)  # elsewhere, it would end the tests
        _thread.interrupt_main()

    pressing = threading.Thread(target=press)
    pressing.start()
    for _ in loop:
        pytest.fail("nothing came")
    pressing.join()
    assert "循环结束。 The loop ends." in caplog.text


def test_a_bot_that_is_not_started_has_no_events(stage: Stage) -> None:
    for _ in range(2):
        with pytest.raises(RuntimeError, match=r"还没有启动.*not started.*with bot:"):
            stage.bot.events()
        stage.go()
        stage.bot.stop()


def test_a_loop_that_was_left_lying_takes_nothing_from_the_next_start(
    bot: WsServer, caplog: pytest.LogCaptureFixture
) -> None:
    handled: list[Event] = []
    bot.on_message(handled.append)
    loop = _talking(bot, ["1", "2", "3"])
    assert words(next(loop)) == "1"
    bot.stop()
    assert "停止时还有 2 个事件没有处理" in caplog.text
    with bot:
        bot.handle(message("next life"))
        wait_until(lambda: handled)
        assert words(handled[0]) == "next life"
        assert list(loop) == []


def test_a_loop_that_does_not_keep_up_is_warned_of(
    bot: WsServer, caplog: pytest.LogCaptureFixture
) -> None:
    taken: list[str | None] = []
    loop = bot.events()

    def hear(count: int) -> None:
        taken.clear()
        for number in range(1, count + 1):
            bot.handle(message(), respond=taken.append)
            if number % 100 == 0:  # they wait for the loop, and not for their turn
                wait_until(lambda number=number: len(taken) == number)  # type: ignore[misc]

    hear(2100)
    assert bot.stats["queued"] == 2100
    next(loop)
    assert bot.stats["queued"] == 2099
    for _ in range(2099):
        next(loop)
    hear(1000)
    warnings = [r.getMessage() for r in caplog.records if "wait for their turn" in r.getMessage()]
    assert [text.split(" ")[0] for text in warnings] == ["1000", "2000", "1000"]


def test_what_a_loop_had_not_seen_has_its_turn_in_its_chat_and_one_answer() -> None:
    looked_at, release, entered, go_on = (threading.Event() for _ in range(4))
    running, broken, responses = threading.Lock(), list[str](), list[str | None]()

    def holds_all_up(event: Event) -> bool:
        if event["post_type"] == "meta_event":
            looked_at.set()
            release.wait(20)
        return bool(event["post_type"] == "notice")

    with EventServer(port=0) as bot:

        @bot.on_message
        def answer(event: Event) -> str:
            if not running.acquire(blocking=False):
                broken.append(words(event))
            entered.set()
            go_on.wait(20)
            running.release()
            return words(event)

        loop = bot.events()
        waiting = threading.Thread(target=bot.wait_for, args=(holds_all_up,))
        waiting.start()
        while not looked_at.wait(0.02):
            bot.handle(connect_event())
        bot.handle(message("unseen"), respond=responses.append)
        loop.close()
        bot.handle(message("later"), respond=responses.append)
        bot.handle({**message(), "post_type": "notice"})
        release.set()
        waiting.join()  # both are in the line of their chat
        assert entered.wait(5)
        time.sleep(0.1)  # the other one could enter now, if it did not wait
        go_on.set()
        wait_until(lambda: len(responses) == 2)
    assert not broken
    assert [json.loads(response or "{}").get("reply") for response in responses] == [
        [segment.text("unseen")],
        [segment.text("later")],
    ]


def test_a_post_is_answered_once_when_its_event_is_seen_by_a_loop() -> None:
    responses: list[str | None] = []
    with EventServer(port=0) as bot:
        bot.on_message(lambda event: "an answer that comes too late")
        loop = bot.events()
        for _ in range(2):
            bot.handle(message(), respond=responses.append)
        next(loop)
        wait_until(lambda: len(responses) == 2)
        loop.close()
    assert responses == [None, None]


def test_a_loop_answers_through_the_account_of_its_event(bot: WsServer) -> None:
    apis = {self_id: Api() for self_id in (10001, 10002)}
    peers = [ReverseWs(api, bot.url, self_id) for self_id, api in apis.items()]
    wait_until(lambda: set(bot.bots) == set(apis))
    for self_id in (10002, 10001):
        for event in _talking(bot, [message("hi", self_id=self_id)]):
            if event["post_type"] == "message":
                bot.send_group_msg(30001, "hello")
                break
        assert apis[self_id].said() == "hello"
    with pytest.raises(ApiNotAvailable, match="not clear which account"):
        bot.send_group_msg(30001, "nobody is meant")
    for peer in peers:
        peer.close()


def test_a_loop_does_not_see_what_the_account_itself_has_done(bot: WsServer) -> None:
    notice = {"self_id": 10001, "post_type": "notice", "group_id": 30001, "user_id": 5}
    recall = {**notice, "notice_type": "group_recall", "operator_id": 10001}
    reaction = {**notice, "notice_type": "group_msg_emoji_like", "user_id": 10001}
    upload = {**notice, "notice_type": "group_upload", "user_id": 10001}
    newcomer = {**recall, "notice_type": "group_increase"}  # whom the account has let in
    others = [{**recall, "operator_id": 7}, {**reaction, "user_id": 7}, newcomer]
    heard = _talking(bot, [recall, reaction, upload, *others])
    assert [next(heard) for _ in others] == others
    heard.close()


def test_what_comes_after_a_loop_does_not_overtake_what_came_before(bot: WsServer) -> None:
    handled: list[str] = []
    bot.on_message(lambda event: handled.append(words(event)))
    for turn in range(30):
        loop = bot.events()
        for number in range(20):
            bot.handle(message(f"{turn} {number}"))
            if number == 10:
                loop.close()
    wait_until(lambda: len(handled) == 600)
    assert handled == [f"{turn} {number}" for turn in range(30) for number in range(20)]


def test_an_event_is_offered_once_to_a_wait_while_a_loop_runs(bot: WsServer) -> None:
    looked_at: list[str] = []
    bot.on("message_sent")(lambda event: looked_at.append("handled"))
    with contextlib.closing(bot.events()):

        def wants(event: Event) -> bool:
            looked_at.append(words(event))
            return looked_at[-1] == "the end"

        waiting = threading.Thread(target=bot.wait_for, args=(wants,))
        waiting.start()
        while not looked_at:
            bot.handle(message("hi"))
            time.sleep(0.01)
        bot.handle({**message("mine"), "post_type": "message_sent"})
        wait_until(lambda: "handled" in looked_at)
        bot.handle(message("the end"))
        waiting.join()
    assert looked_at.count("mine") == 1
