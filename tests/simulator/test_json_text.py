"""NapCat reads JSON5 wherever it reads JSON."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from .callers import HttpCaller, WsCaller
from .test_wire import Receiver

JSON5 = [
    ("{'echo': 'a'}", "a"),
    ("{echo: 1}", 1),
    ('{"echo": [1, 2,],}', [1, 2]),
    ("{echo: 0x1F}", 31),
    ("{echo: -0x10}", -16),
    ("{echo: +1.}", 1),
    ("{echo: .5}", 0.5),
    ("{/* why */ echo: 1} // because", 1),
    ("{echo: 'it\\'s \"so\"'}", 'it\'s "so"'),
    ("{echo: 'a\\\nb\\x41\\u4e2d\\t'}", "abA中\t"),
    ("{echo: '😀, [,] :'}", "😀, [,] :"),
    ("{echo: '\\uD83D\\uDE00'}", "😀"),
    ('{"echo": "a\tb"}', "a\tb"),
    ("\ufeff{$x: 1, echo: {true: [{}]}}", {"true": [{}]}),
]
WRONG = [
    "{echo: b}",
    "{'echo': True}",
    "{'echo': None}",
    "{echo: 1",
    "{echo 1}",
    "[,]",
    "[1,,]",
    "{,}",
    "{echo: 'a}",
    "{1: 2}",
    "{echo: 1}}",
    "{a: 1 b: 2}",
    "/*",
    "[" * 100_000,
]


@pytest.mark.parametrize(("text", "echo"), JSON5)
def test_frames_and_bodies_may_be_json5(
    ws: WsCaller, http: HttpCaller, text: str, echo: Any
) -> None:
    inner = text[text.index("{") + 1 :]
    assert ws.say("{action: 'get_status', " + inner)["echo"] == echo
    status, answer = http.post("get_status", text)
    assert (status, json.loads(answer)["echo"]) == (200, echo)


@pytest.mark.parametrize("text", WRONG, ids=lambda text: text[:20])
def test_what_is_not_json5_is_refused(ws: WsCaller, http: HttpCaller, text: str) -> None:
    assert ws.say(text)["retcode"] == 1400
    assert http.post("get_status", text) == (400, "Invalid JSON")


def test_a_python_dict_with_true_is_no_json5_and_the_note_says_why(http: HttpCaller) -> None:
    assert http.post("get_status", str({"no_cache": True})) == (400, "Invalid JSON")
    assert "True needs quotation marks" in http.notes[0]


def test_numbers_that_json_has_not_become_null(ws: WsCaller) -> None:
    assert ws.say("{action: 'get_status', echo: [NaN, Infinity, -Infinity]}")["echo"] == [None] * 3


def test_an_answer_to_a_posted_event_may_be_json5(http: HttpCaller) -> None:
    with Receiver(b"{'reply': 'yes',} // a Python dict as text", 200) as receiver:
        http.simulator.post_to(receiver.url)
        http.simulator.send_private("hi")
        assert http.simulator.wait_reply()["text"] == "yes"


def test_a_long_json5_takes_a_moment_only(ws: WsCaller) -> None:
    began = time.monotonic()
    assert ws.say("{action: 'get_status', echo: [" + "'x'," * 50_000 + "]}")["status"] == "ok"
    assert time.monotonic() - began < 15
