"""命令 doctor：一步一步找出为什么连不上，该改哪里。

The command `doctor`: finds out step by step why it does not connect, and what to change.
"""

from __future__ import annotations

import argparse
import logging
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from queue import Empty
from urllib.parse import urlsplit

from ..addresses import WEBUI_PORT, check_token, check_url, is_loopback, without_secrets
from ..errors import ApiTimeout, AuthenticationError, OneBotError, printable
from ..event import Event
from ..http_client import HttpClient
from .console import Report, Trouble
from .listen import FORWARD_URL, REVERSE_URL, ListeningClient
from .probe import (
    USUAL_PORTS,
    Place,
    Reply,
    in_container,
    open_ports,
    proxies,
    report_account,
    report_events,
)
from .reception import receive

log = logging.getLogger("onebot_simple")

FORWARD_SECONDS, REVERSE_SECONDS = 5.0, 30.0
FIRST_EVENT_SECONDS = 0.3


def run(options: argparse.Namespace) -> int:
    """检查一种连接方式；返回退出码。

    Examine one way to connect. Returns the exit code: 0 all is well, 1 something is wrong.
    """
    report = Report()
    try:
        with _silent_log():
            if options.reverse:
                url = options.url or REVERSE_URL
                receive(report, url, options.token, options.wait or REVERSE_SECONDS)
            else:
                url = options.url or options.onebot_url or FORWARD_URL
                _Forward(report, url, options.token, options.wait or FORWARD_SECONDS).examine()
    except Trouble as trouble:
        report.bad(trouble)
    if report.all_is_well:
        report.good("一切正常。", "All is well.")
    return 0 if report.all_is_well else 1


@contextmanager
def _silent_log() -> Iterator[None]:
    nobody = logging.NullHandler()
    log.addHandler(nobody)
    try:
        yield
    finally:
        log.removeHandler(nobody)


class _Forward:
    """One address of OneBot, and what is found out about it."""

    def __init__(self, report: Report, url: str, token: str | None, seconds: float) -> None:
        self.report = report
        self.url = url
        self.is_http = not url.lower().startswith("ws")
        try:
            address = check_url(url, "http" if self.is_http else "ws")
            self.token = check_token(token or address.token)
        except ValueError as error:
            raise Trouble("地址写错了。", str(error)) from error
        self.shown = address.base
        self.tls = address.secure
        self.path = urlsplit(address.base).path.rstrip("/")
        self.query = address.query
        self.place = Place(address.host, address.port, seconds)

    def examine(self) -> None:
        self.report.good(f"地址 {self.shown} 写得对。", "The address is well-formed.")
        if names := ", ".join(proxies()):
            self.report.note(
                f"环境变量里有代理（{names}），本库不经过它。",
                f"There is a proxy in the environment ({names}); we connect without it.",
            )
        self._check_name()
        self._check_port()
        self._check_protocol()
        self._check_calls()

    # -- steps ----------

    def _check_name(self) -> None:
        host = printable(self.place.host)
        if not self.place.resolves():
            raise Trouble(
                f"找不到主机 {host}：检查有没有写错，网络和 DNS 正常吗？"
                "容器的名字只在同一个 Docker 网络里有效。",
                f"The host name {host} does not resolve: is it spelled right? "
                "Names of containers are known within their Docker network only.",
            )

    def _check_port(self) -> None:
        host, port, seconds = self.place
        try:
            self.place.open().close()
        except ConnectionRefusedError as error:
            raise self._closed() from error
        except TimeoutError as error:
            raise Trouble(
                f"{host} 的端口 {port} 在 {seconds:g} 秒里没有反应：机器开着吗？IP 对吗？"
                "防火墙、云服务器的安全组放行这个端口了吗？",
                f"No reaction from port {port} of {host} within {seconds:g} s: is the machine on, "
                "is the IP right, does the firewall let this port through?",
            ) from error
        except OSError as error:
            raise Trouble(
                f"到不了 {host}：检查 IP 和网络。", f"{host} cannot be reached: {error}."
            ) from error
        self.report.good(f"{host} 的端口 {port} 开着。", f"Port {port} of {host} is open.")

    def _closed(self) -> Trouble:
        host, port, _ = self.place
        kind = "HTTP" if self.is_http else "WebSocket"
        found = ", ".join(f"{one} ({USUAL_PORTS[one]})" for one in open_ports(host))
        hints = [
            (
                f"那里开着的常用端口：{found or '没有'}。",
                f"Usual ports that are open there: {found or 'none'}.",
            )
        ]
        if is_loopback(host) and in_container():
            hints.append(
                (
                    f"我们在 Docker 容器里，{host} 是容器自己：宿主机写 host.docker.internal，"
                    "另一个容器写它的名字，并让 NapCat 听 0.0.0.0。",
                    f"We are in a Docker container, {host} is the container itself: write "
                    "host.docker.internal for the host, or the name of the other container, and "
                    "let NapCat listen on 0.0.0.0.",
                )
            )
        return Trouble(
            f"{host} 的端口 {port} 关着：NapCat 启动了吗？“网络配置”里要有启用了的“{kind} 服务器”，"
            f"端口是 {port}（“{kind} 客户端”不开端口，它来连我们：用 --reverse）。",
            f'Port {port} of {host} is closed: is NapCat running, with an enabled "{kind} server" '
            f'on this port (a "{kind} client" opens none, it dials us: use --reverse)?',
            *hints,
        )

    def _check_protocol(self) -> None:
        path = self.path + ("/get_version_info" if self.is_http else "")
        reply = self._reply(path)
        if self._is_webui(reply):
            raise Trouble(
                f"端口 {self.place.port} 是 NapCat 的 WebUI（管理页面），不是 API：用“网络配置”里"
                "“HTTP 服务器”（默认 3000）或“WebSocket 服务器”（默认 3001）的端口。",
                f"Port {self.place.port} is NapCat's WebUI, not its API: use the port of the HTTP "
                "server (3000) or WebSocket server (3001) in its network settings.",
            )
        if reply.status in (401, 403):
            raise self._wrong_token(f"HTTP {reply.status}")
        if reply.status == 400 and not self.tls and self.place.speaks_tls():
            raise self._no_reply(silent=False)
        if self.is_http and not reply.is_onebot and not self._takes_posts(path):
            raise self._no_api(reply)
        if not self.is_http and reply.status != 101:
            raise self._no_websocket(reply)
        kind = ("HTTPS" if self.tls else "HTTP") if self.is_http else "WebSocket"
        self.report.good(f"那里说的是 {kind}。", f"{kind} is spoken there.")

    def _reply(self, path: str) -> Reply:
        silent = False
        reply = None
        try:
            reply = self.place.ask(
                path + self.query,
                tls=self.tls,
                upgrade=not self.is_http,
                token=self.token,
            )
        except ssl.SSLCertVerificationError as error:
            raise Trouble(
                "证书不受信任（自签名，或者名字不对）：代码里用 ca_file= 指定签发者，或者换证书。",
                f"The certificate is not trusted ({error.verify_message}): name the authority that "
                "signed it with ca_file= in the code, or use another certificate.",
            ) from error
        except TimeoutError:
            silent = True
        if reply is None:
            raise self._no_reply(silent)
        return reply

    def _takes_posts(self, path: str) -> bool:
        try:
            reply = self.place.ask(path + self.query, tls=self.tls, token=self.token, body="{}")
        except TimeoutError:
            return False
        return reply is not None and reply.is_onebot

    def _no_reply(self, silent: bool) -> Trouble:
        plain, secure = ("http", "https") if self.is_http else ("ws", "wss")
        if not self.tls and self.place.speaks_tls():
            return Trouble(
                f"那里要 TLS：地址改成 {secure}:// 开头。",
                f"TLS is spoken there: begin the address with {secure}://.",
            )
        if self.tls and self._status("/", tls=False):
            return Trouble(
                f"那里没有 TLS：地址改成 {plain}:// 开头。",
                f"There is no TLS there: begin the address with {plain}://.",
            )
        if silent:
            return Trouble(
                f"端口开着，但 {self.place.seconds:g} 秒里什么也不回答：OneBot 卡住了（重启它），"
                "或者这个端口上是别的程序。",
                f"The port is open, but nothing comes within {self.place.seconds:g} s: OneBot "
                "hangs (restart it), or another program is there.",
            )
        return Trouble(
            "端口开着，但那里的程序说的不是 HTTP，也不是 WebSocket：端口写错了？",
            "The port is open, but what is there speaks neither HTTP nor WebSocket: another port?",
        )

    def _status(self, path: str, *, tls: bool, upgrade: bool = False) -> int:
        """Of a GET without token; 0 for no answer."""
        try:
            reply = self.place.ask(path, tls=tls, upgrade=upgrade)
        except (TimeoutError, ssl.SSLCertVerificationError):
            return 0
        return reply.status if reply else 0

    def _is_webui(self, reply: Reply) -> bool:
        if reply.is_onebot or reply.status == 101:
            return False
        if reply.is_webui or self.place.port == WEBUI_PORT:
            return True
        try:
            front = self.place.ask("/", tls=self.tls)
        except TimeoutError:
            return False
        return front is not None and front.is_webui

    def _no_api(self, reply: Reply) -> Trouble:
        if reply.status == 426 or self._status("/", tls=self.tls, upgrade=True) == 101:
            return Trouble(
                f"端口 {self.place.port} 是 WebSocket 的：改用 WsClient 和 ws:// 地址，"
                "或者换成 NapCat 里“HTTP 服务器”的端口（默认 3000）。",
                f"Port {self.place.port} is for WebSocket: use WsClient with ws://, or the port of "
                'the "HTTP server" in NapCat (3000).',
            )
        if self.path and self._reply("/get_version_info").is_onebot:
            return self._wrong_path()
        answer = f"HTTP {reply.status} {without_secrets(reply.leads_to)}".strip()
        return Trouble(
            f"那里是别的程序，不是 OneBot（它回答 {answer}）：端口写错了？",
            f"Another program is there, not OneBot (it answers {answer}): another port?",
        )

    def _no_websocket(self, reply: Reply) -> Trouble:
        if self.path and self._status("/", tls=self.tls, upgrade=True) in (101, 401, 403):
            return self._wrong_path()
        return Trouble(
            f"端口 {self.place.port} 说的是 HTTP，不是 WebSocket：改用 HttpClient 和 http:// 地址，"
            "或者换成 NapCat 里“WebSocket 服务器”的端口（默认 3001）。",
            f"Port {self.place.port} speaks HTTP, not WebSocket: use HttpClient with http://, "
            'or the port of the "WebSocket server" in NapCat (3001).',
        )

    def _wrong_path(self) -> Trouble:
        return Trouble(
            f"路径 {self.path} 不对：地址里去掉它，端口后面什么也不写。",
            f"The path {self.path} is wrong: leave it out, write nothing behind the port.",
        )

    def _wrong_token(self, how: str) -> Trouble:
        if self.token is None:
            return Trouble(
                f"OneBot 要 token，但没有给（{how}）：加上 --token（代码里是 access_token），"
                "值在 NapCat“网络配置”的这一项里。",
                f"OneBot wants a token and none was given ({how}): add --token (access_token in "
                "the code); it is in this entry of NapCat's network settings.",
            )
        return Trouble(
            f"token 不对（{how}）：和 NapCat“网络配置”里这一项的 token 要一模一样，不是 WebUI 的"
            "登录密码；改了要保存。",
            f"The token is wrong ({how}): it must be that of this entry in NapCat's network "
            "settings, not the password of the WebUI.",
        )

    def _check_calls(self) -> None:
        client: HttpClient | ListeningClient
        if self.is_http:
            client = HttpClient(self.url, self.token, timeout=self.place.seconds)
        else:
            client = ListeningClient(self.url, self.token, timeout=self.place.seconds)
        try:
            with client:
                events = _first_events(client) if isinstance(client, ListeningClient) else []
                version = client.request("get_version_info")
                if version.get("status") == "failed" and self.path:
                    raise self._wrong_path()
                self._report_token()
                report_account(self.report, client)
        except AuthenticationError as error:
            raise self._wrong_token("HTTP 403" if self.is_http else "1403") from error
        except ApiTimeout as error:
            raise Trouble(
                f"连上了，但动作没有回答：OneBot 卡住了就重启它；地址里的路径（{self.path or '/'}）"
                "不要写成 /event。",
                f"Connected, but a call is not answered: restart OneBot if it hangs; the path "
                f"({self.path or '/'}) must not be /event.",
            ) from error
        except OneBotError as error:
            raise Trouble("连上了，但是调用出错了。", str(error)) from error
        if not self.is_http:
            self._report_events(events)

    def _report_token(self) -> None:
        if self.token:
            self.report.good("token 正确。", "The token is right.")
        else:
            self.report.good("OneBot 不要 token。", "OneBot wants no token.")

    def _report_events(self, events: list[Event]) -> None:
        if not events and self.path in ("/api", "/event"):
            raise Trouble(
                f"路径 {self.path} 上没有事件：地址里去掉它，端口后面什么也不写。",
                f"No events come at the path {self.path}: leave it out, write nothing behind the "
                "port.",
            )
        report_events(self.report, events)


def _first_events(client: ListeningClient) -> list[Event]:
    try:
        first = client.arrived.get(timeout=FIRST_EVENT_SECONDS)
    except Empty:
        return []
    return [first] if first else []
