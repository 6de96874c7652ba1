"""The examples run unmodified, as processes, against hand-written peers."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from .peers import Api, ForwardWs, HttpApi, Poster, ReverseWs, message, wait_until

EXAMPLES = Path(__file__).parent.parent / "examples"


class Running:
    """An example in a process of its own, and what it has printed."""

    def __init__(self, path: Path, **environment: str) -> None:
        self.output = ""
        self.process = subprocess.Popen(
            [sys.executable, "-u", str(path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONUTF8": "1", **environment},
            encoding="utf-8",
        )
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.output += line

    def wait_for(self, words: str) -> None:
        try:
            wait_until(lambda: words in self.output, 15)
        except AssertionError:
            raise AssertionError(f"{words!r} is not in:\n{self.output}") from None

    def end(self) -> None:
        if self.process.poll() is None:
            if os.name == "nt":
                self.process.terminate()
            else:
                self.process.send_signal(signal.SIGINT)
        self.process.wait(10)
        self.reader.join(5)
        assert self.process.stdout
        self.process.stdout.close()


@contextmanager
def running(name: str | Path, **environment: str) -> Iterator[Running]:
    one = Running(EXAMPLES / name, **environment)
    try:
        yield one
    finally:
        one.end()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@pytest.fixture
def api() -> Api:
    return Api()


def test_every_example_is_short_and_opens_with_three_lines_of_comment() -> None:
    paths = sorted(EXAMPLES.glob("*.py"))
    assert paths
    for path in paths:
        lines = path.read_text(encoding="utf-8").splitlines()
        assert len(lines) <= 25, path.name
        assert all(line.startswith("# ") for line in lines[:3]), path.name


def test_01_calls_the_api(api: Api) -> None:
    server = HttpApi(api)
    with running("01_call_the_api.py", ONEBOT_URL=server.url) as example:
        example.process.wait(15)
        example.reader.join(5)
        assert "'status': 'ok', 'retcode': 0, 'data': {'message_id': 1234}" in example.output
        assert example.output.endswith("1234\n")
    assert api.calls[0] == ("send_private_msg", {"user_id": 20001, "message": "你好，NapCatQQ！"})
    server.close()


def test_02_receives_events_over_http(api: Api) -> None:
    port = free_port()
    with running("02_receive_over_http.py", ONEBOT_PORT=str(port)) as example:
        example.wait_for("listening on")
        assert Poster(api, port).post(message("推送")) == (204, b"")
        example.wait_for("'text': '推送'")
        example.end()
        assert "Traceback" not in example.output


def test_03_calls_and_listens_over_one_websocket(api: Api) -> None:
    peer = ForwardWs(api)
    with running("03_websocket_client.py", ONEBOT_URL=peer.url) as example:
        assert api.wait_call("send_group_msg", seconds=15)["group_id"] == 30001
        example.wait_for("response: {'status': 'ok'")
        peer.push(message("推送"))
        example.wait_for("event: {'time'")
        example.wait_for("'text': '推送'")
        example.end()
        assert "Traceback" not in example.output
    peer.close()


def test_04_is_the_server_that_onebot_connects_to(api: Api) -> None:
    port = free_port()
    with running("04_websocket_server.py", ONEBOT_PORT=str(port)) as example:
        example.wait_for("listening on")
        peer = ReverseWs(api, f"ws://127.0.0.1:{port}")
        assert api.wait_call("send_group_msg", seconds=15)["group_id"] == 30001
        example.wait_for("response: {'status': 'ok'")
        peer.push(message("推送"))
        example.wait_for("'text': '推送'")
        example.end()
        assert "Traceback" not in example.output
        peer.close()


def test_05_echoes(api: Api) -> None:
    peer = ForwardWs(api)
    with running("05_echo.py", ONEBOT_URL=peer.url) as example:
        wait_until(lambda: peer.sockets, 15)
        peer.push(message("回声"))
        assert api.said() == "echo: 回声"
        example.end()
    peer.close()


@pytest.mark.parametrize("transport", ["post", "post with api", "forward", "reverse"])
def test_the_echo_bot_changes_its_transport_by_changing_one_line(
    api: Api, transport: str, tmp_path: Path
) -> None:
    http, port = HttpApi(api), free_port()
    forward = ForwardWs(api)
    line = {
        "post": f"bot = EventServer(port={port})",
        "post with api": f'bot = EventServer(port={port}, api=HttpClient("{http.url}"))',
        "forward": f'bot = WsClient("{forward.url}")',
        "reverse": f"bot = WsServer(port={port})",
    }[transport]
    source = (EXAMPLES / "05_echo.py").read_text(encoding="utf-8")
    lines = [line if old.startswith("bot = ") else old for old in source.splitlines()]
    everything = "from onebot_simple import EventServer, HttpClient, WsClient, WsServer, segment"
    lines = [everything if old.startswith("from onebot") else old for old in lines]
    script = tmp_path / "echo.py"
    script.write_text("\n".join(lines), encoding="utf-8")
    with running(script) as example:
        if transport == "forward":
            wait_until(lambda: forward.sockets, 15)
            forward.push(message("hi"))
        elif transport == "reverse":
            example.wait_for("listening on")
            reverse = ReverseWs(api, f"ws://127.0.0.1:{port}")
            reverse.push(message("hi"))
        else:
            example.wait_for("listening on")
            poster = Poster(api, port)
            poster.push(message("hi"))
        assert api.said(seconds=15) == "echo: hi"
        example.end()
        assert "Traceback" not in example.output
    if transport == "reverse":
        reverse.close()
    if transport.startswith("post"):
        poster.close()
    forward.close()
    http.close()
