"""A saved log becomes a test: its events come again, in their order, to the bot under test."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onebot_simple import EventServer, WsClient, segment
from onebot_simple.simulator import Simulator, core
from onebot_simple.simulator.replay import PEOPLE

OLD, ALICE, STRANGER, GROUP, OTHER = 987654321, 20001, 555000111, 30001, 777000222


def message(text: str, number: int, **more: Any) -> dict[str, Any]:
    return {
        "time": 1700000000 + number,
        "self_id": OLD,
        "post_type": "message",
        "message_type": "group",
        "sub_type": "normal",
        "message_id": number,
        "user_id": STRANGER,
        "group_id": OTHER,
        "group_name": "Far away",
        "message": [
            {"type": "at", "data": {"qq": str(OLD)}},
            {"type": "text", "data": {"text": f" {text}"}},
        ],
        "raw_message": f"[CQ:at,qq={OLD}] {text}",
        "sender": {"user_id": STRANGER, "nickname": "Zoe", "card": "Z.", "role": "admin"},
        **more,
    }


def saved(folder: Path, *lines: Any) -> Path:
    path = folder / "day.jsonl"
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path.write_text("\n".join(texts) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("make", [lambda: WsClient("ws://127.0.0.1:3001"), EventServer])
def test_the_events_of_a_log_come_in_their_order(
    make: Callable[[], WsClient | EventServer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(core, "ORDER_SECONDS", 20)  # a slow bot is waited for, too
    bot = make()
    bot.on_message(lambda event: segment.plain_text(event).strip())
    events = [message(f"line {number}", number) for number in range(20)]
    with Simulator(bot) as qq:
        qq.replay(saved(tmp_path, *events))
        heard = [qq.wait_reply(group=OTHER)["text"] for _ in events]
    assert heard == [f"line {number}" for number in range(20)]


def test_frames_hold_events_and_only_events_that_came_in_are_replayed(tmp_path: Path) -> None:
    def frame(content: Any, direction: str = "in") -> dict[str, Any]:
        return {"time": 1.5, "direction": direction, "transport": "ws", "frame": content}

    path = saved(
        tmp_path,
        frame(message("first", 1)),
        frame({"action": "send_msg", "params": {}, "echo": "1"}, "out"),
        "",
        frame({"status": "ok", "retcode": 0, "data": None}),
        frame(message("not this one", 2), "out"),
        message("second", 3),
    )
    with Simulator() as qq:
        assert [event["message_id"] for event in qq.replay(path)] == [1, 3]


def test_the_account_becomes_the_simulators_everywhere(tmp_path: Path) -> None:
    quoted = {"post_type": "notice", "notice_type": "notify", "sub_type": "poke", "self_id": OLD}
    poke = {**quoted, "user_id": ALICE, "target_id": OLD, "group_id": GROUP, "time": 1}
    text = f"call 1{OLD} or {OLD}!"
    with Simulator(message_format="string") as qq:
        said, poked, own = qq.replay(
            saved(tmp_path, message(text, OLD), poke, message("x", 5, self_id=10001))
        )
    assert (said["self_id"], said["message"][0]["data"]["qq"]) == (10001, "10001")
    assert said["raw_message"] == f"[CQ:at,qq=10001] call 1{OLD} or 10001!"
    assert said["message_id"] == OLD  # another number that happens to be the same
    assert (poked["target_id"], own["self_id"]) == (10001, 10001)


def test_people_groups_and_messages_join_the_world(tmp_path: Path) -> None:
    bot = WsClient("ws://127.0.0.1:3001")
    with Simulator(bot) as qq:
        qq.replay(saved(tmp_path, message("hi", 42)))
        member = bot.get_group_member_info(OTHER, STRANGER)
        assert (member["nickname"], member["card"], member["role"]) == ("Zoe", "Z.", "admin")
        assert bot.get_group_info(OTHER)["group_name"] == "Far away"
        assert bot.get_msg(42)["raw_message"] == "[CQ:at,qq=10001] hi"
        qq.send_group("now I speak", user=STRANGER, group=OTHER)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "Line 2 of day.jsonl is not JSON"),
        ("[1]", "is not a JSON object"),
        ('{"a": 1}', "neither an event nor a frame"),
        ('{"frame": 5}', "neither an event nor a frame"),
        ('{"post_type": "massage"}', "broken event: post_type 'massage'"),
        (message("x", 1, user_id="Bob"), "user_id 'Bob'"),
        (message("x", 1, message=[5]), r"message '\[5\]'"),
        ({"post_type": "message", "self_id": 1}, "broken event"),
        (message("x", 1, message_type="guild", message_id=[]), r"message_id \[\]"),
        (message("x", 1, message_type="guild", user_id=None), "no user_id"),
        ("[" * 5000, "Line 2 of day.jsonl is not JSON"),
        (message("x", 1, time="abc"), "time 'abc'"),
        (message("x", 1, time=math.inf), "time inf"),
        (message("x", 1, time=True), "time True"),
        (message("x", 1, self_id="10001"), "self_id '10001'"),
    ],
)
def test_a_broken_line_is_named_and_nothing_is_pushed(
    tmp_path: Path, line: Any, words: str
) -> None:
    with Simulator() as qq:
        pushed: list[Any] = []
        qq.world.listeners.append(pushed.append)
        with pytest.raises(ValueError, match=words) as caught:
            qq.replay(saved(tmp_path, message("fine", 1), line))
        assert "第 2 行" in str(caught.value)
        assert (pushed, OTHER in qq.world.groups) == ([], False)


@pytest.mark.parametrize("key", ["message", "time", "deep"])
@pytest.mark.parametrize("depth", [100, 400, 700, 900, 2000])
def test_what_is_nested_too_deeply_is_refused_before_anything_is_pushed(
    key: str, depth: int
) -> None:
    line, deep = json.dumps(message("x", 1, **{key: "HERE"})), "[" * depth + "]" * depth
    qq = Simulator()
    pushed: list[Any] = []
    qq.world.listeners.append(pushed.append)
    with suppress(ValueError):  # how deep is too deep depends on the version of Python
        qq.replay_lines([json.dumps(message("fine", 1)), line.replace('"HERE"', deep)])
    assert len(pushed) in ((0, 2) if key == "deep" else (0,))


def test_what_can_be_read_but_not_written_is_refused_before_anything_is_pushed() -> None:
    readable, too_deep = 100, 200_000  # how deep that is depends on the version of Python
    while too_deep - readable > 1:
        depth = (readable + too_deep) // 2
        try:
            json.loads("[" * depth + "]" * depth)
            readable = depth
        except RecursionError:
            too_deep = depth
    line = json.dumps(message("x", 1, self_id=10001, deep="HERE"))
    for depth in range(readable - 40, readable + 5):
        qq = Simulator()
        pushed: list[Any] = []
        qq.world.listeners.append(pushed.append)
        with suppress(ValueError):
            qq.replay_lines([line, line.replace('"HERE"', "[" * depth + "]" * depth)])
        assert len(pushed) in (0, 2)


GUILD_MESSAGE = {
    "time": 1700000000,
    "self_id": OLD,
    "post_type": "message",
    "message_type": "guild",
    "sub_type": "channel",
    "guild_id": "1",
    "channel_id": "2",
    "self_tiny_id": "144115218748146488",
    "user_id": "144115218000000000",
    "message_id": "BAC-1",
    "message": [{"type": "text", "data": {"text": "hi"}}],
    "sender": {"user_id": "144115218000000000", "nickname": "Zoe"},
}
GUILD_NOTICE = {
    "time": 1700000000,
    "self_id": OLD,
    "post_type": "notice",
    "guild_id": "1",
    "channel_id": "2",
    "self_tiny_id": "144115218748146488",
    "user_id": "144115218000000000",
    "message_id": "BAC-1",
    "notice_type": "guild_channel_recall",
    "operator_id": "144115218000000000",
}


@pytest.mark.parametrize("event", [GUILD_MESSAGE, GUILD_NOTICE])
def test_events_of_guilds_are_passed_on_as_they_are(tmp_path: Path, event: dict[str, Any]) -> None:
    bot = WsClient("ws://127.0.0.1:3001")
    with Simulator(bot) as qq, bot:
        people, groups = dict(qq.world.people), dict(qq.world.groups)
        events = (one for one in bot.events() if one["post_type"] != "meta_event")
        pushed = qq.replay(saved(tmp_path, event))
        assert next(events) == pushed[0] == {**event, "self_id": 10001}
        assert (qq.world.people, qq.world.groups, len(qq.world.messages)) == (people, groups, 0)


@pytest.mark.parametrize(
    "unknown",
    [
        {"message_type": "private", "sub_type": "friend", "group_id": None, "user_id": 0},
        {"user_id": 0},
        {"group_id": 0},
        {"self_id": 0},
        {"sender": None, "time": None},
        {"sender": [], "time": 1.5, "message_type": None},
    ],
)
def test_what_napcat_could_not_look_up_stays_outside(
    tmp_path: Path, unknown: dict[str, Any]
) -> None:
    bot = WsClient("ws://127.0.0.1:3001")
    event = message("hi", 5, font=0, **unknown)
    with Simulator(bot) as qq:
        pushed = qq.replay(saved(tmp_path, event, message("last", 6)))
        assert len(pushed) == 2
        assert (pushed[0]["user_id"], pushed[0]["font"]) == (event["user_id"], 0)
        assert 0 not in qq.world.people and 0 not in qq.world.groups
        if event["group_id"] == 0:
            assert 5 not in qq.world.messages
        else:
            assert bot.get_msg(5)["message_id"] == 5


LEAVES = st.none() | st.booleans() | st.integers(-2, 2) | st.floats() | st.text(max_size=3)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    st.sampled_from(["message", "message_sent", "notice", "request"]),
    st.sampled_from(["private", "group", "guild"]),
    st.dictionaries(st.sampled_from([*message("", 0), *PEOPLE, "notice_type"]), VALUES, max_size=3),
)
def test_any_event_is_pushed_or_refused_before_anything_is(
    post_type: str, kind: str, wrong: dict[str, Any]
) -> None:
    event = message("x", 7, **{"post_type": post_type, "message_type": kind, **wrong})
    qq = Simulator()
    pushed: list[Any] = []
    qq.world.listeners.append(pushed.append)
    try:
        qq.replay_lines([json.dumps(message("fine", 1)), json.dumps(event)])
        assert len(pushed) == 2
    except ValueError as error:
        assert "Line 2 of log" in str(error)
        assert pushed == []


def test_a_file_in_another_encoding_or_without_events_is_said(tmp_path: Path) -> None:
    path = tmp_path / "day.jsonl"
    with Simulator() as qq:
        path.write_bytes(b"\n" + "{'苹果'}".encode("gbk"))
        with pytest.raises(ValueError, match=r"Line 2 of day.jsonl is not UTF-8"):
            qq.replay(path)
        path.write_bytes(b"\n")
        with pytest.raises(ValueError, match="holds no events"):
            qq.replay(path)
        path.write_bytes(b"\xef\xbb\xbf" + json.dumps(message("hi", 1)).encode() + b"\r\n")
        assert len(qq.replay(str(path))) == 1
        assert len(qq.replay_lines([json.dumps(message("hi", 1))])) == 1
        with pytest.raises(FileNotFoundError):
            qq.replay(tmp_path / "nothing.jsonl")
