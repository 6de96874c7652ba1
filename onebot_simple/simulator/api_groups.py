"""Actions on groups and their members."""

from __future__ import annotations

import time
from typing import Any

from . import events
from .registry import ABSENT, action
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


@action("set_group_kick", _WHO + " reject_add_request:boolean=false")
def set_group_kick(world: World, params: Params) -> Any:
    group, member = _target(world, params)
    if member.user_id == BOT:
        raise Failure("不能踢自己 cannot kick oneself")
    world.require_power(group, member)
    remove_member(world, group, member.user_id, BOT, "kick")


@action("set_group_kick_members", "group_id:id! user_id:list! reject_add_request:any")
def set_group_kick_members(world: World, params: Params) -> Any:
    group = world.group(params["group_id"])
    wanted = {str(user_id) for user_id in params["user_id"]}
    for member in [m for m in group.members.values() if str(m.user_id) in wanted]:
        set_group_kick(world, {"group_id": group.group_id, "user_id": member.user_id})


@action("set_group_ban", _WHO + " duration:number=0")
def set_group_ban(world: World, params: Params) -> Any:
    group, member = _target(world, params)
    if member.user_id == BOT:
        raise Failure("不能禁言自己 cannot mute oneself")
    world.require_power(group, member)
    mute(world, group, member, int(params["duration"]), BOT)


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


@action("set_group_whole_ban", "group_id:id! enable:boolean=true")
def set_group_whole_ban(world: World, params: Params) -> Any:
    group = world.group(params["group_id"])
    world.require_power(group)
    group.all_muted = params["enable"]
    kind, duration = ("ban", -1) if params["enable"] else ("lift_ban", 0)
    _publish(
        world, "group_ban", group, sub_type=kind, operator_id=BOT, user_id=0, duration=duration
    )


@action("set_group_admin", _WHO + " enable:boolean=false")
def set_group_admin(world: World, params: Params) -> Any:
    group, member = _target(world, params)
    world.require_power(group, member, owner=True)
    if member.user_id == BOT:
        raise Failure("不能设置自己 cannot change oneself")
    member.role = "admin" if params["enable"] else "member"
    kind = "set" if params["enable"] else "unset"
    _publish(world, "group_admin", group, sub_type=kind, user_id=member.user_id)


@action("set_group_card", _WHO + ' card=""')
def set_group_card(world: World, params: Params) -> Any:
    group, member = _target(world, params)
    if member.user_id != BOT:
        world.require_power(group, member)
    old, member.card = member.card, params["card"]
    _publish(world, "group_card", group, user_id=member.user_id, card_new=member.card, card_old=old)


@action("set_group_name", "group_id:id! group_name!")
def set_group_name(world: World, params: Params) -> Any:
    group = world.group(params["group_id"])
    world.require_power(group)
    group.group_name = params["group_name"]
    _publish(world, "notify", group, sub_type="group_name", user_id=BOT, name_new=group.group_name)


@action("set_group_leave", "group_id:id! is_dismiss:boolean=false")
def set_group_leave(world: World, params: Params) -> Any:
    group = world.group(params["group_id"])
    dismissed = params["is_dismiss"] and group.members[BOT].role == "owner"
    remove_member(world, group, BOT, BOT, "disband" if dismissed else "leave")
    if dismissed:
        for user_id in list(group.members):
            group.let_go(user_id)
    return ABSENT


@action("set_group_special_title", _WHO + ' special_title=""')
def set_group_special_title(world: World, params: Params) -> Any:
    group, member = _target(world, params)
    world.require_power(group, owner=True)
    member.title = params["special_title"]
    _publish(world, "notify", group, sub_type="title", user_id=member.user_id, title=member.title)
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


@action("get_group_info get_group_detail_info", "group_id:id! no_cache:any")
def get_group_info(world: World, params: Params) -> Any:
    return _described(world.group(params["group_id"]))


@action("get_group_list", "no_cache:any")
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


@action("get_group_member_info", _WHO + " no_cache:any")
def get_group_member_info(world: World, params: Params) -> Any:
    return _member(world, *_target(world, params))


@action("get_group_member_list", "group_id:id! no_cache:any")
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


@action("get_group_honor_info", 'group_id:id! type="all"')
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


@action("_send_group_notice", "group_id:id! content! image pinned:any type:any")
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


@action("_get_group_notice", "group_id:id!")
def get_group_notice(world: World, params: Params) -> Any:
    return list(world.group(params["group_id"]).notices.values())


@action("_del_group_notice", "group_id:id! notice_id!")
def del_group_notice(world: World, params: Params) -> Any:
    group = world.group(params["group_id"])
    world.require_power(group)
    if group.notices.pop(params["notice_id"], None) is None:
        raise Failure("公告不存在 no such notice")
    return {"result": 0, "errMsg": ""}
