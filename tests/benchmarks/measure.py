"""What all that is measured over WebSocket has in common: the call, and how events are counted."""

from __future__ import annotations

import threading
import time
from typing import Any

BURST = 400  # napcat-sdk drops what comes while 500 events wait, so they come in bursts
PARAMS: dict[str, Any] = {"group_id": 30001, "message": "今天天气不错，我们去公园散步。"}


class Counter:
    """Counts the events that a handler gets."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.seen = 0
        self.began = time.perf_counter()
        self.rate = 0.0
        self.counting = threading.Lock()  # guards seen
        self.done = threading.Event()

    def handle(self, event: dict[str, Any]) -> bool:
        """Count an event; whether the burst is over and another is wanted."""
        with self.counting:
            self.seen += 1
            seen = self.seen
        if seen == self.count:
            self.rate = seen / (time.perf_counter() - self.began)
            self.done.set()
            return False
        return seen % BURST == 0

    def wait(self) -> float:
        """How many came a second, from the beginning to the last, when all have come."""
        if not self.done.wait(120):
            raise TimeoutError(f"{self.seen} of {self.count} events came")
        return self.rate
