"""The bot of the playground: a process of its own, restarted when its file changes."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..simulator.ports import HOST

ECHO_BOT = "onebot_simple.playground.echo_bot"
POLL_SECONDS = 0.1
END_SECONDS = 0.8  # what a bot gets to end by itself
OUTPUT_LINES = 200


class BotProcess:
    """A bot's process. Without a file it is the bundled echo bot.

    environment: added to the bot's own. say: prints a line on the console.
    """

    def __init__(
        self, file: Path | None, environment: dict[str, str], say: Callable[[str], None]
    ) -> None:
        self._file = file
        self._environment = {**os.environ, "PYTHONUTF8": "1", **environment}
        self._say = say
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._keep_running, daemon=True)
        # guards the fields below; the thread alone starts and ends the process
        self._lock = threading.Lock()
        self._restart_wanted = False
        self._state = "starting"  # then: running, finished, crashed
        self._exit_code: int | None = None
        self._starts = 0
        self._output: deque[str] = deque(maxlen=OUTPUT_LINES)

    @property
    def status(self) -> dict[str, Any]:
        """{"name", "state", "exit_code", "starts", "output"}."""
        with self._lock:
            return {
                "name": self._file.name if self._file else "",
                "state": self._state,
                "exit_code": self._exit_code,
                "starts": self._starts,
                "output": "\n".join(self._output),
            }

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
            stamp = self._stamp()
            process = self._launch()
            reader = threading.Thread(target=self._read, args=(process,), daemon=True)
            reader.start()
            self._watch(process, reader, stamp)
            _end(process)
            reader.join(1)

    def _launch(self) -> subprocess.Popen[str]:
        target = [str(self._file)] if self._file else ["-m", ECHO_BOT]
        with self._lock:
            self._restart_wanted, self._state, self._exit_code = False, "running", None
            self._starts += 1
            self._output.clear()
        return subprocess.Popen(
            [sys.executable, "-u", *target],
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
                with self._lock:
                    self._output.append(line.rstrip("\n"))
                self._say("[bot] " + line.rstrip("\n"))

    def _watch(
        self, process: subprocess.Popen[str], reader: threading.Thread, stamp: object
    ) -> None:
        """Return when this process is to be replaced, or everything is to end."""
        alive = True
        while not self._stopping.wait(POLL_SECONDS):
            if alive and process.poll() is not None:
                alive = False
                reader.join(1)  # its last words come before the news
                self._note_exit(process.returncode)
            now = self._stamp()
            if now is not None and now != stamp:
                name = self._file.name if self._file else ""
                self._say(f"[playground] {name} 变了，重新启动 changed: restarting")
                return
            with self._lock:
                if self._restart_wanted:
                    return

    def _note_exit(self, code: int) -> None:
        with self._lock:
            self._state, self._exit_code = ("crashed" if code else "finished"), code
        if code:
            self._say(
                f"[playground] 机器人退出了（退出码 {code}），改好文件会自动重启。"
                f" The bot ended with exit code {code}; it restarts when its file changes."
            )
        else:
            self._say(
                "[playground] 机器人运行完了（最后一行写 bot.run() 了吗？）。 The bot has finished "
                "(is bot.run() its last line?)."
            )

    def _stamp(self) -> tuple[int, int] | None:
        """Changes with the file; None while an editor has it replaced by nothing."""
        try:
            status = self._file.stat() if self._file else None
        except OSError:
            return None
        return (status.st_mtime_ns, status.st_size) if status else None


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
