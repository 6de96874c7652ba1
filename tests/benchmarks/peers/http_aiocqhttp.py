"""aiocqhttp, answering what `http_ours` answers: ... http_aiocqhttp SECRET"""

import asyncio
import socket
import sys

from aiocqhttp import CQHttp

bot = CQHttp(secret=sys.argv[1])


@bot.on_message("private")
async def sleep(event):
    await asyncio.sleep(1)
    return {"reply": "早上好！"}


@bot.on_message("group")
async def weather(event):
    if event.raw_message.startswith("/天气"):
        return {"reply": event.raw_message[4:] + "晴。"}
    return None


with socket.create_server(("127.0.0.1", 0)) as free:
    port = free.getsockname()[1]
print(port, flush=True)
bot.run(host="127.0.0.1", port=port)
