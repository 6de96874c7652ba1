"""Waits that end."""

from __future__ import annotations

import threading
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any

from onebot_simple.waits import next_of


def test_a_wait_at_a_queue_ends_however_short_it_is() -> None:
    def work() -> None:
        for _ in range(50_000):  # what goes wrong is rare
            queue: SimpleQueue[Any] = SimpleQueue()
            with suppress(Empty):
                next_of(queue, 0.000_001)

    threads = [threading.Thread(target=work, daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(40)
    assert not any(thread.is_alive() for thread in threads)


def test_what_is_there_comes_at_once_and_what_comes_meanwhile_comes_too() -> None:
    queue: SimpleQueue[str] = SimpleQueue()
    queue.put("there")
    assert next_of(queue, 0) == "there"
    later = threading.Timer(0.05, queue.put, ("later",))
    later.start()
    assert next_of(queue, 10) == "later"
    later.join()
