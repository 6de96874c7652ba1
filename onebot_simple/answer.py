"""ask() 得到的回答。

What ask() got.
"""

from __future__ import annotations

from typing import Any


class Answer(str):
    """ask() 得到的回答：纯文本，``.event`` 是整个事件。

    What ask() got: the plain text, and the whole event in ``.event``.
    """

    event: dict[str, Any]
