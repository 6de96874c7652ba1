"""What a page can do by hand: any event, any call, a saved log, a conversation as a test."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import quote, urlsplit

from ..simulator.simulator import Simulator
from ..simulator.world import BOT, Failure
from .bot_process import BotProcess
from .copied_test import as_test
from .feed import Feed
from .shown import chat_of

ANSWER_SECONDS = 30
KINDS = ("message", "message_sent", "notice", "request", "meta_event")
KNOWN = (10001, 20001, 20002, 20003)  # people of every fresh simulator


class Hand:
    def __init__(
        self, simulator: Simulator, feed: Feed, bot: BotProcess, token: str | None
    ) -> None:
        self._simulator = simulator
        self._feed = feed
        self._bot = bot
        self._token = token

    def emit(self, event: Any) -> None:
        """Push any event; who typed it need not give the time and the account."""
        if not isinstance(event, dict) or event.get("post_type") not in KINDS:
            raise Failure(
                f"事件要是一个 JSON 对象，它的 post_type 是 {'、'.join(KINDS)} 之一。"
                f" An event is a JSON object whose post_type is one of {', '.join(KINDS)}."
            )
        with _as_failure():
            self._simulator.emit({"time": int(time.time()), "self_id": BOT, **event})

    def call(self, action: Any, params: Any) -> Any:
        """Call an action over the HTTP API, as any program could; returns the whole response."""
        if not isinstance(action, str) or not action.strip() or not isinstance(params, dict):
            raise Failure(
                "要一个动作的名字，和一个 JSON 对象作参数。"
                " It takes the name of an action, and a JSON object of its params."
            )
        address = urlsplit(self._simulator.http_url)
        connection = HTTPConnection(address.hostname or "", address.port, timeout=ANSWER_SECONDS)
        headers = {"Content-Type": "application/json"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        try:
            connection.request(
                "POST", "/" + quote(action.strip()), json.dumps(params).encode(), headers
            )
            return json.loads(connection.getresponse().read())
        except (OSError, HTTPException, ValueError) as error:
            raise Failure(f"没有响应：{error}。 There was no response: {error}.") from None
        finally:
            connection.close()

    def as_test(self, chat: str) -> str:
        """The conversation of a chat, since the bot was started, as a pytest function."""
        since = self._bot.status["started"]
        items = [i for i in self._feed.items if i["chat"] == chat and i["time"] >= since]
        sent = {item["action"] for item in items if "action" in item}
        chats = self._chats_of_events()
        calls = [
            call
            for call in self._simulator.calls
            if call["time"] >= since
            and call["action"] not in sent | {".handle_quick_operation"}
            and _belongs(call, chat, chats)
        ]
        if not items and not calls:
            raise Failure(
                "机器人这次启动以来，这里什么都没有发生：先说句话。"
                " Nothing has happened here since the bot was started: say something first."
            )
        with self._simulator.world.lock:
            people = self._simulator.world.people.values()
            names = {one.user_id: one.nickname for one in people if one.user_id not in KNOWN}
        return as_test(self._bot.file, items, calls, names)

    def _chats_of_events(self) -> dict[int, str]:
        """The chat of each event that went to a bot, by the id of its frame."""
        found = {}
        for frame in self._simulator.frames:
            if frame["kind"] == "event":
                event = json.loads(frame["text"])
                if event.get("post_type") != "meta_event":
                    found[frame["id"]] = chat_of(self._simulator.world, event)
        return found

    def replay(self, text: str) -> int:
        """Push the events of a log; how many there were."""
        lines = text.removeprefix("\ufeff").split("\n")
        with _as_failure():
            return len(self._simulator.replay_lines(lines, "日志 log"))


def _belongs(call: dict[str, Any], chat: str, chats: dict[int, str]) -> bool:
    """Whether a call was made for an event of this chat; where nobody knows, is about the chat."""
    cause = call["cause"]
    if cause and cause["frame"] in chats and not cause["probably"]:
        return chats[cause["frame"]] == chat
    params = call["params"] if isinstance(call["params"], dict) else {}
    if chat.startswith("g"):
        return str(params.get("group_id")) == chat[1:]
    return str(params.get("user_id")) == chat[1:] and not params.get("group_id")


@contextmanager
def _as_failure() -> Iterator[None]:
    """What the simulator refuses was asked for properly, and is answered with its sentence."""
    try:
        yield
    except ValueError as error:
        raise Failure(str(error)) from None
