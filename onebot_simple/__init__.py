"""同步、极简的 OneBot 11（QQ 机器人）库：四种连接方式，普通的 dict，没有 async。

A synchronous, minimal library for OneBot 11 (QQ) bots: four transports, plain dicts, no async.
"""

from . import traps

traps.warn_of_hidden_modules()  # first, since the imports below may load such a file

import re  # noqa: E402
from importlib import import_module  # noqa: E402
from typing import TYPE_CHECKING, Any  # noqa: E402

from . import segment  # noqa: E402
from .errors import (  # noqa: E402
    ActionFailed,
    ActionNotFound,
    ApiNotAvailable,
    ApiTimeout,
    AuthenticationError,
    NetworkError,
    OneBotError,
    WaitTimeout,
)

if TYPE_CHECKING:
    from .event_server import EventServer
    from .http_client import HttpClient
    from .ws_client import WsClient
    from .ws_server import WsServer

__all__ = [
    "ActionFailed",
    "ActionNotFound",
    "ApiNotAvailable",
    "ApiTimeout",
    "AuthenticationError",
    "EventServer",
    "HttpClient",
    "NetworkError",
    "OneBotError",
    "WaitTimeout",
    "WsClient",
    "WsServer",
    "segment",
]


def __getattr__(name: str) -> Any:
    """Load a class when it is asked for: a WebSocket bot need not wait for Flask."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = re.sub(r"\B[A-Z]", r"_\g<0>", name).lower()  # WsClient stands in ws_client.py
    return getattr(import_module(f".{module}", __name__), name)


def __dir__() -> list[str]:
    return __all__
