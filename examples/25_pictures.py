# 第 25 课：网上的图片。/picture 猫：下载一张图，当作图片发出去。
# Lesson 25: pictures from the web. /picture cat downloads a picture and sends it.
import os
from urllib.parse import quote

import requests

from onebot_simple import WsClient, segment

bot = WsClient(os.getenv("ONEBOT_URL", "ws://127.0.0.1:3001"), os.getenv("ONEBOT_TOKEN"))
URL = os.getenv("PICTURE_URL", "https://picsum.photos/seed/{}/400")  # {} 是那个词 / the word


@bot.on_command("图", "picture")
def picture(event, args="猫"):
    try:
        response = requests.get(URL.replace("{}", quote(args[:50], safe="")), timeout=15)
        response.raise_for_status()
    except requests.RequestException as error:
        print(error, flush=True)
        return "下载不了，原因在日志里 / cannot download it; the log says why"
    return segment.image(response.content)  # bytes：在我们这边 / bytes are sent along


bot.run()
