"""事件：它叫什么，属于哪个账号、哪个聊天，里面是什么指令。

Events: what one is called, whose it is, which chat it belongs to, which command it holds.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

from . import segment
from .errors import printable

Event = Mapping[str, Any]  # a dict; so written, a TypedDict will do, too

_FULL_NAMES = """
message.private.friend message.private.group message.private.group_self message.private.other
message.group.normal message.group.anonymous message.group.notice message.guild.channel
message_sent.private.friend message_sent.private.group message_sent.private.other
message_sent.group.normal message_sent.group.anonymous message_sent.group.notice
notice.group_upload notice.group_admin.set notice.group_admin.unset
notice.group_decrease.leave notice.group_decrease.kick notice.group_decrease.kick_me
notice.group_decrease.disband notice.group_increase.approve notice.group_increase.invite
notice.group_ban.ban notice.group_ban.lift_ban notice.friend_add
notice.group_recall notice.friend_recall
notice.notify.poke notice.notify.poke_recall notice.notify.lucky_king notice.notify.honor
notice.notify.title notice.notify.group_name notice.notify.input_status
notice.notify.profile_like notice.notify.gray_tip
notice.group_card notice.group_name_change notice.group_dismiss
notice.essence.add notice.essence.delete notice.group_msg_emoji_like
notice.reaction.add notice.reaction.remove
notice.offline_file notice.online_file_send.receive
notice.online_file_send.refuse notice.online_file_receive.cancel
notice.flash_file.downloading notice.flash_file.downloaded
notice.flash_file.uploading notice.flash_file.uploaded
notice.client_status notice.bot_online notice.bot_offline
notice.guild_channel_recall notice.message_reactions_updated
notice.channel_created notice.channel_updated notice.channel_destroyed
request.friend request.group.add request.group.invite
meta_event.lifecycle.enable meta_event.lifecycle.disable meta_event.lifecycle.connect
meta_event.heartbeat
""".split()

EVENT_NAMES = sorted(
    {full.rsplit(".", up)[0] for full in _FULL_NAMES for up in range(full.count(".") + 1)}
)

_LINE_LENGTH = 300


def name_of(event: Event) -> str:
    """The most particular name that an event answers to, such as "notice.notify.poke"."""
    post_type: str = event["post_type"]
    kind = event.get("message_type" if post_type == "message_sent" else f"{post_type}_type")
    if not isinstance(kind, str) or "." in kind:
        return post_type
    sub_type = event.get("sub_type")
    if not isinstance(sub_type, str) or not sub_type or "." in sub_type:
        return f"{post_type}.{kind}"
    return f"{post_type}.{kind}.{sub_type}"


def command_of(event: Event, prefix: str) -> tuple[str, str] | None:
    """The first word without its prefix, and the rest of the text; None when it is no command."""
    parts = iter(segment.to_list(event))
    part = next((part for part in parts if not _may_precede_command(part, event)), None)
    if part is None or part["type"] != "text":
        return None
    begins = part["data"].get("text")
    if isinstance(begins, str) and not prefix.startswith(begins.lstrip()[: len(prefix)]):
        return None  # as nearly always: found out without putting the whole text together
    text = segment.plain_text([part, *parts]).lstrip()
    if not text.startswith(prefix) or text[len(prefix) :][:1].isspace():
        return None
    first, *rest = text[len(prefix) :].split(None, 1) or [""]
    return (first, rest[0].rstrip() if rest else "") if first else None


def _may_precede_command(part: dict[str, Any], event: Event) -> bool:
    data = part.get("data") or {}
    if part.get("type") == "at":
        return "self_id" in event and str(data.get("qq")) == str(event["self_id"])
    if part.get("type") == "text":
        return not str(data.get("text", "")).strip()
    return part.get("type") == "reply"


def chat_of(event: Event) -> tuple[str, int | str]:
    """Which chat an event belongs to: ("group", id) or ("user", id)."""
    group_id = event.get("group_id")
    if group_id and event.get("message_type", "group") == "group":  # a temporary chat has one, too
        return "group", _plain(group_id)
    return "user", _plain(peer_of(event))


def peer_of(event: Event) -> Any:
    """The user at the other end: of a message that the account itself sent, the recipient."""
    if event["post_type"] == "message_sent" and event.get("target_id"):
        return event["target_id"]
    return event.get("user_id")


def conversation_of(event: Event) -> Hashable:
    """Events with the same key are handled one after another."""
    return _plain(event.get("self_id")), event["post_type"], chat_of(event)


def person_of(event: Event) -> Hashable:
    """Who speaks where: the key under which ask() waits for the next message."""
    return _plain(event.get("self_id")), chat_of(event), _plain(event.get("user_id"))


def _plain(value: object) -> int | str:
    """An id as a part of a key; 123 and "123" are the same id."""
    if type(value) is int and 0 <= value < 1 << 60:  # as it nearly always is
        return value
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 19:
        return int(value)
    # whatever else a peer sends must neither break a dict nor make its search slow
    return str(value) if isinstance(value, (int, str, float)) else ""


def id_of(value: object) -> int | None:
    """An id as a number, however it was written; None for what is no id."""
    try:
        return int(value) if isinstance(value, (int, str)) else None
    except ValueError:
        return None


def event_line(event: Event) -> str:
    """An event in one printable line."""
    chat = " ".join(
        f"{key}={event[key]}"
        for key in ("group_id", "user_id", "target_id", "operator_id")
        if isinstance(event.get(key), (int, str)) and event[key]
    )
    line = f"{name_of(event)} {chat}".rstrip()
    if event["post_type"] in ("message", "message_sent"):
        sender = event.get("sender")
        name = sender.get("card") or sender.get("nickname") if isinstance(sender, dict) else None
        said = event.get("raw_message")
        line += f" {_words(name)}: {said if isinstance(said, str) else segment.plain_text(event)}"
    elif event["post_type"] == "request":
        line += f" {_words(event.get('comment'))}"
    return printable(line[:_LINE_LENGTH])


def _words(value: object) -> str:
    return value if isinstance(value, str) else ""
