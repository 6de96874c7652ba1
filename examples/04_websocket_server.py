# 第 4 课：让 OneBot 来连接我们。反向 WebSocket：同样的机器人，只是由对方来连。
# Lesson 4: be the WebSocket server that OneBot connects to. The same bot, dialled by OneBot.
# NapCat: 网络配置 → 新建 WebSocket 客户端，地址 ws://127.0.0.1:8765。
import os

from onebot_simple import WsServer

bot = WsServer(port=int(os.getenv("ONEBOT_PORT", "8765")), access_token=os.getenv("ONEBOT_TOKEN"))


@bot.on_connect
def greet(self_id):
    response = bot.request("send_group_msg", {"group_id": 30001, "message": "你好，大家！"})
    print(f"response: {response}", flush=True)


@bot.on("message", "notice", "request", "meta_event")
def show(event):
    print(f"event: {event}", flush=True)


bot.run()
