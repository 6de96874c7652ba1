"""The corners of NapCat's WebSocket server, and its streams."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .callers import WsCaller

STREAM_ERROR = {"type": "error", "data_type": "error"}


def test_a_null_echo_comes_back_empty_in_failures_too(ws: WsCaller) -> None:
    for echo in ("null", '""'):
        for call in ("'get_status'", "'get_msg', params: {message_id: 1}", "'get_msg'"):
            assert ws.say(f"{{action: {call}, echo: {echo}}}")["echo"] == ""
    assert ws.say("{action: 'get_status'}")["echo"] == ""


def test_an_unknown_action_echoes_what_was_sent(ws: WsCaller) -> None:
    for echo in ("", None, 0, False):
        assert ws.say(json.dumps({"action": "nope", "echo": echo}))["echo"] == echo
    assert ws.say('{"action": "nope"}')["echo"] is None


def test_a_list_is_an_unknown_action(ws: WsCaller) -> None:
    answer = ws.say("[1]")
    assert (answer["retcode"], answer["echo"]) == (1404, None)
    assert answer["message"].startswith("不支持的API undefined")


@pytest.mark.parametrize("text", ["5", "true", '"get_status"'])
def test_what_is_no_object_gets_no_answer_and_a_note(ws: WsCaller, text: str) -> None:
    assert ws.is_silent_after(text)
    assert "answers nothing" in ws.notes[0]


def test_broken_json_begins_with_napcats_words(ws: WsCaller) -> None:
    answer = ws.say("{bad")
    assert answer["message"].startswith("json解析失败,请检查数据格式")
    assert (answer["retcode"], answer["echo"]) == (1400, None)


@pytest.mark.parametrize("params", ["null", "0", '""', "false"])
def test_empty_params_are_none(ws: WsCaller, params: str) -> None:
    assert ws.say(f'{{"action": "get_status", "params": {params}}}')["status"] == "ok"


def test_params_that_are_no_object_are_refused(ws: WsCaller) -> None:
    for params in ("[1]", '"x"', "5"):
        answer = ws.say(f'{{"action": "get_msg", "params": {params}}}')
        assert answer["retcode"] == 1400
        assert answer["message"].startswith("Schema compilation error: Expected object")


# -- streams --------------------------------------------------------------------------------------


def test_the_test_stream_fails_after_ten_frames(ws: WsCaller) -> None:
    frames = [ws.call("test_download_stream", error=True)]
    frames += [ws.hear() for _ in range(10)]
    assert [frame["status"] for frame in frames] == ["ok"] * 10 + ["failed"]
    assert {frame["stream"] for frame in frames} == {"stream-action"}
    assert (frames[-1]["data"], frames[-1]["retcode"]) == (STREAM_ERROR, 1200)


@pytest.mark.parametrize(
    ("action", "params"),
    [
        ("test_download_stream", {"error": "maybe"}),
        ("download_file_stream", {"file": "x", "chunk_size": None}),
        ("upload_file_stream", {}),
    ],
)
def test_a_stream_action_with_wrong_parameters_answers_like_a_stream(
    ws: WsCaller, action: str, params: Any
) -> None:
    answer = ws.call(action, **params)
    assert (answer["retcode"], answer["echo"]) == (1400, "e")
    assert (answer["stream"], answer["data"]) == ("stream-action", STREAM_ERROR)


def test_a_chunk_size_of_zero_is_64_kib(ws: WsCaller) -> None:
    picture = {"type": "image", "data": {"file": "base64://" + "eHh4" * 40_000}}
    said = ws.simulator.send_private(picture)["message_id"]
    name = ws.data("get_msg", message_id=said)["message"][0]["data"]["file"]
    first = ws.call("download_file_stream", file=name, chunk_size=0)
    assert first["data"]["chunk_size"] == 65536
    rest = [ws.hear() for _ in range(3)]
    assert rest[-1]["data"]["total_chunks"] == 2
