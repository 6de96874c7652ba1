"""Saved logs: from lines to the events in them, and into the world of the simulator.

A log is JSON Lines in UTF-8. A line is an event itself, or a frame with its circumstances:

    {"time": 1700000000.5, "direction": "in", "transport": "ws", "frame": {...}}

`time` is in seconds since 1970. `direction` is "in" for what came to the bot, "out" for what the
bot sent. `frame` is what crossed the wire: an event, a call, or the answer to one, an object
without tokens. Only events that came in are replayed. Empty lines are skipped. Events of guilds,
which the world does not have, are passed on as they are.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator
from os import PathLike
from pathlib import Path
from typing import Any

from ..segment import to_list
from .json_text import InvalidJson, encode
from .world import BOT, Event, Group, Member, Message, World

POST_TYPES = ("message", "message_sent", "notice", "request", "meta_event")
PEOPLE = ("user_id", "operator_id", "target_id", "sender_id", "invitor_id")
# numbers that are no account's, whatever their value
OTHER_NUMBERS = ("message_id", "message_seq", "real_id", "real_seq", "time", "group_id")


def read_log(path: str | PathLike[str]) -> list[Event]:
    """The events of a file; ValueError names the line that is broken."""
    name = Path(path).name
    data = Path(path).read_bytes().removeprefix(b"\xef\xbb\xbf")
    lines = []
    for number, line in enumerate(data.split(b"\n"), 1):
        try:
            lines.append(line.decode())
        except UnicodeDecodeError:
            raise _broken(name, number, "不是 UTF-8", "is not UTF-8") from None
    return read_lines(lines, name)


def read_lines(lines: Iterable[str], name: str) -> list[Event]:
    """The events of these lines; `name` is what errors call them."""
    events = [
        event
        for number, line in enumerate(lines, 1)
        if line.strip()
        for event in _event_of(name, number, line)
    ]
    if not events:
        raise ValueError(f"{name} 里没有事件。 {name} holds no events.")
    return events


def _event_of(name: str, number: int, line: str) -> Iterator[Event]:
    try:
        content = json.loads(line)
    except (ValueError, RecursionError):
        raise _broken(name, number, "不是 JSON", "is not JSON") from None
    if not isinstance(content, dict):
        raise _broken(name, number, "不是 JSON 对象", "is not a JSON object")
    if "post_type" not in content:
        if not isinstance(content.get("frame"), dict):
            raise _broken(name, number, "既不是事件也不是帧", "is neither an event nor a frame")
        if content.get("direction") == "out" or "post_type" not in content["frame"]:
            return
        content = content["frame"]
    try:
        problem = _problem(content)
        event = content if problem else _with_our_account(content)
        encode(event)  # as it will be pushed
    except (InvalidJson, RecursionError):
        raise _broken(name, number, "嵌套太深", "is nested too deeply") from None
    if problem:
        raise _broken(name, number, f"的事件不对：{problem}", f"holds a broken event: {problem}")
    yield event


def _is_of_guild(event: Event) -> bool:
    """Whether it is of a go-cqhttp guild, where ids are strings."""
    return event.get("message_type") == "guild" or event.get("guild_id") is not None


def _problem(event: Event) -> str:
    """What of an event does not fit its kind; nothing when all does."""
    if event["post_type"] not in POST_TYPES:
        return f"post_type {event['post_type']!r}"
    for name in ("self_id", *PEOPLE, "group_id", "message_id"):
        value = event.get(name)
        kinds = (int, str) if _is_of_guild(event) and name != "self_id" else int
        if value is not None and (isinstance(value, bool) or not isinstance(value, kinds)):
            return f"{name} {value!r}"
    if event["post_type"] in ("message", "message_sent"):
        needed = ["user_id", "message_id", "message"]
        needed += ["group_id"] if event.get("message_type") == "group" else []
        missing = [name for name in needed if event.get(name) is None]
        if missing:
            return f"no {missing[0]}"
        if not _is_message(event["message"]):
            return f"message {str(event['message'])[:100]!r}"
        if not _is_time(event.get("time", 0)):
            return f"time {event['time']!r}"
    return ""


def _is_time(value: Any) -> bool:
    if value is None:
        return True
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and -math.inf < value < math.inf  # JSON has no NaN, but Python reads it


def _is_message(message: Any) -> bool:
    if isinstance(message, str):
        return True
    return isinstance(message, list) and all(
        isinstance(part, dict)
        and isinstance(part.get("type"), str)
        and isinstance(part.get("data"), dict)
        for part in message
    )


def _broken(name: str, number: int, chinese: str, english: str) -> ValueError:
    return ValueError(f"{name} 第 {number} 行{chinese}。 Line {number} of {name} {english}.")


# the account's number becomes the simulator's, wherever it stands


def _with_our_account(event: Event) -> Event:
    old = event.get("self_id")
    if not old or old == BOT:  # NapCat writes 0 for whom it cannot find
        return {**event, "self_id": BOT}
    number = re.compile(rf"(?<!\d){old}(?!\d)")
    renamed: Event = _renamed(event, old, number)
    return renamed


def _renamed(value: Any, old: int, number: re.Pattern[str]) -> Any:
    if isinstance(value, dict):
        return {
            key: inner if key in OTHER_NUMBERS else _renamed(inner, old, number)
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [_renamed(inner, old, number) for inner in value]
    if isinstance(value, str):
        return number.sub(str(BOT), value)
    return BOT if value == old and isinstance(value, int) else value


# who and what the world does not know yet


def let_in(world: World, event: Event) -> None:
    """People and groups of an event join the world, and its message can be looked up.

    What has no number there, or 0, which NapCat writes for what it cannot find, stays outside.
    """
    if _is_of_guild(event):
        return
    told = event.get("sender")
    sender: dict[str, Any] = told if isinstance(told, dict) else {}
    people = [event[name] for name in PEOPLE if event.get(name)]
    for user in people:
        if user not in world.people:
            nickname = sender.get("nickname") if user == event.get("user_id") else None
            world.known_person(user, nickname if isinstance(nickname, str) else None)
    group_id = event.get("group_id")
    if group_id and event.get("message_type") != "private":
        group = _group(world, group_id, event.get("group_name"))
        leaves = event.get("notice_type") == "group_decrease"
        for user in people:
            if user not in group.members and not (leaves and user == event.get("user_id")):
                group.members[user] = _member(user, sender if user == event.get("user_id") else {})
    elif event.get("message_type") == "private" and event.get("sub_type") == "friend":
        friend = world.people.get(event.get("user_id", 0))
        if friend:
            friend.is_friend = True
    if event["post_type"] in ("message", "message_sent"):
        _remember(world, event)


def _group(world: World, group_id: int, name: Any) -> Group:
    group = world.groups.get(group_id)
    if group is None:
        group = Group(group_id, name if isinstance(name, str) else f"Group{group_id}")
        group.members[BOT] = Member(BOT)
        world.groups[group_id] = group
    return group


def _member(user_id: int, sender: dict[str, Any]) -> Member:
    role, card = sender.get("role"), sender.get("card")
    return Member(
        user_id,
        role if role in ("owner", "admin") else "member",
        card if isinstance(card, str) else "",
    )


def _remember(world: World, event: Event) -> None:
    in_group = event.get("message_type") == "group"
    if in_group and event["group_id"] not in world.groups:
        return
    target = event.get("target_id")
    peer = event["user_id"] if event["user_id"] != BOT or not target else target
    message = Message(
        event["message_id"],
        world.count(f"group {event['group_id']}" if in_group else f"private {peer}"),
        int(event.get("time") or 0),
        event["user_id"],
        0 if in_group else peer,
        event["group_id"] if in_group else None,
        [dict(part) for part in to_list(event["message"])],
    )
    world.messages[message.message_id] = message
