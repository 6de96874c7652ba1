"""Actions on groups and their members.

What changes nothing causes no event: a bot that answers an event with the action that caused it
would otherwise hear of itself for ever.
"""

from __future__ import annotations

import time
from typing import Any

from . import events
from .registry import ABSENT, action, note
from .schema import Params
from .world import BOT, Failure, Group, Member, World

_WHO = "group_id:id! user_id:id!"


def _publish(world: World, kind: str, group: Group, **fields: Any) -> None:
    world.publish(events.notice(kind, group_id=group.group_id, **fields))


def _target(world: World, params: Params) -> tuple[Group, Member]:
    group = world.group(params["group_id"])
    return group, world.member(group, params["user_id"])


def remove_member(world: World, group: Group, user_id: int, operator_id: int, how: str) -> None:
    group.let_go(user_id)
    _publish(world, "group_decrease", group, sub_type=how, operator_id=operator_id, user_id=user_id)


@action("set_group_kick", _WHO + " reject_add_request:only_if_true=false")
def set_group_kick(world: World, params: Params) -> Any:
    group, member = _target(world, params)
    if member.user_id == BOT:
        raise Failure(
            "机器人不能踢自己，请用 set_group_leave。"
            " The bot cannot kick itself: use set_group_leave."
        )
    world.require_power(group, member)
    remove_member(world, group, member.user_id, BOT, "kick")


@action("set_group_kick_members", "group_id:id! user_id:strings! reject_add_request:only_if_true")
def set_group_kick_members(world: World, params: Params) -> Any:
    group = world.group(params["group_id"])
    wanted = set(params["user_id"])
    for member in [m for m in group.members.values() if str(m.user_id) in wanted]:
        set_group_kick(world, {"group_id": group.group_id, "user_id": member.user_id})


@action("set_group_ban", _WHO + " duration:numeric")
def set_group_ban(world: World, params: Params) -> Any:
    group, member = _target(world, params)
    if params["duration"] is None:
        note(
            world,
            "没有 duration：NapCat 当作 0，也就是解除禁言（标准里是 1800 秒）。",
            "There is no duration: NapCat takes 0, which lifts the ban (the standard's default is"
            " 1800 s).",
        )
    if member.user_id == BOT:
        raise Failure("机器人不能禁言自己。 The bot cannot mute itself.")
    world.require_power(group, member)
    duration = int(params["duration"] or 0)
    if duration > 0 or member.muted_until > time.time():
        mute(world, group, member, duration, BOT)


def mute(world: World, group: Group, member: Member, duration: int, operator_id: int) -> None:
    member.muted_until = int(time.time()) + duration if duration > 0 else 0
    _publish(
        world,
        "group_ban",
        group,
        sub_type="ban" if duration > 0 else "lift_ban",
        operator_id=operator_id,
        user_id=member.user_id,
        duration=max(duration, 0),
    )


@action("set_group_whole_ban", "group_id:id! enable:unless_false=true")
def set_group_whole_ban(world: World, params: Params) -> Any:
    group = world.group(params["group_id"])
    world.require_power(group)
    if group.all_muted == params["enable"]:
        return
    group.all_muted = params["enable"]
    kind, duration = ("ban", -1) if params["enable"] else ("lift_ban", 0)
    _publish(
        world, "group_ban", group, sub_type=kind, operator_id=BOT, user_id=0, duration=duration
    )


@action("set_group_admin", _WHO + " enable:only_if_true")
def set_group_admin(world: World, params: Params) -> Any:
    group, member = _target(world, params)
    if params["enable"] is None:
        note(
            world,
            "没有 enable：NapCat 当作 false，也就是取消管理员（标准里默认是 true）。",
            "There is no enable: NapCat takes false and takes the admin away (the standard's"
            " default is true).",
        )
    world.require_power(group, member, owner=True)
    if member.user_id == BOT:
        raise Failure("机器人不能改自己的身份。 The bot cannot change its own role.")
    role = "admin" if params["enable"] else "member"
    if member.role == role:
        return
    member.role = role
    kind = "set" if params["enable"] else "unset"
    _publish(world, "group_admin", group, sub_type=kind, user_id=member.user_id)


@action("set_group_card", _WHO + ' card=""')
def set_group_card(world: World, params: Params) -> Any:
    group, member = _target(world, params)
    if member.user_id != BOT:
        world.require_power(group, member)
    old, new = member.card, params["card"]
    member.card = new
    if old != new:
        who = {"user_id": member.user_id, "card_new": new, "card_old": old}
        _publish(world, "group_card", group, **who)


@action("set_group_name", "group_id:id! group_name!")
def set_group_name(world: World, params: Params) -> Any:
    group = world.group(params["group_id"])
    world.require_power(group)
    name = params["group_name"]
    changed, group.group_name = group.group_name != name, name
    if changed:
        _publish(world, "notify", group, sub_type="group_name", user_id=BOT, name_new=name)


@action("set_group_leave", "group_id:id! is_dismiss:only_if_true=false")
def set_group_leave(world: World, params: Params) -> Any:
    group = world.group(params["group_id"])
    if params["is_dismiss"]:
        note(
            world,
            "NapCat 不理会 is_dismiss：机器人只是退群。",
            "NapCat ignores is_dismiss: the bot only leaves the group.",
        )
    remove_member(world, group, BOT, BOT, "leave")


@action("set_group_special_title", _WHO + ' special_title=""')
def set_group_special_title(world: World, params: Params) -> Any:
    group, member = _target(world, params)
    world.require_power(group, owner=True)
    title = params["special_title"]
    changed, member.title = member.title != title, title
    if changed:
        _publish(world, "notify", group, sub_type="title", user_id=member.user_id, title=title)
    return ABSENT


def _described(group: Group) -> dict[str, Any]:
    return {
        "group_all_shut": -1 if group.all_muted else 0,
        "group_remark": group.remark,
        "group_id": group.group_id,
        "group_name": group.group_name,
        "member_count": len(group.members),
        "max_member_count": 200,
    }


@action("get_group_info get_group_detail_info", "group_id:id!")
def get_group_info(world: World, params: Params) -> Any:
    return _described(world.group(params["group_id"]))


@action("get_group_list", "no_cache:only_if_true")
def get_group_list(world: World, params: Params) -> Any:
    return [_described(group) for group in world.groups.values() if BOT in group.members]


def _member(world: World, group: Group, member: Member) -> dict[str, Any]:
    person = world.known_person(member.user_id)
    return {
        "group_id": group.group_id,
        "user_id": member.user_id,
        "nickname": person.nickname,
        "card": member.card,
        "sex": person.sex,
        "age": person.age,
        "area": "",
        "level": "1",
        "qq_level": 1,
        "join_time": member.join_time,
        "last_sent_time": member.last_sent_time,
        "title_expire_time": 0,
        "unfriendly": False,
        "card_changeable": True,
        "is_robot": False,
        "shut_up_timestamp": member.muted_until,
        "role": member.role,
        "title": member.title,
    }


@action("get_group_member_info", _WHO + " no_cache:only_if_true")
def get_group_member_info(world: World, params: Params) -> Any:
    return _member(world, *_target(world, params))


@action("get_group_member_list", "group_id:id! no_cache:only_if_true")
def get_group_member_list(world: World, params: Params) -> Any:
    group = world.group(params["group_id"])
    return [_member(world, group, member) for member in group.members.values()]


@action("get_group_shut_list", "group_id:id!")
def get_group_shut_list(world: World, params: Params) -> Any:
    group = world.group(params["group_id"])
    muted = [m for m in group.members.values() if m.muted_until > time.time()]
    return [
        {
            "uin": str(m.user_id),
            "nick": world.known_person(m.user_id).nickname,
            "shutUpTime": m.muted_until,
        }
        for m in muted
    ]


_HONORS = "all|talkative|performer|legend|strong_newbie|emotion"


@action("get_group_honor_info", f'group_id:id! type:{_HONORS}="all"')
def get_group_honor_info(world: World, params: Params) -> Any:
    group = world.group(params["group_id"])
    lists = ("talkative", "performer", "legend", "emotion", "strong_newbie")
    honors: dict[str, Any] = {f"{name}_list": [] for name in lists}
    return {"group_id": group.group_id, "current_talkative": {}, **honors}


@action("get_group_at_all_remain", "group_id:id!")
def get_group_at_all_remain(world: World, params: Params) -> Any:
    group = world.group(params["group_id"])
    return {
        "can_at_all": group.members[BOT].role != "member",
        "remain_at_all_count_for_group": 20,
        "remain_at_all_count_for_uin": 10,
    }


@action("set_group_remark", "group_id:id! remark!")
def set_group_remark(world: World, params: Params) -> Any:
    world.group(params["group_id"]).remark = params["remark"]


@action("set_group_sign send_group_sign", "group_id:id!")
def set_group_sign(world: World, params: Params) -> Any:
    world.group(params["group_id"])
    return ABSENT


_POLICIES = "disabled|require_approval|no_approval|no_approval_under_100"
_PERMISSIONS = ("upload_album", "temporary_session", "create_group")


def _only_as_admin(world: World, params: Params) -> Any:
    """Settings that nothing in this world depends on."""
    world.require_power(world.group(params["group_id"]))


action("set_group_member_invite_policy", f"group_id:id! policy:{_POLICIES}!")(_only_as_admin)
action("set_group_new_member_history_visibility", "group_id:id! visible:boolean!")(_only_as_admin)
action(
    "set_group_member_permissions",
    "group_id:id! " + " ".join(f"allow_member_{name}:boolean" for name in _PERMISSIONS),
)(_only_as_admin)


@action(
    "_send_group_notice",
    "group_id:id! content! image pinned:mixed=0 type:mixed=1 confirm_required:mixed=1"
    " is_show_edit_card:mixed=0 tip_window_type:mixed=0",
)
def send_group_notice(world: World, params: Params) -> Any:
    group = world.group(params["group_id"])
    world.require_power(group)
    notice_id = f"notice-{world.count('notice')}"
    group.notices[notice_id] = {
        "sender_id": BOT,
        "publish_time": int(time.time()),
        "notice_id": notice_id,
        "message": {"text": params["content"], "image": [], "images": []},
        "read_num": 0,
    }
    return ABSENT


@action("_get_group_notice", "group_id:id!")
def get_group_notice(world: World, params: Params) -> Any:
    return list(world.group(params["group_id"]).notices.values())


@action("_del_group_notice", "group_id:id! notice_id!")
def del_group_notice(world: World, params: Params) -> Any:
    group = world.group(params["group_id"])
    world.require_power(group)
    if group.notices.pop(params["notice_id"], None) is None:
        notice = params["notice_id"]
        raise Failure(f"没有公告 {notice}。 There is no announcement {notice}.")
    return {"result": 0, "errMsg": ""}
