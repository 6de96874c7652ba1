"""The command as a process of its own."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

import onebot_simple.playground
from onebot_simple.playground.bot_process import environment_for
from onebot_simple.playground.playground import Playground
from onebot_simple.playground.run_bot import MARK
from onebot_simple.simulator import Simulator

from ..peers import wait_until
from .conftest import free_port, options
from .visits import save

EXAMPLES = Path(__file__).parents[2] / "examples"
LATE = 20  # seconds after which even a busy machine should have done it
SOON = 6  # seconds that an end may take there; elsewhere it takes less than two


class Command:
    """`python -m onebot_simple playground ...`, and what it has printed."""

    def __init__(self, *arguments: str, folder: Path | None = None, **environment: str) -> None:
        self.output = ""
        known = {name: value for name, value in os.environ.items() if "ONEBOT" not in name}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "onebot_simple", "playground", "--no-browser", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**known, "PYTHONUTF8": "1", **environment},
            cwd=folder,
            encoding=environment.get("PYTHONIOENCODING", "utf-8").partition(":")[0],
            # the tests' own Ctrl+C is not for it, and its is not for the tests
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        with self.process.stdout:
            for line in self.process.stdout:
                self.output += line

    def wait_for(self, words: str, times: int = 1) -> None:
        try:
            wait_until(lambda: len(re.findall(words, self.output)) >= times, LATE)
        except AssertionError:
            raise AssertionError(f"{words!r} is not in:\n{self.output}") from None

    def interrupt(self) -> float:
        """Ctrl+C; the seconds until everything was over."""
        begin = time.monotonic()
        self.process.send_signal(getattr(signal, "CTRL_BREAK_EVENT", signal.SIGINT))
        self.process.wait(LATE)
        took = time.monotonic() - begin
        self.exit_code()
        return took

    def exit_code(self) -> int:
        """When it has ended, and all that it has printed is there."""
        code = self.process.wait(LATE)
        self.reader.join(LATE)  # at the end of the output no process of ours is left
        assert not self.reader.is_alive()
        return code


@contextmanager
def command(*arguments: str, folder: Path | None = None, **environment: str) -> Iterator[Command]:
    ports = [
        f"--{name}-url={scheme}://127.0.0.1:{free_port()}"
        for name, scheme in (("post", "http"), ("reverse", "ws"))
    ]
    # what comes later wins, so a test may name its own
    free = ["--http-port=0", "--ws-port=0", "--page-port=0", *ports]
    one = Command(*free, *arguments, folder=folder, **environment)
    try:
        yield one
    finally:
        if one.process.poll() is None:
            one.interrupt()


def test_the_command_prints_one_link_and_ends_soon_on_ctrl_c() -> None:
    with command() as playground:
        playground.wait_for(r"\[bot\] .*connected to ws://")
        playground.wait_for(r"/\?token=")
        [link] = re.findall(r"http://\S+/\?token=\S+", playground.output)
        address, _, path = link.removeprefix("http://").partition("/")
        connection = HTTPConnection(address, timeout=5)
        connection.request("GET", "/" + path)
        with connection.getresponse() as answer:
            assert answer.status == 200
        assert playground.interrupt() < SOON
        assert playground.process.returncode == 0
        assert "Traceback" not in playground.output


def test_a_taken_port_and_a_file_that_is_not_there_are_told(tmp_path: Path) -> None:
    file = tmp_path / "bot.py"
    file.write_text("print('done')", "utf-8")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with command(str(file), f"--ws-port={port}") as playground:
            playground.wait_for(f"Port {port} is taken")
            playground.wait_for("may connect to whatever has taken the port")
    with command("nothing.py") as playground:
        playground.wait_for("找不到 nothing.py：先 cd 进入")
        assert playground.exit_code() == 2
    with command("bot", folder=tmp_path) as playground:
        playground.wait_for(r"是 bot\.py 吗？ There is no file bot\. Did you mean bot\.py\?")
    (tmp_path / "my.py.txt").touch()  # as Notepad saves it
    with command("my.py", folder=tmp_path) as playground:
        playground.wait_for(r"没有 my\.py：是 my\.py\.txt 吗？")
    with command(".", folder=tmp_path) as playground:
        playground.wait_for("是文件夹：写出机器人的文件，例如 playground bot.py")
        assert playground.exit_code() == 2
    with command("--replay", ".", folder=tmp_path) as playground:
        playground.wait_for("是文件夹：写出日志文件，例如 playground bot.py --replay day.jsonl。")
        assert playground.exit_code() == 2


def test_a_bot_that_would_go_to_whoever_has_the_port_is_not_started(tmp_path: Path) -> None:
    file = tmp_path / "bot.py"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        file.write_text(f"bot = WsClient('ws://127.0.0.1:{port}', 't')", "utf-8")
        with command(str(file), f"--ws-port={port}") as playground:
            playground.wait_for(f"端口 {port} 被占用，而 .*bot.py 里写的就是它：先结束")
            playground.wait_for("end what is there")
            assert playground.exit_code() == 2
            assert "token=" not in playground.output
        # one that asks ONEBOT_URL first is told where to go, and others may go somewhere else
        for source in (
            f"os.getenv('ONEBOT_URL', 'ws://127.0.0.1:{port}')",
            f"os.environ.get('MY_URL', 'ws://127.0.0.1:{port}')",
            f"url = 'ws://192.168.1.5:{port}'",
            f"# url = 'ws://127.0.0.1:{port}'",
            f"print({port})",
        ):
            file.write_text(f"import os\n{source}\n", "utf-8")
            wanted = options(file)
            wanted.ws_port = port
            elsewhere = Playground(wanted)
            elsewhere.page.start()  # stop() ends what has begun
            assert elsewhere.onebot_ports[1] != port
            elsewhere.stop()
        with command(str(file), f"--ws-port={port}") as playground:
            playground.wait_for("The program has finished")


STOPS = """from onebot_simple import EventServer
bot = EventServer(port=0)
bot.every(0.1)(bot.stop)
bot.run()
"""


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("01_call_the_api.py", r"程序运行完了。 The program has finished\.\n"),
        ("from onebot_simple import WsClient\ndef main():\n    WsClient('')", "最后一行写 bot.run"),
        ("from onebot_simple import WsServer\nbot = WsServer()", "机器人没有运行"),
        (STOPS, r"程序运行完了。 The program has finished\.\n"),
        ("from onebot_simple import WsServer\nbot = WsServer()\nbot.run", "机器人没有运行"),
    ],
    ids=["calls only", "main() is never called", "no run()", "stop()", "no brackets"],
)
def test_a_program_that_ended_is_told_what_fits(tmp_path: Path, source: str, words: str) -> None:
    file = EXAMPLES / source
    if not source.endswith(".py"):
        file = tmp_path / "bot.py"
        file.write_text(source, "utf-8")
    with command(str(file)) as playground:
        playground.wait_for(words)


def test_a_changed_file_is_started_again_and_a_crash_is_told(tmp_path: Path) -> None:
    file = tmp_path / "bot.py"
    file.write_text("print('first 你好', flush=True)\nimport time\ntime.sleep(60)\n", "utf-8")
    with command(str(file)) as playground:
        playground.wait_for(r"\[bot\] first 你好")
        save(file, "raise RuntimeError('broken')")
        playground.wait_for(r"\[bot\] RuntimeError: broken")
        playground.wait_for("exit code 1")
        save(file, "print('mended')")
        playground.wait_for(r"\[bot\] mended")
        playground.wait_for("has finished")
        assert playground.interrupt() < SOON


def test_a_bot_that_does_not_want_to_end_is_ended(tmp_path: Path) -> None:
    file = tmp_path / "bot.py"
    stubborn = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    file.write_text(f"{stubborn}print('ready', flush=True)\ntime.sleep(60)\n", "utf-8")
    with command(str(file)) as playground:
        playground.wait_for(r"\[bot\] ready")
        assert playground.interrupt() < SOON
        assert "Traceback" not in playground.output


def test_taken_ports_are_replaced_and_the_examples_find_them(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ports = [f"--{name}-port={port}" for name in ("http", "ws", "page")]
        with command(str(EXAMPLES / "03_websocket_client.py"), *ports) as playground:
            playground.wait_for(f"端口 {port} 被占用", 3)
            playground.wait_for(r"response: {'status': 'ok'")
        with command(str(EXAMPLES / "01_call_the_api.py"), *ports) as playground:
            playground.wait_for(r"\[bot\] {'status': 'ok'")


SILENT = {"12_timer.py", "16_test_a_bot.py"}  # one waits for the morning, one is no bot


EXAMPLE_NAMES = sorted({path.name for path in EXAMPLES.glob("*.py")} - SILENT)


AT_WORK = re.compile("connected|listening|Serving|'status': 'ok'")


def printed_by(file: Path) -> str:
    """What it and its playground print until it is at work, and at the end; with a token."""
    playground = Playground(options(file, "geheim-geheim"))
    playground.start()
    told = "\n".join(playground.describe())
    try:
        wait_until(lambda: AT_WORK.search(playground.bot_status["output"]), 2 * LATE)
    except AssertionError:
        raise AssertionError(playground.bot_status["output"]) from None
    finally:
        playground.stop()
    return f"{told}{playground.bot_status['output']}"


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What each example printed; a few at a time, for each mostly waits."""
    before = os.getcwd()
    os.chdir(tmp_path_factory.mktemp("examples"))  # one of them keeps a database where it runs
    try:
        with ThreadPoolExecutor(4) as pool:
            outputs = pool.map(printed_by, [EXAMPLES / name for name in EXAMPLE_NAMES])
            return dict(zip(EXAMPLE_NAMES, outputs, strict=True))
    finally:
        os.chdir(before)


@pytest.mark.timeout(300)  # the first one waits for all
@pytest.mark.parametrize("example", EXAMPLE_NAMES)
def test_every_example_runs_against_it_unmodified_with_a_token(
    example: str, printed: dict[str, str]
) -> None:
    assert "Traceback" not in printed[example]
    assert "geheim" not in printed[example]


def test_a_file_that_is_not_there_is_told_with_exit_code_2() -> None:
    with command("missing.py") as playground:
        assert playground.exit_code() == 2
        playground.wait_for("missing.py")
        assert "Traceback" not in playground.output


@pytest.mark.parametrize(
    "bad",
    [
        ["--page-port", "x"],
        ["--http-port", "70000"],
        ["--post-url", "http://example.com/"],
        ["--post-url", "127.0.0.1:8080/?access_token=s3cret"],
        ["--reverse-url", "http://x/?access_token=s3cret"],
    ],
)
def test_a_bad_option_is_told_with_exit_code_2(bad: list[str]) -> None:
    with command(*bad) as playground:
        assert playground.exit_code() == 2
        assert playground.output
        assert "Traceback" not in playground.output and "s3cret" not in playground.output


def test_the_greeting_shows_no_secrets() -> None:
    given = options()
    given.post_url += "?access_token=s3cret"
    given.reverse_url += "/?access_token=s3cret"
    playground = Playground(given)
    playground.start()
    shown = "\n".join(playground.describe())
    playground.stop()
    assert given.reverse_url.split("?")[0] in shown
    assert "s3cret" not in shown


@pytest.mark.parametrize("arguments", [["--help"], ["playground", "--help"]])
def test_help_is_in_two_languages_also_on_a_console_that_cannot_show_one(
    arguments: list[str],
) -> None:
    for encoding in ("gbk", "ascii", "utf-8"):
        run = subprocess.run(
            [sys.executable, "-m", "onebot_simple", *arguments],
            capture_output=True,
            env={**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"},
            check=True,
        )
        assert b"playground" in run.stdout
    assert "网页" in run.stdout.decode()


def test_what_a_bot_prints_is_read_whatever_the_encoding_of_the_console(tmp_path: Path) -> None:
    file = tmp_path / "bot.py"
    file.write_text("print('你好 😀')", "utf-8")
    with command(str(file), PYTHONIOENCODING="gbk:backslashreplace") as playground:
        playground.wait_for(r"\[bot\] 你好 \\U0001f600\n")


def test_a_bot_opens_files_as_it_does_without_the_playground(tmp_path: Path) -> None:
    file = tmp_path / "bot.py"
    file.write_text("import sys\nprint('UTF-8 mode:', sys.flags.utf8_mode)", "utf-8")
    with command(str(file), PYTHONUTF8="0") as playground:
        playground.wait_for("UTF-8 mode: 0\n")


def test_a_bot_is_told_only_what_differs_from_the_defaults(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("ONEBOT_URL", "ONEBOT_TOKEN", "ONEBOT_PORT"):
        monkeypatch.delenv(name, raising=False)
    usual = {"EventServer": 8080, "WsServer": 8765}
    other = {"EventServer": 8081, "WsServer": 8766}
    assert environment_for("WsClient()", 3000, 3001, usual, None) == {}
    assert environment_for("WsClient()", 1, 2, usual, None) == {"ONEBOT_URL": "ws://127.0.0.1:2"}
    assert environment_for("HttpClient()", 1, 2, usual, "t") == {
        "ONEBOT_URL": "http://127.0.0.1:1",
        "ONEBOT_TOKEN": "t",
    }
    assert environment_for("EventServer()", 1, 2, other, None) == {"ONEBOT_PORT": "8081"}
    assert environment_for("WsServer()", 1, 2, other, None) == {"ONEBOT_PORT": "8766"}
    monkeypatch.setenv("ONEBOT_URL", "ws://elsewhere:1")
    assert environment_for("WsClient()", 1, 2, usual, None) == {}
    assert environment_for(None, 1, 2, usual, None)["ONEBOT_URL"] == "ws://127.0.0.1:2"


# -- the bot's process: what it prints, and what it tells the page ------------------------------


def started(
    source: str, folder: Path, name: str = "bot.py", **environment: str
) -> subprocess.Popen[str]:
    """The bot in a process of its own, as the playground starts it."""
    (folder / "bot.py").write_text(source, encoding="utf-8")
    runner = str(Path(onebot_simple.playground.__file__).with_name("run_bot.py"))
    return subprocess.Popen(
        [sys.executable, runner, name],
        cwd=folder,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        env={**os.environ, "PYTHONUTF8": "1", **environment},
    )


def said_by(bot: subprocess.Popen[str]) -> tuple[str, list[dict[str, Any]]]:
    """What it has printed on stderr until its end, and what it has told."""
    printed, told = "", []
    for line in bot.communicate(timeout=LATE)[1].split("\n"):
        before, mark, news = line.partition(MARK)
        printed += f"{before}\n"
        if mark:
            told.append(json.loads(news))
    return printed, told


def test_a_relative_file_is_named_with_the_line_of_its_error(tmp_path: Path) -> None:
    _, [crash] = said_by(started("import json\n\njson.loads('[')\n", tmp_path))
    assert crash["where"] == "bot.py:3"


@pytest.mark.skipif(os.name == "nt", reason="only some may make a link there")
def test_a_file_in_a_linked_folder_is_named_too(tmp_path: Path) -> None:
    folder, link = tmp_path / "real", tmp_path / "link"
    folder.mkdir()
    link.symlink_to(folder, target_is_directory=True)
    _, [crash] = said_by(started("1 / 0\n", folder, str(link / "bot.py")))
    assert crash["where"] == "bot.py:1"


def test_a_misspelt_name_is_put_right_as_python_itself_does(tmp_path: Path) -> None:
    source = "from onebot_simple import WsServer\n\nbot = WsServer()\nbot.on_mesage\n"
    printed, _ = said_by(started(source, tmp_path))
    assert "Did you mean: 'on_message'?" in printed
    assert "run_bot.py" not in printed  # the reader's code only


WARNS = """from onebot_simple import WsServer

bot = WsServer(port=0)
turns = {"tick": 0, "call": 0}


@bot.on("notice.unheard_of")
def strange(event):
    pass


@bot.every(0.01)
def tick():
    turns["tick"] += 1
    return "hi"


@bot.every(0.01)
def call():
    turns["call"] += 1
    if min(turns.values()) >= 3:
        bot.stop()
    bot.get_status()


bot.run()
"""


def test_what_the_log_warns_of_is_told_once_and_printed(tmp_path: Path) -> None:
    printed, told = said_by(started(WARNS, tmp_path))
    assert all(news["is_warning"] for news in told)
    assert sorted(
        word
        for news in told
        for word in ("notice.unheard_of", "tick 返回的文字", "call: ")
        if word in news["text"]
    ) == ["call: ", "notice.unheard_of", "tick 返回的文字"]
    assert printed.count("notice.unheard_of") == 2  # Chinese and English, before there is a log


ANSWERS = """import os
from onebot_simple import WsClient

bot = WsClient(os.environ["ONEBOT_URL"])


@bot.on_private_message
def answer(event):
    if event["raw_message"] == "end":
        bot.stop()
    return "hi"


bot.run()
"""


def test_an_answer_that_failed_is_told_without_its_place_which_is_told_apart(
    tmp_path: Path,
) -> None:
    with Simulator() as qq:
        bot = started(ANSWERS, tmp_path, ONEBOT_URL=qq.ws_url)
        qq.wait_connected(LATE)
        qq.fail("send_msg")
        qq.send_private("hi")
        qq.send_private("end")
        _, [news] = said_by(bot)
    assert news["origin"].endswith(":answer@bot.py:7")
    assert news["text"].startswith("send_msg 失败了") and not news["is_warning"]
