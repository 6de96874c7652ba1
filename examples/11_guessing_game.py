# 第 11 课：猜数字。游戏的状态就是普通的局部变量，每个玩家各玩各的。
# Lesson 11: a guessing game. Its state is plain local variables; each player has their own.
# 试试 try: /guess，几个人同时玩 / several people at the same time.
import os
import random

from onebot_simple import WsClient

bot = WsClient(os.getenv("ONEBOT_URL", "ws://127.0.0.1:3001"), os.getenv("ONEBOT_TOKEN"))


@bot.on_command("猜数字", "guess")
def play(event):
    secret, guess = random.randint(1, 100), 0
    hint = "1 到 100，猜吧！ Guess!"
    while guess != secret:
        try:
            guess = int(bot.ask(event, hint))
            hint = "小了 Too small" if guess < secret else "大了 Too big"
        except ValueError:
            hint = "请发一个数字 A number, please"
    return f"猜对了，就是 {secret}！ Right!"


bot.run()
