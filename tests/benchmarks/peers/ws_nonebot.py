"""NoneBot2 in a process of its own: peers.ws_nonebot calls|events PORT COUNT, as `ws_ours`."""

import os
import sys
import time
from typing import Any

import nonebot
from nonebot import on_message
from nonebot.adapters.onebot.v11 import Adapter, Bot, MessageEvent

from ..measure import BURST, PARAMS, Counter

what, port, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
nonebot.logger.remove()  # it would write to where the figure goes
nonebot.init(driver="~websockets", onebot_ws_urls=[f"ws://127.0.0.1:{port}"], log_level="ERROR")
driver = nonebot.get_driver()
driver.register_adapter(Adapter)
counter = Counter(count)


def end(result: float) -> None:
    print(result, flush=True)
    os._exit(0)  # its own end takes seconds


@driver.on_bot_connect
async def begin(bot: Bot) -> None:
    if what == "events":
        counter.began = time.perf_counter()
        await bot.call_api("burst", count=BURST)
        return
    began = time.perf_counter()
    for _ in range(count):
        await bot.call_api("send_group_msg", **PARAMS)
    end(count / (time.perf_counter() - began))


@on_message().handle()
async def handle(bot: Bot, event: MessageEvent) -> None:
    content: dict[str, Any] = {}
    if counter.handle(content):
        await bot.call_api("burst", count=BURST)
    if counter.done.is_set():
        end(counter.wait())


nonebot.run()
