"""The lessons from 18 on: memory, rights, menus, several files, a language model, pictures."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from onebot_simple import segment

from .lessons import EXAMPLES, LATE, Web, chatting, running
from .peers import Api, ForwardWs, message, wait_until


def test_18_answers_a_keyword_once_a_minute_in_each_chat() -> None:
    with chatting("18_keywords.py") as (qq, _):
        qq.send_group("大家早上好呀")
        assert qq.wait_reply()["text"].startswith("早！")
        qq.send_group("早上好", user=20003)
        qq.expect_silence(0.1)
        qq.send_group("Good MORNING", user=20003)
        assert qq.wait_reply()["text"] == "Good morning!"
        qq.send_private("早上好")
        assert qq.wait_reply()["text"].startswith("早！")


def test_18_keeps_the_cooldown_of_a_member_s_private_chat_apart_from_the_group() -> None:
    with chatting("18_keywords.py") as (qq, _):
        qq.send_private("早上好", user=20002)
        assert qq.wait_reply()["group_id"] is None
        qq.send_group("早上好", user=20002)
        assert qq.wait_reply()["group_id"] == 30001


def test_19_keeps_notes_in_a_file(tmp_path: Path) -> None:
    with chatting("19_remember_json.py", tmp_path) as (qq, _):
        qq.send_private("/note")
        assert "用法" in qq.wait_reply()["text"]
        qq.send_private("/note 带伞 ☂")
        assert qq.wait_reply()["text"] == "带伞 ☂"
        qq.send_group("/记 别人的", user=20002)
        assert qq.wait_reply()["text"] == "别人的"
    with chatting("19_remember_json.py", tmp_path) as (qq, _):  # started again
        qq.send_private("/note 交作业")
        assert qq.wait_reply()["text"] == "带伞 ☂\n交作业"


def test_19_loses_no_note_when_thirty_chats_write_at_once(tmp_path: Path) -> None:
    api = Api()
    peer = ForwardWs(api)
    with running("19_remember_json.py", tmp_path, ONEBOT_URL=peer.url) as example:
        wait_until(lambda: peer.sockets, LATE)
        for group_id in range(1, 31):
            peer.push(message(f"/note {group_id}", group_id=group_id))
        api.said(30, LATE)
        example.end()
        assert "Traceback" not in example.output
    peer.close()
    notes = json.loads((tmp_path / "notes.json").read_text("utf-8"))
    [mine] = notes.values()
    assert sorted(map(int, mine)) == list(range(1, 31))


def test_20_counts_what_everybody_says(tmp_path: Path) -> None:
    with chatting("20_remember_sqlite.py", tmp_path) as (qq, _):
        for _ in range(3):
            qq.send_group("hi", user=20003)
        qq.send_group("/top", user=20002)
        assert qq.wait_reply()["text"] == "20003: 3\n20002: 1"


def test_20_counts_many_chats_at_once(tmp_path: Path) -> None:
    api = Api()
    peer = ForwardWs(api)
    with running("20_remember_sqlite.py", tmp_path, ONEBOT_URL=peer.url) as example:
        wait_until(lambda: peer.sockets, LATE)
        for group_id in range(1, 13):  # SQLite waits 5 s for the disk, so not too many
            peer.push(message("hi", group_id=group_id))

        def counted() -> int:
            with closing(sqlite3.connect(tmp_path / "said.db")) as database:
                return int(database.execute("SELECT count(*) FROM said").fetchone()[0])

        wait_until(lambda: counted() == 12, LATE)
        example.end()
        assert "Traceback" not in example.output
    peer.close()


def test_21_knows_its_owner_and_the_admins() -> None:
    with chatting("21_who_may.py") as (qq, _):
        qq.send_private("/stats")
        assert "'events':" in qq.wait_reply()["text"]
        qq.send_group("/stats", user=20002)
        assert "只有主人" in qq.wait_reply()["text"]
        for command, enable in (("/quiet", True), ("/安静 off", False)):
            qq.send_group(command, user=20002)
            assert qq.wait_call("set_group_whole_ban", group_id=30001)["enable"] is enable
        qq.send_group("/quiet", user=20003)
        assert "只有群里的管理员" in qq.wait_reply()["text"]


def test_22_is_a_menu_that_can_be_cancelled() -> None:
    with chatting("22_menu.py") as (qq, _):
        qq.send_group("/menu", user=20002)
        assert "2. 米饭" in qq.wait_reply()["text"]
        qq.send_group("9", user=20002)
        assert "0 到 3" in qq.wait_reply()["text"]
        qq.send_group("2", user=20002)
        assert "米饭" in qq.wait_reply()["text"]
        qq.send_group("/菜单", user=20003)
        qq.wait_reply()
        qq.send_group("取消", user=20003)
        assert "取消了" in qq.wait_reply()["text"]
        qq.send_group("1", user=20003)
        qq.send_group("/menu", user=20003)  # which is answered first
        assert "2. 米饭" in qq.wait_reply()["text"]


def test_23_is_one_bot_in_several_files() -> None:
    with chatting("23_several_files/main.py") as (qq, _):
        qq.send_group("/weather 北京")
        assert qq.wait_reply()["text"].startswith("晴")
        qq.send_group("/weather")
        assert "没有这个城市" in qq.wait_reply()["text"]
        qq.send_group("/help")
        assert qq.wait_reply()["text"] == "/weather 北京 上海 广州"


def test_23_runs_from_any_folder_in_the_playground_too(tmp_path: Path) -> None:
    run = subprocess.run(  # what is imported is there without the bot being started
        [sys.executable, "-c", "import main; print(main.bot.url)"],
        cwd=EXAMPLES / "23_several_files",
        capture_output=True,
        encoding="utf-8",
    )
    assert run.stdout.startswith("ws://"), run.stderr


def reply(words: str) -> tuple[int, bytes]:
    """What an OpenAI-compatible API says."""
    said = {"choices": [{"message": {"role": "assistant", "content": words}}]}
    return 200, json.dumps(said).encode()


def test_24_asks_a_language_model_and_remembers_the_chat() -> None:
    with Web() as web:
        web.replies = [reply("你好！"), reply("你叫小明。"), (401, b'{"error": "wrong key"}')]
        environment = {"OPENAI_BASE_URL": f"{web.url}/v1", "OPENAI_API_KEY": "geheim"}
        with chatting("24_language_model/main.py", None, **environment) as (qq, example):
            qq.send_group("/chat 我叫小明")
            assert qq.wait_reply()["text"] == "你好！"
            qq.send_group("/聊 我叫什么？", user=20003)
            assert qq.wait_reply()["text"] == "你叫小明。"
            path, headers, body = web.asked[1]
            assert path == "/v1/chat/completions"
            assert headers["Authorization"] == "Bearer geheim"
            said = [one["content"] for one in json.loads(body)["messages"]]
            assert said == ["我叫小明", "你好！", "我叫什么？"]
            qq.send_private("/chat")  # another chat, another memory
            assert "没有回答" in qq.wait_reply()["text"]
            example.wait_for("401 Client Error")
            assert "geheim" not in example.output
            web.replies = [(200, nonsense) for nonsense in (b"[]", b'{"choices": null}', b"<html>")]
            for _ in range(3):
                qq.send_private("/chat")
                assert "没有回答" in qq.wait_reply()["text"]
            assert [one["content"] for one in json.loads(web.asked[2][2])["messages"]] == ["你好"]


def test_24_tells_the_group_nothing_of_what_a_member_said_in_private() -> None:
    with Web() as web:
        web.replies = [reply("好")]
        environment = {"OPENAI_BASE_URL": web.url, "OPENAI_API_KEY": "k"}
        with chatting("24_language_model/main.py", None, **environment) as (qq, _):
            qq.send_private("/chat 我的秘密", user=20002)
            assert qq.wait_reply()["group_id"] is None
            qq.send_group("/chat 大家好", user=20002)
            qq.wait_reply()
            assert [one["content"] for one in json.loads(web.asked[1][2])["messages"]] == ["大家好"]


def test_24_starts_without_a_key_and_says_so_in_the_chat() -> None:
    with chatting("24_language_model/main.py", OPENAI_API_KEY="") as (qq, _):
        qq.send_private("/chat 你好")
        assert "OPENAI_API_KEY" in qq.wait_reply()["text"]


def test_25_sends_a_picture_from_the_web() -> None:
    with Web() as web:
        web.replies = [(200, b"\x89PNG not much of a picture"), (404, b"no such picture")]
        with chatting("25_pictures.py", PICTURE_URL=f"{web.url}/{{}}.png") as (qq, example):
            qq.send_group("/picture 狗/🐕")
            [part] = qq.wait_call("send_msg")["message"]
            assert part == segment.image(b"\x89PNG not much of a picture")
            assert web.asked[0][0] == "/%E7%8B%97%2F%F0%9F%90%95.png"
            qq.wait_reply()
            qq.send_group("/图")
            assert "下载不了" in qq.wait_reply()["text"]
            example.wait_for("404 Client Error")


def test_26_recalls_counts_and_mutes_at_the_third_time() -> None:
    with chatting("26_strict_group.py") as (qq, _):
        for times in (1, 2, 3):
            said = qq.send_group("你这个笨蛋", user=20003)["message_id"]
            assert qq.wait_reply()["text"].endswith(f"第 {times} 次警告 warning {times}")
            qq.wait_call("delete_msg", message_id=said)
        qq.wait_call("set_group_ban", group_id=30001, user_id=20003, duration=600)
        qq.send_group("笨蛋", user=20002)  # an admin
        qq.send_group("笨蛋", user=20001)
        warned = qq.wait_reply()
        assert warned["message"][0] == segment.at(20001)
        assert warned["text"].endswith("第 1 次警告 warning 1")
        assert [call["action"] for call in qq.calls].count("set_group_ban") == 1
