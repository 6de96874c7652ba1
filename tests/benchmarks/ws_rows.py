"""The rows of the WebSocket side. Whatever is measured runs in a process of its own."""

from __future__ import annotations

import time
from contextlib import ExitStack

from .frames import LOGIN
from .harness import OURS, Measure, Other, Row, installed, told_by

Contenders = dict[str, Measure | None]
NAPCAT, NONEBOT, AIOCQHTTP = "napcat-sdk", "NoneBot2", "aiocqhttp"
STOCK = "websocket-client"
THREADS, SELECTORS = "limit (a thread each)", "limit (selectors)"
SERVER_PROTOCOL = "bare ServerProtocol"


def rows(quick: bool) -> list[Row]:
    return [
        Row(
            "ws-call",
            "WebSocket action call, sequential",
            "calls/s",
            lambda stack: calls(stack, 500 if quick else 3000),
            {"limit": 0.65, STOCK: 0.85},
        ),
        Row(
            "ws-event",
            "WebSocket events to a handler, 1.1 KB",
            "events/s",
            lambda stack: events(stack, 4000 if quick else 40_000, 800 if quick else 2000),
            {"limit": 0.4, STOCK: 0.85, NAPCAT: 1.4, NONEBOT: 15},
        ),
        Row(
            "ws-big",
            "WebSocket event of 1.4 MB",
            "events/s",
            lambda stack: big(stack, 20 if quick else 60),
            {STOCK: 0.85},
        ),
        *(reverse_row(bots, quick) for bots in (1, 50, 500)),
        Row(
            "ws-reverse-memory",
            "memory of a reverse connection, of 500",
            "KB",
            lambda stack: {OURS: lambda: reverse("ws_ours", "memory", 500, 0)},
            at_most=20,
            less_is_better=True,
            rounds=3,
        ),
        Row(
            "ws-reverse-1000",
            "1,000 bots connect and are answered",
            "s",
            lambda stack: {OURS: lambda: answered(1000)},
            at_most=5,
            less_is_better=True,
            rounds=3,
        ),
        Row(
            "dispatch",
            "handle() to a handler, with parsing, 20 conversations",
            "events/s",
            lambda stack: dispatch(4000 if quick else 40_000),
            {"direct call": 0.4},
        ),
        Row(
            "ws-kept",
            "memory kept after 100,000 events",
            "MB",
            lambda stack: {OURS: told("ws_ours", "kept", load(stack), 100_000)},
            at_most=5,
            less_is_better=True,
            rounds=1,
        ),
    ]


def load(stack: ExitStack) -> int:
    """The port of somebody who plays OneBot's WebSocket server."""
    return int(stack.enter_context(Other("ws_load", "forward")).hear())


def told(module: str, *arguments: object) -> Measure:
    return lambda: told_by(module, *arguments)


def calls(stack: ExitStack, count: int) -> Contenders:
    port = load(stack)
    return {
        OURS: told("ws_ours", "calls", port, count),
        NAPCAT: told("peers.ws_napcat", "calls", port, count) if installed("napcat") else None,
        NONEBOT: told("peers.ws_nonebot", "calls", port, count) if installed("nonebot") else None,
        STOCK: told("ws_stock", "calls", port, count),
        "limit with a reader thread": told("ws_limit", "threaded_calls", port, count),
        "limit": told("ws_limit", "calls", port, count),
    }


def events(stack: ExitStack, count: int, few: int) -> Contenders:
    """NoneBot2 gets few: all at its pace would take minutes."""
    port = load(stack)
    return {
        OURS: told("ws_ours", "events", port, count),
        NAPCAT: told("peers.ws_napcat", "events", port, count) if installed("napcat") else None,
        NONEBOT: told("peers.ws_nonebot", "events", port, few) if installed("nonebot") else None,
        STOCK: told("ws_stock", "events", port, count),
        "limit": told("ws_limit", "events", port, count),
    }


def big(stack: ExitStack, count: int) -> Contenders:
    port = load(stack)
    return {
        OURS: told("ws_ours", "big", port, count),
        STOCK: told("ws_stock", "big", port, count),
        "limit": told("ws_limit", "big", port, count),
    }


def reverse_row(bots: int, quick: bool) -> Row:
    count = 4000 if quick else 40_000
    few = count // 4
    return Row(
        f"ws-reverse-{bots}",
        f"reverse WebSocket events, {bots} bots",
        "events/s",
        lambda stack: {
            OURS: lambda: reverse("ws_ours", "reverse", bots, count),
            AIOCQHTTP: (lambda: reverse("peers.ws_aiocqhttp", "reverse", bots, few))
            if installed("aiocqhttp")
            else None,
            NAPCAT: (lambda: reverse("peers.ws_napcat_server", "reverse", bots, few))
            if installed("napcat")
            else None,
            THREADS: lambda: reverse("ws_limit", "threads", bots, count),
            SERVER_PROTOCOL: lambda: reverse("ws_limit", "stock", bots, count),
            SELECTORS: lambda: reverse("ws_limit", "selectors", bots, count),
        },
        {
            AIOCQHTTP: {1: 2.5, 50: 3.5, 500: 6}[bots],
            NAPCAT: 1.8,
            THREADS: 0.6,
            SERVER_PROTOCOL: 0.85,
        },
        rounds=5,
    )


def reverse(module: str, what: str, bots: int, count: int) -> float:
    """Events per second, from the word to begin to the last handled; or what it tells instead."""
    with Other(module, what, bots, count) as server:
        port = server.hear()
        path = "/ws/" if "aiocqhttp" in module else LOGIN if "napcat" in module else "/"
        with Other("ws_load", "reverse", port, path, bots, count) as peers:
            peers.hear()
            began = time.perf_counter()
            peers.say("go")
            told = server.hear()
            if told == "handled":
                return count / (time.perf_counter() - began)
            return float(told)


def answered(bots: int) -> float:
    with Other("ws_ours", "answering", bots, 0) as server:
        return told_by("ws_load", "answered", server.hear(), "/", bots)


def dispatch(count: int) -> Contenders:
    return {
        OURS: told("ws_ours", "dispatch", 20, count),
        "direct call": told("ws_ours", "direct", 20, count),
    }
