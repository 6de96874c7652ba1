"""The commands `call` and `listen`, in this process and as a user starts them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from onebot_simple import segment
from onebot_simple.__main__ import main
from onebot_simple.simulator import Simulator
from onebot_simple.tools.call import value_of

from .lessons import LATE, free_port
from .peers import Api, HttpApi, Poster, message, wait_until

EMOJI = "你好 😀"
ENDED = 1 if os.name == "nt" else 0  # there, a test can only terminate a process


@pytest.fixture(autouse=True)
def nothing_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ONEBOT_URL", "ONEBOT_TOKEN"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def qq() -> Iterator[Simulator]:
    with Simulator(access_token="secret-token", reconnect_interval=100) as one:
        yield one


@pytest.fixture(params=["http_url", "ws_url"])
def address(request: pytest.FixtureRequest, qq: Simulator) -> list[str]:
    """The options that lead to the simulator, over each of the two ways to call."""
    return ["--url", getattr(qq, request.param), "--token", "secret-token"]


class Command:
    """`python -m onebot_simple ...` as a process, and what it has printed."""

    def __init__(self, *arguments: str, **environment: str) -> None:
        known = {name: value for name, value in os.environ.items() if "ONEBOT" not in name}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "onebot_simple", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**known, "PYTHONIOENCODING": "utf-8", **environment},
        )
        self.out = self.errors = b""
        self.readers = [
            threading.Thread(target=read, daemon=True) for read in (self._read_out, self._read_err)
        ]
        for reader in self.readers:
            reader.start()

    def _read_out(self) -> None:
        assert self.process.stdout
        with self.process.stdout:
            for line in self.process.stdout:
                self.out += line

    def _read_err(self) -> None:
        assert self.process.stderr
        with self.process.stderr:
            for line in self.process.stderr:
                self.errors += line

    def wait_for_lines(self, count: int) -> list[bytes]:
        try:
            wait_until(lambda: self.out.count(b"\n") >= count, LATE)
        except AssertionError:
            raise AssertionError(f"{self.out!r}, {self.errors!r}") from None
        return self.out.splitlines()

    def end(self) -> int:
        """Ctrl+C, unless it has ended; the exit code."""
        if self.process.poll() is None:
            if os.name == "nt":
                self.process.terminate()
            else:
                self.process.send_signal(signal.SIGINT)
        code = self.process.wait(LATE)
        for reader in self.readers:
            reader.join(5)
        return code

    def __enter__(self) -> Command:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()


# -- call -----------------------------------------------------------------------------------------


def test_call_prints_the_whole_answer(
    address: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["call", "get_login_info", *address]) == 0
    shown = capsys.readouterr()
    answer = json.loads(shown.out)
    assert answer["status"] == "ok"
    assert answer["data"] == {"user_id": 10001, "nickname": "Bot"}
    assert '\n  "data": {\n' in shown.out
    assert shown.err == ""


def test_call_sends_what_was_typed(qq: Simulator, address: list[str]) -> None:
    params = ["user_id=20001", "message=1+1=2 你好", "auto_escape=true"]
    assert main(["call", "send_private_msg", *address, *params]) == 0
    sent = qq.wait_call("send_private_msg")
    assert sent == {"user_id": 20001, "message": "1+1=2 你好", "auto_escape": True}


def test_a_message_that_is_a_number_can_be_sent(qq: Simulator, address: list[str]) -> None:
    assert main(["call", "send_private_msg", "user_id=20001", "message=123", *address]) == 0
    assert qq.wait_reply()["text"] == "123"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("10001", 10001),
        ("-5", -5),
        ("1.5", 1.5),
        ("true", True),
        ("null", None),
        ("[1, 2]", [1, 2]),
        ('{"type": "dice", "data": {}}', {"type": "dice", "data": {}}),
        ('"007"', "007"),
        ("007", "007"),
        ("hi", "hi"),
        ("", ""),
        ("True", "True"),
        ("NaN", "NaN"),
        ("-Infinity", "-Infinity"),
        ("1e999", "1e999"),
        ("9" * 5000, "9" * 5000),
        ("[" * 100_000, "[" * 100_000),
        ("[CQ:at,qq=20002] hi", "[CQ:at,qq=20002] hi"),
    ],
)
def test_a_value_that_is_json_is_read_as_json_and_any_other_is_text(text: str, value: Any) -> None:
    assert value_of("key", text) == value
    assert type(value_of("key", text)) is type(value)


@pytest.mark.parametrize("text", ["123", "1.50", "true", "null"])
def test_a_message_is_never_a_number(text: str) -> None:
    assert value_of("message", text) == text


def test_a_message_may_be_segments() -> None:
    assert value_of("message", '[{"type": "dice"}]') == [{"type": "dice"}]


def test_a_failed_answer_is_printed_and_exit_code_1(
    address: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["call", "get_message", "message_id=1", *address]) == 1
    shown = capsys.readouterr()
    assert json.loads(shown.out)["status"] == "failed"
    assert "名字拼错了吗" in shown.err and "check the spelling" in shown.err


def test_a_param_that_is_missing_is_named_before_anything_is_called(
    qq: Simulator, address: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["call", "send_group_msg", "group_id=30001", *address]) == 2
    shown = capsys.readouterr()
    assert "缺少 message：写成 call send_group_msg group_id=... message=...。" in shown.err
    assert "Missing: message. Write call send_group_msg group_id=... message=..." in shown.err
    assert (shown.out, qq.calls) == ("", [])
    # what only OneBot knows goes out: its own names for a param, null, actions we do not know
    node = '[{"type": "node", "data": {"user_id": 1, "nickname": "A", "content": "hi"}}]'
    params = ["group_id=30001", f"message={node}"]
    assert main(["call", "send_group_forward_msg", *params, *address]) == 0
    for words in (["get_msg", "message_id=null"], ["call_action"], ["__doc__"]):
        assert main(["call", *words, *address]) == 1


def test_what_onebot_says_does_not_reach_the_terminal_as_commands(
    qq: Simulator, address: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    qq.fail("get_status", message="bad\x1b[2J\nERROR forged")
    assert main(["call", "get_status", *address]) == 1
    shown = capsys.readouterr()
    assert "get_status failed with retcode 1200: bad\\x1b[2J\\nERROR forged. " in shown.err
    assert shown.err.removesuffix("\n").isprintable()
    assert "\x1b" not in shown.out


@pytest.mark.parametrize("scheme", ["http", "ws"])
def test_no_connection_is_exit_code_1(scheme: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["call", "get_status", "--url", f"{scheme}://127.0.0.1:{free_port()}"]) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "对方拒绝连接" in shown.err and "connection refused" in shown.err


def test_an_answer_is_judged_by_its_retcode_too(capsys: pytest.CaptureFixture[str]) -> None:
    api = Api()
    api.answers["get_status"] = lambda params: {"status": "ok", "retcode": 100, "data": None}
    api.answers["clean_cache"] = lambda params: {"status": "async", "retcode": 1, "data": None}
    server = HttpApi(api)
    try:
        assert main(["call", "get_status", "--url", server.url]) == 1
        shown = capsys.readouterr()
        assert json.loads(shown.out)["retcode"] == 100
        assert "get_status 失败了，retcode 100。" in shown.err
        assert "get_status failed with retcode 100." in shown.err
        assert main(["call", "clean_cache", "--url", server.url]) == 0
    finally:
        server.close()


def test_a_value_that_is_nested_too_deeply_is_refused(
    qq: Simulator, address: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["call", "get_msg", f"id={'[' * 950}{']' * 950}", *address]) in (1, 2)
    shown = capsys.readouterr()
    assert "Traceback" not in shown.err
    assert shown.err


def test_a_call_over_a_websocket_prints_its_answer_only(qq: Simulator) -> None:
    options = ["--url", qq.ws_url, "--token", "secret-token"]
    with Command("call", "get_status", *options) as one:
        assert one.process.wait(LATE) == 0
        one.end()
        assert json.loads(one.out)["status"] == "ok"
        assert one.errors == b""


def test_a_wrong_token_is_exit_code_1_and_is_not_shown(
    address: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["call", "get_status", *address, "--token", "not-the-one"]) == 1
    shown = capsys.readouterr()
    assert "access_token" in shown.err
    assert "not-the-one" not in shown.out + shown.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["call"], "ACTION"),
        (["call", "get_msg", "message_id"], "key=value"),
        (["call", "get_msg", "=1"], "key=value"),
        (["call", "get_msg", "--url", "http://127.0.0.1:1", "message_id"], "key=value"),
        (["call", "get_msg", "--nonsense"], "--nonsense"),
        (["call", "get_msg", "--url", "127.0.0.1:3000"], "http://127.0.0.1:3000"),
        (["call", "get_msg", "--url", "http://<host>:<port>"], "<host>:<port>"),
        (["call", "get_msg", "--url", "127.0.0.1:3000/?access_token=s3cret"], "127.0.0.1:3000/"),
        (["call", "get_msg", "--tokn", "s3cret"], "--tokn"),
        (["call", "get_msg", "--tokn=s3cret"], "--tokn"),
        (["call", "get_msg", "--token", "密码"], "access_token"),
        (["listen", "3001"], "ws://127.0.0.1:3001"),
        (["call", "get_msg", "-ts3cret"], "unrecognized: -t\n"),
        (["call", "get_msg", "--tokens3cret"], "unrecognized: --token\n"),
        (["call", "get_msg", "--urls3cret"], "unrecognized: --url\n"),
        (["playground", "--post-urls3cret"], "unrecognized: --post-url\n"),
        (["playground", "--reverse-urls3cret"], "unrecognized: --reverse-url\n"),
        (["listen", "ws://127.0.0.1:3001", "s3cret"], "Words that do not belong here: 1\n"),
        (["doctor", "--wait", "0"], "--wait"),
        (["doctor", "--wait", "inf"], "--wait"),
        (["doctor", "--wait", "1e300"], "--wait"),
        (["--nonsense"], "--nonsense"),
        (["sing"], "sing"),
    ],
)
def test_badly_asked_is_exit_code_2(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    shown = capsys.readouterr().err
    assert words in shown
    assert "s3cret" not in shown
    assert "命令写错了" in shown and "The command is wrong" in shown
    assert "密码" not in shown


def test_a_parameter_that_is_given_twice_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["call", "get_msg", "message_id=1", "message_id=2"]) == 2
    shown = capsys.readouterr().err
    assert "有一个参数写了两次" in shown and "twice" in shown


def test_a_streaming_action_prints_a_line_for_each_frame(
    address: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["call", "test_download_stream", *address]) == 0
    frames = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [frame["data"]["type"] for frame in frames] == ["stream"] * 10 + ["response"]


def test_the_environment_says_where_onebot_is_and_an_option_wins(
    qq: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONEBOT_URL", qq.http_url)
    monkeypatch.setenv("ONEBOT_TOKEN", "secret-token")
    assert main(["call", "get_status"]) == 0
    assert main(["call", "get_status", "--token", "other"]) == 1
    monkeypatch.setenv("ONEBOT_URL", f"http://127.0.0.1:{free_port()}")
    assert main(["call", "get_status"]) == 1
    assert main(["call", "get_status", "--url", qq.ws_url]) == 0


@pytest.mark.skipif(os.name == "nt", reason="a test cannot press Ctrl+C there")
def test_ctrl_c_ends_a_call_without_a_traceback() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with Command("call", "get_status", "--url", url) as one, silent.accept()[0]:
            assert one.end() == 130
            assert one.errors == b""


# -- listen ---------------------------------------------------------------------------------------


def listening(way: str, qq: Simulator, *more: str, **environment: str) -> Command:
    """The command `listen`, with the simulator at the other end, however they connect."""
    port, more = free_port(), ("--token", "secret-token", *more)
    if way == "forward":
        return Command("listen", qq.ws_url, *more, **environment)
    if way == "reverse":
        qq.connect_to(f"ws://127.0.0.1:{port}/onebot")
        return Command("listen", "--reverse", f"ws://127.0.0.1:{port}", *more, **environment)
    qq.post_to(f"http://127.0.0.1:{port}/events", "secret-token")
    return Command("listen", f"http://127.0.0.1:{port}/events", *more, **environment)


WAYS = ["forward", "reverse", "post"]


@pytest.mark.parametrize("way", WAYS)
def test_listen_prints_events_until_ctrl_c(way: str, qq: Simulator) -> None:
    with listening(way, qq) as one:
        qq.wait_connected(LATE)
        greetings = 0 if way == "post" else 1
        qq.send_group(EMOJI)
        one.wait_for_lines(greetings + 1)  # posts may overtake each other
        qq.send_private("second line\x1b7")
        lines = one.wait_for_lines(greetings + 2)[greetings:]
        assert one.end() == ENDED
    assert [line.decode() for line in lines] == [
        f"message.group.normal group_id=30001 user_id=20002 Bob: {EMOJI}",
        "message.private.friend user_id=20001 target_id=20001 Alice: second line\\x1b7",
    ]
    log = one.errors.decode()
    assert "connected" in log or "listening on" in log
    assert "Traceback" not in log
    assert "Bob" not in log


@pytest.mark.parametrize("way", WAYS)
def test_a_saved_day_is_what_the_simulator_replays(way: str, qq: Simulator, tmp_path: Path) -> None:
    day = tmp_path / "日志.jsonl"
    own_poke = {"notice_type": "notify", "sub_type": "poke", "user_id": 10001, "target_id": 20001}
    with listening(way, qq, "--save", str(day)) as one:
        qq.wait_connected(LATE)
        if way == "post":
            wait_until(lambda: b"listening on" in one.errors, LATE)
        qq.send_private(f"{EMOJI} secret-token, ?access_token=other&a=b")
        qq.emit({"post_type": "notice", "self_id": 10001, **own_poke})
        kinds = b'"poke"', b'"raw_message"'  # posts may overtake each other
        wait_until(lambda: day.exists() and all(kind in day.read_bytes() for kind in kinds), LATE)
        assert one.end() == ENDED
    text = day.read_text(encoding="utf-8")
    assert "secret-token" not in text
    lines = [json.loads(line) for line in text.splitlines()]
    assert {(line["direction"], line["transport"]) for line in lines} == {
        ("in", {"forward": "ws", "reverse": "ws_reverse", "post": "http_post"}[way])
    }
    assert all(abs(line["time"] - time.time()) < 60 for line in lines)
    with Simulator() as another:
        events = another.replay(day)
    assert [event for event in events if event.get("sub_type") == "poke"]
    [said] = [event["raw_message"] for event in events if event["post_type"] == "message"]
    assert segment.unescape(said) == f"{EMOJI} ***, ?access_token=***&a=b"


def test_the_next_day_follows_in_the_same_file(qq: Simulator, tmp_path: Path) -> None:
    day = tmp_path / "day.jsonl"
    for number in (1, 2):
        with listening("forward", qq, "--save", str(day)) as one:
            one.wait_for_lines(1)
            qq.emit({"post_type": "notice", "sign": "😀"})
            one.wait_for_lines(2)
        assert day.read_text(encoding="utf-8").count('"sign": "😀"') == number


def test_a_file_that_cannot_be_written_is_said_at_once(
    qq: Simulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["listen", qq.ws_url, "--save", str(tmp_path)]) == 2
    shown = capsys.readouterr().err
    assert "不能写入" in shown and "Cannot write" in shown


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="it stands for a full disk")
def test_a_full_disk_ends_it(qq: Simulator, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--token", "secret-token", "--save", "/dev/full"]
    assert main(["listen", qq.ws_url, *options]) == 1
    shown = capsys.readouterr().err
    assert "磁盘满了吗" in shown and "is the disk full" in shown


def test_an_event_that_is_nested_too_deeply_is_left_out(qq: Simulator, tmp_path: Path) -> None:
    day = tmp_path / "day.jsonl"
    with listening("forward", qq, "--save", str(day)) as one:
        qq.wait_connected(LATE)
        deep: Any = 1
        for _ in range(600):
            deep = [deep]
        qq.emit({"post_type": "notice", "deep": deep})
        qq.send_group("after it")
        wait_until(lambda: b"after it" in one.out, LATE)
        assert one.end() == ENDED
        assert b"Traceback" not in one.errors
    assert "after it" in day.read_text(encoding="utf-8")


def test_listen_takes_the_token_in_its_address(qq: Simulator) -> None:
    port = free_port()
    qq.connect_to(f"ws://127.0.0.1:{port}", "not-the-one")
    url = f"ws://127.0.0.1:{port}?access_token=secret-token"
    with Command("listen", "--reverse", url) as one:
        wait_until(lambda: b"wrong access_token" in one.errors, LATE)
        assert b"secret-token" not in one.errors


def test_listen_answers_a_post_at_once() -> None:
    port = free_port()
    with Command("listen", f"http://127.0.0.1:{port}/") as one:
        wait_until(lambda: b"listening on" in one.errors, LATE)
        begin = time.monotonic()
        assert Poster(Api(), port).post(message("hi")) == (204, b"")
        assert time.monotonic() - begin < LATE
        assert b"Ann: hi" in one.wait_for_lines(1)[0]


def test_listen_json_is_for_other_programs_even_on_a_gbk_console(qq: Simulator) -> None:
    odd = {"post_type": "new_kind", "words": f"{EMOJI} \x85\u202e", "deep": [{"a": None}]}
    with listening("forward", qq, "--json", PYTHONIOENCODING="gbk") as one:
        qq.wait_connected(LATE)
        qq.emit(odd)
        events = [json.loads(line.decode("gbk")) for line in one.wait_for_lines(2)]
        assert one.end() == ENDED
    assert events[0]["meta_event_type"] == "lifecycle"
    assert events[1] == odd
    assert "你好".encode("gbk") in one.out
    assert b"\x85" not in one.out.replace("你好".encode("gbk"), b"")


def test_lines_and_errors_survive_a_gbk_console(qq: Simulator) -> None:
    with listening("forward", qq, PYTHONIOENCODING="gbk") as one:
        qq.wait_connected(LATE)
        qq.send_group(EMOJI)
        assert "Bob: 你好 \\U0001f600" in one.wait_for_lines(2)[1].decode("gbk")
        assert one.end() == ENDED
    with Command("call", "get_status", "--url", qq.ws_url, PYTHONIOENCODING="gbk") as failing:
        assert failing.process.wait(LATE) == 1
        failing.end()
        assert "没有给" in failing.errors.decode("gbk")


def test_listen_with_a_wrong_token_is_exit_code_1(
    qq: Simulator, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["listen", qq.ws_url, "--token", "other"]) == 1
    assert "access_token" in capsys.readouterr().err


def test_listen_where_it_cannot_is_said(qq: Simulator, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["listen", qq.http_url]) == 1
    assert "already in use" in capsys.readouterr().err
    assert main(["listen", "--reverse", "wss://127.0.0.1:8765"]) == 2
    assert "without TLS" in capsys.readouterr().err


@pytest.mark.skipif(os.name == "nt", reason="a closed pipe looks different there")
def test_listen_ends_quietly_when_nobody_reads_any_more(qq: Simulator) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "onebot_simple", "listen", qq.ws_url, "--token", "secret-token"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout and process.stderr
        assert b"lifecycle" in process.stdout.readline()
        process.stdout.close()
        qq.send_group("one")
        assert process.wait(LATE) == 0
        assert b"Error" not in process.stderr.read()


# -- the program ----------------------------------------------------------------------------------


def test_the_entry_point_is_installed_and_runs() -> None:
    program = shutil.which("onebot-simple", path=os.path.dirname(sys.executable))
    assert program, "pip install -e . makes it"
    run = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=30)
    assert run.returncode == 0
    assert run.stdout.startswith("onebot-simple 0.")


def test_without_a_command_the_help_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    shown = capsys.readouterr()
    with pytest.raises(SystemExit):
        main(["--help"])
    assert shown.out == capsys.readouterr().out
    assert shown.err == ""
    assert "playground" in shown.out and "doctor" in shown.out


@pytest.mark.parametrize("arguments", [[], ["playground"], ["call"], ["listen"], ["doctor"]])
def test_help_speaks_both_languages_on_any_console(arguments: list[str]) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "onebot_simple", *arguments, "--help"],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "gbk"},
        timeout=60,
    )
    assert run.returncode == 0
    shown = run.stdout.decode("gbk")
    assert "\\u" not in shown
    assert any("\u4e00" <= letter <= "\u9fff" for letter in shown.split("usage:")[1])
    assert "usage: python -m onebot_simple" in shown
