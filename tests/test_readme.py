"""What README and the other pages say is so: programs run, commands are ones, tables are true."""

from __future__ import annotations

import os
import re
import shlex
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from onebot_simple import EventServer, HttpClient, WsClient, WsServer, segment
from onebot_simple.__main__ import _parser, main
from onebot_simple.simulator import Simulator

from .lessons import EXAMPLES, LATE, LESSONS, PROJECTS, PYTEST_ALONE, free_port
from .peers import wait_until

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
COURSE = (EXAMPLES / "README.md").read_text(encoding="utf-8")
SECURITY = (ROOT / ".github/SECURITY.md").read_text(encoding="utf-8")
SPEED = (ROOT / "tests/benchmarks/README.md").read_text(encoding="utf-8")
PAGES = {"": README, "examples": COURSE, ".github": SECURITY, "tests/benchmarks": SPEED}
CHINESE, _, ENGLISH = README.partition("\n# English\n")
COURSE_CHINESE, _, COURSE_ENGLISH = COURSE.partition("\n# The course and recipes\n")
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.S | re.M)


def fenced(language: str, text: str = README) -> list[str]:
    return [content for name, content in FENCED.findall(text) if name == language]


def prose(text: str) -> str:
    """The page without its blocks."""
    return FENCED.sub("", text)


def inline(text: str) -> list[str]:
    """What stands in backticks, each line break a blank."""
    return [" ".join(one.split()) for one in re.findall(r"`([^`]+)`", prose(text))]


BLOCKS = fenced("python", CHINESE)

# -- the page as a whole ----------------------------------------------------------------------


def test_the_readme_is_short() -> None:
    assert len(README.encode()) <= 28_000
    for half in (CHINESE, ENGLISH):
        assert half.count("\n") <= 290


@pytest.mark.parametrize(
    "halves", [(CHINESE, ENGLISH), (COURSE_CHINESE, COURSE_ENGLISH)], ids=["README", "course"]
)
def test_each_language_is_complete(halves: tuple[str, str]) -> None:
    chinese, english = halves
    assert FENCED.findall(chinese) == FENCED.findall(english)
    assert [len(one) for one in re.findall(r"^#+", prose(chinese), re.M)][1:] == [
        len(one) for one in re.findall(r"^#+", prose(english), re.M)
    ]
    assert chinese.count("\n|") == english.count("\n|")
    assert chinese.count("](") == english.count("](") + 1  # the link to the other language


def test_the_first_block_of_a_kind_is_the_one_that_is_meant() -> None:
    shell = fenced("")
    assert shell[0] == "python -m pip install .\npython -m onebot_simple playground\n"
    [first, *_] = [block for block in shell if "pytest" in block]
    assert first == 'python -m pip install -e ".[test]" && python -m pytest\n'


def test_nothing_is_installed_from_a_place_where_it_is_not() -> None:
    for page in PAGES.values():
        assert not re.search(r"pip install onebot", page)


@pytest.mark.parametrize("folder", PAGES)
def test_each_link_leads_somewhere(folder: str) -> None:
    text = prose(PAGES[folder])
    headings = re.findall(r"^#+ (.+)$", text, re.M)
    anchors = {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in headings}
    for link in re.findall(r"\]\(([^)]+)\)", text):
        if link.startswith("#"):
            assert link[1:] in anchors, link
        elif not link.startswith("https://"):
            assert (ROOT / folder / link).exists(), link


# -- the programs -----------------------------------------------------------------------------


@pytest.fixture
def qq() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator


def at_home(source: str, qq: Simulator) -> str:
    """The program, dialling the simulator in place of NapCat's usual ports."""
    return source.replace("ws://127.0.0.1:3001", qq.ws_url).replace(
        "http://127.0.0.1:3000", qq.http_url
    )


@contextmanager
def running(source: str, qq: Simulator) -> Iterator[None]:
    """The program on a thread of its own, connected to the simulator."""
    names: dict[str, Any] = {"__name__": "__main__"}
    code = compile(at_home(source, qq), "README.md", "exec")
    thread = threading.Thread(target=exec, args=(code, names), daemon=True)
    thread.start()
    try:
        qq.wait_connected(LATE)
        yield
    finally:
        names["bot"].stop()
        thread.join(LATE)
    assert not thread.is_alive()


def the_bot_in_the_picture(source: str, qq: Simulator) -> None:
    assert len(list(filter(None, source.splitlines()))) < 10
    with running(source, qq):
        qq.send_private("Hello!")
        assert qq.wait_reply()["text"] == "echo: Hello!"


def the_bot_of_the_first_steps(source: str, qq: Simulator) -> None:
    with running(source, qq):
        qq.send_private("/add 1 2 3")
        assert qq.wait_reply()["text"] == "6"
        qq.send_private("/add x")
        assert qq.wait_reply()["text"] == "echo: /add x"


def the_test_of_the_first_steps(source: str, qq: Simulator) -> None:
    [bot] = [block for block in BLOCKS if block.startswith("# bot.py")]
    for name, text in (("bot.py", bot), ("test_bot.py", source)):
        Path(name).write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"]
    alone = {**os.environ, **PYTEST_ALONE}
    run = subprocess.run(command, capture_output=True, encoding="utf-8", env=alone)
    assert "1 passed" in run.stdout, run.stdout + run.stderr
    Path("test_bot.py").write_text(source.replace('"6"', '"7"'), encoding="utf-8")
    run = subprocess.run(command, capture_output=True, encoding="utf-8", env=alone)
    assert "AssertionError: assert '6' == '7'" in run.stdout, run.stdout + run.stderr


def the_calls(source: str, qq: Simulator) -> None:
    path = Path("calls.py")
    path.write_text(at_home(source, qq), encoding="utf-8")
    run = subprocess.run(
        [sys.executable, str(path)],
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONUTF8": "1"},
    )
    assert run.returncode == 0, run.stderr
    assert "'status': 'ok', 'retcode': 0, 'data': {'message_id': " in run.stdout
    names = [call["action"] for call in qq.calls]
    assert names == ["send_private_msg", "send_private_msg", "set_group_ban", "send_like"]


def the_loop(source: str, qq: Simulator) -> None:
    Path("loop.py").write_text(at_home(source, qq), encoding="utf-8")
    with subprocess.Popen(
        [sys.executable, "-u", "loop.py"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        encoding="utf-8",
        env={**os.environ, "PYTHONUTF8": "1"},
    ) as process:
        assert process.stdout
        qq.wait_connected(LATE)
        printed: list[str] = []
        reader = threading.Thread(target=lambda: printed.extend(process.stdout or []))
        reader.start()

        def seen() -> bool:
            qq.send_private("你好")
            return any("'raw_message': '你好'" in line for line in printed)

        wait_until(seen, LATE)
        process.terminate()
        reader.join(LATE)


def the_segments(source: str, qq: Simulator) -> None:
    Path("card.png").write_bytes(b"\x89PNG not much of a picture")
    with running(source, qq):
        qq.send_group("/card", user=20003)
        kinds = [part["type"] for part in qq.wait_reply()["message"]]
        assert kinds == ["at", "text", "image"]


def the_simulator(source: str, qq: Simulator) -> None:
    exec(compile(source, "README.md", "exec"), {})


PROGRAMS: dict[str, Callable[[str, Simulator], None]] = {
    "segment.plain_text(event)\n\n\nbot.run()": the_bot_in_the_picture,
    "# bot.py": the_bot_of_the_first_steps,
    "# test_bot.py": the_test_of_the_first_steps,
    "client.request(": the_calls,
    "bot.events()": the_loop,
    "card.png": the_segments,
    "qq.expect_error": the_simulator,
}


@pytest.mark.parametrize("marker", PROGRAMS, ids=[run.__name__ for run in PROGRAMS.values()])
def test_a_program_does_what_it_shows(
    marker: str, qq: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    [source] = [block for block in BLOCKS if marker in block]
    PROGRAMS[marker](source, qq)


def test_no_program_is_left_out() -> None:
    for block in BLOCKS:
        assert sum(marker in block for marker in PROGRAMS) == 1, block


def test_the_lesson_on_tests_needs_no_more_than_pytest() -> None:
    command = [sys.executable, "-m", "pytest", "examples/16_test_a_bot.py"]
    alone = {**os.environ, **PYTEST_ALONE}
    run = subprocess.run(command, capture_output=True, encoding="utf-8", cwd=ROOT, env=alone)
    assert run.returncode == 0, run.stdout + run.stderr


def test_no_block_of_the_pages_is_left_out() -> None:
    languages = {language for page in PAGES.values() for language, _ in FENCED.findall(page)}
    in_the_recipes = {"ini", "bat", "yaml", "nginx", "caddyfile", "sh"}
    assert languages == {"", "python"} | in_the_recipes
    assert len(set(fenced("python", COURSE))) == 2  # both are in the recipes, too
    assert not fenced("python", SECURITY + SPEED)


# -- names and commands -----------------------------------------------------------------------


def test_what_is_named_is_there() -> None:
    named = {
        (owner, name)
        for page in PAGES.values()
        for owner, name in re.findall(r"\b(bot|segment|server|qq)\.([a-z]\w+)", page)
    } - {("bot", "py"), ("bot", "service"), ("bot", "bat"), ("bot", "example")}
    owners: dict[str, list[Any]] = {
        "bot": [WsClient("ws://127.0.0.1:3001"), WsServer()],
        "server": [WsServer(), EventServer()],
        "segment": [segment],
        "qq": [Simulator],
    }
    elsewhere = {  # of other libraries, in the table of the course
        name
        for line in COURSE.splitlines()
        if line.startswith("| ")
        for name in re.findall(r"\bbot\.(\w+)", line)
    }
    for owner, name in named:
        there = any(hasattr(one, name) for one in owners[owner])
        assert there or (owner == "bot" and name in elsewhere), f"{owner}.{name}"


@pytest.mark.parametrize("half", [CHINESE, ENGLISH], ids=["Chinese", "English"])
def test_each_segment_that_is_listed_is_one(half: str) -> None:
    [listed] = [one for one in inline(half) if one.startswith("segment.text ")]
    for name in listed.removeprefix("segment.").removesuffix(" ...").split():
        assert callable(getattr(segment, name)), name


@pytest.mark.parametrize("half", [CHINESE, ENGLISH], ids=["Chinese", "English"])
def test_each_word_of_the_walk_that_a_beginner_meets_is_explained(half: str) -> None:
    glossary = half.split("## 词汇表" if half is CHINESE else "## Glossary")[1]
    for word in "port 127.0.0.1 API WebSocket WebUI event action segment retcode".split():
        assert word in glossary, word


def commands() -> list[str]:
    lines = []
    for page in PAGES.values():
        lines += [line for block in fenced("", page) for line in block.splitlines()]
        lines += inline(page)
    return sorted({line for line in lines if line.startswith("python -m")})


def test_each_command_is_one() -> None:
    ours = [line for line in commands() if line.startswith("python -m onebot_simple ")]
    assert {shlex.split(line)[3] for line in ours} == {"playground", "doctor", "call", "listen"}
    for line in ours:
        _parser().parse_args(shlex.split(line)[3:])  # ends the test when the command is wrong
    others = [line.split()[2] for line in commands() if line not in ours]
    assert set(others) == {"pip", "pytest", "pydoc", "venv", "onebot_simple"}


def test_the_calls_of_the_command_line_are_answered(
    qq: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONEBOT_URL", qq.http_url)
    calls = [line for line in commands() if " call " in line]
    assert len(calls) >= 2
    for line in calls:
        assert main(shlex.split(at_home(line, qq))[3:]) == 0, line


def test_the_manual_of_a_class_is_a_page() -> None:
    for line in commands():
        if "pydoc" in line:
            run = subprocess.run(
                [sys.executable, *shlex.split(line)[1:]],
                capture_output=True,
                encoding="utf-8",
                env={**os.environ, "PYTHONUTF8": "1"},
            )
            shown = re.sub(r"[\s|]+", " ", run.stdout)  # Python 3.13 breaks long signatures
            assert "send_group_msg(self, group_id" in shown.replace("( ", "(")


# -- the table of errors ----------------------------------------------------------------------


def chinese_punctuation() -> None:
    compile("if True：\n    pass", "bot.py", "exec")


def a_token_without_quotes() -> None:
    exec('WsClient("ws://127.0.0.1:3001", geheim)', {"WsClient": WsClient})


def an_event_with_a_dot() -> None:
    with Simulator() as qq:
        event: Any = qq.send_private("hi")
    print(event.user_id)


def a_placeholder() -> None:
    WsClient("ws://<host>:<port>")


def nobody_there() -> None:
    HttpClient(f"http://127.0.0.1:{free_port()}").get_status()


def nobody_there_for_a_websocket() -> None:
    WsClient(f"ws://127.0.0.1:{free_port()}").start()


def a_port_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        EventServer(port=taken.getsockname()[1]).start()


def a_wrong_token() -> None:
    with Simulator(access_token="right") as qq, HttpClient(qq.http_url, "wrong") as client:
        client.get_status()


def a_wrong_token_over_websocket() -> None:
    with Simulator(access_token="right") as qq:
        WsClient(qq.ws_url, "wrong").run()  # start() would wait for the refusal a moment only


def no_answer() -> None:
    with Simulator() as qq, HttpClient(qq.http_url, timeout=0.2) as client:
        qq.swallow()
        client.get_status()


def a_message_that_is_not_there() -> None:
    with Simulator() as qq, HttpClient(qq.http_url) as client:
        client.get_msg(1)


def a_misspelt_action() -> None:
    with Simulator() as qq, HttpClient(qq.http_url) as client:
        client.call_action("no_such_action")


def nobody_connected() -> None:
    with WsServer(port=0) as server:
        server.get_status()


ERRORS: list[tuple[str, list[Callable[[], None]]]] = [
    ("SyntaxError", [chinese_punctuation]),
    ("NameError", [a_token_without_quotes]),
    ("AttributeError", [an_event_with_a_dot]),
    ("ValueError", [a_placeholder]),
    ("NetworkError", [nobody_there, nobody_there_for_a_websocket]),
    ("NetworkError", [a_port_that_is_taken]),
    ("AuthenticationError", [a_wrong_token, a_wrong_token_over_websocket]),
    ("ApiTimeout", [no_answer]),
    ("ActionFailed", [a_message_that_is_not_there]),
    ("ActionNotFound", [a_misspelt_action]),
    ("ApiNotAvailable", [nobody_connected]),
]


@pytest.mark.parametrize("number", range(len(ERRORS)), ids=[name for name, _ in ERRORS])
def test_an_error_says_what_the_table_says(number: int) -> None:
    name, provoked = ERRORS[number]
    for half in (CHINESE, ENGLISH):
        rows = re.findall(r"^\| `(\w+)` \| `([^`]+)` \|", half, re.M)
        assert [kind for kind, _ in rows] == [kind for kind, _ in ERRORS]
        for provoke in provoked:
            with pytest.raises(Exception) as raised:
                provoke()
            assert type(raised.value).__name__ == name
            for words in rows[number][1].split("..."):
                assert words.strip() in str(raised.value)


# -- the course -------------------------------------------------------------------------------


@pytest.mark.parametrize("half", [COURSE_CHINESE, COURSE_ENGLISH], ids=["Chinese", "English"])
def test_every_lesson_and_project_has_a_row(half: str) -> None:
    rows = re.findall(r"^\| \[\w+\]\(([^)]+)\) \|(.+)\|$", half, re.M)
    expected = [path.relative_to(EXAMPLES).as_posix() for path in [*LESSONS, *PROJECTS]]
    assert sorted(link for link, _ in rows) == sorted(expected)
    for link, cells in rows:
        assert all(cell.strip() for cell in cells.split("|")) and cells.count("|") == 2, link


@pytest.mark.parametrize("half", [COURSE_CHINESE, COURSE_ENGLISH], ids=["Chinese", "English"])
def test_the_commands_of_a_row_are_the_lesson_s(half: str) -> None:
    for link, cells in re.findall(r"^\| \[\w+\]\(([^)]+)\) \|(.+)\|$", half, re.M):
        source = "".join(
            path.read_text("utf-8")
            for path in (EXAMPLES / link).parent.glob("*.py")
            if path.parent != EXAMPLES or path.name == link
        )
        tried = cells.split("|")[1]
        for word in re.findall(r"`/(\w+)", tried):
            assert word in source, f"{link}: /{word}"


def test_security_says_what_wsclient_believes() -> None:
    assert SECURITY.count("`WsClient`") == 2
    assert "has nothing" not in SECURITY


def test_the_benchmarks_are_started_as_the_page_says() -> None:
    [block] = fenced("sh", SPEED)
    install, start = block.splitlines()
    assert install == 'python -m pip install -e ".[bench]"'
    command = [sys.executable, *start.split()[1:], "--list"]
    run = subprocess.run(command, capture_output=True, encoding="utf-8", cwd=ROOT)
    assert run.returncode == 0 and len(run.stdout.splitlines()) > 10, run.stderr
