"""How long a program waits for its imports, each time in a fresh process."""

from __future__ import annotations

import compileall
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import onebot_simple

from .harness import OURS, Measure, Row

PROGRAM = """
import time
began = time.perf_counter()
{}
print(1000 * (time.perf_counter() - began))
"""
ALL_THREE = "import requests, flask, websocket"
NEEDED = {
    "WsClient": "import websocket",
    "WsServer": "import websockets.server",
    "HttpClient": "import requests",
    "EventServer": "import flask",
}
WITHOUT = 2.5  # WsClient alone shall take 0.4 of what all three do


def milliseconds(statement: str) -> Measure:
    command = [sys.executable, "-c", PROGRAM.format(statement)]

    def measure() -> float:
        run = subprocess.run(command, capture_output=True, text=True, check=True)
        return float(run.stdout)

    return measure


def rows(quick: bool) -> list[Row]:
    # as pip does, also where the environment says that no bytecode is to be written
    compileall.compile_dir(Path(onebot_simple.__file__).parent, maxlevels=0, quiet=1)

    def begin(name: str) -> dict[str, Measure | None]:
        statements = {
            OURS: f"from onebot_simple import {name}",
            ALL_THREE: ALL_THREE,
            NEEDED[name]: NEEDED[name],
        }
        return {what: milliseconds(statement) for what, statement in statements.items()}

    def row(name: str) -> Row:
        def started(_: ExitStack) -> dict[str, Measure | None]:
            return begin(name)

        goals = {ALL_THREE: WITHOUT if name == "WsClient" else 1}
        what = f"`from onebot_simple import {name}`"
        return Row(f"import-{name}", what, "ms", started, goals, less_is_better=True, rounds=11)

    return [row(name) for name in NEEDED]
