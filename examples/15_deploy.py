# 第 15 课：部署。server.app 是普通的 Flask 应用，可以交给 waitress 或 gunicorn 运行。
# Lesson 15: deploy. server.app is a plain Flask application; let waitress or gunicorn serve it.
# pip install waitress；多进程 many processes (Linux): gunicorn -w 4 -b 127.0.0.1:8080 15_deploy:app
import logging
import os

import waitress

from onebot_simple import EventServer, HttpClient, segment

api = HttpClient(os.getenv("ONEBOT_URL", "http://127.0.0.1:3000"), os.getenv("ONEBOT_TOKEN"))
server = EventServer(secret=os.getenv("ONEBOT_TOKEN"), api=api)
app = server.app  # 多进程时不要用 ask()：下一句话可能到了别的进程 / with many processes: no ask()


@server.on_message
def echo(event):
    return "echo: " + segment.plain_text(event)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    waitress.serve(app, host="127.0.0.1", port=int(os.getenv("ONEBOT_PORT", "8080")))
