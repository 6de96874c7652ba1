"""What the benchmarks share: processes of their own, rounds that take turns, and the table."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from statistics import median

Measure = Callable[[], float]
OURS = "onebot_simple"


class Other:
    """A module of this folder, run as a process of its own; it is spoken to in lines.

    It ends when its standard input does, and is terminated when it does not. quiet: what it logs
    is not shown.
    """

    def __init__(self, module: str, *arguments: object, quiet: bool = False) -> None:
        self.command = [sys.executable, "-m", f"{__package__}.{module}", *map(str, arguments)]
        self.process = subprocess.Popen(
            self.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL if quiet else None,
            encoding="utf-8",
        )

    def hear(self, seconds: float = 120) -> str:
        """The next line that it prints, such as the port on which it listens."""
        assert self.process.stdout is not None
        too_long = threading.Timer(seconds, self.process.kill)
        too_long.start()
        line = self.process.stdout.readline()
        too_long.cancel()
        if not line:
            raise RuntimeError(f"{self.command} ended without a word")
        return line.strip()

    def say(self, line: str = "") -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def __enter__(self) -> Other:
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process.stdin is not None and self.process.stdout is not None
        with suppress(OSError):
            self.process.stdin.close()
        try:
            self.process.wait(2)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


def told_by(module: str, *arguments: object) -> float:
    """The number that a process prints, begun for it and over with it."""
    with Other(module, *arguments) as other:
        return float(other.hear())


def installed(*modules: str) -> bool:
    return all(find_spec(name) for name in modules)


@dataclass
class Row:
    """One line of the table.

    begin: starts what is needed, to be ended by the stack, and gives the contenders, ours first;
    None for one that is not installed. goals: how many times better than whom ours shall be.
    at_least, at_most: what ours itself shall be.
    """

    name: str
    what: str
    unit: str
    begin: Callable[[ExitStack], dict[str, Measure | None]]
    goals: dict[str, float] = field(default_factory=dict)
    at_least: float | None = None
    at_most: float | None = None
    less_is_better: bool = False
    rounds: int = 7


def interleaved(contenders: dict[str, Measure], rounds: int) -> dict[str, list[float]]:
    """A B C, A B C ...: what a busy machine takes away, it takes from all."""
    figures: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, measure in contenders.items():
            figures[name].append(measure())
    return figures


def measured(row: Row, quick: bool) -> str:
    """The line of the table; each ratio is the median of the ratios of the rounds."""
    with ExitStack() as stack:
        contenders = row.begin(stack)
        present = {name: measure for name, measure in contenders.items() if measure}
        figures = interleaved(present, 1 if quick else row.rounds)
    ours = next(iter(figures))
    ratios = {}
    for name in list(figures)[1:]:
        pairs = zip(figures[ours], figures[name], strict=True)
        ratios[name] = median(b / a if row.less_is_better else a / b for a, b in pairs)
    peers = [
        f"{name}: {ratios[name]:.2f}x ({shown(median(figures[name]))})"
        if name in ratios
        else f"{name}: absent"
        for name in contenders
        if name != ours
    ]
    own = median(figures[ours])
    cells = [row.what, f"{shown(own)} {row.unit}", ", ".join(peers), *verdict(row, own, ratios)]
    return "| " + " | ".join(cells) + " |"


def verdict(row: Row, own: float, ratios: dict[str, float]) -> tuple[str, str]:
    """What was to be reached, and whether it was."""
    goals = [f"{goal:g}x {name}" for name, goal in row.goals.items()]
    reached = [ratios[name] >= goal for name, goal in row.goals.items() if name in ratios]
    if row.at_least is not None:
        goals.append(f"at least {shown(row.at_least)} {row.unit}")
        reached.append(own >= row.at_least)
    if row.at_most is not None:
        goals.append(f"at most {shown(row.at_most)} {row.unit}")
        reached.append(own <= row.at_most)
    if not reached:
        return ", ".join(goals) or "-", "-"
    return ", ".join(goals), "yes" if all(reached) else "no"


def shown(figure: float) -> str:
    return f"{figure:,.0f}" if figure >= 100 else f"{figure:.3g}"


HEAD = (
    "| What | onebot_simple | how many times as good as the others (their figure) "
    "| goal | reached |\n|---|---|---|---|---|"
)
