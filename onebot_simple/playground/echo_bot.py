"""练习场自带的机器人：收到什么就说什么，也会回应戳一戳、新人和请求。

The playground's own bot: it says what it hears, pokes back, greets newcomers, approves requests.
"""

from __future__ import annotations

import os
from typing import Any

from onebot_simple import WsClient, segment

bot = WsClient(os.getenv("ONEBOT_URL", "ws://127.0.0.1:3001"), os.getenv("ONEBOT_TOKEN"))


@bot.on_message
def echo(event: dict[str, Any]) -> str:
    return "echo: " + segment.plain_text(event)


@bot.on("notice.notify.poke")
def poke_back(event: dict[str, Any]) -> None:
    if event["target_id"] == event["self_id"]:
        bot.call_action("send_poke", user_id=event["user_id"], group_id=event.get("group_id"))


@bot.on("notice.group_increase")
def welcome(event: dict[str, Any]) -> list[Any]:
    return [segment.at(event["user_id"]), " 欢迎！Welcome!"]


@bot.on("request")
def approve(event: dict[str, Any]) -> dict[str, Any]:
    return {"approve": True}


if __name__ == "__main__":
    bot.run()
