"""Each lesson and project survives what a class types, and does its work afterwards."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from onebot_simple import segment
from onebot_simple.simulator import Simulator

from .lessons import EXAMPLES, LATE, LESSONS, PROJECTS, Running, Web, free_port, running
from .peers import wait_until
from .test_lessons import reply

# what Alice says in private afterwards, and what stands in the answer or in the output then
AFTERWARDS = {
    "02_receive_over_http": ("你好 2", "message  20001  '你好 2'"),
    "03_websocket_client": ("你好 3", "message  20001  '你好 3'"),
    "04_websocket_server": ("你好 4", "message  20001  '你好 4'"),
    "05_echo": ("hi", "echo: hi"),
    "06_commands": ("/choose a", "a"),
    "07_ask": ("/order", "吃什么"),
    "08_segments": ("/smile", "笑一个"),
    "09_newcomers": ("芝麻开门", ""),
    "10_group_management": ("/kick", "管理员的用法"),
    "11_guessing_game": ("/guess", "1 到 100"),
    "12_timer": ("", "五秒到了"),
    "13_slow_answers": ("/ask", "用法"),
    "14_several_accounts": ("/accounts", "10001: "),
    "15_deploy": ("hi", "echo: hi"),
    "17_large_files": ("hi", "发给我一个文件"),
    "18_keywords": ("早上好", "早！"),
    "19_remember_json": ("/note a", "a"),
    "20_remember_sqlite": ("/top", "20002: "),
    "21_who_may": ("/stats", "'events'"),
    "22_menu": ("/menu", "1. 面条"),
    "23_several_files": ("/weather 上海", "雨"),
    "24_language_model": ("/chat", "你好！"),
    "25_pictures": ("/picture", ""),
    "26_strict_group": ("", ""),
    "check_in": ("/in", "请在群里"),
    "companion": ("在吗", "你好！"),
    "quiz": ("/points", "还没有人得分"),
    "reminder": ("/remind", "用法"),
}
STARTED = 80  # seconds after which even a busy machine should have started them all
CANNOT_BE_TALKED_TO = {"01_call_the_api", "16_test_a_bot"}
WITH_A_PORT = {"02", "04", "14", "15"}


def name_of(path: Path) -> str:
    return path.parent.name if path.name == "main.py" else path.stem


PATHS = {name_of(path): path for path in [*LESSONS, *PROJECTS]}


def test_none_is_left_out() -> None:
    assert set(AFTERWARDS) == set(PATHS) - CANNOT_BE_TALKED_TO


class Talk:
    """A lesson, and the QQ world in which it runs."""

    def __init__(self, name: str, qq: Simulator, example: Running) -> None:
        self.name, self.qq, self.example = name, qq, example

    def words(self) -> list[str]:
        """The commands of the lesson."""
        source = PATHS[self.name].read_text(encoding="utf-8")
        lists = re.findall(r"on_command\(([^)]*)\)", source)
        return ["/" + word for one in lists for word in re.findall('"([^"]+)"', one)]

    def everything_that_a_class_types(self) -> None:
        picture = segment.image((EXAMPLES / "smiley.png").read_bytes())
        long = ["长" * 10_000, "9" * 10_000]
        typed: list[Any] = [
            "😀",
            [picture],
            *long,
            " ",
            "[CQ:image,file=x]\n\n",
        ]
        for word in self.words():
            more = ["", "😀", "-1", "٣", *long]
            typed += [f"{word} {words}".strip() for words in more] + [[word + " ", picture]]
        for words in typed:  # two at once in the group, and one of them in private
            self.qq.send_group(words, user=20003)
            self.qq.send_group(words, user=20002)
            self.qq.send_private(words, user=20002)

    def is_well(self) -> None:
        said, expected = AFTERWARDS[self.name]
        if said:
            self.qq.send_private(said, user=20001)
        if expected and self.name[:2] in ("02", "03", "04"):
            self.example.wait_for(expected)
        elif expected:
            while expected not in self.qq.wait_reply(LATE)["text"]:
                pass  # the many answers to the class
        assert self.example.process.poll() is None
        self.example.end()
        assert "Traceback" not in self.example.output


@contextmanager
def talking(name: str, folder: Path, web: Web) -> Iterator[Talk]:
    """The lesson is started; it is not waited for."""
    port = free_port()
    environment = {"OPENAI_BASE_URL": web.url, "OPENAI_API_KEY": "k", "ONEBOT_PORT": str(port)}
    environment["PICTURE_URL"] = f"{web.url}/{{}}"
    folder.mkdir()
    with Simulator() as qq:
        http = name.startswith("15")
        environment["ONEBOT_URL"] = qq.http_url if http else qq.ws_url
        with running(PATHS[name], folder, **environment) as example:
            if name[:2] in ("04", "14"):
                qq.connect_to(f"ws://127.0.0.1:{port}")
            elif name[:2] in ("02", "15"):
                ready = "Serving on" if http else "listening on"
                wait_until(lambda: ready in example.output, STARTED)
                qq.post_to(f"http://127.0.0.1:{port}/")
            yield Talk(name, qq, example)


@pytest.mark.timeout(300)
def test_each_survives_what_a_class_types(tmp_path: Path) -> None:
    with ExitStack() as stack:
        web = stack.enter_context(Web())
        web.replies = [reply("你好！")]
        talks = [stack.enter_context(talking(name, tmp_path / name, web)) for name in AFTERWARDS]
        for talk in talks:
            talk.qq.wait_connected(STARTED)
            talk.everything_that_a_class_types()
        failed = []
        for talk in talks:
            try:
                talk.is_well()
            except AssertionError as error:
                failed.append(f"{talk.name}: {error}\n{talk.example.output[-3000:]}")
        assert not failed, "\n\n".join(failed)
