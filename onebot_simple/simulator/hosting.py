"""The bot of a test: it is given the simulator's addresses, started, and left as it was."""

from __future__ import annotations

import logging
import traceback
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, ClassVar
from weakref import WeakSet

from .journal import Journal, Mistake

PACKAGE = str(Path(__file__).parent.parent)
FOLDERS = (PACKAGE + "/", PACKAGE + "\\")


class HostedBot:
    """Recognised by its public attributes: api_root, url, port, secret, api."""

    def __init__(self, bot: Any) -> None:
        if not (hasattr(bot, "api_root") or (hasattr(bot, "url") and hasattr(bot, "start"))):
            raise TypeError(
                f"Simulator(bot) 要一个机器人（WsClient、WsServer、EventServer 或 HttpClient），"
                f"不能是 {type(bot).__name__}；令牌写成 access_token=。"
                f" Simulator(bot) takes a bot, not {type(bot).__name__}; a token is access_token=."
            )
        self._bot = bot
        self._started = False  # started here; another one is not ours to stop
        self._before: list[tuple[Any, str, Any]] = []  # object, attribute, value to restore

    @property
    def receives(self) -> str:
        """How events come to it: "post", "reverse", "forward", or "" for a mere client."""
        if hasattr(self._bot, "api_root"):
            return ""
        if hasattr(self._bot, "api"):
            return "post"
        return "reverse" if hasattr(self._bot, "port") else "forward"

    @property
    def _caller(self) -> Any:
        """What calls actions: the bot, or its api."""
        return getattr(self._bot, "api", None) or self._bot

    @property
    def token(self) -> str | None:
        """What it shows when it calls, or asks for when the simulator connects."""
        token: str | None = getattr(self._caller, "access_token", None)
        return token

    @property
    def secret(self) -> str | None:
        secret: str | None = self._bot.secret
        return secret

    @property
    def url(self) -> str:
        return str(self._bot.url)

    def require_stopped(self) -> None:
        if getattr(self._bot, "_running", False):
            raise RuntimeError(
                "机器人已经启动了：不要自己 start() 或 run()，模拟器会启动它。"
                " The bot is started already: leave that to the simulator."
            )

    def start(self, http_url: str, ws_url: str) -> None:
        bot = self._bot
        if self.receives == "forward":
            self._set(bot, "url", ws_url)
        elif self.receives:
            self._set(bot, "port", 0)
        if hasattr(self._caller, "api_root"):
            self._set(self._caller, "api_root", http_url)
        if self.receives:
            self._started = True
            bot.start()

    def wait_connected(self, timeout: float) -> None:
        """The simulator has connected; a server may need another moment to know whose it is."""
        if hasattr(self._bot, "wait_connected"):
            self._bot.wait_connected(timeout)

    def stop(self) -> None:
        if self._started:
            self._started = False
            self._bot.stop()
        if hasattr(self._caller, "api_root"):
            self._caller.close()  # Windows does not wake who reads when its own end shuts down
        while self._before:
            owner, name, value = self._before.pop()
            setattr(owner, name, value)

    def _set(self, owner: Any, name: str, value: Any) -> None:
        self._before.append((owner, name, getattr(owner, name)))
        setattr(owner, name, value)


class MistakeWatch(logging.Handler):
    """Hears of the errors of handlers through the log of the bot.

    An error counts for the test that was given the bot. When no test was given it, somebody has
    connected it by hand: nothing tells whose it is, and its errors count for every test.
    """

    _given: ClassVar[set[Any]] = set()  # the bots of all tests that run now
    _over: ClassVar[WeakSet[Any]] = WeakSet()  # the flags of these bots' runs that are over

    def __init__(self, bot: Any, journal: Journal) -> None:
        super().__init__(logging.WARNING)
        self._bot: Any = bot if hasattr(bot, "_current") else None  # a mere client has no handlers
        self._journal = journal

    def start(self) -> None:
        if self._bot is not None:
            self._given.add(self._bot)
            self._over.add(self._bot._stopping)
        logging.getLogger("onebot_simple").addHandler(self)

    def stop(self) -> None:
        logging.getLogger("onebot_simple").removeHandler(self)
        if self._bot in self._given:
            self._given.discard(self._bot)
            self._over.add(self._bot._stopping)

    def emit(self, record: logging.LogRecord) -> None:
        if not logging.getLogger().handlers and logging.lastResort:
            logging.lastResort.handle(record)  # which this handler has replaced
        error = record.exc_info[1] if record.exc_info else getattr(record, "error", None)
        if (
            error is not None
            and record.levelno >= logging.ERROR
            and self._happened_here(error.__traceback__)
        ):
            self._journal.add_mistake(_mistake(error, record))

    def _happened_here(self, trace: TracebackType | None) -> bool:
        """Whether the error counts for this test.

        A handler that outlives its test may fail during the next one, which has no fault in it.
        """
        objects = (frame.f_locals.get("self") for frame, _ in traceback.walk_tb(trace))
        bots = (one for one in objects if hasattr(one, "_current"))
        bot: Any = next(bots, None)  # the outermost: a handler may also call another bot
        if bot is None:  # an error of the library itself
            return True
        if bot._current.stopping in self._over:  # the run in which the handler began
            return False
        return bot is self._bot or bot not in self._given


def _mistake(error: BaseException, record: logging.LogRecord) -> Mistake:
    trace = error.__traceback__
    while trace and _file(trace.tb_frame).startswith(FOLDERS):
        trace = trace.tb_next  # how the package came to the handler is of no interest
    text = "".join(traceback.format_exception(type(error), error, trace))
    outside = list(traceback.walk_tb(trace))
    if not outside:  # such as a handler that returned nonsense
        _, _, handler = str(getattr(record, "origin", "")).partition(":")
        name, _, at = handler.rpartition("@")
        return Mistake(error, name or "bot", at, text)
    first = outside[0][0].f_code
    line = [number for frame, number in outside if _file(frame) == first.co_filename][-1]
    return Mistake(error, first.co_name, f"{Path(first.co_filename).name}:{line}", text)


def _file(frame: FrameType) -> str:
    return frame.f_code.co_filename
