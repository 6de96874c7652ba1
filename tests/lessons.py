"""The lessons and projects as processes, and small QQ worlds for them."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from onebot_simple.simulator import Simulator

from .peers import free_port as free_port
from .peers import wait_until

EXAMPLES = Path(__file__).parent.parent / "examples"
LESSONS = sorted([*EXAMPLES.glob("[0-9]*.py"), *EXAMPLES.glob("[0-9]*/main.py")])
PROJECTS = sorted((EXAMPLES / "projects").glob("*.py"))
PYTEST_ALONE = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # without the plugins of this suite
LATE = 20  # seconds after which even a busy machine should have done it


class Running:
    """An example in a process of its own, and what it has printed."""

    def __init__(self, path: Path, folder: Path | None = None, **environment: str) -> None:
        self.output = ""
        known = {name: value for name, value in os.environ.items() if "ONEBOT" not in name}
        self.process = subprocess.Popen(
            [sys.executable, "-u", str(path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env={**known, "PYTHONUTF8": "1", **environment},
            encoding="utf-8",
        )
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.output += line

    def wait_for(self, words: str) -> None:
        try:
            wait_until(lambda: words in self.output, LATE)
        except AssertionError:
            raise AssertionError(f"{words!r} is not in:\n{self.output}") from None

    def wait_for_after(self, words: str, happen: Callable[[], object]) -> None:
        """It happens until the words are there: at first, the loop may not have begun."""

        def there() -> bool:
            happen()
            return words in self.output

        wait_until(there, LATE)

    def end(self) -> None:
        self.process.terminate()  # which run() takes as it takes Ctrl+C, where signals exist
        try:
            self.process.wait(10)
        finally:
            self.process.kill()
            self.reader.join(5)
        assert self.process.stdout
        self.process.stdout.close()


@contextmanager
def running(name: str | Path, folder: Path | None = None, **environment: str) -> Iterator[Running]:
    one = Running(EXAMPLES / name, folder, **environment)
    try:
        yield one
    finally:
        one.end()


@contextmanager
def chatting(
    name: str | Path, folder: Path | None = None, **environment: str
) -> Iterator[tuple[Simulator, Running]]:
    """A small QQ world in which the example, a WebSocket client, is the bot.

    The example must not show a traceback.
    """
    with Simulator() as qq, running(name, folder, ONEBOT_URL=qq.ws_url, **environment) as example:
        try:
            qq.wait_connected(LATE)
            yield qq, example
        except AssertionError as error:
            raise AssertionError(f"{error}\nThe example said:\n{example.output}") from error
        example.end()
        assert "Traceback" not in example.output, example.output


class Web:
    """A small web server: a language model at POST, a picture at GET. What was asked is kept."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, str], bytes]] = []  # path, headers, body
        self.replies: list[tuple[int, bytes]] = []  # status and body, in turn; the last one stays

        class Requests(BaseHTTPRequestHandler):
            web = self

            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self.web.asked.append((self.path, dict(self.headers), body))
                status, content = (
                    self.web.replies.pop(0) if len(self.web.replies) > 1 else self.web.replies[0]
                )
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_POST = do_GET

            def log_message(self, *_: object) -> None:
                """Nothing is logged."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Requests)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    def __enter__(self) -> Web:
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()
