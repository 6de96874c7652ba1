"""Our side of the event benchmarks, as a process of its own: an EventServer as in the lessons.

    python -m tests.benchmarks.http_ours SECRET

It prints its port, and runs until its input ends. Some handlers are for other events, and one
sleeps, as in `peers`.
"""

from __future__ import annotations

import sys
import threading
import time
from typing import Any

from onebot_simple import EventServer

bot = EventServer(port=0, secret=sys.argv[1])


@bot.on("notice.group_increase")
def welcome(event: dict[str, Any]) -> str:
    return "欢迎！"


@bot.on_command("帮助")
def explain(event: dict[str, Any]) -> str:
    return "/天气 城市"


@bot.on_private_message
def sleep(event: dict[str, Any]) -> str:
    time.sleep(1)
    return "早上好！"


@bot.on_command("天气")
def weather(event: dict[str, Any], city: str) -> str:
    return f"{city}晴。"


def end() -> None:
    sys.stdin.read()
    bot.stop()


if __name__ == "__main__":
    bot.start()
    print(bot.port, flush=True)
    threading.Thread(target=end, daemon=True).start()
    bot.run()
