"""事件：它叫什么，是谁做的，属于哪个聊天，里面是什么指令。

Events: what one is called, who did it, which chat it belongs to, which command it holds.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from itertools import takewhile
from typing import Any

from . import segment
from .errors import printable

Event = Mapping[str, Any]  # a dict. A TypedDict is a Mapping, too, but no dict[str, Any].

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
    {".".join(full.split(".")[:depth]) for full in _FULL_NAMES for depth in (1, 2, 3)}
)

# white space, and what has no width, at the beginning of a text
_INVISIBLE = re.compile(
    r"^[\s\xad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\u061c\ufff9-\ufffb"
    "\U000e0001\U000e0020-\U000e007f]+"
)
_HALF_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
# notices of what user_id did; in the others, operator_id did it
_DONE_BY_USER = ("group_msg_emoji_like", "group_upload", "friend_recall")
_ACTORS = ("user_id", "operator_id", "peer_id")  # where the user who did it may stand, best first


# -- its name -------------------------------------------------------------------------------------


def post_type_of(event: Event) -> str:
    """The post_type; what the account itself said is "message_sent", however it was reported."""
    post_type: str = event["post_type"]
    is_own = post_type == "message" and _is_account(event, event.get("user_id"))
    return "message_sent" if is_own else post_type


def name_of(event: Event) -> str:
    """The full name of an event, such as "notice.notify.poke"."""
    post_type = post_type_of(event)
    kind = event.get("message_type" if post_type == "message_sent" else f"{post_type}_type")
    if not isinstance(kind, str) or "." in kind:
        return post_type
    sub_type = event.get("sub_type")
    if not isinstance(sub_type, str) or not sub_type or "." in sub_type:
        return f"{post_type}.{kind}"
    return f"{post_type}.{kind}.{sub_type}"


def is_message(event: Event) -> bool:
    """Whether somebody else said something."""
    return post_type_of(event) == "message"


def is_by_account(event: Event, name: str) -> bool:
    """Whether the account itself said it, or poked somebody. name: that of the event."""
    if name == "notice.notify.poke":  # in a private chat, user_id is the other one
        return _is_account(event, event.get("sender_id") or event.get("user_id"))
    return name.startswith("message_sent")


def is_done_by_account(event: Event) -> bool:
    """Whether a notice tells of what the account itself did, such as a ban or a reaction."""
    kind = event.get("notice_type")
    doer = "user_id" if kind in _DONE_BY_USER else "operator_id"
    # Joining a group is what the newcomer did, also if the account let them in.
    return kind != "group_increase" and _is_account(event, event.get(doer))


def _is_account(event: Event, user: object) -> bool:
    """Whether a user is the account itself. In a guild of go-cqhttp, it has another id as well."""
    self_id = event.get("self_id")
    if type(user) is not int or type(self_id) is not int:  # they nearly always are
        user, self_id = id_of(user), id_of(self_id)
    if user is None:
        return False
    return user == self_id or ("self_tiny_id" in event and user == id_of(event["self_tiny_id"]))


def is_online(event: Event) -> bool | None:
    """Whether the account is logged in to QQ; None when the event does not say so."""
    notice, status = event.get("notice_type"), event.get("status")
    if notice in ("bot_online", "bot_offline"):
        return bool(notice == "bot_online")
    return status.get("online") if isinstance(status, dict) else None  # of a heartbeat


def label_of(event: Event, number: int = 0) -> str:
    """What an event is called in echoes: its message_id, else e and its number."""
    if event["post_type"] == "message" and isinstance(event.get("message_id"), (int, str)):
        return str(event["message_id"])[:40]
    return f"e{number}" if number else "event"


# -- its chat -------------------------------------------------------------------------------------


def chat_of(event: Event) -> tuple[str, ...]:
    """Which chat an event belongs to: ("group", id), ("user", id) or ("guild", id, channel)."""
    group_id = event.get("group_id")
    # a private message has a group_id, too, when it comes from a temporary chat
    if group_id and event.get("message_type", "group") == "group":
        return "group", _key(group_id)
    if event.get("guild_id") and event.get("channel_id"):
        return "guild", _key(event["guild_id"]), _key(event["channel_id"])
    return "user", _key(user_of(event))


def user_of(event: Event) -> Any:
    """The user who did it, never the account itself; None when the event names nobody.

    Of what the account did itself: the user at the other end.
    """
    for key in (*_ACTORS, "sender_id", "target_id"):
        if event.get(key) and not _is_account(event, event[key]):
            return event[key]
    return None


def conversation_of(event: Event) -> Hashable:
    """Events with the same key are handled one after another."""
    chat = ("meta_event",) if event["post_type"] == "meta_event" else chat_of(event)
    return _key(event.get("self_id")), chat


def speaker_key(event: Event) -> Hashable:
    """Who speaks where: the key under which ask() waits for the next message."""
    who, anonymous = user_of(event), event.get("anonymous")
    if isinstance(anonymous, dict):  # all anonymous members share one user_id
        who = anonymous.get("id")
    return _key(event.get("self_id")), chat_of(event), _key(who)


def _key(value: object) -> str:
    """An id as a part of a key; 123 and "123" are the same id, and what is no id becomes ""."""
    return str(value) if isinstance(value, (int, str)) else str(id_of(value) or "")


def id_of(value: object) -> int | None:
    """An id as a number, however it was written; None for what is no id."""
    try:
        return int(value) if isinstance(value, (int, str, float)) else None
    except (ValueError, OverflowError):
        return None


# -- its command ----------------------------------------------------------------------------------


def command_of(event: Event, prefixes: tuple[str, ...]) -> tuple[str, str] | None:
    """The command without its prefix, and the rest of the text; None when it is no command.

    `prefixes` are plain (see `half_width`), the longest first.
    """
    start, rest = _beginning(event)
    for prefix in prefixes:
        is_begun, said = half_width(start[: len(prefix)]) == prefix, start[len(prefix) :]
        if is_begun and said and not said[0].isspace():
            word, *args = said.split(None, 1)
            return word, "".join([*args, segment.plain_text(rest)]).strip()
    return None


def half_width(text: str) -> str:
    """The text with ASCII signs and letters in place of the full-width ones, such as ／."""
    return text.translate(_HALF_WIDTH)


def _beginning(event: Event) -> tuple[str, list[segment.Segment]]:
    """The first text behind what may stand in front of a command, and the segments after it."""
    parts, before = segment.to_list(event), ""
    for number, part in enumerate(parts):
        kind = part["type"]
        if kind == "text":
            if not _INVISIBLE.sub("", segment.plain_text(part)):
                continue
            texts = list(takewhile(lambda one: one["type"] == "text", parts[number:]))
            return _INVISIBLE.sub("", segment.plain_text(texts)), parts[number + len(texts) :]
        # behind a reply, QQ puts an @ of the quoted person by itself
        is_meant = before == "reply" or _is_account(event, part["data"].get("qq"))
        if kind != "reply" and not (kind == "at" and is_meant):
            break
        before = kind
    return "", []


# -- its line in the log --------------------------------------------------------------------------


def event_line(event: Event) -> str:
    """An event in one printable line."""
    chat = " ".join(
        f"{key}={event[key]}"
        for key in ("guild_id", "channel_id", "group_id", *_ACTORS, "target_id")
        if isinstance(event.get(key), (int, str)) and event[key]
    )
    line = f"{name_of(event)} {chat}".rstrip()
    if event["post_type"] in ("message", "message_sent"):
        sender = event.get("sender")
        name = sender.get("card") or sender.get("nickname") if isinstance(sender, dict) else None
        said = event.get("raw_message")
        name = name if isinstance(name, str) else ""
        line += f" {name}: {said if isinstance(said, str) else segment.plain_text(event)}"
    elif event["post_type"] == "request" and isinstance(event.get("comment"), str):
        line += f" {event['comment']}"
    return printable(line[:300])
