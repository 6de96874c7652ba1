"""Quick operations: what a bot may answer to an event, as NapCat carries it out."""

from __future__ import annotations

from typing import Any

from .api_friends import settle_friend, settle_group
from .messages import parse_message
from .registry import ABSENT, NoReply, action, note
from .schema import Params, as_id, check, parse, truthy
from .sending import Chat, send
from .world import Event, Failure, World

NAME = ".handle_quick_operation"
# what NapCat ignores, and the action that does it
_IGNORED = {
    "delete": "delete_msg",
    "kick": "set_group_kick",
    "ban": "set_group_ban",
    "remark": "set_friend_remark",
}


def carry_out(world: World, event: Event, operation: dict[str, Any]) -> str | None:
    """Do what NapCat does; returns why it failed, which NapCat only writes into its log."""
    for name in _IGNORED.keys() & operation.keys():
        if truthy(operation[name]):
            note(
                world,
                f"NapCat 不理会快速操作里的 {name}：请调用 {_IGNORED[name]}。",
                f"NapCat ignores {name} in a quick operation: call {_IGNORED[name]}.",
            )
    try:
        _carry_out(world, event, operation)
    except (Failure, NoReply) as error:
        note(
            world,
            f"这个快速操作没有成功，NapCat 只写进自己的日志：{error}",
            f"This quick operation failed; NapCat only writes that into its log: {error}",
        )
        return str(error)
    return None


def _carry_out(world: World, event: Event, operation: dict[str, Any]) -> None:
    approve = operation.get("approve")
    if event.get("post_type") == "message":
        _reply(world, event, operation)
    elif approve is None:
        return
    elif event.get("request_type") == "friend":
        settle_friend(world, str(event.get("flag")), truthy(approve))
    elif event.get("request_type") == "group":
        settle_group(world, str(event.get("flag")), truthy(approve))


def _reply(world: World, event: Event, operation: dict[str, Any]) -> None:
    """In groups NapCat quotes the message; between @ and the text it puts no space."""
    content = operation.get("reply")
    if not truthy(content):
        return
    segments = parse_message(world, content, truthy(operation.get("auto_escape")))
    if event.get("message_type") == "private":
        chat = Chat(None, as_id(event.get("user_id")))
    else:
        chat = Chat(as_id(event.get("group_id")))
        if truthy(operation.get("at_sender")):
            segments.insert(0, {"type": "at", "data": {"qq": str(event.get("user_id"))}})
        segments.insert(0, {"type": "reply", "data": {"id": str(event.get("message_id"))}})
    send(world, segments, NAME, chat)


_CONTEXT = parse(
    "time:number! self_id:number! post_type! user_id:id! message_type sub_type group_id:id"
    " message_id:number notice_type meta_event_type"
)
_OPERATION = parse(
    "reply auto_escape:boolean at_sender:boolean delete:boolean kick:boolean ban:boolean"
    " ban_duration:number approve:boolean remark reason"
)


@action(NAME, "context:object! operation:object!")
def handle_quick_operation(world: World, params: Params) -> Any:
    context = check(_CONTEXT, params["context"])
    operation = check(_OPERATION, params["operation"])
    if context["post_type"] == "request":
        note(
            world,
            "NapCat 的 .handle_quick_operation 不处理请求事件："
            "请调用 set_friend_add_request 或 set_group_add_request。",
            "NapCat's .handle_quick_operation does nothing for requests:"
            " call set_friend_add_request or set_group_add_request.",
        )
    else:
        carry_out(world, context, operation)
    return ABSENT
