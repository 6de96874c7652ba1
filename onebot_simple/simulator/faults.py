"""Faults that are asked for: each counted, none random."""

from __future__ import annotations

import threading
from dataclasses import dataclass


@dataclass
class Failing:
    action: str  # "*" is any
    retcode: int
    message: str
    times: int


@dataclass
class Delay:
    seconds: float
    times: int


@dataclass
class Fault:
    """What shall go wrong with one call."""

    failing: Failing | None = None
    delay: float = 0.0
    swallowed: bool = False


NO_FAULT = Fault()


class Faults:
    def __init__(self) -> None:
        self._failing: list[Failing] = []
        self._delays: list[Delay] = []
        self._swallow = 0
        self._refusals = 0
        self._pending = False
        self._lock = threading.Lock()  # guards the fields above

    def fail(self, action: str, retcode: int, times: int, message: str) -> None:
        with self._lock:
            self._failing.append(Failing(action, retcode, message, times))
            self._pending = True

    def delay(self, seconds: float, times: int) -> None:
        with self._lock:
            self._delays.append(Delay(seconds, times))
            self._pending = True

    def swallow(self, times: int) -> None:
        with self._lock:
            self._swallow += times
            self._pending = True

    def refuse_token(self, times: int) -> None:
        with self._lock:
            self._refusals += times

    def token_is_refused(self) -> bool:
        with self._lock:
            refused = self._refusals > 0
            self._refusals -= refused
            return refused

    def for_call(self, action: str) -> Fault:
        """Take what was asked for this call, so that the next one gets the next fault."""
        if not self._pending:
            return NO_FAULT
        with self._lock:
            failing = next((f for f in self._failing if f.action in (action, "*")), None)
            if failing:
                failing.times -= 1
                self._failing = [f for f in self._failing if f.times > 0]
            delay = self._delays[0].seconds if self._delays else 0.0
            if self._delays:
                self._delays[0].times -= 1
                self._delays = [d for d in self._delays if d.times > 0]
            swallowed = self._swallow > 0
            self._swallow -= swallowed
            self._pending = bool(self._failing or self._delays or self._swallow)
            return Fault(failing, delay, swallowed)

    def clear(self) -> None:
        with self._lock:
            self._failing, self._delays = [], []
            self._swallow = self._refusals = 0
            self._pending = False

    @property
    def pending(self) -> dict[str, int]:
        """How many of each are still to come."""
        with self._lock:
            return {
                "fail": sum(f.times for f in self._failing),
                "delay": sum(d.times for d in self._delays),
                "swallow": self._swallow,
                "refuse_token": self._refusals,
            }
