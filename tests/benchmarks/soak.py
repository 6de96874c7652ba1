"""All four transports for minutes on end, with random, seeded faults. Not collected by pytest.

    python -m tests.benchmarks.soak --minutes 20 --seed 1

The simulator runs in a process of its own; memory and threads are those of the bots. In every
round some faults are injected while calls and events go on; then, when everybody is connected
again, a batch of events must be handled exactly once by each bot. Every call must have exactly one
outcome, and neither memory nor threads may grow. The exit code is 1 when a promise was broken.
"""

from __future__ import annotations

import argparse
import collections
import multiprocessing
import os
import random
import statistics
import sys
import threading
import time
from multiprocessing.connection import Connection
from typing import Any

from onebot_simple import ActionFailed, EventServer, HttpClient, OneBotError, WsClient, WsServer
from onebot_simple import ws_client as client_module

BATCH = 40


def simulate(pipe: Connection) -> None:
    """The other process: a simulator that does what it is told."""
    from onebot_simple.simulator import Simulator

    with Simulator(reconnect_interval=100, max_frames=2000, heart_interval=500) as qq:
        pipe.send((qq.http_url, qq.ws_url))
        while (order := pipe.recv()) is not None:
            name, arguments = order
            getattr(qq, name)(*arguments)
            pipe.send("done")


class Soak:
    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        ours, theirs = multiprocessing.Pipe()
        spawn = multiprocessing.get_context("spawn")
        self.process = spawn.Process(target=simulate, args=(theirs,), daemon=True)
        self.process.start()
        self.pipe = ours
        http_url, ws_url = ours.recv()
        self.client = HttpClient(http_url, timeout=2)
        self.seen: dict[str, collections.Counter[int]] = {}
        self.before: dict[str, set[int]] = collections.defaultdict(set)  # of the last round
        self.outcomes: collections.Counter[str] = collections.Counter()
        self.problems: list[str] = []
        self.begun = [0] * 9  # calls of each caller
        self.calling = threading.Event()
        self.ended = threading.Event()
        client_module.FIRST_DELAY, client_module.LAST_DELAY = 0.1, 0.5
        self.bots: dict[str, EventServer | WsClient | WsServer] = {
            "EventServer": EventServer(port=0),
            "EventServer with api": EventServer(port=0, api=self.client),
            "WsClient": WsClient(ws_url, timeout=2),
            "WsServer": WsServer(port=0, timeout=2),
        }
        for name, bot in self.bots.items():
            self.listen(name, bot)
            bot.start()
            if isinstance(bot, EventServer):
                self.order("post_to", bot.url)
            elif isinstance(bot, WsServer):
                self.order("connect_to", bot.url)
        self.callers = [
            threading.Thread(target=self.call, args=(bot, number), daemon=True)
            for number, bot in enumerate(list(self.bots.values())[1:] * 3)
        ]
        for caller in self.callers:
            caller.start()

    def order(self, name: str, *arguments: Any) -> None:
        self.pipe.send((name, arguments))
        self.pipe.recv()

    def listen(self, name: str, bot: EventServer | WsClient | WsServer) -> None:
        counter = self.seen[name] = collections.Counter()

        @bot.on("notice.group_card")
        def count(event: dict[str, Any]) -> None:
            counter[event["number"]] += 1

    def call(self, bot: Any, number: int) -> None:
        """Calls in a row: each has exactly one outcome, and an answer is the right one."""
        users = [10001, 20001, 20002, 20003]
        while not self.ended.is_set():
            self.calling.wait(0.2)
            user = users[(number + self.begun[number]) % 4]
            self.begun[number] += 1
            try:
                answer = bot.get_group_member_info(30001, user)
                self.outcomes["answered"] += 1
                if answer["user_id"] != user:
                    self.problems.append(f"asked for {user}, got {answer['user_id']}")
            except OneBotError as error:
                self.outcomes[type(error).__name__] += 1
                if not isinstance(error, ActionFailed):
                    time.sleep(0.01)
            except Exception as error:
                self.problems.append(f"a call ended with {error!r}")

    def event(self, number: int) -> None:
        notice = {"post_type": "notice", "notice_type": "group_card", "number": number}
        self.order("emit", {**notice, "self_id": 10001, "group_id": 30001, "user_id": 20003})

    def fault(self) -> None:
        faults = [
            ("drop", ()),
            ("fail", ("get_group_member_info", 1200, self.chance.randint(1, 5))),
            ("delay", (self.chance.random() * 3, self.chance.randint(1, 3))),
            ("swallow", (self.chance.randint(1, 3),)),
            ("send_raw", ("{bad",)),
            ("heartbeat", (self.chance.random() < 0.5,)),
        ]
        name, arguments = self.chance.choice(faults)
        self.order(name, *arguments)

    def round(self, first: int) -> None:
        for number in range(first, first + 20):  # may be lost, must not come twice
            self.event(number)
            if self.chance.random() < 0.2:
                self.fault()
        self.wait_connected()
        numbers = range(first + 100, first + 100 + BATCH)
        for number in numbers:
            self.event(number)
        deadline = time.monotonic() + 20
        for name, counter in self.seen.items():
            while not all(counter[number] for number in numbers) and time.monotonic() < deadline:
                time.sleep(0.01)
            lost = [number for number in numbers if not counter[number]]
            twice = [number for number, times in counter.items() if times > 1]
            # what was posted over HTTP among faults may come after what was posted later
            again = [number for number in counter if number in self.before[name]]
            if lost or twice or again:
                self.problems.append(f"{name}: lost {lost}, more than once {twice + again}")
            self.before[name] = set(counter)
            counter.clear()

    def wait_connected(self) -> None:
        deadline = time.monotonic() + 20
        for bot in self.bots.values():
            while isinstance(bot, (WsClient, WsServer)) and time.monotonic() < deadline:
                try:
                    bot.request("get_status", timeout=1)
                    break
                except OneBotError:
                    time.sleep(0.02)
        time.sleep(0.1)  # what was on its way when a line was cut has ended by then

    def end(self) -> None:
        self.ended.set()
        for caller in self.callers:
            caller.join(10)
        if any(caller.is_alive() for caller in self.callers):
            self.problems.append("a call never ended")
        if sum(self.begun) != sum(self.outcomes.values()):
            self.problems.append(f"{sum(self.begun)} calls, {self.outcomes} outcomes")
        for bot in self.bots.values():
            bot.stop()
        self.client.close()
        self.pipe.send(None)
        self.process.join(10)


def memory_kib() -> int:
    """The resident memory of this process; 0 where the system does not tell."""
    try:
        with open("/proc/self/statm") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024
    except OSError:
        return 0


def run(seconds: float, seed: int) -> dict[str, Any]:
    before = threading.active_count()
    soak = Soak(seed)
    soak.calling.set()
    samples: list[tuple[int, int]] = []
    end, rounds = time.monotonic() + seconds, 0
    while time.monotonic() < end and not soak.problems:
        soak.round(rounds * 1000)
        rounds += 1
        samples.append((memory_kib(), threading.active_count()))
    stats = {name: bot.stats for name, bot in soak.bots.items()}
    soak.problems += growth(samples)
    soak.end()
    deadline = time.monotonic() + 3  # threads that have nothing left to do but to end
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    left = threading.active_count() - before
    if left > 0:
        soak.problems.append(f"{left} threads are left: {threading.enumerate()}")
    return {
        "rounds": rounds,
        "problems": soak.problems,
        "outcomes": dict(soak.outcomes),
        "stats": stats,
        "memory_kib": [memory for memory, _ in samples[:: max(1, len(samples) // 10)]],
        "threads": [threads for _, threads in samples[:: max(1, len(samples) // 10)]],
        "threads_left": left,
    }


def growth(samples: list[tuple[int, int]]) -> list[str]:
    """What grew between the middle and the last third of the rounds."""
    third = len(samples) // 3
    if third < 3:
        return []
    middle, last = samples[third : 2 * third], samples[-third:]
    problems = []
    for name, index, allowed in (("memory (KiB)", 0, 8 * 1024), ("threads", 1, 15)):
        before, after = (statistics.median(one[index] for one in part) for part in (middle, last))
        if after > before + allowed:
            problems.append(f"{name} grew from {before} to {after}")
    return problems


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    result = run(options.minutes * 60, options.seed)
    for name, value in result.items():
        print(f"{name}: {value}")
    sys.exit(1 if result["problems"] else 0)


if __name__ == "__main__":
    main()
