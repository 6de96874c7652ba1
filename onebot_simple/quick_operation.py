"""快速操作：处理函数的返回值变成哪些动作。

Quick operations: which actions the value that a handler returned stands for.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from reprlib import repr as brief  # of whatever depth and length
from typing import Any

from . import segment
from .errors import ApiNotAvailable
from .event import Event, chat_of, name_of, peer_of

_FIELDS = {
    "reply": "anywhere",
    "auto_escape": "anywhere",
    "at_sender": "anywhere",
    "delete": "group message",
    "kick": "group message",
    "ban": "group message",
    "ban_duration": "group message",
    "approve": "request",
    "remark": "request",
    "reason": "request",
}
_BAN_SECONDS = 30 * 60  # the standard's default

Call = tuple[str, dict[str, Any]]


def operation_of(result: object, returned_by: str) -> dict[str, Any]:
    """A handler's return value as a quick operation; TypeError when it is none.

    A str is plain text: what a stranger typed must never turn into a CQ code. What a call that
    sent something returned is an answer that is out already: nothing is left to do.
    """
    if not isinstance(result, dict) or "type" in result:
        return {"reply": _message(result, returned_by)}
    if "message_id" in result and not {"post_type", "message"} & result.keys():
        return {}
    unknown = [str(field) for field in result if field not in _FIELDS]
    if unknown:
        close = get_close_matches(unknown[0], _FIELDS, 1)
        hint, meant = (
            (f'是不是 "{close[0]}"？', f', did you mean "{close[0]}"?') if close else ("", ".")
        )
        raise TypeError(
            f'{returned_by} 返回了 {brief(result)}，快速操作没有 "{unknown[0]}" 这个键，'
            f"只有：{' '.join(_FIELDS)}。{hint} {returned_by} returned {brief(result)}: "
            f'a quick operation has no field "{unknown[0]}"{meant}'
        )
    operation = dict(result)
    escaped = operation.pop("auto_escape", True) is not False
    if "reply" in operation:
        reply = operation["reply"]
        is_cq = isinstance(reply, str) and not escaped
        operation["reply"] = segment.from_cq(reply) if is_cq else _message(reply, returned_by)
    return operation


def _message(value: object, returned_by: str) -> list[dict[str, Any]]:
    try:
        return plain(value)
    except TypeError as error:
        raise TypeError(
            f"{returned_by} 返回了 {brief(value)}（{type(value).__name__}），不能当回答。 "
            f"{returned_by} returned {brief(value)} ({type(value).__name__}), which is no answer. "
            f"{error}"
        ) from None


def plain(message: object) -> list[dict[str, Any]]:
    """A message to send: a str stands for itself, whatever it contains; None and "" for nothing.

    TypeError for what is no message.
    """
    if message is None or message == "":
        return []
    if isinstance(message, str):
        return [segment.text(message)]
    segment.check(message)
    return segment.to_list(message)  # type: ignore[arg-type]


def check_event(event: object, call: str) -> None:
    """TypeError that shows the right call when this is no event."""
    if not isinstance(event, Mapping) or "post_type" not in event:
        raise TypeError(
            f"第一个参数要是处理函数收到的 event，不是 {brief(event)}：写成 bot.{call}。 "
            f"the first argument must be the event that a handler gets, not {brief(event)}: write "
            f"bot.{call}."
        )


def addressed(
    event: Event, message: list[dict[str, Any]], at_sender: bool, reply_message: bool
) -> list[dict[str, Any]]:
    """The message with the @ and the quotation in front, as far as the event has whom and what."""
    front = []
    if reply_message and event.get("message_id") is not None:
        front.append(segment.reply(event["message_id"]))
    in_group = chat_of(event)[0] == "group"
    if at_sender and in_group and event.get("user_id") and not event.get("anonymous"):
        front += [segment.at(event["user_id"]), segment.text(" ")]
    return front + message


def message_call(event: Event, message: list[dict[str, Any]]) -> Call:
    """The action that sends `message` to where the event came from."""
    kind, group_id, user_id = chat_of(event)[0], event.get("group_id"), peer_of(event)
    content = {"message": message, "auto_escape": False}
    if kind == "guild":
        channel = {"guild_id": event["guild_id"], "channel_id": event["channel_id"]}
        return "send_guild_channel_msg", {**channel, "message": message}
    if kind == "user" and not user_id:
        raise ValueError(
            f"这个事件（{name_of(event)}）不是从聊天里来的，没有地方回答：用 send_group_msg 或 "
            f"send_private_msg。 {name_of(event)} came from no chat, there is nowhere to answer: "
            "use send_group_msg or send_private_msg."
        )
    if kind == "group":
        return "send_msg", {"message_type": "group", "group_id": group_id, **content}
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
    raise ValueError(
        f"只有好友请求和加群请求（on_request）才能同意或拒绝，这是 {name_of(event)}。 "
        f"{name_of(event)} is no request: only a friend or group request can be approved or "
        "rejected."
    )


def calls_for(event: Event, operation: dict[str, Any]) -> list[Call]:
    """The actions that carry out the operation."""
    _check_fields(event, operation)
    calls: list[Call] = []
    if operation.get("reply"):
        at_sender = bool(operation.get("at_sender"))
        calls.append(message_call(event, addressed(event, operation["reply"], at_sender, False)))
    if operation.get("delete"):
        calls.append(("delete_msg", {"message_id": event.get("message_id")}))
    member = {"group_id": event.get("group_id"), "user_id": event.get("user_id")}
    if operation.get("kick"):
        calls.append(("set_group_kick", {**member, "reject_add_request": False}))
    if operation.get("ban"):
        calls.append(_ban_call(event, member, operation.get("ban_duration")))
    if operation.get("approve") is not None:
        texts = {key: operation[key] for key in ("remark", "reason") if key in operation}
        calls.append(request_call(event, bool(operation["approve"]), **texts))
    return calls


def _ban_call(event: Event, member: dict[str, Any], duration: int | None) -> Call:
    if duration is None:
        duration = _BAN_SECONDS
    anonymous = event.get("anonymous")
    if isinstance(anonymous, dict):
        target = {"group_id": member["group_id"], "anonymous_flag": anonymous.get("flag")}
        return "set_group_anonymous_ban", {**target, "duration": duration}
    return "set_group_ban", {**member, "duration": duration}


def response_body(event: Event, operation: dict[str, Any]) -> dict[str, Any]:
    """Build the JSON body of the HTTP response. OneBot carries it out."""
    _check_fields(event, operation)
    body = {  # a ban_duration of 0 says something, although 0 == False
        key: value
        for key, value in operation.items()
        if value is not None and value is not False and value != []
    }
    if operation.get("approve") is not None:
        body["approve"] = bool(operation["approve"])
    if "reply" in body and event["post_type"] != "message":
        raise ApiNotAvailable(
            f"OneBot 只认对消息的回答，这是 {name_of(event)}：写成 "
            'EventServer(api=HttpClient("http://127.0.0.1:3000"))，就能主动发消息了。 '
            f"a reply to {name_of(event)} needs the API, and this EventServer has no api=: write "
            'EventServer(api=HttpClient("http://127.0.0.1:3000")).'
        )
    if event["post_type"] == "message" and body:
        body["at_sender"] = bool(operation.get("at_sender"))  # its default differs
    return body


def _check_fields(event: Event, operation: dict[str, Any]) -> None:
    kind = event["post_type"]
    if kind == "message" and chat_of(event)[0] == "group":
        kind = "group message"
    for field, value in operation.items():
        if _FIELDS[field] not in ("anywhere", kind) and value not in (None, False, ""):
            raise TypeError(
                f'"{field}" 不能用在 {kind} 事件上，只能用在 {_FIELDS[field]} 上。 '
                f'"{field}" is no answer to a {kind} event, only to a {_FIELDS[field]}.'
            )
