"""Starting, the functions that run again and again, and what the console shows."""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from onebot_simple import NetworkError, WsServer

from .conftest import Stage
from .lessons import PYTEST_ALONE
from .peers import Api, ForwardWs, failed, message, wait_until

Event = dict[str, Any]
SECONDS = 0.02


@pytest.fixture
def bot() -> Iterator[WsServer]:
    one = WsServer(port=0)
    yield one
    one.stop()


# -- every ----------------------------------------------------------------------------------------


def test_every_runs_a_function_again_and_again_while_the_bot_is_started(stage: Stage) -> None:
    turns: list[float] = []

    @stage.bot.every(0.05)
    def tick() -> None:
        turns.append(time.monotonic())

    time.sleep(0.1)
    assert not turns
    began = time.monotonic()
    stage.go()
    wait_until(lambda: len(turns) >= 3)
    assert turns[0] - began >= 0.05
    stage.bot.stop()
    count = len(turns)
    time.sleep(0.15)
    assert len(turns) == count
    stage.bot.start()
    wait_until(lambda: len(turns) > count)


def test_every_may_call_actions(calling_stage: Stage) -> None:
    stage = calling_stage

    @stage.bot.every(SECONDS)
    def remind() -> None:
        stage.bot.send_group_msg(30001, "water!")

    stage.go()
    assert stage.api.said() == "water!"


@pytest.mark.parametrize("decorator", ["every", "on_connect"])
def test_a_text_that_has_no_chat_to_go_to_is_said_once_with_the_way_to_send_it(
    ws_stage: Stage, decorator: str, caplog: pytest.LogCaptureFixture
) -> None:
    turns: list[Any] = []

    def hello(*_: int) -> str:
        turns.append(1)
        return "hello"

    bot = ws_stage.bot
    if decorator == "every":
        bot.every(SECONDS)(lambda: hello())
    else:
        bot.on_connect(hello)
    bot.every(SECONDS)(lambda: "")
    ws_stage.go()
    wait_until(lambda: len(turns) > 2 or (turns and decorator == "on_connect"))
    wait_until(lambda: "'hello'" in caplog.text)
    assert caplog.text.count("没有聊天可以去：用 bot.send_group_msg") == 1
    assert caplog.text.count("has no chat to go to: use bot.send_group_msg") == 1


@pytest.mark.parametrize("when", ["in the middle of start()", "after start()"])
def test_a_function_registered_later_runs_once_each_time(
    bot: WsServer, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns: list[float] = []

    def register() -> None:
        bot.every(0.1)(lambda: turns.append(time.monotonic()))

    def listen(*args: Any, **options: Any) -> socket.socket:
        register()
        return create_server(*args, **options)

    create_server = socket.create_server
    if when == "in the middle of start()":
        monkeypatch.setattr(socket, "create_server", listen)
        bot.start()
    else:
        bot.start()
        register()
    wait_until(lambda: len(turns) >= 4)
    assert turns[3] - turns[0] > 0.2


def test_every_never_runs_beside_itself(bot: WsServer) -> None:
    running, broken, turns = threading.Lock(), list[str](), list[int]()

    @bot.every(SECONDS)
    def slow() -> None:
        if not running.acquire(blocking=False):
            broken.append("two at once")
            return
        turns.append(1)
        if len(turns) == 1:
            time.sleep(5 * SECONDS)
        elif len(turns) == 2:  # it steps aside, but its turn is not over
            with pytest.raises(TimeoutError):
                bot.wait_for(lambda event: False, timeout=5 * SECONDS)
        running.release()

    bot.start()
    wait_until(lambda: len(turns) > 3)
    assert not broken


def test_turns_that_were_missed_are_not_made_up_for(bot: WsServer) -> None:
    turns: list[float] = []

    @bot.every(0.1)
    def slow() -> None:
        if not turns:
            time.sleep(0.5)
        turns.append(time.monotonic())

    bot.start()
    wait_until(lambda: len(turns) >= 4)
    assert turns[3] - turns[0] > 0.15


def test_a_turn_that_is_still_running_is_not_doubled_by_a_restart(bot: WsServer) -> None:
    release, entered, turns = threading.Event(), threading.Event(), list[int]()

    @bot.every(SECONDS)
    def stuck() -> None:
        turns.append(1)
        entered.set()
        release.wait(10)

    bot.start()
    assert entered.wait(5)
    bot.stop()
    with bot:
        time.sleep(5 * SECONDS)
        assert len(turns) == 1
        release.set()
        wait_until(lambda: len(turns) > 1)


def test_an_error_is_logged_and_the_next_turn_comes(
    bot: WsServer, caplog: pytest.LogCaptureFixture
) -> None:
    errors: list[BaseException] = [ZeroDivisionError("oh"), SystemExit(), KeyboardInterrupt()]

    @bot.every(SECONDS)
    def broken() -> None:
        if errors:
            raise errors.pop(0)
        done.set()

    done = threading.Event()
    bot.start()
    assert done.wait(5)
    assert "broken failed" in caplog.text
    assert "ZeroDivisionError: oh" in caplog.text
    assert "broken called sys.exit()" in caplog.text


def test_a_lost_connection_is_one_line_each_time(
    bot: WsServer, caplog: pytest.LogCaptureFixture
) -> None:
    turns: list[int] = []

    @bot.every(SECONDS)
    def remind() -> None:
        turns.append(1)
        if len(turns) > 1:
            raise NetworkError("the connection is lost")
        bot.send_group_msg(30001, "x")  # nobody is connected

    bot.start()
    wait_until(lambda: len(turns) > 2)
    bot.stop()
    lines = [r for r in caplog.records if r.getMessage().startswith("remind: ")]
    assert len(lines) >= 2
    assert "Traceback" not in caplog.text


def test_a_wait_in_vain_is_one_line_here_too(
    bot: WsServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    bot.every(SECONDS)(lambda: bot.wait_for(lambda event: False, timeout=0.01))
    bot.start()
    wait_until(lambda: "no such event came within 0.01 s" in caplog.text)
    assert "Traceback" not in caplog.text


def test_every_may_stop_the_bot(stage: Stage) -> None:
    stage.bot.every(0.1)(stage.bot.stop)
    running = threading.Thread(target=stage.bot.run)
    running.start()
    running.join(20)
    assert not running.is_alive()


def test_every_takes_seconds_and_a_function_without_arguments(bot: WsServer) -> None:
    with pytest.raises(TypeError, match=r"括号里要写秒数.*@bot\.every\(60\)"):
        bot.every(lambda: None)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"must take \(\): write def <lambda>\(\)"):
        bot.every(1)(lambda event: None)
    with pytest.raises(TypeError, match="takes a function, not 'x'"):
        bot.every(1)("x")  # type: ignore[call-overload]

    def kept() -> None: ...

    assert bot.every(60)(kept) is kept
    assert bot.every(60)()(kept) is kept


# -- starting and stopping ------------------------------------------------------------------------


def test_a_start_during_a_stop_starts_again(stage: Stage) -> None:
    entered, heard = threading.Event(), list[Event]()

    @stage.bot.on_message
    def slow(event: Event) -> None:
        if event["user_id"] == 1:
            entered.set()
            time.sleep(0.3)  # stop() waits for it
        else:
            heard.append(event)

    stage.go()
    stage.push(message(user_id=1))
    assert entered.wait(5)
    stopping = threading.Thread(target=stage.bot.stop)
    stopping.start()
    with pytest.raises(RuntimeError):
        while True:  # until it is stopping
            stage.bot.events()
    stage.go()
    stopping.join()
    stage.push(message(user_id=2))
    wait_until(lambda: heard)


def test_an_account_that_goes_offline_is_said_once_and_again_after_it_was_online(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    beat = {"post_type": "meta_event", "meta_event_type": "heartbeat", "self_id": 10001}
    seen: list[Event] = []
    stage.bot.on_meta_event(seen.append)
    stage.bot.on_notice(seen.append)
    stage.go()

    def feed(*events: Event) -> None:
        for event in events:
            count = sum(other == event for other in seen)
            stage.push(event)
            wait_until(lambda event=event, count=count: seen.count(event) > count)  # type: ignore[misc]

    offline, online = ({**beat, "status": {"online": on, "good": on}} for on in (False, True))
    kicked = {"post_type": "notice", "notice_type": "bot_offline", "self_id": 10001}
    feed(online, offline, offline, {**kicked, "user_id": 10001, "message": "kicked out"})
    assert caplog.text.count("Account 10001 is offline: log in again") == 1
    assert "账号 10001 掉线了" in caplog.text
    feed(online, {**kicked, "message": "kicked\nout"})
    assert caplog.text.count("is offline") == 2
    assert "kicked\\nout" in caplog.text
    assert {record.levelname for record in caplog.records if "offline" in record.message} == {
        "WARNING"
    }


def test_every_event_is_a_line_when_it_comes_and_every_answer_when_it_goes(
    calling_stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    stage, release = calling_stage, threading.Event()
    caplog.set_level(logging.INFO)
    stage.bot.on_message(lambda event: release.wait(20) and "fine")
    stage.go()
    stage.push(message("how are you?", group_id=30001))
    line = "message.group.normal group_id=30001 user_id=20002 Ann: how are you?"
    wait_until(lambda: line in caplog.text)  # although its handler has not run
    release.set()
    stage.api.said()
    assert "→ send_msg group_id=30001: fine" in caplog.text


def test_an_answer_that_fails_is_an_error_line(
    calling_stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    stage = calling_stage
    stage.api.answers["send_msg"] = lambda params: failed(1200, "Timeout: sendMsg")
    stage.bot.on_message(lambda event: "x")
    stage.go()
    stage.push(message())
    wait_until(lambda: "send_msg failed with retcode 1200" in caplog.text)
    assert "Traceback" not in caplog.text


# -- the program ----------------------------------------------------------------------------------


def run(folder: Path, *command: str, **options: Any) -> subprocess.CompletedProcess[str]:
    environment = {"PYTHONPATH": str(Path(__file__).parent.parent), **options.pop("env", {})}
    return subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env={**os.environ, "PYTHONUTF8": "1", **environment},
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
        timeout=50,
        check=False,
        **options,
    )


def write(folder: Path, **files: str) -> None:
    for name, code in files.items():
        (folder / f"{name}.py").write_text(code, encoding="utf-8")


@pytest.mark.parametrize("name", ["random", "token", "json", "types", "logging", "queue", "code"])
def test_a_file_that_hides_a_module_of_python_is_named(tmp_path: Path, name: str) -> None:
    write(tmp_path, bot="import onebot_simple\nonebot_simple.WsClient", **{name: "broken = True"})
    shown = run(tmp_path, "bot.py").stderr
    assert f"和 Python 自己的 {name} 模块重名" in shown
    assert f"hides Python's own module {name}: give it another name" in shown
    assert shown.index("重名") < (shown + "Traceback").index("Traceback")


@pytest.mark.parametrize("name", ["websocket", "requests", "flask", "websockets"])
def test_a_file_that_hides_a_library_is_named_and_the_bot_ends(tmp_path: Path, name: str) -> None:
    code = "from onebot_simple import EventServer, HttpClient, WsClient, WsServer\n"
    write(tmp_path, bot=code + "WsClient('ws://127.0.0.1:9').start()", **{name: ""})
    done = run(tmp_path, "bot.py")
    assert f"和 要用的 {name} 模块重名" in done.stderr
    assert f"hides the module {name}: give it another name" in done.stderr
    assert done.returncode == 1


def test_a_folder_hides_a_module_as_well(tmp_path: Path) -> None:
    (tmp_path / "queue").mkdir()
    (tmp_path / "statistics").mkdir()
    write(tmp_path / "queue", __init__="")
    write(tmp_path, bot="import onebot_simple")
    shown = run(tmp_path, "bot.py").stderr
    assert "自己的 queue 模块" in shown
    assert "statistics" not in shown  # without __init__.py it hides nothing


def test_the_script_itself_may_be_such_a_file(tmp_path: Path) -> None:
    write(tmp_path, random="import onebot_simple\nprint('runs')")
    assert "own module random" in run(tmp_path, "random.py").stderr


@pytest.mark.parametrize(
    "command",
    [
        ["bot.py"],
        ["-c", "import onebot_simple"],
        ["-P", "bot.py"] if sys.version_info >= (3, 11) else ["-I", "-c", "pass"],
        ["-m", "pytest", "-q", "test_it.py"],
        ["-m", "pdb", "-c", "c", "-c", "q", "bot.py"],
        ["app.zip"],
    ],
)
def test_there_is_no_false_alarm(tmp_path: Path, command: list[str]) -> None:
    code = "import onebot_simple\nonebot_simple.WsServer"
    write(tmp_path, bot=code, my_random="", test_it=f"{code}\ndef test(): pass", test="")
    write(tmp_path, __main__=code)
    with zipfile.ZipFile(tmp_path / "app.zip", "w") as archive:
        archive.writestr("__main__.py", code)
    done = run(tmp_path, *command, stdin=subprocess.DEVNULL, env=PYTEST_ALONE)
    assert "onebot_simple" not in done.stderr, done.stderr
    assert "重名" not in done.stdout + done.stderr
    assert done.returncode == 0, done.stdout + done.stderr


def test_installed_programs_and_python_itself_cause_no_alarm(tmp_path: Path) -> None:
    installed = tmp_path / "site-packages" / "tool"
    installed.mkdir(parents=True)
    write(installed, turtle="", main="import onebot_simple")
    assert not run(tmp_path, str(installed / "main.py")).stderr
    folder = os.path.dirname(os.__file__)
    code = f"import sys; sys.path.insert(0, {folder!r}); import onebot_simple"
    assert not run(tmp_path, "-c", code).stderr


def test_a_command_does_not_run_a_bot_that_is_called_as_a_module_of_python(tmp_path: Path) -> None:
    write(tmp_path, random="print('the bot runs')", secrets="print('the bot runs')")
    done = run(tmp_path, "-m", "onebot_simple", "call", "--help")
    assert done.returncode == 0, done.stderr
    assert "the bot runs" not in done.stdout
    assert "hides Python's own module random" in done.stderr


TWICE = """
from onebot_simple import WsServer
bot = WsServer(port=0)
import plugin
if __name__ == "__main__":
    with bot:
        pass
"""


def test_a_main_file_that_is_imported_again_is_said_in_one_sentence(tmp_path: Path) -> None:
    write(tmp_path, main=TWICE, plugin="from main import bot")
    shown = run(tmp_path, "main.py").stderr
    assert shown.count("main.py 被加载了两次") == 1
    assert "main.py was loaded twice" in shown
    write(tmp_path, main=TWICE, plugin="")
    assert "loaded twice" not in run(tmp_path, "main.py").stderr


def test_whatever_stands_in_sys_modules_a_bot_starts(tmp_path: Path) -> None:
    odd = """
import sys
class Odd:
    @property
    def __dict__(self): raise OSError("lazy")
sys.modules["odd"], sys.modules["none"], sys.modules["text"] = Odd(), None, "text"
sys.modules["alias"] = sys.modules["__main__"]  # as multiprocessing does
from onebot_simple import WsServer
with WsServer(port=0):
    print("started")
"""
    write(tmp_path, bot=odd)
    done = run(tmp_path, "bot.py")
    assert "started" in done.stdout, done.stderr
    assert "loaded twice" not in done.stderr


CONSOLE = """
from onebot_simple import WsServer
print("before", flush=True)
with WsServer(port=0) as bot:
    print("😀")
    bot.handle({"post_type": "message", "message_type": "private", "user_id": 1,
                "raw_message": "hi 😀", "message": "hi"})
    bot.handle({"message": "no post_type"})
"""


def test_the_console_shows_plain_lines_and_a_gbk_console_bears_every_sign(tmp_path: Path) -> None:
    write(tmp_path, bot=CONSOLE)
    done = run(tmp_path, "bot.py", env={"PYTHONIOENCODING": "gbk", "PYTHONUTF8": "0"})
    assert done.returncode == 0, done.stderr
    assert "\\U0001f600" in done.stdout
    assert "INFO message.private user_id=1 : hi \\U0001f600" in done.stderr
    assert "\x1b" not in done.stderr


WINDOW = """
import sys
class Window:
    def write(self, text):
        sys.__stdout__.write(text)
    def flush(self):
        pass
class Idle(Window):
    def isatty(self):
        return True
sys.stdout = sys.stderr = Window()
"""


def test_the_log_goes_to_whatever_can_write(tmp_path: Path) -> None:
    write(tmp_path, bot=WINDOW + CONSOLE)
    done = run(tmp_path, "bot.py")
    assert "INFO message.private user_id=1 : hi 😀" in done.stdout, done.stderr
    write(tmp_path, bot=WINDOW.replace("= Window()", "= Idle()") + CONSOLE)
    in_idle = run(tmp_path, "bot.py").stdout
    assert "INFO message.private user_id=1 : hi 😀" in in_idle
    assert "\x1b" not in in_idle  # it cannot show colours
    write(tmp_path, bot="import sys\nsys.stderr = None\n" + CONSOLE)  # as pythonw has it
    done = run(tmp_path, "bot.py")
    assert (done.returncode, done.stdout.split()) == (0, ["before", "😀"])


@pytest.mark.skipif(os.name == "nt", reason="a terminal as on POSIX")
@pytest.mark.parametrize("no_color", ["", "1"])
def test_a_terminal_shows_colours_unless_they_are_not_wanted(tmp_path: Path, no_color: str) -> None:
    pty = pytest.importorskip("pty")
    write(tmp_path, bot=CONSOLE)
    ours, theirs = pty.openpty()
    environment = {"PYTHONPATH": str(Path(__file__).parent.parent), "NO_COLOR": no_color}
    with subprocess.Popen(
        [sys.executable, "bot.py"],
        cwd=tmp_path,
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    ):
        os.close(theirs)
        shown = b""
        while b"said once per kind" not in shown:
            shown += os.read(ours, 10_000)
    os.close(ours)
    assert (b"\x1b[33m" in shown) is not bool(no_color)
    assert (b"\x1b[90m" in shown) is not bool(no_color)


KEYBOARD = """
import sys
from onebot_simple import WsClient
bot = WsClient(sys.argv[1])

@bot.on_message
def order(event):
    print("asking", flush=True)
    input("name? ")

bot.run()
print("ended", flush=True)
"""


@pytest.mark.skipif(os.name == "nt", reason="signals are sent as on POSIX")
def test_a_handler_in_input_does_not_make_python_fail_at_ctrl_c(tmp_path: Path) -> None:
    write(tmp_path, bot=KEYBOARD)
    peer = ForwardWs(Api())
    with subprocess.Popen(
        [sys.executable, "bot.py", peer.url],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        wait_until(lambda: peer.sockets, 30)
        peer.push(message())
        assert process.stdout.readline() == b"asking\n"
        process.send_signal(signal.SIGINT)
        errors = process.stderr.read().decode()
        assert process.wait(10) == 0, errors
    peer.close()
    assert "Fatal" not in errors
    assert "use bot.ask(event, ...)" in errors
