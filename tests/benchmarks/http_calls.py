"""Actions over HTTP, one after the other, against a bare server in a process of its own."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from importlib import import_module
from typing import Any

import requests

from onebot_simple import HttpClient

from . import limit
from .harness import OURS, Measure, Other, Row, installed

DOCS = "requests.post (the docs' snippet)"
SESSION = "requests.Session (the bare stock part)"
PARAMS: dict[str, Any] = {"group_id": 30001, "message": "今天天气不错，我们去公园散步。"}


def rows(quick: bool) -> list[Row]:
    count = 300

    def begin(stack: ExitStack) -> dict[str, Measure | None]:
        port = int(stack.enter_context(Other("limit", "actions")).hear())
        url = f"http://127.0.0.1:{port}"
        client = stack.enter_context(HttpClient(url))
        session = stack.enter_context(requests.Session())
        bare = limit.connect(port)
        stack.callback(bare.close)
        cqhttp = installed("cqhttp") and import_module("cqhttp").CQHttp(api_root=url)
        return {
            OURS: rate(count, lambda: client.send_group_msg(**PARAMS)),
            DOCS: rate(count, lambda: requests.post(f"{url}/send_group_msg", json=PARAMS).json()),
            SESSION: rate(count, lambda: session.post(f"{url}/send_group_msg", json=PARAMS).json()),
            "python-cqhttp": rate(count, lambda: cqhttp.send_group_msg(**PARAMS))
            if cqhttp
            else None,
            "limit": rate(count, lambda: limit.call(bare, "send_group_msg", PARAMS)),
        }

    goals = {DOCS: 1.6, SESSION: 0.85}
    return [Row("http-call", "HTTP action call, sequential", "calls/s", begin, goals, rounds=15)]


def rate(count: int, call: Callable[[], object]) -> Measure:
    def measure() -> float:
        began = time.perf_counter()
        for _ in range(count):
            call()
        return count / (time.perf_counter() - began)

    return measure
