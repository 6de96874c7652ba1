# 第 20 课：记住（sqlite3）。数一数每个人说了多少句话，/top 看排行榜。
# Lesson 20: remembering (sqlite3). It counts what everybody says; /top shows the ranking.
import os
import sqlite3

from onebot_simple import WsClient, segment

bot = WsClient(os.getenv("ONEBOT_URL", "ws://127.0.0.1:3001"), os.getenv("ONEBOT_TOKEN"))


def query(sql, *values):
    with sqlite3.connect("said.db") as database:  # 每个线程用自己的连接 / each thread its own
        return database.execute(sql, values).fetchall()


@bot.on_message
def count(event):
    query("INSERT INTO said VALUES (?)", event["user_id"])
    if segment.plain_text(event) in ("/top", "/排行"):
        ranking = "SELECT user_id, count(*) FROM said GROUP BY user_id ORDER BY 2 DESC LIMIT 10"
        return "\n".join(f"{user_id}: {times}" for user_id, times in query(ranking))


query("CREATE TABLE IF NOT EXISTS said (user_id)")
bot.run()
