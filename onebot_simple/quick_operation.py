"""快速操作：处理函数的返回值变成哪些动作。

Quick operations: which actions the value that a handler returned stands for.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

from . import segment
from .errors import ApiNotAvailable
from .event import Event, chat_of, peer_of

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

    A str is plain text: what a stranger typed must never turn into a CQ code.
    """
    if isinstance(result, dict) and "type" not in result:
        unknown = [field for field in result if field not in _FIELDS]
        if unknown:
            close = get_close_matches(str(unknown[0]), _FIELDS, 1)
            hint = f', did you mean "{close[0]}"?' if close else "."
            raise TypeError(
                f"{returned_by} returned {_brief(result)}: a quick operation has no field "
                f'"{unknown[0]}"{hint} 返回的 dict 只能有这些键：{" ".join(_FIELDS)}。'
            )
        operation = dict(result)
        escaped = operation.pop("auto_escape", True) is not False
    else:
        operation, escaped = {"reply": result}, True
    if "reply" in operation:
        operation["reply"] = _reply(operation["reply"], escaped, returned_by)
    return operation


def _reply(message: object, escaped: bool, returned_by: str) -> list[dict[str, Any]]:
    if message is None:
        return []
    if isinstance(message, str):
        return plain(message) if escaped else segment.from_cq(message)
    if isinstance(message, dict):
        message = [message]
    if not isinstance(message, list) or not all(map(_is_part, message)):
        raise TypeError(
            f"{returned_by} returned {_brief(message)}: not a message. "
            "处理函数可以返回：字符串（数字写成 str(42)）、消息段、由它们组成的列表、"
            "快速操作 dict，或者 None。"
        )
    return segment.to_list(message)


def _is_part(part: object) -> bool:
    return isinstance(part, str) or (isinstance(part, dict) and isinstance(part.get("type"), str))


def _brief(value: object) -> str:
    shown = ascii(value) if isinstance(value, bytes) else repr(value)
    return shown if len(shown) <= 80 else shown[:77] + "..."


def plain(message: object) -> list[dict[str, Any]]:
    """A message to answer with: a str stands for itself, whatever it contains."""
    if isinstance(message, str):
        return [segment.text(message)] if message else []
    return _reply(message, True, "send()")


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
    group_id, user_id = event.get("group_id"), peer_of(event)
    in_group = chat_of(event)[0] == "group"
    if not (group_id if in_group else user_id):
        raise ValueError(
            f"{event['post_type']} came from no chat, there is nowhere to answer. "
            "这个事件不是从聊天里来的，不能直接回复：用 send_group_msg 或 send_private_msg。"
        )
    content = {"message": message, "auto_escape": False}
    if in_group:
        return "send_msg", {"message_type": "group", "group_id": group_id, **content}
    if group_id:  # a temporary chat; send_msg would take the group_id for the target
        return "send_private_msg", {"user_id": user_id, "group_id": group_id, **content}
    return "send_msg", {"message_type": "private", "user_id": user_id, **content}


def request_call(event: Event, approve: bool, remark: str = "", reason: str = "") -> Call:
    """The action that answers a friend or group request."""
    answer = {"flag": event.get("flag"), "approve": approve}
    if event.get("request_type") == "friend":
        return "set_friend_add_request", {**answer, "remark": remark}
    if event.get("request_type") == "group":
        sub_type = event.get("sub_type", "add")
        return "set_group_add_request", {**answer, "sub_type": sub_type, "reason": reason}
    raise ValueError(
        f"{event['post_type']} is no request. 只有好友请求和加群请求（on_request）才能同意或拒绝。"
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


def http_answer(event: Event, operation: dict[str, Any]) -> dict[str, Any]:
    """The operation as the body of an HTTP answer: what OneBot makes of it is OneBot's."""
    _check_fields(event, operation)
    answer = {  # a ban_duration of 0 says something, although 0 == False
        key: value
        for key, value in operation.items()
        if value is not None and value is not False and value != []
    }
    if operation.get("approve") is not None:
        answer["approve"] = bool(operation["approve"])
    if "reply" in answer and event["post_type"] != "message":
        raise ApiNotAvailable(
            f"a reply to a {event['post_type']} needs the API, and EventServer has no api=. "
            '写成 EventServer(api=HttpClient("http://127.0.0.1:3000"))，就能主动发消息了。'
        )
    if event["post_type"] == "message" and answer:
        answer["at_sender"] = bool(operation.get("at_sender"))  # its default differs
    return answer


def _check_fields(event: Event, operation: dict[str, Any]) -> None:
    kind = event["post_type"]
    if kind == "message" and chat_of(event)[0] == "group":
        kind = "group message"
    for field, value in operation.items():
        if _FIELDS[field] not in ("anywhere", kind) and value not in (None, False, ""):
            raise TypeError(
                f'"{field}" is no answer to a {kind} event, only to a {_FIELDS[field]}. '
                f"{field} 不能用在这种事件上。"
            )
