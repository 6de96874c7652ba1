"""门口：OneBot 来连我们时，来了没有，为什么没进来。

The reception: whether OneBot comes where it is to dial us, and why it did not get in.
"""

from __future__ import annotations

import time
from contextlib import suppress
from queue import Empty

from ..addresses import check_url, is_loopback
from ..errors import OneBotError
from ..event import Event
from ..listening import is_everywhere
from ..waits import SLICE_SECONDS, next_of
from .console import Report, Trouble
from .listen import ListeningEventServer, ListeningServer, scheme_of, server_at
from .probe import Surroundings, report_account, report_events

MOMENT_SECONDS = 1.0  # for the first event of an account that has come, or for a second visitor

Server = ListeningServer | ListeningEventServer


def receive(
    report: Report,
    url: str,
    token: str | None,
    seconds: float,
    warnings: list[str],
    around: Surroundings,
) -> None:
    """Wait for OneBot at a URL; Trouble when it does not come, or is not let in.

    warnings: what the library warns of, while it does.
    """
    try:
        token = token or check_url(url, scheme_of(url)).token
        server = server_at(url, token)
    except ValueError as error:
        raise Trouble("地址写错了。", "The address is wrong.", str(error)) from None
    server.timeout = seconds
    try:
        server.start()
    except OneBotError as error:
        raise Trouble(
            "没法在这个地址上等 OneBot。", "We cannot wait for OneBot there.", str(error)
        ) from None
    with server:
        report.good(f"我们在 {server.url} 等 OneBot。", f"We wait for OneBot at {server.url}.")
        _report_openness(report, server, token)
        event = _first_event(report, server, seconds, warnings, around)
        report.good("OneBot 来了。", "OneBot has come.")
        if token:
            report.good("token 正确。", "The token is right.")
        report_events(report, [event] if event else [])
        if isinstance(server, ListeningServer):
            _check_calls(report, server)


def _check_calls(report: Report, server: ListeningServer) -> None:
    try:
        report_account(report, next(iter(server.bots.values()), server))
    except OneBotError as error:
        raise Trouble(
            "OneBot 来了，但是调用出错了。", "OneBot came, but a call went wrong.", str(error)
        ) from None


def _report_openness(report: Report, server: Server, token: str | None) -> None:
    if is_everywhere(server.host):
        report.note(
            f"NapCat 在别的机器上时，填这台机器的 IP，不是 {server.host}。",
            f"If NapCat runs elsewhere, fill in this machine's IP there, not {server.host}.",
        )
    if not token and not is_loopback(server.host):
        report.note(
            "没有 token，谁都能连进来：设置一个。", "Without a token anybody may come: set one."
        )


def _first_event(
    report: Report, server: Server, seconds: float, warnings: list[str], around: Surroundings
) -> Event | None:
    """The first event; None when somebody is there who sends none. Trouble when nobody is."""
    report.note(f"最多等 {seconds:g} 秒。", f"This may take {seconds:g} s.")
    if isinstance(server, ListeningEventServer):
        report.note("现在给机器人发一条消息。", "Write something to the bot now.")
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with suppress(Empty):
            return next_of(server.arrived, SLICE_SECONDS)
        if warnings or _has_account(server):
            deadline = min(deadline, time.monotonic() + MOMENT_SECONDS)
    if _has_account(server):
        return None
    if warnings:
        raise Trouble("有人来了，但是没有进来。", "Somebody came, but did not get in.", *warnings)
    raise _nobody_came(server, seconds, around)


def _has_account(server: Server) -> bool:
    return isinstance(server, ListeningServer) and bool(server.bots)


def _nobody_came(server: Server, seconds: float, around: Surroundings) -> Trouble:
    is_http = isinstance(server, ListeningEventServer)
    kind, scheme, came = ("HTTP", "http", "posted") if is_http else ("WebSocket", "ws", "connected")
    details = [_from_elsewhere(server, around)] if is_loopback(server.host) else []
    details += [  # NapCat itself seems to wait
        f"也许 NapCat 在等我们去连：试试 doctor {scheme}://127.0.0.1:{port}。 "
        f"Perhaps NapCat waits for us: try doctor {scheme}://127.0.0.1:{port}."
        for port in around.open_ports("127.0.0.1")
        if around.ports[port] == kind and port != server.port
    ]
    return Trouble(
        f"{seconds:g} 秒里没有人来 {server.url}：NapCat“网络配置”里要有启用了的“{kind} 客户端”"
        f"（如果是“{kind} 服务器”，两边就都在等），填的就是这个地址。",
        f"Nobody {came} to {server.url} within {seconds:g} s: NapCat needs an enabled "
        f'entry "{kind} client" with this address (with "{kind} server" instead, both sides wait).',
        *details,
    )


def _from_elsewhere(server: Server, around: Surroundings) -> str:
    if around.in_container:
        return (
            f"我们在 Docker 容器里，{server.host} 只有容器自己能连：host 改成 0.0.0.0，设置 token，"
            f"并映射端口（-p {server.port}:{server.port}）。 "
            f"We are in a Docker container, and {server.host} is for the inside only: let host be "
            f"0.0.0.0 with a token, and publish the port (-p {server.port}:{server.port})."
        )
    return (
        f"NapCat 在 Docker 或别的机器里时，它的 {server.host} 不是这里：host 改成 0.0.0.0，"
        "设置 token，NapCat 里填这台机器的 IP（Docker 里可以填 host.docker.internal）。 "
        f"If NapCat runs in Docker or elsewhere, its {server.host} is not here: let host be "
        "0.0.0.0 with a token, and fill in this machine's IP (host.docker.internal from Docker)."
    )
