"""What every bot does, whatever carries its events."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable
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
from onebot_simple.event import command_of
from onebot_simple.quick_operation import response_body

from .conftest import Stage
from .peers import failed, message, ok, text_of, wait_until

# -- answering ------------------------------------------------------------------------------------


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
    stage.bot.on_message(lambda event: "something")
    stage.go()
    stage.push(message("/nothing"))
    stage.push(message("/nothing"))
    wait_until(lambda: not empty)
    stage.push(message("x"))
    assert stage.api.said() == "something"
    assert stage.api.all_said() == ["something"]


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


def test_a_ban_of_no_seconds_goes_into_the_http_answer_too() -> None:
    group, operation = message(group_id=30001), {"ban": True, "ban_duration": 0, "kick": False}
    answer = {"ban": True, "ban_duration": 0, "at_sender": False}
    assert response_body(group, operation) == answer


def test_an_approval_of_none_is_no_answer_to_a_request() -> None:
    request = {"post_type": "request", "request_type": "friend", "user_id": 1, "flag": "f"}
    assert response_body(request, {"approve": None, "remark": "x"}) == {"remark": "x"}


def test_one_action_that_fails_does_not_keep_the_others_from_running(
    calling_stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    stage = calling_stage
    stage.api.answers["send_msg"] = lambda params: failed(1200, "no")
    stage.bot.on_message(lambda event: {"reply": "x", "delete": True})
    stage.go()
    stage.push(message(group_id=30001))
    stage.api.wait_call("delete_msg")
    assert "send_msg failed with retcode 1200" in caplog.text


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


# -- choosing events ------------------------------------------------------------------------------


def test_own_messages_are_no_messages(stage: Stage) -> None:
    stage.bot.on_message(lambda event: "echo")
    stage.bot.on("message_sent")(lambda event: None)
    stage.go()
    stage.push(message("mine") | {"post_type": "message_sent"})
    stage.push(message("yours"))
    assert stage.api.said() == "echo"
    assert stage.api.all_said() == ["echo"]


@pytest.mark.parametrize(
    ("name", "event"),
    [
        ("notice", {"post_type": "notice", "notice_type": "friend_add", "user_id": 1}),
        (
            "notice.notify.poke",
            {"post_type": "notice", "notice_type": "notify", "sub_type": "poke", "user_id": 1},
        ),
        ("request.group", {"post_type": "request", "request_type": "group", "sub_type": "invite"}),
        ("meta_event.heartbeat", {"post_type": "meta_event", "meta_event_type": "heartbeat"}),
        ("message.group.anonymous", message(group_id=1) | {"sub_type": "anonymous"}),
    ],
)
def test_events_are_chosen_by_name(stage: Stage, name: str, event: dict[str, Any]) -> None:
    seen = threading.Event()
    stage.bot.on(name)(lambda event: seen.set())
    stage.bot.on("notice.group_ban", "message.private")(lambda event: pytest.fail("not mine"))
    stage.go()
    stage.push(event)
    assert seen.wait(5)


def test_a_handler_that_is_registered_while_events_come_is_asked_from_the_next_one_on(
    stage: Stage,
) -> None:
    seen: list[int] = []

    @stage.bot.on_group_message
    def register(event: dict[str, Any]) -> None:
        if not seen:
            stage.bot.on_command("late")(lambda event: "late command")
            stage.bot.on("message.group")(lambda event: "late handler")
        seen.append(1)

    stage.go()
    stage.push(message("/late", group_id=30001))
    wait_until(lambda: seen)
    for number, said in enumerate(["hi", "/late", "/other"], 1):
        stage.push(message(said, group_id=30001))
        assert stage.api.said(number) == ("late command" if said == "/late" else "late handler")


def test_handlers_of_many_kinds_keep_the_order_of_their_registration(stage: Stage) -> None:
    ran: list[str] = []

    def note(name: str) -> Callable[[dict[str, Any]], None]:
        return lambda event: ran.append(name)

    stage.bot.on("message.group.normal")(note("particular"))
    stage.bot.on_command("a", "b")(note("command a or b"))
    stage.bot.on_message(note("message"))
    stage.bot.on_command("b")(note("command b"))
    stage.bot.on("notice", "message.group", "message")(note("three names"))
    stage.bot.on_private_message(note("private"))
    stage.go()
    for said, between in (("/a", []), ("/b", ["command b"]), ("c", None)):
        ran.clear()
        stage.push(message(said, group_id=30001))
        wait_until(lambda: "three names" in ran)
        commands = [] if between is None else ["command a or b"]
        assert ran == ["particular", *commands, "message", *(between or []), "three names"]


def test_events_of_unknown_names_reach_the_general_handlers(
    stage: Stage,
) -> None:
    seen: list[str] = []
    stage.bot.on_group_message(lambda event: seen.append(event["sub_type"]))
    stage.go()
    names = [f"kind{number}" for number in range(20)]
    for name in names:
        stage.push(message("hi", group_id=30001, sub_type=name))
    wait_until(lambda: sorted(seen) == sorted(names))


@pytest.mark.parametrize(
    "event",
    [
        {"post_type": "message.private", "user_id": 1},
        {"post_type": "message", "message_type": "group.normal", "group_id": 1, "user_id": 1},
        {"post_type": "notice", "notice_type": "notify.poke", "user_id": 1},
        {"post_type": "notice", "notice_type": "notify", "sub_type": "poke.x", "user_id": 1},
    ],
)
def test_a_dot_in_a_field_is_no_way_to_another_name(stage: Stage, event: dict[str, Any]) -> None:
    seen: list[str] = []
    stage.bot.on("message.private", "message.group", "notice.notify.poke")(
        lambda event: seen.append("wrong")
    )
    stage.bot.on_request(lambda event: seen.append("last"))
    stage.go()
    stage.push(event)
    stage.push({"post_type": "request", "request_type": "friend", "user_id": 1, "flag": "f"})
    wait_until(lambda: seen)
    assert seen == ["last"]


def test_decorators_return_the_function_unchanged() -> None:
    bot = WsClient("ws://127.0.0.1:1")

    def handler(event: dict[str, Any]) -> None: ...

    for decorate in (bot.on_message, bot.on_notice(), bot.on_command("x"), bot.on("notice")):
        assert decorate(handler) is handler


def test_an_unknown_event_name_is_refused_with_a_suggestion() -> None:
    bot = WsClient("ws://127.0.0.1:1")
    with pytest.raises(ValueError, match='unknown event "mesage", did you mean "message"?'):
        bot.on("mesage")
    with pytest.raises(ValueError, match='did you mean "notice.notify.poke"?'):
        bot.on("poke")
    with pytest.raises(ValueError, match='did you mean "notice.group_increase"?'):
        bot.on("notice", "group_increase")


def test_a_decorator_without_a_name_says_what_is_missing() -> None:
    bot = WsClient("ws://127.0.0.1:1")

    def handler(event: dict[str, Any]) -> None: ...

    with pytest.raises(TypeError, match='@bot.on_command\\("hello"\\)'):
        bot.on_command(handler)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="on\\(\\)"):
        bot.on(handler)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="needs a name"):
        bot.on()
    with pytest.raises(TypeError, match="needs a name"):
        bot.on_command()


def test_async_functions_are_refused_with_the_reason() -> None:
    bot = WsClient("ws://127.0.0.1:1")

    async def handler(event: dict[str, Any]) -> None: ...

    class Callable:
        async def __call__(self, event: dict[str, Any]) -> None: ...

    for wrong in (handler, Callable()):
        with pytest.raises(TypeError, match="never awaits"):
            bot.on_message(wrong)


def test_a_function_that_cannot_take_an_event_is_refused() -> None:
    bot = WsClient("ws://127.0.0.1:1")
    with pytest.raises(TypeError, match="must take \\(event\\)"):
        bot.on_message(lambda: None)
    with pytest.raises(TypeError, match="or def <lambda>\\(event, args\\)"):
        bot.on_command("x")(lambda a, b, c: None)


# -- commands -------------------------------------------------------------------------------------


def at(qq: int | str) -> dict[str, Any]:
    return {"type": "at", "data": {"qq": str(qq)}}


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "data": {"text": words}}


REPLY = {"type": "reply", "data": {"id": "9"}}


@pytest.mark.parametrize(
    ("content", "args"),
    [
        ("/天气", ""),
        ("/天气 北京", "北京"),
        ("/天气   北京  上海 ", "北京  上海"),
        ("/weather\nBeijing", "Beijing"),
        ("  /天气 x", "x"),
        ([at(10001), text(" /天气 北京")], "北京"),
        ([REPLY, at(10001), text(" /天气")], ""),
        ([REPLY, text("/天气 a"), at(5), text(" b")], "a b"),
        ([text(" "), at(10001), text("/天气")], ""),
    ],
)
def test_a_command_is_found_with_its_args(stage: Stage, content: Any, args: str) -> None:
    stage.bot.on_command("天气", "weather")(lambda event, args: f"<{args}>")
    stage.go()
    stage.push(message(content, group_id=30001))
    assert stage.api.said() == f"<{args}>"


@pytest.mark.parametrize(
    "content",
    [
        "/天气北京",
        "天气",
        "/ 天气",
        "/",
        "say /天气",
        [at(999), text(" /天气")],
        [at("all"), text(" /天气")],
        [{"type": "image", "data": {"file": "x"}}, text("/天气")],
        [at(10001)],
        [],
    ],
)
def test_what_only_looks_like_a_command_is_none(stage: Stage, content: Any) -> None:
    stage.bot.on_command("天气")(lambda event: "wrong")
    stage.bot.on_message(lambda event: "right")
    stage.go()
    stage.push(message(content, group_id=30001))
    assert stage.api.said() == "right"


def test_a_command_is_found_in_linear_time_whatever_stands_before_it() -> None:
    before: list[Any] = [segment.at(10001)] * 250_000
    event = message([*before, segment.text("/x y")])
    began = time.thread_time()
    segment.to_list(event)
    read = time.thread_time()
    assert command_of(event, ("/",)) == ("x", "y")
    # as long again, but ten times as long when each segment makes all others move up
    assert time.thread_time() - read < 4 * (read - began)


def test_commands_are_found_in_messages_in_cq_format(stage: Stage) -> None:
    stage.bot.on_command("say")(lambda event, args: args)
    stage.go()
    stage.push(message() | {"message": "[CQ:at,qq=10001] /say &#91;hi&#93;"})
    assert stage.api.said() == "[hi]"


def test_a_command_handler_may_take_the_event_alone(stage: Stage) -> None:
    stage.bot.on_command("id")(lambda event: str(event["user_id"]))
    stage.go()
    stage.push(message("/id", user_id=77))
    assert stage.api.said() == "77"


@pytest.mark.parametrize("prefix", ["", "!", "bot "])
def test_the_prefix_can_be_chosen(prefix: str) -> None:
    stage = Stage("ws_client", command_prefix=prefix)
    stage.bot.on_command("ping")(lambda event: "pong")
    stage.go()
    stage.push(message("/ping"))
    stage.push(message(prefix + "ping"))
    assert stage.api.said() == "pong"
    assert stage.api.all_said() == ["pong"]
    stage.close()


@pytest.mark.parametrize("name", ["/help", "two words", ""])
def test_a_command_that_could_never_be_called_is_refused(name: str) -> None:
    with pytest.raises(ValueError):
        WsClient("ws://127.0.0.1:1").on_command(name)


# -- ask and wait_for -----------------------------------------------------------------------------


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


# -- starting and stopping ------------------------------------------------------------------------


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
    assert time.monotonic() - began < 2
    assert ended
    assert "question ended: 机器人停止了" in caplog.text
    assert "Traceback" not in caplog.text


def test_a_handler_may_stop_its_bot(stage: Stage) -> None:
    stage.bot.on_command("stop")(lambda event: stage.bot.stop())
    stage.go()
    running = threading.Thread(target=stage.bot.run)
    running.start()
    stage.push(message("/stop"))
    running.join(5)
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
    stage.push(event)
    stage.push(message())
    assert stage.api.said() == "alive"
    assert "a job failed" not in caplog.text


def test_an_event_without_post_type_is_dropped_and_said_once(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    stage.bot.on_message(lambda event: "alive")
    stage.go()
    for _ in range(3):
        stage.push({"user_id": 1} if stage.transport != "ws_client" else {"post_type": 5})
    stage.push(message())
    assert stage.api.said() == "alive"
    wait_until(lambda: caplog.text.count("dropped ") == 1)


@pytest.mark.parametrize("half", ["\ud83d", "\ude00\ud83d"])
def test_an_event_with_half_a_sign_is_dropped_and_said_once(
    stage: Stage, half: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody could write it to a file or a terminal; a whole sign is fine."""
    stage.bot.on_message(lambda event: segment.plain_text(event))
    stage.go()
    for _ in range(3):
        stage.push(message(half))
    stage.push(message("\ud83d\ude00"))
    assert stage.api.said() == "😀"
    wait_until(lambda: caplog.text.count("dropped ") == 1)
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
    wait_until(lambda: stage.bot.stats["calls"] == 2)
    stats = stage.bot.stats
    assert stats["events"] >= before + 1
    assert (stats["failures"], stats["reconnects"], stats["queued"]) == (1, 0, 0)


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
