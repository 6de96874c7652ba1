# 项目：大模型伙伴。私聊，或者在打开了的群里 @ 它。群管理员：/companion on 或 off；/forget 忘掉。
# A project: a companion. It answers in private, and to an @ after /companion on; /forget.
# 先设置 / first set: OPENAI_API_KEY, OPENAI_BASE_URL (https://api.deepseek.com/v1), OPENAI_MODEL
import json
import os
from collections import defaultdict, deque
from pathlib import Path
from threading import Lock

import requests

from onebot_simple import WsClient, segment

bot = WsClient(os.getenv("ONEBOT_URL", "ws://127.0.0.1:3001"), os.getenv("ONEBOT_TOKEN"))
URL = os.getenv("OPENAI_BASE_URL", "https://api.openai.com/v1").rstrip("/") + "/chat/completions"
KEY, MODEL = os.getenv("OPENAI_API_KEY"), os.getenv("OPENAI_MODEL", "gpt-4o-mini")
CHARACTER = os.getenv("COMPANION", "你是班里的伙伴，说话简短、友好。 A friend of the class, brief.")
memory = defaultdict(lambda: deque(maxlen=20))  # 聊天 -> 最后二十句 / a chat's last messages
FILE, lock = Path("companion.json"), Lock()  # 打开了的群 / the groups where it is on


def groups_that_are_on():
    return set(json.loads(FILE.read_text("utf-8"))) if FILE.exists() else set()


def is_spoken_to(event):
    if event["message_type"] == "private":
        return True
    ats = [part["data"].get("qq") for part in segment.to_list(event) if part["type"] == "at"]
    with lock:  # 不在别人写到一半时读 / not while somebody is writing
        on = event["group_id"] in groups_that_are_on()
    return on and str(event["self_id"]) in map(str, ats)


def reply_to(messages):
    body = {"model": MODEL, "messages": [{"role": "system", "content": CHARACTER}, *messages]}
    response = requests.post(URL, json=body, headers={"Authorization": f"Bearer {KEY}"}, timeout=60)
    response.raise_for_status()
    return response.json()["choices"][0]["message"]["content"]


@bot.on_command("伙伴", "companion")
def switch(event, args):
    if event["sender"].get("role") not in ("owner", "admin"):
        return "只有群里的管理员可以 / only admins of the group may"
    with lock:
        groups = groups_that_are_on() - {event["group_id"]}
        if args in ("on", "开"):
            groups.add(event["group_id"])
        FILE.write_text(json.dumps(sorted(groups)), "utf-8")
    return "开了，@ 我说话 / on: speak to me with an @" if args in ("on", "开") else "关了 / off"


@bot.on_command("忘掉", "forget")
def forget(event):
    memory.pop(event["group_id"] if event["message_type"] == "group" else event["user_id"], None)
    return "忘掉了 / forgotten"


@bot.on_message
def talk(event):
    words = segment.plain_text(event).strip()[:2000]
    if not words or not is_spoken_to(event):
        return None
    if not KEY:
        return "还没有钥匙：设置 OPENAI_API_KEY 再启动 / no key: set OPENAI_API_KEY and restart"
    # 群成员的私聊也有 group_id / a private chat with a member has a group_id, too
    said = memory[event["group_id"] if event["message_type"] == "group" else event["user_id"]]
    said.append({"role": "user", "content": f"{event['sender'].get('nickname')}: {words}"})
    try:
        answer = reply_to(said)
    except (requests.RequestException, ValueError, LookupError, TypeError) as error:
        print(error, flush=True)
        return "大模型没有回答，原因在日志里 / the model did not answer; the log says why"
    said.append({"role": "assistant", "content": answer})
    return answer


if __name__ == "__main__":
    bot.run()
