"""What the fuzzers feed: hostile values, events, JSON texts, WebSocket frames, HTTP requests."""

from __future__ import annotations

import json
import logging
import random
import struct
import threading
import traceback
from typing import Any

from ..peers import Json, message

SLOW_SECONDS = 5.0  # an input that takes so long is a find

SCALARS: list[Any] = [
    *(None, True, False, 0, -1, 1, 10001, 2**31, 2**63, -(2**63), 10**4000, 1.5, -0.0, 1e308),
    *(float("inf"), float("-inf"), "", " ", "x", "all", "10001", "-5", "０９", "²", "1e999"),
    *(
        "9" * 5000,
        "true",
        "\x00",
        "\r\n",
        "\ud800",
        "\udfff\ud800",
        "\U0001f600",
        "\u202e",
        "\ufeff",
    ),
    *("[CQ:at,qq=all]", "[CQ:image,file=/etc/passwd]", "[CQ:face,id=", "]", "&#91;", "&amp;amp;"),
    *("../../etc/passwd", "base64://", "file:///etc/passwd", "http://[::1", "message", "group"),
    *("private", "notice", "/help", "/", "/ ", "%s %d {0}", "<script>", "a" * 3000),
]
KEYS = [
    *(
        "type",
        "data",
        "text",
        "qq",
        "id",
        "file",
        "url",
        "user_id",
        "group_id",
        "self_id",
        "sender",
    ),
    *("card", "nickname", "message", "raw_message", "message_id", "post_type", "message_type"),
    *("sub_type", "notice_type", "request_type", "echo", "retcode", "status", "anonymous", "flag"),
    *("target_id", "operator_id", "time", "font", "comment", "meta_event_type", "", "\ud800", "0"),
]
TEMPLATES: list[Json] = [
    message("/help me"),
    message("hi", group_id=30001, sub_type="anonymous", anonymous={"id": 1, "flag": "f"}),
    message([{"type": "at", "data": {"qq": "10001"}}, {"type": "text", "data": {"text": " /x y"}}]),
    message() | {"message": "[CQ:reply,id=5][CQ:at,qq=10001] /help", "message_format": "string"},
    message() | {"post_type": "message_sent", "target_id": 20001},
    {"post_type": "notice", "notice_type": "notify", "sub_type": "poke", "user_id": 2, "time": 1},
    {"post_type": "request", "request_type": "friend", "user_id": 5, "comment": "c", "flag": "f"},
    {"post_type": "request", "request_type": "group", "sub_type": "add", "group_id": 1},
    {"post_type": "meta_event", "meta_event_type": "heartbeat", "interval": 30000, "status": {}},
]
ANSWERS: list[Json] = [
    {"status": "ok", "retcode": 0, "data": {"message_id": 5}, "echo": "1"},
    {"status": "failed", "retcode": 1200, "message": "no", "wording": "no", "echo": ""},
]
TOKENS = [
    *(b"NaN", b"1e999", b"-Infinity", b"1" * 5000, b'"\\ud800"', b"[" * 900, b"[" * 3000, b"{"),
    *(b'{"a":' * 500, b'"post_type":5,', b'"echo":"1",', b"\x00", b"\xff", b"\xed\xa0\x80", b","),
    *(b"\xef\xbb\xbf", b"\\u0000", b"]", b"}", b'"', b"null", b"true", b" " * 100, b"//c\n"),
]


class Finds(logging.Handler):
    """What a target took and found; also collects what is logged with a traceback.

    The debug log is left out: it tells the cause of errors that are expected.
    """

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.inputs = 0
        self.seconds = 0.0
        self.list: list[str] = []
        self.expected: tuple[str, ...] = ()  # words of log messages that are no find

    def add(self, what: object, given: object = "") -> None:
        shown = f"{what!r}" if isinstance(what, BaseException) else str(what)
        if isinstance(what, BaseException):
            shown += f" at {traceback.extract_tb(what.__traceback__)[-1]}"
        self.list.append(f"{shown[:400]} on {ascii(given)[:600]}")

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        ours = record.name.startswith("onebot_simple") or record.levelno >= logging.ERROR
        if error is None or not ours or isinstance(error, (ConnectionError, TimeoutError)):
            return
        if not any(words in str(record.msg) for words in self.expected):
            self.add(error, record.getMessage()[:300])

    def in_thread(self, arguments: threading.ExceptHookArgs) -> None:
        self.add(arguments.exc_value, f"thread {arguments.thread}")


class Inputs:
    """Makes them, from a seeded source of chance."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance

    def value(self, depth: int = 3) -> Any:
        choice = self.chance.random()
        if depth == 0 or choice < 0.6:
            return self.chance.choice(SCALARS)
        if choice < 0.75:
            return [self.value(depth - 1) for _ in range(self.chance.randrange(4))]
        if choice < 0.97:
            return {
                self.chance.choice(KEYS): self.value(depth - 1)
                for _ in range(self.chance.randrange(4))
            }
        return self.deep(self.chance.choice([10, 100, 400, 800, 950]))

    def deep(self, levels: int) -> Any:
        content: Any = self.chance.choice(SCALARS)
        for _ in range(levels):
            content = [content] if self.chance.random() < 0.5 else {"data": content}
        return content

    def event(self) -> Json:
        """One that is almost right."""
        event: Json = json.loads(json.dumps(self.chance.choice(TEMPLATES)))
        for _ in range(self.chance.randrange(1, 4)):
            self.spoil(event)
        return event

    def spoil(self, target: Any) -> None:
        """Put something else somewhere into it."""
        places = list(target) if isinstance(target, dict) else list(range(len(target)))
        if not places:
            return
        place = self.chance.choice(places)
        inner = target[place]
        if isinstance(inner, (dict, list)) and inner and self.chance.random() < 0.5:
            self.spoil(inner)
        elif self.chance.random() < 0.15:
            del target[place]
        elif isinstance(target, dict) and self.chance.random() < 0.2:
            target[self.chance.choice(KEYS)] = self.value()
        else:
            target[place] = self.value()

    def text(self, content: Any) -> bytes:
        """JSON, or what is left of it."""
        try:
            text = json.dumps(content, ensure_ascii=self.chance.random() < 0.5)
        except (RecursionError, ValueError):
            text = "[" * 100_000
        data = text.encode("utf-8", "surrogatepass")
        for _ in range(self.chance.choice([0, 0, 1, 1, 2, 5])):
            data = self.damaged(data)
        return data

    def damaged(self, data: bytes) -> bytes:
        at = self.chance.randrange(len(data) + 1)
        kind = self.chance.randrange(4)
        if kind == 0:
            return data[:at] + self.chance.choice(TOKENS) + data[at:]
        if kind == 1:
            return data[:at] + self.chance.choice(TOKENS) + data[at + self.chance.randrange(9) :]
        if kind == 2:
            return data[:at] + data[at + self.chance.randrange(1, 20) :]
        return data[:at] + self.chance.randbytes(self.chance.randrange(1, 5)) + data[at:]

    def frame(self, masked: bool) -> bytes:
        """A WebSocket frame, mostly wrong."""
        chance = self.chance
        payload = self.text(self.event()) if chance.random() < 0.5 else chance.randbytes(9)
        first = chance.choice([0x81, 0x81, 0x82, 0x01, 0x00, 0x80, 0x88, 0x89, 0x8A])
        if chance.random() < 0.3:
            first = chance.randrange(256)
        if chance.random() < 0.3:
            payload = payload[: chance.choice([0, 1, 2, 125, 126])]
        length = len(payload)
        if chance.random() < 0.15:
            length = chance.choice([0, 1, 125, 126, 65535, 65536, 2**31, 2**63, 2**64 - 1])
        bit = 0x80 if masked != (chance.random() < 0.1) else 0
        return frame(first, bit, length, payload, chance.randbytes(4))

    def request(self) -> bytes:
        """An HTTP request, mostly wrong."""
        chance = self.chance
        body = self.text(self.event())
        lines = [chance.choice(REQUEST_LINES), b"Content-Type: application/json"]
        if chance.random() < 0.85:
            lines.append(
                b"Host: " + chance.choice([b"127.0.0.1", b"localhost", b"evil", b"[::", b""])
            )
        way = chance.random()
        if way < 0.4:
            lines.append(b"Content-Length: %d" % len(body))
        elif way < 0.7:
            lines.append(b"Transfer-Encoding: chunked")
            body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
        lines += chance.choices(HEADERS, k=chance.choice([0, 0, 1, 1, 2, 4]))
        chance.shuffle(tail := lines[1:])
        data = b"\r\n".join([lines[0], *tail]) + b"\r\n\r\n" + body
        return self.damaged(data) if chance.random() < 0.4 else data


def frame(first: int, mask_bit: int, length: int, payload: bytes, mask: bytes) -> bytes:
    if length < 126:
        head = struct.pack("!BB", first, mask_bit | length)
    elif length < 65536:
        head = struct.pack("!BBH", first, mask_bit | 126, length)
    else:
        head = struct.pack("!BBQ", first, mask_bit | 127, length)
    if not mask_bit:
        return head + payload
    whole = (mask * (len(payload) // 4 + 1))[: len(payload)]
    hidden = int.from_bytes(payload, "big") ^ int.from_bytes(whole, "big")
    return head + mask + hidden.to_bytes(len(payload), "big")


REQUEST_LINES = [
    *[b"POST / HTTP/1.1"] * 8,
    *(b"POST / HTTP/1.0", b"POST /", b"GET / HTTP/1.1", b"HEAD / HTTP/1.1", b"PUT / HTTP/1.1"),
    *(b"POST /\x00 HTTP/1.1", b"POST /%00 HTTP/1.1", b"POST //x HTTP/1.1", b"POST * HTTP/1.1"),
    *(b"POST http://127.0.0.1/ HTTP/1.1", b"POST http://evil/ HTTP/1.1", b"POST http://[ HTTP/1.1"),
    *(b"POST /../../etc/passwd HTTP/1.1", b"POST /?a=%ff%00 HTTP/1.1", b"POST / HTTP/9.9"),
    *(b"POST / HTTP/1.1.1", b"POST  /  HTTP/1.1", b"\xff\xfe / HTTP/1.1", b"OPTIONS * HTTP/1.1"),
    *(b"POST /" + b"a" * 70_000 + b" HTTP/1.1", b"CONNECT evil:80 HTTP/1.1", b"TRACE / HTTP/1.1"),
    *(b"POST /send_msg?access_token=x HTTP/1.1", b"GET /simulator-files/%2e%2e/x HTTP/1.1"),
]
HEADERS = [
    *(b"Content-Length: 5", b"Content-Length: -1", b"Content-Length: 1e3", b"Content-Length: 0x5"),
    *(b"Content-Length: 99999999999999999999", b"Content-Length:", b"Content-Length : 5"),
    *(b"Content-Length: \xb2", b"Content-Length: 5, 5", b"Content_Length: 5", b"content-length: 7"),
    *(
        b"Transfer-Encoding: chunked",
        b"Transfer-Encoding: identity",
        b"Transfer-Encoding : chunked",
    ),
    *(b"Transfer-Encoding: chunked, chunked", b"Transfer-Encoding: gzip", b"Transfer-Encoding:"),
    *(
        b"Transfer-Encoding:\r\n chunked",
        b"Transfer-Encoding: \x0bchunked",
        b"Expect: 100-continue",
    ),
    *(b"Expect: nonsense", b"Connection: close", b"Connection: keep-alive", b"Upgrade: websocket"),
    *(
        b"X-Signature: sha1=\xff",
        b"Cookie: a=\xff;b",
        b"Content-Type: text/plain",
        b"Content-Type:",
    ),
    *(b"Content-Type: application/json; charset=\xff", b"Content-Encoding: gzip", b"\x00: \x00"),
    *(b" folded", b": empty", b"no colon", b"X: " + b"y" * 70_000, b"X:y\r\n" * 120 + b"X: y"),
    *(b"Origin: http://evil", b"Origin: http://[", b"Authorization: Bearer \xff", b"Host: [::1]"),
]
