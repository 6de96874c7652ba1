# 第 19 课：记住（JSON 文件）。/note 记一条笔记，再念出最近十条；重启以后还在。
# Lesson 19: remembering (JSON). /note keeps a note, also after a restart, and shows the last ten.
import json
import os
from pathlib import Path
from threading import Lock

from onebot_simple import WsClient

bot = WsClient(os.getenv("ONEBOT_URL", "ws://127.0.0.1:3001"), os.getenv("ONEBOT_TOKEN"))
FILE, lock = Path("notes.json"), Lock()  # 聊天各有各的线程 / each chat has a thread of its own


@bot.on_command("记", "note")
def note(event, args):
    with lock:  # 一个人写完，下一个人再读 / one at a time reads and writes
        notes = json.loads(FILE.read_text("utf-8")) if FILE.exists() else {}
        mine = notes.setdefault(str(event["user_id"]), [])
        if args:
            mine.append(args[:200])
            FILE.write_text(json.dumps(notes, ensure_ascii=False, indent=1), "utf-8")
    return "\n".join(mine[-10:]) or "还没有笔记，用法 usage: /note 明天带伞"


bot.run()
