"""Events posted to a server, each answered in the HTTP response; every server is a process."""

from __future__ import annotations

import hmac
import json
import re
import socket
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from statistics import median

from ..peers import message, wait_until
from . import limit
from .harness import OURS, Measure, Other, Row, installed

SECRET = "correct horse"
FLASK = "Flask (the docs' snippet, the bare stock part)"
AIOCQHTTP = "aiocqhttp"
WEATHER = message("/天气 北京", group_id=30001)
SLEEPERS, QUICK_ONES = 32, 10
LENGTH = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)
LAST = re.compile(rb"^HTTP/1\.0|\r\nconnection: close", re.IGNORECASE)


class Poster:
    """Posts events as NapCat does: signed, in chunks, over a connection that is kept if it can.

    It does as little as it can, so that what is measured are the servers.
    """

    def __init__(self, port: int, keep: bool) -> None:
        self.port, self.keep = port, keep
        self.sock: socket.socket | None = None

    def post(self, data: bytes) -> bytes:
        """The body of the answer; `data` is the whole request."""
        if self.sock is None:
            self.sock = socket.socket()
            self.sock.settimeout(30)
            self.sock.connect(("127.0.0.1", self.port))
        self.sock.sendall(data)
        head, body = self._answer(self.sock)
        if not self.keep or LAST.search(head):
            self.close()
        return body

    def _answer(self, sock: socket.socket) -> tuple[bytes, bytes]:
        head, end, body = sock.recv(65536).partition(b"\r\n\r\n")
        while not end:
            head, end, body = (head + received(sock)).partition(b"\r\n\r\n")
        length = LENGTH.search(head)
        if length is None or not head[8:].startswith(b" 200 "):
            raise RuntimeError(f"{head!r} {body!r}")
        while len(body) < int(length[1]):
            body += received(sock)
        return head, body

    def close(self) -> None:
        if self.sock is not None:
            self.sock.close()
        self.sock = None


def received(sock: socket.socket) -> bytes:
    data = sock.recv(65536)
    if not data:
        raise EOFError("closed in the middle of an answer")
    return data


def request(event: object, keep: bool = True) -> bytes:
    body = json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()
    signature = hmac.new(SECRET.encode(), body, "sha1").hexdigest()
    head = (
        "POST / HTTP/1.1\r\nhost: 127.0.0.1\r\n"
        f"connection: {'keep-alive' if keep else 'close'}\r\ncontent-type: application/json\r\n"
        f"x-self-id: 10001\r\nx-signature: sha1={signature}\r\naccept: */*\r\n"
        "accept-language: *\r\nsec-fetch-mode: cors\r\nuser-agent: node\r\n"
        "accept-encoding: gzip, deflate\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    return head.encode() + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)


def servers(stack: ExitStack) -> dict[str, int | None]:
    """The port of each, ours first; all answer."""

    def begun(module: str, *needed: str) -> int | None:
        if not installed(*needed):
            return None
        port = int(stack.enter_context(Other(module, SECRET, quiet=True)).hear())
        wait_until(lambda: is_up(port), 20)
        return port

    bare = int(stack.enter_context(Other("limit", "events")).hear())
    return {
        OURS: begun("http_ours"),
        FLASK: begun("peers.http_flask"),
        AIOCQHTTP: begun("peers.http_aiocqhttp", "aiocqhttp"),
        "python-cqhttp": begun("peers.http_cqhttp", "cqhttp"),
        "limit": bare,
    }


def is_up(port: int) -> bool:
    try:
        limit.connect(port).close()
    except OSError:
        return False
    return True


def rows(quick: bool) -> list[Row]:
    return [
        Row(
            "http-event",
            "HTTP event in, reply out, keep-alive (Flask's server closes each connection)",
            "events/s",
            lambda stack: posting(stack, 300, keep=True),
            {FLASK: 1.3, AIOCQHTTP: 1.2},
            rounds=15,
        ),
        Row(
            "http-event-connections",
            "HTTP event in, reply out, a connection per event",
            "events/s",
            lambda stack: posting(stack, 300, keep=False),
            {FLASK: 0.9, AIOCQHTTP: 1.15},
            rounds=15,
        ),
        Row(
            "http-quick-beside-slow",
            f"A quick event beside {SLEEPERS} handlers that sleep 1 s, median",
            "ms",
            lambda stack: beside_sleepers(stack, median),
            at_most=20,
            less_is_better=True,
            rounds=5,
        ),
        Row(
            "http-quickest-beside-slow",
            f"A quick event beside {SLEEPERS} handlers that sleep 1 s, the slowest of {QUICK_ONES}",
            "ms",
            lambda stack: beside_sleepers(stack, max),
            at_most=20,
            less_is_better=True,
            rounds=5,
        ),
    ]


def posting(stack: ExitStack, count: int, keep: bool) -> dict[str, Measure | None]:
    data = request(WEATHER, keep)

    def rate(port: int) -> Measure:
        poster = Poster(port, keep)
        stack.callback(poster.close)
        assert "北京晴。" in json.dumps(json.loads(poster.post(data)), ensure_ascii=False)

        def measure() -> float:
            began = time.perf_counter()
            for _ in range(count):
                poster.post(data)
            return count / (time.perf_counter() - began)

        return measure

    return {name: rate(port) if port else None for name, port in servers(stack).items()}


def beside_sleepers(
    stack: ExitStack, of: Callable[[list[float]], float]
) -> dict[str, Measure | None]:
    def waiting(port: int) -> Measure:
        return lambda: of(milliseconds_beside_sleepers(port))

    ports = servers(stack)
    del ports["limit"]  # nothing in it takes time
    return {name: waiting(port) if port else None for name, port in ports.items()}


def milliseconds_beside_sleepers(port: int) -> list[float]:
    def sleep(user_id: int) -> None:
        poster = Poster(port, keep=False)
        poster.post(request(message("早", user_id=user_id), keep=False))

    sleepers = [threading.Thread(target=sleep, args=(20000 + n,)) for n in range(SLEEPERS)]
    for sleeper in sleepers:
        sleeper.start()
    time.sleep(0.3)
    quick = Poster(port, keep=True)
    waited: list[float] = []
    while len(waited) < QUICK_ONES and all(sleeper.is_alive() for sleeper in sleepers):
        began = time.perf_counter()
        quick.post(request(WEATHER))
        waited.append(1000 * (time.perf_counter() - began))
        time.sleep(0.02)
    for sleeper in sleepers:
        sleeper.join()
    quick.close()
    return waited
