"""How segments arrive, and how messages are looked up."""

from __future__ import annotations

import json
from typing import Any

import pytest
from websocket import create_connection

from onebot_simple.simulator import Simulator

from .callers import Caller

ALICE, GROUP = 20001, 30001
FACE = {"type": "face", "data": {"id": "14"}}
MARKET = {
    "type": "mface",
    "data": {"emoji_id": "abcdef", "emoji_package_id": 5, "key": "k", "summary": "[cat]"},
}


def event_of(simulator: Simulator, message: Any, by_bot: bool = False) -> dict[str, Any]:
    socket = create_connection(simulator.ws_url, suppress_origin=True, timeout=5)
    try:
        socket.recv()
        if by_bot:
            params = {"group_id": GROUP, "message": message}
            socket.send(json.dumps({"action": "send_group_msg", "params": params}))
        else:
            simulator.send_group(message)
        event: dict[str, Any] = json.loads(socket.recv())
        return event
    finally:
        socket.close(timeout=1)
        socket.shutdown()  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("by_bot", [False, True])
def test_a_face_carries_raw(by_bot: bool) -> None:
    with Simulator(report_self_message=True) as simulator:
        event = event_of(simulator, [FACE], by_bot)
    assert event["post_type"] == ("message_sent" if by_bot else "message")
    data = event["message"][0]["data"]
    assert (data["id"], data["raw"]["faceIndex"]) == ("14", 14)
    assert event["raw_message"].startswith('[CQ:face,id=14,raw={"faceIndex":14&#44;')


@pytest.mark.parametrize("by_bot", [False, True])
def test_a_market_face_arrives_as_a_picture(by_bot: bool) -> None:
    with Simulator(report_self_message=True) as simulator:
        event = event_of(simulator, [MARKET], by_bot)
    (part,) = event["message"]
    assert part["type"] == "image"
    assert part["data"]["summary"] == "[cat]"
    assert part["data"]["file"] == "ab-abcdef.gif"
    assert set(part["data"]) == {
        "summary",
        "file",
        "url",
        "key",
        "emoji_id",
        "emoji_package_id",
    }


def test_what_the_bot_sent_is_told_to_tests_as_it_was_sent(napcat: Caller) -> None:
    napcat.data("send_group_msg", group_id=GROUP, message=[FACE, MARKET])
    assert napcat.simulator.wait_reply()["message"] == [FACE, MARKET]


def test_a_looked_up_message_has_no_target_id_and_its_likes(napcat: Caller) -> None:
    said = napcat.simulator.send_private("hi")["message_id"]
    sent = napcat.data("send_group_msg", group_id=GROUP, message="hi")["message_id"]
    for message_id in (said, sent):
        message = napcat.data("get_msg", message_id=message_id)
        assert "target_id" not in message
        assert message["emoji_likes_list"] == []
    for action, where in (
        ("get_friend_msg_history", {"user_id": ALICE}),
        ("get_group_msg_history", {"group_id": GROUP}),
    ):
        (message,) = napcat.data(action, **where)["messages"]
        assert "target_id" not in message


@pytest.mark.parametrize("count", [0, -1])
def test_an_empty_history_is_a_failure(napcat: Caller, count: int) -> None:
    who = {"user_id": ALICE}
    assert napcat.call("get_friend_msg_history", **who)["retcode"] == napcat.FAILED
    napcat.simulator.send_private("hi")
    assert len(napcat.data("get_friend_msg_history", **who)["messages"]) == 1
    answer = napcat.call("get_friend_msg_history", **who, count=count)
    assert answer["retcode"] == napcat.FAILED
    assert answer["message"].startswith("消息undefined不存在")


def test_friends_have_no_category_names(napcat: Caller) -> None:
    (friend,) = napcat.data("get_friend_list")
    assert not {"categoryName", "categoryId"} & set(friend)


def test_files_are_told_without_their_content(napcat: Caller) -> None:
    record = {"type": "record", "data": {"file": "base64://eA=="}}
    said = napcat.simulator.send_private(record)["message_id"]
    name = napcat.data("get_msg", message_id=said)["message"][0]["data"]["file"]
    for action in ("get_file", "get_image"):
        assert "base64" not in napcat.data(action, file=name)
    assert napcat.data("get_record", file=name, out_format="mp3")["file"].endswith(".mp3")
    assert napcat.call("get_record", file=name, out_format="exe")["retcode"] == napcat.FAILED


NO_DATA = [
    ("send_like", {"user_id": ALICE}),
    ("set_friend_remark", {"user_id": ALICE, "remark": "r"}),
    ("_send_group_notice", {"group_id": GROUP, "content": "c"}),
    ("set_group_sign", {"group_id": GROUP}),
    ("send_group_sign", {"group_id": GROUP}),
    ("nc_get_packet_status", {}),
]


@pytest.mark.parametrize(("action", "params"), NO_DATA)
def test_actions_whose_answer_has_no_data(napcat: Caller, action: str, params: Any) -> None:
    answer = napcat.call(action, **params)
    assert answer["status"] == "ok"
    assert "data" not in answer


def test_actions_whose_data_is_null(napcat: Caller) -> None:
    said = napcat.simulator.send_group("hi")["message_id"]
    for action, params in (
        ("delete_msg", {"message_id": said}),
        ("set_group_leave", {"group_id": GROUP, "is_dismiss": True}),
    ):
        answer = napcat.call(action, **params)
        assert (answer["status"], answer["data"]) == ("ok", None)
    assert "ignores is_dismiss" in napcat.notes[0]


def test_a_friend_who_is_none_is_deleted_without_an_error(napcat: Caller) -> None:
    for user in (20002, 999):
        assert napcat.data("delete_friend", user_id=user)["valid"] is False
    assert napcat.data("delete_friend", user_id=ALICE).get("valid") is None
    assert napcat.data("get_friend_list") == []
