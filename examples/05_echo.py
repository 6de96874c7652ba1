# 第 5 课：回声机器人。收到什么就说什么；return 的内容就是回答。
# Lesson 5: the echo bot. It says what it hears; what a handler returns is the answer.
# 换一种连接方式：改 bot = 那一行和 import。
# To connect another way, change the line "bot =" and the import.
import os

from onebot_simple import WsClient, segment

bot = WsClient(os.getenv("ONEBOT_URL", "ws://127.0.0.1:3001"), os.getenv("ONEBOT_TOKEN"))


@bot.on_message
def echo(event):
    return "echo: " + segment.plain_text(event)


bot.run()
