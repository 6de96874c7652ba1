"""python-cqhttp, answering what `http_ours` answers: ... http_cqhttp SECRET"""

import socket
import sys
import time

from cqhttp import CQHttp

bot = CQHttp(secret=sys.argv[1])


@bot.on_message("private")
def sleep(event):
    time.sleep(1)
    return {"reply": "早上好！"}


@bot.on_message("group")
def weather(event):
    if event["raw_message"].startswith("/天气"):
        return {"reply": event["raw_message"][4:] + "晴。"}
    return None


with socket.create_server(("127.0.0.1", 0)) as free:
    port = free.getsockname()[1]
print(port, flush=True)
bot.run(host="127.0.0.1", port=port)
