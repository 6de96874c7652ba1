"""Which event made the bot call: exact where the echo tells it, else marked as a guess."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from websocket import WebSocket

from onebot_simple import EventServer, HttpClient
from onebot_simple.simulator import Simulator

from .test_wire import dial, receive

GROUP, ALICE, BOB, CAROL = 30001, 20001, 20002, 20003
RANDOM = "9f2c01aa"


@contextmanager
def greeted(qq: Simulator) -> Iterator[WebSocket]:
    with dial(qq, token=None) as socket:
        receive(socket)
        yield socket


def call(socket: WebSocket, echo: Any, heard: int = 1, **params: Any) -> None:
    """Call once so many events have come."""
    for _ in range(heard):
        receive(socket)
    socket.send(json.dumps({"action": "send_msg", "params": params, "echo": echo}))
    while receive(socket).get("echo") != echo:
        pass


def cause(qq: Simulator, call: int = -1) -> Any:
    return qq.calls[call]["cause"]


def text_of(qq: Simulator, frame: int) -> str:
    [found] = [one["text"] for one in qq.frames if one["id"] == frame]
    return str(found)


def test_an_echo_tells_the_message_the_handler_and_its_line() -> None:
    with Simulator() as qq, greeted(qq) as socket:
        before = time.time()
        slow = qq.send_group("slow", user=CAROL)["message_id"]
        qq.send_group("quick", user=BOB)
        call(socket, f"{slow}:order@bot.py:28:7:{RANDOM}", 2, group_id=GROUP, message="to Carol")
        found = cause(qq)
        assert (found["message_id"], found["handler"], found["at"]) == (slow, "order", "bot.py:28")
        assert found["probably"] is False
        assert '"slow"' in text_of(qq, found["frame"])
        assert 0 < found["ms"] < (time.time() - before) * 1000
        [frame] = [frame for frame in qq.frames if frame["kind"] == "call"]
        assert frame["cause"] == found


def test_an_event_without_a_message_is_counted_on_its_connection() -> None:
    with Simulator() as qq, greeted(qq):
        qq.send_group("before the connection")
        with greeted(qq) as socket:
            qq.poke(CAROL)
            qq.poke(ALICE)
            call(socket, f"e2:poked@bot.py:9:1:{RANDOM}", 2, group_id=GROUP, message="ouch")
        found = cause(qq)
        assert f'"user_id": {CAROL}' in text_of(qq, found["frame"])
        assert (found["handler"], found["probably"]) == ("poked", False)


def test_with_several_bots_each_call_leads_to_the_event_of_its_own_connection() -> None:
    with Simulator() as qq, greeted(qq) as one, greeted(qq) as other:
        said = qq.send_private("hi")["message_id"]
        for socket in (one, other):
            call(socket, f"{said}:hello@bot.py:1:1:{RANDOM}", user_id=ALICE, message="hi")
        frames = {frame["id"]: frame for frame in qq.frames}
        for done in qq.calls:
            assert frames[done["cause"]["frame"]]["connection"] == done["connection"]


def test_a_recall_does_not_take_the_place_of_its_message() -> None:
    with Simulator() as qq, greeted(qq) as socket:
        said = qq.send_group("oops")["message_id"]
        qq.recall(said)
        call(socket, f"{said}:order@bot.py:28:7:{RANDOM}", 2, group_id=GROUP, message="hm")
        assert "oops" in text_of(qq, cause(qq)["frame"])


@pytest.mark.parametrize("handler", ["a:b", "下单", "<lambda>", "a@b"])
def test_any_name_of_a_handler_is_read_back(handler: str) -> None:
    with Simulator() as qq, greeted(qq) as socket:
        said = qq.send_private("hi")["message_id"]
        call(socket, f"{said}:{handler}@my bot.py:3:7:{RANDOM}", user_id=ALICE, message="hi")
        assert (cause(qq)["handler"], cause(qq)["at"]) == (handler, "my bot.py:3")


def test_a_call_outside_of_a_handler_has_no_cause() -> None:
    with Simulator() as qq, greeted(qq) as socket:
        qq.send_private("hi")
        call(socket, f"7:{RANDOM}", user_id=ALICE, message="of my own accord")
        assert cause(qq) is None


def test_an_event_of_long_ago_still_names_the_handler() -> None:
    with Simulator() as qq, greeted(qq) as socket:
        call(socket, f"12345:order@bot.py:28:7:{RANDOM}", 0, user_id=ALICE, message="late")
        found = cause(qq)
        assert (found["frame"], found["handler"], found["probably"]) == (None, "order", False)


@pytest.mark.parametrize("label", ["every", "connection", "event"])
def test_what_no_event_caused_names_the_handler(label: str) -> None:
    with Simulator() as qq, greeted(qq) as socket:
        call(socket, f"{label}:tick@bot.py:28:7:{RANDOM}", 0, user_id=ALICE, message="now")
        found = cause(qq)
        assert (found["frame"], found["handler"], found["probably"]) == (None, "tick", False)


def test_the_echo_of_another_library_makes_it_a_guess() -> None:
    with Simulator() as qq, greeted(qq) as socket:
        said = qq.send_group("for the group")["message_id"]
        qq.send_private("for the bot")
        call(socket, 17, 2, group_id=GROUP, message="hi")
        found = cause(qq)
        assert (found["message_id"], found["probably"]) == (said, True)
        assert (found["handler"], found["at"]) == (None, None)


def test_over_http_it_is_probable() -> None:
    bot = EventServer(api=HttpClient("http://127.0.0.1:3000"))
    bot.on_group_message(lambda event: "hi")
    with Simulator(bot) as qq:
        said = qq.send_group("hello")["message_id"]
        qq.wait_call("send_msg")
        assert (cause(qq)["message_id"], cause(qq)["probably"]) == (said, True)


def test_what_happened_before_the_simulator_was_started_again_causes_nothing() -> None:
    client, qq = HttpClient("http://127.0.0.1:3000"), Simulator()
    with qq, greeted(qq):
        qq.send_private("before")
    with qq, client:
        client.api_root = qq.http_url
        client.get_status()
        assert cause(qq) is None


def test_a_call_over_http_is_guessed_to_come_from_a_posted_event() -> None:
    bot = EventServer(api=HttpClient("http://127.0.0.1:3000"))
    bot.on_private_message(lambda event: "hi")
    with Simulator(bot) as qq, greeted(qq):
        qq.send_private("hello")
        qq.wait_call("send_msg")
        [event] = [frame for frame in qq.frames if frame["id"] == cause(qq)["frame"]]
        assert event["transport"] == "http_post"


def test_an_answer_to_a_post_is_exact() -> None:
    bot = EventServer()
    bot.on_message(lambda event: "hi")
    with Simulator(bot) as qq:
        first = qq.send_private("hello")["message_id"]
        qq.wait_call(".handle_quick_operation")
        assert (cause(qq)["message_id"], cause(qq)["probably"]) == (first, False)


def test_a_call_that_nothing_came_before_has_no_cause() -> None:
    with Simulator() as qq, HttpClient(qq.http_url) as client:
        client.get_status()
        assert cause(qq) is None


@pytest.mark.parametrize(
    "echo",
    [None, "", [], {"a": 1}, "x" * 100_000, ":" * 1000, f"e99999999999999999999:h@f:1:1:{RANDOM}"],
)
def test_no_echo_is_too_strange(echo: Any) -> None:
    with Simulator() as qq, dial(qq, "/api", token=None) as socket:
        content = {"action": "get_status", "params": [1], "echo": echo}
        socket.send(json.dumps(content))
        assert receive(socket)["retcode"] in (0, 1400)
        assert qq.calls[-1]["cause"] is None or isinstance(qq.calls[-1]["cause"], dict)
