"""aiocqhttp in a process of its own: peers.ws_aiocqhttp reverse BOTS EVENTS, as `ws_ours`."""

import asyncio
import os
import socket
import sys

from aiocqhttp import CQHttp, Event
from hypercorn.asyncio import serve
from hypercorn.config import Config

from ..measure import Counter

count = int(sys.argv[3])
bot = CQHttp()
counter = Counter(count)


@bot.on_message
async def handle(event: Event) -> None:
    counter.handle(event)
    if counter.done.is_set():
        print("handled", flush=True)
        os._exit(0)


with socket.create_server(("127.0.0.1", 0)) as free:
    port = free.getsockname()[1]
config = Config()
config.bind = [f"127.0.0.1:{port}"]
config.backlog = 512
config.loglevel = "ERROR"


async def main() -> None:
    @bot.server_app.before_serving
    async def listening() -> None:
        print(port, flush=True)

    await serve(bot.server_app, config)


asyncio.run(main())
