"""控制台上看到的日志：一件事一行，终端能显示颜色时带颜色。

The log on the console: a line for each thing that happens, coloured where the terminal can.
"""

from __future__ import annotations

import logging
import os
import sys

log = logging.getLogger("onebot_simple")

COLOURS = {logging.WARNING: "\x1b[33m", logging.ERROR: "\x1b[31m"}
GREY, PLAIN = "\x1b[90m", "\x1b[0m"


class _Colours(logging.Formatter):
    """The time in grey, warnings in yellow, errors in red."""

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        time, _, rest = text.partition(" ")
        colour = COLOURS.get(record.levelno, "")
        return f"{GREY}{time}{PLAIN} {colour}{rest}{PLAIN if colour else ''}"


def log_to_console() -> None:
    """Show the log of a beginner's bot, unless the program has set up logging itself."""
    if not logging.getLogger().handlers:
        logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", datefmt="%H:%M:%S")
        console = logging.getLogger().handlers[0]
        if sys.stderr is not None and sys.stderr.isatty() and not os.environ.get("NO_COLOR"):
            if os.name == "nt":
                os.system("")  # switches the colours of the Windows console on
            console.setFormatter(_Colours("%(asctime)s %(message)s", "%H:%M:%S"))
        if log.level == logging.NOTSET:
            log.setLevel(logging.INFO)
    for stream in (sys.stdout, sys.stderr):  # a GBK console must not fail at an emoji
        if getattr(stream, "errors", None) == "strict" and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
