"""The frame log: everything that crossed any transport, in both directions."""

from __future__ import annotations

import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from .readable import readable

_SECRETS = re.compile(
    r"(authorization:[ ]*(?:(?:bearer|token)[ ]+)?|access_token=|\"access_token\"\s*:\s*\")"
    r"[^\s&\"]+",
    re.IGNORECASE,
)

HTTP_API, HTTP_POST, WS, WS_REVERSE = "http_api", "http_post", "ws", "ws_reverse"
TO_BOT, FROM_BOT = "to_bot", "from_bot"


def masked(text: str, token: str | None = None) -> str:
    text = _SECRETS.sub(r"\1***", text)
    # a short token would also hit ordinary words; headers and queries are covered above
    return text.replace(token, "***") if token and len(token) >= 6 else text


def head_of(first_line: str, headers: Iterable[tuple[str, str]]) -> str:
    return "\n".join([first_line, *(f"{name}: {value}" for name, value in headers)])


@dataclass
class Frame:
    """One thing that crossed the wire; its text is decoded and masked when somebody looks."""

    transport: str
    direction: str
    connection: int
    kind: str  # handshake, event, call, response, stream, raw, close, note
    data: bytes = b""
    head: str = ""  # start line and headers, for HTTP and for handshakes
    answers: int | None = None  # the id of the frame that this one answers
    message_id: int | None = None
    note: dict[str, str] | None = None  # {"zh", "en"}: what NapCat would do, see journal.py
    id: int = 0
    time: float = field(default_factory=time.time)
    ms: float | None = None  # since the answered frame
    number: int | None = None  # an event: the how-many-eth of its connection
    cause: dict[str, Any] | None = None  # of a call: the event that it is about, see causes.py

    def to_dict(self, token: str | None = None, limit: int | None = None) -> dict[str, Any]:
        data = self.data if limit is None else self.data[:limit]
        return {
            "id": self.id,
            "time": self.time,
            "transport": self.transport,
            "direction": self.direction,
            "connection": self.connection,
            "kind": self.kind,
            "head": masked(self.head, token),
            "text": masked(data.decode("utf-8", "replace"), token),
            "size": len(self.data),
            "answers": self.answers,
            "ms": self.ms,
            "message_id": self.message_id,
            "number": self.number,
            "note": self.note,
            "cause": self.cause,
        }


class WireLog:
    """The newest `limit` frames, with ids that only grow."""

    def __init__(self, token: str | None, limit: int) -> None:
        self.limit = limit
        self._token = token
        self._frames: dict[int, Frame] = {}
        self._last_id = 0
        self._cleared = 0  # the id of the last frame before clear()
        self._connections = 0
        self._events: Counter[int] = Counter()  # by connection
        self._listening = True
        self.heard: Callable[[], None] = lambda: None  # called after every frame
        # guards the fields above; notified of every frame and of the end
        self._changed = threading.Condition()

    def new_connection(self) -> int:
        with self._changed:
            self._connections += 1
            return self._connections

    def add(self, frame: Frame) -> int:
        with self._changed:
            frame.id = self._last_id = self._last_id + 1
            asked = self._frames.get(frame.answers) if frame.answers else None
            if asked:
                frame.ms = round((frame.time - asked.time) * 1000, 3)
            if frame.kind == "event":
                self._events[frame.connection] += 1
                frame.number = self._events[frame.connection]
            self._frames[frame.id] = frame
            self._frames.pop(frame.id - self.limit, None)
            self._changed.notify_all()
        self.heard()
        return frame.id

    def mark_message(self, frame_id: int | None, message_id: int | None) -> None:
        """Link a frame to the message that it is about."""
        with self._changed:
            frame = self._frames.get(frame_id) if frame_id else None
            if frame and message_id:
                frame.message_id = message_id

    def cause_of(self, frame_id: int) -> dict[str, Any] | None:
        with self._changed:
            frame = self._frames.get(frame_id)
            return frame.cause if frame else None

    def wait_after(
        self, last_seen: int, timeout: float, limit: int | None = None
    ) -> list[dict[str, Any]]:
        """Return the frames with a larger id, waiting up to timeout seconds for the first.

        Empty when the time is over or the log is closed. limit: bytes of text of each frame.
        """
        with self._changed:
            self._changed.wait_for(
                lambda: self._last_id > last_seen or not self._listening, timeout
            )
            frames = self._after(last_seen)
        return [frame.to_dict(self._token, limit) for frame in frames]

    def newest(self, count: int, limit: int | None = None) -> list[dict[str, Any]]:
        with self._changed:
            frames = self._after(self._last_id - count)
        return [frame.to_dict(self._token, limit) for frame in frames]

    def _after(self, last_seen: int) -> list[Frame]:
        first = max(last_seen, self._last_id - self.limit, self._cleared) + 1
        return [self._frames[number] for number in range(first, self._last_id + 1)]

    @property
    def last_id(self) -> int:
        with self._changed:
            return self._last_id

    @property
    def closed(self) -> bool:
        with self._changed:
            return not self._listening

    def clear(self) -> None:
        """Forget every frame. The ids go on, so that none comes twice."""
        with self._changed:
            self._frames.clear()
            self._cleared = self._last_id

    def open(self) -> None:
        with self._changed:
            self._listening = True

    def close(self) -> None:
        """Let everybody go who waits for frames."""
        with self._changed:
            self._listening = False
            self._changed.notify_all()

    def tail(self, count: int = 10) -> str:
        """The newest frames, one line each, for an error message."""
        lines = [readable(frame) for frame in self.newest(count)]
        return "\n".join(lines) or (
            "  还没有任何帧：这一行在 with Simulator(bot) as qq: 里面吗？机器人连上了吗？ "
            "Nothing crossed the wire yet. Is this line inside `with Simulator(bot) as qq:`, and "
            "is the bot connected?"
        )
