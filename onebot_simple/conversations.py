"""谁先来谁先被处理：每个聊天里一次一件事，不同的聊天同时进行。

Turns: one job at a time in each chat, different chats side by side.

A chat with something to do has a line of jobs, and a thread that works it off. The job that runs
has the turn of its chat. A job that waits for an event gives its turn up, so that the others in
the chat are served meanwhile, and takes it back before it goes on.
"""

from __future__ import annotations

import logging
import math
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from threading import Condition, Event, Lock, current_thread, local, main_thread
from typing import Any

from .threads import Threads

log = logging.getLogger("onebot_simple")

SLICE_SECONDS = 0.2  # Windows cannot interrupt a longer wait of the main thread
BREATH = 256  # after so many queued jobs, put() pauses
QUEUE_WARNING = 1000  # jobs that wait


# what is to be done in a chat: the function, its arguments, and since when it waits
Job = tuple[Callable[..., object], tuple[Any, ...], float]


class Stopped(Exception):
    """The wait ended because the bot is stopped."""


class Line:
    """Who waits for the turn of a chat. There is a line while somebody has the turn."""

    def __init__(self) -> None:
        self.jobs: deque[Job] = deque()
        self.returning: deque[Waiter] = deque()  # their wait is over; they go before the jobs
        self.start("")

    def start(self, doing: str) -> None:
        self.doing = doing  # the name of what has the turn
        self.since = time.monotonic()
        self.reported = False  # whether a warning has said that it keeps the others waiting


class Waiter:
    """One wait for one event."""

    def __init__(self, wants: Callable[[Any], bool], key: Hashable, chat: Hashable) -> None:
        self.wants = wants
        self.key = key  # only events that are offered under it count; None: all events
        self.chat = chat  # whose turn it gives up; None outside of a job
        self.doing = ""  # the name of the job that waits
        self.event: Any = None
        self.stopped = False
        self.is_aside = False  # it has given up its turn
        self.has_turn = True
        self.go_on = Event()  # set when the wait is over and the turn has come back


class Conversations:
    """Runs jobs: in order within a chat, side by side in different chats."""

    def __init__(self) -> None:
        self._threads = Threads()
        self._lock = Lock()  # guards everything below
        self._quiet = Condition(self._lock)  # notified when a chat has nothing more to do
        self._lines: dict[Hashable, Line] = {}  # by chat
        self._waiters: dict[Hashable, list[Waiter]] = {}  # by key
        self._queued = 0
        self._warn_at = QUEUE_WARNING
        self._ending = False  # no wait any more
        self._closed = False  # no job any more
        self._here = local()  # .chat: the chat whose turn this thread has

    @property
    def queued(self) -> int:
        """How many jobs wait for their turn."""
        return self._queued

    def put(self, chat: Hashable, function: Callable[..., object], *arguments: Any) -> bool:
        """Run ``function(*arguments)`` when its turn in the chat comes; False after the end."""
        with self._lock:
            if self._closed:
                return False
            line = self._lines.get(chat)
            if line is None:
                line = self._lines[chat] = Line()
                self._threads.run(self._work_off, chat)
            line.jobs.append((function, arguments, time.monotonic()))
            self._queued = queued = self._queued + 1
            is_long = queued >= self._warn_at
            if is_long:
                self._warn_at *= 2
        if is_long:
            warn_of_queue(queued)
        if queued % BREATH == 0:  # so that handlers can catch up: a short queue is a fast one
            time.sleep(1e-6)
        return True

    def inside(self) -> bool:
        """Whether this thread is one of those that run the jobs."""
        return self._threads.inside()

    # -- waiting for an event -----------------------------------------------------------------

    @contextmanager
    def waiter(self, wants: Callable[[Any], bool], key: Hashable = None) -> Iterator[Waiter]:
        """Register a wait for an event that `wants` accepts, among those offered under `key`."""
        waiter = Waiter(wants, key, getattr(self._here, "chat", None))
        with self._lock:
            waiter.stopped = self._ending
            if not self._ending:
                self._waiters.setdefault(key, []).append(waiter)
        try:
            yield waiter
        finally:
            with self._lock:
                self._forget(waiter)

    def wait(self, waiter: Waiter, seconds: float) -> Any:
        """The event; TimeoutError when it does not come in time, Stopped at the end of the bot."""
        with self._lock:
            if waiter in self._waiters.get(waiter.key, ()):
                self._step_aside(waiter)
        if waiter.is_aside:
            if not _wait(waiter.go_on, seconds):
                with self._lock:
                    self._end_wait(waiter)
                _wait(waiter.go_on)
            if not waiter.has_turn:
                self._here.chat = None
        if waiter.event is None:
            raise Stopped if waiter.stopped else TimeoutError
        return waiter.event

    def offer(self, event: Any, key_of: Callable[[Any], Hashable]) -> bool:
        """Give the event to the first who waits for it; False when nobody does."""
        if not self._waiters:
            return False
        key = key_of(event)
        with self._lock:
            candidates = [*self._waiters.get(key, ()), *self._waiters.get(None, ())]
        for waiter in candidates:
            if waiter.wants(event):  # the user's code, so the lock is not held
                with self._lock:
                    if self._end_wait(waiter, event):
                        return True
        return False

    def _step_aside(self, waiter: Waiter) -> None:
        waiter.is_aside = True
        if waiter.chat is not None:
            waiter.doing = self._lines[waiter.chat].doing
            self._pass_turn(waiter.chat)

    def _end_wait(self, waiter: Waiter, event: Any = None, *, stopped: bool = False) -> bool:
        """Let a waiter go on as soon as it has its turn; False when its wait was over already."""
        if not self._forget(waiter):
            return False
        waiter.event, waiter.stopped = event, stopped
        if not waiter.is_aside:
            return True
        if waiter.chat in self._lines:
            self._lines[waiter.chat].returning.append(waiter)
            return True
        if waiter.chat is not None:
            self._lines[waiter.chat] = Line()
            self._lines[waiter.chat].start(waiter.doing)
        waiter.go_on.set()
        return True

    def _forget(self, waiter: Waiter) -> bool:
        waiters = self._waiters.get(waiter.key, [])
        if waiter not in waiters:
            return False
        waiters.remove(waiter)
        if not waiters:
            del self._waiters[waiter.key]
        return True

    # -- turns and threads --------------------------------------------------------------------

    def _pass_turn(self, chat: Hashable) -> None:
        """Give the turn to whoever is next; the line ends when nobody is."""
        line = self._lines[chat]
        if line.returning:
            waiter = line.returning.popleft()
            line.start(waiter.doing)
            waiter.go_on.set()
        elif line.jobs:
            self._threads.run(self._work_off, chat)
        else:
            del self._lines[chat]
            self._quiet.notify_all()

    def _work_off(self, chat: Hashable) -> None:
        self._here.chat = chat
        while (job := self._next_job()) is not None:
            function, arguments, _ = job
            try:
                function(*arguments)
            except BaseException:  # whatever it was, the others in the chat come next
                log.exception("处理时出错，机器人继续运行。 A job failed, the bot goes on.")
        self._here.chat = None

    def _next_job(self) -> Job | None:
        """The next job of this thread's chat; None when the turn has gone to somebody else."""
        chat = self._here.chat
        if chat is None:  # the bot was stopped, and took the turn away
            return None
        with self._lock:
            line = self._lines[chat]
            if line.returning or not line.jobs:
                self._pass_turn(chat)
                return None
            self._queued -= 1
            if not self._queued:
                self._warn_at = QUEUE_WARNING
            line.start("wait_for()")  # its conditions come before the handlers, see name_job()
            return line.jobs.popleft()

    # -- who takes long -----------------------------------------------------------------------

    def name_job(self, name: str) -> None:
        """Say what this thread is doing, for `slow()`."""
        if getattr(self._here, "chat", None) is not None:
            self._lines[self._here.chat].doing = name

    def slow(self, seconds: float) -> list[tuple[str, int]]:
        """What has newly kept others waiting for so long: its name, and how many wait."""
        found = []
        with self._lock:
            for line in self._lines.values():
                since = max(line.since, line.jobs[0][2]) if line.jobs else time.monotonic()
                if not line.reported and time.monotonic() - since > seconds:
                    line.reported = True
                    found.append((line.doing, len(line.jobs)))
        return found

    # -- the end ------------------------------------------------------------------------------

    def drain(self, seconds: float) -> None:
        """Wait until nothing is left to do, but not longer than `seconds`."""
        with self._lock:
            self._wait_until_quiet(seconds)

    def end(self, seconds: float) -> int:
        """End every wait with Stopped, then the jobs and the threads; how much was dropped."""
        deadline = time.monotonic() + seconds
        with self._lock:
            self._ending = True
            for waiter in [one for waiters in self._waiters.values() for one in waiters]:
                self._end_wait(waiter, stopped=True)
            self._wait_until_quiet(seconds / 2)
            self._closed = True
            dropped, self._queued, self._warn_at = self._queued, 0, QUEUE_WARNING
            for line in self._lines.values():
                line.jobs.clear()
                while line.returning:  # somebody keeps the turn: they go on without it
                    waiter = line.returning.popleft()
                    waiter.has_turn = False
                    waiter.go_on.set()
        self._threads.end(deadline)
        self._report_running()
        return dropped

    def open(self) -> None:
        """Take jobs again after the end."""
        with self._lock:
            self._ending = self._closed = False
        self._threads.open()

    def _wait_until_quiet(self, seconds: float) -> None:
        own = 1 if getattr(self._here, "chat", None) in self._lines else 0
        self._quiet.wait_for(lambda: len(self._lines) <= own, seconds)

    def _report_running(self) -> None:
        with self._lock:
            own = getattr(self._here, "chat", None)
            names = sorted({line.doing for chat, line in self._lines.items() if chat != own})
        if names:
            shown = ", ".join(names[:5])
            log.warning(
                "处理函数还没有结束：%s。它在等什么？ Still running: %s. What is it waiting for?",
                shown,
                shown,
            )


def warn_of_queue(length: int) -> None:
    log.warning(
        "%d 个事件在排队：是不是有处理函数太慢或卡住了？ "
        "%d events wait for their turn: is a handler slow, or stuck?",
        length,
        length,
    )


def _wait(flag: Event, seconds: float | None = None) -> bool:
    """Wait for the flag, in slices on the main thread."""
    if current_thread() is not main_thread():
        return flag.wait(seconds)
    deadline = time.monotonic() + (seconds or math.inf)
    while not flag.wait(min(SLICE_SECONDS, max(0.0, deadline - time.monotonic()))):
        if time.monotonic() >= deadline:
            return False
    return True
