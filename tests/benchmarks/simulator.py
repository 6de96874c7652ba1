"""How fast the simulator pushes events and answers calls: python -m tests.benchmarks.simulator

It is a process of its own, which pushes "NUMBER" events when told so, and answers calls always.
"""

from __future__ import annotations

import json
import sys
import time
from contextlib import ExitStack

from websocket import WebSocket, create_connection

from onebot_simple.simulator import Simulator

from .harness import OURS, Measure, Other, Row

CARD = {"post_type": "notice", "notice_type": "group_card", "group_id": 30001}
STATUS = json.dumps({"action": "get_status", "echo": 1})


def connected(stack: ExitStack) -> tuple[Other, WebSocket]:
    other = stack.enter_context(Other("simulator"))
    url = other.hear()
    socket = create_connection(url, suppress_origin=True, skip_utf8_validation=True, timeout=60)
    stack.callback(socket.close)
    socket.recv()
    return other, socket


def rows(quick: bool) -> list[Row]:
    count = 1000 if quick else 5000

    def events(stack: ExitStack) -> dict[str, Measure | None]:
        other, socket = connected(stack)

        def measure() -> float:
            other.say(str(count))
            began = time.perf_counter()
            for _ in range(count):
                socket.recv_data()
            return count / (time.perf_counter() - began)

        return {OURS: measure}

    def calls(stack: ExitStack) -> dict[str, Measure | None]:
        _, socket = connected(stack)

        def measure() -> float:
            began = time.perf_counter()
            for _ in range(count // 5):
                socket.send(STATUS)
                socket.recv_data()
            return count // 5 / (time.perf_counter() - began)

        return {OURS: measure}

    return [
        Row(
            "simulator-events",
            "Simulator, events over a WebSocket",
            "events/s",
            events,
            at_least=5000,
        ),
        Row(
            "simulator-calls", "Simulator, calls over a WebSocket", "calls/s", calls, at_least=1500
        ),
    ]


def main() -> None:
    with Simulator(max_frames=2000, heart_interval=10_000_000) as qq:
        print(qq.ws_url, flush=True)
        for line in sys.stdin:
            for _ in range(int(line)):
                qq.emit(CARD)


if __name__ == "__main__":
    main()
