# 第 9 课：新人。欢迎进群的人，自动处理加好友和加群的请求。
# Lesson 9: newcomers. Welcome whoever joins the group; answer requests to be a friend or
# to come in.
# 通知和请求也是事件，按名字选；返回的 dict 是“快速操作” / a returned dict is a quick operation.
import os

from onebot_simple import WsClient, segment

bot = WsClient(os.getenv("ONEBOT_URL", "ws://127.0.0.1:3001"), os.getenv("ONEBOT_TOKEN"))


@bot.on("notice.group_increase")
def welcome(event):
    if event["user_id"] != event["self_id"]:  # 不欢迎自己 / not itself
        return [segment.at(event["user_id"]), " 欢迎！请看群公告。 Welcome!"]


@bot.on_request
def let_in(event):
    if event["request_type"] == "group" and "芝麻开门" not in event["comment"]:
        return {"approve": False, "reason": "请写暗号 / write the password"}
    return {"approve": True}


bot.run()
