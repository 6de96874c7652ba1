"""What a handler may return, and what the bot makes of it."""

from __future__ import annotations

import logging
import re
from queue import SimpleQueue
from typing import Any

import pytest

from onebot_simple import ApiNotAvailable, EventServer, segment

from .conftest import Stage
from .peers import message, ok, text_of, wait_until

Event = dict[str, Any]
GUILD = {
    **message("hi"),
    "message_type": "guild",
    "sub_type": "channel",
    "guild_id": "50001",
    "channel_id": "60001",
    "user_id": "144115218000020001",
}
FRIEND = {"post_type": "request", "request_type": "friend", "user_id": 5, "flag": "f"}


@pytest.mark.parametrize(
    "sent",
    [
        lambda bot, event: bot.send(event, "x"),
        lambda bot, event: bot.send_private_msg(user_id=1, message="x"),
        lambda bot, event: bot.send_group_forward_msg(group_id=1, messages=["x"]),
        lambda bot, event: bot.call_action("send_msg", user_id=1, message="x"),
    ],
)
def test_the_result_of_what_was_sent_is_an_answer_that_is_out_already(
    calling_stage: Stage, sent: Any, caplog: pytest.LogCaptureFixture
) -> None:
    stage = calling_stage
    forwarded = ok({"message_id": 5, "res_id": "r", "forward_id": "f"})
    stage.api.answers["send_group_forward_msg"] = lambda params: forwarded
    stage.bot.on_command("x")(lambda event: sent(stage.bot, event))
    stage.bot.on_message(lambda event: "heard " + segment.plain_text(event))
    stage.go()
    stage.push(message("/x", user_id=1))
    wait_until(lambda: stage.api.calls)
    stage.push(message("after", user_id=1))
    number = 2 if "forward" not in stage.api.calls[0][0] else 1
    assert stage.api.said(number) == "heard after"
    assert [name for name, _ in stage.api.calls][1:] == ["send_msg"]
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize(
    ("wrong", "shown"),
    [
        (42, "42（int）.*42 \\(int\\).*answer must be a str"),
        (True, "True（bool）"),
        (b"bytes", "b'bytes'（bytes）"),
        ([5], r"\[5\]（list）"),
        (object, "type"),
        ({"type": "image", "file": "a.png"}, "image"),
        ({"replay": "x"}, '只有：reply .*no field "replay", did you mean "reply"\\?'),
        ({"reply": 5}, "reply must be a str .*not 5"),
        ({"user_id": 5, "nickname": "Ann"}, 'no field "user_id", only: reply '),
        (message("the event itself"), "no field"),
    ],
)
def test_what_is_no_answer_names_the_function_and_what_it_returned(
    stage: Stage, wrong: Any, shown: str, caplog: pytest.LogCaptureFixture
) -> None:
    @stage.bot.on_message
    def confused(event: Event) -> Any:
        return wrong

    stage.bot.on_message(lambda event: "next")
    stage.go()
    stage.push(message())
    assert stage.api.said() == "next"
    assert re.search("TypeError: confused 返回了 .*confused returned ", caplog.text)
    assert re.search(shown, caplog.text), caplog.text


@pytest.mark.parametrize(
    ("event", "operation", "why"),
    [
        (message(), {"ban": True}, '"ban" is no answer to a message event'),
        (message(), {"approve": True}, '"approve" is no answer to a message event'),
        (message(), {"approve": False}, '"approve" is no answer to a message event'),
        (FRIEND, {"delete": True}, '"delete" is no answer to a request event'),
        (message(group_id=30001), {"remark": "x"}, "only to a request"),
    ],
)
def test_an_operation_that_does_not_fit_its_event_is_an_error(
    stage: Stage, event: Event, operation: Any, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    @stage.bot.on("message", "request")
    def confused(event: Event) -> Any:
        return operation

    stage.go()
    stage.push(event)
    wait_until(lambda: why in caplog.text)
    assert "不能用在" in caplog.text
    assert "confused" in caplog.text


@pytest.mark.parametrize("decision", [True, False])
def test_who_answers_a_request_with_a_bool_is_shown_how_to_decide(
    stage: Stage, decision: bool, caplog: pytest.LogCaptureFixture
) -> None:
    stage.bot.on_request(lambda event: decision)
    stage.go()
    stage.push(FRIEND)
    wait_until(lambda: f'Write return {{"approve": {decision}}}' in caplog.text)
    assert f"<lambda> returned {decision} (bool)" in caplog.text


@pytest.mark.parametrize("nothing", [None, False, ""])
def test_a_field_that_says_nothing_fits_every_event(calling_stage: Stage, nothing: Any) -> None:
    stage = calling_stage
    fields = dict.fromkeys(["delete", "kick", "ban", "ban_duration", "remark"], nothing)
    stage.bot.on_message(lambda event: {"reply": ["hi"], "auto_escape": False, **fields})
    stage.go()
    stage.push(message())
    assert stage.api.said() == "hi"


def test_nobody_is_addressed_who_speaks_anonymously(calling_stage: Stage) -> None:
    stage = calling_stage
    stage.bot.on_message(lambda event: {"reply": "hi", "at_sender": True})
    stage.go()
    stage.push({**message(group_id=30001), "anonymous": {"id": 1, "name": "x", "flag": "f"}})
    assert stage.api.wait_call("send_msg")["message"] == [segment.text("hi")]


def test_a_guild_message_is_answered_in_its_channel(calling_stage: Stage) -> None:
    stage = calling_stage
    stage.bot.on_message(lambda event: "hi")
    stage.go()
    stage.push(GUILD)
    assert stage.api.wait_call("send_guild_channel_msg") == {
        "guild_id": "50001",
        "channel_id": "60001",
        "message": [segment.text("hi")],
    }


def test_ask_in_a_channel_is_answered_in_that_channel(calling_stage: Stage) -> None:
    stage = calling_stage
    stage.bot.on_command("q")(lambda event: f"got {stage.bot.ask(event, '?')}")
    stage.bot.on_message(lambda event: f"heard {segment.plain_text(event)}")
    stage.go()

    def said(number: int) -> tuple[str, str]:
        sent = stage.api.wait_call("send_guild_channel_msg", number)
        return text_of(sent["message"]), sent["channel_id"]

    stage.push({**GUILD, "message": "/q"})
    assert said(1) == ("?", "60001")
    stage.push({**GUILD, "message": "elsewhere", "channel_id": "60002"})
    assert said(2) == ("heard elsewhere", "60002")
    stage.push({**GUILD, "message": "here"})
    assert said(3) == ("got here", "60001")


@pytest.mark.parametrize(
    ("more", "user"),
    [
        ({"sub_type": "profile_like", "operator_id": 20003}, 20003),
        ({"sub_type": "input_status", "user_id": 20004}, 20004),
        ({"notice_type": "online_file_send", "sub_type": "receive", "peer_id": 20005}, 20005),
        ({"sub_type": "poke", "user_id": 20006, "sender_id": 20006, "target_id": 10001}, 20006),
    ],
)
def test_a_notice_of_no_group_is_answered_to_whom_it_names(
    calling_stage: Stage, more: Event, user: int
) -> None:
    stage = calling_stage
    stage.bot.on_notice(lambda event: "thanks")
    stage.go()
    stage.push({"post_type": "notice", "notice_type": "notify", "self_id": 10001, **more})
    sent = stage.api.wait_call("send_msg")
    assert (sent["message_type"], sent["user_id"]) == ("private", user)


def test_an_answer_to_nobody_is_an_error_that_says_what_to_call(
    calling_stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    stage = calling_stage
    stage.bot.on("notice.client_status")(lambda event: "hello?")
    stage.go()
    stage.push({"post_type": "notice", "notice_type": "client_status", "self_id": 10001})
    wait_until(lambda: "没有地方回答" in caplog.text)
    assert "notice.client_status came from no chat" in caplog.text
    assert "use send_group_msg or send_private_msg" in caplog.text


@pytest.mark.parametrize(
    ("call", "shown"),
    [
        (lambda bot: bot.ask("name?"), r'bot\.ask\(event, "\.\.\."\)'),
        (lambda bot: bot.ask({"user_id": 5}), r'bot\.ask\(event, "\.\.\."\)'),
        (lambda bot: bot.send(30001, "hi"), r'bot\.send\(event, "\.\.\."\)'),
        (lambda bot: bot.approve(None), r"bot\.approve\(event\)"),
        (lambda bot: bot.send("hi"), r'bot\.send\(event, "..."\)'),
        (lambda bot: bot.reject("flag", "no"), r"bot\.reject\(event\)"),
    ],
)
def test_what_is_no_event_is_refused_with_the_right_call(
    stage: Stage, call: Any, shown: str
) -> None:
    stage.go()
    with pytest.raises(TypeError, match=rf"第一个参数.*写成 {shown}.*must be the event.*{shown}"):
        call(stage.bot)


@pytest.mark.parametrize("nothing", ["", [], None])
def test_send_needs_something_to_send(stage: Stage, nothing: Any) -> None:
    with pytest.raises(ValueError, match=r"是空的。 send\(\) needs something"):
        stage.bot.send(message(), nothing)


@pytest.mark.parametrize("wrong", [5, {"reply": "x"}, [None], {"type": "image", "file": "x"}])
def test_send_is_told_what_a_message_is_and_not_what_handlers_return(
    stage: Stage, wrong: Any
) -> None:
    with pytest.raises(TypeError) as refused:
        stage.bot.send(message(), wrong)
    assert "返回" not in str(refused.value)
    assert "message" in str(refused.value)


def test_only_a_request_can_be_approved(stage: Stage) -> None:
    with pytest.raises(ValueError, match=r"好友请求和加群请求.*is no request"):
        stage.bot.approve(message())


def test_without_an_api_a_notice_cannot_be_answered_and_the_log_says_how_it_could(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stage = Stage("http_answer")
    stage.bot.on_notice(lambda event: "welcome")
    stage.go()
    join = {"post_type": "notice", "notice_type": "group_increase", "group_id": 30001}
    stage.push({**join, "user_id": 9, "self_id": 10001})
    wait_until(lambda: "has no api=" in caplog.text)
    assert 'EventServer(api=HttpClient("http://127.0.0.1:3000"))' in caplog.text
    with pytest.raises(ApiNotAvailable):
        stage.bot.send(message(), "x")
    stage.close()


def test_what_goes_out_is_a_line_in_the_log_each(
    calling_stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    stage = calling_stage
    caplog.set_level(logging.INFO)

    @stage.bot.on_message
    def answer(event: Event) -> Any:
        stage.bot.send_group_msg(30001, "first\nline")
        stage.bot.get_status()
        stage.bot.send_private_forward_msg(20001, [segment.node(5)])
        return [segment.image(b"\x89PNG" * 50_000), "你好" * 400]

    stage.go()
    stage.push(message(user_id=20002))
    stage.api.wait_call("send_msg")
    lines = [r.getMessage() for r in caplog.records if r.getMessage().startswith("→")]
    assert lines[:2] == [
        "→ send_group_msg group_id=30001: first\\nline",
        "→ send_private_forward_msg user_id=20001: [node]",
    ]
    assert lines[2].startswith("→ send_msg user_id=20002: [image]你好你好")
    assert len(lines) == 3
    assert len(lines[2]) <= 300


def test_what_answers_without_a_message_is_in_the_log_too(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    stage.bot.on_request(lambda event: {"approve": True})
    stage.bot.on_message(lambda event: {"reply": "bye", "ban": True, "ban_duration": 60})
    stage.go()
    stage.push(FRIEND)
    stage.push(message(group_id=30001, user_id=5))
    wait_until(lambda: "approve=True" in caplog.text and ": bye" in caplog.text)
    if stage.transport != "http_answer":  # NapCat ignores a ban in an HTTP answer
        wait_until(lambda: "→ set_group_ban group_id=30001 user_id=5: duration=60" in caplog.text)
    lines = [r.getMessage() for r in caplog.records if r.getMessage().startswith("→")]
    assert "→ set_friend_add_request: flag=f approve=True remark=" in lines
    assert len(lines) == (2 if stage.transport == "http_answer" else 3)


def test_approving_is_in_the_log_too(
    calling_stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    stage = calling_stage
    caplog.set_level(logging.INFO)
    stage.bot.on_request(stage.bot.approve)
    stage.go()
    stage.push(FRIEND)
    wait_until(lambda: "→ set_friend_add_request: flag=f approve=True" in caplog.text)


def test_a_value_that_is_neither_true_nor_false_is_no_answer(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    class Table:  # as those of numpy and pandas
        def __eq__(self, other: object) -> Any:
            return self

        def __bool__(self) -> bool:
            raise ValueError("ambiguous")

        __hash__ = None  # type: ignore[assignment]

    stage.bot.on_message(lambda event: Table())
    stage.bot.on_message(lambda event: "next")
    stage.go()
    stage.push(message())
    assert stage.api.said() == "next"
    assert "（Table）" in caplog.text
    assert "ambiguous" not in caplog.text


@pytest.mark.parametrize("returned", [{"ban": True}, 42, object, {"reply": "x", "ban": True}])
def test_a_post_is_answered_even_when_the_handler_returned_nonsense(returned: Any) -> None:
    responses: SimpleQueue[str | None] = SimpleQueue()
    with EventServer(port=0) as bot:
        bot.on_message(lambda event: returned)
        assert bot.handle(message(), respond=responses.put)
        assert responses.get(timeout=5) is None
