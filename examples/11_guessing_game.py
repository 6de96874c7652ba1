# 第 11 课：猜数字。游戏的状态就是普通的局部变量，每个玩家各玩各的。
# Lesson 11: a guessing game. Its state is plain local variables; each player has their own.
# 试试 try: /guess，几个人同时玩；不想玩了就说“退出” / several people at once; "quit" gives up
import os
import random

from onebot_simple import WsClient

bot = WsClient(os.getenv("ONEBOT_URL", "ws://127.0.0.1:3001"), os.getenv("ONEBOT_TOKEN"))


@bot.on_command("猜数字", "guess")
def play(event):
    secret, hint = random.randint(1, 100), "1 到 100，猜吧！ Guess!"
    while (said := bot.ask(event, hint)) not in ("退出", "quit"):
        if not said.isdecimal():
            hint = "请发一个数字，或者：退出 / A number, please, or: quit"
        elif (guess := int(said[:9])) == secret:
            return f"猜对了，就是 {secret}！ Right!"
        else:
            hint = "小了 Too small" if guess < secret else "大了 Too big"
    return f"答案是 {secret}，下次再玩。 It was {secret}."


bot.run()
