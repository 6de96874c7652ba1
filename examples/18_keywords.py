# 第 18 课：关键词和冷却。听到关键词就回答，同一个聊天里一分钟只答一次。
# Lesson 18: keywords and a cooldown. It answers when it hears a word, once a minute in each chat.
# 试试 try: 早上好，再说一遍 / good morning, and say it again
import os
import time

from onebot_simple import WsClient, segment

bot = WsClient(os.getenv("ONEBOT_URL", "ws://127.0.0.1:3001"), os.getenv("ONEBOT_TOKEN"))
ANSWERS = {"早上好": "早！今天也加油。", "morning": "Good morning!", "作业": "第 3 页，周五交。"}
COOLDOWN = 60  # 秒 / seconds
ready = {}  # (聊天, 关键词) -> 什么时候可以再回答 / when it may answer again


@bot.on_message
def keywords(event):
    chat = event["group_id"] if event["message_type"] == "group" else event["user_id"]
    text, now = segment.plain_text(event).lower(), time.monotonic()
    for word, answer in ANSWERS.items():
        if word in text and now >= ready.get((chat, word), 0):
            ready[chat, word] = now + COOLDOWN
            return answer


bot.run()
