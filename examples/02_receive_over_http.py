# 第 2 课：用 HTTP 接收事件。OneBot 把每个事件推送给这个 Flask 服务器。
# Lesson 2: receive events over HTTP. OneBot pushes each event to this Flask server.
# NapCat: 网络配置 → 新建 HTTP 客户端，地址 http://127.0.0.1:8080/。
import os

from onebot_simple import EventServer

server = EventServer(port=int(os.getenv("ONEBOT_PORT", "8080")), secret=os.getenv("ONEBOT_TOKEN"))

with server:
    for event in server.events():  # 一个事件就是一个 dict / an event is a dict
        who, what = event.get("user_id", "-"), event.get("raw_message", "-")
        print(f"{event['post_type']}  {who}  {what!r}", flush=True)
