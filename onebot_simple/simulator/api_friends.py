"""Actions on friends, strangers and requests."""

from __future__ import annotations

from typing import Any

from . import events
from .registry import ABSENT, action
from .schema import Params
from .world import BOT, Failure, Group, Member, Person, Request, World


@action("send_like", "user_id:id! times:numeric=1")
def send_like(world: World, params: Params) -> Any:
    world.person(params["user_id"])
    if not 1 <= params["times"] <= 20:
        raise Failure("点赞失败 今日同一好友点赞数已达上限 · times is from 1 to 20")
    return ABSENT


@action("get_stranger_info", "user_id:id! no_cache:only_if_true")
def get_stranger_info(world: World, params: Params) -> Any:
    person = world.person(params["user_id"])
    return {
        "user_id": person.user_id,
        "uid": f"u_{person.user_id}",
        "nickname": person.nickname,
        "age": person.age,
        "qid": "",
        "qqLevel": 1,
        "sex": person.sex,
        "long_nick": person.long_nick,
        "reg_time": 2020,
        "is_vip": False,
        "is_years_vip": False,
        "vip_level": 0,
        "remark": person.remark,
        "status": 10,
        "login_days": 1,
    }


def _friend(person: Person) -> dict[str, Any]:
    return {
        "birthday_year": 2000,
        "birthday_month": 1,
        "birthday_day": 1,
        "age": person.age,
        "category_id": 0,
        "email": "",
        "phone_num": "-",
        "level": 1,
        "nickname": person.nickname,
        "remark": person.remark,
        "sex": person.sex,
        "user_id": person.user_id,
    }


def _friends(world: World) -> list[dict[str, Any]]:
    return [_friend(person) for person in world.people.values() if person.is_friend]


@action("get_friend_list", "no_cache:only_if_true")
def get_friend_list(world: World, params: Params) -> Any:
    return _friends(world)


@action("get_friends_with_category")
def get_friends_with_category(world: World, params: Params) -> Any:
    friends = _friends(world)
    return [
        {
            "categoryId": 0,
            "categorySortId": 0,
            "categoryName": "我的好友",
            "categoryMbCount": len(friends),
            "onlineCount": len(friends),
            "buddyList": friends,
        }
    ]


@action("get_unidirectional_friend_list")
def get_unidirectional_friend_list(world: World, params: Params) -> Any:
    return []


@action("delete_friend", "friend_id:id user_id:id temp_block:boolean temp_both_del:boolean")
def delete_friend(world: World, params: Params) -> Any:
    wanted = params["user_id"] if params["friend_id"] is None else params["friend_id"]
    person = world.people.get(wanted)
    if person is None or not person.is_friend:
        return {"valid": False, "message": "好友不存在" if person is None else "不是好友"}
    person.is_friend = False
    return {"result": 0, "errMsg": ""}


@action("set_friend_remark", "user_id:id! remark!")
def set_friend_remark(world: World, params: Params) -> Any:
    person = world.person(params["user_id"])
    if not person.is_friend:
        raise Failure(
            f"{params['user_id']} 不是机器人的好友。 {params['user_id']} is no friend of the bot."
        )
    person.remark = params["remark"]
    return ABSENT


@action("send_poke group_poke friend_poke", "group_id:id user_id:id! target_id:id")
def send_poke(world: World, params: Params) -> Any:
    target = params["user_id"] if params["target_id"] is None else params["target_id"]
    if params["group_id"] is None:
        world.person(target)
        publish_poke(world, BOT, target)
    else:
        group = world.group(params["group_id"])
        world.member(group, target)
        publish_poke(world, BOT, target, group.group_id)
    return ABSENT


def publish_poke(world: World, user_id: int, target_id: int, group_id: int | None = None) -> None:
    who: dict[str, Any] = {"user_id": user_id, "target_id": target_id, "raw_info": []}
    if group_id is None:
        who["sender_id"] = user_id
    else:
        who["group_id"] = group_id
    world.publish(events.notice("notify", sub_type="poke", **who))


@action("set_friend_add_request", 'flag! approve:unless_false=true remark=""')
def set_friend_add_request(world: World, params: Params) -> Any:
    settle_friend(world, params["flag"], params["approve"], params["remark"] or "")
    return ABSENT


def settle_friend(world: World, flag: str, approve: bool, remark: str = "") -> None:
    request = world.request(flag, "friend")
    request.settled = True
    person = world.known_person(request.user_id)
    person.remark = remark or person.remark  # NapCat sets it after a refusal, too
    if approve:
        person.is_friend = True
        world.publish(events.notice("friend_add", user_id=person.user_id))


@action("set_group_add_request", "flag! approve:unless_false=true reason:string? count:numeric=100")
def set_group_add_request(world: World, params: Params) -> Any:
    settle_group(world, params["flag"], params["approve"])


def settle_group(world: World, flag: str, approve: bool) -> None:
    request = world.request(flag, "group")
    if request.sub_type == "add":
        world.require_power(world.group(request.group_id))
    request.settled = True
    if not approve:
        return
    if request.sub_type == "invite":
        group = world.groups.setdefault(
            request.group_id, Group(request.group_id, request.group_name)
        )
        group.members.setdefault(request.user_id, Member(request.user_id, "owner"))
        add_member(world, group, BOT, request.user_id, "invite")
    else:
        add_member(world, world.group(request.group_id), request.user_id, BOT, "approve")


def add_member(world: World, group: Group, user_id: int, operator_id: int, how: str) -> None:
    world.known_person(user_id)
    group.members[user_id] = Member(user_id)
    world.publish(
        events.notice(
            "group_increase",
            sub_type=how,
            group_id=group.group_id,
            operator_id=operator_id,
            user_id=user_id,
        )
    )


@action("get_group_system_msg", "count:numeric=50")
def get_group_system_msg(world: World, params: Params) -> Any:
    invited = [_notify(world, r) for r in world.requests.values() if r.sub_type == "invite"]
    joins = [_notify(world, r) for r in world.requests.values() if r.sub_type == "add"]
    return {"invited_requests": invited, "InvitedRequest": invited, "join_requests": joins}


def _notify(world: World, request: Request) -> dict[str, Any]:
    nickname = world.known_person(request.user_id).nickname
    return {
        "request_id": int(request.flag),
        "invitor_uin": request.user_id,
        "invitor_nick": nickname,
        "group_id": request.group_id,
        "message": request.comment,
        "group_name": request.group_name,
        "checked": request.settled,
        "actor": BOT if request.settled else 0,
        "requester_nick": nickname,
    }
