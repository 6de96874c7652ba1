# 机器人在自己的文件里，大家都从这里导入 / the bot in a file of its own, imported by all the others
import os

from onebot_simple import WsClient

bot = WsClient(os.getenv("ONEBOT_URL", "ws://127.0.0.1:3001"), os.getenv("ONEBOT_TOKEN"))
