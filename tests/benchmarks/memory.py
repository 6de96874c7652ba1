"""What many events leave behind in a bot, which is a process of its own.

    python -m tests.benchmarks.memory

It answers each event with its text, and tells its memory in KiB for each line that it is given.
"""

from __future__ import annotations

import gc
import sys
from contextlib import ExitStack
from typing import Any

from onebot_simple import EventServer

from ..peers import message
from .harness import OURS, Measure, Other, Row
from .http_events import SECRET, Poster, request
from .soak import memory_kib

WARMING_UP = 2000


def rows(quick: bool) -> list[Row]:
    if not memory_kib():
        return []  # this system does not tell
    count = 5000 if quick else 100_000

    def begin(stack: ExitStack) -> dict[str, Measure | None]:
        bot = stack.enter_context(Other("memory"))
        poster = Poster(int(bot.hear()), keep=True)
        stack.callback(poster.close)

        def held_after(numbers: range) -> int:
            for number in numbers:
                text = f"今天天气不错 {number}"
                poster.post(request(message(text, user_id=20001 + number % 1000)))
            bot.say()
            return int(bot.hear())

        def measure() -> float:
            before = held_after(range(WARMING_UP))
            return (held_after(range(WARMING_UP, WARMING_UP + count)) - before) / 1024

        return {OURS: measure}

    what = f"Memory that {count:,} events over HTTP leave behind"
    return [Row("http-memory", what, "MiB", begin, at_most=5, rounds=1)]


def main() -> None:
    bot = EventServer(port=0, secret=SECRET)

    @bot.on_message
    def echo(event: dict[str, Any]) -> str:
        return str(event["raw_message"])

    with bot:
        print(bot.port, flush=True)
        for _ in sys.stdin:
            gc.collect()
            print(memory_kib(), flush=True)


if __name__ == "__main__":
    main()
