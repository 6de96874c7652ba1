"""探针：一个地址上到底有什么，那里的 OneBot 怎么样。

Probes: what there really is at an address, and how the OneBot is that answers.
"""

from __future__ import annotations

import os
import socket
import ssl
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from pathlib import Path
from threading import Timer
from typing import Any, NamedTuple
from urllib.parse import quote

from ..actions import Actions
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
CONTAINER_MARK = Path("/.dockerenv")
SKEW_SECONDS = 60
LATEST = 1e15  # a time beyond it is none
GLANCE_SECONDS = 0.5  # how long a usual port may take to open
BEGINNING = 4096  # so much is read of a page

HANDSHAKE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "b25lYm90LXNpbXBsZS0xMQ==",
}


class Reply(NamedTuple):
    """What an HTTP request was answered."""

    status: int
    leads_to: str  # of a redirect
    page: str  # its beginning

    @property
    def is_onebot(self) -> bool:
        return '"retcode"' in self.page

    @property
    def is_webui(self) -> bool:
        leads_there = "/webui" in self.leads_to.lower()
        return not self.is_onebot and (leads_there or "napcat" in self.page.lower())


class Place(NamedTuple):
    """Where something may listen, and how long to wait for a connection, and for an answer."""

    host: str
    port: int
    seconds: float

    def resolves(self) -> bool:
        try:
            socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            return False
        return True

    def open(self) -> socket.socket:
        """A connection; OSError when there is none."""
        return socket.create_connection((self.host, self.port), self.seconds)

    def ask(
        self,
        path: str,
        *,
        tls: bool,
        upgrade: bool = False,
        token: str | None = None,
        body: str | None = None,
    ) -> Reply | None:
        """What a GET, or a POST of a body, is answered; None for what is no HTTP.

        TimeoutError when nothing comes, SSLCertVerificationError for an unknown certificate.
        """
        headers = dict(HANDSHAKE) if upgrade else {"Content-Type": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        connection: HTTPConnection = (HTTPSConnection if tls else HTTPConnection)(
            self.host, self.port, timeout=self.seconds
        )
        try:
            connection.connect()
            with _limited(connection.sock, self.seconds):
                target = quote(path or "/", safe="/?&=%+")
                connection.request("POST" if body else "GET", target, body, headers)
                with connection.getresponse() as response:
                    page = b"" if response.status == 101 else _beginning(response)
        except (TimeoutError, ssl.SSLCertVerificationError):
            raise
        except (OSError, HTTPException):
            return None
        finally:
            connection.close()
        leads_to = response.headers.get("Location", "")
        return Reply(response.status, leads_to, page.decode(errors="replace"))

    def speaks_tls(self) -> bool:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        try:
            with self.open() as plain, context.wrap_socket(plain, server_hostname=self.host):
                return True
        except OSError:
            return False


@contextmanager
def _limited(sock: socket.socket, seconds: float) -> Iterator[None]:
    """TimeoutError for a conversation that takes longer, however often a byte of it comes."""
    deadline, late = time.monotonic() + seconds, Timer(seconds, _hang_up, [sock])
    late.start()
    try:
        yield
    except (OSError, HTTPException):
        if time.monotonic() < deadline:
            raise
    finally:
        late.cancel()
    if time.monotonic() >= deadline:
        raise TimeoutError  # even after a success: http.client takes half a head for a whole one


def _hang_up(sock: socket.socket) -> None:
    with suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)  # wakes who reads from it


def _beginning(response: HTTPResponse) -> bytes:
    """Of a page; of one that breaks off, what has come."""
    page = b""
    with suppress(OSError, HTTPException):
        while len(page) < BEGINNING and (piece := response.read1(BEGINNING)):
            page += piece
    return page


def open_ports(host: str) -> list[int]:
    """Which of the usual ports are open there."""

    def is_open(port: int) -> bool:
        try:
            Place(host, port, GLANCE_SECONDS).open().close()
        except OSError:
            return False
        return True

    with ThreadPoolExecutor(len(USUAL_PORTS)) as at_once:
        found = list(at_once.map(is_open, USUAL_PORTS))
    return [port for port, is_there in zip(USUAL_PORTS, found, strict=True) if is_there]


def proxies() -> list[str]:
    """The names of the variables in the environment that set a proxy."""
    return sorted(name for name in os.environ if name.lower() in PROXIES and os.environ[name])


def in_container() -> bool:
    return CONTAINER_MARK.exists()


# -- the OneBot that answers ----------------------------------------------------------------------


def report_account(report: Report, api: Actions) -> None:
    """The OneBot that answers, and its account; ActionFailed when it refuses to answer."""
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
