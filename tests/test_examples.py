"""The lessons run unmodified, as processes, against hand-written peers and the simulator."""

from __future__ import annotations

import ast
import os
import random
import re
import signal
import sys
from pathlib import Path
from urllib.request import urlopen

import pytest

from onebot_simple import segment
from onebot_simple.simulator import Simulator

from .lessons import EXAMPLES, LATE, LESSONS, PROJECTS, PYTEST_ALONE, chatting, running
from .lessons import Running as Running  # other tests import these two from here
from .lessons import free_port as free_port
from .peers import Api, ForwardWs, HttpApi, Poster, ReverseWs, message, ok, wait_until


@pytest.fixture
def api() -> Api:
    return Api()


SOURCES = sorted({*EXAMPLES.glob("[0-9]*.py"), *EXAMPLES.glob("[0-9]*/*.py"), *PROJECTS})
NAMES = [path.relative_to(EXAMPLES).as_posix() for path in SOURCES]
TO_INSTALL = {"schedule", "waitress", "pytest"}  # beside what onebot_simple brings: requests


def number_of(path: Path) -> int:
    return int(path.relative_to(EXAMPLES).parts[0][:2])


def test_the_lessons_are_numbered_without_gaps() -> None:
    assert [number_of(path) for path in LESSONS] == list(range(1, len(LESSONS) + 1))


@pytest.mark.parametrize("path", LESSONS, ids=str)
def test_a_lesson_opens_with_what_it_teaches_in_both_languages(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith(f"# 第 {number_of(path)} 课：")
    assert lines[1].startswith(f"# Lesson {number_of(path)}: ")


@pytest.mark.parametrize("path", PROJECTS, ids=str)
def test_a_project_opens_with_what_it_does_in_both_languages(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("# 项目：")
    assert lines[1].startswith("# A project: ")


@pytest.mark.parametrize("path", SOURCES, ids=NAMES)
def test_a_file_is_short(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= (80 if path in PROJECTS else 25)


@pytest.mark.parametrize("path", SOURCES, ids=NAMES)
def test_a_file_uses_only_what_is_public_and_says_what_it_needs(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    modules = set()
    for node in ast.walk(ast.parse(source)):
        assert not (isinstance(node, ast.Attribute) and node.attr.startswith("_")), node.attr
        if isinstance(node, ast.Import):
            modules |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            modules.add((node.module or "").split(".")[0])
    beside = {one.stem for one in path.parent.glob("*.py")}
    foreign = modules - {"onebot_simple", "requests"} - beside - set(sys.stdlib_module_names)
    assert foreign <= TO_INSTALL
    for name in foreign:
        assert f"pip install {name}" in source


def test_01_calls_the_api(api: Api) -> None:
    server = HttpApi(api)
    with running("01_call_the_api.py", ONEBOT_URL=server.url) as example:
        example.process.wait(LATE)
        example.reader.join(LATE)
        assert "'status': 'ok', 'retcode': 0, 'data': {'message_id': 1234}" in example.output
        assert example.output.endswith("1234\n")
    assert api.calls[0] == ("send_private_msg", {"user_id": 20001, "message": "你好，NapCatQQ！"})
    server.close()


def test_02_prints_a_line_an_event(api: Api) -> None:
    port = free_port()
    with running("02_receive_over_http.py", ONEBOT_PORT=str(port)) as example:
        example.wait_for("listening on")
        example.wait_for_after(
            "message  20002  '推送\\n两行'\n",
            lambda: Poster(api, port).post(message("推送\n两行")) == (204, b""),
        )
        example.end()
        assert "Traceback" not in example.output


def test_03_calls_and_listens_over_one_websocket(api: Api) -> None:
    peer = ForwardWs(api)
    with running("03_websocket_client.py", ONEBOT_URL=peer.url) as example:
        assert api.wait_call("send_group_msg", seconds=LATE)["group_id"] == 30001
        example.wait_for("response: {'status': 'ok'")
        example.wait_for_after("message  20002  '推送'\n", lambda: peer.push(message("推送")))
        example.end()
        assert "Traceback" not in example.output
    peer.close()


def test_04_is_the_server_that_onebot_connects_to() -> None:
    port = free_port()
    with Simulator() as qq, running("04_websocket_server.py", ONEBOT_PORT=str(port)) as example:
        example.wait_for("listening on")
        qq.connect_to(f"ws://127.0.0.1:{port}")
        assert qq.wait_call("send_group_msg", LATE)["group_id"] == 30001
        example.wait_for("meta_event  -  '-'\n")
        example.wait_for("response: {'status': 'ok'")  # so events() has been called
        qq.send_private("推送")
        example.wait_for("message  20001  '推送'\n")
        example.end()
        assert "Traceback" not in example.output


def test_05_echoes(api: Api) -> None:
    peer = ForwardWs(api)
    with running("05_echo.py", ONEBOT_URL=peer.url) as example:
        wait_until(lambda: peer.sockets, LATE)
        peer.push(message("回声"))
        assert api.said(seconds=LATE) == "echo: 回声"
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
            wait_until(lambda: forward.sockets, LATE)
            forward.push(message("hi"))
        elif transport == "reverse":
            example.wait_for("listening on")
            reverse = ReverseWs(api, f"ws://127.0.0.1:{port}")
            reverse.push(message("hi"))
        else:
            example.wait_for("listening on")
            poster = Poster(api, port)
            poster.push(message("hi"))
        assert api.said(seconds=LATE) == "echo: hi"
        example.end()
        assert "Traceback" not in example.output
    if transport == "reverse":
        reverse.close()
    if transport.startswith("post"):
        poster.close()
    forward.close()
    http.close()


# -- from here on with the simulator: what the example answers -----------------------------------


def test_06_obeys_commands() -> None:
    with chatting("06_commands.py") as (qq, _):
        qq.send_group("/roll", at_bot=True)
        assert re.fullmatch("🎲 [1-6]", qq.wait_reply()["text"])
        qq.send_private("/选 米饭 面条")
        assert qq.wait_reply()["text"] in ("米饭", "面条")
        qq.send_private("/rollercoaster")  # no command: the next one is answered first
        qq.send_private("/choose")
        assert qq.wait_reply()["text"].startswith("用法 usage")


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
        qq.wait_reply()
        picture = segment.image((EXAMPLES / "smiley.png").read_bytes())
        qq.send_private("没有图片")  # the next one is answered first
        qq.send_private([picture, "看", picture])
        answer = qq.wait_reply()
        assert answer["text"].startswith("2 张图片")
        sizes = [part["data"]["file_size"] for part in answer["message"][1:]]
        assert sizes == [str((EXAMPLES / "smiley.png").stat().st_size)] * 2


def test_09_welcomes_newcomers_and_answers_requests() -> None:
    with chatting("09_newcomers.py") as (qq, _):
        joined = {"post_type": "notice", "notice_type": "group_increase", "sub_type": "invite"}
        qq.emit({**joined, "self_id": 10001, "user_id": 10001, "group_id": 30001, "time": 1})
        qq.join(20004)  # who is welcomed first
        answer = qq.wait_reply()
        assert answer["message"][0] == {"type": "at", "data": {"qq": "20004"}}
        assert "欢迎" in answer["text"]
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
        assert qq.wait_reply()["text"] == "踢出 removing 20003: ok"
        qq.send_group("/kick 20009", user=20002)
        assert qq.wait_reply()["text"] == "踢出 removing 20009: failed"


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
        qq.send_private("/guess")  # which is answered first
        assert "1 到 100" in qq.wait_reply()["text"]


def test_11_can_be_given_up() -> None:
    with chatting("11_guessing_game.py") as (qq, _):
        qq.send_private("/guess")
        qq.wait_reply()
        qq.send_private("退出")
        assert "下次再玩" in qq.wait_reply()["text"]
        qq.send_private("50")
        qq.send_private("/guess")  # which is answered first
        assert "1 到 100" in qq.wait_reply()["text"]


def test_12_speaks_after_five_seconds_just_once_and_outlives_a_failure(tmp_path: Path) -> None:
    source = (EXAMPLES / "12_timer.py").read_text(encoding="utf-8")
    assert ".every(5).seconds" in source
    assert '.day.at("08:00")' in source
    assert "bot.every(1)(" in source
    script = tmp_path / "timer.py"
    hasty = source.replace("every(5).seconds", "every(0.3).seconds")
    script.write_text(hasty.replace("bot.every(1)(", "bot.every(0.1)("), encoding="utf-8")
    with Simulator() as qq:
        qq.fail("send_group_msg")
        with running(script, ONEBOT_URL=qq.ws_url) as example:
            example.wait_for("simulated failure")
            assert qq.wait_reply(LATE)["text"].startswith("五秒到了")
            qq.expect_silence(0.8)


@pytest.mark.skipif(os.name == "nt", reason="a test cannot press Ctrl+C there")
@pytest.mark.parametrize("name", ["03_websocket_client.py", "12_timer.py"])
def test_a_lesson_ends_with_ctrl_c(name: str) -> None:
    with chatting(name) as (qq, example):
        if name.startswith("03"):
            qq.wait_reply(LATE)
            example.wait_for_after("message  20001  'hi'\n", lambda: qq.send_private("hi"))
            qq.send_private("bye")
            example.wait_for("message  20001  'bye'\n")
            qq.expect_silence(0.1)  # it waits for the next one by now
        example.wait_for("connected to")
        example.process.send_signal(signal.SIGINT)
        assert example.process.wait(LATE) == 0


def test_13_serves_others_while_it_thinks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    source = (EXAMPLES / "13_slow_answers.py").read_text(encoding="utf-8")
    assert "time.sleep(2)" in source
    until_told = "while not os.path.exists('go'): time.sleep(0.01)"
    Path("slow.py").write_text(source.replace("time.sleep(2)", until_told), encoding="utf-8")
    with chatting(tmp_path / "slow.py") as (qq, _):
        qq.send_private("/ask")
        assert "用法" in qq.wait_reply()["text"]
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
        assert sorted(api.said(seconds=LATE).splitlines()) == [
            "10001: 2 个群 group(s)",
            "10002: 2 个群 group(s)",
        ]
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
    # the suite itself runs it as it is
    with running(tmp_path / lesson, tmp_path, **PYTEST_ALONE) as example:
        assert example.process.wait(40) == 1
        example.wait_for("assert '喝什么' in '面条，好的。好吗？")


def test_17_keeps_a_large_file_and_sends_it_back_with_a_progress_bar(tmp_path: Path) -> None:
    content = random.Random(17).randbytes(700_000)
    with chatting("17_large_files.py", tmp_path) as (qq, example):
        qq.send_private([segment.file(content, name="数据.bin")])
        [file] = qq.wait_reply(LATE)["message"]
        assert (file["type"], file["data"]["file"]) == ("file", "数据.bin")
        with urlopen(file["data"]["url"], timeout=LATE) as answer:
            assert answer.read() == content
        assert (tmp_path / "downloads" / "数据.bin").read_bytes() == content
        full = "#" * 40
        wait_until(lambda: example.output.count(full) == 2)  # there, and back again
        bars = [line for line in example.output.split("\n") if set(line) == {"#"}]
        assert bars[-1] == full and len(bars) > 4
        qq.send_private([segment.file(b"", name="空的.txt")])
        assert "空的不行" in qq.wait_reply()["text"]
        assert (tmp_path / "downloads" / "空的.txt").exists()
        qq.send_private("hi")
        assert "发给我一个文件" in qq.wait_reply()["text"]


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
        ("01_call_the_api.py", "AuthenticationError: "),
        ("05_echo.py", "AuthenticationError: "),
        ("12_timer.py", "AuthenticationError: "),
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
