"""Whether it matters how many there are: handlers, conversations, people who are being asked.

Events are put in without a transport, in one process, so that what is seen is the bot's own work,
in processor time, which a busy machine does not lengthen. A row compares many with few; equal would
be 1. Handlers are asked one after another, so that each costs every event a little.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import Any

from onebot_simple import EventServer, NetworkError

from ..peers import message, wait_until
from .harness import OURS, Measure, Row

FLAT = 0.8
BATCH = 900
CROWD = 1_000_000  # the first user_id of those who wait


def rows(quick: bool) -> list[Row]:
    count = 1000 if quick else 3000
    kinds: dict[str, tuple[str, Callable[[ExitStack, int, int], Measure], list[int]]] = {
        "handlers": ("handlers registered", with_handlers, [100, 10, 1]),
        "conversations": ("conversations", with_conversations, [10_000, 100, 1]),
        "asks": ("people being asked", with_asks, [1000, 100, 0]),
    }

    def begin(
        of: Callable[[ExitStack, int, int], Measure], sizes: list[int], stack: ExitStack
    ) -> dict[str, Measure | None]:
        names = [OURS, *map(str, sizes[1:])]
        return {name: of(stack, size, count) for name, size in zip(names, sizes, strict=True)}

    return [
        Row(
            f"scale-{name}",
            f"Events with {sizes[0]:,} {what}, against {sizes[1]} and {sizes[2]}",
            "events/CPU s",
            partial(begin, of, sizes),
            {} if name == "handlers" else {str(sizes[2]): FLAT},
        )
        for name, (what, of, sizes) in kinds.items()
    ]


def started(stack: ExitStack) -> EventServer:
    """A bot that is given events by hand; it need not listen."""
    bot = EventServer(port=0)
    stack.callback(bot._conversations.stop, 5)
    return bot


def rate(bot: EventServer, events: list[dict[str, Any]]) -> Measure:
    """Events that are handled in a second of the processor; fewer at once than the bot warns of."""

    def measure() -> float:
        began = time.process_time()
        for first in range(0, len(events), BATCH):
            handle(bot, events[first : first + BATCH])
        return len(events) / (time.process_time() - began)

    return measure


def handle(bot: EventServer, events: list[dict[str, Any]]) -> None:
    answers: list[str | None] = []
    all_answered = threading.Event()

    def note(answer: str | None) -> None:
        answers.append(answer)
        if len(answers) == len(events):
            all_answered.set()

    for event in events:
        bot.handle(event, respond=note)
    if not all_answered.wait(60) or not all(answers):
        raise RuntimeError("an event was not answered")


def with_handlers(stack: ExitStack, number: int, count: int) -> Measure:
    bot = started(stack)
    for other in range(number - 1):
        bot.on_command(f"command{other}")(lambda event: "not this one")
    bot.on_message(lambda event: "hi")
    return rate(bot, [message(user_id=20001 + n % 10) for n in range(count)])


def with_conversations(stack: ExitStack, number: int, count: int) -> Measure:
    bot = started(stack)
    bot.on_message(lambda event: "hi")
    return rate(bot, [message(user_id=20001 + n % number) for n in range(max(count, number))])


def with_asks(stack: ExitStack, number: int, count: int) -> Measure:
    bot = started(stack)

    @bot.on_command("ask")
    def ask(event: dict[str, Any]) -> str | None:
        try:
            return bot.ask(event, timeout=600)
        except NetworkError:  # the end
            return None

    bot.on_message(lambda event: "hi")
    for user in range(number):
        bot.handle(message("/ask", user_id=CROWD + user), respond=lambda answer: None)
    wait_until(lambda: waiting(bot) == number, 60)
    return rate(bot, [message(user_id=20001 + n % 10) for n in range(count)])


def waiting(bot: EventServer) -> int:
    return sum(len(waiters) for waiters in list(bot._conversations._waiters.values()))
