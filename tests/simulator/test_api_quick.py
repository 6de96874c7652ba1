"""Quick operations: what a bot answers to a posted event, and what NapCat makes of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from onebot_simple.simulator import Simulator

from .callers import Caller, HttpCaller
from .test_wire import Receiver, until

ALICE, BOB, GROUP = 20001, 20002, 30001


def answer_to(world: Simulator, happens: Callable[[], Any], operation: Any) -> Any:
    """Let something happen while a bot answers with this operation; wait until it is done."""
    with Receiver(json.dumps(operation).encode(), 200) as receiver:
        world.post_to(receiver.url)
        before = len(world.calls)
        happened = happens()
        until(lambda: len(world.calls) > before)
        return happened


def notes(world: Simulator) -> list[str]:
    return [note["en"] for note in world.calls[-1]["notes"]]


@pytest.mark.parametrize("reply", [[], {"type": "node", "data": {}}, {"type": "xml", "data": {}}])
def test_an_empty_reply_in_a_group_is_the_quote_alone(world: Simulator, reply: Any) -> None:
    said = answer_to(world, lambda: world.send_group("hi"), {"reply": reply})["message_id"]
    assert world.wait_reply()["message"] == [{"type": "reply", "data": {"id": str(said)}}]


def test_a_reply_that_fails_sends_nothing_and_says_why(world: Simulator) -> None:
    picture = {"type": "image", "data": {"file": "cat.png"}}
    answer_to(world, lambda: world.send_group("hi"), {"reply": ["hi", picture]})
    assert "only writes that into its log" in notes(world)[-1]
    answer_to(world, lambda: world.send_private("hi"), {"reply": []})
    world.expect_silence(0.05)


@pytest.mark.parametrize("yes", [True, "false", 1, [], {}])
def test_at_sender_is_any_truth_and_puts_no_space(world: Simulator, yes: Any) -> None:
    operation = {"reply": "hi", "at_sender": yes}
    answer_to(world, lambda: world.send_group("hi", user=BOB), operation)
    _, at, text = world.wait_reply()["message"]
    assert (at["data"]["qq"], text["data"]["text"]) == (str(BOB), "hi")


@pytest.mark.parametrize(
    ("approve", "friends"),
    [(True, True), ("false", True), ([], True), ({}, True), (0, False), ("", False), (None, None)],
)
def test_what_approves(world: Simulator, approve: Any, friends: bool | None) -> None:
    flag = answer_to(world, lambda: world.friend_request(user=20009), {"approve": approve})["flag"]
    assert world.world.people[20009].is_friend is bool(friends)
    assert world.world.requests[flag].settled is (friends is not None)


def test_what_napcat_ignores_is_told(world: Simulator) -> None:
    operation = {"delete": True, "kick": True, "ban": True, "remark": "x"}
    said = answer_to(world, lambda: world.send_group("hi"), operation)["message_id"]
    assert len(notes(world)) == 4
    assert any("call delete_msg" in note for note in notes(world))
    with HttpCaller(world) as http:
        assert http.call("get_msg", message_id=said)["status"] == "ok"


CONTEXT = {"time": 1, "self_id": 10001, "post_type": "message", "user_id": BOB}
IN_GROUP = {**CONTEXT, "message_type": "group", "group_id": GROUP, "message_id": 1}


@pytest.mark.parametrize(
    "operation",
    [
        {"reply": None},
        {"reply": []},
        {"delete": "yes"},
        {"at_sender": None},
        {"ban_duration": "long"},
        {"approve": "maybe"},
        {"reason": {}},
    ],
    ids=json.dumps,
)
def test_the_action_checks_the_operation(napcat: Caller, operation: Any) -> None:
    answer = napcat.call(".handle_quick_operation", context=IN_GROUP, operation=operation)
    assert answer["retcode"] == napcat.REFUSED


def test_the_action_replies_and_answers_without_data(napcat: Caller) -> None:
    operation = {"reply": "hi", "at_sender": "true"}
    answer = napcat.call(".handle_quick_operation", context=IN_GROUP, operation=operation)
    assert answer["status"] == "ok"
    assert "data" not in answer
    assert [part["type"] for part in napcat.simulator.wait_reply()["message"]] == ["at", "text"]


def test_the_action_hides_what_fails(napcat: Caller) -> None:
    context = {**CONTEXT, "message_type": "private", "user_id": 999}
    answer = napcat.call(".handle_quick_operation", context=context, operation={"reply": "hi"})
    assert answer["status"] == "ok"
    assert "only writes that into its log" in napcat.notes[0]


def test_the_action_does_nothing_for_requests(napcat: Caller) -> None:
    flag = napcat.simulator.friend_request(user=20009)["flag"]
    request = {"post_type": "request", "request_type": "friend", "user_id": 20009, "flag": flag}
    operation = {"approve": True}
    answer = napcat.call(
        ".handle_quick_operation", context={**CONTEXT, **request}, operation=operation
    )
    assert answer["status"] == "ok"
    assert not napcat.simulator.world.people[20009].is_friend
    assert "does nothing for requests" in napcat.notes[0]


def test_a_message_of_the_bots_own_is_not_answered(napcat: Caller) -> None:
    context = {**IN_GROUP, "post_type": "message_sent"}
    napcat.call(".handle_quick_operation", context=context, operation={"reply": "hi"})
    napcat.simulator.expect_silence(0.05)
