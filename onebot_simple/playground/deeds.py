"""What can be done on the page: talk, come and go, ask, change the world, make faults, step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..simulator.simulator import Simulator
from ..simulator.world import ALICE, BOB, BOT, CAROL, GROUP, Failure
from .bot_process import BotProcess
from .feed import Feed
from .hand import Hand

Wanted = dict[str, Any]
DELAY_SECONDS = 3
BAN_SECONDS = 60
MALFORMED = '{"post_type": "message", "message": [这一帧坏了 this frame is broken'
PARTS = ("text", "at", "face", "image", "record", "video", "file")  # what may be said on the page
FILES = {"image": "data:image/", "record": "data:", "video": "data:", "file": "data:"}


class Deeds:
    """Each method without an underscore is a deed that a page may ask for by its name."""

    def __init__(
        self, simulator: Simulator, feed: Feed, bot: BotProcess, token: str | None = None
    ) -> None:
        self._simulator = simulator
        self._feed = feed
        self._bot = bot
        self._hand = Hand(simulator, feed, bot, token)

    def __call__(self, name: str, wanted: Wanted) -> dict[str, Any]:
        """Do it; ValueError, KeyError or TypeError says why it cannot be done."""
        deed: Callable[[Wanted], Any] | None = None
        if not name.startswith("_"):
            deed = getattr(self, name, None)
        if deed is None:
            raise ValueError(f"{name!r}: 没有这个操作。 There is no such deed.")
        return {"result": deed(wanted)}

    # talking

    def say(self, wanted: Wanted) -> int:
        parts = [_part(part) for part in wanted["message"]]
        if not parts:
            raise Failure("消息是空的。 The message is empty.")
        reply_to = None if wanted.get("reply_to") is None else int(wanted["reply_to"])
        return self._say(parts, int(wanted["user"]), _group_of(wanted["chat"]), reply_to)

    def again(self, wanted: Wanted) -> int:
        """Say a message once more, whoever said it, with all that it held."""
        with self._simulator.world.lock:
            message = self._simulator.world.messages.get(int(wanted["message_id"]))
        if message is None or message.user_id == BOT:
            raise Failure("这条消息不能再发。 This message cannot be sent again.")
        return self._say(message.segments, message.user_id, message.group_id, None)

    def _say(
        self, parts: list[dict[str, Any]], user: int, group: int | None, reply_to: int | None
    ) -> int:
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
            raise Failure("机器人不能在这里退群。 The bot cannot leave the group here.")
        self._simulator.leave(user, _group_of(wanted["chat"]) or GROUP)

    def ban(self, wanted: Wanted) -> None:
        """Somebody is muted for a minute, or may speak again."""
        operator = wanted.get("operator")
        self._simulator.mute(
            int(wanted["user"]),
            BAN_SECONDS if wanted.get("on") else 0,
            None if operator is None else int(operator),
            _group_of(wanted["chat"]) or GROUP,
        )

    def friend_request(self, wanted: Wanted) -> None:
        self._simulator.friend_request(
            self._next_user(), str(wanted.get("comment", ""))[:200], _name(wanted)
        )

    def group_request(self, wanted: Wanted) -> None:
        """Somebody wants into the group, or invites the bot into a new one."""
        invites = bool(wanted.get("invite"))
        self._simulator.group_request(
            self._next_user(),
            str(wanted.get("comment", ""))[:200],
            "invite" if invites else "add",
            self._next_group() if invites else _group_of(wanted["chat"]) or GROUP,
            _name(wanted),
        )

    def _next_user(self) -> int:
        with self._simulator.world.lock:
            return max(self._simulator.world.people) + 1

    def _next_group(self) -> int:
        with self._simulator.world.lock:
            requested = [r.group_id for r in self._simulator.world.requests.values()]
            return max(*self._simulator.world.groups, *requested, GROUP) + 1

    # the world

    def kick(self, wanted: Wanted) -> None:
        self._simulator.kick(int(wanted["user"]), group=self._group(wanted))

    def set_role(self, wanted: Wanted) -> None:
        self._simulator.set_role(int(wanted["user"]), str(wanted["role"]), self._group(wanted))

    def set_card(self, wanted: Wanted) -> None:
        self._simulator.set_card(int(wanted["user"]), str(wanted["card"]), self._group(wanted))

    def set_title(self, wanted: Wanted) -> None:
        self._simulator.set_title(int(wanted["user"]), str(wanted["title"]), self._group(wanted))

    def let_in(self, wanted: Wanted) -> None:
        self._simulator.join(int(wanted["user"]), None, self._group(wanted))

    def bring_back(self, wanted: Wanted) -> None:
        self._simulator.bring_back(int(wanted["user"]), self._group(wanted))

    def add_person(self, wanted: Wanted) -> int:
        user = self._next_user()
        self._simulator.add_person(user, _needed_name(wanted))
        return user

    def set_person(self, wanted: Wanted) -> None:
        friend = wanted.get("friend")
        name = _needed_name(wanted) if "name" in wanted else None
        self._simulator.set_person(
            int(wanted["user"]), name, friend=None if friend is None else bool(friend)
        )

    def add_group(self, wanted: Wanted) -> int:
        group = self._next_group()
        self._simulator.add_group(group, _needed_name(wanted), [ALICE, BOB, CAROL])
        return group

    def set_group(self, wanted: Wanted) -> None:
        self._simulator.set_group(self._group(wanted), _needed_name(wanted))

    def remove_group(self, wanted: Wanted) -> None:
        self._simulator.remove_group(self._group(wanted))

    def reset(self, wanted: Wanted) -> None:
        self._simulator.reset()

    def _group(self, wanted: Wanted) -> int:
        return _group_of(wanted["chat"]) or GROUP

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

    # by hand

    def emit(self, wanted: Wanted) -> None:
        self._hand.emit(wanted["event"])

    def call(self, wanted: Wanted) -> Any:
        return self._hand.call(wanted["action"], wanted["params"])

    def replay(self, wanted: Wanted) -> int:
        return self._hand.replay(str(wanted["text"]))

    def as_test(self, wanted: Wanted) -> str:
        _group_of(wanted["chat"])  # refuses what is no chat
        return self._hand.as_test(str(wanted["chat"]))


def _group_of(chat: Any) -> int | None:
    """The group of a chat such as "g30001"; None for a private one such as "p20001"."""
    text = str(chat)
    if text[:1] not in ("g", "p"):
        raise ValueError(f"{chat!r}: 没有这个聊天。 There is no such chat.")
    return int(text[1:]) if text.startswith("g") else None


def _name(wanted: Wanted) -> str | None:
    return str(wanted.get("name", "")).strip()[:60] or None


def _needed_name(wanted: Wanted) -> str:
    name = _name(wanted)
    if name is None:
        raise Failure("要一个名字。 It takes a name.")
    return name


def _part(part: Any) -> dict[str, Any]:
    kind, data = part["type"], dict(part["data"])
    if kind not in PARTS:
        raise ValueError(f"{kind!r}: 这里不能发。 This cannot be sent here.")
    if kind in FILES and not str(data["file"]).startswith(FILES[kind]):
        raise ValueError("图片和文件要是 data: 地址。 A picture or a file must be a data: URL.")
    return {"type": kind, "data": data}
