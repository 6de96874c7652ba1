"""From the `message` parameter to a stored message."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from typing import Any

from ..segment import from_cq
from . import events
from .registry import NoReply
from .world import BOT, Failure, Message, Segments, StoredFile, World

_MEDIA = {"image": "jpg", "record": "amr", "video": "mp4", "file": "bin"}
_PLAIN = {
    "text": "text",
    "at": "qq",
    "face": "id",
    "reply": "id",
    "rps": None,
    "dice": None,
    "mface": "emoji_id",
    "contact": "id",
    "location": "lat",
    "music": "type",
    "forward": "id",
    "json": "data",
}
_DROPPED = {"xml", "miniapp"}


def parse_message(message: Any, auto_escape: bool = False) -> Segments:
    """Return a list of segments, whichever of the forms NapCat takes was given."""
    if message is None:
        raise NoReply
    if isinstance(message, str):
        if auto_escape:
            return [{"type": "text", "data": {"text": message}}]
        return list(from_cq(message))
    items = message if isinstance(message, list) else [message]
    for item in items:
        if not isinstance(item, dict) or not isinstance(item.get("type"), str):
            raise Failure("消息段格式不对 a segment is {type, data}")
    return [{"type": item["type"], "data": item.get("data") or {}} for item in items]


def send(
    world: World, message: Any, action: str, *, group_id: int | None = None, user_id: int = 0
) -> Message:
    """Let the bot say something: check, store, and report it as NapCat would."""
    segments = delivered(world, message, in_group=group_id is not None)
    if not segments:
        raise Failure("消息体无法解析, 请检查是否发送了不支持的消息类型")
    if group_id is not None:
        check_group_speech(world, group_id)
        stored = world.store(BOT, segments, group_id=group_id)
    else:
        check_private_speech(world, user_id)
        stored = world.store(BOT, segments, peer_id=user_id)
    world.bot_sent(stored, action)
    if world.report_self_message:
        world.publish(events.message_event(world, stored))
    return stored


def check_group_speech(world: World, group_id: Any) -> None:
    group = world.group(group_id)
    own = world.member(group, BOT)
    if own.muted_until or (group.all_muted and own.role == "member"):
        raise Failure("发送失败，你已被禁言 the bot is muted")


def check_private_speech(world: World, user_id: Any) -> None:
    person = world.person(user_id)
    if not person.is_friend and not world.common_group(person.user_id):
        raise Failure(f"{user_id} 不是好友 not a friend")


def delivered(world: World, segments: Segments, in_group: bool) -> Segments:
    """What of these segments arrives, in the form in which everybody receives it."""
    kinds = {segment["type"] for segment in segments}
    if "node" in kinds and len(kinds) > 1:
        raise Failure("转发消息不能和普通消息混在一起发送 nodes do not mix with other segments")
    arrived = []
    for segment in segments:
        received = _received(world, segment["type"], segment["data"], in_group)
        if received:
            arrived.append(received)
    return arrived


def _received(world: World, kind: str, data: Any, in_group: bool) -> dict[str, Any] | None:
    if not isinstance(data, dict):
        raise Failure(f"消息段 {kind} 的 data 不是对象 data is not an object")
    if kind in _MEDIA:
        return {"type": kind, "data": media(world, kind, data)}
    if kind in _DROPPED or (kind == "at" and not in_group):
        return None
    if kind not in _PLAIN:
        raise Failure(f"不支持的消息段类型 {kind} unsupported segment type")
    needed = _PLAIN[kind]
    if needed and needed not in data and not (kind == "reply" and "seq" in data):
        raise Failure(f"消息段 {kind} 缺少 {needed} missing in its data")
    return {"type": kind, "data": _plain(world, kind, data)}


def _plain(world: World, kind: str, data: dict[str, Any]) -> dict[str, Any]:
    if kind == "text":
        return {"text": as_text(data["text"])}
    if kind in ("at", "face"):
        return {_PLAIN[kind] or "": as_text(data[_PLAIN[kind] or ""])}
    if kind == "reply":
        return {"id": as_text(data.get("seq") or data["id"])}
    if kind in ("rps", "dice"):
        faces = 3 if kind == "rps" else 6
        return {"result": str(world.count(kind) % faces + 1)}
    if kind == "json" and not isinstance(data["data"], str):
        return {"data": json.dumps(data["data"], ensure_ascii=False)}
    return dict(data)


def as_text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def media(world: World, kind: str, data: dict[str, Any]) -> dict[str, Any]:
    """Content that came inside the message is kept; nothing is fetched, no file is read."""
    source = data.get("url") or data.get("file") or data.get("path")
    if not isinstance(source, str) or not source:
        raise Failure(f"消息段 {kind} 缺少 file missing in its data")
    content = inline_content(source)
    if content is None:  # known by its name, or by a path or a URL of the simulator's own
        last = source.rpartition("/")[2] if "/simulator" in source else None
        known = find_file(world, source) or find_file(world, last)
        content = known.content if known else None
    name = data.get("name") if isinstance(data.get("name"), str) else None
    stored = keep_file(world, kind, content or b"", name, source)
    link = source if source.startswith(("http://", "https://")) else world.file_url(stored.file_id)
    received = {"file": stored.name, "url": link, "file_size": str(len(stored.content))}
    if kind == "image":
        received.update(summary=as_text(data.get("summary") or ""))
        return {**received, "sub_type": 0}
    if kind == "file":
        received["file_id"] = stored.file_id
    return received


def inline_content(source: str) -> bytes | None:
    """Decode `base64://...` and `data:...;base64,...`; None for any other source."""
    if source.startswith("base64://"):
        encoded = source[len("base64://") :]
    elif source.startswith("data:") and ";base64," in source:
        encoded = source.partition(";base64,")[2]
    else:
        return None
    try:
        return base64.b64decode(encoded)
    except (binascii.Error, ValueError) as error:
        raise Failure(f"base64 无法解码 cannot decode base64: {error}") from error


def keep_file(world: World, kind: str, content: bytes, name: str | None, source: str) -> StoredFile:
    digest = hashlib.md5(content or source.encode("utf-8", "replace"), usedforsecurity=False)
    file_id = digest.hexdigest().upper()
    stored = StoredFile(file_id, name or f"{file_id}.{_MEDIA.get(kind, 'bin')}", content)
    world.files[file_id] = stored
    return stored


def find_file(world: World, name: str | None) -> StoredFile | None:
    if not name:
        return None
    in_groups = [file for group in world.groups.values() for file in group.files.values()]
    for file in [*world.files.values(), *in_groups]:
        if name in (file.file_id, file.name):
            return file
    return None
