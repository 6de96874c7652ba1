# 第 26 课：不文明的群。说了粗话就撤回并警告，第三次起禁言十分钟。
# Lesson 26: a rude group. Rude words are recalled; the third warning mutes for ten minutes.
# 试试 try: 以 Carol 的身份说三次“笨蛋” / say "stupid" three times as Carol
import os
from collections import Counter

from onebot_simple import WsClient, segment

bot = WsClient(os.getenv("ONEBOT_URL", "ws://127.0.0.1:3001"), os.getenv("ONEBOT_TOKEN"))
BAD_WORDS = ("笨蛋", "傻瓜", "stupid")
warnings = Counter()  # (群, 人) -> 几次 / (group, person) -> how often


@bot.on_group_message
def watch(event):
    rude = any(word in segment.plain_text(event).lower() for word in BAD_WORDS)
    if rude and event["sender"].get("role") == "member":  # 管理员禁不了 / admins cannot be muted
        who = event["group_id"], event["user_id"]
        warnings[who] += 1
        words = f" 第 {warnings[who]} 次警告 warning {warnings[who]}"
        mute = {"ban": True, "ban_duration": 600} if warnings[who] >= 3 else {}
        return {"reply": words, "at_sender": True, "delete": True, **mute}


bot.run()
