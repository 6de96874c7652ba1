"""练习场：一条命令，模拟器、机器人和网页一起跑起来。

The playground: the simulator, a bot and a web page, all with one command.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import socket
import sys
import threading
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..addresses import without_secrets
from ..simulator.ports import CONNECT_TIMEOUT, free_or_zero
from ..simulator.replay import read_log
from ..simulator.simulator import Simulator
from .bot_process import BotProcess, environment_for
from .deeds import Deeds
from .feed import Feed
from .page_server import PageServer

MAX_FRAMES = 2_000
RECONNECT_MS = 1_000  # NapCat takes its time; a class does not want to wait


class Playground:
    """A simulator on fixed ports, a bot against it, and the page that shows both."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._stopping = threading.Event()
        file = Path(options.bot) if options.bot else None
        # an unreadable file is an OSError now, before anything runs
        source = _read(file) if file else None
        http_port = _free_port(options.http_port, file, source)
        ws_port = _free_port(options.ws_port, file, source)
        self._replayed = _read_events(options.replay) if options.replay else []
        self.simulator = Simulator(
            access_token=options.token,
            http_port=http_port,
            ws_port=ws_port,
            reconnect_interval=RECONNECT_MS,
            max_frames=MAX_FRAMES,
        )
        self.simulator.post_to(options.post_url, options.token)
        self.simulator.connect_to(options.reverse_url)
        self.simulator.start()
        try:
            self._bot = BotProcess(file, self._environment(source), _say)
            feed = Feed(self.simulator, self._bot, bool(options.token))
            deeds = Deeds(self.simulator, feed, self._bot, options.token)
            self.page = PageServer(feed, deeds, free_or_zero(options.page_port))
        except BaseException:
            self.simulator.stop()
            raise

    def _environment(self, source: str | None) -> dict[str, str]:
        bot_ports = {
            "EventServer": urlsplit(self._options.post_url).port or 80,
            "WsServer": urlsplit(self._options.reverse_url).port or 80,
        }
        return environment_for(
            source, *self.onebot_ports, bot_ports=bot_ports, token=self._options.token
        )

    @property
    def onebot_ports(self) -> tuple[int, int]:
        """Of the HTTP API and of the WebSocket server."""
        http, ws = urlsplit(self.simulator.http_url), urlsplit(self.simulator.ws_url)
        return http.port or 0, ws.port or 0

    @property
    def bot_status(self) -> dict[str, Any]:
        """{"name", "state", "exit_code", "starts", "started", "problem", "output"}."""
        output = "\n".join(line["text"] for line in self._bot.output())
        return {**self._bot.status, "output": output}

    def start(self) -> None:
        self.page.start()
        self._bot.start()
        if self._replayed:
            threading.Thread(target=self._replay, daemon=True).start()

    def _replay(self) -> None:
        """Push the events of the log, once there is a bot that could hear them."""
        while not self._stopping.wait(0.1):
            if _is_somebody_there(self.simulator.lamps):
                events = self.simulator.replay(self._options.replay)
                _say(f"[playground] 重放了 {len(events)} 个事件 events were replayed")
                return

    def stop(self) -> None:
        self._stopping.set()
        # at once, since each may need a moment, and Ctrl+C should take less than two seconds
        ending = [
            threading.Thread(target=stop, daemon=True) for stop in (self._bot.stop, self.page.stop)
        ]
        for thread in ending:
            thread.start()
        ending[0].join()  # the bot first: it need not see its connection go
        self.simulator.stop()
        ending[1].join()

    def describe(self) -> Iterator[str]:
        """The lines that greet the user."""
        options, (http_port, ws_port) = self._options, self.onebot_ports
        for wanted, got in (
            (options.http_port, http_port),
            (options.ws_port, ws_port),
            (options.page_port, self.page.port),
        ):
            if wanted and wanted != got:
                yield f"端口 {wanted} 被占用，改用 {got}。 Port {wanted} is taken, using {got}."
                if options.bot and wanted != options.page_port:
                    yield (
                        "机器人可能会连到占用端口的程序（NapCat、另一个练习场）那里：先关掉它。"
                        " The bot may connect to whatever has taken the port: end that first."
                    )
        if options.bot and "ONEBOT_URL" in os.environ:
            yield "注意：机器人连接的是 ONEBOT_URL。 The bot connects to what ONEBOT_URL says."
        yield f"HTTP API            {self.simulator.http_url}"
        yield f"WebSocket           {self.simulator.ws_url}"
        yield f"HTTP POST        →  {without_secrets(options.post_url)}"
        yield f"反向 reverse WS  →  {without_secrets(options.reverse_url)}"
        yield f"机器人 bot          {options.bot or '回声机器人 the echo bot'}"
        yield f"\n打开 open:  {self.page.link}\n结束 stop:  Ctrl+C\n"


def _read(file: Path) -> str:
    if file.is_dir():
        raise _folder(file, "机器人的", "the bot's", "playground bot.py")
    return file.read_text(encoding="utf-8", errors="replace")


def _read_events(log: str) -> list[dict[str, Any]]:
    if os.path.isdir(log):
        raise _folder(log, "日志", "the log's", "playground bot.py --replay day.jsonl")
    return read_log(log)


def _folder(path: str | Path, whose: str, whose_english: str, example: str) -> ValueError:
    return ValueError(
        f"{path} 是文件夹：写出{whose}文件，例如 {example}。 "
        f"{path} is a folder: name {whose_english} file, such as {example}."
    )


def _free_port(wanted: int, file: Path | None, source: str | None) -> int:
    """The port, or 0 when it is taken, for any other.

    ValueError when the bot would go to whoever has the port, whatever we do: its address stands
    in the file, which asks no environment variable for another one.
    """
    port = free_or_zero(wanted)
    code = re.sub(r"#.*", "", source or "")
    address = rf"""["']\w+://(?:127\.0\.0\.1|localhost|\[::1\]):{wanted}\b"""
    if port == wanted or re.search("environ|getenv", code) or not re.search(address, code):
        return port
    raise ValueError(
        f"端口 {wanted} 被占用，而 {file} 里写的就是它：先结束那里的程序（另一个练习场按 Ctrl+C，"
        f"或者关掉 NapCat），再来一次。 Port {wanted} is taken, and {file} goes there: end what is "
        "there (Ctrl+C in another playground, or close NapCat), then try again."
    )


def _is_somebody_there(lamps: dict[str, dict[str, Any]]) -> bool:
    """Whether a bot would hear an event: one that is connected, or whose server listens."""
    if lamps["ws"]["connected"] or lamps["ws_reverse"]["connected"]:
        return True
    posted = (urlsplit(target["address"]) for target in lamps["http_post"]["targets"])
    return any(_is_listening(url.hostname or "", url.port or 80) for url in posted)


def _is_listening(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), CONNECT_TIMEOUT).close()
    except OSError:
        return False
    return True


def run(options: argparse.Namespace) -> int:
    """运行练习场，直到 Ctrl+C；返回退出码。

    Run the playground until Ctrl+C. Returns the exit code.
    """
    over = threading.Event()
    with _signals(over):
        try:
            playground = Playground(options)
        except FileNotFoundError as error:
            name = error.filename
            # Notepad adds the .txt, which Windows does not show
            found = [name + end for end in (".py", ".txt") if os.path.isfile(name + end)]
            said = (
                f"没有 {name}：是 {found[0]} 吗？ There is no file {name}. Did you mean {found[0]}?"
                if found
                else f"找不到 {name}：先 cd 进入它的文件夹。 "
                "There is no such file here: cd to its folder first."
            )
            print(said, file=sys.stderr)
            return 2
        except (OSError, ValueError) as error:
            print(f"{error}", file=sys.stderr)
            return 2
        playground.start()
        try:
            for line in playground.describe():
                _say(line)
            if not options.no_browser:
                _open(playground.page.link)
            while not over.wait(0.2):  # Windows cannot interrupt an endless wait
                pass
        finally:
            playground.stop()
    _say("再见 bye")
    return 0


@contextmanager
def _signals(over: threading.Event) -> Iterator[None]:
    """Let Ctrl+C and `kill` end everything in order, the bot included; a closed window, too, where
    the system waits for it."""

    def end(*_: Any) -> None:
        over.set()

    names = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")  # not every system has each
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    before = {number: signal.signal(number, end) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _say(line: str) -> None:
    with suppress(OSError, ValueError):  # the console is gone: go on without
        print(line, flush=True)


def _open(link: str) -> None:
    """Open the browser, unless that would be one in the terminal."""
    shown = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    if sys.platform.startswith("linux") and not any(os.environ.get(name) for name in shown):
        return
    threading.Thread(target=webbrowser.open, args=(link,), daemon=True).start()
