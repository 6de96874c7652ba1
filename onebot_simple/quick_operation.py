"""快速操作：处理函数的返回值变成哪些动作。

Quick operations: which actions the value that a handler returned stands for.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from reprlib import repr as brief  # of whatever depth and length
from typing import Any

from . import segment
from .event import Event, chat_of, name_of, user_of
from .segment import Segment

# each field, and the events for which it is allowed
_FIELDS = {
    **dict.fromkeys(("reply", "auto_escape", "at_sender"), "anywhere"),
    **dict.fromkeys(("delete", "kick", "ban", "ban_duration"), "group message"),
    **dict.fromkeys(("approve", "remark", "reason"), "request"),
}

Call = tuple[str, dict[str, Any]]


def operation_of(event: Event, result: Any, returned_by: str) -> dict[str, Any]:
    """A handler's return value as a quick operation; TypeError when it is none for this event."""
    try:
        if isinstance(result, bool) and event["post_type"] == "request":
            right = f'return {{"approve": {result}}}'
            raise TypeError(f"写成 {right}。 Write {right}.")
        if not isinstance(result, dict) or "type" in result:
            message = segments_to_send(result, "answer")
            return {"reply": message} if message else {}
        if "message_id" in result and not {"post_type", "message"} & result.keys():
            return {}  # a call returned it, so the answer is out already
        return _checked_operation(event, result)
    except TypeError as error:
        shown, kind = brief(result), type(result).__name__
        raise TypeError(
            f"{returned_by} 返回了 {shown}（{kind}），不能当回答。 "
            f"{returned_by} returned {shown} ({kind}), which is no answer. {error}"
        ) from None


def _checked_operation(event: Event, result: dict[str, Any]) -> dict[str, Any]:
    kind = event["post_type"]
    if kind == "message" and chat_of(event)[0] == "group":
        kind = "group message"
    for field, value in result.items():
        if field not in _FIELDS:
            close = get_close_matches(str(field), _FIELDS, 1)
            fields = " ".join(_FIELDS)
            hint = f', did you mean "{close[0]}"?' if close else f", only: {fields}."
            raise TypeError(
                f'返回的字典是快速操作，没有 "{field}" 这个键，只有：{fields}。 '
                f'A dict that is returned is a quick operation: it has no field "{field}"{hint}'
            )
        says_something = value or (field == "approve" and value is not None)
        if says_something and _FIELDS[field] not in ("anywhere", kind):
            raise TypeError(
                f'"{field}" 不能用在 {kind} 事件上，只能用在 {_FIELDS[field]} 上。 '
                f'"{field}" is no answer to a {kind} event, only to a {_FIELDS[field]}.'
            )
    operation = {field: value for field, value in result.items() if value}  # without the empty ones
    if result.get("approve") is not None:  # False says no
        operation["approve"] = bool(result["approve"])
    if result.get("ban_duration") == 0:  # 0 seconds lift a ban
        operation["ban_duration"] = 0
    operation.pop("auto_escape", None)
    reply: Any = result.get("reply")
    is_cq = result.get("auto_escape") is False and isinstance(reply, str)
    if message := segment.from_cq(reply) if is_cq else segments_to_send(reply, "reply"):
        operation["reply"] = message
    return operation


def segments_to_send(message: Any, name: str = "message") -> list[Segment]:
    """A message to send, as segments; None and "" are none. TypeError for what is no message.

    A str stands for itself: what a stranger typed must never turn into a CQ code.
    name: what the message is called in the error.
    """
    if message is None or (isinstance(message, str) and not message):
        return []  # `not message` alone is an error for an array of NumPy
    return [*map(_plain_node, segment.check(message, name))]


def _plain_node(part: Segment) -> Segment:
    """The segment; if it is a node, a str in it is plain text, too."""
    content = part["data"].get("content")
    if part["type"] != "node" or content is None:
        return part
    return {**part, "data": {**part["data"], "content": segments_to_send(content)}}


def check_event(event: object, call: str) -> None:
    """TypeError that shows the right call when this is no event."""
    if not isinstance(event, Mapping) or "post_type" not in event:
        shown = brief(event)
        raise TypeError(
            f"第一个参数要是处理函数收到的 event，不是 {shown}：写成 bot.{call}。 "
            f"the first argument must be the event of a handler, not {shown}: write bot.{call}."
        )


def message_call(
    event: Event, message: list[Segment], at_sender: bool = False, reply_message: bool = False
) -> Call:
    """The action that sends `message` to where the event came from.

    A quotation and an @ come first, if they are wanted and the event has what they need.
    """
    kind, group_id, user_id = chat_of(event)[0], event.get("group_id"), user_of(event)
    front = []
    if reply_message and event.get("message_id") is not None:
        front.append(segment.reply(event["message_id"]))
    if at_sender and kind == "group" and event.get("user_id") and not event.get("anonymous"):
        front += [segment.at(event["user_id"]), segment.text(" ")]
    message = front + message
    content = {"message": message, "auto_escape": False}
    if kind == "guild":
        channel = {"guild_id": event["guild_id"], "channel_id": event["channel_id"]}
        return "send_guild_channel_msg", {**channel, "message": message}
    if kind == "group":
        return "send_msg", {"message_type": "group", "group_id": group_id, **content}
    if not user_id:
        name = name_of(event)
        raise ValueError(
            f"{name} 不是从聊天里来的，没有地方回答：用 send_group_msg 或 send_private_msg。 "
            f"{name} came from no chat: use send_group_msg or send_private_msg."
        )
    if group_id:  # a temporary chat; send_msg would take the group_id for the target
        return "send_private_msg", {"user_id": user_id, "group_id": group_id, **content}
    return "send_msg", {"message_type": "private", "user_id": user_id, **content}


def request_call(event: Event, approve: bool, remark: str = "", reason: str = "") -> Call:
    """The action that answers a friend or group request."""
    decision = {"flag": event.get("flag"), "approve": approve}
    if event.get("request_type") == "friend":
        return "set_friend_add_request", {**decision, "remark": remark}
    if event.get("request_type") == "group":
        sub_type = event.get("sub_type", "add")
        return "set_group_add_request", {**decision, "sub_type": sub_type, "reason": reason}
    name = name_of(event)
    raise ValueError(
        f"只有好友请求和加群请求才能同意或拒绝，这是 {name}。 "
        f"{name} is no request: only a friend or group request can be approved or rejected."
    )


def calls_for(event: Event, operation: dict[str, Any]) -> list[Call]:
    """The actions that carry out the operation."""
    calls: list[Call] = []
    if operation.get("reply"):
        calls.append(message_call(event, operation["reply"], bool(operation.get("at_sender"))))
    if operation.get("delete"):
        calls.append(("delete_msg", {"message_id": event.get("message_id")}))
    member = {"group_id": event.get("group_id"), "user_id": event.get("user_id")}
    if operation.get("kick"):
        calls.append(("set_group_kick", {**member, "reject_add_request": False}))
    if operation.get("ban"):
        action = "set_group_ban"
        if event.get("anonymous"):
            action = "set_group_anonymous_ban"
            member = {"group_id": event.get("group_id"), "anonymous": event["anonymous"]}
        seconds = operation.get("ban_duration", 30 * 60)  # the standard's default
        calls.append((action, {**member, "duration": seconds}))
    if "approve" in operation:
        remark, reason = operation.get("remark", ""), operation.get("reason", "")
        calls.append(request_call(event, bool(operation["approve"]), remark, reason))
    return calls


def response_body(event: Event, operation: dict[str, Any]) -> dict[str, Any]:
    """Build the JSON body of the HTTP response. OneBot carries it out.

    OneBot takes a reply to a message only. To another event, there is none in the body.
    """
    if event["post_type"] == "message":  # the default of at_sender differs
        return {**operation, "at_sender": bool(operation.get("at_sender"))}
    return {key: one for key, one in operation.items() if key not in ("reply", "at_sender")}
