"""What people do in the world: talk, poke, recall, ask to be let in."""

from __future__ import annotations

from typing import Any

from . import events
from .api_friends import publish_poke
from .api_messages import recall as recall_message
from .membership import called, heard_group, is_muted, may, member_of, person_known
from .messages import media
from .names import checked_segment
from .schema import as_text
from .world import BOT, Failure, Group, Message, Request, Segments, World


def spoken(message: Any) -> Segments:
    """What a person typed: a str is plain text, whatever it looks like."""
    items = message if isinstance(message, list) else [message]
    if not items:
        raise ValueError("消息是空的。 The message is empty.")
    return [
        {"type": "text", "data": {"text": item}} if isinstance(item, str) else checked_segment(item)
        for item in items
    ]


def say_in_group(
    world: World,
    message: Any,
    user_id: int,
    group_id: int,
    at_bot: bool = False,
    reply_to: int | None = None,
) -> None:
    group = heard_group(world, group_id)
    member = member_of(world, group, user_id)
    if is_muted(group, member):
        name = called(world, user_id)
        raise Failure(
            f"{name} 在群 {group_id} 里被禁言了，说不了话：先解除禁言"
            f"（测试里 qq.mute({user_id}, 0)）。 {name} is muted in group {group_id}: unmute them "
            f"(in a test, qq.mute({user_id}, 0))."
        )
    segments = spoken(message)
    if at_bot:  # the text stays as it was given, so that a test finds it again in an echo
        segments = [{"type": "at", "data": {"qq": str(BOT)}}, *segments]
    if reply_to is not None:
        segments = [{"type": "reply", "data": {"id": str(reply_to)}}, *segments]
    said = world.store(user_id, _received(world, segments), group_id=group_id)
    world.publish(events.message_event(world, said))


def say_in_private(world: World, message: Any, user_id: int, reply_to: int | None = None) -> None:
    world.known_person(user_id)
    segments = spoken(message)
    if reply_to is not None:
        segments = [{"type": "reply", "data": {"id": str(reply_to)}}, *segments]
    said = world.store(user_id, _received(world, segments), peer_id=user_id)
    world.publish(events.message_event(world, said))


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
        group = heard_group(world, group_id)
        member_of(world, group, user_id)
        member_of(world, group, target_id)
    else:
        person_known(world, user_id)
        person_known(world, target_id)
    publish_poke(world, user_id, target_id, group_id)


def recall(world: World, message_id: int, operator_id: int | None) -> None:
    """Anybody takes back an own message; in a group, also who stands above the sender."""
    message = world.messages.get(message_id)
    if message is None or message.recalled:
        raise Failure(
            f"消息 {message_id} 不存在，或已经撤回。"
            f" There is no message {message_id}, or it was recalled already."
        )
    operator = message.user_id if operator_id is None else operator_id
    if message.group_id is not None:
        _require_recall(world, message, heard_group(world, message.group_id), operator)
    elif operator != message.user_id:
        raise Failure(
            "私聊里只能撤回自己的消息。 In a private chat only one's own messages can be recalled."
        )
    recall_message(world, message, operator)


def _require_recall(world: World, message: Message, group: Group, operator_id: int) -> None:
    member = member_of(world, group, operator_id)
    sender = group.members.get(message.user_id)
    if operator_id == message.user_id or may(group, operator_id, sender):
        return
    name, whose = called(world, operator_id), called(world, message.user_id)
    raise Failure(
        f"{name} 是 {member.role}，不能撤回 {whose} 的消息。"
        f" {name} is {member.role} and may not recall a message of {whose}."
    )


def ask_for_friendship(world: World, user_id: int, comment: str, nickname: str | None) -> None:
    world.known_person(user_id, nickname)
    flag = str(1_700_000_000 + world.count("friend request"))
    world.requests[flag] = Request(flag, "friend", user_id, comment)
    world.publish(events.request("friend", user_id=user_id, comment=comment, flag=flag))


def ask_for_group(
    world: World, user_id: int, group_id: int, comment: str, sub_type: str, nickname: str | None
) -> None:
    """Somebody asks to be let in (add), or asks the bot to join another group (invite)."""
    if sub_type not in ("add", "invite"):
        raise ValueError(
            f"sub_type 是 add 或 invite，不是 {sub_type!r}。"
            f" sub_type is add or invite, not {sub_type!r}."
        )
    group = world.groups.get(group_id) or Group(group_id, f"Group{group_id}")
    if sub_type == "add":
        heard_group(world, group_id)
    already = group.members.get(user_id if sub_type == "add" else BOT)
    if already:
        name = called(world, already.user_id)
        raise Failure(f"{name} 已经在群 {group_id} 里。 {name} is in group {group_id} already.")
    world.known_person(user_id, nickname)
    flag = str(1_700_000_000_000 + world.count("group request"))
    world.requests[flag] = Request(
        flag, "group", user_id, comment, sub_type, group_id, group.group_name
    )
    who = {"group_id": group_id, "user_id": user_id, "comment": comment, "flag": flag}
    world.publish(events.request("group", sub_type=sub_type, **who))
