# 第 12 课：定时。schedule 记住几点做什么，主程序每秒看一次钟。
# Lesson 12: a timer. schedule knows what is due when; the main program looks once a second.
# pip install schedule；试试把 08:00 改成下一分钟 / put the next minute there and see.
import os
import time

import schedule

from onebot_simple import OneBotError, WsClient

bot = WsClient(os.getenv("ONEBOT_URL", "ws://127.0.0.1:3001"), os.getenv("ONEBOT_TOKEN"))


@schedule.repeat(schedule.every().day.at("08:00"))
def good_morning():
    try:
        bot.send_group_msg(group_id=30001, message="早上好！ Good morning!")
    except OneBotError as error:  # 断线了？时钟不能停 / offline? The clock must go on
        print(error, flush=True)


with bot:  # 像 run()，但不占住主程序 / like run(), and the main program is free
    while True:
        schedule.run_pending()
        time.sleep(1)
