"""Step mode: every frame passes this gate; a teacher may close it and let frames go singly."""

from __future__ import annotations

import itertools
import threading
import time
from typing import Any

from .wire import masked


class Gate:
    """Open at first, and then it costs one attribute look-up per frame."""

    def __init__(self) -> None:
        self._is_open = True
        self._numbers = itertools.count(1)
        self._held: dict[int, dict[str, Any]] = {}  # what waits, oldest first
        # guards the fields above; notified when something waits or may go
        self._changed = threading.Condition()

    @property
    def is_open(self) -> bool:
        return self._is_open

    @property
    def held(self) -> list[dict[str, Any]]:
        """What waits, oldest first: {"id", "time", "transport", "direction", "text"}."""
        with self._changed:
            return [dict(frame) for frame in self._held.values()]

    def close(self) -> None:
        with self._changed:
            self._is_open = False

    def open(self) -> None:
        """Let everything go, and hold nothing from now on."""
        with self._changed:
            self._is_open = True
            self._held.clear()
            self._changed.notify_all()

    def step(self, number: int | None = None) -> bool:
        """Let one frame go, the oldest unless its id is given; False when none waits."""
        with self._changed:
            chosen = next(iter(self._held), None) if number is None else number
            released = self._held.pop(chosen, None) if chosen is not None else None
            self._changed.notify_all()
            return released is not None

    def wait_held(self, count: int, timeout: float) -> bool:
        """Wait until this many frames are held."""
        with self._changed:
            return self._changed.wait_for(lambda: len(self._held) >= count, timeout)

    def pass_through(self, transport: str, direction: str, data: bytes) -> None:
        """Return when this frame may go; called on the thread that carries it."""
        if self._is_open:
            return
        text = masked(data[:20_000].decode("utf-8", "replace"))
        with self._changed:
            if self._is_open:
                return
            number = next(self._numbers)
            self._held[number] = {
                "id": number,
                "time": time.time(),
                "transport": transport,
                "direction": direction,
                "text": text,
            }
            self._changed.notify_all()
            self._changed.wait_for(lambda: number not in self._held)
