"""The other side of the WebSocket benchmarks, as a process of its own.

    python -m tests.benchmarks.ws_load forward
    python -m tests.benchmarks.ws_load reverse PORT PATH BOTS EVENTS
    python -m tests.benchmarks.ws_load answered PORT PATH BOTS

`forward` plays OneBot's WebSocket server and prints its port. The action "burst" is answered and
followed by that many events, "big" by one of 1.4 MB, any other is answered.
`reverse` plays BOTS accounts that connect, and then send EVENTS events, all together.
`answered` plays BOTS accounts that connect and say something, and prints the seconds until all of
them have got an answer.
Frames are made beforehand and sent in large pieces: it must be faster than what is measured.
"""

from __future__ import annotations

import json
import selectors
import socket
import sys
import threading
import time
from functools import lru_cache

from .frames import CLOSE, LOGIN, PING, accept, connect, dump, event, frame, frames, greeting

BIG = frame(dump({**event(1), "raw_message": "", "message": "今天天气不错" * 78_000}))


def serve(sock: socket.socket) -> None:
    accept(sock)
    sock.sendall(frame(dump(greeting())))
    for opcode, data in frames(sock):
        if opcode == CLOSE:
            break
        if opcode == PING:
            sock.sendall(frame(data, 0xA))
            continue
        call = json.loads(data)
        answer = {"status": "ok", "retcode": 0, "data": {"message_id": 1, "user_id": 10001}}
        sock.sendall(frame(dump({**answer, "message": "", "echo": call.get("echo")})))
        if call["action"] == "burst":
            sock.sendall(burst(call["params"]["count"]))
        elif call["action"] == "big":
            sock.sendall(BIG)
    sock.close()


@lru_cache
def burst(count: int) -> bytes:
    return b"".join(frame(dump(event(number))) for number in range(count))


def forward() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=accept_all, args=(listener,), daemon=True).start()
    print(listener.getsockname()[1], flush=True)
    sys.stdin.read()


def accept_all(listener: socket.socket) -> None:
    while True:
        sock, _ = listener.accept()
        threading.Thread(target=serve, args=(sock,), daemon=True).start()


def connected(port: int, path: str, bots: int) -> list[socket.socket]:
    role = "X-Client-Role: Universal\r\nX-Self-ID: "
    return [connect("127.0.0.1", port, path, f"{role}{10001 + n}\r\n") for n in range(bots)]


def log_in(sock: socket.socket, self_id: int) -> None:
    """Answer the call with which napcat-sdk begins; only then does it take events."""
    call = json.loads(next(frames(sock))[1])
    assert call["action"] == "get_login_info", call
    data = {"user_id": self_id, "nickname": "bot"}
    answer = {"status": "ok", "retcode": 0, "data": data, "echo": call["echo"]}
    sock.sendall(frame(dump(answer), masked=True))


def reverse(port: int, path: str, bots: int, events: int) -> None:
    """Every account sends its share, whoever can be written to next."""
    socks = connected(port, path, bots)
    share = events // bots
    selector = selectors.DefaultSelector()
    for number, sock in enumerate(socks):
        self_id = 10001 + number
        some = b"".join(frame(dump(event(n, self_id)), masked=True) for n in range(20))
        whole, rest = divmod(share, 20)
        left = b"".join(frame(dump(event(n, self_id)), masked=True) for n in range(rest))
        hello = frame(dump(greeting(self_id)), masked=True)
        sock.sendall(hello)
        if path == LOGIN:
            log_in(sock, self_id)
        sock.setblocking(False)
        selector.register(sock, selectors.EVENT_WRITE, memoryview(some * whole + left))
    if path == LOGIN:
        time.sleep(1)  # so that it waits for events
    print("ready", flush=True)
    input()
    while selector.get_map():
        for key, _ in selector.select():
            rest_of_it = key.data[key.fileobj.send(key.data) :]  # type: ignore[union-attr]
            if rest_of_it:
                selector.modify(key.fileobj, selectors.EVENT_WRITE, rest_of_it)
            else:
                selector.unregister(key.fileobj)
    sys.stdin.read()


def answered(port: int, path: str, bots: int) -> None:
    began = time.perf_counter()
    socks = connected(port, path, bots)
    for number, sock in enumerate(socks):
        sock.sendall(frame(dump(event(number, 10001 + number)), masked=True))
    for sock in socks:
        data = next(frames(sock))[1]
        assert json.loads(data)["action"].startswith("send_"), data
    print(time.perf_counter() - began, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    what, *arguments = sys.argv[1:]
    if what == "forward":
        forward()
    elif what == "reverse":
        reverse(int(arguments[0]), arguments[1], int(arguments[2]), int(arguments[3]))
    else:
        answered(int(arguments[0]), arguments[1], int(arguments[2]))
