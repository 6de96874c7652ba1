# 问大模型一次，返回它的话；出了错就返回哪里错了 / asks the model once; says what went wrong, if so
import os

import requests

URL = os.getenv("OPENAI_BASE_URL", "https://api.openai.com/v1").rstrip("/") + "/chat/completions"
KEY = os.getenv("OPENAI_API_KEY")
MODEL = os.getenv("OPENAI_MODEL", "gpt-4o-mini")


def ask(messages):
    if not KEY:
        return "还没有钥匙：设置 OPENAI_API_KEY 再启动 / no key: set OPENAI_API_KEY and restart"
    body = {"model": MODEL, "messages": messages}
    headers = {"Authorization": f"Bearer {KEY}"}
    try:
        response = requests.post(URL, json=body, headers=headers, timeout=60)
        response.raise_for_status()
        return response.json()["choices"][0]["message"]["content"]
    except (requests.RequestException, ValueError, LookupError, TypeError) as error:
        print(error, flush=True)
        return "大模型没有回答，原因在日志里 / the model did not answer; the log says why"
