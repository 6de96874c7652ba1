"""Every action as a method, and the core of calling them."""

from __future__ import annotations

import contextlib
import inspect
import itertools
import json
import pydoc
import re
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onebot_simple import ActionFailed, ActionNotFound, HttpClient, WsClient
from onebot_simple.actions import Actions, from_json, to_json

from .conftest import Stage
from .peers import Json, failed, ok

HERE = Path(__file__).parent
REQUIRED = inspect.Parameter.empty
DOWNLOAD_HERE = {"file", "to", "progress"}  # of download_file(), in its other meaning


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

    def _call(
        self, action: str, params: dict[str, Any], timeout: float | None = None
    ) -> Generator[dict[str, Any], None, None]:
        self.sent.append((action, params))
        yield from self.answers

    def call(self, action: str, *values: Any, **named: Any) -> None:
        """Call the method of an action; a stream to its end."""
        result = getattr(self, action.lstrip("._"))(*values, **named)
        if inspect.isgenerator(result):
            assert list(result) == []


class Row(NamedTuple):
    action: str
    positional: dict[str, Any]  # parameter: REQUIRED or None
    named: dict[str, Any]  # parameter: REQUIRED, None or the standard's default

    def required(self) -> dict[str, Any]:
        """A value for each parameter without which the method refuses."""
        params = self.positional | self.named
        return {n: f"<{n}>" for n in params if params[n] is REQUIRED} | NEEDS_TOO.get(
            self.action, {}
        )


NEEDS_TOO: dict[str, dict[str, Any]] = {
    action: {name: f"<{name}>" for name in names.split()}
    for action, names in {
        "send_msg": "group_id",
        "send_forward_msg": "group_id",
        "get_forward_msg": "id",
        "get_image": "file",
        "get_record": "file out_format",
        "get_file": "file_id",
        "download_file_stream": "file",
        "download_file_record_stream": "file_id",
        "download_file_image_stream": "file",
        "delete_essence_msg": "message_id",
        "mark_msg_as_read": "message_id",
        "mark_group_msg_as_read": "group_id",
        "mark_private_msg_as_read": "user_id",
        "set_group_anonymous_ban": "anonymous_flag",
        "send_flash_msg": "user_id",
        "send_ark_share": "user_id",
        "ArkSharePeer": "group_id",
        "forward_friend_single_msg": "user_id",
        "forward_group_single_msg": "group_id",
        "set_group_todo": "message_id",
        "complete_group_todo": "message_seq",
        "cancel_group_todo": "message_id",
        "download_file": "url",
        "get_mini_app_ark": "type",
    }.items()
}


def table(part: int) -> list[Any]:
    """The rows of actions.txt: of the standard (0), or beyond it (1)."""
    text = (HERE / "actions.txt").read_text(encoding="utf-8").split("# -- ")[part + 1]
    lines = [line for line in text.splitlines()[1:] if line]
    return [pytest.param(row_of(line), id=line.split(" ")[0]) for line in lines]


def row_of(line: str) -> Row:
    front, _, behind = line.partition(" | ")
    action, *positional = front.split(" ")
    named: dict[str, Any] = {}
    for field in behind.split():
        name, equals, default = field.partition("=")
        named[name.rstrip("*")] = json.loads(default) if equals else None
        if name.endswith("*"):
            named[name.rstrip("*")] = REQUIRED
    return Row(
        action,
        {name.rstrip("?"): None if name.endswith("?") else REQUIRED for name in positional},
        named,
    )


STANDARD, EXTENDED = table(0), table(1)
every_action = pytest.mark.parametrize("row", STANDARD + EXTENDED)
every_action_that_needs_something = pytest.mark.parametrize(
    "row", [row for row in STANDARD + EXTENDED if row.values[0].required()]
)


def method_of(action: str) -> Any:
    return getattr(Recorder, action.lstrip("._"))


def test_the_standard_has_38_public_actions_and_a_hidden_one() -> None:
    assert len(STANDARD) == 39
    assert len(EXTENDED) > 150


@every_action
def test_each_method_has_the_parameters_of_its_action(row: Row) -> None:
    signature = inspect.signature(method_of(row.action)).parameters
    mine = DOWNLOAD_HERE if row.action == "download_file" else set()
    shown = [p for p in signature.values() if p.name not in {"self", *mine}]
    positional = {p.name: p.default for p in shown if p.kind is p.POSITIONAL_OR_KEYWORD}
    named = {p.name: p.default for p in shown if p.kind is p.KEYWORD_ONLY}
    assert list(positional.items()) == list(row.positional.items())
    assert named == row.named
    assert {n: type(d) for n, d in named.items()} == {n: type(d) for n, d in row.named.items()}


@every_action
def test_ids_come_first_and_the_group_before_the_user(row: Row) -> None:
    names = [name for name, default in row.positional.items() if default is REQUIRED]
    for before, after in itertools.pairwise(names):
        assert not (after == "group_id" and before != "guild_id")
        assert not (after == "user_id" and before != "group_id" and before != "guild_id")


@every_action
def test_each_method_sends_what_it_was_given_under_the_right_names(row: Row) -> None:
    recorder = Recorder()
    given = {name: f"<{name}>" for name in row.positional | row.named}
    recorder.call(row.action, **given)
    recorder.call(
        row.action,
        *(given[name] for name in row.positional),
        **{name: given[name] for name in row.named},
    )
    assert recorder.sent == [(row.action, given), (row.action, given)]


@every_action
def test_the_defaults_of_the_standard_are_sent_and_nothing_else_that_was_not_given(
    row: Row,
) -> None:
    recorder = Recorder()
    recorder.call(row.action, **row.required())
    defaults = {n: d for n, d in row.named.items() if d is not None and d is not REQUIRED}
    [(action, params)] = recorder.sent
    assert (action, params) == (row.action, defaults | row.required())
    assert {n: type(params[n]) for n in defaults} == {n: type(d) for n, d in defaults.items()}


@every_action
def test_what_is_none_is_not_given_so_that_the_default_counts(row: Row) -> None:
    recorder = Recorder()
    recorder.call(row.action, **(dict.fromkeys(row.named) | row.required()))
    recorder.call(row.action, **row.required())
    first, second = recorder.sent
    assert first == second


# -- wrong arguments ------------------------------------------------------------------------------


@every_action_that_needs_something
def test_what_is_needed_is_asked_for_by_its_name_and_nothing_is_sent(row: Row) -> None:
    recorder = Recorder()
    for name in row.required():
        for wrong in ({}, {name: None}):
            others = {n: value for n, value in row.required().items() if n != name}
            with pytest.raises(TypeError, match=rf"{method_name(row)}\(\) .*{name}"):
                recorder.call(row.action, **others, **wrong)
    assert recorder.sent == []


@every_action
def test_one_value_without_a_name_too_many_shows_the_right_call(row: Row) -> None:
    recorder = Recorder()
    names = [*row.positional] if row.action != "download_file" else ["file"]
    with pytest.raises(TypeError) as caught:
        recorder.call(row.action, *names, "too many")
    said = str(caught.value)
    right = f"{method_name(row)}({', '.join(names)}"
    assert f"应当写成 {right}" in said
    assert f"Write {right}" in said
    noun = "value" if len(names) == 1 else "values"
    assert f"takes at most {len(names)} {noun} without a name, but got {len(names) + 1}" in said
    assert all(f"{name}=..." in said for name in row.named)
    assert recorder.sent == []


def method_name(row: Row) -> str:
    return row.action.lstrip("._")


def test_the_call_that_is_shown_is_the_one_to_write() -> None:
    wrong: Any = Recorder()
    with pytest.raises(TypeError) as caught:
        wrong.set_group_ban(30001, 20003, 600)
    assert str(caught.value) == (
        "set_group_ban() 不带名字的值最多 2 个，写了 3 个。"
        "应当写成 set_group_ban(group_id, user_id, duration=...)。 "
        "set_group_ban() takes at most 2 values without a name, but got 3. "
        "Write set_group_ban(group_id, user_id, duration=...)."
    )
    wrong.set_group_ban(30001, 20003, duration=600)
    assert wrong.sent == [("set_group_ban", {"group_id": 30001, "user_id": 20003, "duration": 600})]


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda it: it.set_group_ban(1, 2, seconds=3), "has no parameter seconds.*duration="),
        (lambda it: it.send_msg("hi"), "Write send_msg.message=..., group_id=..., user_id=..."),
        (lambda it: it.send_msg(message="hi"), "send_msg.. needs user_id or group_id"),
        (lambda it: it.send_group_msg(1, None), "send_group_msg.. needs message, which is missing"),
        (
            lambda it: it.call_action("get_msg", {"message_id": 1}),
            r"call_action\(action, name=value",
        ),
        (lambda it: it.call_action(None), "call_action.. needs action"),
        (lambda it: it.call_action(action="get_status"), r"call_action.. needs action.*\(action, "),
        (lambda it: it.upload_file(None), "upload_file.. needs path"),
        (lambda it: it.download_file("x", "folder"), r"download_file\(file, to=..., progress=..."),
        (
            lambda it: it.get_mini_app_ark("t", "d", "p", "j", appId="1"),
            "also needs iconUrl, scene",
        ),
    ],
)
def test_wrong_calls_are_refused_in_both_languages(
    call: Callable[[Any], object], said: str
) -> None:
    recorder = Recorder()
    with pytest.raises(TypeError, match=said) as caught:
        call(recorder)
    assert not str(caught.value).isascii()
    assert recorder.sent == []


def test_params_of_a_request_stand_in_one_dict() -> None:
    client: Any = HttpClient("http://127.0.0.1:9")
    with pytest.raises(
        TypeError, match=r"没有参数 message.*Write request\(action, params, timeout="
    ):
        client.request("send_msg", message="hi")


def test_the_traceback_of_a_failed_call_is_the_line_of_the_caller_and_one_of_ours() -> None:
    recorder = Recorder(failed(1200, "x"), failed(1404, "x"))
    for call in (lambda: recorder.send_group_msg(1, "hi"), lambda: recorder.call_action("nope")):
        with pytest.raises(ActionFailed) as caught:
            call()
        *callers, ours = caught.traceback
        assert {str(one.path) for one in callers} == {__file__}
        assert "raise error" in str(ours.statement)


IMAGE = {"type": "image", "data": {"file": "a.png"}}


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ({"type": "image", "file": "a.png"}, r'HERE must be .*"data".*, not .*a\.png.*image'),
        (["hi", {"type": "at", "qq": 1}], r'HERE\[1\] must be .*"data".*, not .*at'),
        ([IMAGE, {"type": "dice", "data": None}], r'HERE\[1\] must be .*"data".*, not .*None'),
        (["hi", None], r"HERE\[1\] must be a str .*, not None"),
        ([["hi"]], r"HERE\[0\] must be a str .*, not \['hi'\]"),
        (42, r"HERE must be a str \(a number as str\(42\)\).*, not 42"),
        ({"message": "hi"}, r"HERE must be a str .*, not {'message'"),
        (
            [{"type": "node", "data": {"content": ["hi", {"type": "face"}]}}],
            r'HERE\[0\]\["data"\]\["content"\]\[1\] must be .*"data".*, not .*face',
        ),
    ],
)
def test_a_message_that_is_none_is_refused_with_its_place(message: Any, said: str) -> None:
    recorder = Recorder()
    for action, params in (
        ("send_group_msg", {"group_id": 1, "message": message}),
        ("send_private_msg", {"user_id": 1, "message": message}),
        ("send_msg", {"user_id": 1, "message": message}),
        ("send_guild_channel_msg", {"guild_id": 1, "channel_id": 2, "message": message}),
        ("send_group_forward_msg", {"group_id": 1, "messages": message}),
    ):
        wanted = said.replace("HERE", list(params)[-1])
        with pytest.raises(TypeError, match=wanted) as caught:
            recorder.call(action, **params)
        assert str(caught.value).startswith(f"{action}: ")
        with pytest.raises(TypeError, match=wanted):
            recorder.call_action(action, **params)
    assert recorder.sent == []


@pytest.mark.parametrize("message", ["", "[CQ:face,id=1]", IMAGE, [], [IMAGE, IMAGE]])
def test_messages_are_passed_on_as_they_are(message: Any) -> None:
    recorder = Recorder()
    recorder.send_group_msg(1, message)
    assert recorder.sent[0][1]["message"] == message


def test_a_str_in_a_list_goes_out_as_text_because_no_onebot_knows_it_there() -> None:
    recorder, typed = Recorder(), "[CQ:face,id=1]"
    text = {"type": "text", "data": {"text": typed}}
    recorder.send_group_msg(1, [IMAGE, typed])
    assert recorder.sent[0][1]["message"] == [IMAGE, text]
    data: dict[str, Any] = {"user_id": 1, "content": [typed]}
    recorder.send_group_forward_msg(1, [{"type": "node", "data": data}])
    assert recorder.sent[1][1]["messages"] == [
        {"type": "node", "data": {**data, "content": [text]}}
    ]
    assert data["content"] == [typed]
    code = {"type": "node", "data": {"user_id": 1, "content": typed}}
    recorder.send_group_forward_msg(1, [code])  # alone, a str holds CQ codes
    assert recorder.sent[2][1]["messages"] == [code]


# -- over the wire --------------------------------------------------------------------------------


def test_what_cannot_be_sent_is_refused_at_once_and_never_reaches_onebot(
    calling_stage: Stage,
) -> None:
    calling_stage.go()
    bot: Any = calling_stage.bot
    for wrong in (None, 42, {"type": "image", "file": "a.png"}):
        with pytest.raises(TypeError, match="send_group_msg.*message"):
            bot.send_group_msg(30001, wrong)
    with pytest.raises(TypeError, match=r"Write set_group_ban\(group_id, user_id, duration="):
        bot.set_group_ban(30001, 20003, 600)
    assert bot.group_poke(30001, 20001) == {"message_id": 1234}
    assert calling_stage.api.calls == [("group_poke", {"group_id": 30001, "user_id": 20001})]


@pytest.mark.parametrize(
    "answer", [{"status": "ok", "retcode": 100}, {"retcode": 1400}, {"status": "failed"}]
)
def test_an_answer_that_is_no_success_raises_on_every_transport(
    calling_stage: Stage, answer: Json
) -> None:
    calling_stage.api.answers["get_msg"] = lambda params: dict(answer)
    calling_stage.go()
    with pytest.raises(ActionFailed) as caught:
        calling_stage.bot.get_msg(5)
    assert caught.value.retcode == answer.get("retcode")


# -- explained ------------------------------------------------------------------------------------


@every_action
def test_each_method_is_explained_in_chinese_then_english(row: Row) -> None:
    lines = (method_of(row.action).__doc__ or "").splitlines()
    assert not lines[0].isascii()
    assert lines[1] == ""
    assert lines[2].strip().isascii()
    assert "来源 Source" in method_of(row.action).__doc__


def in_one_line(manual: str) -> str:
    """Python 3.13 breaks long signatures into lines."""
    return re.sub(r"[\s|]+", " ", manual).replace("( ", "(").replace(" )", ")")


def test_the_manual_begins_with_what_everybody_needs() -> None:
    shown = in_one_line(pydoc.plain(pydoc.render_doc(WsClient)))
    wanted = [
        "send(self",
        "call_action(self",
        "upload_file(self",
        "send_group_msg(self",
        "group_poke(self",
    ]
    places = [shown.index(f" {name}") for name in wanted]
    assert places == sorted(places)
    assert "set_group_ban(self, group_id: 'Id', user_id: 'Id', *, duration: 'int' = 1800)" in shown


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
        ({"status": "failed", "retcode": 0}, ActionFailed),
        ({"status": "ok", "retcode": 100}, ActionFailed),
        ({"status": "ok", "retcode": 1404}, ActionNotFound),
        ({"status": "okay", "retcode": 0}, ActionFailed),
        ({"retcode": 1400}, ActionFailed),
        ({"retcode": -1, "data": {"a": 1}}, ActionFailed),
        ({"data": {"a": 1}}, ActionFailed),
        ({}, ActionFailed),
    ],
)
def test_failed_answers_raise(response: dict[str, Any], kind: type[ActionFailed]) -> None:
    with pytest.raises(ActionFailed) as caught:
        Recorder(response).call_action("nope")
    assert type(caught.value) is kind
    assert caught.value.action == "nope"
    assert caught.value.response is response
    assert caught.value.retcode == response.get("retcode")
    said = str(caught.value)
    assert said.startswith(f"nope 失败了，retcode {response.get('retcode')}")
    assert f" nope failed with retcode {response.get('retcode')}" in said


@pytest.mark.parametrize(
    "response",
    [
        {"status": "ok", "retcode": 0},
        {"status": "async", "retcode": 1},
        {"status": "ok"},
        {"retcode": 0},
        {"retcode": 1},
    ],
)
def test_what_is_a_success_returns_data(response: dict[str, Any]) -> None:
    assert Recorder({**response, "data": [1]}).call_action("x") == [1]
    assert [*Recorder({**response, "data": {"n": 1}}).stream_action("x")] == [{"n": 1}]


@pytest.mark.parametrize(
    ("response", "chinese", "english"),
    [
        (failed(1200, "Timeout: NTEvent x/sendMsg y"), "风控", "risk control"),
        (failed(1200, "Timeout: NTEvent x/getUser y"), "没有及时回答", "did not answer in time"),
        (failed(1200, "SHA256 mismatch"), "再传一次", "Upload it again"),
        (failed(1400, "x"), "参数不对", "The params are wrong"),
        (failed(1200, "x"), "机器人的权限", "the bot's rights"),
        (failed(1404, "x"), "拼错", "check the spelling"),
    ],
)
def test_a_failure_is_explained_in_both_languages(
    response: dict[str, Any], chinese: str, english: str
) -> None:
    with pytest.raises(ActionFailed) as caught:
        Recorder(response).call_action("do_it")
    front, _, behind = str(caught.value).partition(" do_it failed with retcode ")
    assert front.startswith("do_it 失败了，retcode")
    assert chinese in front
    assert english in behind
    assert behind.isascii()


def test_a_stream_yields_data_and_raises_at_a_failed_frame() -> None:
    recorder = Recorder(ok({"n": 1}), failed(200, "gone"))
    frames = recorder.download_file_stream(file="x")
    assert next(frames) == {"n": 1}
    with pytest.raises(ActionFailed, match="gone"):
        next(frames)
    frames = Recorder({"status": "ok", "retcode": 1200, "data": {"n": 1}}).stream_action("x")
    with pytest.raises(ActionFailed):
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
    with pytest.raises(
        kind, match=r"参数 wrong 不能变成 JSON.*send_msg: wrong cannot be sent as JSON"
    ):
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
        '5 "\\ud83d"',
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
        "\ud800{}",
        '{"a": "\udfff"}',
        '{"post_type": "\\ud83d"}',
        '{"post_type": {"\\uDE00\\uD83D": 1}}',
    ],
)
def test_what_is_no_json_object_is_a_value_error(data: str | bytes) -> None:
    with pytest.raises(ValueError):
        from_json(data)


def test_json_objects_are_read() -> None:
    assert from_json('{"a": "\\ud83d\\uDE00 \\\\ud83d"}') == {"a": "😀 \\ud83d"}
    # somebody waits for an answer, be there half a sign in it or not
    assert from_json('{"status": "ok", "data": "\\ud83d"}')["data"] == "\ud83d"
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
    max_leaves=20,
)


@given(st.dictionaries(st.text(), json_values))
def test_what_goes_out_comes_in(params: dict[str, Any]) -> None:
    try:
        text = to_json("x", params)
    except ValueError:  # an infinity
        return
    assert from_json(text) == params


def test_a_value_that_is_given_twice_is_said_as_the_other_mistakes_are() -> None:
    bot = WsClient("ws://127.0.0.1:1")
    with pytest.raises(TypeError, match=r"group_id 写了两次.*was given group_id twice"):
        bot.send_group_msg(1, group_id=2, message="hi")  # type: ignore[misc]
