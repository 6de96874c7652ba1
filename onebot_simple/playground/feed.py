"""What the page shows, in order: the frames, the chats, the bot's output, and how things stand."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from ..simulator.messages import find_file
from ..simulator.simulator import Simulator
from ..simulator.wire import TO_BOT
from ..simulator.world import Event, Message, StoredFile
from .bot_process import BotProcess
from .shown import chat_of, event_item, message_item, people_and_groups, settled_requests

FRAME_BYTES = 20_000  # of each frame are shown
ITEMS = 2_000
PLACED_FRAMES = 500  # among which the event of an error is looked for
LOOK_SECONDS = 0.1  # how often the lamps and switches are looked at
ALIVE_SECONDS = 5.0  # how often a quiet stream says that it is there
Seen = tuple[int, int, int]  # the last frame, item and line of output that a page has


class Feed:
    """Collects what happens in the chats, and tells any number of pages."""

    def __init__(self, simulator: Simulator, bot: BotProcess, needs_token: bool) -> None:
        self.hearts_beat = True
        self._needs_token = needs_token
        self._simulator = simulator
        self._bot = bot
        self._items: deque[dict[str, Any]] = deque(maxlen=ITEMS)
        self._last_item = 0
        self._news = 0  # grows with everything that happens
        self._closed = False
        # guards the fields above; notified when something happens
        self._changed = threading.Condition()
        self._listen()

    def _listen(self) -> None:
        world = self._simulator.world
        bot_sent = world.bot_sent
        world.listeners.insert(0, self._add_event)  # first, for bots are fast

        def sent(message: Message, action: str) -> None:
            item = message_item(world, message)
            self._add({**item, "action": action, "frame": self._simulator.wire.last_id})
            bot_sent(message, action)

        world.bot_sent = sent
        self._simulator.wire.heard = self._notify
        self._bot.heard = self._take_news

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def items(self) -> list[dict[str, Any]]:
        """What happened in the chats, oldest first."""
        with self._changed:
            return list(self._items)

    def updates(self, seen: Seen) -> Iterator[dict[str, Any] | None]:
        """What comes after these, for ever; None when for a while there was nothing."""
        last_frame, last_item, last_line = seen
        state: dict[str, Any] = {}
        news, quiet_since = -1, time.monotonic()
        while True:
            with self._changed:
                if self._news == news:
                    self._changed.wait(LOOK_SECONDS)
                if self._closed:
                    return
                news = self._news
                items = [item for item in self._items if item["id"] > last_item]
            frames = self._simulator.wire.wait_after(last_frame, 0, FRAME_BYTES)
            lines = self._bot.output(last_line)
            now = self.state()
            different = {name: now[name] for name in now if now[name] != state.get(name)}
            if frames or items or lines or different:
                last_frame = frames[-1]["id"] if frames else last_frame
                last_item = items[-1]["id"] if items else last_item
                last_line = lines[-1]["id"] if lines else last_line
                yield {
                    "at": [last_frame, last_item, last_line],
                    "frames": frames,
                    "items": items,
                    "lines": lines,
                    "state": different,
                }
                state, quiet_since = now, time.monotonic()
            elif time.monotonic() - quiet_since > ALIVE_SECONDS:
                quiet_since = time.monotonic()
                yield None

    def state(self) -> dict[str, Any]:
        """How everything stands: lamps, faults, held frames, the bot, who is where."""
        gate = self._simulator.gate
        return {
            "lamps": self._simulator.lamps,
            "faults": self._simulator.pending_faults,
            "heart": self.hearts_beat,
            "gate": {"open": gate.is_open, "held": gate.held},
            "bot": self._bot.status,
            **people_and_groups(self._simulator.world),
            "settled": settled_requests(self._simulator.world),
            "token": self._needs_token,
            "limit": self._simulator.wire.limit,
        }

    def saved(self) -> Iterator[bytes]:
        """The log as JSON Lines, as simulator/replay.py reads it; tokens are masked."""
        for frame in self._simulator.frames:
            try:
                content = json.loads(frame["text"])
            except ValueError:
                continue  # a handshake, or something that is no JSON
            direction = "in" if frame["direction"] == TO_BOT else "out"
            about = {"time": frame["time"], "direction": direction, "transport": frame["transport"]}
            if isinstance(content, dict):
                line = json.dumps({**about, "frame": content}, ensure_ascii=False) + "\n"
                # half a surrogate pair has no UTF-8, but an escape in JSON
                yield line.encode("utf-8", "backslashreplace")

    def file(self, file_id: str) -> StoredFile | None:
        """A file of a message or of a group; ids of groups begin with a slash."""
        with self._simulator.world.lock:
            world = self._simulator.world
            return find_file(world, file_id) or find_file(world, "/" + file_id)

    # what happens in the chats

    def _notify(self) -> None:
        with self._changed:
            self._news += 1
            self._changed.notify_all()

    def _add(self, item: dict[str, Any]) -> None:
        with self._changed:
            self._last_item += 1
            self._items.append({"id": self._last_item, "time": time.time(), **item})
            self._news += 1
            self._changed.notify_all()

    def _add_event(self, event: Event) -> None:
        # what was pushed by hand may be too strange for a chat; the wire log shows it
        with suppress(KeyError, TypeError, ValueError, AttributeError):
            if item := event_item(self._simulator.world, event):
                self._add(item)

    # the bot's errors

    def _take_news(self, error: dict[str, Any] | None) -> None:
        if error is None:
            self._notify()
        else:
            self._add({"kind": "error", "error": error, **self._place_of(error["origin"])})

    def _place_of(self, origin: str) -> dict[str, Any]:
        """Where the error belongs: the chat, and the message or the frame of the event.

        origin: what was being handled, such as "1234567:order@bot.py:28" for a message or
        "e12:welcome@bot.py:40" for the 12th event of its connection.
        """
        event = origin.partition(":")[0]
        world = self._simulator.world
        if event.startswith("e"):
            for frame in reversed(self._simulator.wire.newest(PLACED_FRAMES)):
                if frame["number"] and f"e{frame['number']}" == event:
                    return {"chat": chat_of(world, json.loads(frame["text"])), "frame": frame["id"]}
        for item in reversed(self.items):
            if item["kind"] == "message" and str(item["message_id"]) == event:
                return {"chat": item["chat"], "message_id": item["message_id"]}
        return {"chat": ""}
