"""The small world behind the simulator: what actions do to it, and which events that causes."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websocket import WebSocketConnectionClosedException

from onebot_simple.simulator import Simulator

from .test_wire import Json, ask, dial, receive

GROUP, BOT, ALICE, BOB, CAROL = 30001, 10001, 20001, 20002, 20003


class Bot:
    """A raw bot: it calls, and remembers the events that come in between."""

    def __init__(self, qq: Simulator, socket: Any) -> None:
        self.qq, self.socket = qq, socket
        self.events: list[Json] = []

    def request(self, action: str, **params: Any) -> Json:
        self.socket.send(json.dumps({"action": action, "params": params, "echo": action}))
        while "post_type" in (content := receive(self.socket)):
            self.events.append(content)
        return content

    def call(self, action: str, **params: Any) -> Any:
        answer = self.request(action, **params)
        assert answer["status"] == "ok", answer
        return answer.get("data")

    def fails(self, action: str, **params: Any) -> str:
        answer = self.request(action, **params)
        assert (answer["status"], answer["retcode"]) == ("failed", 1200), answer
        return str(answer["message"])

    def event(self, notice: str) -> Json:
        """The next event of that notice_type or request_type or post_type."""
        while True:
            event = self.events.pop(0) if self.events else receive(self.socket)
            kinds = (event.get("notice_type"), event.get("request_type"), event["post_type"])
            if notice in kinds:
                return event


@pytest.fixture
def bot() -> Iterator[Bot]:
    with Simulator() as qq, dial(qq, token=None) as socket:
        one = Bot(qq, socket)
        one.event("meta_event")
        yield one


def test_the_people_and_the_group_are_always_the_same(bot: Bot) -> None:
    assert bot.call("get_login_info")["user_id"] == BOT
    assert [friend["user_id"] for friend in bot.call("get_friend_list")] == [ALICE]
    assert [group["group_id"] for group in bot.call("get_group_list")] == [GROUP]
    roles = {m["user_id"]: m["role"] for m in bot.call("get_group_member_list", group_id=GROUP)}
    assert set(roles) == {BOT, ALICE, BOB, CAROL}
    assert roles[BOB] == "admin"
    assert bot.call("get_group_info", group_id=str(GROUP))["member_count"] == 4
    assert "NapCat" in bot.call("get_version_info")["app_name"]


@pytest.mark.parametrize(
    ("message", "escape", "heard"),
    [
        ("hi[CQ:face,id=1]", False, ["text", "face"]),
        ("hi[CQ:face,id=1]", True, ["text"]),
        (
            [{"type": "text", "data": {"text": "a"}}, {"type": "at", "data": {"qq": 20001}}],
            False,
            ["text", "at"],
        ),
        ({"type": "face", "data": {"id": 5}}, False, ["face"]),
    ],
)
def test_a_message_is_a_string_a_segment_or_a_list(
    bot: Bot, message: Any, escape: bool, heard: list[str]
) -> None:
    sent = bot.call("send_group_msg", group_id=GROUP, message=message, auto_escape=escape)
    kept = bot.call("get_msg", message_id=sent["message_id"])
    assert [part["type"] for part in kept["message"]] == heard
    ids = [part["data"].get("id", "") for part in kept["message"]]
    assert all(isinstance(value, str) for value in ids)


def test_a_recalled_message_is_gone_and_noticed(bot: Bot) -> None:
    said = bot.qq.send_group("oops", user=CAROL)["message_id"]
    assert bot.event("message")["message_id"] == said
    bot.call("delete_msg", message_id=said)
    notice = bot.event("group_recall")
    assert (notice["message_id"], notice["user_id"], notice["operator_id"]) == (said, CAROL, BOT)
    bot.fails("get_msg", message_id=said)
    bot.fails("delete_msg", message_id=12345)


def test_a_ban_mutes_and_its_end_lets_speak(bot: Bot) -> None:
    bot.call("set_group_ban", group_id=GROUP, user_id=CAROL, duration=60)
    notice = bot.event("group_ban")
    assert (notice["sub_type"], notice["user_id"], notice["duration"]) == ("ban", CAROL, 60)
    with pytest.raises(Exception, match="muted"):
        bot.qq.send_group("mmm", user=CAROL)
    bot.call("set_group_ban", group_id=GROUP, user_id=CAROL, duration=0)
    assert bot.event("group_ban")["sub_type"] == "lift_ban"
    bot.qq.send_group("free", user=CAROL)
    assert bot.event("message")["raw_message"] == "free"


def test_a_kick_removes_the_member(bot: Bot) -> None:
    bot.call("set_group_kick", group_id=GROUP, user_id=CAROL)
    notice = bot.event("group_decrease")
    assert (notice["sub_type"], notice["user_id"], notice["operator_id"]) == ("kick", CAROL, BOT)
    bot.fails("get_group_member_info", group_id=GROUP, user_id=CAROL)


def test_admins_cards_titles_and_names_change(bot: Bot) -> None:
    bot.call("set_group_admin", group_id=GROUP, user_id=CAROL, enable=True)
    assert bot.event("group_admin")["sub_type"] == "set"
    bot.call("set_group_card", group_id=GROUP, user_id=CAROL, card="C.")
    assert bot.event("group_card")["card_new"] == "C."
    bot.call("set_group_special_title", group_id=GROUP, user_id=CAROL, special_title="Dr")
    info = bot.call("get_group_member_info", group_id=GROUP, user_id=CAROL)
    assert (info["role"], info["card"], info["title"]) == ("admin", "C.", "Dr")
    bot.call("set_group_name", group_id=GROUP, group_name="New")
    assert bot.call("get_group_info", group_id=GROUP)["group_name"] == "New"
    bot.call("set_group_whole_ban", group_id=GROUP, enable=True)
    assert bot.event("group_ban")["user_id"] == 0


@pytest.mark.parametrize(
    ("action", "params", "undone"),
    [
        ("set_msg_emoji_like", {"emoji_id": "76"}, {"emoji_id": "76", "set": False}),
        ("set_group_admin", {"user_id": CAROL, "enable": True}, {"user_id": CAROL}),
        ("set_group_card", {"user_id": CAROL, "card": "C."}, {"user_id": CAROL}),
        ("set_group_special_title", {"user_id": CAROL, "special_title": "Dr"}, {"user_id": CAROL}),
        ("set_group_name", {"group_name": "New"}, {"group_name": "Lab"}),
        ("set_group_whole_ban", {"enable": True}, {"enable": False}),
        ("set_essence_msg", {}, None),
    ],
)
def test_what_changes_nothing_causes_no_event(
    bot: Bot, action: str, params: Json, undone: Json | None
) -> None:
    """A bot that answers a notice with the action behind it must not hear of itself for ever."""
    said = bot.qq.send_group("hi")["message_id"]
    published: list[Json] = []
    bot.qq.world.listeners.append(published.append)
    for change in (params, undone):
        if change is not None:
            published.clear()
            for _ in range(2):
                bot.call(action, group_id=GROUP, message_id=said, **change)
            assert len(published) == 1


def test_who_is_not_muted_cannot_be_unmuted_but_muted_anew(bot: Bot) -> None:
    published: list[Json] = []
    bot.qq.world.listeners.append(published.append)
    for duration in (0, 60, 120, 0, 0):
        bot.call("set_group_ban", group_id=GROUP, user_id=CAROL, duration=duration)
    assert [event["duration"] for event in published] == [60, 120, 0]


def test_a_friend_request_can_be_approved_once(bot: Bot) -> None:
    bot.qq.friend_request(20005, "let me in")
    request = bot.event("friend")
    assert (request["comment"], request["flag"].isdigit()) == ("let me in", True)
    assert "data" not in bot.request("set_friend_add_request", flag=request["flag"], approve=True)
    assert bot.event("friend_add")["user_id"] == 20005
    assert 20005 in [friend["user_id"] for friend in bot.call("get_friend_list")]
    bot.fails("set_friend_add_request", flag="nonsense", approve=True)


def test_group_requests_are_approved_or_rejected(bot: Bot) -> None:
    flag = bot.qq.group_request(20006)["flag"]
    assert bot.event("group")["sub_type"] == "add"
    bot.call("set_group_add_request", flag=flag, sub_type="add", approve=True)
    assert bot.event("group_increase")["user_id"] == 20006
    flag = bot.qq.group_request(20007)["flag"]
    bot.call("set_group_add_request", flag=flag, sub_type="add", approve=False, reason="full")
    bot.fails("get_group_member_info", group_id=GROUP, user_id=20007)


def test_people_come_go_and_poke(bot: Bot) -> None:
    bot.qq.join(20004)
    assert bot.event("group_increase")["user_id"] == 20004
    bot.qq.leave(20004)
    assert bot.event("group_decrease")["sub_type"] == "leave"
    bot.qq.poke(user=BOB)
    poke = bot.event("notify")
    assert (poke["sub_type"], poke["target_id"], poke["group_id"]) == ("poke", BOT, GROUP)
    bot.call("send_poke", user_id=BOB, group_id=GROUP)
    bot.qq.wait_call("send_poke", user_id=BOB)


def test_emoji_essence_history_and_marks(bot: Bot) -> None:
    said = bot.qq.send_group("remember", user=BOB)["message_id"]
    bot.event("message")
    bot.call("set_msg_emoji_like", message_id=said, emoji_id="76")
    bot.call("set_essence_msg", message_id=said)
    assert bot.event("essence")["message_id"] == said
    listed = bot.call("get_essence_msg_list", group_id=GROUP)
    assert [entry["message_id"] for entry in listed] == [said]
    bot.call("delete_essence_msg", message_id=said)
    assert bot.call("get_essence_msg_list", group_id=GROUP) == []
    history = bot.call("get_group_msg_history", group_id=GROUP)["messages"]
    assert history[-1]["message_id"] == said
    bot.qq.send_private("psst")
    assert (
        bot.call("get_friend_msg_history", user_id=ALICE)["messages"][-1]["raw_message"] == "psst"
    )
    bot.call("mark_group_msg_as_read", group_id=GROUP)
    bot.call("mark_private_msg_as_read", user_id=ALICE)


def test_merged_forwards_are_sent_and_read(bot: Bot) -> None:
    node = {
        "user_id": ALICE,
        "nickname": "Alice",
        "content": [{"type": "text", "data": {"text": "inside"}}],
    }
    sent = bot.call(
        "send_group_forward_msg", group_id=GROUP, messages=[{"type": "node", "data": node}]
    )
    assert {"message_id", "res_id", "forward_id"} <= set(sent)
    content = bot.call("get_forward_msg", id=sent["res_id"])["messages"]
    assert content[0]["message"][0]["data"]["text"] == "inside"


def test_files_are_uploaded_noticed_and_streamed_down(bot: Bot) -> None:
    data = bytes(range(256)) * 1000
    file = "base64://" + base64.b64encode(data).decode()
    sent = bot.call("upload_group_file", group_id=GROUP, file=file, name="a.bin")
    assert bot.event("group_upload")["file"]["name"] == "a.bin"
    names = [f["file_name"] for f in bot.call("get_group_root_files", group_id=GROUP)["files"]]
    assert names == ["a.bin"]
    bot.socket.send(
        json.dumps(
            {"action": "download_file_stream", "echo": "s", "params": {"file_id": sent["file_id"]}}
        )
    )
    got, frames = b"", []
    while True:
        frame = receive(bot.socket)
        if frame.get("echo") != "s":
            continue
        frames.append(frame)
        if frame["data"]["data_type"] == "file_chunk":
            got += base64.b64decode(frame["data"]["data"])
        if frame["data"]["type"] == "response":
            break
    assert got == data
    assert {frame["stream"] for frame in frames} == {"stream-action"}
    assert frames[0]["data"]["file_size"] == len(data)


def test_files_are_streamed_up(bot: Bot) -> None:
    pieces = [b"a" * 1000, b"b" * 10]
    for index, piece in enumerate(pieces):
        answer = bot.call(
            "upload_file_stream",
            stream_id="s",
            total_chunks=2,
            chunk_index=index,
            chunk_data=base64.b64encode(piece).decode(),
            filename="x",
            file_size=1010,
        )
        assert answer["status"] == "chunk_received"
    done = bot.call("upload_file_stream", stream_id="s", is_complete=True)
    assert (done["status"], done["file_size"]) == ("file_complete", 1010)


def test_a_chunk_that_comes_twice_changes_nothing(bot: Bot) -> None:
    stream = {"stream_id": "s", "total_chunks": 2, "filename": "x"}
    assert bot.fails("upload_file_stream", stream_id="s", verify_only=True) == "Stream not found"
    for content in ("YQ==", "Yg=="):
        bot.call("upload_file_stream", **stream, chunk_index=0, chunk_data=content)
    state = bot.call("upload_file_stream", stream_id="s", verify_only=True)
    assert (state["status"], state["received_chunks"]) == ("file_created", 1)
    assert "Missing" in bot.fails("upload_file_stream", stream_id="s", is_complete=True)
    bot.call("upload_file_stream", **stream, chunk_index=1, chunk_data="Yw==")
    done = bot.call("upload_file_stream", stream_id="s")
    assert bot.qq.world.files[done["file_path"].rpartition("/")[2]].content == b"ac"


def test_a_checksum_counts_from_the_first_call_on(bot: Bot) -> None:
    first = {"stream_id": "s", "total_chunks": 1, "expected_sha256": "0" * 64}
    bot.call("upload_file_stream", **first, chunk_index=0, chunk_data="YQ==")
    assert "SHA256 mismatch" in bot.fails("upload_file_stream", stream_id="s", is_complete=True)


def test_known_and_unknown_actions_are_told_apart(bot: Bot) -> None:
    known = bot.request("get_rkey_server")
    assert known["status"] == "failed"
    assert "NapCat" in known["message"]
    unknown = bot.request("set_group_anonymous", group_id=GROUP)
    assert unknown["retcode"] == 1404
    assert "get_msg" in bot.request("get_mesg")["message"]


def test_send_without_a_message_is_never_answered(bot: Bot) -> None:
    bot.socket.send(json.dumps({"action": "send_private_msg", "params": {"user_id": ALICE}}))
    assert bot.call("get_status")["online"] is True
    assert not bot.events


def test_bot_exit_drops_the_line(bot: Bot) -> None:
    bot.socket.send('{"action": "bot_exit"}')
    with pytest.raises((WebSocketConnectionClosedException, ConnectionError)):
        while bot.socket.recv():
            pass
        raise ConnectionError


def test_faults_are_counted(bot: Bot) -> None:
    bot.qq.fail("get_status", retcode=1234, times=2)
    codes = [bot.request("get_status")["retcode"] for _ in range(3)]
    assert codes == [1234, 1234, 0]
    bot.qq.swallow(times=1)
    bot.socket.send('{"action": "get_status", "echo": "lost"}')
    assert bot.request("get_status")["echo"] == "get_status"


def test_raw_text_goes_out_as_it_is(bot: Bot) -> None:
    bot.qq.send_raw("{bad")
    assert bot.socket.recv() == "{bad"


def test_steps_hold_frames_until_they_are_let_go(bot: Bot) -> None:
    gate = bot.qq.gate
    gate.close()
    bot.qq.send_private("held")
    assert gate.wait_held(1, 3)
    assert "held" in gate.held[0]["text"]
    gate.step()
    assert bot.event("message")["raw_message"] == "held"
    gate.open()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
NAMES = [
    "user_id",
    "group_id",
    "message",
    "message_id",
    "flag",
    "messages",
    "file",
    "duration",
    "x",
]
ACTIONS = [
    "send_msg",
    "send_group_msg",
    "get_msg",
    "delete_msg",
    "set_group_ban",
    "set_group_card",
    "upload_group_file",
    "send_forward_msg",
    "get_forward_msg",
    "set_friend_add_request",
    "upload_file_stream",
    "set_msg_emoji_like",
    ".handle_quick_operation",
    "get_nothing",
]


def test_any_params_get_an_envelope_or_the_silence_that_napcat_keeps() -> None:
    with Simulator() as qq, dial(qq, "/api", token=None) as socket:

        @settings(
            max_examples=300,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        )
        @given(st.sampled_from(ACTIONS), st.dictionaries(st.sampled_from(NAMES), json_values))
        def check(action: str, params: Json) -> None:
            socket.send(json.dumps({"action": action, "params": params, "echo": "fuzz"}))
            answer = ask(socket, "get_status", echo="after")
            if answer["echo"] == "fuzz":
                assert answer["status"] in ("ok", "failed")
                assert "simulator error" not in answer["message"]
                while receive(socket)["echo"] != "after":
                    pass

        check()
