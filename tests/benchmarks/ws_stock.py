"""websocket-client as it comes, in a loop of its own: what a transport costs that adds nothing.

    python -m tests.benchmarks.ws_stock calls|events|big PORT COUNT

Clients of `ws_load forward` that print how many per second, as `ws_limit`; `calls` is one that can
receive events as well: a thread reads, and answers go to the caller by their echo.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from queue import SimpleQueue
from statistics import median
from typing import Any

from websocket import WebSocket, create_connection

from .measure import BURST, PARAMS, Counter


def call(websocket: WebSocket, action: str, params: dict[str, Any], echo: str) -> None:
    websocket.send(json.dumps({"action": action, "params": params, "echo": echo}))


def calls(websocket: WebSocket, count: int) -> float:
    waiting: dict[str, SimpleQueue[dict[str, Any]]] = {}

    def read() -> None:
        for _ in range(count):
            answer = json.loads(websocket.recv())
            waiting[answer["echo"]].put(answer)

    threading.Thread(target=read, daemon=True).start()
    began = time.perf_counter()
    for number in range(count):
        answers = waiting[str(number)] = SimpleQueue()
        call(websocket, "send_group_msg", PARAMS, str(number))
        answers.get(timeout=30)
        del waiting[str(number)]
    return count / (time.perf_counter() - began)


def events(websocket: WebSocket, count: int) -> float:
    counter = Counter(count)
    call(websocket, "burst", {"count": BURST}, "more")
    while not counter.done.is_set():
        content = json.loads(websocket.recv())
        if "post_type" in content and counter.handle(content):
            call(websocket, "burst", {"count": BURST}, "more")
    return counter.wait()


def big(websocket: WebSocket, count: int) -> float:
    seconds = []
    for _ in range(count):
        began = time.perf_counter()
        call(websocket, "big", {}, "big")
        websocket.recv()
        json.loads(websocket.recv())
        seconds.append(time.perf_counter() - began)
    return 1 / median(seconds)


if __name__ == "__main__":
    name, port, number = sys.argv[1:]
    opened = create_connection(f"ws://127.0.0.1:{port}", timeout=30, skip_utf8_validation=True)
    opened.recv()  # the greeting
    print(globals()[name](opened, int(number)), flush=True)
