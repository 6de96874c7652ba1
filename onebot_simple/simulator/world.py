"""The small world in memory: people, groups, messages, requests and files."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

Segments = list[dict[str, Any]]
Event = dict[str, Any]

BOT, ALICE, BOB, CAROL = 10001, 20001, 20002, 20003
GROUP = 30001
RANK = {"member": 0, "admin": 1, "owner": 2}
RESOLVABLE_MESSAGES = 5000
KEPT = 1000  # files, forwards and requests, of each kind

Key = TypeVar("Key")
Value = TypeVar("Value")


class Failure(ValueError):
    """动作听懂了，但没有成功；是 ValueError。

    The action was understood, and did not succeed.
    """


class Newest(OrderedDict[Key, Value]):
    """A dict that forgets its oldest entries, so that a long day does not fill the memory."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self._limit = limit

    def __setitem__(self, key: Key, value: Value) -> None:
        super().__setitem__(key, value)
        if len(self) > self._limit:
            self.popitem(last=False)


def newest() -> Newest[Any, Any]:
    return Newest(KEPT)


@dataclass
class Person:
    user_id: int
    nickname: str
    sex: str = "unknown"
    age: int = 18
    remark: str = ""
    long_nick: str = ""
    is_friend: bool = False


@dataclass
class Member:
    user_id: int
    role: str = "member"  # owner, admin, member
    card: str = ""
    title: str = ""
    join_time: int = 1_700_000_000
    last_sent_time: int = 0
    muted_until: int = 0  # seconds since the epoch


@dataclass
class StoredFile:
    file_id: str
    name: str
    content: bytes
    uploader: int = 0
    folder: str = "/"
    upload_time: int = 0


@dataclass
class Group:
    group_id: int
    group_name: str
    members: dict[int, Member] = field(default_factory=dict)
    former: dict[int, Member] = field(default_factory=dict)  # who left, as they were
    all_muted: bool = False
    remark: str = ""
    essence: dict[int, dict[str, Any]] = field(default_factory=newest)  # by message_id
    notices: dict[str, dict[str, Any]] = field(default_factory=newest)  # by notice_id
    files: dict[str, StoredFile] = field(default_factory=newest)  # by file_id
    folders: dict[str, str] = field(default_factory=dict)  # folder_id -> name

    def let_go(self, user_id: int) -> None:
        """Somebody is no member any more, and may be brought back later."""
        member = self.members.pop(user_id, None)
        if member:
            self.former[user_id] = member


@dataclass
class Message:
    message_id: int
    seq: int  # counts within its chat
    time: int
    user_id: int  # who said it
    peer_id: int  # the other one of a private chat; 0 in a group
    group_id: int | None
    segments: Segments
    recalled: bool = False
    likes: dict[str, set[int]] = field(default_factory=dict)  # emoji_id -> who


@dataclass
class Request:
    flag: str
    kind: str  # friend, group
    user_id: int
    comment: str
    sub_type: str = ""  # add, invite
    group_id: int = 0
    group_name: str = ""
    settled: bool = False


class World:
    """State, the lock that guards it, and the way out for the events that it causes."""

    def __init__(self, message_format: str = "array", report_self_message: bool = False) -> None:
        self.message_format = message_format
        self.report_self_message = report_self_message
        self.listeners: list[Callable[[Event], None]] = []  # called with every event, in order
        self.latest: Event | None = None  # the event that was published last
        self.file_url: Callable[[str], str] = lambda file_id: ""
        # called with the name of the action, for every message that the bot has sent
        self.bot_sent: Callable[[Message, str], None] = lambda message, action: None
        # guards everything below; events are published while it is held, so that every
        # connection sees them in the same order
        self.lock = threading.RLock()
        self.notes: list[dict[str, str]] = []  # what NapCat would do, about the call that runs now
        self._counters: dict[str, int] = {}
        self.reset()

    def reset(self) -> None:
        """Everybody and everything as at the start; numbers go on, so that no id comes twice."""
        with self.lock:
            self.people: dict[int, Person] = {}
            self.groups: dict[int, Group] = {}
            self.messages: Newest[int, Message] = Newest(RESOLVABLE_MESSAGES)
            self.requests: Newest[str, Request] = Newest(KEPT)
            self.files: Newest[str, StoredFile] = Newest(KEPT)  # of messages, by file_id
            self.forwards: Newest[str, list[dict[str, Any]]] = Newest(KEPT)  # res_id -> nodes
            self.uploads: Newest[str, Any] = Newest(KEPT)  # by stream_id
            self.online = True
            self._populate()

    def publish(self, event: Event) -> None:
        """Tell everybody who listens; called while the lock is held."""
        self.latest = event
        for listener in self.listeners:
            listener(event)

    def _populate(self) -> None:
        for person in (
            Person(BOT, "Bot", age=1),
            Person(ALICE, "Alice", "female", is_friend=True),
            Person(BOB, "Bob", "male"),
            Person(CAROL, "Carol", "female"),
        ):
            self.people[person.user_id] = person
        group = Group(GROUP, "Lab")
        for user_id, role in (
            (BOT, "owner"),
            (ALICE, "member"),
            (BOB, "admin"),
            (CAROL, "member"),
        ):
            group.members[user_id] = Member(user_id, role)
        self.groups[GROUP] = group

    # numbers

    def count(self, name: str) -> int:
        """Return 1, 2, 3 ... for each name."""
        with self.lock:
            self._counters[name] = self._counters.get(name, 0) + 1
            return self._counters[name]

    def next_message_id(self) -> int:
        # looks like NapCat's hashes, and is the same in every run; odd factor: never twice
        return (self.count("message") * 1_103_515_245 + 12_345) % 2**31

    # looking up; each raises Failure with what is missing

    def person(self, user_id: Any) -> Person:
        found = self.people.get(user_id)
        if found is None:
            raise Failure(f"没有用户 {user_id}。 There is no user {user_id}.")
        return found

    def known_person(self, user_id: int, nickname: str | None = None) -> Person:
        """Return somebody, who is born if need be."""
        person = self.people.setdefault(user_id, Person(user_id, f"User{user_id}"))
        if nickname is not None:
            person.nickname = nickname
        return person

    def group(self, group_id: Any) -> Group:
        found = self.groups.get(group_id)
        if found is None or BOT not in found.members:
            raise Failure(
                f"没有群 {group_id}，或机器人不在里面。 The bot is in no group {group_id}."
            )
        return found

    def member(self, group: Group, user_id: Any) -> Member:
        found = group.members.get(user_id)
        if found is None:
            raise Failure(
                f"群 {group.group_id} 里没有 {user_id}。"
                f" {user_id} is no member of group {group.group_id}."
            )
        return found

    def message(self, message_id: Any) -> Message:
        found = self.messages.get(message_id)
        if found is None or found.recalled:
            raise Failure(
                "消息不存在 · message_id 对吗？ There is no such message, or it was recalled."
            )
        return found

    def request(self, flag: str, kind: str) -> Request:
        found = self.requests.get(flag)
        if found is None or found.kind != kind or found.settled:
            raise Failure(f"没有请求 {flag}，或已经处理过了。 There is no open request {flag}.")
        return found

    def require_power(self, group: Group, over: Member | None = None, owner: bool = False) -> None:
        """NapCat's account may only do to others what its role in the group allows."""
        own = RANK[self.member(group, BOT).role]
        needed = 2 if owner else 1
        if own < needed or (over and over.user_id != BOT and RANK[over.role] >= own):
            raise Failure(
                "权限不足：看看机器人在群里的身份。 Not permitted: look at the bot's role."
            )

    def common_group(self, user_id: int) -> Group | None:
        shared = (g for g in self.groups.values() if BOT in g.members and user_id in g.members)
        return next(shared, None)

    # messages

    def store(
        self, user_id: int, segments: Segments, *, group_id: int | None = None, peer_id: int = 0
    ) -> Message:
        chat = f"group {group_id}" if group_id is not None else f"private {peer_id}"
        message = Message(
            self.next_message_id(),
            self.count(chat),
            int(time.time()),
            user_id,
            peer_id,
            group_id,
            segments,
        )
        self.messages[message.message_id] = message
        if group_id is not None and user_id in self.groups[group_id].members:
            self.groups[group_id].members[user_id].last_sent_time = message.time
        return message

    def history(self, group_id: int | None, peer_id: int = 0) -> list[Message]:
        return [
            message
            for message in self.messages.values()
            if message.group_id == group_id and message.peer_id == peer_id and not message.recalled
        ]
