"""Runs the bot's file as `python bot.py` would, and tells the playground about every error.

The playground starts it as a file: python run_bot.py bot.py. Each error is one marked line on
stderr, beside whatever the bot prints.
"""

from __future__ import annotations

import os
import sys

if __name__ == "__main__":
    sys.argv = sys.argv[1:]
    # as `python bot.py` has it, before anything else is imported: a random.py beside the bot
    # has to do the same harm here
    sys.path[0] = os.path.dirname(os.path.abspath(sys.argv[0]))
    import onebot_simple  # noqa: F401 (it says which file hides a module of Python's)

import json
import logging
import re
import runpy
import traceback
from pathlib import Path
from types import TracebackType
from typing import Any

MARK = "\x1eonebot_simple "
PACKAGE = Path(__file__).resolve().parent.parent
MAX_WARNINGS = 50  # of different kinds are told
MARKED_BYTES = 4_000  # a pipe takes so much in one piece, whoever else is writing


def tell(news: dict[str, Any]) -> None:
    """Write one marked line; a traceback that is too long loses its middle."""
    limit = 3_000
    while True:
        line = (MARK + json.dumps(news, ensure_ascii=False) + "\n").encode("utf-8", "replace")
        if len(line) <= MARKED_BYTES or limit < 100:
            break
        limit //= 2
        for name in ("text", "traceback"):
            value = news[name]
            if len(value) > limit:
                news[name] = f"{value[: limit // 3]}\n…\n{value[-limit // 2 :]}"
    os.write(2, line[:MARKED_BYTES])


def described(error: BaseException, folder: Path, origin: str = "") -> dict[str, Any]:
    """What the page shows: the type, the text, the line of the bot's own file, the traceback."""
    stack = _from_bot(error.__traceback__, folder)
    shown = traceback.format_exception(type(error), error, stack)
    return {
        "origin": origin,
        "type": type(error).__name__,
        "text": str(error),
        "where": where(error, folder),
        "module": (error.name or "") if isinstance(error, ModuleNotFoundError) else "",
        "traceback": "".join(shown),
    }


def where(error: BaseException, folder: Path) -> str:
    """The last line that ran in the bot's folder, as "bot.py:6"; "" when there is none."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{Path(error.filename).name}:{error.lineno}"
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename).absolute()  # `playground bot.py` names it as it was typed
        if folder in path.parents and "site-packages" not in path.parts:
            return f"{path.name}:{frame.lineno}"
    return ""


def _from_bot(stack: TracebackType | None, folder: Path) -> TracebackType | None:
    """Leave out the beginning, which is this package and runpy: not the reader's code."""
    while stack and stack.tb_next and _is_ours(stack.tb_frame.f_code.co_filename, folder):
        stack = stack.tb_next
    return stack


def _is_ours(file: str, folder: Path) -> bool:
    if file == __file__ or "runpy" in file:
        return True
    return PACKAGE in Path(file).parents and folder not in Path(file).parents


class Teller(logging.Handler):
    """Tells about every error that the library logs, and once about each warning."""

    def __init__(self, folder: Path) -> None:
        super().__init__(logging.WARNING)
        self._folder = folder
        self._warnings: set[str] = set()  # told already, without their numbers

    def emit(self, record: logging.LogRecord) -> None:
        if not logging.root.handlers and logging.lastResort:
            logging.lastResort.handle(record)  # what Python does when there is no handler at all
        error = record.exc_info[1] if record.exc_info else None
        origin = str(getattr(record, "origin", ""))
        if error is not None:
            tell({"kind": "error", **described(error, self._folder, origin)})
        elif record.levelno >= logging.ERROR or self._is_new(record.getMessage()):
            place = origin.partition(":")[2]  # which the page shows beside the text
            text = record.getMessage().removeprefix(f"{place}: ")
            about = {"origin": origin, "text": text, "where": "", "traceback": ""}
            is_warning = record.levelno < logging.ERROR
            tell({"kind": "error", "type": "", "module": "", "is_warning": is_warning, **about})

    def _is_new(self, warning: str) -> bool:
        if "Trying again in" in warning:  # the page says it itself, as long as it is so
            return False
        kind = re.sub(r"\d+", "", warning)
        is_new = kind not in self._warnings and len(self._warnings) < MAX_WARNINGS
        if is_new:
            self._warnings.add(kind)
        return is_new


def main(file: Path) -> int:
    folder = file.resolve().parent
    logging.getLogger("onebot_simple").addHandler(Teller(folder))
    try:
        names = runpy.run_path(str(file), run_name="__main__")
    except Exception as error:
        # prints "Did you mean ...?", which Python 3.10 leaves out of format_exception()
        error = error.with_traceback(_from_bot(error.__traceback__, folder))
        sys.__excepthook__(type(error), error, error.__traceback__)
        tell({"kind": "crash", **described(error, folder)})
        return 1
    if bot := _forgotten(names, file):
        tell({"kind": "not_run", "name": bot})
    return 0


def _forgotten(names: dict[str, Any], file: Path) -> str:
    """The name of a bot that the file has made and never runs."""
    source = file.read_text(encoding="utf-8", errors="replace")
    for name, value in names.items():
        if not isinstance(value, type) and hasattr(value, "on_message") and hasattr(value, "run"):
            bot = rf"\b{re.escape(name)}"
            code = re.sub(r"#.*", "", source)
            # a line that is no more than `bot.run` has forgotten the brackets, and calls nothing
            code = re.sub(rf"^\s*{bot}\s*\.\s*(?:run|start)\s*$", "", code, flags=re.M)
            used = rf"{bot}\s*\.\s*(?:run|start)\b|\bwith\s+{bot}\b"
            return "" if re.search(used, code) else name
    return ""


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[0])))
