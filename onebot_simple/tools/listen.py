"""命令 listen：把收到的事件一行一行地打印出来。

The command `listen`: prints the events that come, a line each.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

from ..addresses import check_url
from ..bot import Bot
from ..errors import OneBotError
from ..event import Event, event_line
from ..event_server import EventServer
from ..ws_client import WsClient
from ..ws_server import WsServer
from .console import json_text, say

FORWARD_URL = "ws://127.0.0.1:3001"
REVERSE_URL = "ws://127.0.0.1:8765"
PRINTED_SECONDS = 2  # how long the last lines may take after the end

Http = TypeVar("Http")
Ws = TypeVar("Ws")


class Listening(Bot):
    """Lays every event into `arrived`, in the order of arrival; no handler, no log line."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.arrived: SimpleQueue[Event | None] = SimpleQueue()  # None: there will be no more

    def handle(
        self,
        event: Event,
        *,
        account: int | None = None,
        number: int = 0,
        respond: Callable[[str | None], None] | None = None,
    ) -> bool:
        if not isinstance(event.get("post_type"), str):
            return super().handle(event, account=account, respond=respond)
        self.arrived.put(event)
        if respond:
            respond(None)
        return True


class ListeningClient(Listening, WsClient):
    """Connects to OneBot."""


class ListeningServer(Listening, WsServer):
    """OneBot connects to it."""


class ListeningEventServer(Listening, EventServer):
    """OneBot posts to it."""


def server_at(
    url: str, token: str | None, http: Callable[..., Http], ws: Callable[..., Ws]
) -> Http | Ws:
    """The server for a URL as OneBot has it; ValueError when it is none that we can serve."""
    scheme = "ws" if url.lower().startswith("ws") else "http"
    address = check_url(url, scheme)
    if address.secure:
        raise ValueError(
            f"serving is done without TLS: use {scheme}://. "
            f"我们的服务器不带 TLS：用 {scheme}://，TLS 交给前面的 nginx 等。"
        )
    if scheme == "http":
        path = unquote(urlsplit(address.base).path) or "/"
        return http(address.host, address.port, path=path, secret=token)
    return ws(address.host, address.port, token)


def _listener(options: argparse.Namespace) -> Listening:
    url = options.url or (REVERSE_URL if options.reverse else options.onebot_url or FORWARD_URL)
    if not options.reverse and not url.lower().startswith("http"):
        return ListeningClient(url, options.token)
    return server_at(url, options.token, ListeningEventServer, ListeningServer)


def run(options: argparse.Namespace) -> int:
    """打印事件，直到 Ctrl+C；返回退出码。

    Print events until Ctrl+C. Returns the exit code.
    """
    try:
        bot = _listener(options)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    printer = Thread(target=_print_events, args=(bot, options.json), daemon=True)
    printer.start()
    try:
        bot.run()
    except OneBotError as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        bot.arrived.put(None)
        printer.join(PRINTED_SECONDS)
    return 0


def _print_events(bot: Listening, as_json: bool) -> None:
    while (event := bot.arrived.get()) is not None:
        if not say(json_text(event) if as_json else event_line(event)):
            bot.stop()
            return
