"""跑任务的线程：要几个有几个，闲着的会再用，闲久了就结束。

Threads for jobs: as many as are needed at once, used again, ended when they are idle for long.
"""

from __future__ import annotations

import logging
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
    def __init__(self, owner: Threads, task: Task) -> None:
        super().__init__(name=f"onebot_simple {owner.name}", daemon=True)
        self.tasks: SimpleQueue[Task | None] = SimpleQueue()  # None: there is no more, end
        self.tasks.put(task)
        self._owner = owner

    def run(self) -> None:
        task = self.tasks.get()
        while task is not None:
            function, arguments = task
            try:
                function(*arguments)
            except BaseException:  # a thread that dies would leave its chat without one
                log.exception("处理时出错，机器人继续运行。 A job failed, the bot goes on.")
            del task, function, arguments  # an idle thread must not keep an event alive
            task = self._owner._next_task(self)


class Threads:
    """Runs each function on a thread of its own, which may have run others before."""

    def __init__(self, name: str = "handler") -> None:
        self.name = name  # of the threads
        self._lock = Lock()  # guards everything below
        self._workers: set[_Worker] = set()
        self._idle: list[_Worker] = []
        self._waiting: deque[Task] = deque()  # what has no thread yet
        self._closed = False

    def run(self, function: Callable[..., object], *arguments: Any) -> None:
        """Run ``function(*arguments)`` at once, on another thread."""
        with self._lock:
            self._waiting.append((function, arguments))
            while self._waiting and self._call_worker(self._waiting[0]):
                self._waiting.popleft()

    def _call_worker(self, task: Task) -> bool:
        if self._idle:
            self._idle.pop().tasks.put(task)
            return True
        worker = _Worker(self, task)
        try:
            worker.start()
        except RuntimeError:  # a thread that becomes free takes it, or the next run() does better
            if len(self._waiting) == 1:
                log.error("系统不给更多线程了，先排队。 The system has no more threads: waiting.")
            return False
        self._workers.add(worker)
        return True

    def _next_task(self, worker: _Worker) -> Task | None:
        with self._lock:
            if self._waiting:
                return self._waiting.popleft()
            if self._closed:
                self._workers.discard(worker)
                return None
            self._idle.append(worker)
        try:
            return worker.tasks.get(timeout=IDLE_SECONDS)
        except Empty:
            pass
        with self._lock:
            if worker in self._idle:
                self._idle.remove(worker)
                self._workers.discard(worker)
                return None
        return worker.tasks.get()  # it was called at the last moment

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
                worker = self._idle.pop()
                self._workers.discard(worker)
                worker.tasks.put(None)
        for worker in workers:
            worker.join(max(0.0, deadline - time.monotonic()))
