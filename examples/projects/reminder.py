# 项目：提醒。/remind 10m 喝茶，十分钟后提醒你；/reminders 看还有什么；重启以后还在。
# A project: reminders. /remind 10m tea; /reminders shows what is to come, after a restart, too.
# 时间 times: 30s 10m 2h 1d，或者 or: 30秒 10分 2小时 1天
import os
import re
import sqlite3
import time
from contextlib import closing

from onebot_simple import ActionFailed, WsClient, segment

bot = WsClient(os.getenv("ONEBOT_URL", "ws://127.0.0.1:3001"), os.getenv("ONEBOT_TOKEN"))
UNITS = {"s": 1, "秒": 1, "m": 60, "分": 60, "h": 3600, "小时": 3600, "d": 86400, "天": 86400}
WANTED = re.compile(rf"(\d{{1,3}})\s*({'|'.join(UNITS)})\w*\s+(.+)", re.S)
USAGE = "用法 usage: /remind 10m 喝茶 tea"


def query(sql, *values):
    with closing(sqlite3.connect("reminders.db")) as database, database:
        return database.execute(sql, values).fetchall()


query("CREATE TABLE IF NOT EXISTS reminders (due, group_id, user_id, words)")


@bot.on_command("提醒", "remind")
def remind(event, args):
    wanted = WANTED.fullmatch(args)
    if wanted is None:
        return USAGE
    number, unit, words = wanted.groups()
    due = time.time() + int(number) * UNITS[unit]
    # 群成员的私聊也有 group_id / a private chat with a member has a group_id, too
    group_id = event["group_id"] if event["message_type"] == "group" else None
    query("INSERT INTO reminders VALUES (?, ?, ?, ?)", due, group_id, event["user_id"], words[:200])
    return f"好，{number}{unit} 后提醒你 / I will remind you of: {words[:200]}"


@bot.on_command("提醒列表", "reminders")
def reminders(event):
    mine = "SELECT due, words FROM reminders WHERE user_id = ? ORDER BY due LIMIT 10"
    lines = [f"{due - time.time():.0f} s: {words}" for due, words in query(mine, event["user_id"])]
    return "\n".join(lines) or f"什么都没有 / nothing. {USAGE}"


@bot.every(1)  # 每秒看一次 / looks once a second
def tell_what_is_due():
    due = "SELECT rowid, group_id, user_id, words FROM reminders WHERE due <= ?"
    for row, group_id, user_id, words in query(due, time.time()):
        try:
            if group_id is None:
                bot.send_private_msg(user_id, segment.text(f"⏰ {words}"))
            else:
                bot.send_group_msg(group_id, [segment.at(user_id), segment.text(f" ⏰ {words}")])
        except ActionFailed as error:  # 例如不在群里了 / no longer in the group, say
            print(error, flush=True)
        # 断线时到不了这里，连上以后再说 / not reached while the connection is lost: said later
        query("DELETE FROM reminders WHERE rowid = ?", row)


if __name__ == "__main__":
    bot.run()
