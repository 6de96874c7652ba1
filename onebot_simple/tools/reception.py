"""门口：OneBot 来连我们时，谁来了，为什么没进来。

The reception: who came when OneBot is to dial us, and why it did not get in.
"""

from __future__ import annotations

import time
from functools import partial
from queue import Empty
from typing import Any

from flask import Response, request
from websockets.http11 import Request

from ..actions import Actions
from ..addresses import is_loopback
from ..errors import OneBotError, printable
from ..event import Event
from ..event_server import NO_HTTP
from ..server_websocket import Refusal
from ..ws_accounts import Connection
from .console import Report, Trouble
from .listen import ListeningEventServer, ListeningServer, server_at
from .probe import in_container, open_ports, report_account, report_events

SLICE_SECONDS = 0.1
GREETING_SECONDS = 0.5  # within which an account that has come sends its first event, if any
EVERYWHERE = ("0.0.0.0", "::")  # where a server may listen, and nobody can be
NAPCAT_SERVERS = {3000: "http", 3001: "ws"}


class WatchedServer(ListeningServer):
    """A WsServer that remembers why somebody was not let in."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._troubles: list[Trouble] = []

    def _refusal(self, connection: Connection, request: Request) -> Refusal | None:
        refusal = super()._refusal(connection, request)
        if refusal and refusal[0] in (401, 403) and "Origin" not in request.headers:
            wrong = _wrong_token(refusal[0]) if self.access_token else _foreign_host(request)
            self._troubles.append(wrong)
        return refusal

    def _misunderstood(self, connection: Connection, head: bytes) -> None:
        if not head.startswith(b"GET "):  # else it may be a person with a browser
            self._troubles.append(
                Trouble(
                    "有人连上来了，但说的不是 WebSocket：在 NapCat 里要新建“WebSocket 客户端”"
                    "（不是“HTTP 客户端”），地址以 ws:// 开头（不是 wss://）。",
                    "Somebody came who does not speak WebSocket: NapCat needs a "
                    '"WebSocket client" (no "HTTP client"), with ws:// (not wss://).',
                )
            )
        super()._misunderstood(connection, head)

    def trouble(self) -> Trouble | None:
        """Why somebody was not let in."""
        return self._troubles[0] if self._troubles else None


class WatchedEventServer(ListeningEventServer):
    """An EventServer that remembers what it refused."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._troubles: list[Trouble] = []
        self.app.after_request(self._note)

    def _note(self, response: Response) -> Response:
        if request.headers.get("Upgrade"):
            self._troubles.append(
                Trouble(
                    "来的是 WebSocket：在 NapCat 里要新建“HTTP 客户端”（不是“WebSocket 客户端”），"
                    "地址以 http:// 开头；想用 WebSocket，就检查 --reverse ws://……",
                    'A WebSocket came: NapCat needs an "HTTP client" (no "WebSocket client"), '
                    "with http://; to use WebSocket, examine --reverse ws://...",
                )
            )
        elif request.method == "POST" and response.status_code >= 400:
            self._troubles.append(self._refused(response))
        return response  # a GET is a person with a browser

    def _refused(self, response: Response) -> Trouble:
        status, words = response.status_code, response.get_data(as_text=True).strip()
        if status == 404:
            path = printable(request.path[:100])
            return Trouble(
                f"推送来了，但路径是 {path}，我们等的是 {self.path}：两边要一样。",
                f"It posts to the path {path}, we wait at {self.path}: both must be the same.",
            )
        if words.startswith("X-Signature"):
            return _wrong_token(status)
        return Trouble(f"推送来了，但不能接收（HTTP {status}）。", words)

    def _complain(self, kind: str, what: object, advice: str = "") -> None:
        if kind == NO_HTTP:
            self._troubles.append(
                Trouble(
                    "有东西连上来了，但说的不是 HTTP：NapCat 里的地址要以 http:// 开头"
                    "（不是 https://）。",
                    "Something came that does not speak HTTP: the address in NapCat must begin "
                    "with http:// (not https://).",
                )
            )

    def trouble(self) -> Trouble | None:
        """Why something was not accepted."""
        return self._troubles[0] if self._troubles else None


Watched = WatchedServer | WatchedEventServer


def _wrong_token(status: int) -> Trouble:
    """The token of whoever came is missing (401) or wrong (403)."""
    what, what_english = (
        ("没有带 token", "no token") if status == 401 else ("token 不对", "a wrong token")
    )
    return Trouble(
        f"OneBot 来了，但是{what}：NapCat“网络配置”里这一项的 token 要和 --token（代码里的 "
        "access_token 或 secret）一模一样，改了要保存。",
        f"OneBot came with {what_english}: the token of this entry in NapCat's network settings "
        "must be the same as --token (access_token or secret in the code).",
    )


def _foreign_host(request: Request) -> Trouble:
    host = printable(request.headers.get("Host", "")[:100])
    return Trouble(
        f"OneBot 来了，但它填的地址是 {host}，没有 token 时只接受 127.0.0.1：改地址或设置 token。",
        f"OneBot came, but to the address {host}; without a token only 127.0.0.1 is accepted: "
        "change the address, or set a token.",
    )


def receive(report: Report, url: str, token: str | None, seconds: float) -> None:
    """Wait for OneBot at a URL; Trouble when it does not come, or is not let in."""
    try:
        in_time = partial(WatchedServer, timeout=seconds)
        server: Watched = server_at(url, token, WatchedEventServer, in_time)
    except ValueError as error:
        raise Trouble("地址写错了。", str(error)) from error
    try:
        server.start()
    except OneBotError as error:
        raise Trouble("我们没法在这个地址上等 OneBot。", str(error)) from error
    with server:
        report.good(f"我们在 {server.url} 等 OneBot。", f"We wait for OneBot at {server.url}.")
        _report_openness(report, server, token)
        event = _first_event(report, server, seconds)
        report.good("OneBot 来了。", "OneBot has come.")
        if token:
            report.good("token 正确。", "The token is right.")
        report_events(report, [event] if event else [])
        if isinstance(server, WatchedServer):
            api: Actions = next(iter(server.bots.values()), server)
            try:
                report_account(report, api)
            except OneBotError as error:
                raise Trouble("OneBot 来了，但是调用出错了。", str(error)) from error


def _report_openness(report: Report, server: Watched, token: str | None) -> None:
    if server.host in EVERYWHERE:
        report.note(
            f"NapCat 里填这台机器的 IP，不是 {server.host}。",
            f"In NapCat fill in the IP of this machine, not {server.host}.",
        )
    if not token and not is_loopback(server.host):
        report.note(
            "没有 token，谁都能连进来：设置一个。", "Without a token anybody may come: set one."
        )


def _first_event(report: Report, server: Watched, seconds: float) -> Event | None:
    """The first event; None when somebody is there who sends none. Trouble when nobody is."""
    report.note(f"最多等 {seconds:g} 秒。", f"It may take {seconds:g} s.")
    if isinstance(server, WatchedEventServer):
        report.note("现在给机器人发一条消息。", "Write something to the bot now.")
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            return server.arrived.get(timeout=SLICE_SECONDS)
        except Empty:
            trouble = server.trouble()
            if trouble is not None:
                raise trouble from None
            if isinstance(server, WatchedServer) and server.bots:
                deadline = min(deadline, time.monotonic() + GREETING_SECONDS)
    if isinstance(server, WatchedServer) and server.bots:
        return None
    raise _nobody_came(server, seconds)


def _nobody_came(server: Watched, seconds: float) -> Trouble:
    is_http = isinstance(server, WatchedEventServer)
    kind, came = ("HTTP", "posted") if is_http else ("WebSocket", "connected")
    return Trouble(
        f"{seconds:g} 秒里没有人来 {server.url}：NapCat“网络配置”里要有启用了的“{kind} 客户端”"
        f"（如果是“{kind} 服务器”，两边就都在等），填的就是这个地址。",
        f"Nobody {came} to {server.url} within {seconds:g} s: NapCat needs an enabled "
        f'"{kind} client" with this address (with a "{kind} server" both sides would wait).',
        *([_from_elsewhere(server)] if is_loopback(server.host) else []),
        *_the_other_way(server, "http" if is_http else "ws"),
    )


def _from_elsewhere(server: Watched) -> tuple[str, str]:
    if in_container():
        return (
            f"我们在 Docker 容器里，{server.host} 只有容器自己能连：host 改成 0.0.0.0，设置 token，"
            f"并映射端口（-p {server.port}:{server.port}）。",
            f"We are in a Docker container, and {server.host} is for the inside only: let host be "
            f"0.0.0.0 with a token, and publish the port (-p {server.port}:{server.port}).",
        )
    return (
        f"NapCat 在 Docker 或别的机器里时，它的 {server.host} 不是这里：host 改成 0.0.0.0，"
        "设置 token，NapCat 里填这台机器的 IP（Docker 里可以填 host.docker.internal）。",
        f"If NapCat runs in Docker or elsewhere, its {server.host} is not here: let host be "
        "0.0.0.0 with a token, and fill in this machine's IP (host.docker.internal from Docker).",
    )


def _the_other_way(server: Watched, scheme: str) -> list[tuple[str, str]]:
    """A hint, where NapCat itself seems to wait."""
    return [
        (
            f"也许 NapCat 在等我们去连：试试 doctor {scheme}://127.0.0.1:{port}。",
            f"Perhaps NapCat waits for us: try doctor {scheme}://127.0.0.1:{port}.",
        )
        for port in open_ports("127.0.0.1")
        if NAPCAT_SERVERS.get(port) == scheme and port != server.port
    ]
