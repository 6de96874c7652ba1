"""Merged forwards: nodes in, one forward segment out."""

from __future__ import annotations

from typing import Any

from . import events
from .messages import parse_message
from .registry import note
from .schema import as_id, as_text, truthy
from .sending import Chat, check_speech, delivered, send
from .world import BOT, Failure, Message, Segments, World

DEPTH = 3  # NapCat cuts what is nested more deeply

Node = dict[str, Any]


def send_nodes(world: World, nodes: Segments, name: str, chat: Chat) -> dict[str, Any]:
    """Store the nodes under a resource id, and send a forward segment that names it."""
    check_speech(world, chat)
    forward = _forward(world, nodes, chat, 0)
    if forward is None:
        raise Failure("发送合并转发消息失败 · 没有能发的 node。 No node is left that can be sent.")
    sent = send(world, [forward], name, chat)
    res_id = forward["data"]["id"]
    return {"message_id": sent.message_id, "res_id": res_id, "forward_id": res_id}


def _forward(world: World, nodes: Segments, chat: Chat, depth: int) -> dict[str, Any] | None:
    if depth >= DEPTH:
        note(
            world,
            f"NapCat 会丢掉嵌套超过 {DEPTH} 层的转发。",
            f"NapCat drops forwards that are nested more than {DEPTH} deep.",
        )
        return None
    contents = [_content(world, node.get("data"), chat, depth) for node in nodes]
    kept = [content for content in contents if content is not None]
    if not kept:
        return None
    res_id = f"forward-{world.count('forward')}"
    world.forwards[res_id] = kept
    return {"type": "forward", "data": {"id": res_id}}


def _content(world: World, data: Any, chat: Chat, depth: int) -> Node | None:
    if not isinstance(data, dict):
        raise Failure("node 没有 data。 A node has no data.")
    if truthy(data.get("id")):
        return _known_message(world, data["id"])
    if data.get("content") is None:
        raise Failure("node 没有 content，也没有 id。 A node has neither content nor id.")
    segments = parse_message(world, data["content"])
    inner = [segment for segment in segments if segment.get("type") == "node"]
    if inner:
        forward = _forward(world, inner, chat, depth + 1)
        segments = [forward] if forward else []
    return _described(world, data, delivered(world, segments, chat), chat)


def _known_message(world: World, message_id: Any) -> Node | None:
    found = world.messages.get(as_id(message_id))
    if found is None:
        note(
            world,
            f"NapCat 会丢掉这个 node：没有消息 {message_id}。",
            f"NapCat drops this node: there is no message {message_id}.",
        )
        return None
    return shown(world, found)


def _described(world: World, data: Node, segments: Segments, chat: Chat) -> Node:
    author = data.get("user_id") if data.get("user_id") is not None else data.get("uin")
    author = BOT if author is None else as_id(author)
    if not isinstance(author, int):
        raise Failure(
            f"node 的 user_id {author} 不是数字。 A node's user_id {author} is no number."
        )
    message = Message(world.next_message_id(), 0, 0, BOT, chat.user_id, chat.group_id, segments)
    described = shown(world, message)
    name = data.get("nickname") or data.get("name") or "QQ用户"
    described["sender"] = {"user_id": author, "nickname": as_text(name), "card": ""}
    described.update(user_id=author, post_type="message")
    described.pop("message_sent_type")
    return described


def shown(world: World, message: Message) -> Node:
    """A message as it is looked up: only its event has a target_id."""
    event = events.message_event(world, message)
    event.pop("target_id", None)
    return event
