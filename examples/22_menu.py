# 第 22 课：菜单。/menu 选一个数字，随时可以说“取消”；选错了再问一次。
# Lesson 22: a menu. /menu: choose a number, or say "cancel"; a wrong choice is asked again.
import os

from onebot_simple import WaitTimeout, WsClient

bot = WsClient(os.getenv("ONEBOT_URL", "ws://127.0.0.1:3001"), os.getenv("ONEBOT_TOKEN"))
MENU = {"1": "面条 noodles", "2": "米饭 rice", "3": "饺子 dumplings"}


@bot.on_command("菜单", "menu")
def menu(event):
    lines = [f"{number}. {dish}" for number, dish in MENU.items()]
    question = "\n".join([*lines, "0. 取消 cancel"])
    try:
        while (choice := bot.ask(event, question, timeout=30)) not in ("0", "取消", "cancel"):
            if choice in MENU:
                return f"{MENU[choice]}，马上来！ Coming!"
            question = "请发 0 到 3 / a number from 0 to 3, please"
    except WaitTimeout:
        return "等了 30 秒，取消了 / no answer, cancelled"
    return "取消了 / cancelled"


bot.run()
