"""The six actions that send: they take the same parameters, and NapCat checks hardly any."""

from __future__ import annotations

from functools import partial
from typing import Any

from .forwards import send_nodes
from .messages import parse_message
from .registry import action
from .schema import BadParams, Params, as_id, truthy
from .sending import Chat, send
from .world import Failure, World

_FIXED = {"send_private_msg": "private", "send_group_msg": "group"}  # whatever message_type says
_USUAL = {"send_private_forward_msg": "private", "send_group_forward_msg": "group"}


def _send(name: str, world: World, given: Params) -> dict[str, Any]:
    message = given.get("message")
    if "forward" in name and truthy(given.get("messages")):
        message = given["messages"]
    escape = given.get("auto_escape")
    escaped = escape == "true" if isinstance(escape, str) else truthy(escape)
    segments = parse_message(world, message, escaped and "forward" not in name)
    nodes = sum(segment.get("type") == "node" for segment in segments)
    if nodes not in (0, len(segments)):
        raise BadParams(
            "转发消息不能和普通消息混在一起发送,转发需要保证message只有type为node的元素"
            " nodes do not mix with other segments"
        )
    chat = _chat(name, given)
    if nodes:
        return send_nodes(world, segments, name, chat)
    return {"message_id": send(world, segments, name, chat).message_id}


def _chat(name: str, given: Params) -> Chat:
    group_id = given.get("group_id") if truthy(given.get("group_id")) else None
    user_id = given.get("user_id") if truthy(given.get("user_id")) else None
    kind = given.get("message_type")
    if kind not in ("private", "group"):
        kind = _USUAL.get(name)
    kind = _FIXED.get(name, kind)
    if group_id is not None and kind != "private":
        return Chat(as_id(group_id))
    if user_id is not None and kind != "group":
        return Chat(None, as_id(user_id))
    if group_id is not None:
        raise Failure("当前私聊发送,请指定 user_id 而不是 group_id · user_id is missing")
    if user_id is not None:
        raise Failure("当前群聊发送,请指定 group_id 而不是 user_id · group_id is missing")
    raise Failure("请指定正确的 group_id 或 user_id · neither group_id nor user_id was given")


for _name in ("send_msg", "send_forward_msg", *_FIXED, *_USUAL):
    action(_name, None)(partial(_send, _name))
