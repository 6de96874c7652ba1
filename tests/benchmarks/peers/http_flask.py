"""A Flask app as the documentation shows it, that answers what `http_ours` answers.

It does not look at signatures.
"""

import socket
import time

from flask import Flask, request

app = Flask(__name__)


@app.route("/", methods=["POST"])
def receive():
    event = request.get_json()
    if event.get("message_type") == "private":
        time.sleep(1)
        return {"reply": "早上好！"}
    if event.get("message_type") == "group" and event["raw_message"].startswith("/天气"):
        return {"reply": event["raw_message"][4:] + "晴。"}
    return {}


with socket.create_server(("127.0.0.1", 0)) as free:
    port = free.getsockname()[1]
print(port, flush=True)
app.run(port=port)
