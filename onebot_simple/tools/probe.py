"""探针：一个地址上到底有什么，那里的 OneBot 怎么样。

Probes: what there really is at an address, and how the OneBot is that answers.
"""

from __future__ import annotations

import os
import re
import socket
import ssl
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from ..actions import Actions
from ..addresses import authority
from ..errors import printable
from ..event import Event
from .console import Report, Trouble

USUAL_PORTS = {
    3000: "HTTP",
    3001: "WebSocket",
    5700: "HTTP",
    6099: "NapCat WebUI",
    6700: "WebSocket",
    8080: "HTTP POST",
    8765: "reverse WebSocket",
}
PROXIES = ("http_proxy", "https_proxy", "all_proxy")
SKEW_SECONDS = 60
LATEST = 1e15  # a time beyond it is none
GLANCE_SECONDS = 0.5  # how long a usual port may take to open
BEGINNING = 4096  # so much is read of an answer
END_OF_HEAD = b"\r\n\r\n"
STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})")

# what a WebSocket client sends, and a browser does not
UPGRADE = """\
Connection: Upgrade
Upgrade: websocket
Sec-WebSocket-Version: 13
Sec-WebSocket-Key: b25lYm90LXNpbXBsZS0xMQ==
"""


class Surroundings(NamedTuple):
    """The machine on which the doctor runs."""

    ports: Mapping[int, str] = USUAL_PORTS  # and what usually listens there
    in_container: bool = Path("/.dockerenv").exists()

    def open_ports(self, host: str) -> list[int]:
        """Which of the usual ports are open at a host."""

        def is_open(port: int) -> bool:
            try:
                socket.create_connection((host, port), GLANCE_SECONDS).close()
            except OSError:
                return False
            return True

        with ThreadPoolExecutor() as at_once:
            found = list(at_once.map(is_open, self.ports))
        return [port for port, is_there in zip(self.ports, found, strict=True) if is_there]


HERE = Surroundings()


def proxies() -> list[str]:
    """The names of the variables in the environment that set a proxy."""
    return sorted(name for name in os.environ if name.lower() in PROXIES and os.environ[name])


# -- what is there --------------------------------------------------------------------------------


class Reply(NamedTuple):
    """What an HTTP request was answered; nothing, if no HTTP is spoken there."""

    status: int  # 0 for none
    text: str  # the beginning, head and body

    @property
    def is_onebot(self) -> bool:
        return '"retcode"' in self.text

    @property
    def is_webui(self) -> bool:
        words = self.text.lower()
        return not self.is_onebot and ("location: /webui" in words or "napcat" in words)

    @property
    def wants_token(self) -> bool:
        return self.status in (401, 403)


class Place(NamedTuple):
    """Where something listens, and how many seconds to wait for a connection, and an answer."""

    host: str
    port: int
    secure: bool
    seconds: float

    def open(self) -> socket.socket:
        """A connection; OSError when there is none."""
        sock = socket.create_connection((self.host, self.port), self.seconds)
        return _with_tls(sock, self.host) if self.secure else sock

    def can_be_opened(self) -> bool:
        try:
            self.open().close()
        except OSError:
            return False
        return True

    def takes_websockets(self) -> bool:
        with suppress(TimeoutError):
            return self.ask("/", upgrade=True).status == 101
        return False

    def ask(self, path: str, upgrade: bool = False) -> Reply:
        """What a GET is answered, without a token. TimeoutError when nothing comes.

        upgrade: ask for a WebSocket; only the head of that answer is read.
        """
        fields = UPGRADE if upgrade else "Connection: close\n"
        host = authority(self.host, self.port)
        head = f"GET {path} HTTP/1.1\nHost: {host}\n{fields}\n".replace("\n", "\r\n")
        answer = b""
        deadline = time.monotonic() + self.seconds
        try:
            with self.open() as sock:
                sock.sendall(head.encode())
                while len(answer) < BEGINNING and not (upgrade and END_OF_HEAD in answer):
                    sock.settimeout(max(deadline - time.monotonic(), 0.001))
                    if not (piece := sock.recv(BEGINNING)):
                        break
                    answer += piece
        except TimeoutError:
            if not answer:
                raise
        except OSError:
            pass  # it has hung up
        status = STATUS.match(answer)
        return Reply(int(status[1]) if status else 0, answer.decode(errors="replace"))


def _with_tls(sock: socket.socket, host: str) -> socket.socket:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # we only look, and send no secret
    context.verify_mode = ssl.CERT_NONE
    try:
        return context.wrap_socket(sock, server_hostname=host)
    except BaseException:
        sock.close()
        raise


def what_is_there(place: Place, scheme: str, path: str) -> list[str]:
    """What seems to be at a place where `scheme` ("http" or "ws") did not work; else nothing."""
    try:
        return _look(place, scheme, path)
    except TimeoutError:
        return [
            f"那里 {place.seconds:g} 秒里什么也不回答：OneBot 卡住了（重启它），或者是别的程序。 "
            f"Nothing is answered there within {place.seconds:g} s: OneBot hangs (restart "
            "it), or another program is there."
        ]


def _look(place: Place, scheme: str, path: str) -> list[str]:
    if place.secure and not place.can_be_opened():
        if not place._replace(secure=False).ask("/").status:
            return []
        return [
            f"那里没有 TLS：地址改成 {scheme}:// 开头。 "
            f"There is no TLS there: begin the address with {scheme}://."
        ]
    page = place.ask("/")
    if page.status in (0, 400) and not place.secure and place._replace(secure=True).can_be_opened():
        return [
            f"那里要 TLS：地址改成 {scheme}s:// 开头。 "
            f"TLS is spoken there: begin the address with {scheme}s://."
        ]
    if page.status == 0:
        return [
            "那里的程序说的不是 HTTP，也不是 WebSocket：端口写错了？ "
            "What is there speaks neither HTTP nor WebSocket: another port?"
        ]
    if page.is_webui:
        return [
            f"端口 {place.port} 是 NapCat 的 WebUI（管理页面），不是 API：用“网络配置”里"
            "“HTTP 服务器”（默认 3000）或“WebSocket 服务器”（默认 3001）的端口。 "
            f"Port {place.port} is NapCat's WebUI, not its API: use the port of the HTTP "
            "server (3000) or WebSocket server (3001) in its network settings."
        ]
    return _another_address(place, scheme, path)


def _another_address(place: Place, scheme: str, path: str) -> list[str]:
    """At which other address of the same port OneBot seems to be."""
    page, upgrade = place.ask("/get_version_info"), place.ask("/", upgrade=True)
    is_http = page.is_onebot or page.wants_token
    is_websocket = upgrade.status == 101 or (upgrade.wants_token and not page.wants_token)
    if path and (is_http if scheme == "http" else is_websocket):
        return [wrong_path(path)]
    if scheme == "http" and is_websocket:
        return [
            f"端口 {place.port} 是 WebSocket 的：改用 WsClient 和 ws:// 地址，"
            "或者换成 NapCat 里“HTTP 服务器”的端口（默认 3000）。 "
            f"Port {place.port} is for WebSocket: use WsClient with ws://, or the port of "
            'the "HTTP server" in NapCat (3000).'
        ]
    if scheme == "ws" and is_http:
        return [
            f"端口 {place.port} 说的是 HTTP，不是 WebSocket：改用 HttpClient 和 http:// 地址，"
            "或者换成 NapCat 里“WebSocket 服务器”的端口（默认 3001）。 "
            f"Port {place.port} speaks HTTP, not WebSocket: use HttpClient with http://, "
            'or the port of the "WebSocket server" in NapCat (3001).'
        ]
    return []


def wrong_path(path: str) -> str:
    return (
        f"路径 {path} 不对：地址里去掉它，端口后面什么也不写。 "
        f"The path {path} is wrong: leave it out, write nothing behind the port."
    )


# -- the OneBot that answers ----------------------------------------------------------------------


def report_account(report: Report, api: Actions) -> None:
    """The OneBot that answers, and its account; a OneBotError when it does not."""
    app = _dict(api.call_action("get_version_info"))
    name = _shown(f"{app.get('app_name', '?')} {app.get('app_version', '')}")
    report.good(f"动作能调用，对面是 {name}。", f"Actions can be called; {name} answers.")
    login = _dict(api.call_action("get_login_info"))
    who = _shown(f"{login.get('user_id', '?')} {login.get('nickname', '')}")
    report.good(f"账号是 {who}。", f"The account is {who}.")
    online = _dict(api.call_action("get_status")).get("online")
    if online is True:
        report.good("QQ 在线。", "The account is online.")
    elif online is False:
        report.bad(
            Trouble(
                "QQ 掉线了：在 NapCat 的 WebUI 里重新登录。",
                "The account is offline: log in again in NapCat's WebUI.",
            )
        )
    else:
        report.note(
            "OneBot 没有说 QQ 在不在线。", "OneBot does not say whether the account is online."
        )


def report_events(report: Report, events: list[Event]) -> None:
    for event in events:
        _report_clock(report, event)
    messages = [event.get("message") for event in events if event.get("post_type") == "message"]
    if messages:
        form = "array" if isinstance(messages[0], list) else "string"
        report.good(
            f"消息格式是 {form}（array 和 string 都可以）。",
            f"The message format is {form} (both are fine).",
        )
    else:
        report.note(
            "还没有收到消息，看不出格式是 array 还是 string（都可以）。",
            "No message has come yet, so its format is not known: array or string, both are fine.",
        )


def _report_clock(report: Report, event: Event) -> None:
    sent = event.get("time")
    if isinstance(sent, bool) or not isinstance(sent, (int, float)) or not abs(sent) < LATEST:
        return
    skew = abs(time.time() - sent)
    if skew > SKEW_SECONDS:
        report.bad(
            Trouble(
                f"OneBot 的时钟和这里的差 {skew:.0f} 秒：在两台机器上打开“自动设置时间”。",
                f"OneBot's clock and ours are {skew:.0f} s apart: let both machines set their time "
                "automatically.",
            )
        )
    else:
        report.good(f"时钟一致，相差 {skew:.0f} 秒。", f"The clocks agree, {skew:.0f} s apart.")


def _dict(data: object) -> dict[str, Any]:
    return data if isinstance(data, dict) else {}


def _shown(text: str) -> str:
    return printable(text.strip()[:100])
