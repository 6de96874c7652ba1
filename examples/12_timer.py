# 第 12 课：定时。schedule 记住几点做什么，bot.every 每秒看一次钟。先 pip install schedule。
# Lesson 12: timers. bot.every looks each second what is due. First: pip install schedule.
import os

import schedule

from onebot_simple import WsClient

bot = WsClient(os.getenv("ONEBOT_URL", "ws://127.0.0.1:3001"), os.getenv("ONEBOT_TOKEN"))
GROUP = int(os.getenv("ONEBOT_GROUP", "30001"))  # 换成你的群号 / your own group


@schedule.repeat(schedule.every().day.at("08:00"))
def good_morning():
    bot.send_group_msg(GROUP, "早上好！ Good morning!")


@schedule.repeat(schedule.every(5).seconds)
def soon():
    bot.send_group_msg(GROUP, "五秒到了，只说这一次。 Five seconds are over.")
    return schedule.CancelJob  # 只做一次 / just once


bot.every(1)(schedule.run_pending)
bot.run()
