"""命令 doctor：一步一步找出为什么连不上，该改哪里。

The command `doctor`: finds out step by step why it does not connect, and what to change.

It does what a bot does, with the same classes, and shows what they say. When something fails it
looks around for the reason.
"""

from __future__ import annotations

import argparse
from contextlib import suppress
from queue import Empty
from urllib.parse import urlsplit

from ..addresses import Address, cannot_connect, check_token, check_url, is_loopback
from ..errors import AuthenticationError, OneBotError
from ..event import Event
from ..http_client import HttpClient
from ..waits import next_of
from .console import Report, Trouble, Warnings
from .listen import FORWARD_URL, REVERSE_URL, ListeningClient, scheme_of
from .probe import (
    HERE,
    Place,
    Surroundings,
    proxies,
    report_account,
    report_events,
    what_is_there,
    wrong_path,
)
from .reception import receive

FORWARD_SECONDS, REVERSE_SECONDS = 5.0, 30.0
FIRST_EVENT_SECONDS = 0.3

Client = HttpClient | ListeningClient


def run(options: argparse.Namespace, around: Surroundings = HERE) -> int:
    """检查一种连接方式；返回退出码。

    Examine one way to connect. Returns the exit code: 0 all is well, 1 something is wrong.
    """
    report = Report()
    token, wait = options.token, options.wait
    with Warnings() as warnings:
        try:
            if options.reverse:
                url = options.url or REVERSE_URL
                receive(report, url, token, wait or REVERSE_SECONDS, warnings.lines, around)
            else:
                url = options.url or options.onebot_url or FORWARD_URL
                _dial(report, url, token, wait or FORWARD_SECONDS, around)
        except Trouble as trouble:
            report.bad(trouble)
    if report.all_is_well:
        report.good("一切正常。", "All is well.")
    return 0 if report.all_is_well else 1


def _dial(
    report: Report, url: str, token: str | None, seconds: float, around: Surroundings
) -> None:
    """Connect to OneBot as a bot does; Trouble when that does not work."""
    scheme = scheme_of(url)
    try:
        address = check_url(url, scheme)
        token = check_token(token) or address.token
    except ValueError as error:
        raise Trouble("地址写错了。", "The address is wrong.", str(error)) from None
    report.good(f"地址 {address.base} 写得对。", "The address is well-formed.")
    if names := ", ".join(proxies()):
        report.note(
            f"环境变量里有代理（{names}），本库不经过它。",
            f"There is a proxy in the environment ({names}); we connect without it.",
        )
    place = Place(address.host, address.port, address.secure, seconds)
    _check_port(report, address, place, around)
    path = urlsplit(address.base).path.rstrip("/")
    kind: type[Client] = HttpClient if scheme == "http" else ListeningClient
    client = kind(url, token, timeout=seconds)
    without = kind(address.base + address.query, timeout=seconds) if token else None
    _connect(report, client, without, place, path)


def _check_port(report: Report, address: Address, place: Place, around: Surroundings) -> None:
    host, port = place.host, place.port
    try:
        place._replace(secure=False).open().close()
    except (OSError, UnicodeError) as error:
        details = [str(cannot_connect(address.base, error))]
        if isinstance(error, ConnectionRefusedError):
            details += _about_closed_port(address, around)
        raise Trouble(
            f"连不上 {host} 的端口 {port}。", f"Port {port} of {host} cannot be reached.", *details
        ) from None
    report.good(f"{host} 的端口 {port} 开着。", f"Port {port} of {host} is open.")


def _about_closed_port(address: Address, around: Surroundings) -> list[str]:
    host = address.host
    kind = "HTTP" if address.base.startswith("http") else "WebSocket"
    found = ", ".join(f"{port} ({around.ports[port]})" for port in around.open_ports(host))
    details = [
        f"NapCat“网络配置”里要有“{kind} 服务器”；“{kind} 客户端”不开端口，它来连我们：用 "
        f'--reverse。 NapCat needs the entry "{kind} server" in its network settings; '
        f'"{kind} client" opens no port, it connects to us: use --reverse.',
        f"那里开着的常用端口：{found or '没有'}。 "
        f"Usual ports that are open there: {found or 'none'}.",
    ]
    if is_loopback(host) and around.in_container:
        details.append(
            f"我们在 Docker 容器里，{host} 是容器自己：宿主机写 host.docker.internal，"
            "另一个容器写它的名字，并让 NapCat 听 0.0.0.0。 "
            f"We are in a Docker container, {host} is the container itself: write "
            "host.docker.internal for the host, or the name of the other container, and let NapCat "
            "listen on 0.0.0.0."
        )
    return details


def _connect(
    report: Report, client: Client, without: Client | None, place: Place, path: str
) -> None:
    """Connect and call. without: the same client without the token, if there is a token."""
    is_http = isinstance(client, HttpClient)
    kind = "HTTP" if is_http else "WebSocket"
    spoken = f"那里说的是 {kind}。", f"{kind} is spoken there."
    failed = "没有连上 OneBot。", "Not connected to OneBot."
    try:
        with client:
            if is_http:
                client.request("get_version_info")
            report.good(*spoken)
            _report_token(report, without)
            failed = "连上了，但是调用出错了。", "Connected, but a call went wrong."
            report_account(report, client)
            if isinstance(client, ListeningClient):
                _report_events(report, client, path)
    except AuthenticationError:
        if is_http or place.takes_websockets():
            report.good(*spoken)
        raise _wrong_token(without is not None) from None
    except OneBotError as error:
        there = what_is_there(place, "http" if is_http else "ws", path)
        raise Trouble(*failed, str(error), *there) from None


def _report_events(report: Report, client: ListeningClient, path: str) -> None:
    events: list[Event] = []
    with suppress(Empty):
        events += filter(None, [next_of(client.arrived, FIRST_EVENT_SECONDS)])
    if not events and path in ("/api", "/event"):
        raise Trouble(f"路径 {path} 上没有事件。", f"No events come at {path}.", wrong_path(path))
    report_events(report, events)


def _report_token(report: Report, without: Client | None) -> None:
    """Say whether the token counts. A OneBot that wants none takes any, also a wrong one."""
    if without is None:
        report.good("OneBot 不要 token。", "OneBot wants no token.")
        return
    try:
        with without:
            without.request("get_version_info")
    except AuthenticationError:
        report.good("token 正确。", "The token is right.")
    except OneBotError:  # such as a OneBot that takes one connection only
        report.good("token 被接受了。", "The token is accepted.")
    else:
        report.note(
            "OneBot 不要 token，给什么都能进去；别的机器也能连到它时，在 NapCat 里设置一个。",
            "OneBot wants no token and takes any; set one in NapCat if other machines can reach "
            "it.",
        )


def _wrong_token(has_token: bool) -> Trouble:
    if not has_token:
        return Trouble(
            "OneBot 要 token，但没有给：加上 --token（代码里是 access_token），"
            "值在 NapCat“网络配置”的这一项里。",
            "OneBot wants a token and none was given: add --token (access_token in the code); "
            "it is in this entry of NapCat's network settings.",
        )
    return Trouble(
        "token 不对：和 NapCat“网络配置”里这一项的 token 要一模一样，不是 WebUI 的登录密码；"
        "改了要保存。",
        "The token is wrong: it must be that of this entry in NapCat's network settings, not the "
        "password of the WebUI; save when you have changed it.",
    )
