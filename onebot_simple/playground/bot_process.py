"""The bot of the playground: a process of its own, restarted when a file of its folder changes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..simulator.ports import HOST
from .run_bot import MARK
from .source_files import stamps

ECHO_BOT = Path(__file__).with_name("echo_bot.py")
RUNNER = Path(__file__).with_name("run_bot.py")
POLL_SECONDS = 0.1
LOOK_SECONDS = 0.3  # how often the bot's folder is looked through
END_SECONDS = 0.8  # what a bot gets to end by itself
MAKES_BOT = re.compile(r"\b(?:WsClient|WsServer|EventServer)\(")
RUNS = re.compile(r"\.\s*run\s*\(")
OUTPUT_LINES = 1_000
LINE_LENGTH = 4_000


class BotProcess:
    """A bot's process. Without a file it is the bundled echo bot.

    environment: added to the bot's own. say: prints a line on the console.
    """

    def __init__(
        self, file: Path | None, environment: dict[str, str], say: Callable[[str], None]
    ) -> None:
        self._file = file
        # PYTHONIOENCODING beats PYTHONUTF8, and the user may have set it
        utf8 = {"PYTHONUTF8": "1", "PYTHONIOENCODING": "utf-8"}
        self._environment = {**os.environ, **utf8, **environment}
        self._say = say
        # called with each error of the bot, see run_bot.py, and with None for any other news
        self.heard: Callable[[dict[str, Any] | None], None] = lambda news: None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._keep_running, daemon=True)
        # guards the fields below; the thread alone starts and ends the process
        self._lock = threading.Lock()
        self._restart_wanted = False
        self._state = "starting"  # then: running, finished, crashed
        self._exit_code: int | None = None
        self._started = 0.0  # when this run began
        self._problem: dict[str, Any] | None = None  # why this run ended, as run_bot.py told it
        self._starts = 0
        self._lines = 0  # of output, ever
        self._output: deque[dict[str, Any]] = deque(maxlen=OUTPUT_LINES)

    @property
    def file(self) -> Path:
        return self._file or ECHO_BOT

    @property
    def status(self) -> dict[str, Any]:
        """{"name", "state", "exit_code", "starts", "started", "problem"}."""
        with self._lock:
            return {
                "name": self._file.name if self._file else "",
                "state": self._state,
                "exit_code": self._exit_code,
                "starts": self._starts,
                "started": self._started,
                "problem": self._problem,
            }

    def output(self, after: int = 0) -> list[dict[str, Any]]:
        """The lines with a larger id: {"id", "run", "text"}; run is how many starts there were."""
        with self._lock:
            return [line for line in self._output if line["id"] > after]

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread.ident:
            self._thread.join()

    def restart(self) -> None:
        with self._lock:
            self._restart_wanted = True

    def _keep_running(self) -> None:
        while not self._stopping.is_set():
            files = self._files()
            process = self._launch()
            reader = threading.Thread(target=self._read, args=(process,), daemon=True)
            reader.start()
            self._watch(process, reader, files)
            _end(process)
            reader.join(1)

    def _launch(self) -> subprocess.Popen[str]:
        with self._lock:
            self._restart_wanted, self._state, self._exit_code = False, "running", None
            self._starts += 1
            self._started, self._problem = time.time(), None
        self.heard(None)
        return subprocess.Popen(
            [sys.executable, "-u", str(RUNNER), str(self.file)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=self._environment,
            encoding="utf-8",
            errors="replace",
            # Ctrl+C is for us alone: a bot that does not expect it would print a traceback
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                printed, mark, told = line.rstrip("\n").partition(MARK)
                if printed or not mark:
                    self._print(printed)
                if mark:
                    self._take(told)

    def _print(self, text: str) -> None:
        with self._lock:
            self._lines += 1
            line = {"id": self._lines, "run": self._starts, "text": text[:LINE_LENGTH]}
            self._output.append(line)
        # no news: whoever shows it looks often enough, however fast a bot prints
        self._say("[bot] " + text)

    def _take(self, told: str) -> None:
        try:
            news = json.loads(told)
        except ValueError:  # torn apart by what another thread has written meanwhile
            self._print(told)
            return
        if news["kind"] == "error":
            self.heard(news)
        else:
            with self._lock:
                self._problem = news

    def _watch(
        self, process: subprocess.Popen[str], reader: threading.Thread, files: dict[str, Any]
    ) -> None:
        """Return when this process is to be replaced, or everything is to end."""
        alive, next_look = True, 0.0
        while not self._stopping.wait(POLL_SECONDS):
            if alive and process.poll() is not None:
                alive = False
                reader.join(1)  # its last words come before the news
                self._note_exit(process.returncode)
            if time.monotonic() >= next_look:
                began = time.monotonic()
                changed = _changed(files, self._files())
                # a folder that takes long to look through is looked at less often
                next_look = time.monotonic() + max(LOOK_SECONDS, 20 * (time.monotonic() - began))
                if changed:
                    self._say(f"[playground] {changed} 变了，重新启动 changed: restarting")
                    return
            with self._lock:
                if self._restart_wanted:
                    return

    def _note_exit(self, code: int) -> None:
        with self._lock:
            self._state, self._exit_code = ("crashed" if code else "finished"), code
            forgotten = self._problem and self._problem["kind"] == "not_run"
        self.heard(None)
        if code:
            self._say(
                f"[playground] 机器人退出了（退出码 {code}），改好文件会自动重启。"
                f" The bot ended with exit code {code}; it restarts when its file changes."
            )
        elif forgotten:
            self._say(
                "[playground] 机器人没有运行：文件的最后一行要写 bot.run()，带括号。 The bot "
                "does not run: the last line of its file must be bot.run(), with the brackets."
            )
        elif _never_runs_its_bot(self.file):
            self._say(
                "[playground] 程序运行完了。要让机器人一直运行，最后一行写 bot.run()，带括号。 "
                "The program has finished. To keep a bot running, end with bot.run(), with the "
                "brackets."
            )
        else:
            self._say("[playground] 程序运行完了。 The program has finished.")

    def _files(self) -> dict[str, Any]:
        return stamps(self._file) if self._file else {}


def _never_runs_its_bot(file: Path) -> bool:
    try:
        code = re.sub(r"#.*", "", file.read_text(encoding="utf-8", errors="replace"))
    except OSError:  # it has been removed meanwhile
        return False
    return bool(MAKES_BOT.search(code) and not RUNS.search(code))


def _changed(before: dict[str, Any], now: dict[str, Any]) -> str:
    """The name of a file that is new or different; an editor may have one away for a moment."""
    for name, stamp in now.items():
        if before.get(name) != stamp:
            return name
    return ""


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def environment_for(
    source: str | None, http_port: int, ws_port: int, bot_ports: dict[str, int], token: str | None
) -> dict[str, str]:
    """What a bot must be told so that it finds the playground.

    source: the text of its file, None for the bundled bot. The examples read ONEBOT_URL,
    ONEBOT_PORT and ONEBOT_TOKEN. What the user has set already is left alone, except for the
    bundled bot, which belongs to this playground and to no other OneBot. bot_ports: where the
    playground looks for an "EventServer" and for a "WsServer".
    """
    ours: dict[str, str] = {}
    if token:
        ours["ONEBOT_TOKEN"] = token
    if source is None:
        return {"ONEBOT_TOKEN": "", **ours, "ONEBOT_URL": f"ws://{HOST}:{ws_port}"}
    # both addresses go by one name, so see which of them this bot asks for
    if "WsClient(" in source and ws_port != 3001:
        ours["ONEBOT_URL"] = f"ws://{HOST}:{ws_port}"
    elif "HttpClient(" in source and "WsClient(" not in source and http_port != 3000:
        ours["ONEBOT_URL"] = f"http://{HOST}:{http_port}"
    for name, usual in (("EventServer", 8080), ("WsServer", 8765)):
        if f"{name}(" in source and bot_ports[name] != usual:
            ours["ONEBOT_PORT"] = str(bot_ports[name])
            break
    return {name: value for name, value in ours.items() if name not in os.environ}
