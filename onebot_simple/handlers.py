"""处理函数：它们等哪些事件、哪些指令。

Handlers: which events and which commands they are for.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Hashable, Mapping
from difflib import get_close_matches
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

_KNOWN = frozenset(EVENT_NAMES)
_LINE_LENGTH = 300


class Handler:
    """A function, and what it is for."""

    def __init__(
        self, function: Callable[..., Any], names: list[str], commands: list[str] | None = None
    ) -> None:
        self.function = function
        self.name = getattr(function, "__name__", repr(function))
        self.beginnings = tuple(f"{name}." for name in names)
        self.commands = None if commands is None else frozenset(commands)
        self.takes_args = commands is not None and _accepts(function, 2)
        _refuse_async(function, self.name)
        if not self.takes_args and not _accepts(function, 1):
            wanted = "(event)" if commands is None else "(event) or (event, args)"
            raise TypeError(
                f"{self.name} must take {wanted}. 处理函数要写成 def {self.name}(event):"
            )

    def run(self, event: Event, command: tuple[str, str] | None) -> Any:
        if self.takes_args and command is not None:
            return self.function(event, command[1])
        return self.function(event)

    def is_for(self, event_name: str, word: str | None) -> bool:
        """Whether it waits for such events; `word` is the command, None for what is none."""
        if self.commands is not None and word not in self.commands:
            return False
        return f"{event_name}.".startswith(self.beginnings)


class Handlers:
    """The handlers in the order of their registration, and at hand for each kind of event."""

    def __init__(self) -> None:
        self._all: list[Handler] = []
        self._found: dict[tuple[str, str | None], list[Handler]] = {}  # replaced by each add()
        self.commands: set[str] = set()

    def add(self, handler: Handler) -> None:
        self.commands |= handler.commands or frozenset()
        self._all.append(handler)
        self._found = {}  # after that: who is looking now fills the one that is gone

    def of(self, event_name: str, word: str | None) -> list[Handler]:
        """Those that are for an event of that name and that command."""
        if word not in self.commands:
            word = None
        found = self._found
        try:
            return found[event_name, word]
        except KeyError:
            concerned = [handler for handler in self._all if handler.is_for(event_name, word)]
            if event_name in _KNOWN:  # no peer can make us keep whatever it calls its events
                found[event_name, word] = concerned
            return concerned


def _refuse_async(function: Callable[..., Any], name: str) -> None:
    called = getattr(function, "__call__", None)  # noqa: B004 (an object may have an async one)
    for candidate in (function, called):
        if inspect.iscoroutinefunction(candidate) or inspect.isasyncgenfunction(candidate):
            raise TypeError(
                f"{name} is an async function, but onebot_simple never awaits. "
                "这个库里没有 async：去掉 async 和 await，直接写 def 就好，每个聊天都有自己的线程。"
            )


def _accepts(function: Callable[..., Any], count: int) -> bool:
    try:
        inspect.signature(function).bind(*range(count))
    except TypeError:
        return False
    except ValueError:  # some builtins do not tell their signature
        return count == 1
    return True


def check_event_name(name: str) -> None:
    """ValueError with a suggestion when no event is called so."""
    if not isinstance(name, str):
        raise TypeError(
            f'on() takes event names such as "notice.group_increase", not {name!r}. 要写名字。'
        )
    if name in EVENT_NAMES:
        return
    close = [known for known in EVENT_NAMES if known.endswith("." + name)]
    close += get_close_matches(name, EVENT_NAMES, 1)
    hint = f', did you mean "{close[0]}"?' if close else "."
    raise ValueError(f'unknown event "{name}"{hint} 没有这个事件：检查名字的拼写。')


def check_command_name(name: str, prefix: str) -> None:
    """ValueError when a message could never call a command of that name."""
    if not isinstance(name, str):
        raise TypeError(
            f'on_command("name") takes names, not {name!r}. '
            '括号里要写指令的名字：@bot.on_command("hello")。'
        )
    if not name or name.split() != [name]:
        raise ValueError(
            f'a command is one word, "{name}" is not. 指令名必须是一个词，不能有空格。'
        )
    if prefix and name.startswith(prefix):
        raise ValueError(
            f'leave the prefix out: on_command("{name[len(prefix) :]}"). '
            f"指令名前面不用写 {prefix}，它会自动加上。"
        )


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
