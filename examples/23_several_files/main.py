# 第 23 课：几个文件。bot.py 里是 bot = WsClient(...)，weather.py 是一个功能，main.py 合起来。
# Lesson 23: several files. bot.py makes the bot, weather.py is a feature, main.py joins them.
# 从 bot.py 导入，不要从 main.py：那样会有两个机器人 / from bot.py, or there are two bots
import weather  # 导入时登记了处理函数 / importing it registers its handlers
from bot import bot


@bot.on_command("帮助", "help")
def show_help(event):
    return f"/weather {' '.join(weather.CITIES)}"


if __name__ == "__main__":
    bot.run()
