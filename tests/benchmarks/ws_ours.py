"""Our side of the WebSocket benchmarks, in a process of its own.

    python -m tests.benchmarks.ws_ours calls|events|big|kept PORT COUNT
    python -m tests.benchmarks.ws_ours reverse|memory|answering BOTS EVENTS
    python -m tests.benchmarks.ws_ours dispatch|direct CONVERSATIONS EVENTS

Clients of `ws_load forward`, servers for `ws_load reverse` and `ws_load answered`, and what is left
without sockets. `kept` prints the MB that remain after so many events, `memory` the KB that a
connection takes; the others are as in `ws_limit`.
"""

from __future__ import annotations

import gc
import logging
import sys
import threading
import time
from statistics import median
from typing import Any

from onebot_simple import WsClient, WsServer
from onebot_simple.actions import from_json

from .frames import dump, event
from .measure import BURST, PARAMS, Counter
from .soak import memory_kib


def calls(port: int, count: int) -> float:
    with WsClient(f"ws://127.0.0.1:{port}") as bot:
        began = time.perf_counter()
        for _ in range(count):
            bot.call_action("send_group_msg", **PARAMS)
        return count / (time.perf_counter() - began)


def events(port: int, count: int) -> float:
    bot = WsClient(f"ws://127.0.0.1:{port}")

    @bot.on_message
    def handle(event: dict[str, Any]) -> None:
        if counter.handle(event):
            bot.call_action("burst", count=BURST)

    with bot:
        counter = Counter(count)
        bot.call_action("burst", count=BURST)
        return counter.wait()


def big(port: int, count: int) -> float:
    bot = WsClient(f"ws://127.0.0.1:{port}")
    came = threading.Semaphore(0)
    seconds = []

    @bot.on_message
    def handle(event: dict[str, Any]) -> None:
        came.release()

    with bot:
        for _ in range(count):
            began = time.perf_counter()
            bot.call_action("big")
            assert came.acquire(timeout=30)
            seconds.append(time.perf_counter() - began)
    return 1 / median(seconds)


def kept(port: int, count: int) -> float:
    bot = WsClient(f"ws://127.0.0.1:{port}")

    @bot.on_message
    def handle(event: dict[str, Any]) -> None:
        if counter.handle(event):
            bot.call_action("burst", count=BURST)

    with bot:
        for part in (2 * BURST, count):  # the first makes the threads and fills the caches
            gc.collect()
            before = memory_kib()
            counter = Counter(part)
            bot.call_action("burst", count=BURST)
            counter.wait()
        gc.collect()
        return (memory_kib() - before) / 1024


def reverse(bots: int, count: int) -> str:
    bot = WsServer(port=0)
    counter = Counter(count)

    @bot.on_message
    def handle(event: dict[str, Any]) -> None:
        counter.handle(event)

    with bot:
        print(bot.port, flush=True)
        counter.wait()
        print("handled", flush=True)  # before stop(), which is not measured
    return "over"


def memory(bots: int, count: int) -> float:
    bot = WsServer(port=0)
    connected = threading.Semaphore(0)

    @bot.on_connect
    def connect(self_id: int) -> None:
        connected.release()

    with bot:
        before = memory_kib()
        print(bot.port, flush=True)
        for _ in range(bots):
            assert connected.acquire(timeout=30)
        return (memory_kib() - before) / bots


def answering(bots: int, count: int) -> str:
    bot = WsServer(port=0)

    @bot.on_message
    def handle(event: dict[str, Any]) -> str:
        return "pong"

    with bot:
        print(bot.port, flush=True)
        sys.stdin.read()
    return "over"


def dispatch(conversations: int, count: int) -> float:
    """Events from JSON through the whole dispatch."""
    bot = WsClient("ws://127.0.0.1:1")
    came = [dump(event(number % conversations)) for number in range(count)]
    counter = Counter(count)

    @bot.on_message
    def handle(event: dict[str, Any]) -> None:
        counter.handle(event)

    for data in came:
        bot.handle(from_json(data))
    return counter.wait()


def direct(conversations: int, count: int) -> float:
    """Events from JSON into a function."""
    came = [dump(event(number % conversations)) for number in range(count)]
    counter = Counter(count)
    for data in came:
        counter.handle(from_json(data))
    return counter.wait()


if __name__ == "__main__":
    name, first, second = sys.argv[1:]
    logging.getLogger("onebot_simple").setLevel(logging.ERROR)  # bursts queue, as they are to
    print(globals()[name](int(first), int(second)), flush=True)
