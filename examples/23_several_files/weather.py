# 一个功能一个文件 / one feature, one file
from bot import bot

CITIES = {"北京": "晴 sunny", "上海": "雨 rain", "广州": "热 hot"}


@bot.on_command("天气", "weather")
def weather(event, args):
    return CITIES.get(args, "没有这个城市 / no such city, try: /weather 北京")
