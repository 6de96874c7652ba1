# 项目：课堂签到。指令、提问、权限、消息段、文件和 sqlite3 合在一起。
# A project: checking in to class. Commands, ask, roles, segments, files and sqlite3.
# 学生 pupils: /in。老师（群管理员）teachers (admins of the group): /absent, /export。
import csv
import io
import os
import sqlite3
from contextlib import closing
from datetime import datetime

from onebot_simple import WsClient, segment

bot = WsClient(os.getenv("ONEBOT_URL", "ws://127.0.0.1:3001"), os.getenv("ONEBOT_TOKEN"))


def query(sql, *values):
    # 不同的聊天在不同的线程里，所以每次用新的连接 / chats run on threads: a connection for each
    with closing(sqlite3.connect("check_in.db")) as database, database:
        return database.execute(sql, values).fetchall()


query("CREATE TABLE IF NOT EXISTS seen (group_id, day, user_id, name, time)")
query("CREATE UNIQUE INDEX IF NOT EXISTS once_a_day ON seen (group_id, day, user_id)")


@bot.on_command("签到", "in")
def check_in(event):
    if event["message_type"] != "group":
        return "请在群里签到 / in the group, please"
    group_id, user_id = event["group_id"], event["user_id"]
    known = query("SELECT name FROM seen WHERE user_id = ?", user_id)
    name = known[0][0] if known else ""
    while not name:  # 图片里没有；开头的 = 在 Excel 里是公式 / to Excel, = begins a formula
        said = bot.ask(event, "第一次签到，你叫什么？ Your name?")
        name = said.strip("=+-@＝＋－＠ \t\r\n")[:30]
    day, time = f"{datetime.now():%Y-%m-%d %H:%M}".split()
    query("INSERT OR IGNORE INTO seen VALUES (?, ?, ?, ?, ?)", group_id, day, user_id, name, time)
    return [segment.at(user_id), f" {name}，签到成功 checked in ✓"]


@bot.on_command("缺席", "absent", "导出", "export")
def only_teachers(event):
    if event["sender"].get("role") not in ("owner", "admin"):
        return "只有老师可以 / teachers only"


@bot.on_command("缺席", "absent")
def absent(event):
    group_id, day = event["group_id"], f"{datetime.now():%Y-%m-%d}"
    rows = query("SELECT user_id FROM seen WHERE group_id = ? AND day = ?", group_id, day)
    members = bot.get_group_member_list(group_id)
    pupils = {member["user_id"] for member in members if member["role"] == "member"}
    missing = pupils - {row[0] for row in rows} - {event["self_id"]}
    return [f"还有 {len(missing)} 人没签到 missing: ", *map(segment.at, sorted(missing))]


@bot.on_command("导出", "export")
def export(event):
    rows = query("SELECT day, time, name, user_id FROM seen WHERE group_id = ?", event["group_id"])
    table = io.StringIO()
    csv.writer(table).writerows([("日期", "时间", "姓名", "QQ"), *rows])
    return segment.file(table.getvalue().encode("utf-8-sig"), name="签到.csv")  # Excel: utf-8-sig


if __name__ == "__main__":
    bot.run()
