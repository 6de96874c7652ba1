"""What can be done on the page: talk, come and go, ask, make faults, step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..simulator.simulator import Simulator
from ..simulator.world import BOT, GROUP, Failure
from .bot_process import BotProcess
from .feed import Feed

Wanted = dict[str, Any]
DELAY_SECONDS = 3
BAN_SECONDS = 60
MALFORMED = '{"post_type": "message", "message": [这一帧坏了 this frame is broken'
PARTS = ("text", "at", "face", "image")  # of what a person may say on the page


class Deeds:
    """Each method without an underscore is a deed that a page may ask for by its name."""

    def __init__(self, simulator: Simulator, feed: Feed, bot: BotProcess) -> None:
        self._simulator = simulator
        self._feed = feed
        self._bot = bot

    def __call__(self, name: str, wanted: Wanted) -> dict[str, Any]:
        """Do it; ValueError, KeyError or TypeError says why it cannot be done."""
        deed: Callable[[Wanted], Any] | None = None
        if not name.startswith("_"):
            deed = getattr(self, name, None)
        if deed is None:
            raise ValueError(f"{name!r}: 没有这个操作 there is no such deed")
        return {"result": deed(wanted)}

    # talking

    def say(self, wanted: Wanted) -> int:
        user = int(wanted["user"])
        parts = [_part(part) for part in wanted["message"]]
        reply_to = None if wanted.get("reply_to") is None else int(wanted["reply_to"])
        if not parts:
            raise Failure("消息是空的 the message is empty")
        group = _group_of(wanted["chat"])
        if group is not None:
            said = self._simulator.send_group(parts, user, group, reply_to=reply_to)
        else:
            said = self._simulator.send_private(parts, user, reply_to)
        return int(said["message_id"])

    def recall(self, wanted: Wanted) -> None:
        operator = wanted.get("operator")
        self._simulator.recall(
            int(wanted["message_id"]), None if operator is None else int(operator)
        )

    def poke(self, wanted: Wanted) -> None:
        target = int(wanted.get("target", BOT))
        self._simulator.poke(int(wanted["user"]), target, _group_of(wanted["chat"]))

    # coming and going

    def join(self, wanted: Wanted) -> None:
        self._simulator.join(self._next_user(), _name(wanted), _group_of(wanted["chat"]) or GROUP)

    def leave(self, wanted: Wanted) -> None:
        user = int(wanted["user"])
        if user == BOT:
            raise Failure("机器人不能在这里退群 the bot cannot be made to leave here")
        self._simulator.leave(user, _group_of(wanted["chat"]) or GROUP)

    def ban(self, wanted: Wanted) -> None:
        """Somebody is muted for a minute, or may speak again."""
        seconds, group = BAN_SECONDS if wanted.get("on") else 0, _group_of(wanted["chat"])
        operator = wanted.get("operator")
        self._simulator.mute(
            int(wanted["user"]),
            seconds,
            None if operator is None else int(operator),
            group or GROUP,
        )

    def friend_request(self, wanted: Wanted) -> str:
        asked = self._simulator.friend_request(
            self._next_user(), str(wanted.get("comment", ""))[:200], _name(wanted)
        )
        return str(asked["flag"])

    def group_request(self, wanted: Wanted) -> str:
        """Somebody wants into the group, or invites the bot into a new one."""
        invites = bool(wanted.get("invite"))
        asked = self._simulator.group_request(
            self._next_user(),
            str(wanted.get("comment", ""))[:200],
            "invite" if invites else "add",
            self._next_group() if invites else _group_of(wanted["chat"]) or GROUP,
            _name(wanted),
        )
        return str(asked["flag"])

    def _next_user(self) -> int:
        with self._simulator.world.lock:
            return max(self._simulator.world.people) + 1

    def _next_group(self) -> int:
        with self._simulator.world.lock:
            requested = [r.group_id for r in self._simulator.world.requests.values()]
            return max(*self._simulator.world.groups, *requested, GROUP) + 1

    # faults

    def drop(self, wanted: Wanted) -> None:
        self._simulator.drop()

    def refuse_token(self, wanted: Wanted) -> None:
        """Cut the connections too: a token is looked at only when somebody connects."""
        self._simulator.refuse_token()
        self._simulator.drop()

    def delay(self, wanted: Wanted) -> None:
        self._simulator.delay(DELAY_SECONDS)

    def fail(self, wanted: Wanted) -> None:
        self._simulator.fail()

    def swallow(self, wanted: Wanted) -> None:
        self._simulator.swallow()

    def malformed(self, wanted: Wanted) -> None:
        self._simulator.send_raw(MALFORMED)

    def heartbeat(self, wanted: Wanted) -> None:
        self._feed.hearts_beat = bool(wanted["on"])
        self._simulator.heartbeat(self._feed.hearts_beat)

    def clear_faults(self, wanted: Wanted) -> None:
        self._simulator.clear_faults()
        self._feed.hearts_beat = True

    # step mode, and the bot's process

    def hold(self, wanted: Wanted) -> None:
        self._simulator.gate.close()

    def step(self, wanted: Wanted) -> bool:
        return self._simulator.gate.step()

    def release(self, wanted: Wanted) -> None:
        self._simulator.gate.open()

    def restart_bot(self, wanted: Wanted) -> None:
        self._bot.restart()


def _group_of(chat: Any) -> int | None:
    """The group of a chat such as "g30001"; None for a private one such as "p20001"."""
    text = str(chat)
    if text[:1] not in ("g", "p"):
        raise ValueError(f"{chat!r}: 没有这个聊天 there is no such chat")
    return int(text[1:]) if text.startswith("g") else None


def _name(wanted: Wanted) -> str | None:
    return str(wanted.get("name", "")).strip()[:60] or None


def _part(part: Any) -> dict[str, Any]:
    kind, data = part["type"], dict(part["data"])
    if kind not in PARTS:
        raise ValueError(f"{kind!r}: 这里不能发 cannot be said here")
    if kind == "image" and not str(data["file"]).startswith("data:image/"):
        raise ValueError("图片要是 data: 地址 a picture must be a data: URL")
    return {"type": kind, "data": data}
