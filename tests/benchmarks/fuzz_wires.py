"""The fuzzers that speak to real sockets."""

from __future__ import annotations

import hashlib
import json
import random
import re
import socket
import threading
import time
from base64 import b64encode
from collections.abc import Callable
from contextlib import suppress

from websocket import ABNF, create_connection

from onebot_simple import (
    AuthenticationError,
    EventServer,
    HttpClient,
    OneBotError,
    WsClient,
    WsServer,
)
from onebot_simple import ws_client as client_module

from .fuzz_calls import attempt
from .fuzz_inputs import ANSWERS, SLOW_SECONDS, Finds, Inputs, frame

BATCH = 200
LOOPBACK = "127.0.0.1"
WEBSOCKET_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
SENTINEL = {"post_type": "notice", "notice_type": "sentinel"}
NAPCATS_500 = b"<pre>Internal Server Error</pre>"  # what the simulator answers as NapCat does
EXPECTED = (" 出错了：",)  # handlers that return what makes no sense


def events_over_websocket(chance: random.Random, count: int, finds: Finds) -> None:
    """Broken and strange frames; after each batch a good event, on the same connection."""
    inputs = Inputs(chance)
    finds.expected = EXPECTED
    heard = threading.Semaphore(0)
    with WsServer(port=0) as server:
        server.on_notice(lambda event: heard.release() if event == SENTINEL else None)
        server.on_command("help", "x")(lambda event, args: None)
        server.on_notice(lambda event: None)
        peer = create_connection(server.url, suppress_origin=True, timeout=10)
        while finds.inputs < count:
            batch = [inputs.text(inputs.event()) for _ in range(BATCH)]
            try:
                for data in batch:
                    binary = chance.random() < 0.2
                    peer.send(data, ABNF.OPCODE_BINARY if binary else ABNF.OPCODE_TEXT)
                peer.send(json.dumps(SENTINEL))
                if not heard.acquire(timeout=60):
                    finds.add("the next good event did not come through", batch)
            except OSError as error:
                finds.add(error, batch)
                peer = create_connection(server.url, suppress_origin=True, timeout=10)
            finds.inputs += BATCH
        peer.shutdown()  # type: ignore[no-untyped-call]


# -- bytes ----------------------------------------------------------------------------------------


def exchange(port: int, pieces: list[bytes], seconds: float = 10) -> bytes:
    """All that comes back for these bytes, until the other side ends it."""
    answer = b""
    with (
        socket.create_connection((LOOPBACK, port), timeout=seconds) as connection,
        suppress(ConnectionError),
    ):
        for piece in pieces:
            connection.sendall(piece)
        with suppress(OSError):  # it was closed there already
            connection.shutdown(socket.SHUT_WR)
        while piece := connection.recv(65536):
            answer += piece
    return answer


def bytes_to(
    port: int, make: Callable[[], list[bytes]], count: int, finds: Finds, alive: Callable[[], bool]
) -> None:
    for number in range(count):
        pieces = make()
        finds.inputs += 1
        began = time.monotonic()
        try:
            answer = exchange(port, pieces)
        except OSError as error:
            finds.add(error, pieces)
            continue
        if b"HTTP/1.1 5" in answer and NAPCATS_500 not in answer:
            finds.add(answer[:300], pieces)
        if time.monotonic() - began > SLOW_SECONDS:
            finds.add("slow", pieces)
        if number % 50 == 0 and not alive():
            finds.add("not alive any more", pieces)


GOOD = json.dumps(SENTINEL).encode()


def _posted(port: int) -> bool:
    head = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    good = head + b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(GOOD) + GOOD
    return exchange(port, [good]).startswith(b"HTTP/1.1 204")


def bytes_to_event_server(chance: random.Random, count: int, finds: Finds) -> None:
    inputs = Inputs(chance)
    finds.expected = EXPECTED
    with EventServer(port=0) as server:
        server.on_message(lambda event: event.get("message"))

        def make() -> list[bytes]:
            return [inputs.request() for _ in range(chance.choice([1, 1, 2, 3]))]

        bytes_to(server.port, make, count, finds, lambda: _posted(server.port))


def _upgrade(port: int, *headers: bytes) -> bytes:
    lines = [b"GET / HTTP/1.1", b"Host: 127.0.0.1:%d" % port, b"Upgrade: websocket"]
    lines += [b"Connection: Upgrade", b"Sec-WebSocket-Version: 13"]
    lines += [b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n"


def bytes_to_ws_server(chance: random.Random, count: int, finds: Finds) -> None:
    inputs = Inputs(chance)
    with WsServer(port=0) as server:

        def make() -> list[bytes]:
            if chance.random() < 0.3:
                return [inputs.damaged(inputs.damaged(_upgrade(server.port)))]
            frames = [inputs.frame(masked=True) for _ in range(chance.randrange(1, 6))]
            return [_upgrade(server.port), *frames]

        def alive() -> bool:
            create_connection(server.url, suppress_origin=True, timeout=5).shutdown()  # type: ignore[no-untyped-call]
            return True

        bytes_to(server.port, make, count, finds, alive)


def _read_head(connection: socket.socket) -> bytes:
    head = b""
    while b"\r\n\r\n" not in head:
        piece = connection.recv(65536)
        if not piece:
            break
        head += piece
    return head


def _welcome(head: bytes) -> bytes:
    key = re.search(rb"Sec-WebSocket-Key: (\S+)", head)
    digest = hashlib.sha1((key[1] if key else b"") + WEBSOCKET_GUID).digest()
    lines = [b"HTTP/1.1 101 Switching Protocols", b"Upgrade: websocket", b"Connection: Upgrade"]
    return b"\r\n".join([*lines, b"Sec-WebSocket-Accept: " + b64encode(digest), b"", b""])


def _serve_once(listener: socket.socket, answer: Callable[[bytes], list[bytes]]) -> None:
    """Take one connection, and answer what was asked with whatever there is."""
    connection, _ = listener.accept()
    with connection, suppress(OSError):
        connection.settimeout(10)
        for piece in answer(_read_head(connection)):
            connection.sendall(piece)
        connection.shutdown(socket.SHUT_WR)
        connection.settimeout(0.2)  # a client may keep it, and the next one waits
        while connection.recv(65536):
            pass


def bytes_to_ws_client(chance: random.Random, count: int, finds: Finds) -> None:
    """A server that breaks each connection in another way; the client comes back every time."""
    inputs = Inputs(chance)
    last: list[bytes] = []

    def answer(head: bytes) -> list[bytes]:
        if chance.random() < 0.3:
            last[:] = [inputs.damaged(inputs.damaged(_welcome(head)))]
            if chance.random() < 0.5:
                last[:] = [chance.choice(NO_WEBSOCKETS)]
        else:
            frames = [inputs.frame(masked=False) for _ in range(chance.randrange(1, 6))]
            last[:] = [_welcome(head), *frames]
        return last

    heard = threading.Event()
    delays = client_module.FIRST_DELAY, client_module.LAST_DELAY
    client_module.FIRST_DELAY = client_module.LAST_DELAY = 0.001
    with socket.create_server((LOOPBACK, 0)) as listener:
        listener.settimeout(10)
        bot = WsClient(f"ws://{LOOPBACK}:{listener.getsockname()[1]}")
        bot.on("notice")(lambda event: heard.set() if event == SENTINEL else None)
        running = threading.Thread(target=_run_for_ever, args=(bot, finds), daemon=True)
        running.start()
        while finds.inputs < count:
            finds.inputs += 1
            try:
                _serve_once(listener, answer)
            except TimeoutError:
                finds.add("the client did not come back", last)
                break
        good = frame(0x81, 0, len(GOOD), GOOD, b"")
        with suppress(TimeoutError):
            _serve_once(listener, lambda head: [_welcome(head), good])
        if not heard.wait(5):
            finds.add("the last good event did not come through", last)
        bot.stop()
        running.join(5)
    client_module.FIRST_DELAY, client_module.LAST_DELAY = delays


def _run_for_ever(bot: WsClient, finds: Finds) -> None:
    try:
        bot.run()
    except AuthenticationError as error:
        finds.add(error)


def bytes_to_http_client(chance: random.Random, count: int, finds: Finds) -> None:
    """Whatever a server answers, the caller gets a dict or one of our errors."""
    inputs = Inputs(chance)
    last: list[bytes] = []

    def answer(head: bytes) -> list[bytes]:
        body = inputs.text(chance.choice(ANSWERS) if chance.random() < 0.5 else inputs.value())
        lines = [chance.choice(STATUS_LINES), b"Content-Type: application/json"]
        lines += chance.choices(ANSWER_HEADERS, k=chance.randrange(3))
        data = b"\r\n".join(lines) + b"\r\n\r\n" + body
        last[:] = [inputs.damaged(data) if chance.random() < 0.5 else data]
        if chance.random() < 0.1:
            last[:] = [chance.choice(NO_WEBSOCKETS)]
        return last

    with (
        socket.create_server((LOOPBACK, 0)) as listener,
        HttpClient(f"http://{LOOPBACK}:{listener.getsockname()[1]}", timeout=10) as client,
    ):
        listener.settimeout(0.2)
        over = threading.Event()

        def serve() -> None:
            while not over.is_set():
                with suppress(TimeoutError):
                    _serve_once(listener, answer)

        serving = threading.Thread(target=serve, daemon=True)
        serving.start()
        for _ in range(count):
            try:
                got = attempt(finds, last, lambda: client.request("get_status"), OneBotError)
            except BaseException as error:
                finds.add(error, last)
            else:
                if not isinstance(got, dict | None):
                    finds.add("neither a dict nor an error", last)
        over.set()
        serving.join(5)


NO_WEBSOCKETS = [
    *(b"", b"\x00" * 100, b"\xff\xfe\r\n\r\n", b"SSH-2.0-OpenSSH_9.6\r\n", b"HTTP/1.1\r\n\r\n"),
    *(b"HTTP/1.1 101\r\n\r\n", b"HTTP/1.1 101 x\r\nno colon\r\n\r\n", b"HTTP/1.1 x y\r\n\r\n"),
    *(b"HTTP/1.1 302 x\r\nLocation: http://[\r\n\r\n", b"HTTP/1.1 302 x\r\nLocation: \r\n\r\n"),
    *(b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", b"HTTP/1.1 999 \xff\r\n\r\n"),
    *(b"HTTP/1.1 500 x\r\nContent-Length: -5\r\n\r\n", b"\x15\x03\x01\x00\x02\x02\x0a", b"\n\n\n"),
    *(
        b"HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
        b"+OK\r\n",
        b"220 x\r\n",
    ),
    *(
        b"HTTP/1.1 " + b"9" * 5000 + b" x\r\n\r\n",
        b"HTTP/1.1 101 x\r\nSec-WebSocket-Accept: \xc3\r\n\r\n",
    ),
    *(b"HTTP/1.1 " + "１０１".encode() + b" x\r\n\r\n", b"HTTP/1.1 101 x\r\n: \r\n:\r\n\r\n"),
]
STATUS_LINES = [
    *[b"HTTP/1.1 200 OK"] * 6,
    *(
        b"HTTP/1.1 401 x",
        b"HTTP/1.1 403 x",
        b"HTTP/1.1 404 x",
        b"HTTP/1.1 500 x",
        b"HTTP/1.0 200 x",
    ),
    *(
        b"HTTP/1.1 302 x",
        b"HTTP/1.1 204 x",
        b"HTTP/1.1 304 x",
        b"HTTP/1.1 100 x",
        b"HTTP/9.9 200 x",
    ),
]
ANSWER_HEADERS = [
    *(b"Content-Length: 5", b"Content-Length: -1", b"Content-Length: x", b"Content-Length: 1, 2"),
    *(b"Content-Length: 99999999999", b"Transfer-Encoding: chunked", b"Content-Encoding: gzip"),
    *(b"Content-Encoding: deflate", b"Content-Encoding: nonsense", b"Connection: close", b": x"),
    *(b"Location: http://[", b"Location: \xff", b"Set-Cookie: \xff", b"X: " + b"y" * 70_000, b" x"),
    *(b"X: y\r\n" * 120 + b"X: y", b"Keep-Alive: x", b"Content-Type: x; charset=\xff", b"no colon"),
]
