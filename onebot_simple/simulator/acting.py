"""What people do, as methods of the Simulator."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from typing import Any

from . import membership, people
from .core import Core
from .json_text import InvalidJson, encode
from .names import checked_number, checked_text
from .replay import let_in, read_lines, read_log
from .world import ALICE, BOB, BOT, CAROL, GROUP, Event, World

MessageLike = str | dict[str, Any] | list[Any]


class Acting:
    """人在 QQ 里做的事；每个方法返回它引起的事件。

    What people do in QQ. Each method returns the event that it caused. Failure (a ValueError)
    says what is in the way: somebody is muted, has left, or has no right to do it.
    """

    world: World
    _core: Core

    def send_group(
        self,
        message: MessageLike,
        user: int = BOB,
        group: int = GROUP,
        at_bot: bool = False,
        reply_to: int | None = None,
    ) -> Event:
        """有人在群里说话。

        Somebody talks in the group.

        message: a str is plain text; segments as they are. reply_to: the message_id that is quoted.
        """
        checked_number(user, "user")
        checked_number(group, "group")
        return self._caused(people.say_in_group, message, user, group, at_bot, _quoted(reply_to))

    def send_private(
        self, message: MessageLike, user: int = ALICE, reply_to: int | None = None
    ) -> Event:
        """有人私聊机器人。

        Somebody talks to the bot in private: a friend, or as a temporary chat anybody else.
        """
        checked_number(user, "user")
        return self._caused(people.say_in_private, message, user, _quoted(reply_to))

    def poke(self, user: int = BOB, target: int = BOT, group: int | None = GROUP) -> Event:
        """有人戳一戳；group=None 是私聊里戳。

        Somebody pokes; group=None pokes in private.
        """
        return self._caused(people.poke, user, target, group)

    def recall(self, message_id: int, operator: int | None = None) -> Event:
        """撤回一条消息，默认由发的人自己撤回；管理员可以撤回普通成员的消息。

        A message is recalled, by its sender unless an operator is given: the owner may recall
        everything in the group, an admin what plain members said.
        """
        checked_number(message_id, "message_id")
        return self._caused(people.recall, message_id, operator)

    def join(self, user: int = 20004, nickname: str | None = None, group: int = GROUP) -> Event:
        """有人进群，成为普通成员。

        Somebody comes into the group, as a plain member. nickname: of somebody new.
        """
        checked_number(user, "user")
        return self._caused(membership.join, user, group, _name(nickname))

    def leave(self, user: int = CAROL, group: int = GROUP) -> Event:
        """有人退群。

        Somebody leaves the group.
        """
        return self._caused(membership.leave, user, group)

    def kick(self, user: int, operator: int | None = None, group: int = GROUP) -> Event:
        """有人被踢出群；operator 是谁踢的，默认是有权限的人。

        Somebody is removed from the group. operator: who does it, by default somebody who may.
        """
        return self._caused(membership.kick, user, operator, group)

    def mute(
        self, user: int, seconds: int = 60, operator: int | None = None, group: int = GROUP
    ) -> Event:
        """有人被禁言这么多秒；0 是解除。

        Somebody is muted for so many seconds; 0 lifts it. operator: as in kick().
        """
        if isinstance(seconds, bool) or not isinstance(seconds, int) or not 0 <= seconds < 2**31:
            raise ValueError(
                f"seconds 是不小于 0 的整数，不能是 {seconds!r}。"
                f" seconds is an int of at least 0, not {seconds!r}."
            )
        return self._caused(membership.mute, user, seconds, operator, group)

    def mute_all(self, on: bool = True, operator: int | None = None, group: int = GROUP) -> Event:
        """全员禁言，或解除；群主和管理员还能说话。

        Everybody but the owner and the admins is muted, or may speak again.
        """
        return self._caused(membership.mute_all, bool(on), operator, group)

    def friend_request(
        self, user: int = 20005, comment: str = "hello", nickname: str | None = None
    ) -> Event:
        """有人想加机器人为好友。

        Somebody wants to be a friend of the bot.
        """
        checked_number(user, "user")
        checked_text(comment, "comment")
        return self._caused(people.ask_for_friendship, user, comment, _name(nickname))

    def group_request(
        self,
        user: int = 20006,
        comment: str = "hello",
        sub_type: str = "add",
        group: int = GROUP,
        nickname: str | None = None,
    ) -> Event:
        """有人想进群（add），或邀请机器人进群（invite）。

        Somebody wants into the group (add), or invites the bot into another one (invite).
        """
        checked_number(user, "user")
        checked_number(group, "group")
        checked_text(comment, "comment")
        return self._caused(people.ask_for_group, user, group, comment, sub_type, _name(nickname))

    def emit(self, event: Event) -> Event:
        """原样推送任何事件。

        Push any event, verbatim.
        """
        if not isinstance(event, dict) or not isinstance(event.get("post_type"), str):
            raise ValueError(
                "事件是带 post_type 的字典；任意文本用 send_raw。"
                " An event is a dict with a post_type; for any other text there is send_raw."
            )
        try:
            encode(event)
        except (TypeError, InvalidJson) as error:
            raise ValueError(
                f"事件不能写成 JSON：{error}。 The event cannot be written as JSON: {error}."
            ) from None
        self._core.journal.next_step()
        with self.world.lock:
            self.world.publish(event)
        return event

    def replay(self, path: str | PathLike[str]) -> list[Event]:
        """按顺序推送一份保存的日志里的事件；返回推送的事件。

        Push the events of a saved log in their order; returns them as they were pushed.

        path: JSON Lines; a line is an event, or a frame {"time", "direction", "transport",
        "frame"} that holds one, as `listen --save` and the page write them. The account's
        number becomes 10001 everywhere; people and groups that the world does not know join
        it, those of guilds do not. ValueError names a line that is broken, and then nothing is
        pushed.
        """
        return self._replay(read_log(path))

    def replay_lines(self, lines: Sequence[str], name: str = "log") -> list[Event]:
        """和 replay 一样，但日志的每一行已经读好了。

        As replay(), for lines that were read already; name: what an error calls them.
        """
        if not isinstance(lines, (list, tuple)) or not all(isinstance(line, str) for line in lines):
            raise TypeError(
                "replay_lines 要一个由行组成的列表。 replay_lines takes a list of lines."
            )
        return self._replay(read_lines(lines, name))

    def _replay(self, events: list[Event]) -> list[Event]:
        self._core.journal.next_step()
        for event in events:
            with self.world.lock:
                let_in(self.world, event)
                self.world.publish(event)
            self._core.in_order()
        return events

    # the world

    def add_person(self, user: int, nickname: str, *, friend: bool = False) -> None:
        """世界里多一个人；进群用 join 或 add_group。

        One more person in the world. friend: of the bot. join() lets them into a group.
        """
        checked_number(user, "user")
        self._change(membership.add_person, user, checked_text(nickname, "nickname"), friend)

    def set_person(
        self, user: int, nickname: str | None = None, *, friend: bool | None = None
    ) -> None:
        """改一个人的昵称，或是不是好友。

        Change somebody's nickname, or whether they are a friend of the bot. None: as it was.
        """
        with self.world.lock:
            person = membership.person_known(self.world, user)
            if nickname is not None:
                person.nickname = checked_text(nickname, "nickname")
            person.is_friend = person.is_friend if friend is None else friend

    def remove_person(self, user: int) -> None:
        """一个人从世界里消失，也退出所有的群。

        Somebody vanishes from the world, and from every group.
        """
        self._change(membership.remove_person, user)

    def add_group(self, group: int, name: str, members: Any = ()) -> None:
        """多一个群，机器人也在里面；没有指定群主时，机器人是群主。

        One more group, with the bot in it.

        members: user ids, such as ``[20001, 20002]``, or roles by user id, such as
        ``{20001: "owner", 10001: "admin"}``. The bot is the owner unless another one is named.
        Unknown people come into the world.
        """
        if not isinstance(members, (Mapping, list, tuple, set, frozenset)):
            raise TypeError(
                f"members 是成员的列表，或由成员到角色的字典，不能是 {members!r}。"
                f" members is a list of user ids, or a dict of their roles, not {members!r}."
            )
        for user in members:
            checked_number(user, "members")
        checked_number(group, "group")
        self._change(membership.add_group, group, checked_text(name, "name"), members)

    def set_group(self, group: int, name: str) -> None:
        """改群名。

        Change the name of a group.
        """
        self._change(membership.set_group, group, checked_text(name, "name"))

    def remove_group(self, group: int) -> None:
        """解散一个群。

        Disband a group.
        """
        self._change(membership.remove_group, group)

    def set_role(
        self, user: int, role: str, group: int = GROUP, *, operator: int | None = None
    ) -> None:
        """改一个人在群里的角色：owner、admin 或 member。

        Make somebody the owner, an admin or a member of the group. A new owner makes the old
        one a plain member. operator: who does it, and must be the owner; None asks nobody.
        """
        self._change(membership.set_role, user, role, operator, group)

    def set_card(
        self, user: int, card: str, group: int = GROUP, *, operator: int | None = None
    ) -> None:
        """改一个人的群名片；"" 是没有名片。

        Change somebody's name in the group; "" takes it away. operator: as in set_role(), here
        the person, or somebody of a higher role.
        """
        self._change(membership.set_card, user, checked_text(card, "card"), operator, group)

    def set_title(
        self, user: int, title: str, group: int = GROUP, *, operator: int | None = None
    ) -> None:
        """改一个人的专属头衔；"" 是没有头衔。

        Change somebody's special title; "" takes it away. operator: as in set_role().
        """
        self._change(membership.set_title, user, checked_text(title, "title"), operator, group)

    def bring_back(self, user: int, group: int = GROUP) -> None:
        """退群或被踢的人回到群里，角色、名片和头衔和以前一样；机器人自己也可以。

        Somebody who left or was removed is back, with role, card and title as before; the bot
        (10001), too.
        """
        self._change(membership.bring_back, user, group)

    def reset(self) -> None:
        """人、群、消息和文件回到开始时的样子。

        People, groups, messages and files are as they were at the start. The message ids go on.
        """
        self.world.reset()

    def _change(self, what: Callable[..., None], *details: Any) -> None:
        self._core.journal.next_step()
        with self.world.lock:
            what(self.world, *details)

    def _caused(self, what: Callable[..., None], *details: Any) -> Event:
        self._core.journal.next_step()  # first, for bots are fast
        with self.world.lock:
            what(self.world, *details)
            assert self.world.latest is not None  # each of these publishes an event
            return self.world.latest


def _name(nickname: str | None) -> str | None:
    return None if nickname is None else checked_text(nickname, "nickname")


def _quoted(reply_to: int | None) -> int | None:
    return None if reply_to is None else checked_number(reply_to, "message_id")
