"""The fuzzers that call functions directly."""

from __future__ import annotations

import copy
import random
import time
from collections.abc import Callable
from functools import partial
from typing import Any
from unicodedata import category

from onebot_simple import ApiNotAvailable, AuthenticationError, EventServer, segment
from onebot_simple.event import command_of, conversation_of, event_line, name_of, speaker_key
from onebot_simple.quick_operation import calls_for, operation_of, response_body
from onebot_simple.ws_connection import WsConnection

from .fuzz_inputs import ANSWERS, KEYS, SCALARS, SLOW_SECONDS, Finds, Inputs

PIECES = [
    *("[CQ:", "[CQ:at", "[CQ:image,file=", "]", ",", "=", "id", "&amp;", "&#91;", "&#93;", "&#44;"),
    *("&", "[", "-", "表", "\ud800", "\x00", " ", "[CQ:face,id=1]", "&#9", "1;", "a" * 50, "\n"),
]


def attempt(
    finds: Finds, given: Any, call: Callable[[], Any], *allowed: type[BaseException]
) -> Any:
    """What the call returns; anything but the allowed errors is a find, and so is slowness."""
    finds.inputs += 1
    began = time.monotonic()
    try:
        return call()
    except allowed:
        return None
    except BaseException as error:
        finds.add(error, given)
        return None
    finally:
        if time.monotonic() - began > SLOW_SECONDS:
            finds.add(f"{time.monotonic() - began:.1f} s", given)


def cq_codes(chance: random.Random, count: int, finds: Finds) -> None:
    """Read any text, write it again; a plain text never comes alive."""

    def check(text: str) -> None:
        segments = segment.from_cq(text)
        assert segment.from_cq(segment.to_cq(segments)) == segments
        assert segment.plain_text(segment.to_cq([text])) == text
        assert all(one["type"] == "text" for one in segment.from_cq(segment.to_cq([text])))
        assert segment.unescape(segment.escape(text, comma=True)) == text

    for number in range(count):
        pieces = chance.choices(PIECES, k=chance.randrange(1, 12))
        if number % 20_000 == 19_999:  # a megabyte of it
            pieces *= 1_000_000 // len("".join(pieces))
        text = "".join(pieces)
        attempt(finds, text, partial(check, text))


def event_helpers(chance: random.Random, count: int, finds: Finds) -> None:
    """What every event goes through before a handler sees it."""

    def check(event: Any) -> None:
        assert isinstance(name_of(event), str)
        hash(conversation_of(event))
        hash(speaker_key(event))
        line = event_line(event)
        assert not {category(character) for character in line} & {"Cc", "Cs", "Zl", "Zp"}
        assert len(line) < 4000
        command_of(event, ("/",))
        command_of(event, ("",))

    inputs = Inputs(chance)
    while finds.inputs < count:
        event = inputs.event()
        if isinstance(event.get("post_type"), str):
            attempt(finds, event, partial(check, event))


def returned_values(chance: random.Random, count: int, finds: Finds) -> None:
    """Whatever a handler returns: the calls that it stands for, or an error that says why not."""
    inputs = Inputs(chance)
    fields = ["reply", "auto_escape", "at_sender", "delete", "kick", "ban", "ban_duration"]
    fields += ["approve", "remark", "reason", "replay"]

    def check(event: Any, result: Any) -> None:
        operation = operation_of(event, result, "handler")
        for carry_out in (calls_for, response_body):
            try:
                carry_out(copy.copy(event), copy.copy(operation))
            except (TypeError, ValueError, ApiNotAvailable) as error:
                assert "。" in str(error), error  # our own words

    while finds.inputs < count:
        event = inputs.event()
        if not isinstance(event.get("post_type"), str):
            continue
        result: Any = inputs.value()
        if chance.random() < 0.6:
            some = chance.sample(fields, chance.randrange(4))
            result = {field: inputs.value() for field in some}
        attempt(finds, (event, result), partial(_own, check, event, result))


def _own(check: Callable[[Any, Any], None], event: Any, result: Any) -> None:
    try:
        check(event, result)
    except (TypeError, ValueError) as error:
        if "returned" not in str(error):
            raise


def frame_receiver(chance: random.Random, count: int, finds: Finds) -> None:
    """Frames of any content: an event, nothing, or the refused token."""
    said: list[str] = []
    connection = WsConnection(lambda _: None, bool, "peer", lambda kind, *_: said.append(kind))
    inputs = Inputs(chance)
    for _ in range(count):
        content: Any = inputs.event()
        if chance.random() < 0.3:
            content = {**chance.choice(ANSWERS), chance.choice(KEYS): inputs.value()}
        elif chance.random() < 0.1:
            content = chance.choice(SCALARS)
        data = inputs.text(content)
        frame = data if chance.random() < 0.7 else data.decode("utf-8", "surrogateescape")
        event = attempt(
            finds,
            data,
            partial(connection.receive, frame),
            AuthenticationError,
        )
        if event is not None and "post_type" not in event:
            finds.add("neither event nor None", data)
        said.clear()


def wsgi_application(chance: random.Random, count: int, finds: Finds) -> None:
    """The Flask application under a server that lets everything through."""
    server = EventServer()
    server.on_message(lambda event: event.get("message"))
    server.on_notice(lambda event: event)
    finds.expected = (" 出错了：",)  # an answer that makes no sense
    inputs = Inputs(chance)
    client = server.app.test_client()
    kinds = ["application/json", "application/vnd.x+json", "text/plain", "", "a/b/c", "\xff"]
    for _ in range(count):
        body = inputs.text(inputs.event())
        kind = kinds[0] if chance.random() < 0.8 else chance.choice(kinds)
        host = chance.choice(["localhost", "127.0.0.1:1", "evil", "[::1", "a b", "\xe4", ""])
        environ = {"HTTP_HOST": host, "HTTP_X_SIGNATURE": "\xff", "QUERY_STRING": "a=%ff&\xff"}
        method = "POST" if chance.random() < 0.9 else chance.choice(["GET", "PUT", "\xff"])
        path = "/" if chance.random() < 0.8 else chance.choice(["/\x00", "//", "/\xff", "/../x"])
        given: Any = {
            "method": method,
            "content_type": kind,
            "data": body,
            "environ_overrides": environ,
        }
        answer = attempt(finds, (path, given), partial(client.open, path, **given))
        if answer is not None and answer.status_code >= 500:
            finds.add(answer.status, (path, given))
    server._conversations.stop(1)
