# 第 8 课：消息段。一条消息可以由文字、@、表情、图片组成；图片可以在硬盘上。
# Lesson 8: segments. A message is made of text, @, faces, pictures; a picture may be on the disk.
# 试试 try: /smile，或者给机器人发一张图片 / or send the bot a picture.
import os
from pathlib import Path

from onebot_simple import WsClient, segment

bot = WsClient(os.getenv("ONEBOT_URL", "ws://127.0.0.1:3001"), os.getenv("ONEBOT_TOKEN"))
PICTURE = Path(__file__).with_name("smiley.png")


@bot.on_command("笑", "smile")
def smile(event):
    return [segment.reply(event["message_id"]), "笑一个 smile ", segment.image(PICTURE)]


@bot.on_message
def count_pictures(event):
    pictures = [part for part in segment.to_list(event) if part["type"] == "image"]
    if pictures:
        return [f"{len(pictures)} 张图片 picture(s)：", *pictures]


bot.run()
