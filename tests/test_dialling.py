"""Every part of an address is used or refused with a sentence, the same in both clients."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from websockets.sync.server import ServerConnection, serve

from onebot_simple import HttpClient, NetworkError, WsClient

from .peers import DEADLINE, wait_until

HAN = re.compile("[一-鿿]")
REFUSED = [
    ("S://user:secret@127.0.0.1:3000", "用户名", "a user, a password"),
    ("S://secret@127.0.0.1:3000", "用户名", "a user, a password"),
    ("S://user:sec?ret@127.0.0.1:3000", "端口", "host or port"),
    ("S://user:sec#ret@127.0.0.1:3000", "端口", "host or port"),
    ("S://127.0.0.1:3000/?access_token=ab#cd", "或 #", "or a #"),
    ("S://127.0.0.1:3000/#", "或 #", "or a #"),
    ("S://<host>:<port>", "占位符", "placeholder"),
    ("S://你的IP:3000", "占位符", "placeholder"),
    ("S://YOUR_IP:3000", "占位符", "placeholder"),
    ("S：//127.0.0.1:3000", "全角符号“：”", "full-width"),
    ("S:／／127.0.0.1:3000", "全角符号“／”", "full-width"),
    ("S://127.0.0.1：3000", "全角符号“：”", "full-width"),
    ("S://127。0。0。1:3000", "全角符号“。”", "full-width"),
    ("S://127.0.0.1:３000", "全角符号“３”", "full-width"),
    ("S://127.0.0.1\n:3000", "看不见", "invisible"),
    ("S://127.0.0.1:3000\u200b", "看不见", "invisible"),
    ("S://127.0.0.1:99999", "端口", "host or port"),
    ("S://127.0.0.1:0", "主机", "with a host"),
    ("S://127.0.0.1:port", "端口", "host or port"),
    ("S://127.0.0.1:", "没有端口", "no port"),
    ("S://S://127.0.0.1:3000", "没有端口", "no port"),
    ("S://127.0.0.1 :3000", "主机", "with a host"),
    ("S://::1:3000", "[]", "[]"),
    ("S://[::1:3000", "[]", "[]"),
    ("S://a..b:3000", "主机", "with a host"),
    ("S://", "主机", "with a host"),
    ("S:/127.0.0.1:3000", "主机", "with a host"),
    ("127.0.0.1:3000", "主机", "with a host"),
    ("ftp://127.0.0.1", "主机", "with a host"),
    ("", "主机", "with a host"),
    ("S://127.0.0.1:3000/?access_token=密码", "access_token", "ASCII"),
]
clients = pytest.mark.parametrize(
    "client, scheme", [(HttpClient, "http"), (WsClient, "ws")], ids=["http", "ws"]
)


@clients
@pytest.mark.parametrize("url, chinese, english", REFUSED)
def test_an_address_that_cannot_be_used_is_refused_in_both_languages(
    client: Any, scheme: str, url: str, chinese: str, english: str
) -> None:
    with pytest.raises(ValueError) as caught:
        client(url.replace("S", scheme))
    said = str(caught.value)
    assert chinese in said and english in said
    assert HAN.match(said.replace("access_token ", "")), "Chinese comes first"
    assert "secret" not in said and "ret@" not in said and "sec" not in said
    assert caught.value.__context__ is None or caught.value.__suppress_context__


@pytest.mark.parametrize("client, url", [(HttpClient, "ws://h:3001"), (WsClient, "HTTP://h:3000")])
def test_the_other_scheme_is_refused_with_the_right_one(client: Any, url: str) -> None:
    with pytest.raises(ValueError, match="开头.*begins with.*is needed here.*3000 and 3001"):
        client(url)


@clients
@pytest.mark.parametrize("url", [8765, None, b"ws://127.0.0.1:3001/?access_token=secret"])
def test_an_address_is_a_str(client: Any, scheme: str, url: Any) -> None:
    with pytest.raises(TypeError, match="字符串.*must be a str") as caught:
        client(url)
    assert "secret" not in str(caught.value)


@clients
@pytest.mark.parametrize("token", ["密码", "ab\n", " ab", "ab\x00"])
def test_a_token_that_no_header_can_carry_is_refused(client: Any, scheme: str, token: str) -> None:
    with pytest.raises(ValueError, match="复制.*ASCII") as caught:
        client(f"{scheme}://127.0.0.1:1", token)
    assert token not in str(caught.value)


class Wire:
    """What an HTTP or a WebSocket server was asked for: targets and Authorization headers."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked: list[tuple[str, str | None]] = []


@pytest.fixture
def http_wire() -> Iterator[Wire]:
    class Requests(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            wire.asked.append((self.path, self.headers.get("Authorization")))
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"status": "ok", "retcode": 0, "data": null}')

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Requests) as server:
        wire = Wire(f"http://127.0.0.1:{server.server_address[1]}")
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield wire
        server.shutdown()
        thread.join(DEADLINE)


@pytest.fixture
def ws_wire() -> Iterator[Wire]:
    def answer(socket: ServerConnection) -> None:
        assert socket.request is not None
        wire.asked.append((socket.request.path, socket.request.headers.get("Authorization")))
        socket.send('{"post_type": "meta_event", "self_id": 10001}')
        for _ in socket:
            pass

    with serve(answer, "127.0.0.1", 0) as server:
        wire = Wire(f"ws://127.0.0.1:{server.socket.getsockname()[1]}")
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield wire
        server.shutdown()
        thread.join(DEADLINE)


def ask_over_http(wire: Wire, tail: str, token: str | None = None) -> None:
    with HttpClient(wire.url + tail, token) as client:
        client.request("a")


def ask_over_ws(wire: Wire, tail: str, token: str | None = None) -> None:
    with WsClient(wire.url + tail, token):
        pass


@pytest.fixture(params=["http", "ws"])
def ask(request: pytest.FixtureRequest) -> Callable[..., tuple[str, str | None]]:
    """Connect to an address that ends so; what the other side was asked for."""
    wire: Wire = request.getfixturevalue(f"{request.param}_wire")
    act = {"http": ask_over_http, "ws": ask_over_ws}[request.param]

    def asked(tail: str, token: str | None = None) -> tuple[str, str | None]:
        act(wire, tail, token)
        target, header = wait_until(lambda: wire.asked)[-1]
        path, mark, query = target.partition("?")
        return path.removesuffix("/a") + mark + query, header

    return asked


@pytest.mark.parametrize(
    "tail, target",
    [
        ("/onebot/v11/ws", "/onebot/v11/ws"),
        ("/机器 人", "/%E6%9C%BA%E5%99%A8%20%E4%BA%BA"),
        ("/%E6%9C%BA%2F", "/%E6%9C%BA%2F"),
        ("/100%", "/100%25"),
        ("/x?room=一 楼&a=1", "/x?room=%E4%B8%80%20%E6%A5%BC&a=1"),
    ],
)
def test_path_and_query_arrive_percent_encoded(
    ask: Callable[..., tuple[str, str | None]], tail: str, target: str
) -> None:
    assert ask(tail) == (target, None)


@pytest.mark.parametrize(
    "tail, token, target, header",
    [
        ("/x?access_token=ab", None, "/x", "Bearer ab"),
        ("/x?access_token=ab%23c%2Bd+e", None, "/x", "Bearer ab#c+d+e"),
        ("/x?a=1&access_token=ab&b=2", None, "/x?a=1&b=2", "Bearer ab"),
        ("/x?Access_Token=ab", None, "/x", "Bearer ab"),
        ("/x?access_token=", None, "/x", None),
        ("/x?access_token=ab", "given", "/x", "Bearer given"),
        ("/x", "", "/x", None),
    ],
)
def test_a_token_in_the_query_becomes_the_token(
    ask: Callable[..., tuple[str, str | None]],
    tail: str,
    token: str | None,
    target: str,
    header: str | None,
) -> None:
    assert ask(tail, token) == (target, header)


def test_an_upper_case_scheme_and_blanks_around_are_fine(http_wire: Wire, ws_wire: Wire) -> None:
    with HttpClient(f"  {http_wire.url.replace('http', 'HTTP')}/x\n") as client:
        client.request("a")
    with WsClient(f"  {ws_wire.url.replace('ws', 'WS')}/x\n"):
        pass
    assert http_wire.asked[0][0] == "/x/a"
    assert wait_until(lambda: ws_wire.asked)[0][0] == "/x"


def failure_of(url: str) -> str:
    with pytest.raises(NetworkError) as caught:
        if url.startswith("ws"):
            WsClient(url).start()
        else:
            HttpClient(url).request("a")
    return str(caught.value)


@pytest.mark.parametrize("scheme", ["http", "ws"])
def test_nobody_listens(scheme: str) -> None:
    url = f"{scheme}://127.0.0.1:1"
    said = failure_of(url)
    assert said.startswith(f"连不上 {url}：对方拒绝连接。NapCat")
    assert f"？ Cannot connect to {url}: connection refused. Is NapCat" in said
    assert "127.0.0.1, or where OneBot is" not in said
    assert "127.0.0.1, or where OneBot is" in failure_of(f"{scheme}://0.0.0.0:1")


@pytest.mark.parametrize("scheme", ["http", "ws"])
def test_a_missing_port_and_the_port_of_the_webui_are_named(scheme: str) -> None:
    said = failure_of(f"{scheme}://127.0.0.1")
    assert "没有写端口" in said and "no port in the address" in said
    said = failure_of(f"{scheme}://127.0.0.1:6099")
    assert "6099 是 NapCat 的 WebUI" in said and "6099 is the port of NapCat's WebUI" in said


@clients
@pytest.mark.parametrize("seconds", [0, -1, True, "30", float("nan"), float("inf"), 10**9, None])
def test_seconds_that_one_cannot_wait_are_refused(client: Any, scheme: str, seconds: Any) -> None:
    with pytest.raises(ValueError, match="timeout 是秒数.*timeout must be a number of seconds"):
        client(f"{scheme}://127.0.0.1:1", timeout=seconds)


@clients
def test_a_ca_file_that_is_none_is_said_in_both_languages(client: Any, scheme: str) -> None:
    with pytest.raises(ValueError, match="ca_file 'absent.pem' 打不开.*cannot be used.*PEM"):
        client(f"{scheme}s://127.0.0.1:1", ca_file="absent.pem")


@pytest.mark.parametrize("scheme", ["http", "ws"])
@pytest.mark.parametrize(
    "tail", ["？access_token=s3cret", "/？access_token=s3cret", "/&access_token=s3cret"]
)
def test_a_token_without_a_question_mark_is_refused_and_not_shown(scheme: str, tail: str) -> None:
    with pytest.raises(ValueError, match=f"{scheme}://127.0.0.1") as caught:
        (WsClient if scheme == "ws" else HttpClient)(f"{scheme}://127.0.0.1:3000{tail}")
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("url", [["http://127.0.0.1"], {"url": 1}, {1}])
def test_an_address_that_cannot_be_hashed_is_refused_as_any_other(url: Any) -> None:
    for client in (HttpClient, WsClient):
        with pytest.raises(TypeError, match=r"地址要写成字符串.*must be a str"):
            client(url)
