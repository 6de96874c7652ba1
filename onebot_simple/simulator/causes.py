"""Which event made the bot call: exactly where the echo tells it, else a guess that says so.

Bots of this package put into the echo of a call what they are handling: the event's message_id
(or e12 for the 12th event of its connection), the handler with its file and line, the number of
the call, and a random part, as in 1234567:order@bot.py:28:7:9f2c01aa.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from .world import Event, Newest

Cause = dict[str, Any]
KEPT = 10_000  # events that a call may still refer to
RECENT = 100  # events among which a guess is made
_ECHO = re.compile(
    r"(?:(?P<event>[^:]*):(?P<handler>.*)@(?P<at>[^@]*):)?\d+:[0-9a-f]{8}", re.DOTALL
)


@dataclass
class _Sent:
    frame: int
    connection: int
    posted: bool  # over HTTP
    event: Event
    time: float


class Causes:
    def __init__(self) -> None:
        self._counts: Newest[int, int] = Newest(KEPT)  # connection -> events that went out on it
        self._by_number: Newest[tuple[int, int], _Sent] = Newest(KEPT)  # (connection, n)
        self._by_message: Newest[tuple[int, int], _Sent] = Newest(KEPT)  # (connection, message_id)
        self._recent: deque[_Sent] = deque(maxlen=RECENT)
        self._lock = threading.Lock()  # guards the fields above

    def sent(self, frame: int, connection: int, event: Event, posted: bool = False) -> None:
        """Remember the frame that takes an event to a bot."""
        one = _Sent(frame, connection, posted, event, time.time())
        message_id = event.get("message_id")
        with self._lock:
            self._counts[connection] = number = self._counts.get(connection, 0) + 1
            self._by_number[connection, number] = one
            if event.get("post_type") == "meta_event":
                return
            self._recent.append(one)
            # a notice about a message has its id, too
            if isinstance(message_id, int) and event.get("post_type") != "notice":
                self._by_message[connection, message_id] = one

    def of_call(self, connection: int, echo: Any, params: Any) -> Cause | None:
        """The cause of a call over a WebSocket. None: the bot called of its own accord."""
        told = _ECHO.fullmatch(echo) if isinstance(echo, str) else None
        if not told:
            return self._guess(params, connection)
        label = told["event"]
        if label is None:
            return None
        with self._lock:
            found = None  # of a timer, or an event of long ago
            if re.fullmatch(r"e\d{1,18}", label):
                found = self._by_number.get((connection, int(label[1:])))
            elif re.fullmatch(r"-?\d{1,18}", label):
                found = self._by_message.get((connection, int(label)))
                # a bot that has connected anew meanwhile
                found = found or self._newest_about(int(label))
        handled = {"handler": told["handler"], "at": told["at"]}
        if found is None:
            return {"frame": None, "message_id": None, "ms": None, **handled, "probably": False}
        return {**_described(found), **handled, "probably": False}

    def _newest_about(self, message_id: int) -> _Sent | None:
        about = (one for one in reversed(self._recent) if one.event.get("message_id") == message_id)
        return next(about, None)

    def of_request(self, target: str, body: bytes) -> Cause | None:
        """The cause of a call over HTTP, where nothing tells it."""
        try:
            params = json.loads(body) if body else {}
            action = unquote(urlsplit(target).path).strip("/")
        except (ValueError, RecursionError):
            return None
        return self._guess(params, None) if action else None

    def of_answer(self, frame: int) -> Cause | None:
        """The cause of what a bot answers to an event that was posted to it."""
        with self._lock:
            found = next((one for one in reversed(self._recent) if one.frame == frame), None)
        if found is None:
            return None
        return {**_described(found), "handler": None, "at": None, "probably": False}

    def _guess(self, params: Any, connection: int | None) -> Cause | None:
        """The newest event of the chat that the call is about, else the newest of all.

        connection: on which the call came; None over HTTP, then posted events come first.
        """
        with self._lock:
            recent = list(reversed(self._recent))
        if connection is None:
            events = [one for one in recent if one.posted] or recent
        else:
            events = [one for one in recent if one.connection == connection]
        about = [one for one in events if _is_about(params, one.event)]
        if not events:
            return None
        found = (about or events)[0]
        return {**_described(found), "handler": None, "at": None, "probably": True}


def _described(one: _Sent) -> Cause:
    message_id = one.event.get("message_id")
    return {
        "frame": one.frame,
        "message_id": message_id if isinstance(message_id, int) else None,
        "ms": round((time.time() - one.time) * 1000, 3),
    }


def _is_about(params: Any, event: Event) -> bool:
    if not isinstance(params, dict):
        return False
    for name in ("flag", "message_id", "group_id", "user_id"):
        if params.get(name) is not None:
            return str(params[name]) == str(event.get(name))
    return False
