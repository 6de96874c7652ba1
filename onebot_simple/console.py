"""控制台：打印 JSON、打印一行，显示不了的字符也不出错。

The console: prints JSON and lines, whatever characters it can or cannot show.
"""

from __future__ import annotations

import codecs
import json
import os
import re
import sys
from typing import Any

from .handlers import UNPRINTABLE


def say(text: str) -> bool:
    """Print a line at once; False when nobody reads any more, as after `| head`."""
    try:
        print(text, flush=True)
    except OSError:
        # what is still in the buffer must not fail once more when the program ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return False
    return True


def can_show(text: str) -> bool:
    """Whether the console has all these characters."""
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True


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
