"""Handlers: what they may look like, which events and commands they are for."""

from __future__ import annotations

import functools
import gc
import json
import threading
import time
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from typing import Any

import pytest

from onebot_simple import WsClient, WsServer, segment
from onebot_simple.event import command_of

from .conftest import Stage
from .peers import message, text_of, wait_until

Event = dict[str, Any]


@pytest.fixture
def bot() -> Iterator[WsServer]:
    """A bot that gets its events from the test itself."""
    with WsServer(port=0) as one:
        yield one


def answer_to(bot: WsServer, event: Event) -> str:
    """The words with which the bot answers."""
    answers: SimpleQueue[str | None] = SimpleQueue()
    assert bot.handle(event, respond=answers.put)
    return text_of(json.loads(answers.get(timeout=5) or "{}").get("reply", ""))


# -- choosing events -------------------------------------------------------------------------------


def test_own_messages_are_no_messages(stage: Stage) -> None:
    sent: list[Event] = []
    stage.bot.on_message(lambda event: "echo " + segment.plain_text(event))
    stage.bot.on("message_sent")(sent.append)
    stage.go()
    stage.push(message("mine") | {"post_type": "message_sent"})
    wait_until(lambda: sent)
    stage.push(message("yours"))
    assert stage.api.said() == "echo yours"
    assert stage.api.all_said() == ["echo yours"]


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
    seen, wrong = threading.Event(), list[Event]()
    stage.bot.on("notice.group_ban", "message.private")(wrong.append)
    stage.bot.on(name)(lambda event: seen.set())
    stage.go()
    stage.push(event)
    assert seen.wait(5)
    assert not wrong


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
    wait_until(lambda: "last" in seen)
    wait_until(lambda: stage.bot.stats["events"] >= 2)  # a post may overtake another
    stage.bot.stop()
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
    both = r"写成 def <lambda>\(event\): 或 def <lambda>\(event, args\):。 .*or def"
    with pytest.raises(TypeError, match=both):
        bot.on_command("x")(lambda a, b, c: None)
    with pytest.raises(TypeError, match=both):
        bot.on_command("x")(lambda args: None)  # it would be the event
    bot.on_message(lambda args: None)


# -- commands --------------------------------------------------------------------------------------


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


@pytest.fixture
def no_garbage_is_collected() -> Iterator[None]:
    """Where time is measured: a collection could take as long as what is measured."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_garbage_is_collected")
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
    stage.bot.on_command("ping")(lambda event: "pong to " + segment.plain_text(event))
    stage.go()
    stage.push(message("/ping"))
    stage.push(message(prefix + "ping"))
    assert stage.api.said() == f"pong to {prefix}ping"
    stage.close()


@pytest.mark.parametrize("name", ["/help", "two words", ""])
def test_a_command_that_could_never_be_called_is_refused(name: str) -> None:
    with pytest.raises(ValueError):
        WsClient("ws://127.0.0.1:1").on_command(name)


@pytest.mark.parametrize("said", ["/ping", "／ping", "!ping", "！ping", " \u200b/ping"])
def test_of_several_prefixes_each_counts_full_width_or_not(bot: WsServer, said: str) -> None:
    bot.command_prefix = ("/", "！")
    bot.on_command("ping")(lambda event: "pong")
    assert answer_to(bot, message(said)) == "pong"


@pytest.mark.parametrize("prefix", [5, (), None, ("/", 5)])
def test_a_prefix_that_is_none_is_refused_where_it_is_written(prefix: Any) -> None:
    with pytest.raises(TypeError, match=r"command_prefix 要写成字符串.* must be a str such as"):
        WsServer(port=0, command_prefix=prefix)


def test_a_command_may_begin_with_the_word_that_is_the_prefix(bot: WsServer) -> None:
    bot.command_prefix = "bot"
    bot.on_command("bottle")(lambda event: "glug")
    assert answer_to(bot, message("botbottle")) == "glug"


# -- what a handler may look like ------------------------------------------------------------------


def with_default(event: Event, city: str = "北京") -> str:
    return city


def plain_wrapper(function: Callable[..., Any]) -> Callable[..., Any]:
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


def wraps_all(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


def wraps_the_event(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(event: Event) -> Any:
        return function(event, "fixed")

    return wrapper


class Weather:
    def method(self, event: Event, args: str) -> str:
        return args or "nothing"

    @staticmethod
    def static(event: Event, args: str) -> str:
        return args or "nothing"

    def __call__(self, event: Event, args: str) -> str:
        return args or "nothing"


answer = "kept"
SHAPES: dict[str, tuple[Callable[..., Any], str, str]] = {  # what is said to /w and to "/w x"
    "event only": (lambda event: "alone", "alone", "alone"),
    "event and args": (lambda event, args: f"<{args}>", "<>", "<x>"),
    "a default that is kept": (lambda event, answer=answer: answer, "kept", "x"),
    "a default with a name": (with_default, "北京", "x"),
    "more with defaults": (lambda event, args, more=1: f"{args}{more}", "1", "x1"),
    "keyword-only": (lambda event, *, more="m": more, "m", "m"),
    "all arguments": (lambda event, *rest: "".join(rest) or "none", "none", "x"),
    "a wrapper without wraps": (plain_wrapper(lambda event: "wrapped"), "wrapped", "wrapped"),
    "a wrapper with wraps": (wraps_all(lambda event, args: f"<{args}>"), "<>", "<x>"),
    "a wrapper with wraps around one without": (
        wraps_all(plain_wrapper(lambda event: "wrapped")),
        "wrapped",
        "wrapped",
    ),
    "a wrapper that gives args": (wraps_the_event(lambda event, args: args), "fixed", "fixed"),
    "a partial": (functools.partial(lambda a, event, args: a + args, "p"), "p", "px"),
    "a method of an object": (Weather().method, "nothing", "x"),
    "a static method": (Weather.static, "nothing", "x"),
    "an object": (Weather(), "nothing", "x"),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_command_is_given_what_its_function_takes(bot: WsServer, shape: str) -> None:
    function, without, with_args = SHAPES[shape]
    assert bot.on_command("w")(function) is function
    assert answer_to(bot, message("/w")) == without
    assert answer_to(bot, message("/w x")) == with_args


@pytest.mark.parametrize("shape", SHAPES)
def test_a_message_handler_may_look_so_too(bot: WsServer, shape: str) -> None:
    function, without, _ = SHAPES[shape]
    if without in ("<>", "nothing", "1", "p"):  # it needs args, which only a command has
        with pytest.raises(TypeError, match=r"must take \(event\)"):
            bot.on_message(function)
    else:
        bot.on_message(function)
        assert answer_to(bot, message("hi")) == without


def test_builtins_are_handlers_too(bot: WsServer, capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[Event] = []
    bot.on_message(print)
    bot.on_message(seen.append)
    bot.on_message({}.update)
    bot.on_message(lambda event: "next")
    assert answer_to(bot, message("hi")) == "next"
    assert "'raw_message': 'hi'" in capsys.readouterr().out
    assert seen[0]["raw_message"] == "hi"


async def coroutine(event: Event) -> None: ...


async def async_generator(event: Event) -> Any:
    yield "a"


def generator(event: Event) -> Iterator[str]:
    yield "a"


class AsyncCall:
    async def __call__(self, event: Event) -> None: ...


class Plugin:
    def greet(self, event: Event) -> str:
        return "hi"


REFUSED: dict[str, tuple[Any, str]] = {
    "async": (coroutine, r"coroutine 是 async 函数.*is an async function"),
    "async object": (AsyncCall(), r"AsyncCall 是 async.*never awaits"),
    "async partial": (functools.partial(coroutine), r"async function"),
    "async generator": (async_generator, r"async function"),
    "generator": (generator, r"generator 里有 yield.*holds a yield"),
    "a method of a class": (Plugin.greet, r"先做一个对象.*make an object first"),
    "nothing": (lambda: None, r"参数不对.*must take \(event\): write def <lambda>\(event\)"),
    "too much": (lambda a, b, c: None, r"must take \(event\)"),
    "a needed keyword": (lambda event, *, city: None, r"must take \(event\)"),
    "a class that takes nothing": (Plugin, r"must take \(event\)"),
    "a word": ("hello", r"登记的是函数，不是 'hello'.*@bot.on_command\('hello'\)"),
    "a number": (5, r"takes a function, not 5"),
}


@pytest.mark.parametrize("shape", REFUSED)
def test_what_could_never_run_is_refused_where_it_is_registered(shape: str) -> None:
    bot = WsServer(port=0)
    function, why = REFUSED[shape]
    for decorate in (bot.on_message, bot.on_notice(), bot.on("request"), bot.on_command("x")):
        with pytest.raises(TypeError, match=why):
            decorate(function)


def test_a_connect_handler_that_takes_too_much_is_told_what_it_may_take() -> None:
    with pytest.raises(TypeError, match=r"must take \(self_id\): write def <lambda>\(self_id\)"):
        WsServer(port=0).on_connect(lambda a, b: None)


def test_who_is_told_of_connections_may_take_the_account_or_nothing(ws_stage: Stage) -> None:
    bot, told = ws_stage.bot, list[Any]()

    @bot.on_connect
    def hi() -> None:
        told.append("hi")

    bot.on_connect()(told.append)
    bot.on_connect(lambda self_id=5: told.append(self_id))
    bot.on_disconnect(lambda: told.append("bye"))
    bot.on_disconnect(told.append)
    ws_stage.go()
    wait_until(lambda: len(told) == 3)
    account = told[1]
    assert told == ["hi", account, account]
    assert account in (10001, None)  # NapCat's server does not say it
    wait_until(lambda: ws_stage.peer.sockets)[0].close()  # type: ignore[union-attr]
    wait_until(lambda: len(told) >= 5)
    assert told[3:5] == ["bye", account]


@pytest.mark.parametrize(
    ("body", "asks"),
    [
        ("input('?')", True),
        ("x = input", True),
        ("event.form.input('?')", False),
        ("input = 5", False),
    ],
)
def test_a_handler_that_asks_the_keyboard_is_warned_of(
    body: str, asks: bool, caplog: pytest.LogCaptureFixture
) -> None:
    space: dict[str, Any] = {}
    exec(f"def order(event):\n    {body}", space)
    WsServer(port=0).on_message(space["order"])
    assert ("order 里有 input()" in caplog.text) is asks
    assert ("use bot.ask(event, ...)" in caplog.text) is asks


# -- names of events -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["notice.group_album", "notice.notify.tap", "message.channel"])
def test_a_name_that_onebot_may_add_is_taken_with_a_warning(
    bot: WsServer, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    post_type, kind, *sub_type = name.split(".")
    heard: list[Event] = []
    bot.on(name)(heard.append)
    assert f'不认识事件 "{name}"' in caplog.text
    assert "look at the spelling" in caplog.text
    event = {**message(), "post_type": post_type, f"{post_type}_type": kind}
    bot.handle({**event, "sub_type": "".join(sub_type)})
    wait_until(lambda: heard)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("mesage", "message"),
        ("notice.group_increse", "notice.group_increase"),
        ("notice.notify.poek", "notice.notify.poke"),
        ("group_increase", "notice.group_increase"),
        ("notice.", None),
        ("", None),
        ("message.private.friend.x", None),
        ("something.else", None),
    ],
)
def test_a_typing_error_is_refused_with_what_was_meant(name: str, meant: str | None) -> None:
    with pytest.raises(ValueError, match="unknown event") as refused:
        WsServer(port=0).on(name)
    assert "检查拼写" in str(refused.value)
    if meant:
        assert f'是不是 "{meant}"？' in str(refused.value)
        assert f'did you mean "{meant}"?' in str(refused.value)


def test_a_name_that_is_no_str_is_refused() -> None:
    with pytest.raises(TypeError, match=r"里要写事件名.*needs a name"):
        WsServer(port=0).on(5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"要写指令名.*needs a name"):
        WsServer(port=0).on_command(5)  # type: ignore[arg-type]


# -- whose deed it is ------------------------------------------------------------------------------


OWN: dict[str, Event] = {
    "reported as message_sent": {**message("mine"), "post_type": "message_sent"},
    "reported as message": message("mine", user_id=10001),
    "in a group": message("mine", user_id=10001, group_id=30001),
    "with ids as str": message("mine", user_id=10001, self_id="10001"),
}
POKE = {"post_type": "notice", "notice_type": "notify", "sub_type": "poke", "self_id": 10001}


@pytest.mark.parametrize("how", OWN)
def test_an_echo_bot_does_not_talk_to_itself(stage: Stage, how: str) -> None:
    heard: list[str] = []
    stage.bot.on_message(lambda event: "echo")
    stage.bot.on_command("mine")(lambda event: "command")
    stage.bot.on("message_sent")(lambda event: heard.append("sent"))
    stage.go()
    stage.push(OWN[how])
    wait_until(lambda: heard)
    stage.push(message("yours"))
    assert stage.api.said() == "echo"
    assert stage.api.all_said() == ["echo"]


@pytest.mark.parametrize(
    "own",
    [
        {**POKE, "user_id": 10001, "target_id": 20002, "group_id": 30001},
        {**POKE, "user_id": 20002, "sender_id": 10001, "target_id": 20002},
        {**POKE, "user_id": "10001", "target_id": 20002},
    ],
)
def test_a_bot_that_pokes_back_does_not_poke_for_ever(stage: Stage, own: Event) -> None:
    poked: list[int] = []
    stage.bot.on("notice.notify.poke")(lambda event: poked.append(event["user_id"]))
    stage.go()
    stage.push(own)
    stage.push({**POKE, "user_id": 7, "target_id": 10001})
    wait_until(lambda: 7 in poked)
    wait_until(lambda: stage.bot.stats["events"] >= 2)  # a post may overtake another
    stage.bot.stop()
    assert poked == [7]


# -- what ends a handler ---------------------------------------------------------------------------


def test_sys_exit_in_a_handler_is_one_line_and_the_bot_lives_on(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    @stage.bot.on_message
    def leave(event: Event) -> None:
        raise SystemExit

    stage.bot.on_message(lambda event: "next")
    stage.go()
    stage.push(message())
    assert stage.api.said() == "next"
    assert "leave 里调用了 sys.exit()" in caplog.text
    assert "leave called sys.exit(), which ends this function only" in caplog.text
    assert "bot.stop()" in caplog.text
    assert "Traceback" not in caplog.text


def test_ctrl_c_raised_in_a_handler_is_an_error_like_any_other(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    @stage.bot.on_message
    def interrupted(event: Event) -> None:
        raise KeyboardInterrupt

    stage.bot.on_message(lambda event: "next")
    stage.go()
    stage.push(message())
    assert stage.api.said() == "next"
    assert "interrupted failed" in caplog.text
