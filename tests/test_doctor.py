"""The command `doctor`: every way in which it does not work, made for real, is told apart."""

from __future__ import annotations

import json
import os
import re
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import trustme
from websocket import WebSocketException, create_connection
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

from onebot_simple.__main__ import _parsed
from onebot_simple.simulator import Simulator
from onebot_simple.tools import probe, reception
from onebot_simple.tools.doctor import run
from onebot_simple.tools.probe import Surroundings

from .peers import DEADLINE, Api, HttpApi, connect_event, free_port, ok, wait_until

TOKEN = "secret-token"
SHORT, LONG = ["--wait", "0.1"], ["--wait", "30"]
CHINESE = re.compile("[\u4e00-\u9fff]")
ENGLISH = re.compile("[a-z]{2}.*[a-z]{2}")
HANDSHAKE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "b25lYm90LXNpbXBsZS0xMQ==",
}


@pytest.fixture(autouse=True)
def plain_surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("ONEBOT_") or name.lower() in probe.PROXIES:
            monkeypatch.delenv(name)


class Doctor:
    """Runs the command, and checks what every run promises."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys
        self.around = Surroundings(ports={}, in_container=False)

    def __call__(self, *arguments: str) -> tuple[int, str]:
        code = run(_parsed(["doctor", *arguments]), self.around)
        shown = self.capsys.readouterr()
        assert shown.err == ""
        assert TOKEN not in shown.out
        assert "not-the-one" not in shown.out
        assert (code == 0) == ("✘" not in shown.out) == ("✔ 一切正常。 All is well." in shown.out)
        for line in shown.out.splitlines():
            assert CHINESE.search(line) or line.startswith("  "), line
            assert ENGLISH.search(line) or line.startswith("✘"), line
        return code, shown.out

    def finds(self, words: str, *arguments: str) -> str:
        """One line is bad, and it or its details have these words; all that is shown."""
        return self.names(words, *self(*arguments))

    def turns_away(self, words: str, url: str, *arguments: str) -> str:
        """As finds(), when somebody keeps coming and does not get in.

        The doctor waits whether somebody else comes, too: only as long as these need.
        """
        code, shown = self("--reverse", url, *arguments, "--wait", "0.3")
        if "没有人来" in shown:  # this machine is too busy
            code, shown = self("--reverse", url, *arguments)
        return self.names(words, code, shown)

    def finds_soon(self, words: str, url: str) -> str:
        """As finds(), where the doctor also waits for what does not come: as briefly as it can."""
        code, shown = self(url, *SHORT)
        if words not in shown:  # this machine is too busy
            code, shown = self(url, "--wait", "3")
        return self.names(words, code, shown)

    def names(self, words: str, code: int, shown: str) -> str:
        assert code == 1
        before, bad = shown.split("✘")
        chinese, english, *details = bad.splitlines()
        assert english.startswith("  "), shown
        assert words in "\n".join([chinese, *details]), shown
        return shown

    def is_content(self, *arguments: str) -> str:
        code, shown = self(*arguments)
        assert code == 0, shown
        return shown


@pytest.fixture
def doctor(capsys: pytest.CaptureFixture[str]) -> Doctor:
    return Doctor(capsys)


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes may come late: on a busy machine, a moment is soon over."""
    monkeypatch.setattr(reception, "MOMENT_SECONDS", 20)


@pytest.fixture
def qq() -> Iterator[Simulator]:
    with Simulator(reconnect_interval=100) as one:
        yield one


@pytest.fixture
def strict() -> Iterator[Simulator]:
    """It wants a token."""
    with Simulator(access_token=TOKEN, reconnect_interval=100) as one:
        yield one


@pytest.fixture
def context(tmp_path: Path) -> ssl.SSLContext:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    return context


@contextmanager
def tcp_server(answer: Callable[[socket.socket], object]) -> Iterator[int]:
    """The port of a server that does as `answer` says with every connection."""
    listener = socket.create_server(("127.0.0.1", 0))
    connections: list[socket.socket] = []

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connections.append(connection)
            try:
                answer(connection)
            except OSError:
                connection.close()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)  # wakes the thread
        listener.close()
        thread.join()
        for connection in connections:
            connection.close()


@contextmanager
def web_server(pages: dict[str, tuple[int, dict[str, str], str]]) -> Iterator[int]:
    """The port of an HTTP server with these pages, the one under "*" for all others."""

    class Requests(BaseHTTPRequestHandler):
        timeout = 5

        def do_GET(self) -> None:
            status, headers, page = pages.get(self.path, pages["*"])
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(page.encode())

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.do_GET()

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Requests) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def answer_to(frame: str | bytes, data: dict[str, Any]) -> dict[str, Any]:
    call = json.loads(frame)
    return {**ok(data.get(call["action"], {})), "echo": call["echo"]}


@contextmanager
def ws_server(
    *,
    refusal: Callable[[ServerConnection, Request], Response | None] | None = None,
    context: ssl.SSLContext | None = None,
    events: list[dict[str, Any]] | None = None,
    data: dict[str, Any] | None = None,
) -> Iterator[int]:
    """The port of a WebSocket server; `data` is what it answers, by action."""

    def handler(connection: ServerConnection) -> None:
        greeting = {**connect_event(), "time": time.time()}
        with suppress(ConnectionClosed):
            for event in [greeting] if events is None else events:
                connection.send(json.dumps(event))
            for frame in connection:
                connection.send(json.dumps(answer_to(frame, data or {})))

    server = serve(handler, "127.0.0.1", 0, ssl=context, process_request=refusal, compression=None)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.socket.getsockname()[1]
    finally:
        server.shutdown()
        thread.join()


@contextmanager
def soon() -> Iterator[None]:
    """It takes less time than the doctor, with LONG, waits for something that does not come."""
    began = time.monotonic()
    yield
    assert time.monotonic() - began < 25


def swapped(url: str, scheme: str) -> str:
    return scheme + url[url.index(":") :]


# -- all is well ----------------------------------------------------------------------------------


def test_a_websocket_that_works(doctor: Doctor, strict: Simulator) -> None:
    shown = doctor.is_content(strict.ws_url, "--token", TOKEN)
    for words in (
        "端口",
        "✔ 那里说的是 WebSocket。 WebSocket is spoken there.",
        "✔ token 正确。 The token is right.",
        "NapCat.Onebot 4.18.19",
        "✔ 账号是 10001 Bot。 The account is 10001 Bot.",
        "✔ QQ 在线。 The account is online.",
        "✔ 时钟一致，相差 ",
    ):
        assert words in shown


def test_an_http_api_that_works(doctor: Doctor, qq: Simulator) -> None:
    shown = doctor.is_content(qq.http_url)
    assert "✔ OneBot 不要 token。 OneBot wants no token." in shown
    assert "✔ 账号是 10001 Bot。" in shown


def test_a_token_in_the_address(doctor: Doctor, strict: Simulator) -> None:
    for url in (strict.http_url, strict.ws_url):
        shown = doctor.is_content(f"{url}/?a=1&access_token={TOKEN}")
        assert "✔ token 正确。" in shown
        doctor.finds("token 不对", f"{url}?access_token=not-the-one")
        doctor.finds("地址写错了", f"{url}?access_token=%E5%AF%86")


def test_a_token_that_nobody_asks_for(doctor: Doctor, qq: Simulator) -> None:
    for url in (qq.http_url, qq.ws_url):
        shown = doctor.is_content(url, "--token", TOKEN)
        assert "token 正确" not in shown
        assert "· OneBot 不要 token，给什么都能进去" in shown
        again = doctor.is_content(f"{url}?access_token={TOKEN}")
        assert without_clock(again) == without_clock(shown)


def without_clock(shown: str) -> list[str]:
    """The lines but for the one that says by how many seconds the clocks differ."""
    return [line for line in shown.splitlines() if "时钟一致" not in line]


def test_a_token_when_a_second_connection_is_not_taken(doctor: Doctor) -> None:
    came: list[Request] = []

    def refusal(connection: ServerConnection, request: Request) -> Response | None:
        came.append(request)
        return connection.respond(503, "") if len(came) > 1 else None

    with ws_server(refusal=refusal) as port:
        shown = doctor.is_content(f"ws://127.0.0.1:{port}/?a=1", "--token", TOKEN)
    assert [request.path for request in came] == ["/?a=1", "/?a=1"]
    assert "✔ token 被接受了。 The token is accepted." in shown
    assert "Authorization" in came[0].headers and "Authorization" not in came[1].headers


def test_a_token_in_the_address_that_onebot_dials(doctor: Doctor, strict: Simulator) -> None:
    url = f"ws://127.0.0.1:{free_port()}"
    strict.connect_to(url)
    shown = doctor.is_content("--reverse", f"{url}?access_token={TOKEN}")
    assert "✔ token 正确。" in shown


def test_an_http_api_that_takes_posts_only(doctor: Doctor) -> None:
    server = HttpApi(Api())
    try:
        doctor.is_content(server.url)
    finally:
        server.close()


def test_onebot_connects_to_us(doctor: Doctor, strict: Simulator, unhurried: None) -> None:
    port = free_port()
    strict.connect_to(f"ws://127.0.0.1:{port}")
    shown = doctor.is_content("--reverse", f"ws://127.0.0.1:{port}", "--token", TOKEN)
    assert "✔ OneBot 来了。 OneBot has come." in shown
    assert "✔ token 正确。" in shown
    assert "✔ 账号是 10001 Bot。" in shown
    assert "✔ 时钟一致" in shown


@contextmanager
def posting(simulator: Simulator, url: str, secret: str | None = None) -> Iterator[None]:
    """Somebody writes to the bot, again and again, until the doctor has done."""
    simulator.post_to(url, secret)
    done = threading.Event()

    def write() -> None:
        while not done.wait(0.05):
            simulator.send_group("hi")

    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


@pytest.mark.parametrize("message_format", ["array", "string"])
def test_onebot_posts_to_us(doctor: Doctor, message_format: str) -> None:
    url = f"http://127.0.0.1:{free_port()}/events"
    with Simulator(message_format=message_format) as qq, posting(qq, url, TOKEN):
        shown = doctor.is_content("--reverse", url, "--token", TOKEN)
    assert f"✔ 消息格式是 {message_format}" in shown
    assert "现在给机器人发一条消息" in shown


def test_a_certificate_that_is_trusted(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, context: ssl.SSLContext
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    with ws_server(context=context) as port:
        doctor.is_content(f"wss://localhost:{port}")


# -- the address, the host, the port --------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "detail"),
    [
        ("http://<host>:<port>", "<host>:<port>"),
        ("127.0.0.1:3000", "http://127.0.0.1:3000"),
        ("ws://127.0.0.1:99999", "端口写错了"),
    ],
)
def test_an_address_that_is_none(doctor: Doctor, url: str, detail: str) -> None:
    assert detail in doctor.finds("地址写错了", url)
    assert detail in doctor.finds("地址写错了", "--reverse", url)


def test_a_host_that_does_not_resolve(doctor: Doctor) -> None:
    for scheme in ("ws", "http"):
        shown = doctor.finds("找不到这个主机名", f"{scheme}://no-such-host.invalid:3001")
        assert "does not resolve" in shown


@pytest.mark.parametrize(("scheme", "kind"), [("ws", "WebSocket"), ("http", "HTTP")])
def test_a_closed_port(doctor: Doctor, scheme: str, kind: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        open_port = listener.getsockname()[1]
        doctor.around = Surroundings({open_port: "here", free_port(): "not here"}, False)
        shown = doctor.finds("对方拒绝连接", f"{scheme}://127.0.0.1:{free_port()}")
    assert "connection refused" in shown
    assert f"要有“{kind} 服务器”；“{kind} 客户端”不开端口" in shown
    assert f"那里开着的常用端口：{open_port} (here)。" in shown
    assert "容器" not in shown


def test_a_closed_port_inside_a_container(doctor: Doctor) -> None:
    doctor.around = Surroundings(ports={}, in_container=True)
    shown = doctor.finds("对方拒绝连接", f"ws://localhost:{free_port()}")
    assert "localhost 是容器自己" in shown
    assert "host.docker.internal" in shown


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a full backlog drops SYNs there")
def test_a_firewall_that_swallows_everything(doctor: Doctor) -> None:
    with socket.socket() as listener, socket.socket() as first, socket.socket() as second:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for one in (first, second):
            one.setblocking(False)
            one.connect_ex(listener.getsockname())
        doctor.finds("防火墙", f"ws://127.0.0.1:{listener.getsockname()[1]}", *SHORT)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_program_that_never_answers(doctor: Doctor, scheme: str) -> None:
    with tcp_server(lambda connection: None) as port:
        doctor.finds("OneBot 卡住了（重启它）", f"{scheme}://127.0.0.1:{port}", *SHORT)


@pytest.mark.parametrize("scheme", ["ws", "http"])
def test_a_program_that_talks_without_end(doctor: Doctor, scheme: str) -> None:
    def talk(connection: socket.socket) -> None:
        connection.sendall(b"hello\r\n")
        threading.Thread(target=go_on, args=(connection,), daemon=True).start()

    def go_on(connection: socket.socket) -> None:
        with suppress(OSError):
            while not over.wait(0.05):
                connection.sendall(b"a")

    over = threading.Event()
    with tcp_server(talk) as port:
        with soon():
            doctor.finds_soon("不是 HTTP，也不是 WebSocket", f"{scheme}://127.0.0.1:{port}")
        over.set()


def test_an_answer_that_breaks_off(doctor: Doctor) -> None:
    def answer(connection: socket.socket) -> None:
        if connection.recv(4096):
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\nhello")
        connection.close()

    with tcp_server(answer) as port:
        doctor.finds("就断开了连接", f"http://127.0.0.1:{port}")


def test_an_answer_in_pieces_is_read_whole(doctor: Doctor) -> None:
    answer = json.dumps(ok({"online": True})).encode()
    head = f"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {len(answer)}\r\n\r\n"

    def in_pieces(connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if connection.recv(4096):
            connection.sendall(head.encode() + answer[:5])
            threading.Event().wait(0.02)
            connection.sendall(answer[5:])

    with tcp_server(in_pieces) as port:
        shown = doctor.is_content(f"http://127.0.0.1:{port}")
    assert "✔ 那里说的是 HTTP。" in shown


def test_a_program_that_speaks_something_else(doctor: Doctor) -> None:
    with tcp_server(lambda connection: connection.sendall(b"SSH-2.0-x\r\n")) as port:
        doctor.finds_soon("不是 HTTP，也不是 WebSocket", f"ws://127.0.0.1:{port}")
    with tcp_server(lambda connection: connection.close()) as port:
        doctor.finds("不是 HTTP，也不是 WebSocket", f"http://127.0.0.1:{port}")


def test_a_web_page_that_is_not_onebot(doctor: Doctor) -> None:
    pages = {"*": (301, {"Location": "https://example.org/?k=1"}, "")}
    with web_server(pages) as port:
        shown = doctor.finds("不是 OneBot 的回答", f"http://127.0.0.1:{port}")
    assert "HTTP 301 → https://example.org/" in shown
    assert "k=1" not in shown


def test_the_webui_of_napcat(doctor: Doctor) -> None:
    pages = {"/": (301, {"Location": "/webui"}, ""), "*": (404, {}, "Not Found")}
    with web_server(pages) as port:
        for scheme in ("http", "ws"):
            doctor.finds("WebUI（管理页面），不是 API", f"{scheme}://127.0.0.1:{port}")
    with web_server({"*": (200, {}, "<title>NapCat WebUI</title>")}) as port:
        doctor.finds("WebUI（管理页面），不是 API", f"http://127.0.0.1:{port}", "--token", TOKEN)


def test_another_webui_is_not_that_of_napcat(doctor: Doctor) -> None:
    with web_server({"*": (200, {}, "<title>Stable Diffusion WebUI</title>")}) as port:
        doctor.finds("不是 OneBot", f"http://127.0.0.1:{port}")


def test_a_proxy_in_the_environment_is_named_and_not_used(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch, qq: Simulator
) -> None:
    monkeypatch.setenv("http_proxy", f"http://name:{TOKEN}@127.0.0.1:{free_port()}")
    monkeypatch.setenv("ALL_PROXY", "")
    for url in (qq.http_url, qq.ws_url):
        shown = doctor.is_content(url)
        assert "代理（http_proxy）" in shown
        assert "name" not in shown


# -- what is spoken there -------------------------------------------------------------------------


def test_http_and_websocket_mixed_up(doctor: Doctor, qq: Simulator) -> None:
    with soon():
        doctor.finds("说的是 HTTP，不是 WebSocket", swapped(qq.http_url, "ws"), *LONG)
        doctor.finds("是 WebSocket 的：改用 WsClient", swapped(qq.ws_url, "http"), *LONG)


def test_a_websocket_server_that_calls_http_a_bad_request(doctor: Doctor) -> None:
    def refusal(connection: ServerConnection, request: Request) -> Response | None:
        wanted = request.headers.get("Upgrade")
        return None if wanted else connection.respond(400, "Bad Request\n")

    with ws_server(refusal=refusal) as port:
        doctor.finds("是 WebSocket 的：改用 WsClient", f"http://127.0.0.1:{port}")


def test_a_websocket_server_that_wants_a_token_is_no_http_api(doctor: Doctor) -> None:
    def refusal(connection: ServerConnection, request: Request) -> Response | None:
        return refuse(401, connection, request) if request.headers.get("Upgrade") else None

    with ws_server(refusal=refusal) as port:
        doctor.finds("是 WebSocket 的：改用 WsClient", f"http://127.0.0.1:{port}")


def test_tls_where_there_is_none(doctor: Doctor, qq: Simulator) -> None:
    doctor.finds("没有 TLS：地址改成 http://", swapped(qq.http_url, "https"))
    doctor.finds("没有 TLS：地址改成 ws://", swapped(qq.ws_url, "wss"))


def test_no_tls_where_it_is_wanted(doctor: Doctor, context: ssl.SSLContext) -> None:
    with ws_server(context=context) as port:
        doctor.finds("要 TLS：地址改成 wss://", f"ws://127.0.0.1:{port}")
        doctor.finds("要 TLS：地址改成 https://", f"http://127.0.0.1:{port}")


def test_a_tls_server_that_explains_it_in_plain_http(
    doctor: Doctor, context: ssl.SSLContext
) -> None:
    def answer(connection: socket.socket) -> None:
        if connection.recv(1, socket.MSG_PEEK) == b"\x16":
            context.wrap_socket(connection, server_side=True).close()
        else:
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

    with tcp_server(answer) as port:
        doctor.finds_soon("要 TLS：地址改成 https://", f"http://127.0.0.1:{port}")


def test_a_certificate_that_nobody_vouches_for(doctor: Doctor, context: ssl.SSLContext) -> None:
    with ws_server(context=context) as port:
        for scheme in ("wss", "https"):
            shown = doctor.finds("证书不受信任", f"{scheme}://localhost:{port}")
            assert "ca_file=" in shown


def refuse(status: int, connection: ServerConnection, request: Request) -> Response:
    return connection.respond(status, "")


@pytest.mark.parametrize("given", [[], ["--token", "not-the-one"]])
def test_a_token_that_is_missing_or_wrong(
    doctor: Doctor, strict: Simulator, given: list[str]
) -> None:
    words = "token 不对" if given else "要 token，但没有给"
    spoken = "✔ 那里说的是 WebSocket。"
    assert "✔ 那里说的是 HTTP。" in doctor.finds(words, strict.http_url, *given)
    assert spoken in doctor.finds(words, strict.ws_url, *given)
    assert spoken not in doctor.finds(words, swapped(strict.http_url, "ws"), *given)
    for status in (401, 403):
        with ws_server(refusal=partial(refuse, status)) as port:
            doctor.finds(words, f"ws://127.0.0.1:{port}", *given)
        with web_server({"*": (status, {}, "")}) as port:
            doctor.finds(words, f"http://127.0.0.1:{port}", *given)


def test_a_path_that_is_not_there(doctor: Doctor, qq: Simulator) -> None:
    def refusal(connection: ServerConnection, request: Request) -> Response | None:
        return connection.respond(404, "") if request.path != "/" else None

    doctor.finds("路径 /onebot 不对", f"{qq.http_url}/onebot")
    with ws_server(refusal=refusal) as port:
        doctor.finds("路径 /onebot 不对", f"ws://127.0.0.1:{port}/onebot/")
    answer = json.dumps({"status": "ok", "retcode": 0, "data": {}})
    with web_server({"/get_version_info": (200, {}, answer), "*": (404, {}, "")}) as port:
        doctor.finds("路径 /v11 不对", f"http://127.0.0.1:{port}/v11")


def test_a_path_without_events(doctor: Doctor, qq: Simulator) -> None:
    doctor.finds("路径 /api 上没有事件", f"{qq.ws_url}/api")


def test_a_path_that_answers_no_calls(doctor: Doctor, qq: Simulator) -> None:
    qq.swallow()
    shown = doctor.finds("没有回答 get_version_info", f"{qq.ws_url}/event", "--wait", "1")
    assert "路径 /event 不对" in shown


# -- the account ----------------------------------------------------------------------------------


def test_an_account_that_is_offline(doctor: Doctor, qq: Simulator) -> None:
    qq.world.online = False
    doctor.finds("QQ 掉线了", qq.ws_url)


def test_clocks_that_differ(doctor: Doctor) -> None:
    for skew in (-3600, 3600):
        event = {**connect_event(), "time": time.time() + skew}
        with ws_server(events=[event]) as port:
            shown = doctor.finds("时钟和这里的差", f"ws://127.0.0.1:{port}")
            [seconds] = re.findall(r"差 (\d+) 秒", shown)
            assert abs(int(seconds) - 3600) < 60


@pytest.mark.parametrize(
    "more", [{}, {"time": None}, {"time": True}, {"time": 10**400}, {"time": float("inf")}]
)
def test_an_event_without_time_is_nothing_bad(doctor: Doctor, more: dict[str, Any]) -> None:
    with ws_server(events=[{"post_type": "meta_event", **more}]) as port:
        assert "时钟" not in doctor.is_content(f"ws://127.0.0.1:{port}")


def test_odd_answers_are_shown_on_one_line(doctor: Doctor) -> None:
    login = {"user_id": 1, "nickname": "a\nb\x1b[0m"}
    with ws_server(data={"get_login_info": login}) as port:
        assert "账号是 1 a\\nb\\x1b[0m。" in doctor.is_content(f"ws://127.0.0.1:{port}")


@pytest.mark.parametrize("status", [[], {}, {"online": None}, {"online": "true"}])
def test_an_account_of_which_nobody_says_whether_it_is_online(doctor: Doctor, status: Any) -> None:
    with ws_server(data={"get_status": status}) as port:
        shown = doctor.is_content(f"ws://127.0.0.1:{port}")
    assert "· OneBot 没有说 QQ 在不在线。" in shown
    assert "✔ QQ 在线" not in shown


@pytest.mark.parametrize("action", ["get_version_info", "get_login_info", "get_status"])
def test_calls_that_fail_are_trouble_in_the_words_of_onebot(
    doctor: Doctor, qq: Simulator, action: str
) -> None:
    reverse_url = f"ws://127.0.0.1:{free_port()}"
    qq.fail(action, message="not logged in", times=9)
    qq.connect_to(reverse_url)
    for where in ([qq.http_url], [qq.ws_url], ["--reverse", reverse_url]):
        shown = doctor.finds("调用出错了", *where)
        assert f"{action} failed with retcode 1200: not logged in." in shown


# -- OneBot should come to us ---------------------------------------------------------------------


def test_nobody_comes(doctor: Doctor) -> None:
    for scheme, kind in (("ws", "WebSocket"), ("http", "HTTP")):
        url = f"{scheme}://127.0.0.1:{free_port()}"
        shown = doctor.finds(f"0.1 秒里没有人来 {url}", "--reverse", url, *SHORT)
        assert f"启用了的“{kind} 客户端”（如果是“{kind} 服务器”，两边就都在等）" in shown
        assert "NapCat 在 Docker 或别的机器里时" in shown


def test_nobody_comes_into_a_container(doctor: Doctor) -> None:
    doctor.around = Surroundings(ports={}, in_container=True)
    port = free_port()
    shown = doctor.finds("没有人来", "--reverse", f"ws://127.0.0.1:{port}", *SHORT)
    assert (
        f"只有容器自己能连：host 改成 0.0.0.0，设置 token，并映射端口（-p {port}:{port}）" in shown
    )


def test_both_sides_wait(doctor: Doctor, qq: Simulator) -> None:
    ports = {urlsplit(qq.ws_url).port or 0: "WebSocket", urlsplit(qq.http_url).port or 0: "HTTP"}
    doctor.around = Surroundings(ports, in_container=False)
    for url in (qq.ws_url, qq.http_url):
        mine = f"{urlsplit(url).scheme}://127.0.0.1:{free_port()}"
        shown = doctor.finds("没有人来", "--reverse", mine, *SHORT)
        assert f"也许 NapCat 在等我们去连：试试 doctor {url}。" in shown


@pytest.mark.parametrize(
    ("scheme", "request_line"),
    [("ws", ""), ("ws", "GET / HTTP/1.1"), ("http", "GET /favicon.ico HTTP/1.1")],
)
def test_somebody_only_looks_before_onebot_comes(
    doctor: Doctor, qq: Simulator, unhurried: None, scheme: str, request_line: str
) -> None:
    port = free_port()
    url = f"{scheme}://127.0.0.1:{port}"
    head = f"{request_line}\r\nHost: 127.0.0.1\r\n\r\n" if request_line else ""

    def look_then_come() -> None:
        knock(port, head.encode())
        threading.Event().wait(0.2)  # so that the doctor has time to be mistaken
        if scheme == "ws":
            qq.connect_to(url)
        else:
            qq.post_to(url)
            qq.send_group("hi")

    coming = threading.Thread(target=look_then_come, daemon=True)
    coming.start()
    doctor.is_content("--reverse", url)
    coming.join()


@contextmanager
def knocking(port: int, data: bytes) -> Iterator[None]:
    """Somebody knocks, again and again, until the doctor has done."""
    done = threading.Event()

    def go_on() -> None:
        while not done.is_set():
            with suppress(OSError, AssertionError):
                knock(port, data, 0.05)
            done.wait(0.05)

    coming = threading.Thread(target=go_on, daemon=True)
    coming.start()
    try:
        yield
    finally:
        done.set()
        coming.join()


def knock(port: int, data: bytes, seconds: float = DEADLINE) -> None:
    """Connect as soon as somebody listens, send this, and hang up."""
    with wait_until(lambda: connected(port), seconds) as connection:
        connection.sendall(data)
        connection.settimeout(5)
        with suppress(OSError):
            connection.recv(100) if data else None


def connected(port: int) -> socket.socket | None:
    with suppress(OSError):
        return socket.create_connection(("127.0.0.1", port))
    return None


@pytest.mark.parametrize(
    ("scheme", "words"), [("ws", "它用的是 TLS"), ("http", "地址要以 http:// 开头，不是 https://")]
)
def test_it_comes_with_tls(doctor: Doctor, scheme: str, words: str) -> None:
    port = free_port()
    hello = b"\x16\x03\x01\x00\x05hello\r\n\r\n"
    with knocking(port, hello):
        doctor.turns_away(words, f"{scheme}://127.0.0.1:{port}")


@pytest.mark.parametrize(("its_token", "words"), [("", "没有带"), ("not-the-one", "不对")])
def test_it_comes_with_another_token(
    doctor: Doctor, qq: Simulator, its_token: str, words: str
) -> None:
    url = f"ws://127.0.0.1:{free_port()}"
    qq.connect_to(url, its_token)
    doctor.turns_away(words, url, "--token", TOKEN)
    url = f"http://127.0.0.1:{free_port()}/"
    with posting(qq, url, its_token or None):
        doctor.turns_away(words, url, "--token", TOKEN)


def test_it_posts_to_another_path(doctor: Doctor, qq: Simulator) -> None:
    port = free_port()
    with posting(qq, f"http://127.0.0.1:{port}/other"), soon():
        doctor.finds(
            f"地址要是 http://127.0.0.1:{port}/events",
            "--reverse",
            f"http://127.0.0.1:{port}/events",
            *LONG,
        )


def test_it_posts_where_a_websocket_is_wanted(doctor: Doctor, qq: Simulator) -> None:
    port = free_port()
    with posting(qq, f"http://127.0.0.1:{port}/"):
        doctor.turns_away("（不是“HTTP 客户端”）", f"ws://127.0.0.1:{port}")


def test_a_websocket_comes_where_posts_are_wanted(doctor: Doctor, qq: Simulator) -> None:
    port = free_port()
    qq.connect_to(f"ws://127.0.0.1:{port}/")
    doctor.turns_away("不是“WebSocket 客户端”", f"http://127.0.0.1:{port}/")


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ("127.0.0.1", "not a JSON object"),
        ("bot.example.org", "地址要写 127.0.0.1"),
    ],
)
def test_what_is_posted_cannot_be_taken(doctor: Doctor, host: str, words: str) -> None:
    port = free_port()
    head = f"POST / HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
    body = f"{head}Content-Length: 2\r\n\r\n[]".encode()
    with knocking(port, body):
        doctor.turns_away(words, f"http://127.0.0.1:{port}")


def test_it_comes_for_another_host(doctor: Doctor) -> None:
    port = free_port()
    fields = ["GET / HTTP/1.1", "Host: bot.example.org"]
    fields += [f"{name}: {value}" for name, value in HANDSHAKE.items()]
    head = "\r\n".join([*fields, "", ""]).encode()
    with knocking(port, head):
        doctor.turns_away("它要找的主机是 bot.example.org", f"ws://127.0.0.1:{port}")


def test_an_account_that_sends_no_events(doctor: Doctor) -> None:
    port = free_port()

    def come() -> None:
        wait_until(lambda: connected(port)).close()
        headers = ["X-Self-ID: 10001", "X-Client-Role: API"]
        url = f"ws://127.0.0.1:{port}"
        socket = create_connection(url, header=headers, suppress_origin=True, timeout=10)
        with suppress(WebSocketException, OSError):
            while frame := socket.recv():
                socket.send(json.dumps(answer_to(frame, {})))
        socket.shutdown()  # type: ignore[no-untyped-call]

    coming = threading.Thread(target=come, daemon=True)
    coming.start()
    doctor.is_content("--reverse", f"ws://127.0.0.1:{port}")
    coming.join()


@pytest.mark.parametrize("scheme", ["ws", "http"])
def test_a_server_that_is_open_to_everybody(doctor: Doctor, scheme: str) -> None:
    url = f"{scheme}://0.0.0.0:{free_port()}"
    shown = doctor.finds("没有人来", "--reverse", url, *SHORT)
    assert "· 没有 token，谁都能连进来" in shown
    assert "0.0.0.0" not in shown.split("✘")[1]
    assert "谁都能" not in doctor("--reverse", url, "--token", TOKEN, *SHORT)[1]


@pytest.mark.parametrize("scheme", ["ws", "http"])
def test_a_port_that_is_taken(doctor: Doctor, scheme: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"{scheme}://127.0.0.1:{listener.getsockname()[1]}"
        assert "端口被占用" in doctor.finds("没法在这个地址上等", "--reverse", url)


def test_we_serve_without_tls(doctor: Doctor) -> None:
    assert "不带 TLS" in doctor.finds("地址写错了", "--reverse", "wss://127.0.0.1:8765")


# -- the console ----------------------------------------------------------------------------------


def run_process(*arguments: str, **environment: str) -> tuple[int, bytes]:
    done = subprocess.run(
        [sys.executable, "-m", "onebot_simple", "doctor", *arguments],
        capture_output=True,
        env={**os.environ, **environment},
        timeout=50,
    )
    assert done.stderr == b""
    return done.returncode, done.stdout


@pytest.mark.parametrize("scheme", ["http", "ws"])
def test_the_environment_says_where_onebot_is(strict: Simulator, scheme: str) -> None:
    url = strict.ws_url if scheme == "ws" else strict.http_url
    code, shown = run_process(ONEBOT_URL=url, ONEBOT_TOKEN=TOKEN, PYTHONIOENCODING="utf-8")
    assert code == 0
    assert url in shown.decode()
    assert TOKEN not in shown.decode()
    assert b"\x1b" not in shown  # no colours in a pipe


def test_an_empty_address_in_the_environment_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONEBOT_URL", "")
    for command, default in (
        (["call", "get_status"], "http://127.0.0.1:3000"),
        (["listen"], None),
        (["doctor"], None),
    ):
        options = _parsed(command)
        assert (options.url, getattr(options, "onebot_url", None) or None) == (default, None)


def test_a_gbk_console_gets_marks_that_it_has(qq: Simulator) -> None:
    qq.world.people[10001].nickname = "小明 😀"
    qq.world.online = False
    code, shown = run_process(qq.http_url, PYTHONIOENCODING="gbk")
    assert code == 1
    lines = shown.decode("gbk").splitlines()
    assert lines[0].startswith("√ 地址")
    assert any(line.startswith("√ 账号是 10001 小明 \\U0001f600。") for line in lines)
    assert any(line.startswith("× QQ 掉线了") for line in lines)


@pytest.mark.skipif(os.name == "nt", reason="there is no pty")
@pytest.mark.parametrize("no_colour", ["", "1"])
def test_colours_are_for_terminals_that_want_them(qq: Simulator, no_colour: str) -> None:
    keyboard, screen = os.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "onebot_simple", "doctor", qq.ws_url],
        stdout=screen,
        env={**os.environ, "NO_COLOR": no_colour, "PYTHONIOENCODING": "utf-8"},
    ) as process:
        assert process.wait(50) == 0
    os.close(screen)
    shown = os.read(keyboard, 100_000)
    os.close(keyboard)
    assert ("\x1b[32m✔".encode() in shown) is not bool(no_colour)
    assert (b"\x1b" in shown) is not bool(no_colour)
