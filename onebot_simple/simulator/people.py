"""What people do in the world: talk, poke, recall, come and go, ask to be let in."""

from __future__ import annotations

import time
from typing import Any

from . import events
from .api_friends import add_member, publish_poke
from .api_groups import remove_member
from .api_messages import recall as recall_message
from .messages import media
from .schema import as_text
from .world import BOT, Failure, Group, Message, Request, Segments, World


def spoken(message: Any) -> Segments:
    """What a person typed: a str is plain text, whatever it looks like."""
    items = message if isinstance(message, list) else [message]
    return [
        {"type": "text", "data": {"text": item}} if isinstance(item, str) else item
        for item in items
    ]


def say_in_group(
    world: World,
    message: Any,
    user_id: int,
    group_id: int,
    at_bot: bool = False,
    reply_to: int | None = None,
) -> Message:
    group = world.group(group_id)
    member = world.member(group, user_id)
    if member.muted_until > time.time() or (group.all_muted and member.role == "member"):
        raise Failure(f"user {user_id} is muted in group {group_id}. 这个人正被禁言，说不了话。")
    segments = spoken(message)
    if at_bot:  # the text stays as it was given, so that a test finds it again in an echo
        segments = [{"type": "at", "data": {"qq": str(BOT)}}, *segments]
    if reply_to is not None:
        segments = [{"type": "reply", "data": {"id": str(reply_to)}}, *segments]
    said = world.store(user_id, _received(world, segments), group_id=group_id)
    world.publish(events.message_event(world, said))
    return said


def say_in_private(
    world: World, message: Any, user_id: int, reply_to: int | None = None
) -> Message:
    world.known_person(user_id)
    segments = spoken(message)
    if reply_to is not None:
        segments = [{"type": "reply", "data": {"id": str(reply_to)}}, *segments]
    said = world.store(user_id, _received(world, segments), peer_id=user_id)
    world.publish(events.message_event(world, said))
    return said


def _received(world: World, segments: Segments) -> Segments:
    """As it arrives: ids are strings, media are kept under a name and a URL."""
    received = []
    for segment in segments:
        kind, data = segment["type"], segment["data"]
        if kind in ("image", "record", "video", "file"):
            segment = {"type": kind, "data": media(world, kind, data)}
        elif kind in ("at", "face", "reply", "text"):
            segment = {"type": kind, "data": {name: as_text(data[name]) for name in data}}
        received.append(segment)
    return received


def poke(world: World, user_id: int, target_id: int, group_id: int | None) -> None:
    if group_id is not None:
        group = world.group(group_id)
        world.member(group, user_id)
        world.member(group, target_id)
    publish_poke(world, user_id, target_id, group_id)


def recall(world: World, message_id: int, operator_id: int | None) -> None:
    message = world.message(message_id)
    recall_message(world, message, message.user_id if operator_id is None else operator_id)


def join(world: World, user_id: int, group_id: int, nickname: str | None) -> None:
    group = world.group(group_id)
    if user_id in group.members:
        raise Failure(f"user {user_id} is in group {group_id} already. 已经在群里了。")
    world.known_person(user_id, nickname)
    add_member(world, group, user_id, BOT, "approve")


def leave(world: World, user_id: int, group_id: int) -> None:
    group = world.group(group_id)
    world.member(group, user_id)
    remove_member(world, group, user_id, user_id, "leave")


def ask_for_friendship(world: World, user_id: int, comment: str, nickname: str | None) -> str:
    world.known_person(user_id, nickname)
    flag = str(1_700_000_000 + world.count("friend request"))
    world.requests[flag] = Request(flag, "friend", user_id, comment)
    world.publish(events.request("friend", user_id=user_id, comment=comment, flag=flag))
    return flag


def ask_for_group(
    world: World, user_id: int, group_id: int, comment: str, sub_type: str, nickname: str | None
) -> str:
    """Somebody asks to be let in (add), or asks the bot to join another group (invite)."""
    if sub_type not in ("add", "invite"):
        raise ValueError(f"sub_type is 'add' or 'invite', not {sub_type!r}. 只能是这两种之一。")
    world.known_person(user_id, nickname)
    group = world.groups.get(group_id) or Group(group_id, f"Group{group_id}")
    if sub_type == "add":
        world.group(group_id)
    flag = str(1_700_000_000_000 + world.count("group request"))
    world.requests[flag] = Request(
        flag, "group", user_id, comment, sub_type, group_id, group.group_name
    )
    who = {"group_id": group_id, "user_id": user_id, "comment": comment, "flag": flag}
    world.publish(events.request("group", sub_type=sub_type, **who))
    return flag
