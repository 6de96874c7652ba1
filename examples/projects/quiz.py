# 项目：抢答。/quiz 出一道题，群里谁先答对谁得一分；/points 看分数，重启以后还在。
# A project: a quiz. /quiz asks a question, the first right answer gets a point; /points shows them.
# 题目在 QUESTIONS 里，换成你们的 / put your own questions into QUESTIONS
import os
import random
import sqlite3
import time
from contextlib import closing

from onebot_simple import WaitTimeout, WsClient, segment

bot = WsClient(os.getenv("ONEBOT_URL", "ws://127.0.0.1:3001"), os.getenv("ONEBOT_TOKEN"))
SECONDS = float(os.getenv("QUIZ_SECONDS", "30"))
QUESTIONS = {
    "一年有几个月？ How many months has a year?": ("12", "十二", "twelve"),
    "中国的首都是哪里？ The capital of China?": ("北京", "beijing"),
    "水的化学式？ The formula of water?": ("h2o",),
    "谁写了《西游记》？ Who wrote Journey to the West?": ("吴承恩", "wu cheng'en"),
    "Python 里列表的第一个下标？ The first index of a list?": ("0", "零", "zero"),
}
asking = set()  # 正在抢答的聊天 / chats with an open question


def query(sql, *values):
    with closing(sqlite3.connect("quiz.db")) as database, database:
        return database.execute(sql, values).fetchall()


query("CREATE TABLE IF NOT EXISTS points (chat, user_id, name, points, UNIQUE (chat, user_id))")


def chat_of(event):
    # 群成员的私聊也有 group_id / a private chat with a member has a group_id, too
    return event["group_id"] if event["message_type"] == "group" else event["user_id"]


@bot.on_command("抢答", "quiz")
def quiz(event):
    chat = chat_of(event)
    if chat in asking:
        return "先答这一题 / answer this one first"
    asking.add(chat)
    try:
        return ask_everybody(event, chat)
    finally:
        asking.discard(chat)


def ask_everybody(event, chat):
    question, answers = random.choice(list(QUESTIONS.items()))

    def is_right(other):  # 这个聊天里的任何人 / anybody in this chat
        here = other["post_type"] == "message" and chat_of(other) == chat
        return here and segment.plain_text(other).strip().lower() in answers

    bot.send(event, f"{question}（{SECONDS:g} 秒 seconds）")
    started = time.monotonic()
    try:
        winner = bot.wait_for(is_right, timeout=SECONDS)
    except WaitTimeout:
        return f"时间到！答案 the answer: {answers[0]}"
    name = (winner["sender"].get("card") or winner["sender"]["nickname"])[:30]
    more = "ON CONFLICT (chat, user_id) DO UPDATE SET points = points + 1, name = excluded.name"
    query(f"INSERT INTO points VALUES (?, ?, ?, 1) {more}", chat, winner["user_id"], name)
    seconds = time.monotonic() - started
    return [segment.reply(winner["message_id"]), f"{name} 答对了，用了 right, in {seconds:.1f} s"]


@bot.on_command("分数", "points")
def points(event):
    table = "SELECT name, points FROM points WHERE chat = ? ORDER BY points DESC LIMIT 10"
    lines = [f"{name}: {points}" for name, points in query(table, chat_of(event))]
    return "\n".join(lines) or "还没有人得分 / no points yet"


if __name__ == "__main__":
    bot.run()
