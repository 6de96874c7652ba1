"""跑任务的线程：要几个有几个，闲着的会再用，闲久了就结束。

Threads for jobs: as many as are needed at once, used again, ended when they are idle for long.
"""

from __future__ import annotations

import logging
import sys
import time
from collections import deque
from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Lock, Thread, current_thread
from typing import Any

log = logging.getLogger("onebot_simple")

IDLE_SECONDS = 5.0  # a thread with nothing to do for so long ends

Task = tuple[Callable[..., object], tuple[Any, ...]]


class _Worker(Thread):
    def __init__(self, owner: Threads) -> None:
        super().__init__(name=f"onebot_simple {owner.name}", daemon=True)
        self.calls: SimpleQueue[None] = SimpleQueue()  # it gets one when it is idle and needed
        self._owner = owner

    def run(self) -> None:
        # A handler may be inside of input(). Python ends in a fatal error when it closes a stdin
        # that is being read; it does not close one that a thread still refers to.
        stdin = sys.stdin  # noqa: F841
        while (task := self._owner._next_task(self)) is not None:
            function, arguments = task
            function(*arguments)
            del task, function, arguments  # an idle thread must not keep an event alive


class Threads:
    """Runs each function on a thread of its own, which may have run others before.

    The functions let no error out. One worker is called at a time. When it takes its task, it
    calls the next worker, if tasks still wait. So a few workers do a burst of short tasks, and as
    many come as there are long ones.
    """

    def __init__(self, name: str = "handler") -> None:
        self.name = name  # of the threads
        self._lock = Lock()  # guards everything below
        self._waiting: deque[Task] = deque()
        self._workers: set[_Worker] = set()
        self._idle: list[_Worker] = []
        self._called: _Worker | None = None  # it is on its way to a task
        self._closed = False

    def run(self, function: Callable[..., object], *arguments: Any) -> None:
        """Run ``function(*arguments)`` on another thread, as soon as there is one."""
        with self._lock:
            self._waiting.append((function, arguments))
            self._call_worker()

    def _call_worker(self) -> None:
        if self._called is not None:
            return
        if self._idle:
            self._called = self._idle.pop()
            self._called.calls.put(None)
            return
        self._called = worker = _Worker(self)
        try:
            worker.start()
            self._workers.add(worker)
        except RuntimeError:  # a thread that becomes free takes the task, or the next run() helps
            self._called = None
            if len(self._waiting) == 1:
                log.error("系统不给更多线程了，先排队。 The system has no more threads: waiting.")

    def _next_task(self, worker: _Worker) -> Task | None:
        """The next task, when there is one; None when the worker is to end."""
        while True:
            with self._lock:
                if self._called is worker:
                    self._called = None
                if self._waiting:
                    task = self._waiting.popleft()
                    if self._waiting:
                        self._call_worker()
                    return task
                if self._closed:
                    self._workers.discard(worker)
                    return None
                self._idle.append(worker)
            if not self._is_needed(worker):
                return None

    def _is_needed(self, worker: _Worker) -> bool:
        """Wait until the idle worker is called; False when it was idle for long."""
        try:
            worker.calls.get(timeout=IDLE_SECONDS)
        except Empty:
            with self._lock:
                if worker in self._idle:
                    self._idle.remove(worker)
                    self._workers.discard(worker)
                    return False
            worker.calls.get()  # it was called at the last moment
        return True

    def inside(self) -> bool:
        """Whether the caller is on one of these threads."""
        return current_thread() in self._workers

    def open(self) -> None:
        """Keep idle threads again, after the end."""
        with self._lock:
            self._closed = False

    def end(self, deadline: float) -> None:
        """End the idle threads, and wait for the others until `deadline` (time.monotonic())."""
        with self._lock:
            self._closed = True
            workers = self._workers - {current_thread()}
            while self._idle:
                self._idle.pop().calls.put(None)
        for worker in workers:
            worker.join(max(0.0, deadline - time.monotonic()))
