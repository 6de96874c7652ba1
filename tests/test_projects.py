"""The projects of the course: a register, a quiz, reminders, a companion."""

from __future__ import annotations

import base64
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from onebot_simple import segment

from .lessons import EXAMPLES, LATE, LESSONS, PROJECTS, Web, chatting, running
from .peers import Api, ForwardWs, message, wait_until
from .playground.test_command import printed_by
from .test_lessons import reply


def test_the_register_of_a_class(tmp_path: Path) -> None:
    with chatting("projects/check_in.py", tmp_path) as (qq, _):
        qq.send_private("/in")
        assert "请在群里" in qq.wait_reply()["text"]
        qq.set_role(20002, "owner")
        qq.set_role(10001, "member")
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
        before = len(qq.calls)
        qq.send_group("/export", user=20002)
        qq.wait_reply()
        file = qq.calls[before]["params"]["message"][0]["data"]
        table = base64.b64decode(file["file"].removeprefix("base64://")).decode("utf-8-sig")
        assert [line.split(",")[2] for line in table.split()] == ["姓名", "小爱", "卡罗尔"]
        assert file["name"] == "签到.csv"
    with chatting("projects/check_in.py", tmp_path) as (qq, _):  # started again, it knows everybody
        qq.send_group("/in", user=20001)
        assert "小爱，签到成功" in qq.wait_reply()["text"]


def test_many_classes_check_in_at_once(tmp_path: Path) -> None:
    api = Api()
    peer = ForwardWs(api)
    with running("projects/check_in.py", tmp_path, ONEBOT_URL=peer.url) as example:
        wait_until(lambda: peer.sockets, LATE)
        peer.push(message("/in", group_id=1))
        assert "你叫什么" in api.said(1, LATE)
        peer.push(message("小安", group_id=1))
        api.said(2, LATE)
        for group_id in range(2, 14):  # SQLite waits 5 s for the disk, so not too many
            peer.push(message("/in", group_id=group_id))
        assert "小安，签到成功" in api.said(14, LATE)
        example.end()
        assert "Traceback" not in example.output
    peer.close()
    with closing(sqlite3.connect(tmp_path / "check_in.db")) as database:
        rows = database.execute("SELECT group_id, name FROM seen ORDER BY group_id").fetchall()
    assert rows == [(group_id, "小安") for group_id in range(1, 14)]


ANSWERS = {"月": "12", "首都": "北京", "水": "H2O", "西游": "吴承恩", "下标": "0"}


def test_the_quiz_gives_a_point_to_the_first_right_answer(tmp_path: Path) -> None:
    with chatting("projects/quiz.py", tmp_path) as (qq, _):
        qq.send_group("/points")
        assert "还没有人得分" in qq.wait_reply()["text"]
        qq.send_group("/quiz", user=20002)
        question = qq.wait_reply()["text"]
        qq.send_group("/抢答", user=20001)  # by the answer, the first question is open for sure
        assert "先答这一题" in qq.wait_reply()["text"]
        [answer] = [answer for word, answer in ANSWERS.items() if word in question]
        qq.send_group("不知道", user=20002)
        qq.send_group(f" {answer} ", user=20003)
        assert "Carol 答对了" in qq.wait_reply()["text"]
        qq.send_group("/points")
        assert qq.wait_reply()["text"] == "Carol: 1"
        qq.send_private("/points")
        assert "还没有人得分" in qq.wait_reply()["text"]


def test_the_quiz_of_the_group_is_not_won_in_private(tmp_path: Path) -> None:
    with chatting("projects/quiz.py", tmp_path) as (qq, _):
        qq.send_group("/quiz", user=20003)
        question = qq.wait_reply()["text"]
        [answer] = [answer for word, answer in ANSWERS.items() if word in question]
        qq.send_private(answer, user=20002)
        qq.send_private("/quiz", user=20002)  # a question of their own
        own = qq.wait_reply(user=20002)["text"]
        [answer_in_private] = [answer for word, answer in ANSWERS.items() if word in own]
        qq.send_private(answer_in_private, user=20002)
        assert "Bob 答对了" in qq.wait_reply(user=20002)["text"]
        qq.send_group("/points", user=20003)
        assert "还没有人得分" in qq.wait_reply(group=30001)["text"]
        qq.send_group(answer, user=20003)
        assert "Carol 答对了" in qq.wait_reply(group=30001)["text"]


def test_the_quiz_tells_the_answer_when_time_is_up(tmp_path: Path) -> None:
    with chatting("projects/quiz.py", tmp_path, QUIZ_SECONDS="0.1") as (qq, _):
        for _ in range(2):  # and the next question may be asked
            qq.send_group("/quiz")
            assert "0.1 秒" in qq.wait_reply()["text"]
            assert "时间到" in qq.wait_reply()["text"]


def test_a_reminder_comes_in_time_and_where_it_was_asked_for(tmp_path: Path) -> None:
    with chatting("projects/reminder.py", tmp_path) as (qq, _):
        for wrong in ("/remind", "/remind tea", "/remind 10x tea", "/remind 5m"):
            qq.send_private(wrong)
            assert qq.wait_reply()["text"].startswith("用法 usage")
        qq.send_group("/remind 1s 茶 [CQ:face,id=1]", user=20003)
        replies = [qq.wait_reply(LATE) for _ in range(2)]
        # the disk may be so slow that the time is over before the answer
        agreed, reminded = sorted(replies, key=lambda one: "⏰" in one["text"])
        assert agreed["text"].startswith("好，1s 后提醒你")
        assert reminded["message"][0] == {"type": "at", "data": {"qq": "20003"}}
        assert (reminded["group_id"], reminded["text"]) == (30001, " ⏰ 茶 [CQ:face,id=1]")
        qq.send_private("/提醒 2小时 写作业")
        qq.wait_reply()
        qq.send_private("/reminders")
        assert qq.wait_reply()["text"].endswith(" s: 写作业")


def test_a_reminder_asked_for_in_private_by_a_member_comes_in_private(tmp_path: Path) -> None:
    with chatting("projects/reminder.py", tmp_path) as (qq, _):
        qq.send_private("/remind 1s 秘密", user=20002)
        replies = [qq.wait_reply(LATE) for _ in range(2)]
        assert any(one["text"] == "⏰ 秘密" for one in replies)
        assert [(one["user_id"], one["group_id"]) for one in replies] == [(20002, None)] * 2


def test_a_reminder_outlives_a_restart(tmp_path: Path) -> None:
    with chatting("projects/reminder.py", tmp_path) as (qq, _):
        qq.send_private("/remind 1h tea")
        qq.wait_reply()
    with closing(sqlite3.connect(tmp_path / "reminders.db")) as database, database:
        database.execute("UPDATE reminders SET due = due - 3600")  # an hour later
    with chatting("projects/reminder.py", tmp_path) as (qq, _):
        assert qq.wait_reply(10)["text"] == "⏰ tea"
        qq.expect_silence(1.5)  # told once


def test_the_companion_speaks_where_it_was_switched_on(tmp_path: Path) -> None:
    with Web() as web:
        web.replies = [reply("在呢"), reply("好"), reply("你好")]
        environment = {"OPENAI_BASE_URL": web.url, "OPENAI_API_KEY": "k", "OPENAI_MODEL": "m"}
        with chatting("projects/companion.py", tmp_path, **environment) as (qq, _):
            qq.send_group("在吗", at_bot=True)
            qq.expect_silence(0.1)
            qq.send_group("/companion on", user=20003)
            assert "只有群里的管理员" in qq.wait_reply()["text"]
            qq.send_group("/companion on", user=20002)
            assert "on" in qq.wait_reply()["text"]
            qq.send_group("不是和你说", user=20003)
            qq.expect_silence(0.1)
            qq.send_group("在吗", user=20003, at_bot=True)
            assert qq.wait_reply()["text"] == "在呢"
            qq.send_group("吃了吗", user=20002, at_bot=True)
            assert qq.wait_reply()["text"] == "好"
            asked = json.loads(web.asked[1][2])
            assert asked["model"] == "m"
            words = [one["content"] for one in asked["messages"]]
            assert words[1:] == ["Carol: 在吗", "在呢", "Bob: 吃了吗"]
            qq.send_group("/forget")
            qq.wait_reply()
            qq.send_group("你是谁", at_bot=True)
            assert qq.wait_reply()["text"] == "你好"
            assert len(json.loads(web.asked[2][2])["messages"]) == 2
            qq.send_private("你好")
            assert qq.wait_reply()["text"] == "你好"
    with chatting("projects/companion.py", tmp_path, OPENAI_API_KEY="") as (qq, _):
        qq.send_group("在吗", at_bot=True)  # still on after a restart
        assert "OPENAI_API_KEY" in qq.wait_reply()["text"]
        qq.send_group("/companion off", user=20002)
        assert "off" in qq.wait_reply()["text"]
        qq.send_group("在吗", at_bot=True)
        qq.send_group("/forget")  # which is answered first
        assert "forgotten" in qq.wait_reply()["text"]


def test_the_companion_keeps_a_member_s_private_words_from_the_group(tmp_path: Path) -> None:
    with Web() as web:
        web.replies = [reply("好")]
        environment = {"OPENAI_BASE_URL": web.url, "OPENAI_API_KEY": "k"}
        with chatting("projects/companion.py", tmp_path, **environment) as (qq, _):
            qq.send_group("/companion on", user=20002)
            qq.wait_reply()

            def heard_in_the_group() -> str:
                qq.send_group("在吗", user=20003, at_bot=True)
                qq.wait_reply(group=30001)
                return web.asked[-1][2].decode("unicode_escape")

            qq.send_private("我的秘密", user=20002)
            qq.wait_reply(user=20002)
            assert "秘密" not in heard_in_the_group()
            qq.send_private("/forget", user=20002)
            qq.wait_reply(user=20002)
            assert heard_in_the_group().count("在吗") == 2  # the group has not been forgotten


IN_FOLDERS = [path for path in [*LESSONS, *PROJECTS] if path.parent != EXAMPLES]


@pytest.mark.parametrize("path", IN_FOLDERS, ids=lambda path: path.parent.name + path.name)
def test_what_stands_in_a_folder_runs_in_the_playground_with_a_token(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    printed = printed_by(path)
    assert "Traceback" not in printed
    assert "geheim" not in printed
