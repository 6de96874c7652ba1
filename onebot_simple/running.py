"""启动、运行、停止，以及定时运行的函数。

Starting, running, stopping, and the functions that run again and again.
"""

from __future__ import annotations

import signal
import time
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from signal import SIG_DFL, SIGTERM
from threading import Event as Flag
from threading import Lock, Thread, current_thread, local, main_thread
from typing import Any, TypeVar

from . import traps
from .actions import Responses
from .addresses import check_seconds
from .conversations import Conversations
from .errors import (
    ApiNotAvailable,
    NetworkError,
    OneBotError,
    WaitTimeout,
    is_failed,
    printable,
)
from .event import Event, is_online
from .handler import Handler
from .handlers import Handlers
from .logs import log, log_to_console
from .waits import SLICE_SECONDS, wait_in_slices

DRAIN_SECONDS = 0.6  # how long stop() lets handlers finish before it closes the connection
END_SECONDS = 0.6  # and how long it then waits for them to end
STOP_SECONDS = 2.4  # the longest that a second stop() waits for the first
SLOW_SECONDS = 30  # a handler that has kept others waiting for so long is named
LOOK_SECONDS = 5  # how often slow handlers are looked for
LONG_QUEUE = 1000  # events that wait: this many are warned of
STOPPED = "机器人停止了，不再等待。 The bot was stopped while waiting."
UNREADABLE = "收到了看不懂的数据。 It could not be understood."

AnyBot = TypeVar("AnyBot", bound="Running")


class Current(local):
    """What a thread is handling."""

    self_id: int | None = None
    label = ""  # of the event, as echoes show it; or "every" or "connection"
    place = ""  # the handler and where it stands, such as order@bot.py:28
    stopping = Flag()  # of the run in which the handler began: after a restart, it stays set


class Running(Handlers):
    """启动和停止；Bot 的一部分。

    What a bot does about starting and stopping.

    Before start() and after stop(): not _running. Started: _running. While it stops: _running, and
    _stopping is set. At the end, _stopped is set. Threads may call start() and stop() at once.
    """

    def __init__(self, *, timeout: float = 30, command_prefix: str | Iterable[str] = "/") -> None:
        super().__init__(command_prefix)
        self.timeout = check_seconds(timeout, "timeout")
        self._conversations = Conversations("onebot_simple handler")
        self._current = Current()
        self._offline: set[int | None] = set()  # accounts that are logged out of QQ
        self._count_lock = Lock()  # guards _counts, _dropped and _warned
        self._counts = {"events": 0, "calls": 0, "failures": 0, "reconnects": 0}
        self._dropped = 0  # events that came while stopping
        self._warned: set[str] = set()  # what _warn_dropped() has said
        self._warn_at = LONG_QUEUE
        self._start_lock = Lock()  # held by start(), of which there is one at a time
        self._state_lock = Lock()  # guards what follows
        self._running = False
        self._stopping = Flag()  # set when stop() begins; each start() makes a new one
        self._stopped = Flag()  # set when stop() is done
        self._failure: OneBotError | None = None  # what run() is to raise
        self._loops: tuple[SimpleQueue[Any], ...] = ()  # one queue for each loop of events()
        self._timers: list[tuple[float, Callable[[], object]]] = []  # seconds, and what to run
        # It looks for slow handlers. A start() that is not done yet has none.
        self._clock: Thread | None = None

    # -- starting and stopping ----------------------------------------------------------------

    def run(self) -> None:
        """启动，并一直运行到 stop() 或 Ctrl+C。

        Starts, and blocks until stop() or Ctrl+C.
        """
        is_ours = current_thread() is main_thread() and signal.getsignal(SIGTERM) == SIG_DFL
        if is_ours:  # `docker stop` sends SIGTERM: let it end the bot as Ctrl+C does
            signal.signal(SIGTERM, signal.default_int_handler)
        try:
            self.start()
            while self._failure is None and not self._stopping.wait(SLICE_SECONDS):
                pass
        except KeyboardInterrupt:
            log.info("正在停止…… Stopping.")
        finally:
            with suppress(KeyboardInterrupt):  # a second one: the threads end with the program
                self.stop()
            if is_ours:
                signal.signal(SIGTERM, SIG_DFL)
        if self._failure is not None:
            raise self._failure

    def start(self) -> None:
        """启动，开始监听或者连上以后返回；失败时抛出原因。已经启动时什么也不做。

        Starts, and returns once it is listening or connected; raises the reason when it cannot.
        Does nothing when started.
        """
        log_to_console()
        if trap := traps.main_loaded_twice():
            log.warning("%s", trap)
        with self._start_lock:
            if self._stopping.is_set():  # a stop() that has begun comes first
                wait_in_slices(self._stopped)
            with self._state_lock:
                if self._running:
                    return
                self._running, self._failure, self._dropped = True, None, 0
                self._clock, self._loops = None, ()
                stopping = self._stopping = Flag()  # a thread that ends late keeps the old one
                self._stopped.clear()
                self._conversations.start()
            try:
                self._open()
                look = LOOK_SECONDS, self._warn_of_slow_handlers, stopping
                clock = Thread(None, _run_again, "onebot_simple clock", look, daemon=True)
                clock.start()
                with self._state_lock:
                    self._clock = clock
                    for timer in self._timers:
                        self._start_timer(*timer)
            except BaseException:
                self.stop()
                raise
            if stopping.is_set():  # stop() came before there was anything to close
                self._close()

    def stop(self) -> None:
        """停止：不再收事件，结束所有等待和线程。可以重复调用，也可以在处理函数里调用。

        Stops: no more events; every wait and every thread ends. A handler may call it, too.

        Handlers have 0.6 s to finish and to answer. In a handler, stop() returns at once.
        """
        with self._state_lock:
            if not self._running:
                return
            already = self._stopping.is_set()
            self._stopping.set()
        if already:  # a stop() has begun
            if not self._conversations.inside():
                wait_in_slices(self._stopped, STOP_SECONDS)
        elif self._conversations.inside():
            try:  # on another thread, so that this handler can finish, and its answer goes out
                Thread(None, self._end, "onebot_simple stop", daemon=True).start()
            except RuntimeError:  # the system has no more threads
                self._end()
        else:
            self._end()

    def _end(self) -> None:
        """Stop everything. At the end, run() or start() may come again."""
        try:
            self._stop_everything()
        finally:  # a second Ctrl+C must not leave a bot that can neither run nor be started
            self._running = False
            self._stopped.set()

    def _stop_everything(self) -> None:
        try:
            self._conversations.drain(DRAIN_SECONDS)
        finally:  # after Ctrl+C, too
            try:
                self._close()
            finally:
                dropped = self._conversations.stop(END_SECONDS)
                dropped += self._queued() + self._dropped
                self._loops = ()
                if self._clock is not None:
                    self._clock.join(END_SECONDS)
        if dropped:
            log.warning(
                f"停止时还有 {dropped} 个事件没有处理。 "
                f"Events left unhandled at the stop: {dropped}."
            )

    def __enter__(self: AnyBot) -> AnyBot:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(KeyboardInterrupt):  # a second Ctrl+C
            self.stop()

    @abstractmethod
    def _open(self) -> None:
        """Connect or listen; raise the reason when that fails."""

    @abstractmethod
    def _close(self) -> None:
        """End the connections and the transport's own threads."""

    # -- timers -------------------------------------------------------------------------------

    def _add_timer(self, handler: Handler, seconds: float) -> None:
        timer = seconds, partial(self._run_all, [handler], "every")
        with self._state_lock:
            self._timers.append(timer)
            if self._clock is not None:  # else start() does it
                self._start_timer(*timer)

    def _start_timer(self, seconds: float, function: Callable[[], object]) -> None:
        # a line of its own: the function that still runs after a stop() keeps that one waiting
        self._conversations.put(function, _run_again, seconds, function, self._stopping)

    def _warn_of_slow_handlers(self) -> None:
        looks = round(SLOW_SECONDS / LOOK_SECONDS) + 1
        for name, waiting in self._conversations.slow_jobs(looks):
            log.warning(
                f"{name} 运行了很久，同一个聊天里有 {waiting} 个事件在等它。 "
                f"{name} has been running for long, and {waiting} events of its chat wait for it."
            )

    # -- what handlers do, and what the log says of it ----------------------------------------

    def _run_all(
        self, handlers: list[Handler], label: str, self_id: int | None = None, *arguments: Any
    ) -> None:
        """Run handlers that are for no event."""
        self._current.self_id, self._current.label = self_id, label
        for handler in handlers:
            self._note_handler(handler)
            try:
                result = handler.run(*arguments)
                if isinstance(result, str) and result:
                    self._warn_dropped(
                        f"{handler.name} 返回的文字 the text that {handler.name} returned",
                        result,
                        "它没有聊天可以去：用 bot.send_group_msg 或 bot.send_private_msg。 "
                        "It has no chat to go to: use bot.send_group_msg or bot.send_private_msg.",
                    )
            except BaseException as error:
                self._report(handler.name, error, is_timer=label == "every")

    def _note_handler(self, handler: Handler) -> None:
        self._current.place, self._current.stopping = handler.place, self._stopping
        self._conversations.name_job(handler.place)

    def _cause(self) -> str:
        """What this thread is handling, for echoes; "" outside of a handler."""
        return f"{self._current.label}:{self._current.place}" if self._current.place else ""

    def _report(self, name: str, error: BaseException, *, is_timer: bool = False) -> bool:
        """Log why a handler ended. True if a wait timed out, or the bot was stopped."""
        stopped = isinstance(error, NetworkError) and self._current.stopping.is_set()
        if stopped or isinstance(error, WaitTimeout):
            log.info(f"{name} 结束了。 {name} ended: {error}")
            return True
        if is_timer and isinstance(error, (NetworkError, ApiNotAvailable)):
            log.warning("%s: %s", name, error)
            return False
        if isinstance(error, SystemExit):
            log.error(
                f"{name} 里调用了 sys.exit()，它只能结束这个函数；要停机器人，写 bot.stop()。 "
                f"{name} called sys.exit(), which ends this function only; to stop the bot, call "
                "bot.stop().",
                extra={"origin": self._cause(), "error": error},  # for the simulator
            )
            return False
        log.error(
            f"{name} 出错了： {name} failed:", exc_info=error, extra={"origin": self._cause()}
        )
        return False

    def _warn_dropped(self, kind: str, what: object, advice: str = UNREADABLE) -> None:
        """Say once per kind what was dropped; a flood of bad frames must not flood the log."""
        with self._count_lock:
            is_new = kind not in self._warned
            self._warned.add(kind)
        if is_new:
            what = printable(ascii(what)[:200])
            log.warning(
                f"已忽略（同类只提示一次） dropped (said once per kind) {kind}: {what}. {advice}"
            )

    def _watch_queue(self) -> None:
        """Warn of a long queue, and again each time when it has doubled."""
        length, limit = self._queued(), self._warn_at
        if not length:
            self._warn_at = LONG_QUEUE
        elif length >= limit:
            self._warn_at = 2 * limit
            log.warning(
                f"{limit} 个事件在排队：是不是有处理函数太慢或卡住了？ "
                f"{limit} events wait for their turn: is a handler slow, or stuck?"
            )

    def _watch_account(self, event: Event, self_id: int | None) -> None:
        """Warn when QQ has logged the account out: the connection stays, and nothing comes."""
        online = is_online(event)
        if online is False and self_id not in self._offline:
            self._offline.add(self_id)
            said = printable(str(event.get("message") or "")[:200])
            log.warning(
                f"账号 {self_id} 掉线了：在 OneBot 里重新登录。 "
                f"Account {self_id} is offline: log in again in OneBot. {said}"
            )
        elif online:
            self._offline.discard(self_id)

    # -- connections --------------------------------------------------------------------------

    def _connected(self, self_id: int | None) -> None:
        arguments = self._connect_handlers, "connection", self_id, self_id
        self._conversations.put(("connection", self_id), self._run_all, *arguments)

    def _disconnected(self, self_id: int | None) -> None:
        # None: this account is gone, so the handlers' calls go to another one
        arguments = self._disconnect_handlers, "connection", None, self_id
        self._conversations.put(("connection", self_id), self._run_all, *arguments)

    # -- counting -----------------------------------------------------------------------------

    @property
    def stats(self) -> dict[str, int]:
        """运行到现在的计数：事件、调用、失败的调用、重连，以及正在排队的事件。

        Counters since the beginning: events, calls, failures (of calls), reconnects, and the
        number of events that are queued right now.
        """
        with self._count_lock:
            return {**self._counts, "queued": self._queued()}

    def _queued(self) -> int:
        """How many events wait: in the chats, and in the loops of events()."""
        return self._conversations.queued + sum(map(SimpleQueue.qsize, self._loops))

    def _count(self, what: str) -> None:
        with self._count_lock:
            self._counts[what] += 1

    def _counted(self, call: Callable[[], Iterator[dict[str, Any]]]) -> Responses:
        """Make a call, and count it. One that cannot be made is a failure, too."""
        self._count("calls")
        try:
            for response in call():
                if is_failed(response):
                    self._count("failures")
                yield response
        except OneBotError:
            self._count("failures")
            raise


def _run_again(seconds: float, function: Callable[[], object], stopping: Flag) -> None:
    """Run a function again and again. A turn that would run beside the one before is left out."""
    pause = seconds
    while not stopping.wait(pause):
        began = time.monotonic()
        function()
        pause = seconds - (time.monotonic() - began) % seconds
