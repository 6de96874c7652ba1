"""Events in NapCat's shape."""

from __future__ import annotations

import time
from typing import Any

from .arrival import as_received, cq_text
from .world import BOT, Event, Message, StoredFile, World


def meta(kind: str, **fields: Any) -> Event:
    return {
        "time": int(time.time()),
        "self_id": BOT,
        "post_type": "meta_event",
        "meta_event_type": kind,
        **fields,
    }


def lifecycle() -> Event:
    return meta("lifecycle", sub_type="connect")


def heartbeat(interval: int, online: bool) -> Event:
    return meta("heartbeat", status={"online": online, "good": True}, interval=interval)


def notice(notice_type: str, **fields: Any) -> Event:
    return {
        "time": int(time.time()),
        "self_id": BOT,
        "post_type": "notice",
        "notice_type": notice_type,
        **fields,
    }


def request(kind: str, **fields: Any) -> Event:
    return {
        "time": int(time.time()),
        "self_id": BOT,
        "post_type": "request",
        "request_type": kind,
        **fields,
    }


def group_upload(group_id: int, user_id: int, file: StoredFile) -> Event:
    described = {"id": file.file_id, "name": file.name, "size": len(file.content), "busid": 102}
    return notice("group_upload", group_id=group_id, user_id=user_id, file=described)


def sender(world: World, message: Message) -> dict[str, Any]:
    person = world.known_person(message.user_id)
    described = {"user_id": person.user_id, "nickname": person.nickname, "card": ""}
    if message.group_id is not None:
        member = world.groups[message.group_id].members.get(message.user_id)
        if member:
            described.update(card=member.card, role=member.role)
    return described


def message_event(world: World, message: Message) -> Event:
    """The event of a message, which is also how get_msg and the histories show it."""
    segments = as_received(message.segments)
    raw_message = cq_text(segments)
    array = world.message_format == "array"
    event: Event = {
        "self_id": BOT,
        "user_id": message.user_id,
        "time": message.time,
        "message_id": message.message_id,
        "message_seq": message.message_id,
        "real_id": message.message_id,
        "real_seq": str(message.seq),
        "message_type": "private" if message.group_id is None else "group",
        "sender": sender(world, message),
        "raw_message": raw_message,
        "font": 14,
        "sub_type": "normal",
        "message": segments if array else raw_message,
        "message_format": world.message_format,
        "post_type": "message",
    }
    if message.group_id is None:
        _add_private_fields(world, message, event)
    else:
        event["group_id"] = message.group_id
        event["group_name"] = world.groups[message.group_id].group_name
    if message.user_id == BOT:
        event["post_type"] = "message_sent"
        event["message_sent_type"] = "self"
        event["target_id"] = message.peer_id or message.group_id
    return event


def _add_private_fields(world: World, message: Message, event: Event) -> None:
    event["sub_type"] = "friend"
    event["target_id"] = message.peer_id
    shared = world.common_group(message.peer_id)
    if shared and not world.known_person(message.peer_id).is_friend:
        # a temporary chat: NapCat names the group, so a group_id alone means nothing
        event.update(sub_type="group", group_id=shared.group_id, temp_source=0)
