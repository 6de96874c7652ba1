"""谁先来谁先被处理：每个聊天里一次一件事，不同的聊天同时进行。

Turns: one job at a time in each chat, different chats side by side.

A chat with something to do has a line of jobs, and a thread that works it off: that thread has the
turn of the chat. A job that waits for an event gives the turn up, so that another thread serves
the chat meanwhile, and takes it back before it goes on. (A chat is any key: that of a QQ chat, of a
timer, or of a connection of the HTTP server.)
"""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from threading import Condition, Lock, Thread, current_thread, local
from threading import Event as Flag
from typing import Any

from .logs import log
from .waits import wait_in_slices

IDLE_SECONDS = 5.0  # a thread with nothing to do for so long ends
PAUSE_EVERY = 128  # how many jobs are queued from one pause of put() to the next

Job = tuple[Callable[..., object], tuple[Any, ...]]  # a function and its arguments


class Line:
    """The jobs of a busy chat. It exists while a thread works on the chat, or is about to."""

    def __init__(self, chat: Hashable) -> None:
        self.chat = chat
        self.jobs: deque[Job] = deque()
        self.returning: deque[Waiter] = deque()  # their wait is over; they go before the jobs
        self.doing = ""  # the name of what has the turn
        self.looks = 0  # how many times in a row slow_jobs() has found jobs behind it
        self.released = 0  # how many waiters stop() has let go on although a job has the turn


class Waiter:
    """One wait for one event."""

    def __init__(self, wants: Callable[[Any], bool], key: Hashable, line: Line | None) -> None:
        self.wants = wants
        self.key = key  # only events that are offered under it count; None: all events
        self.line = line  # whose turn it gives up and takes back; None outside of a job
        self.doing = line.doing if line else ""
        self.is_aside = False  # whether it has given up its turn
        self.event: Any = None
        self.stopped = False  # the wait ended because the bot is stopped
        self.resumed = Flag()  # set when the wait is over and the turn has come back


class ThisThread(local):
    """What a thread does."""

    line: Line | None = None  # whose turn this thread has


class Conversations:
    """Runs jobs: in order within a chat, side by side in different chats."""

    def __init__(self, thread_name: str) -> None:
        self._thread_name = thread_name
        self._this_thread = ThisThread()
        self._lock = Lock()  # guards what follows
        self._lines: dict[Hashable, Line] = {}  # by chat
        self._ready: deque[Line] = deque()  # those that have no thread yet
        self._waiters: dict[Hashable, list[Waiter]] = {}  # by key
        self.queued = 0  # how many jobs wait for their turn
        self._stopping = False  # stop() has begun: every wait ends
        self._stopped = False  # put() takes no more jobs
        self._threads: set[Thread] = set()
        self._idle: list[Condition] = []  # an idle thread waits on each of these
        self._is_called = False  # a thread has been called, and is on its way

    def put(self, chat: Hashable, function: Callable[..., object], *arguments: Any) -> bool:
        """Run ``function(*arguments)`` when its turn in the chat comes; False after the end."""
        with self._lock:
            if self._stopped:
                return False
            line = self._lines.get(chat)
            if line is None:
                line = self._lines[chat] = Line(chat)
                self._ready.append(line)
            line.jobs.append((function, arguments))
            if self._ready:
                self._call_thread()
            self.queued = queued = self.queued + 1
        if queued % PAUSE_EVERY == 0:
            time.sleep(1e-6)  # the threads of the handlers catch up: a short queue is faster
        return True

    def is_busy(self, chat: Hashable) -> bool:
        """Whether a job of the chat runs or waits."""
        return chat in self._lines

    # -- waiting for an event -----------------------------------------------------------------

    @contextmanager
    def waiter(self, wants: Callable[[Any], bool], key: Hashable = None) -> Iterator[Waiter]:
        """Register a wait for an event that `wants` accepts, among those offered under `key`."""
        waiter = Waiter(wants, key, self._this_thread.line)
        with self._lock:
            waiter.stopped = self._stopping
            if not self._stopping:
                self._waiters.setdefault(key, []).append(waiter)
        try:
            yield waiter
        finally:
            with self._lock:
                self._forget(waiter)

    def wait(self, waiter: Waiter, seconds: float) -> Any:
        """The event; None when it does not come in time, or when the bot is stopped."""
        with self._lock:
            if waiter in self._waiters.get(waiter.key, ()):  # else it is over already
                waiter.is_aside = True
                if waiter.line is not None:
                    self._pass_turn(waiter.line)
        if waiter.is_aside:
            if not wait_in_slices(waiter.resumed, seconds):
                with self._lock:
                    self._end_wait(waiter)
                wait_in_slices(waiter.resumed)
            self._this_thread.line = waiter.line
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

    def _end_wait(self, waiter: Waiter, event: Any = None) -> bool:
        """Let a waiter go on as soon as it has its turn; False when its wait was over already."""
        if not self._forget(waiter):
            return False
        waiter.event, waiter.stopped = event, self._stopping
        line = waiter.line
        if waiter.is_aside and waiter.line is not None:
            line = self._lines.get(waiter.line.chat)
            if line is None:
                line = self._lines[waiter.line.chat] = waiter.line
            elif line in self._ready:  # no thread has the turn yet
                self._ready.remove(line)
            else:
                line.returning.append(waiter)
                return True
        self._resume(waiter, line)
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

    def _pass_turn(self, line: Line) -> None:
        """Give the turn to whoever is next; the line ends if there is nobody."""
        if line.released:
            line.released -= 1  # another still has it
        elif line.returning:
            self._resume(line.returning.popleft(), line)
        elif line.jobs:
            self._ready.append(line)
            self._call_thread()
        else:
            del self._lines[line.chat]

    def _resume(self, waiter: Waiter, line: Line | None) -> None:
        """Let a waiter go on, with the turn of the line."""
        waiter.line = line
        if line is not None:
            line.doing, line.looks = waiter.doing, 0
        waiter.resumed.set()

    def _call_thread(self) -> None:
        """Let a thread see to the lines that have none.

        One is called at a time. When it takes a line, it calls the next, if there are more lines.
        So a few threads do a burst of short jobs, and as many come as there are long ones.
        """
        if self._is_called:
            return
        if self._idle:
            self._idle.pop().notify()
        else:
            thread = Thread(target=self._work, name=self._thread_name, daemon=True)
            try:
                thread.start()
            except RuntimeError:  # the line waits for a thread that is free, or for the next put()
                if len(self._ready) == 1:
                    log.error("系统不给更多线程了，先排队。 There are no more threads: waiting.")
                return
            self._threads.add(thread)
        self._is_called = True

    def _work(self) -> None:
        """Do one job after another; what each of the threads does."""
        # A handler may be inside of input(). Python ends in a fatal error when it closes a stdin
        # that is being read; it does not close one that a thread still refers to.
        stdin = sys.stdin  # noqa: F841
        with self._lock:
            self._is_called = False
        while (job := self._next_job()) is not None:
            function, arguments = job
            try:
                function(*arguments)
            except BaseException:  # whatever it was, the others in the chat come next
                log.exception("处理时出错，机器人继续运行。 A job failed, the bot goes on.")
            del job, function, arguments  # an idle thread must not keep an event alive
        self._threads.discard(current_thread())

    def _next_job(self) -> Job | None:
        """The next job of this thread's line, or else of another; None when there is none."""
        here = self._this_thread
        with self._lock:
            while True:
                line = here.line
                if line is None:
                    if not self._wait_for_line():
                        return None
                    line = here.line = self._ready.popleft()
                    if self._ready:
                        self._call_thread()
                if line.jobs and not line.returning and not line.released:
                    self.queued -= 1
                    # until a handler starts, the thread runs the conditions of wait_for()
                    line.doing, line.looks = "wait_for()", 0
                    return line.jobs.popleft()
                here.line = None
                self._pass_turn(line)

    def _wait_for_line(self) -> bool:
        """Wait for a line that has no thread; False when this thread is to end."""
        while not self._ready:
            if self._stopped:
                return False
            call = Condition(self._lock)
            self._idle.append(call)
            call.wait(IDLE_SECONDS)
            if call in self._idle:  # nobody has called
                self._idle.remove(call)
                return False
            self._is_called = False
        return True

    # -- who takes long -----------------------------------------------------------------------

    def name_job(self, name: str) -> None:
        """Say what this thread is doing, for `slow_jobs()` and `stop()`."""
        line = self._this_thread.line
        if line is not None:
            line.doing = name

    def slow_jobs(self, looks: int) -> list[tuple[str, int]]:
        """The jobs that kept others waiting at so many looks in a row, and how many wait."""
        with self._lock:
            lines = [line for line in self._lines.values() if line.jobs]
            for line in lines:
                line.looks += 1
            return [(line.doing, len(line.jobs)) for line in lines if line.looks == looks]

    # -- the end ------------------------------------------------------------------------------

    def inside(self) -> bool:
        """Whether this thread is one of those that do the jobs."""
        return current_thread() in self._threads

    def drain(self, seconds: float) -> None:
        """Wait until nothing is left to do, but not longer than `seconds`."""
        deadline = time.monotonic() + seconds
        while self._others() and time.monotonic() < deadline:
            time.sleep(0.01)

    def stop(self, seconds: float) -> int:
        """End the waits, the jobs and the threads. Return how many jobs were dropped."""
        deadline = time.monotonic() + seconds
        with self._lock:
            self._stopping = True
            for waiter in [one for waiters in self._waiters.values() for one in waiters]:
                self._end_wait(waiter)
        self.drain(seconds / 2)
        with self._lock:
            self._stopped = True
            dropped, self.queued = self.queued, 0
            for line in self._lines.values():
                while line.returning:  # a job keeps the turn: these go on beside it, to their end
                    waiter = line.returning.popleft()
                    dropped += waiter.event is not None
                    waiter.event, waiter.stopped = None, True
                    line.released += 1
                    self._resume(waiter, line)
                line.jobs.clear()
            while self._idle:
                self._idle.pop().notify()
            threads = self._threads - {current_thread()}
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        running = dict.fromkeys(filter(None, self._others()))  # each name once
        if names := ", ".join([*running][:5]):
            log.warning(
                f"处理函数还没有结束：{names}。它在等什么？ "
                f"Still running: {names}. What is it waiting for?"
            )
        return dropped

    def start(self) -> None:
        """Take jobs again after the end."""
        with self._lock:
            self._stopping = self._stopped = False

    def _others(self) -> list[str]:
        """The names of what runs, but for what this thread does itself."""
        with self._lock:
            return [
                line.doing for line in self._lines.values() if line is not self._this_thread.line
            ]
