"""What every bot does, whatever carries its events."""

from __future__ import annotations

import json
import logging
import re
import socket
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

import pytest

from onebot_simple import (
    ActionFailed,
    ApiNotAvailable,
    ApiTimeout,
    EventServer,
    NetworkError,
    WaitTimeout,
    WsClient,
    WsServer,
    segment,
)

from .conftest import Stage
from .peers import Api, Poster, ReverseWs, WsPeer, failed, message, ok, text_of, wait_until

FRIEND = {"post_type": "request", "request_type": "friend", "user_id": 5, "flag": "f"}

# -- answering -------------------------------------------------------------------------------------


def test_a_handler_answers_where_the_message_came_from(stage: Stage) -> None:
    @stage.bot.on_message
    def echo(event: dict[str, Any]) -> str:
        return "echo: " + segment.plain_text(event)

    stage.go()
    stage.push(message("hi", group_id=30001))
    params = stage.api.wait_call("send_msg")
    assert text_of(params["message"]) == "echo: hi"
    assert params["group_id"] == 30001
    stage.push(message("you", user_id=20001))
    assert stage.api.said(2) == "echo: you"
    assert stage.api.wait_call("send_msg", 2)["user_id"] == 20001


# what a bot may do with the words of a stranger; each without switching CQ codes on
RETURNED: dict[str, Callable[[str], Any]] = {
    "str": lambda said: said,
    "in a list": lambda said: ["> ", said],
    "text segment": segment.text,
    "text in a list": lambda said: [segment.text(said), said],
    "reply": lambda said: {"reply": said},
    "reply with @": lambda said: {"reply": [said], "at_sender": True, "auto_escape": True},
    "reply not quite unescaped": lambda said: {"reply": said, "auto_escape": 0},
}
CALLED: dict[str, Callable[[Any, Any, str], Any]] = {
    "send": lambda bot, event, said: bot.send(event, said),
    "send with @ and quotation": lambda bot, event, said: bot.send(
        event, [said], at_sender=True, reply_message=True
    ),
    "prompt": lambda bot, event, said: bot.ask(event, said, timeout=0.01),
    "forwarded": lambda bot, event, said: bot.send_group_forward_msg(
        group_id=1, messages=[segment.node_custom(5, said, said)]
    ),
    "as CQ text": lambda bot, event, said: bot.send_group_msg(1, segment.to_cq(["> ", said])),
}
TYPED = "[CQ:image,file=/etc/passwd][CQ:at,qq=all]&#91;CQ:face,id=1&#93;"


def kinds_in(content: Any) -> set[str]:
    """The types of all segments that OneBot would make of this."""
    kinds: set[str] = set()
    for part in segment.from_cq(content) if isinstance(content, str) else content:
        kinds.add(part["type"])
        if part["type"] == "node":
            kinds |= kinds_in(part["data"]["content"])
    return kinds


@pytest.mark.parametrize("way", RETURNED)
def test_what_a_stranger_typed_never_comes_alive_in_an_answer(stage: Stage, way: str) -> None:
    stage.bot.on_command("say")(lambda event, args: RETURNED[way](args))
    stage.go()
    stage.push(message(f"/say {TYPED}", group_id=30001))
    content = stage.api.wait_call("send_msg")["message"]
    assert isinstance(content, list)
    assert kinds_in(content) == {"text"} | ({"at"} if "@" in way and not_http(stage) else set())
    assert TYPED in segment.plain_text(content)


def not_http(stage: Stage) -> bool:
    return stage.transport != "http_answer"  # there at_sender is OneBot's to carry out


def test_what_a_stranger_typed_stays_text_in_a_node_written_by_hand(stage: Stage) -> None:
    def node(content: Any) -> dict[str, Any]:
        return {"type": "node", "data": {"user_id": 5, "nickname": "x", "content": content}}

    stage.bot.on_command("say")(lambda event, args: [node(args), node([node(args)])])
    stage.go()
    stage.push(message(f"/say {TYPED}", group_id=30001))
    assert kinds_in(stage.api.wait_call("send_msg")["message"]) == {"node", "text"}


@pytest.mark.parametrize("way", CALLED)
def test_what_a_stranger_typed_never_comes_alive_in_a_call(calling_stage: Stage, way: str) -> None:
    bot, api = calling_stage.bot, calling_stage.api
    bot.on_command("say")(lambda event, args: CALLED[way](bot, event, args))
    calling_stage.go()
    calling_stage.push(message(f"/say {TYPED}", group_id=30001))
    _, params = wait_until(lambda: api.calls and api.calls[0])
    content = params.get("message") or params["messages"]
    assert params.get("auto_escape", False) is False
    assert kinds_in(content) <= {"text", "at", "reply", "node"}
    assert "at" not in kinds_in(content) or way == "send with @ and quotation"


def test_a_segment_or_a_list_is_an_answer_too(stage: Stage) -> None:
    answers: list[Any] = [segment.face(1), ["a ", segment.at(5), "[CQ:face,id=2]"]]

    @stage.bot.on_message
    def answer(event: dict[str, Any]) -> Any:
        return answers.pop(0)

    stage.go()
    stage.push(message())
    assert stage.api.wait_call("send_msg")["message"] == [segment.face(1)]
    stage.push(message())
    assert stage.api.wait_call("send_msg", 2)["message"] == [
        segment.text("a "),
        segment.at(5),
        segment.text("[CQ:face,id=2]"),
    ]


def test_the_first_handler_that_answers_is_the_last_that_runs(stage: Stage) -> None:
    ran: list[str] = []
    stage.bot.on_message(lambda event: ran.append("first"))
    stage.bot.on_private_message()(lambda event: "second")
    stage.bot.on_message(lambda event: ran.append("third"))
    stage.go()
    stage.push(message())
    assert stage.api.said() == "second"
    assert ran == ["first"]


def test_a_handler_that_raises_is_shown_and_the_next_one_runs(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    @stage.bot.on_message
    def broken(event: dict[str, Any]) -> None:
        raise ZeroDivisionError("oh no")

    stage.bot.on_message(lambda event: "still here")
    stage.go()
    stage.push(message())
    assert stage.api.said() == "still here"
    assert "broken failed" in caplog.text
    assert "ZeroDivisionError: oh no" in caplog.text
    assert "Traceback" in caplog.text


@pytest.mark.parametrize("wrong", [42, True, b"bytes", ("a", "tuple"), [1], {"replay": "typo"}])
def test_an_answer_that_is_none_is_a_type_error_that_names_the_function(
    stage: Stage, wrong: Any, caplog: pytest.LogCaptureFixture
) -> None:
    @stage.bot.on_message
    def confused(event: dict[str, Any]) -> Any:
        return wrong

    stage.bot.on_message(lambda event: "next")
    stage.go()
    stage.push(message())
    assert stage.api.said() == "next"
    assert "TypeError: confused 返回" in caplog.text
    assert "confused returned " in caplog.text
    assert isinstance(wrong, (dict, tuple)) or "str(42)" in caplog.text
    if isinstance(wrong, dict):
        assert 'did you mean "reply"?' in caplog.text


def test_an_empty_answer_sends_nothing_and_ends_the_matter(stage: Stage) -> None:
    empty: list[Any] = ["", []]
    stage.bot.on_command("nothing")(lambda event: empty.pop())
    stage.bot.on_message(lambda event: "heard " + segment.plain_text(event))
    stage.go()
    stage.push(message("/nothing"))
    stage.push(message("/nothing"))
    wait_until(lambda: not empty)
    stage.push(message("x"))
    assert stage.api.said() == "heard x"
    assert stage.api.all_said() == ["heard x"]


def test_an_operation_may_at_the_sender(stage: Stage) -> None:
    stage.bot.on_message(lambda event: {"reply": "hey", "at_sender": True})
    stage.go()
    stage.push(message(group_id=30001, user_id=7))
    params = stage.api.wait_call("send_msg")
    if stage.transport == "http_answer":
        assert params["operation"]["at_sender"] is True
    else:
        assert params["message"] == [segment.at(7), segment.text(" "), segment.text("hey")]


def test_an_operation_reads_cq_codes_only_when_it_says_so(stage: Stage) -> None:
    answers = [{"reply": "[CQ:face,id=1]", "auto_escape": False}, {"reply": "[CQ:face,id=1]"}]
    stage.bot.on_message(lambda event: answers.pop(0))
    stage.go()
    stage.push(message())
    assert stage.api.wait_call("send_msg")["message"] == [segment.face(1)]
    stage.push(message())
    assert stage.api.wait_call("send_msg", 2)["message"] == [segment.text("[CQ:face,id=1]")]


def test_moderation_is_carried_out_with_ordinary_actions(calling_stage: Stage) -> None:
    stage = calling_stage
    operation = {"reply": "out", "delete": True, "kick": True, "ban": True, "ban_duration": 60}
    stage.bot.on_message(lambda event: operation)
    stage.go()
    stage.push(message(group_id=30001, user_id=7))
    assert stage.api.wait_call("delete_msg") == {"message_id": 555}
    ban = stage.api.wait_call("set_group_ban")
    assert ban == {"group_id": 30001, "user_id": 7, "duration": 60}
    kick = stage.api.wait_call("set_group_kick")
    assert kick == {"group_id": 30001, "user_id": 7, "reject_add_request": False}
    assert stage.api.said() == "out"


@pytest.mark.parametrize(("duration", "seconds"), [(0, 0), (None, 1800)])
def test_a_ban_of_no_seconds_is_none_and_one_without_duration_is_half_an_hour(
    calling_stage: Stage, duration: int | None, seconds: int
) -> None:
    stage = calling_stage
    stage.bot.on_message(lambda event: {"ban": True, "ban_duration": duration})
    stage.go()
    stage.push(message(group_id=30001))
    assert stage.api.wait_call("set_group_ban")["duration"] == seconds


def test_whoever_speaks_anonymously_is_banned_by_that_name(calling_stage: Stage) -> None:
    stage = calling_stage
    stage.bot.on_message(lambda event: {"ban": True})
    stage.go()
    nameless = {"id": 1, "name": "somebody", "flag": "f"}
    stage.push({**message(group_id=30001), "sub_type": "anonymous", "anonymous": nameless})
    ban = stage.api.wait_call("set_group_anonymous_ban")
    assert ban == {"group_id": 30001, "anonymous": nameless, "duration": 1800}


@pytest.mark.parametrize(
    ("event", "returned", "answer"),
    [
        (
            message(group_id=30001),
            {"ban": True, "ban_duration": 0, "reply": ""},
            {"ban": True, "ban_duration": 0, "at_sender": False},
        ),
        (FRIEND, {"approve": None, "remark": "x"}, {"remark": "x"}),
        (FRIEND, {"approve": False, "reason": ""}, {"approve": False}),
        (FRIEND, {"approve": None}, None),
        (FRIEND, {"approve": ""}, {"approve": False}),
        (FRIEND, {"approve": re.match("a", "a")}, {"approve": True}),
        (message(), "", None),
        (message(), {"at_sender": re.match("a", "a")}, {"at_sender": True}),
        (message(), {"at_sender": 0, "delete": 0}, None),
        (FRIEND, {"reply": "x", "at_sender": True}, None),
    ],
)
def test_no_and_zero_go_into_the_http_answer_but_what_says_nothing_does_not(
    event: dict[str, Any], returned: Any, answer: Any
) -> None:
    answers: SimpleQueue[str | None] = SimpleQueue()
    with EventServer(port=0) as bot:
        bot.on("message", "request")(lambda event: returned)
        assert bot.handle(event, respond=answers.put)
        assert json.loads(answers.get(timeout=5) or "null") == answer


def test_one_action_that_fails_does_not_keep_the_others_from_running(
    calling_stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    stage = calling_stage
    stage.api.answers["send_msg"] = lambda params: failed(1200, "no")
    stage.bot.on_message(lambda event: {"reply": "x", "delete": True})
    stage.go()
    stage.push(message(group_id=30001))
    stage.api.wait_call("delete_msg")
    place = r"<lambda>@test_bot\.py:\d+: send_msg"
    assert re.search(
        rf"{place} 失败了，retcode 1200.* send_msg failed with retcode 1200", caplog.text
    )


def test_a_request_is_approved_by_its_answer(stage: Stage) -> None:
    stage.bot.on_request(lambda event: {"approve": event["comment"] == "please"})
    stage.go()
    request = {"post_type": "request", "request_type": "friend", "user_id": 5, "flag": "f"}
    stage.push({**request, "comment": "please"})
    assert stage.api.wait_call("set_friend_add_request")["approve"] is True
    stage.push({**request, "comment": "now"})
    assert stage.api.wait_call("set_friend_add_request", 2)["approve"] is False


def test_approve_and_reject_call_the_right_action(calling_stage: Stage) -> None:
    stage = calling_stage
    stage.bot.on("request.friend")(lambda event: stage.bot.approve(event))
    stage.bot.on("request.group.add")(lambda event: stage.bot.reject(event, "full"))
    stage.go()
    stage.push({"post_type": "request", "request_type": "friend", "user_id": 5, "flag": "f"})
    assert stage.api.wait_call("set_friend_add_request") == {
        "flag": "f",
        "approve": True,
        "remark": "",
    }
    group = {"request_type": "group", "sub_type": "add", "group_id": 30001, "flag": "g"}
    stage.push({"post_type": "request", "user_id": 5, **group})
    assert stage.api.wait_call("set_group_add_request") == {
        "flag": "g",
        "sub_type": "add",
        "approve": False,
        "reason": "full",
    }


def test_a_notice_is_answered_in_its_group(calling_stage: Stage) -> None:
    stage = calling_stage
    stage.bot.on("notice.group_increase")(lambda event: "welcome")
    stage.go()
    notice = {"post_type": "notice", "notice_type": "group_increase", "sub_type": "approve"}
    stage.push({**notice, "group_id": 30001, "user_id": 9, "self_id": 10001})
    params = stage.api.wait_call("send_msg")
    assert (params["message_type"], params["group_id"]) == ("group", 30001)


def test_a_temporary_chat_is_answered_in_private(calling_stage: Stage) -> None:
    stage = calling_stage
    stage.bot.on_message(lambda event: "psst")
    stage.go()
    stage.push(message(user_id=7, sub_type="group") | {"group_id": 30001})
    params = stage.api.wait_call("send_private_msg")
    assert (params["user_id"], params["group_id"]) == (7, 30001)


def test_send_can_at_and_quote(calling_stage: Stage) -> None:
    stage = calling_stage

    @stage.bot.on_message
    def answer(event: dict[str, Any]) -> None:
        sent = stage.bot.send(event, "x", at_sender=True, reply_message=True)
        stage.bot.send(event, f"sent {sent['message_id']}")

    stage.go()
    stage.push(message(group_id=30001, user_id=7))
    assert stage.api.wait_call("send_msg")["message"] == [
        segment.reply(555),
        segment.at(7),
        segment.text(" "),
        segment.text("x"),
    ]
    assert stage.api.said(2) == "sent 1234"


def test_a_handler_sees_why_its_action_failed(calling_stage: Stage) -> None:
    stage = calling_stage
    stage.api.answers["set_group_kick"] = lambda params: failed(1200, "not an admin")

    @stage.bot.on_message
    def kick(event: dict[str, Any]) -> str:
        try:
            stage.bot.set_group_kick(30001, 7)
        except ActionFailed as error:
            return f"{error.action} {error.retcode} {error.message}"
        return "done"

    stage.go()
    stage.push(message())
    assert stage.api.said() == "set_group_kick 1200 not an admin"


# -- whose event it is ----------------------------------------------------------------------------

OTHER = 10002
GROUP_REQUEST = {
    "post_type": "request",
    "request_type": "group",
    "sub_type": "add",
    "group_id": 30001,
    "flag": "g",
    "user_id": 7,
}
WITH_EVENT: dict[str, Callable[[WsServer, dict[str, Any]], object]] = {
    "send": lambda bot, event: bot.send(event, "x"),
    "ask": lambda bot, event: pytest.raises(WaitTimeout, bot.ask, event, "x", 0.01),
    "approve": lambda bot, event: bot.approve({**event, **GROUP_REQUEST}),
    "reject": lambda bot, event: bot.reject({**event, **GROUP_REQUEST}, "full"),
    "send from a timer": lambda bot, event: _in_a_timer(lambda: bot.send(event, "x")),
}


def _in_a_timer(function: Callable[[], object]) -> None:
    timer = threading.Timer(0, function)
    timer.start()
    timer.join()


@pytest.mark.parametrize("place", ["in a handler of another", "outside of handlers"])
@pytest.mark.parametrize("way", WITH_EVENT)
def test_whatever_is_given_an_event_goes_through_the_account_of_that_event(
    way: str, place: str
) -> None:
    with WsServer(port=0) as bot:
        apis = {self_id: Api() for self_id in (10001, OTHER)}
        peers = [ReverseWs(api, bot.url, self_id) for self_id, api in apis.items()]
        wait_until(lambda: set(bot.bots) == set(apis))
        event = message("of the other", self_id=OTHER)
        bot.on_message(lambda _: WITH_EVENT[way](bot, event) and None)
        if place == "outside of handlers":
            WITH_EVENT[way](bot, event)
        else:
            peers[0].push(message("of the first"))
        wait_until(lambda: apis[OTHER].calls)
        assert not apis[10001].calls
    for peer in peers:
        peer.close()


def test_what_a_handler_returns_goes_through_the_account_of_its_event() -> None:
    with WsServer(port=0) as bot:
        bot.on_message(lambda event: f"to {event['self_id']}")
        apis = {self_id: Api() for self_id in (10001, OTHER)}
        peers = [ReverseWs(api, bot.url, self_id) for self_id, api in apis.items()]
        for peer, self_id in zip(peers, apis, strict=True):
            peer.push(message(self_id=self_id))
            assert apis[self_id].said() == f"to {self_id}"
        waiting = threading.Thread(
            target=lambda: bot.send(bot.wait_for(lambda event: event.get("user_id") == 5), "found")
        )
        waiting.start()
        while waiting.is_alive():
            peers[1].push(message(self_id=OTHER, user_id=5))
            waiting.join(0.05)
        assert "found" in apis[OTHER].all_said()
        assert "found" not in apis[10001].all_said()
    for peer in peers:
        peer.close()


# -- starting and stopping -------------------------------------------------------------------------


def test_stop_frees_who_asks_with_one_line(
    calling_stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    stage = calling_stage
    caplog.set_level(logging.INFO)
    ended: list[BaseException] = []

    @stage.bot.on_command("q")
    def question(event: dict[str, Any]) -> None:
        try:
            stage.bot.ask(event, "?")
        except NetworkError as error:
            ended.append(error)
            raise

    stage.go()
    stage.push(message("/q"))
    assert stage.api.said() == "?"
    began = time.monotonic()
    stage.bot.stop()
    assert time.monotonic() - began < 10  # 60 s when the question goes on
    wait_until(lambda: "question ended: 机器人停止了" in caplog.text)
    assert ended
    assert "Traceback" not in caplog.text


@pytest.mark.usefixtures("patient_stop")
def test_a_handler_may_stop_its_bot_and_still_answer(stage: Stage) -> None:
    @stage.bot.on_command("stop")
    def stop(event: dict[str, Any]) -> str:
        stage.bot.stop()
        return "goodbye"

    started = threading.Event()
    stage.bot.every(0.01)(started.set)  # a run() that began after the stop would start it again
    running = threading.Thread(target=stage.bot.run)
    running.start()
    assert started.wait(15)
    stage.go()
    stage.push(message("/stop"))
    assert stage.api.said() == "goodbye"
    running.join(20)
    assert not running.is_alive()


def test_stop_is_idempotent_and_a_stopped_bot_can_be_started_again(stage: Stage) -> None:
    stage.bot.on_message(lambda event: "hi")
    stage.bot.stop()
    stage.go()
    stage.bot.start()
    stage.bot.stop()
    stage.bot.stop()
    stage.go()
    stage.push(message())
    assert stage.api.said() == "hi"


def test_twenty_starts_and_stops_leave_no_thread(stage: Stage) -> None:
    before = threading.active_count()
    for _ in range(20):
        with stage.bot:
            pass
    wait_until(lambda: threading.active_count() <= before + 1)


def push_in_order(stage: Stage, event: Any) -> None:
    """Push an event; over HTTP, wait for the answer, since posts may overtake each other."""
    if isinstance(stage.peer, Poster):
        stage.peer.post(event)
    else:
        stage.push(event)


def test_events_without_the_usual_fields_are_handled(stage: Stage) -> None:
    stage.bot.on_message(lambda event: "hello")
    stage.go()
    stage.push({"post_type": "message", "message_type": "private", "user_id": 1, "message": "hi"})
    assert stage.api.said() == "hello"


@pytest.mark.parametrize(
    "event",
    [
        {"post_type": "message", "message_type": ["list"], "user_id": {"a": 1}, "message": 5},
        {"post_type": "notice", "notice_type": None, "group_id": [], "self_id": {}},
        {"post_type": "message", "message": [None, 5, {"type": 5, "data": []}], "user_id": None},
        {"post_type": "made_up", "user_id": 10**400},
        {"post_type": "message", "message": "", "sender": "nobody", "user_id": -1},
    ],
)
def test_a_strange_event_does_not_end_the_bot(
    stage: Stage, event: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    stage.bot.on_command("x")(lambda event: None)
    stage.bot.on("message.private")(lambda event: "alive")
    stage.go()
    push_in_order(stage, event)
    stage.push(message())
    assert stage.api.said() == "alive"
    stage.bot.stop()  # now the strange event has been handled
    assert "A job failed" not in caplog.text


def test_an_event_without_post_type_is_dropped_and_said_once(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    stage.bot.on_message(lambda event: "alive")
    stage.go()
    for _ in range(3):
        push_in_order(stage, {"user_id": 1} if stage.transport != "ws_client" else {"post_type": 5})
    stage.push(message())
    assert stage.api.said() == "alive"
    assert caplog.text.count("dropped ") == 1


@pytest.mark.parametrize("half", ["\ud83d", "\ude00\ud83d"])
def test_an_event_with_half_a_sign_is_dropped_and_said_once(
    stage: Stage, half: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody could write it to a file or a terminal; a whole sign is fine."""
    stage.bot.on_message(lambda event: segment.plain_text(event))
    stage.go()
    for _ in range(3):
        push_in_order(stage, message(half))
    stage.push(message("\ud83d\ude00"))
    assert stage.api.said() == "😀"
    assert caplog.text.count("dropped ") == 1
    assert "surrogate" in caplog.text


def test_without_an_api_only_the_return_value_answers(caplog: pytest.LogCaptureFixture) -> None:
    stage = Stage("http_answer")

    @stage.bot.on_message
    def answer(event: dict[str, Any]) -> str:
        with pytest.raises(ApiNotAvailable, match="api="):
            stage.bot.send(event, "x")
        return "in the response"

    stage.go()
    stage.push(message())
    assert stage.api.said() == "in the response"
    stage.close()


def test_stats_count_what_happened(calling_stage: Stage) -> None:
    stage = calling_stage
    stage.api.answers["delete_msg"] = lambda params: failed(1200, "no")

    @stage.bot.on_message
    def handler(event: dict[str, Any]) -> str:
        assert stage.bot.request("delete_msg", {"message_id": 1})["status"] == "failed"
        return "done"

    stage.go()
    before = stage.bot.stats["events"]
    stage.push(message())
    assert stage.api.said() == "done"
    stats = stage.bot.stats
    assert stats["events"] >= before + 1
    assert (stats["calls"], stats["failures"], stats["reconnects"]) == (2, 1, 0)
    wait_until(lambda: not stage.bot.stats["queued"])  # where there is a meta event, it may be late


def test_events_are_counted_rightly_while_they_come_from_many_sides_and_somebody_looks() -> None:
    bot = WsServer(port=0)
    bot.on_message(lambda event: None)
    bot.start()

    def send() -> None:
        for _ in range(500):
            bot.handle(message())

    senders = [threading.Thread(target=send) for _ in range(4)]
    for sender in senders:
        sender.start()
    seen = [bot.stats["events"] for _ in range(1000)]
    for sender in senders:
        sender.join()
    assert seen == sorted(seen)
    assert [bot.stats["events"] for _ in range(3)] == [2000, 2000, 2000]
    bot.stop()


@pytest.mark.parametrize("kind", [EventServer, WsServer])
def test_an_ipv6_address_has_its_brackets_in_the_url(kind: type[EventServer | WsServer]) -> None:
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    with kind("::1", 0) as server:
        assert server.url.startswith(("http://[::1]:", "ws://[::1]:"))
        with pytest.raises(NetworkError, match=r"\[::1\]:\d+: the port is already in use"):
            kind("::1", server.port).start()


def test_a_call_that_cannot_be_made_is_a_failure() -> None:
    for bot in (WsClient("ws://127.0.0.1:9"), EventServer(port=0)):
        with pytest.raises((NetworkError, ApiNotAvailable)):
            bot.call_action("get_status")
        assert (bot.stats["calls"], bot.stats["failures"]) == (1, 1)


def test_streams_are_counted_as_calls(calling_stage: Stage) -> None:
    stage = calling_stage
    stage.api.answers["bad"] = lambda params: failed(1200, "no")
    stage.go()
    assert list(stage.bot.stream_action("download")) == [{"message_id": 1234}]
    with pytest.raises(ActionFailed):
        list(stage.bot.stream_action("bad"))
    stats = stage.bot.stats
    assert (stats["calls"], stats["failures"]) == (2, 1)


def test_calls_that_never_get_an_answer_are_failures_and_leave_nothing(
    calling_stage: Stage,
) -> None:
    stage, release = calling_stage, threading.Event()

    def slow(params: dict[str, Any]) -> dict[str, Any]:
        release.wait(10)
        return failed(1, "late")

    stage.api.answers["slow"] = slow
    stage.go()
    for number in range(20):
        with pytest.raises(ApiTimeout):
            stage.bot.request("slow", {"number": number}, timeout=0.01)
    assert (stage.bot.stats["calls"], stage.bot.stats["failures"]) == (20, 20)
    release.set()
    assert stage.bot.call_action("quick") == {"message_id": 1234}


def test_streams_that_are_left_early_leave_nothing(calling_stage: Stage) -> None:
    stage = calling_stage
    stage.api.answers["endless"] = lambda params: ok({"type": "stream"})
    stage.go()
    for _ in range(20):
        assert next(stage.bot.stream_action("endless")) == {"type": "stream"}


def test_who_pauses_in_a_stream_keeps_no_other_call_waiting(ws_stage: Stage) -> None:
    stage = ws_stage
    stage.go()
    assert isinstance(stage.peer, WsPeer)
    usual = stage.peer.answer

    def flood(socket: Any, call: dict[str, Any]) -> None:
        for _ in range(2000 if call["action"] == "big_file" else 0):
            socket.send(json.dumps({**ok({"type": "stream"}), "echo": call["echo"]}))
        usual(socket, call)
        flooded.set()

    flooded = threading.Event()
    stage.peer.answer = flood  # type: ignore[method-assign]
    frames = stage.bot.stream_action("big_file")
    next(frames)
    assert flooded.wait(5)
    assert stage.bot.request("get_status", timeout=10)["status"] == "ok"
    assert len(list(frames)) == 2000
