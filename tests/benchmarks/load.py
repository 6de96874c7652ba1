"""Bots under load: what they keep up with, and that they give the memory back. Not collected.

    python -m tests.benchmarks.load

The peers run in a process of their own; memory is that of the bots.
"""

from __future__ import annotations

import gc
import json
import logging
import multiprocessing
import threading
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

from onebot_simple import WsClient, WsServer

from ..peers import message, wait_until
from .soak import memory_kib


def pour(pipe: Connection, number: int) -> None:
    """A OneBot that pours so many events into the first connection."""
    from websockets.sync.server import ServerConnection, serve

    def script(connection: ServerConnection) -> None:
        for one in range(number):
            connection.send(json.dumps(message("hello", user_id=one % 100 + 1, number=one)))
        for _ in connection:
            pass

    with serve(script, "127.0.0.1", 0, compression=None) as server:
        pipe.send(server.socket.getsockname()[1])
        threading.Thread(target=server.serve_forever, daemon=True).start()
        pipe.recv()


def crowd(pipe: Connection, url: str, number: int) -> None:
    """So many accounts that connect at once, say something, and answer one call each."""
    from websocket import create_connection

    def account(self_id: int) -> None:
        header = [f"X-Self-ID: {self_id}", "X-Client-Role: Universal"]
        socket = create_connection(url, header=header, suppress_origin=True, timeout=60)
        socket.send(json.dumps(message("hello") | {"self_id": self_id}))
        call = json.loads(socket.recv())
        answer = {"status": "ok", "retcode": 0, "data": None, "echo": call["echo"]}
        socket.send(json.dumps(answer))
        answered.append(call)
        leave.wait(60)
        socket.close()

    answered: list[Any] = []
    leave = threading.Event()
    threads = [threading.Thread(target=account, args=(n,)) for n in range(1, number + 1)]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(answered) == number, 60)
    pipe.send(number)
    pipe.recv()
    leave.set()
    for thread in threads:
        thread.join(60)


@contextmanager
def process(target: Any, *arguments: Any) -> Iterator[Connection]:
    ours, theirs = multiprocessing.Pipe()
    one = multiprocessing.get_context("spawn").Process(
        target=target, args=(theirs, *arguments), daemon=True
    )
    one.start()
    try:
        yield ours
    finally:
        ours.send("end")
        one.join(30)


@contextmanager
def memory(result: dict[str, Any]) -> Iterator[None]:
    """What is still held at the end of it, in KiB of Python objects and of the process."""
    gc.collect()
    resident = memory_kib()
    tracemalloc.start()
    try:
        yield
        gc.collect()
        now, peak = (size // 1024 for size in tracemalloc.get_traced_memory())
    finally:
        tracemalloc.stop()
    result |= {"kept_kib": now, "peak_kib": peak, "resident_kib": (resident, memory_kib())}


@contextmanager
def warnings() -> Iterator[list[int]]:
    """The lengths of the queue that were warned of."""
    seen: list[int] = []

    def note(record: logging.LogRecord) -> bool:
        said = record.getMessage()
        if "wait for their turn" in said:
            seen.append(int(said.split()[0]))
        return "wait for their turn" not in said

    log = logging.getLogger("onebot_simple")
    log.addFilter(note)
    yield seen
    log.removeFilter(note)


def events_over_one_connection(number: int, *, held: bool = False) -> dict[str, Any]:
    """All are handled, once each and in order in each conversation; then the memory is free.

    held: no handler goes on until all the events have come, so that they all queue.
    """
    result: dict[str, Any] = {"events": number, "held": held}
    go_on = threading.Event()
    last: dict[int, int] = {}
    handled = threading.Semaphore(0)
    wrong: list[int] = []

    def handler(event: dict[str, Any]) -> None:
        go_on.wait(60)
        if event["number"] != last.get(event["user_id"], event["user_id"] - 101) + 100:
            wrong.append(event["number"])
        last[event["user_id"]] = event["number"]
        handled.release()

    with memory(result), process(pour, number) as pipe:
        bot = WsClient(f"ws://127.0.0.1:{pipe.recv()}")
        bot.on_message(handler)
        if not held:
            go_on.set()
        with warnings() as warned, bot:
            began = time.monotonic()
            while bot.stats["events"] < number and time.monotonic() < began + 120:
                time.sleep(0.01)
            go_on.set()
            for _ in range(number):
                assert handled.acquire(timeout=60)
            seconds = time.monotonic() - began
            stats = bot.stats
            del bot
        last.clear()
    result |= {"per_second": round(number / seconds), "stats": stats, "wrong": wrong}
    return result | {"warned_at": warned}


def reverse_connections(number: int) -> dict[str, Any]:
    """All are there at once and all are answered; then their threads and memory are gone."""
    result: dict[str, Any] = {"connections": number}
    threads = threading.active_count()
    with memory(result):
        server = WsServer(port=0)
        server.on_message(lambda event: "hi")
        server.start()
        began = time.monotonic()
        with process(crowd, server.url, number) as pipe:
            assert pipe.poll(60)
            assert pipe.recv() == number
            seconds = time.monotonic() - began
            result |= {"at_once": len(server.bots), "threads": threading.active_count()}
            ending = time.monotonic()
            server.stop()
            result["stopped_in"] = round(time.monotonic() - ending, 2)
        del server
    wait_until(lambda: threading.active_count() <= threads, 10)
    return result | {"seconds": round(seconds, 2)}


def one_slow_among_many(number: int) -> dict[str, Any]:
    """The longest that an event waited in any of many busy conversations, beside a stuck one."""
    bot = WsClient("ws://127.0.0.1:1")
    release = threading.Event()
    waited: list[float] = []

    def handler(event: dict[str, Any]) -> None:
        if event["user_id"] == 1:
            release.wait(60)
        else:
            waited.append(time.monotonic() - event["put"])

    bot.on_message(handler)
    for _ in range(100):
        bot.handle(message(user_id=1))
    for wanted in range(number, 10 * number + 1, number):
        for user in range(2, number + 2):
            bot.handle(message(user_id=user, put=time.monotonic()))
        deadline = time.monotonic() + 30
        while len(waited) < wanted and time.monotonic() < deadline:
            time.sleep(0.001)
    queued = bot.stats["queued"]
    release.set()
    bot._conversations.stop(2)
    waited.sort()
    return {
        "conversations": number,
        "queued_behind_the_slow_one": queued,
        "median_ms": round(1000 * waited[len(waited) // 2], 2),
        "longest_ms": round(1000 * waited[-1], 2),
    }


def main() -> None:
    for result in (
        events_over_one_connection(100_000),
        events_over_one_connection(100_000, held=True),
        reverse_connections(500),
        one_slow_among_many(1000),
    ):
        print(result)


if __name__ == "__main__":
    main()
