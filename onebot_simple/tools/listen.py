"""命令 listen：把收到的事件一行一行地打印出来，也可以存成文件。

The command `listen`: prints the events that come, a line each, and saves them if told to.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from collections.abc import Callable
from contextlib import nullcontext
from io import FileIO
from queue import SimpleQueue
from threading import Thread
from typing import Any
from urllib.parse import unquote, urlsplit

from ..addresses import check_url
from ..bot import Bot
from ..errors import OneBotError
from ..event import Event, event_line
from ..event_server import EventServer
from ..ws_client import WsClient
from ..ws_server import WsServer
from .console import complain, json_text, say

FORWARD_URL = "ws://127.0.0.1:3001"
REVERSE_URL = "ws://127.0.0.1:8765"
SECRET_LENGTH = 6  # of a token
PRINTED_SECONDS = 2  # how long the last lines may take after the end
TOKEN_IN_URL = re.compile(r"(access_token=)[^\s&\"']+", re.IGNORECASE)


class Listening(Bot):
    """Puts every event into `arrived`, in order of arrival, what the account itself did, too.

    `bot.events()` and handlers leave out what a bot must not answer.
    """

    transport = ""  # what it is called in saved logs

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.arrived: SimpleQueue[Event | None] = SimpleQueue()  # None: there will be no more

    def handle(
        self,
        event: Event,
        *,
        self_id: int | None = None,
        number: int = 0,
        respond: Callable[[str | None], None] | None = None,
    ) -> bool:
        if not isinstance(event.get("post_type"), str):
            return super().handle(event, self_id=self_id, respond=respond)  # which warns
        self.arrived.put(event)
        if respond:
            respond(None)
        return True


class ListeningClient(Listening, WsClient):
    """Connects to OneBot."""

    transport = "ws"


class ListeningServer(Listening, WsServer):
    """OneBot connects to it."""

    transport = "ws_reverse"


class ListeningEventServer(Listening, EventServer):
    """OneBot posts to it."""

    transport = "http_post"


def server_at(url: str, token: str | None) -> ListeningServer | ListeningEventServer:
    """The server for a URL as OneBot has it; ValueError when it is none that we can serve."""
    scheme = scheme_of(url)
    address = check_url(url, scheme)
    if address.secure:
        raise ValueError(
            f"我们的服务器不带 TLS：用 {scheme}://，TLS 交给前面的 nginx 等。 "
            f"We serve without TLS: use {scheme}://, and leave TLS to an nginx in front of us."
        )
    if scheme == "ws":
        return ListeningServer(address.host, address.port, token)
    path = unquote(urlsplit(address.base).path) or "/"
    return ListeningEventServer(address.host, address.port, path=path, secret=token)


def scheme_of(url: str) -> str:
    return "ws" if url.lower().startswith("ws") else "http"


def run(options: argparse.Namespace) -> int:
    """打印事件，直到 Ctrl+C；返回退出码。

    Print events until Ctrl+C. Returns the exit code: 0 it was ended, 1 it failed, 2 it cannot
    listen there, or save into that file.
    """
    url = options.url or (REVERSE_URL if options.reverse else options.onebot_url or FORWARD_URL)
    bot: Listening
    try:
        token = options.token or check_url(url, scheme_of(url)).token
        if options.reverse or scheme_of(url) == "http":
            bot = server_at(url, token)
        else:
            bot = ListeningClient(url, token)
        file = _opened(options.save)
    except ValueError as error:
        complain(error)
        return 2
    with file or nullcontext():
        return _listen(bot, Printer(bot, options.json, file, token))


def _listen(bot: Listening, printer: Printer) -> int:
    printer.start()
    try:
        bot.run()
    except OneBotError as error:
        complain(error)
        return 1
    finally:
        bot.arrived.put(None)
        printer.join(PRINTED_SECONDS)
    return 1 if printer.failed else 0


def _opened(path: str | None) -> FileIO | None:
    """The file to save into. Its old lines stay, and new ones follow."""
    if path is None:
        return None
    try:
        return open(path, "ab", buffering=0)
    except (OSError, ValueError) as error:
        raise ValueError(
            f"不能写入 {path}：换一个文件名或文件夹。 Cannot write to {path}, use another file or "
            f"folder: {error}"
        ) from None


class Printer(Thread):
    """Prints what arrives, and saves it, so that the thread that receives never waits for it."""

    def __init__(self, bot: Listening, as_json: bool, file: FileIO | None, token: str | None):
        super().__init__(name="onebot_simple printer", daemon=True)
        self.failed = False  # whether the file cannot be written any more
        self._bot, self._as_json, self._file = bot, as_json, file
        self._token = token if token and len(token) >= SECRET_LENGTH else None

    def run(self) -> None:
        while (event := self._bot.arrived.get()) is not None:
            try:
                if not (self._save(event) and self._print(event)):
                    self._bot.stop()
                    return
            except RecursionError:
                complain(
                    "一个事件嵌套得太深，跳过了。 Left out an event that is nested too deeply."
                )

    def _print(self, event: Event) -> bool:
        return say(json_text(event) if self._as_json else event_line(event))

    def _save(self, event: Event) -> bool:
        """Write a line of a log that `Simulator.replay()` and the playground read."""
        if self._file is None:
            return True
        frame = _without_tokens(event, self._token)
        about = {"time": time.time(), "direction": "in", "transport": self._bot.transport}
        try:
            line = json.dumps({**about, "frame": frame}, ensure_ascii=False) + "\n"
            # half of a surrogate pair becomes \ud83d, as JSON writes it
            self._file.write(line.encode("utf-8", "backslashreplace"))
        except (OSError, ValueError) as error:  # ValueError: it is closed, since we have ended
            complain(f"存不下去了：磁盘满了吗？ Cannot save any more, is the disk full? {error}")
            self.failed = True
        return not self.failed


def _without_tokens(value: Any, token: str | None) -> Any:
    """The value, with *** in place of the token and of any that stands in a URL.

    A very short token stays: it may be a piece of any word.
    """
    if isinstance(value, dict):
        return {key: _without_tokens(inner, token) for key, inner in value.items()}
    if isinstance(value, list):
        return [_without_tokens(inner, token) for inner in value]
    if not isinstance(value, str):
        return value
    return TOKEN_IN_URL.sub(r"\1***", value.replace(token, "***") if token else value)
