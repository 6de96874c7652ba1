"""控制台：打印 JSON、一行字、诊断结果，显示不了的字符也不出错。

The console: prints JSON, lines and findings, whatever characters it can or cannot show.
"""

from __future__ import annotations

import codecs
import json
import logging
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import get_ident
from typing import Any

from ..errors import UNPRINTABLE
from ..logs import log

MARKS = (("✔", "✘"), ("√", "×"), ("+", "x"))  # good and bad; not every console has each
GREEN, RED, PLAIN = "\x1b[32m", "\x1b[31m", "\x1b[0m"


def say(text: str) -> bool:
    """Print a line at once; False when nobody reads any more, as after `| head`."""
    try:
        print(text, flush=True)
    except OSError:
        return False
    return True


def complain(words: object) -> None:
    """Print what went wrong where it does not mix with the results."""
    print(words, file=sys.stderr)


# -- findings -------------------------------------------------------------------------------------


class Trouble(Exception):
    """What is wrong and what to change; then details, each of them in both languages."""

    def __init__(self, chinese: str, english: str, *details: str) -> None:
        super().__init__(chinese, english)
        self.chinese, self.english, self.details = chinese, english, details


class Report:
    """What was found, a line each: Chinese, then English; what is bad has a line for each."""

    def __init__(self) -> None:
        self.all_is_well = True
        self._good, self._bad = next(pair for pair in MARKS if _can_show("".join(pair)))
        self._coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        if self._coloured and os.name == "nt":
            os.system("")  # switches the escape sequences of the console on

    def good(self, chinese: str, english: str) -> None:
        self._print(GREEN, f"{self._good} {chinese} {english}")

    def bad(self, trouble: Trouble) -> None:
        self.all_is_well = False
        self._print(RED, f"{self._bad} {trouble.chinese}\n  {trouble.english}")
        for detail in trouble.details:
            say(f"· {detail}")

    def note(self, chinese: str, english: str) -> None:
        say(f"· {chinese} {english}")

    def _print(self, colour: str, text: str) -> None:
        say(f"{colour}{text}{PLAIN}" if self._coloured else text)


def _can_show(text: str) -> bool:
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True


# -- the log --------------------------------------------------------------------------------------


@contextmanager
def only_warnings() -> Iterator[None]:
    """Leave everyday lines, such as "connected", out of the log."""
    before = log.level
    log.setLevel(logging.WARNING)
    try:
        yield
    finally:
        log.setLevel(before)


class Warnings(logging.Handler):
    """Keeps what the threads of a bot warn of, while it is in use; the console shows no log then.

    What the thread warns of that has made it, such as that a server is open to everybody, is not
    kept: that thread reports by itself.
    """

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []
        self._reporter = get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if record.name == log.name and record.thread != self._reporter:
            self.lines.append(record.getMessage())

    def __enter__(self) -> Warnings:
        logging.getLogger().addHandler(self)  # a bot leaves a log alone that is set up already
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger().removeHandler(self)


# -- JSON -----------------------------------------------------------------------------------------


def json_text(value: Any, indent: int | None = None) -> str:
    """The value as readable JSON: only what the console cannot show is escaped."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    shown = "\n".join(UNPRINTABLE.sub(_escape, line) for line in text.split("\n"))
    encoding = sys.stdout.encoding or "ascii"
    return shown.encode(encoding, "onebot_simple.json").decode(encoding)


def _escape(found: re.Match[str]) -> str:
    return json.dumps(found.group())[1:-1]


def _escape_unencodable(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return json.dumps(error.object[error.start : error.end])[1:-1], error.end


# "backslashreplace" writes \U0001f600, which is not JSON
codecs.register_error("onebot_simple.json", _escape_unencodable)
