"""Actions on messages: send, recall, look up, react."""

from __future__ import annotations

import time
from typing import Any

from . import events
from .forwards import send_nodes
from .messages import delivered, parse_message, send
from .registry import ABSENT, NoReply, action
from .schema import BadParams, Params, check, parse
from .world import BOT, Failure, Group, Message, World

_TARGET = parse("message_type user_id:id group_id:id auto_escape:boolean=false")


def _send(world: World, given: Params, kind: str | None, name: str) -> dict[str, Any]:
    params = check(_TARGET, given)
    if given.get("message") is None:
        raise NoReply
    segments = parse_message(given["message"], params["auto_escape"])
    group_id, user_id = params["group_id"], params["user_id"]
    kind = kind or params["message_type"] or ("group" if group_id is not None else "private")
    if kind not in ("private", "group"):
        raise BadParams("message_type 只能是 private 或 group")
    if kind == "group" and group_id is None:
        raise Failure("请指定 group_id")
    if kind == "private" and user_id is None:
        raise Failure("请指定正确的 group_id 或 user_id")
    target = {"group_id": group_id} if kind == "group" else {"user_id": user_id}
    if any(segment["type"] == "node" for segment in segments):
        return send_nodes(world, segments, name, **target)
    return {"message_id": send(world, segments, name, **target).message_id}


@action("send_private_msg", None)
def send_private_msg(world: World, params: Params) -> Any:
    return _send(world, params, "private", "send_private_msg")


@action("send_group_msg", None)
def send_group_msg(world: World, params: Params) -> Any:
    return _send(world, params, "group", "send_group_msg")


@action("send_msg", None)
def send_msg(world: World, params: Params) -> Any:
    return _send(world, params, None, "send_msg")


@action("delete_msg", "message_id:id!")
def delete_msg(world: World, params: Params) -> Any:
    message = world.message(params["message_id"])
    if message.user_id != BOT:
        if message.group_id is None:
            raise Failure("只能撤回自己的消息 only own messages")
        group = world.group(message.group_id)
        world.require_power(group, group.members.get(message.user_id))
    recall(world, message, BOT)
    return ABSENT


def recall(world: World, message: Message, operator_id: int) -> None:
    message.recalled = True
    who = {"user_id": message.user_id, "message_id": message.message_id}
    if message.group_id is None:
        world.publish(events.notice("friend_recall", **who))
    else:
        where = {"group_id": message.group_id, "operator_id": operator_id}
        world.publish(events.notice("group_recall", **where, **who))


@action("get_msg", "message_id:id!")
def get_msg(world: World, params: Params) -> Any:
    return events.message_event(world, world.message(params["message_id"]))


@action("get_group_msg_history", "group_id:id! message_seq:id count:number=20 reverse_order:any")
def get_group_msg_history(world: World, params: Params) -> Any:
    return _page(world, world.history(world.group(params["group_id"]).group_id), params)


@action("get_friend_msg_history", "user_id:id! message_seq:id count:number=20 reverse_order:any")
def get_friend_msg_history(world: World, params: Params) -> Any:
    return _page(world, world.history(None, world.person(params["user_id"]).user_id), params)


def _page(world: World, history: list[Message], params: Params) -> dict[str, Any]:
    """The last `count` messages up to message_seq (0 and nothing mean the newest)."""
    if params["message_seq"]:
        numbers = [message.message_id for message in history]
        if params["message_seq"] not in numbers:
            raise Failure("消息不存在")
        history = history[: numbers.index(params["message_seq"]) + 1]
    count = max(int(params["count"]), 0)
    chosen = history[-count:] if count else []
    return {"messages": [events.message_event(world, message) for message in chosen]}


@action(
    "mark_msg_as_read mark_group_msg_as_read mark_private_msg_as_read",
    "user_id:id group_id:id message_id:id",
)
def mark_msg_as_read(world: World, params: Params) -> Any:
    if params["group_id"] is not None:
        world.group(params["group_id"])
    elif params["user_id"] is not None:
        world.person(params["user_id"])
    elif params["message_id"] is not None:
        world.message(params["message_id"])
    else:
        raise Failure("缺少参数 group_id 或 user_id")


@action("_mark_all_as_read")
def mark_all_as_read(world: World, params: Params) -> Any:
    return None


@action("set_msg_emoji_like", "message_id:id! emoji_id! set:boolean=true")
def set_msg_emoji_like(world: World, params: Params) -> Any:
    message = world.message(params["message_id"])
    likers = message.likes.setdefault(params["emoji_id"], set())
    if params["set"]:
        likers.add(BOT)
    else:
        likers.discard(BOT)
    if message.group_id is not None:
        likes = [{"emoji_id": params["emoji_id"], "count": max(len(likers), 1)}]
        world.publish(
            events.notice(
                "group_msg_emoji_like",
                group_id=message.group_id,
                user_id=BOT,
                message_id=message.message_id,
                likes=likes,
                is_add=params["set"],
            )
        )
    return {"result": 0, "errMsg": ""}


def _likers(world: World, message_id: Any, emoji_id: Any) -> list[tuple[int, str]]:
    likers = sorted(world.message(message_id).likes.get(str(emoji_id), ()))
    return [(user_id, world.known_person(user_id).nickname) for user_id in likers]


@action("fetch_emoji_like", 'message_id:id! emojiId! emojiType! count:number=20 cookie=""')
def fetch_emoji_like(world: World, params: Params) -> Any:
    likers = _likers(world, params["message_id"], params["emojiId"])
    return {
        "emojiLikesList": [
            {"tinyId": str(user_id), "nickName": nickname, "headUrl": ""}
            for user_id, nickname in likers
        ],
        "cookie": "",
        "isLastPage": True,
        "isFirstPage": True,
        "result": 0,
        "errMsg": "",
    }


@action("get_emoji_likes", "group_id:id message_id:id! emoji_id! emoji_type count:number=0")
def get_emoji_likes(world: World, params: Params) -> Any:
    likers = _likers(world, params["message_id"], params["emoji_id"])
    listed = [{"user_id": str(user_id), "nick_name": nickname} for user_id, nickname in likers]
    return {"emoji_like_list": listed}


@action("set_essence_msg", "message_id:id!")
def set_essence_msg(world: World, params: Params) -> Any:
    message = world.message(params["message_id"])
    group = _essence_group(world, message)
    group.essence[message.message_id] = {"operator_id": BOT, "operator_time": int(time.time())}
    world.publish(
        events.notice(
            "essence",
            sub_type="add",
            group_id=group.group_id,
            user_id=message.user_id,
            sender_id=message.user_id,
            operator_id=BOT,
            message_id=message.message_id,
        )
    )
    return {"errCode": 0, "errMsg": "success"}


def _essence_group(world: World, message: Message) -> Group:
    if message.group_id is None:
        raise Failure("只有群消息能设为精华 only group messages")
    group = world.group(message.group_id)
    world.require_power(group)
    return group


@action("delete_essence_msg", "message_id:id msg_seq msg_random group_id:id")
def delete_essence_msg(world: World, params: Params) -> Any:
    message = world.message(params["message_id"])
    if _essence_group(world, message).essence.pop(message.message_id, None) is None:
        raise Failure("这条消息不是精华 not an essence message")
    return {"errCode": 0, "errMsg": "success"}


@action("get_essence_msg_list", "group_id:id!")
def get_essence_msg_list(world: World, params: Params) -> Any:
    group = world.group(params["group_id"])
    chosen = [(m, e) for m, e in group.essence.items() if m in world.messages]
    return [_essence_item(world, world.messages[m], entry) for m, entry in chosen]


def _essence_item(world: World, message: Message, entry: dict[str, Any]) -> dict[str, Any]:
    return {
        "msg_seq": message.seq,
        "msg_random": message.message_id,
        "sender_id": message.user_id,
        "sender_nick": world.known_person(message.user_id).nickname,
        "operator_id": entry["operator_id"],
        "operator_nick": world.known_person(entry["operator_id"]).nickname,
        "message_id": message.message_id,
        "operator_time": entry["operator_time"],
        "content": message.segments,
    }


@action(
    "forward_friend_single_msg forward_group_single_msg", "message_id:id! group_id:id user_id:id"
)
def forward_single_msg(world: World, params: Params) -> Any:
    message = world.message(params["message_id"])
    if params["group_id"] is not None:
        send(world, message.segments, "forward_group_single_msg", group_id=params["group_id"])
    elif params["user_id"] is not None:
        send(world, message.segments, "forward_friend_single_msg", user_id=params["user_id"])
    else:
        raise Failure("请指定 group_id 或 user_id")


def quick_operation(world: World, event: dict[str, Any], operation: dict[str, Any]) -> None:
    """A reply the way NapCat does it: quoted in groups; delete, kick and ban are ignored."""
    content = operation.get("reply")
    if not content or event.get("message_type") not in ("private", "group"):
        return
    segments = parse_message(content, bool(operation.get("auto_escape")))
    name = ".handle_quick_operation"
    if event["message_type"] == "private":
        send(world, segments, name, user_id=event["user_id"])
        return
    if operation.get("at_sender"):
        segments.insert(0, {"type": "at", "data": {"qq": str(event["user_id"])}})
    segments.insert(0, {"type": "reply", "data": {"id": str(event.get("message_id"))}})
    send(world, delivered(world, segments, True), name, group_id=event["group_id"])


_CONTEXT = parse(
    "time:number! self_id:id! post_type! user_id:id! message_type group_id:id message_id:id"
)


@action(".handle_quick_operation", "context:object! operation:object!")
def handle_quick_operation(world: World, params: Params) -> Any:
    # NapCat's check strips what requests need from the context, so they do nothing here
    context = check(_CONTEXT, params["context"])
    if context["post_type"] == "message":
        quick_operation(world, context, params["operation"])
    return ABSENT
