"""Hostile input for everything that takes input. Not collected by pytest.

    python -m tests.benchmarks.fuzz --inputs 1000000 --seed 1

Each target takes its share of the inputs and says what it found: an exception that escaped, an
input that took seconds, a connection that was dropped although it should have lived on. A find is
printed with the input that led to it. The same seed gives the same inputs.
"""

from __future__ import annotations

import argparse
import logging
import random
import threading
import time
from collections.abc import Callable

from . import fuzz_calls, fuzz_simulator, fuzz_wires
from .fuzz_inputs import Finds

Target = Callable[[random.Random, int, Finds], None]

# each with its share of the inputs
TARGETS: dict[str, tuple[Target, float]] = {
    "CQ codes": (fuzz_calls.cq_codes, 0.2),
    "event helpers": (fuzz_calls.event_helpers, 0.22),
    "returned values": (fuzz_calls.returned_values, 0.145),
    "frame receiver": (fuzz_calls.frame_receiver, 0.25),
    "WSGI application": (fuzz_calls.wsgi_application, 0.02),
    "events over a WebSocket": (fuzz_wires.events_over_websocket, 0.1),
    "simulator WebSocket": (fuzz_simulator.simulator_websocket, 0.03),
    "simulator HTTP": (fuzz_simulator.simulator_http, 0.005),
    "playground page": (fuzz_simulator.playground_page, 0.005),
    "bytes to EventServer": (fuzz_wires.bytes_to_event_server, 0.01),
    "bytes to WsServer": (fuzz_wires.bytes_to_ws_server, 0.005),
    "bytes to WsClient": (fuzz_wires.bytes_to_ws_client, 0.005),
    "bytes to HttpClient": (fuzz_wires.bytes_to_http_client, 0.005),
}


def run(inputs: int, seed: int, names: list[str] | None = None) -> dict[str, Finds]:
    """What each target found in its share of so many inputs."""
    results = {}
    log = logging.getLogger("onebot_simple")
    level, before = log.level, threading.excepthook
    log.setLevel(logging.DEBUG)  # it also tells of connections that failed
    try:
        for name, (target, share) in TARGETS.items():
            if not names or name in names:
                finds = results[name] = Finds()
                threading.excepthook = finds.in_thread
                logging.getLogger().addHandler(finds)
                began = time.monotonic()
                target(random.Random(f"{seed} {name}"), max(1, round(inputs * share)), finds)
                finds.seconds = time.monotonic() - began
                logging.getLogger().removeHandler(finds)
    finally:
        log.setLevel(level)
        threading.excepthook = before
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(TARGETS))
    options = parser.parse_args()
    total = 0
    for name in options.targets or TARGETS:
        finds = run(options.inputs, options.seed, [name])[name]
        total += finds.inputs
        print(f"{name}: {finds.inputs} inputs in {finds.seconds:.0f} s, {len(finds.list)} found")
        for find in finds.list[:20]:
            print(f"    {find}")
    print(f"total: {total} inputs")


if __name__ == "__main__":
    main()
