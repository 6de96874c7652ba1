"""Waiting for events: ask(), wait_for() and for event in bot.events()."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

import pytest

from onebot_simple import WaitTimeout, segment

from .conftest import Stage
from .peers import message, text_of, wait_until

Event = dict[str, Any]

# -- ask and wait_for ------------------------------------------------------------------------------


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


def test_answers_that_come_in_one_burst_reach_one_ask_after_the_other(
    calling_stage: Stage,
) -> None:
    stage = calling_stage

    @stage.bot.on_command("sum")
    def add(event: dict[str, Any]) -> str:
        return str(sum(int(stage.bot.ask(event)) for _ in range(5)))

    started = threading.Event()
    stage.bot.on_message(lambda event: started.set())
    stage.go()
    stage.push(message("/sum"))
    for number in range(1, 6) if stage.transport != "http_api" else ():
        stage.push(message(str(number)))
    if stage.transport == "http_api":  # posts may overtake each other
        for number in range(1, 6):
            assert stage.peer.post(message(str(number)))[0] == 204  # type: ignore[union-attr]
    if not stage.api.all_said():
        wait_until(lambda: stage.api.all_said() or started.is_set())
    if stage.transport != "http_api":
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
    stage.go()
    stage.push(message("/q"))
    wait_until(lambda: "did not answer within 0.05 s" in caplog.text)
    assert "Traceback" not in caplog.text


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
    stage.bot.on_command("q")(lambda event: "hi " + stage.bot.ask(event, "name?", timeout=3))
    stage.go()
    stage.push(message("/q"))
    assert stage.api.said(2) == "hi early bird"


def test_wait_for_takes_an_event_from_the_handlers(calling_stage: Stage) -> None:
    stage = calling_stage
    stage.bot.on_notice(lambda event: pytest.fail("a handler saw it"))

    @stage.bot.on_command("poke")
    def poke(event: dict[str, Any]) -> str:
        stage.bot.send(event, "poke me")
        poked = stage.bot.wait_for(lambda other: other.get("sub_type") == "poke", timeout=5)
        return f"poked by {poked['user_id']}"

    stage.go()
    stage.push(message("/poke", user_id=1))
    assert stage.api.said() == "poke me"
    poke_me = {"notice_type": "notify", "sub_type": "poke", "user_id": 1}
    notice = {"post_type": "notice", "self_id": 10001, **poke_me}
    stage.push({"post_type": "meta_event", "meta_event_type": "heartbeat"})  # has no sub_type
    stage.push(notice)
    assert stage.api.said(2) == "poked by 1"


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
        checked.append(event)
        return bool(event["sender"]["card"].startswith("yes"))

    waiting = threading.Thread(target=lambda: found.append(stage.bot.wait_for(says_yes)))
    waiting.start()
    while len(checked) < 3:
        stage.push({"post_type": "notice", "notice_type": "group_recall", "self_id": 10001})
        time.sleep(0.02)
    stage.push(message(sender={"card": "yes"}))
    waiting.join(5)
    assert found[0]["sender"]["card"] == "yes"
    assert caplog.text.count("The condition of wait_for() failed") == 1
    assert "KeyError('sender')" in caplog.text
