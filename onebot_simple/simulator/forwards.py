"""Merged forwards: nodes in, one forward segment out."""

from __future__ import annotations

from typing import Any

from . import events
from .messages import delivered, parse_message, send
from .registry import action
from .schema import Params
from .world import BOT, Failure, Message, Segments, World


def send_nodes(
    world: World,
    nodes: Segments,
    name: str,
    *,
    group_id: int | None = None,
    user_id: int = 0,
) -> dict[str, Any]:
    """Store the nodes under a resource id, and send a forward segment that names it."""
    if not nodes or any(node["type"] != "node" for node in nodes):
        raise Failure("转发消息只能由 node 组成 nodes only")
    contents = [_node_message(world, node["data"], group_id, depth=0) for node in nodes]
    res_id = f"forward-{world.count('forward')}"
    forward = [{"type": "forward", "data": {"id": res_id}}]
    world.forwards[res_id] = contents
    sent = send(world, forward, name, group_id=group_id, user_id=user_id)
    return {"message_id": sent.message_id, "res_id": res_id, "forward_id": res_id}


def _node_message(
    world: World, data: dict[str, Any], group_id: int | None, depth: int
) -> dict[str, Any]:
    if depth > 8:
        raise Failure("转发嵌套太深 nested too deeply")
    if data.get("id") is not None:
        return events.message_event(world, world.message(_as_int(data["id"])))
    segments = parse_message(data.get("content", ""))
    inner = [segment for segment in segments if segment["type"] == "node"]
    if inner:
        res_id = f"forward-{world.count('forward')}"
        world.forwards[res_id] = [
            _node_message(world, node["data"], group_id, depth + 1) for node in inner
        ]
        segments = [{"type": "forward", "data": {"id": res_id}}]
    author = _as_int(data.get("user_id") or data.get("uin") or BOT)
    message = Message(
        world.next_message_id(), 0, 0, author, 0, group_id, delivered(world, segments, True)
    )
    described = events.message_event(world, message)
    name = data.get("nickname") or data.get("name")
    described["sender"] = {"user_id": author, "nickname": str(name or author), "card": ""}
    described["post_type"] = "message"
    return described


def _as_int(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        raise Failure(f"{value!r} 不是数字 not a number") from None


@action("get_forward_msg", "id message_id")
def get_forward_msg(world: World, params: Params) -> Any:
    wanted = params["message_id"] or params["id"]
    if not wanted:
        raise Failure("message_id is required")
    nodes = world.forwards.get(wanted)
    if nodes is None and wanted.isascii() and wanted.isdigit():
        segments = world.message(int(wanted)).segments
        ids = [s["data"].get("id") for s in segments if s["type"] == "forward"]
        nodes = world.forwards.get(ids[0]) if ids else None
    if nodes is None:
        raise Failure("找不到相关的聊天记录")
    return {"messages": nodes}


_FORWARD = "messages:any! message_type user_id:id group_id:id"


@action("send_forward_msg", _FORWARD)
def send_forward_msg(world: World, params: Params) -> Any:
    return _send(world, params, "send_forward_msg")


@action("send_group_forward_msg", _FORWARD + "!")
def send_group_forward_msg(world: World, params: Params) -> Any:
    return _send(world, {**params, "message_type": "group"}, "send_group_forward_msg")


@action("send_private_forward_msg", _FORWARD.replace("user_id:id", "user_id:id!"))
def send_private_forward_msg(world: World, params: Params) -> Any:
    return _send(world, {**params, "message_type": "private"}, "send_private_forward_msg")


def _send(world: World, params: Params, name: str) -> dict[str, Any]:
    nodes = parse_message(params["messages"])
    in_group = params["group_id"] is not None and params["message_type"] != "private"
    if in_group:
        return send_nodes(world, nodes, name, group_id=params["group_id"])
    if params["user_id"] is None:
        raise Failure("请指定 group_id 或 user_id")
    return send_nodes(world, nodes, name, user_id=params["user_id"])
