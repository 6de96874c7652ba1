# 第 12 课：定时。schedule 记住几点做什么；OneBot 的心跳每 30 秒来一次，正好看一次钟。
# Lesson 12: a timer. schedule knows what is due when; each heartbeat (30 s) looks at the clock.
# pip install schedule；试试把 08:00 改成下一分钟 / put the next minute there and see.
import os

import schedule

from onebot_simple import WsClient

bot = WsClient(os.getenv("ONEBOT_URL", "ws://127.0.0.1:3001"), os.getenv("ONEBOT_TOKEN"))


@schedule.repeat(schedule.every().day.at("08:00"))
def good_morning():
    bot.send_group_msg(group_id=30001, message="早上好！ Good morning!")


@bot.on_meta_event  # 心跳是一种元事件 / a heartbeat is a meta event
def look_at_the_clock(event):
    schedule.run_pending()


bot.run()
