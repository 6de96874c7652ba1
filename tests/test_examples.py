"""The examples run unmodified, as processes, against hand-written peers and the simulator."""

from __future__ import annotations

import ast
import base64
import os
import random
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest

from onebot_simple import segment
from onebot_simple.simulator import Simulator

from .peers import Api, ForwardWs, HttpApi, Poster, ReverseWs, message, ok, wait_until

EXAMPLES = Path(__file__).parent.parent / "examples"


class Running:
    """An example in a process of its own, and what it has printed."""

    def __init__(self, path: Path, **environment: str) -> None:
        self.output = ""
        known = {name: value for name, value in os.environ.items() if "ONEBOT" not in name}
        self.process = subprocess.Popen(
            [sys.executable, "-u", str(path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
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
            wait_until(lambda: words in self.output, 15)
        except AssertionError:
            raise AssertionError(f"{words!r} is not in:\n{self.output}") from None

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
def running(name: str | Path, **environment: str) -> Iterator[Running]:
    one = Running(EXAMPLES / name, **environment)
    try:
        yield one
    finally:
        one.end()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@pytest.fixture
def api() -> Api:
    return Api()


PATHS = sorted(EXAMPLES.glob("*.py"))
ALSO_IMPORTED = {12: "schedule", 15: "waitress"}
LONGEST = {18: 64}  # lines


def test_the_lessons_are_numbered_without_gaps() -> None:
    assert [int(path.name[:2]) for path in PATHS] == list(range(1, len(PATHS) + 1))


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)
def test_a_lesson_is_short_and_opens_with_three_lines_of_comment(path: Path) -> None:
    number = int(path.name[:2])
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= LONGEST.get(number, 25)
    assert lines[0].startswith(f"# 第 {number} 课：")
    assert lines[1].startswith(f"# Lesson {number}: ")
    assert lines[2].startswith("# ")


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)
def test_a_lesson_uses_only_what_is_public_and_what_a_pupil_has(path: Path) -> None:
    modules = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        assert not (isinstance(node, ast.Attribute) and node.attr.startswith("_")), node.attr
        if isinstance(node, ast.Import):
            modules |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            modules.add((node.module or "").split(".")[0])
    also = {"onebot_simple", ALSO_IMPORTED.get(int(path.name[:2]))}
    assert modules - also <= set(sys.stdlib_module_names)


def test_01_calls_the_api(api: Api) -> None:
    server = HttpApi(api)
    with running("01_call_the_api.py", ONEBOT_URL=server.url) as example:
        example.process.wait(15)
        example.reader.join(5)
        assert "'status': 'ok', 'retcode': 0, 'data': {'message_id': 1234}" in example.output
        assert example.output.endswith("1234\n")
    assert api.calls[0] == ("send_private_msg", {"user_id": 20001, "message": "你好，NapCatQQ！"})
    server.close()


def test_02_receives_events_over_http(api: Api) -> None:
    port = free_port()
    with running("02_receive_over_http.py", ONEBOT_PORT=str(port)) as example:
        example.wait_for("listening on")
        assert Poster(api, port).post(message("推送")) == (204, b"")
        example.wait_for("'text': '推送'")
        example.end()
        assert "Traceback" not in example.output


def test_03_calls_and_listens_over_one_websocket(api: Api) -> None:
    peer = ForwardWs(api)
    with running("03_websocket_client.py", ONEBOT_URL=peer.url) as example:
        assert api.wait_call("send_group_msg", seconds=15)["group_id"] == 30001
        example.wait_for("response: {'status': 'ok'")
        peer.push(message("推送"))
        example.wait_for("event: {'time'")
        example.wait_for("'text': '推送'")
        example.end()
        assert "Traceback" not in example.output
    peer.close()


def test_04_is_the_server_that_onebot_connects_to(api: Api) -> None:
    port = free_port()
    with running("04_websocket_server.py", ONEBOT_PORT=str(port)) as example:
        example.wait_for("listening on")
        peer = ReverseWs(api, f"ws://127.0.0.1:{port}")
        assert api.wait_call("send_group_msg", seconds=15)["group_id"] == 30001
        example.wait_for("response: {'status': 'ok'")
        peer.push(message("推送"))
        example.wait_for("'text': '推送'")
        example.end()
        assert "Traceback" not in example.output
        peer.close()


def test_05_echoes(api: Api) -> None:
    peer = ForwardWs(api)
    with running("05_echo.py", ONEBOT_URL=peer.url) as example:
        wait_until(lambda: peer.sockets, 15)
        peer.push(message("回声"))
        assert api.said() == "echo: 回声"
        example.end()
    peer.close()


@pytest.mark.parametrize("transport", ["post", "post with api", "forward", "reverse"])
def test_the_echo_bot_changes_its_transport_by_changing_one_line(
    api: Api, transport: str, tmp_path: Path
) -> None:
    http, port = HttpApi(api), free_port()
    forward = ForwardWs(api)
    line = {
        "post": f"bot = EventServer(port={port})",
        "post with api": f'bot = EventServer(port={port}, api=HttpClient("{http.url}"))',
        "forward": f'bot = WsClient("{forward.url}")',
        "reverse": f"bot = WsServer(port={port})",
    }[transport]
    source = (EXAMPLES / "05_echo.py").read_text(encoding="utf-8")
    lines = [line if old.startswith("bot = ") else old for old in source.splitlines()]
    everything = "from onebot_simple import EventServer, HttpClient, WsClient, WsServer, segment"
    lines = [everything if old.startswith("from onebot") else old for old in lines]
    script = tmp_path / "echo.py"
    script.write_text("\n".join(lines), encoding="utf-8")
    with running(script) as example:
        if transport == "forward":
            wait_until(lambda: forward.sockets, 15)
            forward.push(message("hi"))
        elif transport == "reverse":
            example.wait_for("listening on")
            reverse = ReverseWs(api, f"ws://127.0.0.1:{port}")
            reverse.push(message("hi"))
        else:
            example.wait_for("listening on")
            poster = Poster(api, port)
            poster.push(message("hi"))
        assert api.said(seconds=15) == "echo: hi"
        example.end()
        assert "Traceback" not in example.output
    if transport == "reverse":
        reverse.close()
    if transport.startswith("post"):
        poster.close()
    forward.close()
    http.close()


# -- from here on with the simulator: what the example answers -----------------------------------


@contextmanager
def chatting(name: str | Path, **environment: str) -> Iterator[tuple[Simulator, Running]]:
    """A small QQ world in which the example, a WebSocket client, is the bot."""
    with Simulator() as qq, running(name, ONEBOT_URL=qq.ws_url, **environment) as example:
        try:
            qq.wait_connected(15)
            yield qq, example
        except AssertionError as error:
            raise AssertionError(f"{error}\nThe example said:\n{example.output}") from error
        example.end()
        assert "Traceback" not in example.output, example.output


def test_06_obeys_commands() -> None:
    with chatting("06_commands.py") as (qq, _):
        qq.send_group("/roll", at_bot=True)
        assert re.fullmatch("🎲 [1-6]", qq.wait_reply()["text"])
        qq.send_private("/选 米饭 面条")
        assert qq.wait_reply()["text"] in ("米饭", "面条")
        qq.send_private("/choose")
        assert qq.wait_reply()["text"].startswith("用法 usage")
        qq.send_private("/rollercoaster")
        qq.expect_silence(0.1)


def test_07_holds_a_conversation_with_one_while_another_talks() -> None:
    with chatting("07_ask.py") as (qq, _):
        qq.send_group("/order", user=20002)
        assert "吃什么" in qq.wait_reply()["text"]
        qq.send_group("我不饿", user=20003)
        qq.send_group("面条", user=20002)
        assert "面条" in qq.wait_reply()["text"]
        qq.send_group("茶", user=20002)
        answer = qq.wait_reply()
        assert answer["message"][0] == {"type": "at", "data": {"qq": "20002"}}
        assert "面条 + 茶" in answer["text"]


def test_08_sends_a_picture_from_the_disk_and_counts_those_that_come() -> None:
    with chatting("08_segments.py") as (qq, _):
        asked = qq.send_group("/smile")["message_id"]
        params = qq.wait_call("send_msg")
        kinds = [part["type"] for part in params["message"]]
        assert kinds == ["reply", "text", "image"]
        assert params["message"][0]["data"]["id"] == str(asked)
        assert params["message"][2] == segment.image((EXAMPLES / "smiley.png").read_bytes())
        picture = segment.image((EXAMPLES / "smiley.png").read_bytes())
        qq.send_private([picture, "看", picture])
        answer = qq.wait_reply()
        assert answer["text"].startswith("2 张图片")
        sizes = [part["data"]["file_size"] for part in answer["message"][1:]]
        assert sizes == [str((EXAMPLES / "smiley.png").stat().st_size)] * 2
        qq.send_private("没有图片")
        qq.expect_silence(0.1)


def test_09_welcomes_newcomers_and_answers_requests() -> None:
    with chatting("09_newcomers.py") as (qq, _):
        qq.join(20004)
        answer = qq.wait_reply()
        assert answer["message"][0] == {"type": "at", "data": {"qq": "20004"}}
        assert "欢迎" in answer["text"]
        joined = {"post_type": "notice", "notice_type": "group_increase", "sub_type": "invite"}
        qq.emit({**joined, "self_id": 10001, "user_id": 10001, "group_id": 30001, "time": 1})
        qq.expect_silence(0.1)
        flag = qq.friend_request()["flag"]
        assert qq.wait_call("set_friend_add_request", flag=flag)["approve"] is True
        flag = qq.group_request(comment="芝麻开门！")["flag"]
        assert qq.wait_call("set_group_add_request", flag=flag)["approve"] is True
        flag = qq.group_request(user=20007, comment="让我进去")["flag"]
        refusal = qq.wait_call("set_group_add_request", flag=flag)
        assert refusal["approve"] is False
        assert "暗号" in refusal["reason"]


def test_10_recalls_mutes_and_kicks_but_only_admins_may_ask_for_it() -> None:
    with chatting("10_group_management.py") as (qq, _):
        advertising = qq.send_group("卖广告啦", user=20003)["message_id"]
        assert "不要发广告" in qq.wait_reply()["text"]
        qq.wait_call("delete_msg", message_id=advertising)
        qq.wait_call("set_group_ban", group_id=30001, user_id=20003, duration=60)
        qq.send_group("说说广告的事", user=20002)  # an admin
        qq.expect_silence(0.1)
        qq.send_group("/kick 20003", user=20001)
        assert "管理员" in qq.wait_reply()["text"]
        qq.send_private("/kick 20003")
        assert "管理员" in qq.wait_reply()["text"]
        qq.send_group("/kick Carol", user=20002)
        assert "/kick 20003" in qq.wait_reply()["text"]
        assert not [call for call in qq.calls if call["action"] == "set_group_kick"]
        qq.send_group("/踢 20003", user=20002)
        qq.wait_call("set_group_kick", group_id=30001, user_id=20003)


def test_11_can_be_won_by_halving() -> None:
    with chatting("11_guessing_game.py") as (qq, _):
        qq.send_private("/guess")
        qq.wait_reply()
        qq.send_private("不知道")
        assert "数字" in qq.wait_reply()["text"]
        low, high, said = 1, 100, ""
        for _ in range(7):
            middle = (low + high) // 2
            qq.send_private(str(middle))
            said = qq.wait_reply()["text"]
            if "小了" in said:
                low = middle + 1
            else:
                high = middle - 1
            if "猜对了" in said:
                break
        assert said.startswith(f"猜对了，就是 {middle}")
        qq.send_private("再来")
        qq.expect_silence(0.1)


def test_12_says_good_morning_in_time_and_outlives_a_failure(tmp_path: Path) -> None:
    source = (EXAMPLES / "12_timer.py").read_text(encoding="utf-8")
    assert '.day.at("08:00")' in source
    script = tmp_path / "timer.py"
    script.write_text(source.replace('.day.at("08:00")', ".second"), encoding="utf-8")
    with Simulator(heart_interval=100) as qq:
        qq.fail("send_group_msg")
        with running(script, ONEBOT_URL=qq.ws_url) as example:
            example.wait_for("simulated failure")
            assert qq.wait_reply(10)["text"].startswith("早上好")


@pytest.mark.skipif(os.name == "nt", reason="a test cannot press Ctrl+C there")
def test_12_shows_that_it_lives_and_ends_with_ctrl_c() -> None:
    with chatting("12_timer.py") as (_, example):
        example.wait_for("connected to")
        example.process.send_signal(signal.SIGINT)
        assert example.process.wait(10) == 0


def test_13_serves_others_while_it_thinks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    source = (EXAMPLES / "13_slow_answers.py").read_text(encoding="utf-8")
    assert "time.sleep(2)" in source
    until_told = "while not os.path.exists('go'): time.sleep(0.01)"
    Path("slow.py").write_text(source.replace("time.sleep(2)", until_told), encoding="utf-8")
    with chatting(tmp_path / "slow.py") as (qq, _):
        qq.send_private("/ask 天为什么是蓝的？")
        assert "让我想想" in qq.wait_reply()["text"]
        qq.send_group("/问 海呢？")
        assert "让我想想" in qq.wait_reply()["text"]
        qq.expect_silence(0.1)
        Path("go").touch()
        answers = {qq.wait_reply()["text"][:6] for _ in range(2)}
        assert answers == {"“天为什么是", "“海呢？” "}


def test_14_takes_care_of_several_accounts(api: Api) -> None:
    api.answers["get_login_info"] = lambda params: ok({"user_id": 1, "nickname": "小号"})
    api.answers["get_group_list"] = lambda params: ok([{"group_id": 1}, {"group_id": 2}])
    port = free_port()
    with running("14_several_accounts.py", ONEBOT_PORT=str(port)) as example:
        example.wait_for("listening on")
        peers = [ReverseWs(api, f"ws://127.0.0.1:{port}", self_id) for self_id in (10001, 10002)]
        for self_id in (10001, 10002):
            example.wait_for(f"{self_id} 小号")
        peers[1].push(message("/accounts", self_id=10002))
        assert sorted(api.said().splitlines()) == ["10001: 2 个群", "10002: 2 个群"]
        example.end()
        assert "Traceback" not in example.output
        for peer in peers:
            peer.close()


def test_15_runs_under_a_production_server(api: Api) -> None:
    port = free_port()
    with (
        Simulator(access_token="geheim") as qq,
        running(
            "15_deploy.py", ONEBOT_URL=qq.http_url, ONEBOT_PORT=str(port), ONEBOT_TOKEN="geheim"
        ) as example,
    ):
        example.wait_for("Serving on")
        assert Poster(api, port).post(message())[0] == 401  # not signed
        qq.post_to(f"http://127.0.0.1:{port}/", "geheim")
        qq.send_group("部署好了")
        reply = qq.wait_reply()
        assert (reply["text"], reply["group_id"]) == ("echo: 部署好了", 30001)
        example.end()
        assert "Traceback" not in example.output


def test_16_is_a_test_that_fails_when_the_bot_is_wrong(tmp_path: Path) -> None:
    lesson, bot = "16_test_a_bot.py", "07_ask.py"
    source = (EXAMPLES / bot).read_text(encoding="utf-8")
    assert "喝什么" in source
    (tmp_path / bot).write_text(source.replace("喝什么", "好吗"), encoding="utf-8")
    (tmp_path / lesson).write_bytes((EXAMPLES / lesson).read_bytes())
    run = subprocess.run(  # the suite itself runs the lesson on the bot as it is
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", str(tmp_path / lesson)],
        capture_output=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONUTF8": "1"},
        encoding="utf-8",
    )
    assert run.returncode == 1
    assert "assert '喝什么' in '面条，好的。好吗？" in run.stdout


def test_17_keeps_a_large_file_and_sends_it_back_with_a_progress_bar(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # where its folder goes
    content = random.Random(17).randbytes(700_000)
    with chatting("17_large_files.py") as (qq, example):
        qq.send_private([segment.file(content, name="数据.bin")])
        [file] = qq.wait_reply(10)["message"]
        assert (file["type"], file["data"]["file"]) == ("file", "数据.bin")
        with urlopen(file["data"]["url"], timeout=5) as answer:
            assert answer.read() == content
        assert Path("downloads", "数据.bin").read_bytes() == content
        bars = [len(line) for line in example.output.split("\n") if set(line) == {"#"}]
        assert bars[-1] == 40 and len(bars) > 4
        qq.send_private([segment.file(b"", name="空的.txt")])
        wait_until(Path("downloads", "空的.txt").exists)
        qq.send_private("没有文件")
        qq.expect_silence(0.1)


def test_18_keeps_the_register_of_a_class(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # where its database goes
    with chatting("18_check_in.py") as (qq, _):
        qq.send_private("/in")
        assert "请在群里" in qq.wait_reply()["text"]
        qq.world.groups[30001].members[10001].role = "member"
        for pupil, name in ((20001, "小爱"), (20003, "卡罗尔")):
            qq.send_group("/absent", user=20002)
            assert {"type": "at", "data": {"qq": str(pupil)}} in qq.wait_reply()["message"]
            qq.send_group("/签到", user=pupil)
            assert "你叫什么" in qq.wait_reply()["text"]
            for no_name in ([segment.image(b"x")], " =+"):
                qq.send_group(no_name, user=pupil)
                assert "你叫什么" in qq.wait_reply()["text"]
            qq.send_group(f"={name}", user=pupil)
            assert f"{name}，签到成功" in qq.wait_reply()["text"]
        qq.send_group("/in", user=20003)
        assert "卡罗尔，签到成功" in qq.wait_reply()["text"]  # known by now, and counted once
        qq.send_group("/absent", user=20002)
        assert qq.wait_reply()["text"].startswith("还有 0 人")
        qq.send_group("/export", user=20003)
        assert "只有老师" in qq.wait_reply()["text"]
        qq.send_group("/export", user=20002)
        file = qq.wait_call("send_msg")["message"][0]["data"]
        table = base64.b64decode(file["file"].removeprefix("base64://")).decode("utf-8-sig")
        assert [line.split(",")[2] for line in table.split()] == ["姓名", "小爱", "卡罗尔"]
        assert file["name"] == "签到.csv"
    with chatting("18_check_in.py") as (qq, _):  # started again, it still knows everybody
        qq.send_group("/in", user=20001)
        assert "小爱，签到成功" in qq.wait_reply()["text"]


def test_18_is_safe_when_many_classes_check_in_at_once(
    api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    peer = ForwardWs(api)
    with running("18_check_in.py", ONEBOT_URL=peer.url) as example:
        wait_until(lambda: peer.sockets, 15)
        peer.push(message("/in", group_id=1))
        assert "你叫什么" in api.said(1)
        peer.push(message("小安", group_id=1))
        api.said(2)
        for group_id in range(2, 32):
            peer.push(message("/in", group_id=group_id))
        assert "小安，签到成功" in api.said(32)
        example.end()
        assert "Traceback" not in example.output
    peer.close()
    with closing(sqlite3.connect("check_in.db")) as database:
        rows = database.execute("SELECT group_id, name FROM seen ORDER BY group_id").fetchall()
    assert rows == [(group_id, "小安") for group_id in range(1, 32)]


# -- the mistakes of pupils -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "scheme"),
    [("01_call_the_api.py", "http"), ("05_echo.py", "ws"), ("12_timer.py", "ws")],
)
def test_who_forgot_to_start_onebot_is_told(name: str, scheme: str) -> None:
    address = f"{scheme}://127.0.0.1:{free_port()}"
    with running(name, ONEBOT_URL=address) as example:
        example.wait_for(f"连不上 {address}：对方拒绝连接。NapCat（或练习场）")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("01_call_the_api.py", "access_token 不对"),
        ("05_echo.py", "access_token 不对"),
        ("12_timer.py", "access_token 不对"),
        ("04_websocket_server.py", "要和这里的 access_token 一模一样"),
        ("02_receive_over_http.py", "要和这里的 secret 一模一样"),
    ],
)
def test_who_has_the_wrong_token_is_told(name: str, words: str) -> None:
    port = free_port()
    with Simulator(access_token="richtig", reconnect_interval=50) as qq:
        url = qq.http_url if name.startswith("01") else qq.ws_url
        with running(name, ONEBOT_URL=url, ONEBOT_PORT=str(port), ONEBOT_TOKEN="falsch") as example:
            if name.startswith("02"):
                example.wait_for("listening on")
                qq.post_to(f"http://127.0.0.1:{port}/", "richtig")
                qq.send_group("hi")
            elif name.startswith("04"):
                qq.connect_to(f"ws://127.0.0.1:{port}")
            example.wait_for(words)
            assert "falsch" not in example.output
            assert "richtig" not in example.output
