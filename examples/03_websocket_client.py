# 第 3 课：连接 OneBot 的 WebSocket。一条连接，既能调用动作，又能收到事件。
# Lesson 3: connect to OneBot's WebSocket. One connection for both: actions out, events in.
# NapCat: 网络配置 → 新建 WebSocket 服务器，端口 3001。把 30001 换成你的群号 / put your own group.
import os

from onebot_simple import WsClient

GROUP = int(os.getenv("ONEBOT_GROUP", "30001"))
bot = WsClient(os.getenv("ONEBOT_URL", "ws://127.0.0.1:3001"), os.getenv("ONEBOT_TOKEN"))

with bot:
    response = bot.request("send_group_msg", {"group_id": GROUP, "message": "大家好！"})
    print(f"response: {response}", flush=True)
    for event in bot.events():
        who, what = event.get("user_id", "-"), event.get("raw_message", "-")
        print(f"{event['post_type']}  {who}  {what!r}", flush=True)
