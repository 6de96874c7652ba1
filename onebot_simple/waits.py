"""等待的时候也能用 Ctrl+C 打断：主线程的等待分成一小段一小段；每次等待都会结束。

Waits that Ctrl+C can interrupt: those of the main thread come in short slices. Each wait ends.
"""

from __future__ import annotations

import math
import time
from queue import Empty, SimpleQueue
from threading import Event as Flag
from threading import current_thread, main_thread
from typing import TypeVar

Item = TypeVar("Item")

SLICE_SECONDS = 0.2  # Windows cannot interrupt a longer wait of the main thread


def wait_in_slices(flag: Flag, seconds: float | None = None) -> bool:
    """Wait for the flag, in slices on the main thread."""
    if current_thread() is not main_thread():
        return flag.wait(seconds)
    deadline = time.monotonic() + (seconds or math.inf)
    while not flag.wait(min(SLICE_SECONDS, max(0.0, deadline - time.monotonic()))):
        if time.monotonic() >= deadline:
            return False
    return True


def next_of(queue: SimpleQueue[Item], seconds: float) -> Item:
    """The next item of a queue; Empty when none comes in time."""
    try:
        return queue.get(block=False)  # else Python before 3.13 may wait for ever in the next line
    except Empty:
        return queue.get(timeout=seconds)
