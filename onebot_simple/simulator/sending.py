"""What the bot says: what NapCat makes of each segment, and whether it may speak at all."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from . import events
from .faces import FACES
from .messages import MEDIA, media, require_source, source_of
from .registry import note
from .schema import as_id, as_text, truthy
from .world import BOT, Failure, Message, Segments, World


@dataclass
class Chat:
    """Where a message goes: into a group, or else to a user."""

    group_id: int | None = None
    user_id: int = 0


class _Dropped(Exception):
    """NapCat leaves the segment out and sends the rest. Arguments: why, in both languages."""


def send(world: World, message: Segments, action: str, chat: Chat) -> Message:
    """Let the bot say something: check, store, and report it as NapCat would."""
    check_speech(world, chat)
    segments = delivered(world, message, chat)
    if not segments:
        raise Failure(
            "消息体无法解析, 请检查是否发送了不支持的消息类型 · 没有能发的消息段。"
            " No segment is left that can be sent."
        )
    stored = world.store(BOT, segments, group_id=chat.group_id, peer_id=chat.user_id)
    world.bot_sent(stored, action)
    if world.report_self_message:
        world.publish(events.message_event(world, stored))
    return stored


def check_speech(world: World, chat: Chat) -> None:
    if chat.group_id is not None:
        check_group_speech(world, chat.group_id)
    else:
        check_private_speech(world, chat.user_id)


def check_group_speech(world: World, group_id: Any) -> None:
    group = world.group(group_id)
    own = world.member(group, BOT)
    if own.muted_until > time.time() or (group.all_muted and own.role == "member"):
        raise Failure("发送失败，机器人在这个群里被禁言了。 The bot is muted in this group.")


def check_private_speech(world: World, user_id: Any) -> None:
    person = world.person(user_id)
    if not person.is_friend and not world.common_group(person.user_id):
        raise Failure(
            f"{user_id} 不是好友，也没有共同的群，收不到消息。"
            f" {user_id} is no friend and shares no group with the bot."
        )


def delivered(world: World, segments: Segments, chat: Chat) -> Segments:
    """What of these segments is sent; about each that is dropped there is a note."""
    arrived = []
    for segment in segments:
        kind = as_text(segment["type"]) if "type" in segment else "undefined"
        if kind not in _SENT:
            raise Failure(
                f"未知的消息类型：{kind} · NapCat 不认识这种消息段 NapCat knows no such segment"
            )
        data = segment.get("data")
        if data is None and kind not in _WITHOUT_DATA:
            raise Failure(f"消息段 {kind} 没有 data。 The segment {kind} has no data.")
        try:
            sent = _SENT[kind](world, chat, data if isinstance(data, dict) else {})
        except _Dropped as dropped:
            zh, en = dropped.args
            note(
                world,
                f"NapCat 会丢掉这个 {kind} 消息段：{zh}。",
                f"NapCat drops this {kind}: {en}.",
            )
        else:
            arrived.append({"type": kind, "data": sent})
    return arrived


# what of its data a segment keeps on the way

Data = dict[str, Any]


def _text(world: World, chat: Chat, data: Data) -> Data:
    return {"text": as_text(data.get("text", ""))}


def _at(world: World, chat: Chat, data: Data) -> Data:
    qq = as_text(data.get("qq") or "")
    if not qq:
        raise _Dropped("没有 qq", "it has no qq")
    if chat.group_id is None and world.person(chat.user_id).is_friend:
        raise _Dropped("好友私聊里没有 @", "there is no @ in a chat with a friend")
    if qq != "all" and as_id(qq) not in world.people:
        raise Failure(f"Get Uid Error · 没有 QQ {qq}。 There is no user {qq}.")
    return {"qq": qq}


def _reply(world: World, chat: Chat, data: Data) -> Data:
    if truthy(data.get("seq")):
        quoted = _by_seq(world, chat, as_text(data["seq"]))
    else:
        quoted = world.messages.get(as_id(data.get("id", "")))
    if quoted is None or quoted.recalled:
        raise _Dropped("没有这个 id 的消息", "there is no message with this id")
    return {"id": str(quoted.message_id)}


def _by_seq(world: World, chat: Chat, seq: str) -> Message | None:
    history = world.history(chat.group_id, 0 if chat.group_id is not None else chat.user_id)
    return next((message for message in history if str(message.seq) == seq), None)


def _face(world: World, chat: Chat, data: Data) -> Data:
    number = as_id(data.get("id"))
    if number == "":
        number = 0  # so does JavaScript
    if number not in FACES:
        raise _Dropped(f"它不认识表情 {number}", f"it knows no face {number}")
    return {"id": str(number)}


def _medium(kind: str) -> Callable[[World, Chat, Data], Data]:
    def convert(world: World, chat: Chat, data: Data) -> Data:
        require_source(world, source_of(data))
        return media(world, kind, data)

    return convert


def _json(world: World, chat: Chat, data: Data) -> Data:
    return {"data": as_text(data.get("data", ""))}


def _dice(world: World, chat: Chat, data: Data) -> Data:
    return {"result": str(world.count("dice") % 6 + 1)}


def _rps(world: World, chat: Chat, data: Data) -> Data:
    return {"result": str(world.count("rps") % 3 + 1)}


def _markdown(world: World, chat: Chat, data: Data) -> Data:
    return {"content": as_text(data.get("content", ""))}


_PLATFORMS = ["qq", "163", "kugou", "kuwo", "migu"]


def _music(world: World, chat: Chat, data: Data) -> Data:
    allowed = _PLATFORMS
    if "id" not in data:
        allowed = [*_PLATFORMS, "custom"]
        if not truthy(data.get("url")) or not truthy(data.get("image")):
            raise _Dropped("自定义音乐要有 url 和 image", "custom music needs url and image")
    if data.get("type") not in allowed:
        known = "、".join(allowed), ", ".join(allowed)
        raise _Dropped(f"type 只能是 {known[0]}", f"its type must be one of {known[1]}")
    return dict(data)


def _contact(world: World, chat: Chat, data: Data) -> Data:
    if data.get("type", "qq") not in ("qq", "group"):
        raise _Dropped("type 只能是 qq 或 group", "its type must be qq or group")
    if data.get("id") is None:
        raise Failure("消息段 contact 没有 id。 The segment contact has no id.")
    return dict(data)


def _as_it_is(world: World, chat: Chat, data: Data) -> Data:
    return dict(data)


def _never(world: World, chat: Chat, data: Data) -> Data:
    raise _Dropped("它发不出这一种", "it cannot send this type")


_WITHOUT_DATA = {"dice", "rps", "location", "node", "xml", "poke", "miniapp", "onlinefile"}
_WITHOUT_DATA |= {"flashtransfer"}
_SENT: dict[str, Callable[[World, Chat, Data], Data]] = {
    "text": _text,
    "at": _at,
    "reply": _reply,
    "face": _face,
    "mface": _as_it_is,
    **{kind: _medium(kind) for kind in MEDIA},
    "json": _json,
    "dice": _dice,
    "rps": _rps,
    "markdown": _markdown,
    "music": _music,
    "forward": _as_it_is,
    "contact": _contact,
    "location": _as_it_is,
    **dict.fromkeys(("node", "xml", "poke", "miniapp", "onlinefile", "flashtransfer"), _never),
}
