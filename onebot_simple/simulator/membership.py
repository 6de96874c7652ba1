"""Who is in which group, as what: coming and going, roles, cards, titles, mutes; with QQ's rights.

Where an operator is named, the rights of that person count. Where none is named, somebody does it
who may.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

from . import api_groups, events
from .api_friends import add_member
from .names import checked_number
from .world import BOT, RANK, Failure, Group, Member, Person, World


def called(world: World, user_id: int) -> str:
    """How a sentence names somebody: Bob (20002)."""
    person = world.people.get(user_id)
    return f"{person.nickname} ({user_id})" if person else str(user_id)


# looking up, with a sentence about what is missing


def any_group(world: World, group_id: int) -> Group:
    found = world.groups.get(checked_number(group_id, "group"))
    if found is None:
        raise Failure(
            f"没有群 {group_id}；用 add_group 添加。"
            f" There is no group {group_id}: add it with add_group."
        )
    return found


def heard_group(world: World, group_id: int) -> Group:
    """The group, as long as the bot is in it and hears what happens there."""
    group = any_group(world, group_id)
    if not group.members:
        raise Failure(
            f"群 {group_id} 里一个人也没有了；用 bring_back 请人回来。"
            f" Nobody is left in group {group_id}: bring somebody back with bring_back."
        )
    if BOT not in group.members:
        raise Failure(
            f"机器人不在群 {group_id} 里，听不到；用 bring_back({BOT}) 请它回来。"
            f" The bot is not in group {group_id}: bring it back with bring_back({BOT})."
        )
    return group


def member_of(world: World, group: Group, user_id: int) -> Member:
    found = group.members.get(checked_number(user_id, "user"))
    if found is None:
        how = "bring_back" if user_id in group.former else "join"
        name, number = called(world, user_id), group.group_id
        raise Failure(
            f"{name} 不在群 {number} 里；用 {how}({user_id}) 让他进群。"
            f" {name} is not in group {number}: let them in with {how}({user_id})."
        )
    return found


def person_known(world: World, user_id: int) -> Person:
    found = world.people.get(checked_number(user_id, "user"))
    if found is None:
        raise Failure(
            f"没有 {user_id} 这个人；用 add_person 添加。"
            f" There is nobody {user_id}: add them with add_person."
        )
    return found


# rights


def may(group: Group, operator_id: int, over: Member | None = None, owner: bool = False) -> bool:
    """Whether the operator is above this member, or above any plain one, or owns the group."""
    operator = group.members.get(operator_id)
    if operator is None:
        return False
    rank = RANK[operator.role]
    return rank >= RANK["owner" if owner else "admin"] and (over is None or rank > RANK[over.role])


def operator_for(
    world: World, group: Group, operator_id: int | None, over: Member | None, owner: bool = False
) -> int:
    """The operator, if the rights suffice; where none is named, people first, then the bot."""
    if operator_id is None:
        able = [user for user in group.members if may(group, user, over, owner)]
        if not able:
            whom = f"对 {called(world, over.user_id)} " if over else ""
            raise Failure(
                f"群 {group.group_id} 里没有人能{whom}这样做：先用 set_role 给权限。"
                f" Nobody in group {group.group_id} has the right to do this: see set_role."
            )
        return next((user for user in able if user != BOT), able[0])
    member_of(world, group, operator_id)
    if not may(group, operator_id, over, owner):
        role, name = group.members[operator_id].role, called(world, operator_id)
        whom = f"{called(world, over.user_id)}（{over.role}）" if over else "这个群"
        to_whom = f"{called(world, over.user_id)}, {over.role}" if over else "this group"
        raise Failure(
            f"{name} 是 {role}，对{whom}没有这个权限；可以用 set_role 改。"
            f" {name} is {role} and may not do this to {to_whom}: see set_role."
        )
    return operator_id


# people and groups


def add_person(world: World, user_id: int, nickname: str, is_friend: bool) -> None:
    if user_id in world.people:
        raise Failure(
            f"{called(world, user_id)} 已经在了；用 set_person 修改。"
            f" {called(world, user_id)} is there already: change them with set_person."
        )
    world.people[user_id] = Person(user_id, nickname, is_friend=is_friend)


def remove_person(world: World, user_id: int) -> None:
    person_known(world, user_id)
    if user_id == BOT:
        raise Failure("机器人自己不能移除。 The bot itself cannot be removed.")
    for group in world.groups.values():
        if user_id in group.members:
            _gone(world, group, user_id)
        group.former.pop(user_id, None)
    del world.people[user_id]


def _gone(world: World, group: Group, user_id: int) -> None:
    if BOT in group.members:
        api_groups.remove_member(world, group, user_id, user_id, "leave")
    else:
        group.let_go(user_id)


def add_group(
    world: World, group_id: int, name: str, members: Iterable[int] | Mapping[int, str]
) -> None:
    """The bot owns the group unless another owner is named."""
    if group_id in world.groups:
        raise Failure(
            f"群 {group_id} 已经有了；用 set_group 修改。"
            f" Group {group_id} is there already: change it with set_group."
        )
    if isinstance(members, Mapping):
        roles = dict(members)
    else:
        roles = {user: "member" for user in members if user != BOT}
    for role in roles.values():
        checked_role(role)
    others = [user for user, role in roles.items() if role == "owner" and user != BOT]
    roles.setdefault(BOT, "member" if others else "owner")
    if len(others) + (roles[BOT] == "owner") != 1:
        raise ValueError("一个群正好有一个群主。 A group has exactly one owner.")
    group = Group(group_id, name)
    for user, role in roles.items():
        world.known_person(user)
        group.members[user] = Member(user, role)
    world.groups[group_id] = group


def set_group(world: World, group_id: int, name: str) -> None:
    group = any_group(world, group_id)
    changed, group.group_name = group.group_name != name, name
    if BOT in group.members and changed:
        who = {"group_id": group_id, "user_id": operator_for(world, group, None, None)}
        world.publish(events.notice("notify", sub_type="group_name", name_new=name, **who))


def remove_group(world: World, group_id: int) -> None:
    group = any_group(world, group_id)
    if BOT in group.members:
        owner = next((m.user_id for m in group.members.values() if m.role == "owner"), BOT)
        api_groups.remove_member(world, group, BOT, owner, "disband")
    del world.groups[group_id]


# coming and going


def join(world: World, user_id: int, group_id: int, nickname: str | None) -> None:
    group = heard_group(world, group_id)
    _refuse_members(world, group, user_id)
    world.known_person(user_id, nickname)
    group.former.pop(user_id, None)
    add_member(world, group, user_id, operator_for(world, group, None, None), "approve")


def bring_back(world: World, user_id: int, group_id: int) -> None:
    group = any_group(world, group_id)
    _refuse_members(world, group, user_id)
    before = group.former.pop(user_id, None)
    if before is None:
        name = called(world, user_id)
        raise Failure(
            f"{name} 没有退出过群 {group_id}；用 join({user_id}) 让他进群。"
            f" {name} never left group {group_id}: let them in with join({user_id})."
        )
    if before.role == "owner" and any(m.role == "owner" for m in group.members.values()):
        before.role = "member"
    before.muted_until = 0
    group.members[user_id] = before
    if BOT in group.members:
        operator = next((user for user in group.members if may(group, user)), user_id)
        who = {"group_id": group_id, "operator_id": operator, "user_id": user_id}
        how = "invite" if user_id == BOT else "approve"
        world.publish(events.notice("group_increase", sub_type=how, **who))


def _refuse_members(world: World, group: Group, user_id: int) -> None:
    if checked_number(user_id, "user") in group.members:
        name, number = called(world, user_id), group.group_id
        raise Failure(f"{name} 已经在群 {number} 里。 {name} is in group {number} already.")


def leave(world: World, user_id: int, group_id: int) -> None:
    group = heard_group(world, group_id)
    member = member_of(world, group, user_id)
    if member.role == "owner":
        raise Failure(
            "群主不能退群：先用 set_role 转让，或用 remove_group 解散。"
            " The owner cannot leave: hand the group over with set_role, or use remove_group."
        )
    api_groups.remove_member(world, group, user_id, user_id, "leave")


def kick(world: World, user_id: int, operator_id: int | None, group_id: int) -> None:
    group = heard_group(world, group_id)
    member = member_of(world, group, user_id)
    operator = operator_for(world, group, operator_id, member)
    how = "kick_me" if user_id == BOT else "kick"
    api_groups.remove_member(world, group, user_id, operator, how)


# what a member is


def checked_role(role: Any) -> None:
    if not isinstance(role, str) or role not in RANK:
        raise ValueError(
            f"角色是 owner、admin 或 member，不是 {role!r}。"
            f" A role is owner, admin or member, not {role!r}."
        )


def set_role(world: World, user_id: int, role: str, operator_id: int | None, group_id: int) -> None:
    """A new owner makes the old one a plain member. Only the owner may; unnamed, it is so."""
    group = any_group(world, group_id)
    member = member_of(world, group, user_id)
    checked_role(role)
    if operator_id is not None:
        operator_for(world, group, operator_id, None, owner=True)
    if member.role == role:
        return
    if role == "owner":
        for other in group.members.values():
            other.role = "member" if other.role == "owner" else other.role
    elif member.role == "owner":
        raise Failure(
            "群主不能直接降级：用 set_role 让别人当群主。"
            " The owner stays the owner until set_role makes somebody else the owner."
        )
    was_admin = member.role == "admin"
    member.role = role
    if BOT in group.members and (was_admin or role == "admin"):
        kind = "set" if role == "admin" else "unset"
        who = {"group_id": group_id, "user_id": user_id}
        world.publish(events.notice("group_admin", sub_type=kind, **who))


def set_card(world: World, user_id: int, card: str, operator_id: int | None, group_id: int) -> None:
    group = any_group(world, group_id)
    member = member_of(world, group, user_id)
    if operator_id not in (None, user_id):
        operator_for(world, group, operator_id, member)
    old, member.card = member.card, card
    if BOT in group.members and old != card:
        who = {"group_id": group_id, "user_id": user_id}
        world.publish(events.notice("group_card", card_new=card, card_old=old, **who))


def set_title(
    world: World, user_id: int, title: str, operator_id: int | None, group_id: int
) -> None:
    group = any_group(world, group_id)
    member = member_of(world, group, user_id)
    if operator_id is not None:
        operator_for(world, group, operator_id, None, owner=True)
    changed, member.title = member.title != title, title
    if BOT in group.members and changed:
        who = {"group_id": group_id, "user_id": user_id}
        world.publish(events.notice("notify", sub_type="title", title=title, **who))


def mute(world: World, user_id: int, seconds: int, operator_id: int | None, group_id: int) -> None:
    group = heard_group(world, group_id)
    member = member_of(world, group, user_id)
    operator = operator_for(world, group, operator_id, member)
    api_groups.mute(world, group, member, seconds, operator)


def mute_all(world: World, on: bool, operator_id: int | None, group_id: int) -> None:
    group = heard_group(world, group_id)
    operator = operator_for(world, group, operator_id, None)
    group.all_muted = on
    kind, duration = ("ban", -1) if on else ("lift_ban", 0)
    who = {"group_id": group_id, "operator_id": operator, "user_id": 0}
    world.publish(events.notice("group_ban", sub_type=kind, duration=duration, **who))


def is_muted(group: Group, member: Member) -> bool:
    return member.muted_until > time.time() or (group.all_muted and member.role == "member")
