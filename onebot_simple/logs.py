"""日志：一件事一行，终端能显示颜色时带颜色。

The log: a line for each thing that happens, coloured where the terminal can.
"""

from __future__ import annotations

import logging
import os
import sys

log = logging.getLogger("onebot_simple")

COLOURS = {logging.WARNING: "\x1b[33m", logging.ERROR: "\x1b[31m"}  # yellow, red


class _Colours(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        time, _, rest = super().format(record).partition(" ")
        return f"\x1b[90m{time}\x1b[0m {COLOURS.get(record.levelno, '')}{rest}\x1b[0m"


def log_to_console() -> None:
    """Show the log of a beginner's bot, unless the program has set up logging itself."""
    root = logging.getLogger()
    if not root.handlers:
        logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", datefmt="%H:%M:%S")
        # IDLE has put an object there that knows no colours; a window's may know write() only
        is_terminal = sys.stderr is sys.__stderr__ and sys.stderr and sys.stderr.isatty()
        if is_terminal and not os.environ.get("NO_COLOR"):
            if os.name == "nt":
                os.system("")  # switches the colours of the Windows console on
            root.handlers[0].setFormatter(_Colours("%(asctime)s %(message)s", "%H:%M:%S"))
        if log.level == logging.NOTSET:
            log.setLevel(logging.INFO)
    for stream in (sys.stdout, sys.stderr):  # a GBK console must not fail at an emoji
        if getattr(stream, "errors", None) == "strict" and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
