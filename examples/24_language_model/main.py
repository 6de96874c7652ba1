# 第 24 课：大模型。/chat 你好：任何兼容 OpenAI 的服务都行；记得这个聊天的最后二十句话。
# Lesson 24: any OpenAI-compatible API. /chat hello: it remembers a chat's last 20 messages.
# 先设置 / first set: OPENAI_API_KEY, OPENAI_BASE_URL (https://api.deepseek.com/v1), OPENAI_MODEL
import os
from collections import defaultdict, deque

import model

from onebot_simple import WsClient

bot = WsClient(os.getenv("ONEBOT_URL", "ws://127.0.0.1:3001"), os.getenv("ONEBOT_TOKEN"))
memory = defaultdict(lambda: deque(maxlen=20))  # 聊天 -> 最后二十句 / a chat's last messages


@bot.on_command("聊", "chat")
def chat(event, args="你好"):
    # 群成员的私聊也有 group_id / a private chat with a member has a group_id, too
    said = memory[event["group_id"] if event["message_type"] == "group" else event["user_id"]]
    said.append({"role": "user", "content": args})
    answer = model.ask(list(said))
    said.append({"role": "assistant", "content": answer})
    return answer


bot.run()
