"""What the page shows, in order: the frames, the chats, and how everything stands."""

from __future__ import annotations

import base64
import threading
import time
from collections import deque
from collections.abc import Iterator
from typing import Any

from ..simulator.messages import find_file
from ..simulator.simulator import Simulator
from ..simulator.world import BOT, Event, Message
from .bot_process import BotProcess

FRAME_BYTES = 20_000  # of each frame are shown
IMAGE_BYTES = 2 * 1024 * 1024
ITEMS = 2_000
LOOK_SECONDS = 0.1  # how often the lamps and switches are looked at
ALIVE_SECONDS = 5.0  # how often a quiet stream says that it is there
_IMAGES = {b"\x89PNG": "png", b"\xff\xd8\xff": "jpeg", b"GIF8": "gif", b"RIFF": "webp"}


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
            item = self._message_item(message)
            self._add({**item, "action": action, "frame": self._simulator.wire.last_id})
            bot_sent(message, action)

        world.bot_sent = sent
        self._simulator.wire.heard = self._notify

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def updates(self, last_frame: int, last_item: int) -> Iterator[dict[str, Any] | None]:
        """What comes after these, for ever; None when for a while there was nothing."""
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
            now = self.state()
            if frames or items or now != state:
                last_frame = frames[-1]["id"] if frames else last_frame
                last_item = items[-1]["id"] if items else last_item
                update = {"at": [last_frame, last_item], "frames": frames, "items": items}
                yield update if now == state else {**update, "state": now}
                state, quiet_since = now, time.monotonic()
            elif time.monotonic() - quiet_since > ALIVE_SECONDS:
                quiet_since = time.monotonic()
                yield None

    def state(self) -> dict[str, Any]:
        """How everything stands: lamps, faults, held frames, the bot, who is where."""
        world, gate = self._simulator.world, self._simulator.gate
        with world.lock:
            people = [
                {"id": person.user_id, "name": person.nickname, "friend": person.is_friend}
                for person in world.people.values()
            ]
            groups = [
                {
                    "id": group.group_id,
                    "name": group.group_name,
                    "members": [
                        {"id": m.user_id, "card": m.card, "role": m.role, "muted": m.muted_until}
                        for m in group.members.values()
                    ],
                }
                for group in world.groups.values()
            ]
            settled = [flag for flag, request in world.requests.items() if request.settled]
        return {
            "lamps": self._simulator.lamps,
            "faults": self._simulator.pending_faults,
            "heart": self.hearts_beat,
            "gate": {"open": gate.is_open, "held": gate.held},
            "bot": self._bot.status,
            "people": people,
            "groups": groups,
            "settled": settled,
            "token": self._needs_token,
            "limit": self._simulator.wire.limit,
        }

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
        kind = event["post_type"]
        if kind == "message":
            message = self._simulator.world.messages[event["message_id"]]
            self._add(self._message_item(message))
        elif kind in ("notice", "request"):
            self._add({"kind": kind, "chat": self._chat_of(event), "event": event})

    def _chat_of(self, event: Event) -> str:
        about = self._simulator.world.messages.get(event.get("message_id", 0))
        if event.get("group_id"):
            return f"g{event['group_id']}"
        if about:
            return f"p{about.peer_id}"
        who = event.get("user_id")
        return f"p{event.get('target_id') if who == BOT else who}"

    def _message_item(self, message: Message) -> dict[str, Any]:
        in_group = message.group_id is not None
        return {
            "kind": "message",
            "chat": f"g{message.group_id}" if in_group else f"p{message.peer_id}",
            "message_id": message.message_id,
            "user_id": message.user_id,
            "segments": [self._shown(segment) for segment in message.segments],
        }

    def _shown(self, segment: dict[str, Any]) -> dict[str, Any]:
        """A picture comes along as a data: URL, for the page loads nothing from elsewhere."""
        if segment["type"] != "image":
            return segment
        file = find_file(self._simulator.world, segment["data"].get("file"))
        content = file.content if file else b""
        kind = next((kind for magic, kind in _IMAGES.items() if content.startswith(magic)), None)
        if kind is None or len(content) > IMAGE_BYTES:
            return segment
        url = f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
        return {"type": "image", "data": segment["data"], "shown": url}
