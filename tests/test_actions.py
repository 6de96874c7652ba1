"""Every action as a method, and the core of calling them."""

from __future__ import annotations

import contextlib
import inspect
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onebot_simple import ActionFailed, ActionNotFound
from onebot_simple.actions import Actions, from_json, to_json

from .peers import failed, ok

HERE = Path(__file__).parent
REQUIRED = inspect.Parameter.empty
FLAGS_OF_THE_STANDARD = "# -- NapCat"
NOT_SENT = {"download_file": {"file", "to", "progress"}}  # of its other meaning


class Recorder(Actions):
    """Remembers what was to be sent, and answers what it is told to."""

    def __init__(self, *answers: dict[str, Any]) -> None:
        self.sent: list[tuple[str, dict[str, Any]]] = []
        self.answers = list(answers)

    def request(
        self, action: str, params: dict[str, Any] | None = None, *, timeout: float | None = None
    ) -> dict[str, Any]:
        self.sent.append((action, params or {}))
        return self.answers.pop(0) if self.answers else ok({"n": 1})

    def _stream(self, action: str, params: dict[str, Any]) -> Iterator[dict[str, Any]]:
        self.sent.append((action, params))
        yield from self.answers


def table(part: int) -> list[Any]:
    """(action, {parameter: default or REQUIRED or None}) of the standard (0) or beyond it (1)."""
    text = (HERE / "actions.txt").read_text(encoding="utf-8").split(FLAGS_OF_THE_STANDARD)[part]
    rows = []
    for line in text.splitlines():
        if not line or line.startswith(("#", ",")):
            continue
        action, *fields = line.split(" ")
        params: dict[str, Any] = {}
        for field in fields:
            name, equals, default = field.partition("=")
            if name.endswith("*"):
                params[name[:-1]] = REQUIRED
            else:
                params[name] = json.loads(default) if equals else None
        rows.append(pytest.param(action, params, id=action))
    return rows


def method_of(action: str) -> Any:
    return getattr(Recorder, action.lstrip("._"))


def test_the_standard_has_38_public_actions_and_a_hidden_one() -> None:
    assert len(table(0)) == 39
    assert len(table(1)) > 150


@pytest.mark.parametrize(("action", "params"), table(0) + table(1))
def test_each_action_is_a_method_with_its_parameters_and_defaults(
    action: str, params: dict[str, Any]
) -> None:
    signature = inspect.signature(method_of(action)).parameters
    names = [name for name in signature if name not in {"self", *NOT_SENT.get(action, ())}]
    assert set(names) == set(params)
    for name in names:
        if action == "send_msg" and name == "message":
            continue  # required by the standard, but behind optional ones
        assert signature[name].default == params[name], name
        assert type(signature[name].default) is type(params[name]), name


@pytest.mark.parametrize(("action", "params"), table(0) + table(1))
def test_each_method_sends_what_it_was_given_under_the_right_names(
    action: str, params: dict[str, Any]
) -> None:
    recorder = Recorder()
    given = {name: f"<{name}>" for name in params}
    result = getattr(recorder, action.lstrip("._"))(**given)
    if inspect.isgenerator(result):
        assert list(result) == []
    wire = ".ocr_image" if action == ".ocr_image" else action
    assert recorder.sent == [(wire.replace(".ocr_image", "ocr_image"), given)]


@pytest.mark.parametrize(("action", "params"), table(0))
def test_the_defaults_of_the_standard_are_sent_explicitly(
    action: str, params: dict[str, Any]
) -> None:
    recorder = Recorder()
    required = {name: "x" for name, default in params.items() if default is REQUIRED}
    getattr(recorder, action.lstrip("._"))(**required)
    defaults = {n: d for n, d in params.items() if d is not None and d is not REQUIRED}
    assert recorder.sent == [(action, required | defaults)]


@pytest.mark.parametrize(("action", "params"), table(0) + table(1))
def test_each_method_is_explained_in_chinese_then_english(
    action: str, params: dict[str, Any]
) -> None:
    lines = (method_of(action).__doc__ or "").splitlines()
    assert not lines[0].isascii()
    assert lines[1] == ""
    assert lines[2].strip().isascii()
    assert "来源 Source" in method_of(action).__doc__


def test_positional_arguments_come_in_the_order_of_the_standard() -> None:
    recorder = Recorder()
    recorder.set_group_ban(1, 2, 60)
    recorder.send_msg("group", None, 5, "hi")
    assert recorder.sent == [
        ("set_group_ban", {"group_id": 1, "user_id": 2, "duration": 60}),
        (
            "send_msg",
            {"message_type": "group", "group_id": 5, "message": "hi", "auto_escape": False},
        ),
    ]


# -- calling --------------------------------------------------------------------------------------


def test_call_action_returns_data_and_sends_no_none() -> None:
    recorder = Recorder(ok({"a": 1}), {"status": "ok", "retcode": 0}, {"status": "async"})
    assert recorder.call_action("x", action="y", self="z", nothing=None) == {"a": 1}
    assert recorder.sent == [("x", {"action": "y", "self": "z"})]
    assert recorder.call_action("x") is None
    assert recorder.call_action("x") is None


def test_paths_and_bytes_are_read_here(tmp_path: Path) -> None:
    recorder = Recorder()
    picture = tmp_path / "a.png"
    picture.write_bytes(b"\x89PNG")
    recorder.upload_group_file(group_id=1, file=picture, name="a.png")
    recorder.set_qq_avatar(file=b"\x89PNG")
    recorder.set_qq_avatar(file="/on/the/other/machine.png")
    files = [params["file"] for _, params in recorder.sent]
    assert files == ["base64://iVBORw==", "base64://iVBORw==", "/on/the/other/machine.png"]


@pytest.mark.parametrize(
    ("response", "kind"),
    [
        (failed(1404, "x"), ActionNotFound),
        (failed(404, "x"), ActionNotFound),
        (failed(200, "不支持的Api nope"), ActionNotFound),
        (failed(200, "不支持的API nope"), ActionNotFound),
        (failed(200, "消息不存在"), ActionFailed),
        ({"status": "failed", "retcode": 100, "msg": "BAD"}, ActionFailed),
        ({"status": "failed"}, ActionFailed),
    ],
)
def test_failed_answers_raise(response: dict[str, Any], kind: type[ActionFailed]) -> None:
    with pytest.raises(ActionFailed) as caught:
        Recorder(response).call_action("nope")
    assert type(caught.value) is kind
    assert caught.value.action == "nope"
    assert caught.value.response is response
    assert caught.value.retcode == response.get("retcode")
    assert str(caught.value).startswith("nope failed with retcode ")


def test_a_stream_yields_data_and_raises_at_a_failed_frame() -> None:
    recorder = Recorder(ok({"n": 1}), failed(200, "gone"))
    frames = recorder.download_file_stream(file="x")
    assert next(frames) == {"n": 1}
    with pytest.raises(ActionFailed, match="gone"):
        next(frames)


# -- JSON -----------------------------------------------------------------------------------------


def test_json_goes_out_in_ascii() -> None:
    assert to_json("x", {"m": "你好\ud800😀"}) == '{"m":"\\u4f60\\u597d\\ud800\\ud83d\\ude00"}'


def deep() -> list[Any]:
    nest: list[Any] = []
    for _ in range(100_000):
        nest = [nest]
    return nest


CIRCLE: dict[str, Any] = {}
CIRCLE["self"] = CIRCLE


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ({1, 2}, TypeError),
        (object(), TypeError),
        ({(1, 2): 3}, TypeError),
        (b"bytes", TypeError),
        (float("nan"), ValueError),
        (float("inf"), ValueError),
        (CIRCLE, ValueError),
    ],
)
def test_what_cannot_be_sent_is_refused_with_its_name(value: Any, kind: type[Exception]) -> None:
    with pytest.raises(kind, match=r"send_msg: wrong cannot be sent as JSON.*参数 wrong"):
        to_json("send_msg", {"right": 1, "wrong": value})


def test_what_is_nested_too_deeply_is_refused_with_its_name() -> None:
    with pytest.raises(ValueError, match="wrong cannot be sent as JSON: it is nested too deeply"):
        to_json("send_msg", {"right": 1, "wrong": deep()})


@pytest.mark.parametrize(
    "data",
    [
        b"\xff",
        "{",
        "[]",
        "5",
        "null",
        "",
        "{} {}",
        '{"a":1}\n,',
        "\u3000{}",
        b'{"a":1}'.decode().encode("utf-16"),
        '{"a": NaN}',
        '{"a": -Infinity}',
        "[" * 100_000,
        '{"a":' * 100_000,
        '{"a":' + "9" * 5000 + "}",
        "{}\ufeff",
        "\ufeff\ufeff{}",
        " \ufeff{}",
    ],
)
def test_what_is_no_json_object_is_a_value_error(data: str | bytes) -> None:
    with pytest.raises(ValueError):
        from_json(data)


def test_json_objects_are_read() -> None:
    assert from_json('{"a": "\\ud800"}') == {"a": "\ud800"}
    assert from_json("\ufeff{}") == {}
    assert from_json(' \t\r\n{"a": " b "} \t\r\n') == {"a": " b "}
    assert from_json(bytearray(b'{"a": [1]}')) == {"a": [1]}
    assert from_json(b"\xef\xbb\xbf{}") == {}


@given(st.one_of(st.binary(max_size=200), st.text(max_size=200)))
def test_any_input_is_an_object_or_a_value_error(data: str | bytes) -> None:
    with contextlib.suppress(ValueError):
        assert isinstance(from_json(data), dict)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.dictionaries(st.text(), json_values))
def test_what_goes_out_comes_in(params: dict[str, Any]) -> None:
    try:
        text = to_json("x", params)
    except ValueError:  # an infinity
        return
    assert from_json(text) == params
