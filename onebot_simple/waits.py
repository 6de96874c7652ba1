"""等待的时候也能用 Ctrl+C 打断：主线程的等待分成一小段一小段。

Waits that Ctrl+C can interrupt: those of the main thread come in short slices.
"""

from __future__ import annotations

import math
import time
from threading import Event as Flag
from threading import current_thread, main_thread

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
