# 第 7 课：对话。bot.ask 是聊天里的 input()：提问，等同一个人的下一句话。
# Lesson 7: a conversation. bot.ask is the input() of a chat: it waits for that person's next words.
# 试试 try: /order。没人回答时，60 秒后自动结束 / without an answer it ends after 60 seconds.
import os

from onebot_simple import WsClient, segment

bot = WsClient(os.getenv("ONEBOT_URL", "ws://127.0.0.1:3001"), os.getenv("ONEBOT_TOKEN"))


@bot.on_command("点餐", "order")
def order(event):
    dish = bot.ask(event, "吃什么？ What would you like?")
    drink = bot.ask(event, f"{dish}，好的。喝什么？ And to drink?")
    return [segment.at(event["user_id"]), f" {dish} + {drink}，马上来！ Coming!"]


if __name__ == "__main__":  # 第 16 课会测试这个文件 / lesson 16 tests this file
    bot.run()
