"""What Python can do at most: bare sockets, frames by hand, json, and a function that is called.

    python -m tests.benchmarks.ws_limit calls|threaded_calls|events|big PORT COUNT
    python -m tests.benchmarks.ws_limit threads|selectors|stock BOTS EVENTS

The first four are clients of `ws_load forward` and print how many per second; `threaded_calls` is
one that can receive events as well: a thread reads, and answers go to the caller by their echo.
The others are servers: they print their port, and a word when they have handled all events.
`stock` is no limit: the `ServerProtocol` of websockets in the loop of `selectors`, which is the
bare stock part of WsServer.
"""

from __future__ import annotations

import json
import selectors
import socket
import sys
import threading
import time
from itertools import islice
from queue import SimpleQueue
from statistics import median
from typing import Any

from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

from .frames import accept, connect, frame, frames, frames_in
from .measure import BURST, PARAMS, Counter


def call(sock: socket.socket, action: str, params: dict[str, Any], echo: str) -> None:
    text = json.dumps({"action": action, "params": params, "echo": echo})
    sock.sendall(frame(text.encode(), masked=True))


def calls(port: int, count: int) -> float:
    sock = connect("127.0.0.1", port)
    arriving = frames(sock)
    next(arriving)
    began = time.perf_counter()
    for number in range(count):
        call(sock, "send_group_msg", PARAMS, str(number))
        answer = json.loads(next(arriving)[1])
        assert answer["echo"] == str(number)
    return count / (time.perf_counter() - began)


def threaded_calls(port: int, count: int) -> float:
    sock = connect("127.0.0.1", port)
    waiting: dict[str, SimpleQueue[dict[str, Any]]] = {}
    arriving = frames(sock)
    next(arriving)

    def read() -> None:
        for _, data in islice(arriving, count):
            answer = json.loads(data)
            waiting[answer["echo"]].put(answer)

    threading.Thread(target=read, daemon=True).start()
    began = time.perf_counter()
    for number in range(count):
        answers = waiting[str(number)] = SimpleQueue()
        call(sock, "send_group_msg", PARAMS, str(number))
        answers.get(timeout=30)
        del waiting[str(number)]
    return count / (time.perf_counter() - began)


def events(port: int, count: int) -> float:
    sock = connect("127.0.0.1", port)
    arriving = frames(sock)
    next(arriving)
    counter = Counter(count)
    call(sock, "burst", {"count": BURST}, "more")
    for _, data in arriving:
        content = json.loads(data)
        if "post_type" not in content:
            continue
        if counter.handle(content):
            call(sock, "burst", {"count": BURST}, "more")
        if counter.done.is_set():
            break
    return counter.wait()


def big(port: int, count: int) -> float:
    sock = connect("127.0.0.1", port)
    arriving = frames(sock)
    next(arriving)
    seconds = []
    for _ in range(count):
        began = time.perf_counter()
        call(sock, "big", {}, "big")
        next(arriving)
        json.loads(next(arriving)[1])
        seconds.append(time.perf_counter() - began)
    return 1 / median(seconds)


def listen() -> socket.socket:
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    print(listener.getsockname()[1], flush=True)
    return listener


def threads(bots: int, count: int) -> str:
    """A thread for each connection."""
    counter = Counter(count)

    def serve(sock: socket.socket) -> None:
        accept(sock)
        for _, data in frames(sock):
            content = json.loads(data)
            if content["post_type"] == "message":
                counter.handle(content)

    listener = listen()
    for _ in range(bots):
        threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
    counter.wait()
    return "handled"


def with_selectors(bots: int, count: int) -> str:
    """One thread for all connections."""
    counter = Counter(count)
    listener = listen()
    with selectors.DefaultSelector() as selector:
        for _ in range(bots):
            sock = listener.accept()[0]
            accept(sock)
            selector.register(sock, selectors.EVENT_READ, bytearray())
        while not counter.done.is_set():
            for key, _ in selector.select():
                key.data.extend(key.fileobj.recv(128 * 1024))  # type: ignore[union-attr]
                for _, data in frames_in(key.data):
                    content = json.loads(data)
                    if content["post_type"] == "message":
                        counter.handle(content)
    return "handled"


def stock(bots: int, count: int) -> str:
    """One thread for all connections, and ServerProtocol for what crosses them."""
    counter = Counter(count)
    listener = listen()
    with selectors.DefaultSelector() as selector:
        selector.register(listener, selectors.EVENT_READ)
        while not counter.done.is_set():
            for key, _ in selector.select():
                if key.data is None:
                    sock = listener.accept()[0]
                    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    protocol = ServerProtocol(max_size=None)
                    selector.register(sock, selectors.EVENT_READ, (sock, protocol, counter))
                else:
                    take(*key.data)
    return "handled"


def take(sock: socket.socket, protocol: ServerProtocol, counter: Counter) -> None:
    protocol.receive_data(sock.recv(128 * 1024))
    for item in protocol.events_received():
        if isinstance(item, Request):
            protocol.send_response(protocol.accept(item))
        elif isinstance(item, Frame) and item.opcode is Opcode.TEXT:
            content = json.loads(bytes(item.data))
            if content["post_type"] == "message":
                counter.handle(content)
    for data in protocol.data_to_send():
        sock.sendall(data)


if __name__ == "__main__":
    name, first, second = sys.argv[1:]
    measured = {"selectors": with_selectors}.get(name) or globals()[name]
    print(measured(int(first), int(second)), flush=True)
