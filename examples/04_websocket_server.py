# 第 4 课：让 OneBot 来连接我们。反向 WebSocket：同样的机器人，只是由对方来连。
# Lesson 4: be the WebSocket server that OneBot connects to. The same bot, the other way round.
# NapCat: 网络配置 → 新建 WebSocket 客户端，地址 ws://127.0.0.1:8765。
import os

from onebot_simple import WsServer

GROUP = int(os.getenv("ONEBOT_GROUP", "30001"))
port = int(os.getenv("ONEBOT_PORT", "8765"))
server = WsServer(port=port, access_token=os.getenv("ONEBOT_TOKEN"))

with server:
    for event in server.events():
        who, what = event.get("user_id", "-"), event.get("raw_message", "-")
        print(f"{event['post_type']}  {who}  {what!r}", flush=True)
        if event.get("sub_type") == "connect":  # OneBot 刚连上 / OneBot has just connected
            response = server.request("send_group_msg", {"group_id": GROUP, "message": "大家好！"})
            print(f"response: {response}", flush=True)
