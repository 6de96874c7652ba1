"""Actions on messages: recall, look up, react. Sending is in api_send.py."""

from __future__ import annotations

import time
from typing import Any

from . import events
from .arrival import as_received
from .forwards import shown
from .registry import action
from .schema import Params, as_id, as_text
from .sending import Chat, send
from .world import BOT, Failure, Group, Message, World


@action("delete_msg", "message_id:id!")
def delete_msg(world: World, params: Params) -> Any:
    message = world.message(params["message_id"])
    if message.user_id != BOT:
        if message.group_id is None:
            raise Failure(
                "私聊里只能撤回自己的消息。 In private the bot recalls its own messages only."
            )
        group = world.group(message.group_id)
        world.require_power(group, group.members.get(message.user_id))
    recall(world, message, BOT)


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
    message = world.message(params["message_id"])
    likes = [
        {"emoji_id": emoji_id, "emoji_type": "1", "likes_cnt": str(len(likers))}
        for emoji_id, likers in message.likes.items()
        if likers
    ]
    return {**shown(world, message), "emoji_likes_list": likes}


_HISTORY = (
    "message_seq count:number=20 reverse_order:boolean=false reverseOrder:boolean=false"
    " disable_get_url:boolean=false parse_mult_msg:boolean=true quick_reply:boolean=false"
)


@action("get_group_msg_history", "group_id:id! " + _HISTORY)
def get_group_msg_history(world: World, params: Params) -> Any:
    return _page(world, world.history(world.group(params["group_id"]).group_id), params)


@action("get_friend_msg_history", "user_id:id! " + _HISTORY)
def get_friend_msg_history(world: World, params: Params) -> Any:
    return _page(world, world.history(None, world.person(params["user_id"]).user_id), params)


def _page(world: World, history: list[Message], params: Params) -> dict[str, Any]:
    """The last `count` messages up to message_seq (0 and nothing mean the newest)."""
    wanted = as_id(params["message_seq"] or 0)
    if wanted != 0:
        numbers = [message.message_id for message in history]
        history = history[: numbers.index(wanted) + 1] if wanted in numbers else []
    count = max(int(params["count"]), 0)
    chosen = history[-count:] if count else []
    if not chosen:
        said = "undefined" if params["message_seq"] is None else params["message_seq"]
        raise Failure(f"消息{said}不存在 · 没有消息 there are no messages")
    return {"messages": [shown(world, message) for message in chosen]}


@action("get_forward_msg", "id message_id")
def get_forward_msg(world: World, params: Params) -> Any:
    wanted = params["message_id"] or params["id"]
    if not wanted:
        raise Failure("message_id is required · 缺少 id 或 message_id")
    nodes = world.forwards.get(wanted)
    if nodes is None:
        segments = world.message(as_id(wanted)).segments
        ids = [as_text(s["data"].get("id")) for s in segments if s["type"] == "forward"]
        nodes = world.forwards.get(ids[0]) if ids else None
    if nodes is None:
        raise Failure("找不到相关的聊天记录 · there is no such forward")
    return {"messages": nodes}


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
        raise Failure("缺少 group_id 或 user_id。 group_id or user_id is missing.")


@action("_mark_all_as_read")
def mark_all_as_read(world: World, params: Params) -> Any:
    return None


@action("set_msg_emoji_like", "message_id:id! emoji_id! set:only_if_true=true")
def set_msg_emoji_like(world: World, params: Params) -> Any:
    message = world.message(params["message_id"])
    likers = message.likes.setdefault(params["emoji_id"], set())
    changed = params["set"] != (BOT in likers)
    if params["set"]:
        likers.add(BOT)
    else:
        likers.discard(BOT)
    if changed and message.group_id is not None:  # else a bot could hear of itself for ever
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
    if message.message_id not in group.essence:
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
        raise Failure("只有群消息能设为精华。 Only a message of a group can be a highlight.")
    group = world.group(message.group_id)
    world.require_power(group)
    return group


@action("delete_essence_msg", "message_id:id msg_seq msg_random group_id:id")
def delete_essence_msg(world: World, params: Params) -> Any:
    message = world.message(params["message_id"])
    if _essence_group(world, message).essence.pop(message.message_id, None) is None:
        raise Failure("这条消息不是精华。 This message is no highlight.")
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
        "content": as_received(message.segments),
    }


@action(
    "forward_friend_single_msg forward_group_single_msg", "message_id:id! group_id:id user_id:id"
)
def forward_single_msg(world: World, params: Params) -> Any:
    message = world.message(params["message_id"])
    group_id, user_id = params["group_id"], params["user_id"]
    if group_id is None and user_id is None:
        raise Failure("缺少 group_id 或 user_id。 group_id or user_id is missing.")
    if group_id is None:
        send(world, message.segments, "forward_friend_single_msg", Chat(None, user_id))
    else:
        send(world, message.segments, "forward_group_single_msg", Chat(group_id))
