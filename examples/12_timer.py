# 第 12 课：定时。一个线程每分钟看一次钟，到点就说话；bot.run() 照常。
# Lesson 12: a timer. A thread looks at the clock once a minute, and speaks when it is time.
# 试试把 08:00 改成下一分钟 / put the next minute there and see.
import os
import time
from threading import Thread

from onebot_simple import OneBotError, WsClient

bot = WsClient(os.getenv("ONEBOT_URL", "ws://127.0.0.1:3001"), os.getenv("ONEBOT_TOKEN"))


def good_morning():
    while True:
        time.sleep(60 - time.time() % 60)  # 到下一分钟开始 / until the next minute begins
        if time.strftime("%H:%M") == "08:00":
            try:
                bot.send_group_msg(group_id=30001, message="早上好！ Good morning!")
            except OneBotError as error:  # 断线了？时钟不能停 / offline? The clock must go on
                print(error)


Thread(target=good_morning, daemon=True).start()  # daemon：和程序一起结束 / ends with the program
bot.run()
