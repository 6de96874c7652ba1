# 第 13 课：慢的回答。处理函数可以慢慢想（网络服务、大模型），别的聊天照常进行。
# Lesson 13: slow answers. A handler may take its time (a web service, an AI); other chats go on.
# 试试 try: /ask 天为什么是蓝的？真的大模型在第 24 课 / lesson 24 asks a real language model.
import os
import time

from onebot_simple import WsClient

bot = WsClient(os.getenv("ONEBOT_URL", "ws://127.0.0.1:3001"), os.getenv("ONEBOT_TOKEN"))


def think(question):
    time.sleep(2)
    return f"“{question}” 是个好问题。 A good question."


@bot.on_command("问", "ask")
def answer(event, args):
    if not args:
        return "问什么？用法 usage: /ask 天为什么是蓝的？"
    bot.send(event, "让我想想…… Let me think ...")
    return think(args)


bot.run()
