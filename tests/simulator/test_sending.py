"""What NapCat makes of a message: where it goes, which segments it drops, what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from onebot_simple.simulator import Simulator

from .callers import Caller, HttpCaller, WsCaller

BOT, ALICE, BOB, GROUP = 10001, 20001, 20002, 30001
HI = {"type": "text", "data": {"text": "hi"}}
PICTURE = "base64://iVBORw0KGgo="


def segment(kind: str, **data: Any) -> dict[str, Any]:
    return {"type": kind, "data": data}


def node(**data: Any) -> dict[str, Any]:
    return segment("node", **data)


# -- where it goes --------------------------------------------------------------------------------


@pytest.mark.parametrize("empty", [None, "", 0])
@pytest.mark.parametrize("action", ["send_msg", "send_forward_msg"])
def test_an_empty_target_counts_as_missing(napcat: Caller, action: str, empty: Any) -> None:
    napcat.data(action, message="a", group_id=empty, user_id=ALICE)
    assert napcat.simulator.wait_reply()["user_id"] == ALICE
    napcat.data(action, message="b", group_id=GROUP, user_id=empty)
    assert napcat.simulator.wait_reply()["group_id"] == GROUP


@pytest.mark.parametrize(
    ("action", "params", "group"),
    [
        ("send_msg", {"group_id": GROUP, "user_id": ALICE}, True),
        ("send_msg", {"group_id": GROUP, "user_id": ALICE, "message_type": "private"}, False),
        ("send_msg", {"user_id": ALICE, "message_type": None}, False),
        ("send_msg", {"user_id": ALICE, "message_type": "room"}, False),
        ("send_msg", {"group_id": GROUP, "auto_escape": None}, True),
        ("send_group_msg", {"group_id": GROUP, "user_id": ALICE, "message_type": "private"}, True),
        ("send_private_msg", {"group_id": GROUP, "user_id": ALICE}, False),
        (
            "send_group_forward_msg",
            {"group_id": GROUP, "user_id": ALICE, "message_type": "private"},
            False,
        ),
        (
            "send_private_forward_msg",
            {"group_id": GROUP, "user_id": ALICE, "message_type": "room"},
            False,
        ),
    ],
)
def test_where_a_message_goes(napcat: Caller, action: str, params: Any, group: bool) -> None:
    napcat.data(action, message="hi", **params)
    assert (napcat.simulator.wait_reply()["group_id"] == GROUP) is group


@pytest.mark.parametrize(
    ("action", "params"),
    [
        ("send_msg", {}),
        ("send_msg", {"user_id": None}),
        ("send_msg", {"user_id": ALICE, "message_type": "group"}),
        ("send_group_msg", {"user_id": ALICE}),
        ("send_group_msg", {"group_id": None}),
        ("send_private_msg", {"group_id": GROUP}),
        ("send_private_forward_msg", {}),
        ("send_group_msg", {"group_id": [GROUP]}),
    ],
)
def test_no_target_is_a_failure_of_the_action(napcat: Caller, action: str, params: Any) -> None:
    assert napcat.call(action, message="hi", **params)["retcode"] == napcat.FAILED


# -- segments that are dropped --------------------------------------------------------------------

DROPPED = [
    segment("reply", id="12345"),
    segment("reply", seq="99"),
    segment("reply"),
    segment("face", id="99999"),
    segment("face", id="smile"),
    segment("music", type="spotify", id="1"),
    segment("music", type="custom", url="https://example.org/"),
    segment("at", qq=""),
    segment("at"),
    segment("contact", type="room", id="1"),
    segment("xml", data="<x/>"),
    segment("poke", type="1", id="1"),
    segment("miniapp", data="{}"),
    segment("onlinefile", msgId="1"),
    segment("flashtransfer", fileSetId="1"),
]


@pytest.mark.parametrize("dropped", DROPPED, ids=json.dumps)
def test_a_dropped_segment_leaves_the_rest_and_is_told(napcat: Caller, dropped: Any) -> None:
    sent = napcat.data("send_group_msg", group_id=GROUP, message=[HI, dropped])
    assert napcat.kinds(sent) == ["text"]
    assert f"NapCat drops this {dropped['type']}" in napcat.notes[0]


@pytest.mark.parametrize("dropped", DROPPED, ids=json.dumps)
def test_nothing_left_is_a_failure(napcat: Caller, dropped: Any) -> None:
    answer = napcat.call("send_group_msg", group_id=GROUP, message=dropped)
    assert answer["retcode"] == napcat.FAILED
    assert answer["message"].startswith("消息体无法解析")
    assert napcat.simulator.calls[-1]["retcode"] == napcat.FAILED


def test_an_at_is_dropped_for_a_friend_and_stays_in_a_temporary_chat(napcat: Caller) -> None:
    message = [segment("at", qq=BOB), HI]
    to_friend = napcat.data("send_private_msg", user_id=ALICE, message=message)
    assert napcat.kinds(to_friend) == ["text"]
    to_stranger = napcat.data("send_private_msg", user_id=BOB, message=message)
    assert napcat.kinds(to_stranger) == ["at", "text"]


def test_a_quote_of_a_recalled_message_is_dropped(napcat: Caller) -> None:
    said = napcat.simulator.send_group("first")["message_id"]
    napcat.data("delete_msg", message_id=said)
    message = [segment("reply", id=said), HI]
    assert napcat.kinds(napcat.data("send_group_msg", group_id=GROUP, message=message)) == ["text"]


def test_the_note_is_a_frame_between_the_call_and_its_answer(ws: WsCaller) -> None:
    ws.data("send_group_msg", group_id=GROUP, message=[HI, segment("face", id="99999")])
    call, note, answer = ws.simulator.frames[-3:]
    assert [frame["kind"] for frame in (call, note, answer)] == ["call", "note", "response"]
    assert note["answers"] == call["id"]
    assert set(note["note"]) == {"zh", "en"}
    assert note["note"]["zh"] in note["text"]
    assert call["note"] is answer["note"] is None
    assert ws.simulator.calls[-1]["notes"] == [note["note"]]


@pytest.mark.parametrize(
    "sent",
    [
        segment("markdown", content="# hi"),
        segment("text"),
        segment("json"),
        segment("location"),
        segment("dice"),
        segment("music", type="163", id="1"),
        segment("contact", id=ALICE),
        segment("face", id=""),
        segment("face", id=14),
        segment("at", qq="all"),
    ],
    ids=json.dumps,
)
def test_what_is_sent(napcat: Caller, sent: Any) -> None:
    answer = napcat.data("send_group_msg", group_id=GROUP, message=sent)
    assert napcat.kinds(answer) == [sent["type"]]
    assert not napcat.notes


@pytest.mark.parametrize(
    "wrong",
    [
        segment("share", url="u", title="t"),
        segment("shake"),
        segment("foo"),
        {"data": {"text": "x"}},
        {"type": "text"},
        segment("at", qq="999"),
        5,
        {},
    ],
    ids=json.dumps,
)
def test_what_fails_the_whole_message(napcat: Caller, wrong: Any) -> None:
    answer = napcat.call("send_group_msg", group_id=GROUP, message=[HI, wrong])
    assert (answer["status"], answer["retcode"]) == ("failed", napcat.FAILED)


def test_a_reply_finds_its_message_by_seq_too(napcat: Caller) -> None:
    said = napcat.simulator.send_group("first")["message_id"]
    seq = napcat.data("get_msg", message_id=said)["real_seq"]
    message = [segment("reply", seq=seq, id="0"), HI]
    sent = napcat.data("send_group_msg", group_id=GROUP, message=message)
    assert napcat.message(sent)[0]["data"] == {"id": str(said)}


# -- media ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        {"file": "cat.png"},
        {"file": "setup.cfg"},
        {"file": "/no/such/cat.png"},
        {"file": "file:///no/such/cat.png"},
        {"file": "file://host/share/cat.png"},
        {"file": "//host/share/cat.png"},
        {"file": ""},
        {},
    ],
    ids=json.dumps,
)
@pytest.mark.parametrize("kind", ["image", "record", "video", "file"])
def test_a_file_that_is_not_there_fails_with_the_reason(
    napcat: Caller, kind: str, data: dict[str, str]
) -> None:
    answer = napcat.call("send_group_msg", group_id=GROUP, message=[HI, segment(kind, **data)])
    assert answer["retcode"] == napcat.FAILED
    assert answer["message"].startswith("文件")
    assert data.get("file", "") in answer["message"]


def test_a_file_that_is_there_is_sent(napcat: Caller, tmp_path: Path) -> None:
    picture = tmp_path / "猫 1.png"
    picture.write_bytes(b"x")
    for source in (str(picture), picture.as_uri(), PICTURE, "https://example.org/cat.png"):
        sent = napcat.data("send_private_msg", user_id=ALICE, message=segment("image", file=source))
        assert napcat.kinds(sent) == ["image"]
    elsewhere = segment("image", file=picture.as_uri().replace("file://", "file://host"))
    assert napcat.call("send_msg", user_id=ALICE, message=elsewhere)["retcode"] == napcat.FAILED
    upload = {"group_id": GROUP, "name": "cat.png"}
    assert napcat.call("upload_group_file", **upload, file=str(picture))["status"] == "ok"
    assert napcat.call("upload_group_file", **upload, file="dog.png")["retcode"] == napcat.FAILED


def test_a_received_picture_can_be_sent_back_by_its_name(napcat: Caller) -> None:
    said = napcat.simulator.send_group(segment("image", file=PICTURE))["message_id"]
    name = napcat.data("get_msg", message_id=said)["message"][0]["data"]["file"]
    message = segment("image", file=name)
    assert napcat.call("send_group_msg", group_id=GROUP, message=message)["status"] == "ok"


def test_base64_is_read_as_node_reads_it(napcat: Caller) -> None:
    for source in (
        "base64://iVBORw0KGgo",
        "base64://iVBO Rw0K\nGgo=",
        "base64://eHh4e",
        "base64://!!",
    ):
        message = segment("image", file=source)
        assert napcat.call("send_group_msg", group_id=GROUP, message=message)["status"] == "ok"


def test_the_cq_text_of_a_picture_leaves_out_what_is_empty(napcat: Caller) -> None:
    plain = napcat.data("send_group_msg", group_id=GROUP, message=segment("image", file=PICTURE))
    raw = napcat.data("get_msg", message_id=plain["message_id"])["raw_message"]
    assert raw.startswith("[CQ:image,file=")
    named = segment("image", file=PICTURE, summary="cat")
    sent = napcat.data("send_group_msg", group_id=GROUP, message=named)
    raw = napcat.data("get_msg", message_id=sent["message_id"])["raw_message"]
    assert raw.startswith("[CQ:image,summary=cat,file=")


# -- no message at all ----------------------------------------------------------------------------


@pytest.mark.parametrize("params", [{}, {"message": None}, {"message": [None]}])
@pytest.mark.parametrize("action", ["send_msg", "send_group_msg", "send_group_forward_msg"])
def test_no_message_is_silence_on_websocket_and_an_error_over_http(
    world: Simulator, action: str, params: Any
) -> None:
    params = {"group_id": GROUP, **params}
    with WsCaller(world) as ws:
        assert ws.is_silent_after(json.dumps({"action": action, "params": params, "echo": 1}))
        assert "over WebSocket nothing is answered" in ws.notes[0]
    with HttpCaller(world) as http:
        status, text = http.post(action, json.dumps({**params, "echo": "x"}))
        answer = json.loads(text)
        assert (status, answer["status"], answer["retcode"]) == (200, "failed", 200)
        assert answer["message"].startswith("TypeError: Cannot read properties of ")
        assert answer["echo"] == "x"


# -- forwards -------------------------------------------------------------------------------------


def test_nodes_do_not_mix_with_other_segments(napcat: Caller) -> None:
    mixed = [HI, node(user_id=BOB, nickname="Bob", content="x")]
    for action in ("send_group_msg", "send_group_forward_msg"):
        answer = napcat.call(action, group_id=GROUP, message=mixed)
        assert answer["retcode"] == napcat.REFUSED
        assert answer["message"].startswith("转发消息不能和普通消息混在一起发送")


def test_messages_wins_over_message_and_text_alone_is_an_ordinary_message(napcat: Caller) -> None:
    sent = napcat.data("send_group_forward_msg", group_id=GROUP, messages="hi", message="lost")
    assert set(sent) == {"message_id"}
    assert napcat.simulator.wait_reply()["text"] == "hi"
    cq = {"messages": "[CQ:face,id=14]", "auto_escape": True}
    assert napcat.kinds(napcat.data("send_group_forward_msg", group_id=GROUP, **cq)) == ["face"]
    content = [node(user_id=BOB, nickname="Bob", content="x")]
    assert "res_id" in napcat.data("send_group_forward_msg", group_id=GROUP, message=content)


@pytest.mark.parametrize(
    "nodes",
    [
        [],
        [node(user_id=BOB, nickname="Bob")],
        [node(user_id=BOB, content=None)],
        [node(user_id="Bob", content="x")],
        [node(id="12345")],
        [{"type": "node"}],
        [node(content=segment("image", file="cat.png"))],
    ],
    ids=json.dumps,
)
def test_forwards_that_fail(napcat: Caller, nodes: Any) -> None:
    answer = napcat.call("send_group_forward_msg", group_id=GROUP, messages=nodes)
    assert answer["retcode"] == napcat.FAILED


def test_a_forward_to_nowhere_is_a_failure_too(napcat: Caller) -> None:
    nodes = [node(user_id=BOB, content="x")]
    for chat in ({"group_id": 999}, {"user_id": 999}, {"group_id": "²"}):
        answer = napcat.call("send_msg", message=nodes, **chat)
        assert answer["retcode"] == napcat.FAILED
        assert "simulator error" not in answer["message"]


def test_a_note_about_any_text_is_told(napcat: Caller) -> None:
    message = [HI, segment("face", id="\ud800")]
    assert napcat.call("send_group_msg", group_id=GROUP, message=message)["status"] == "ok"
    assert "drops this face" in napcat.notes[0]


def test_a_node_says_who_and_what(napcat: Caller) -> None:
    said = napcat.simulator.send_group("from the group", user=BOB)["message_id"]
    nodes = [
        node(uin=1, user_id="777", name="n", nickname="Somebody", content="hi[CQ:face,id=14]"),
        node(id=str(said)),
        node(content=[HI]),
    ]
    sent = napcat.data("send_private_forward_msg", user_id=ALICE, messages=nodes)
    shown = napcat.data("get_forward_msg", message_id=sent["message_id"])["messages"]
    senders = [(one["sender"]["user_id"], one["sender"]["nickname"]) for one in shown]
    assert senders == [(777, "Somebody"), (BOB, "Bob"), (BOT, "QQ用户")]
    assert [part["type"] for part in shown[0]["message"]] == ["text", "face"]
    assert 777 not in napcat.simulator.world.people


def test_forwards_are_cut_below_the_third_level(napcat: Caller) -> None:
    content: Any = "inside"
    for _ in range(5):
        content = [node(user_id=BOB, nickname="Bob", content=content)]
    napcat.data("send_group_forward_msg", group_id=GROUP, messages=content)
    assert "nested more than 3 deep" in napcat.notes[0]
