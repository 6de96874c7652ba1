# 第 1 课：调用 API。发一条私聊消息，看看 OneBot 回答什么。
# Lesson 1: call the API. Send a private message and look at what OneBot answers.
# NapCat: 网络配置 → 新建 HTTP 服务器，端口 3000。把 20001 换成你的 QQ 号 / put your own QQ number.
import os

from onebot_simple import HttpClient

USER = int(os.getenv("ONEBOT_USER", "20001"))
client = HttpClient(os.getenv("ONEBOT_URL", "http://127.0.0.1:3000"), os.getenv("ONEBOT_TOKEN"))

response = client.request("send_private_msg", {"user_id": USER, "message": "你好，NapCatQQ！"})
print(response)

data = client.send_private_msg(USER, "同一件事，更短 / the same, shorter")
print(data["message_id"])
