# 第 6 课：指令。/roll 掷骰子，/choose 米饭 面条 选一个；后面的文字在 args 里。
# Lesson 6: commands. /roll throws a die, /choose rice noodles picks one: the rest is args.
# 一个指令可以有几个名字 / a command may have several names.
import os
import random

from onebot_simple import WsClient

bot = WsClient(os.getenv("ONEBOT_URL", "ws://127.0.0.1:3001"), os.getenv("ONEBOT_TOKEN"))


@bot.on_command("骰子", "roll")
def roll(event):
    return f"🎲 {random.randint(1, 6)}"


@bot.on_command("选", "choose")
def choose(event, args):
    if not args:
        return "用法 usage: /choose 米饭 面条"
    return random.choice(args.split())


bot.run()
