"""谁先来谁先被处理：每个聊天里一次一件事，不同的聊天同时进行。

Turns: one job at a time within a conversation, different conversations side by side.

A conversation is any hashable key. It stands in ``_lines`` exactly while somebody has its turn, or
is to take it; its line holds the jobs, and the waiters on their way back, that come next.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Hashable
from threading import TIMEOUT_MAX, Condition, Lock, Thread, current_thread, local, main_thread
from typing import Any

log = logging.getLogger("onebot_simple")

IDLE_SECONDS = 5.0  # a thread with nothing to do for so long ends
INSIST_SECONDS = 1.0  # in which the system may yet give a thread
SLICE_SECONDS = 0.2  # Windows cannot interrupt a longer wait of the main thread
QUEUE_WARNING = 1000
STEP = 256  # each time the queue has grown by so many, whoever fills it gives way
EVENTS_WAIT = "events wait for their turn. 排队的事件太多：是不是有处理函数太慢或卡住了？"

Task = tuple[Callable[..., object], tuple[Any, ...]]


class Stopped(Exception):
    """The wait ended because the conversations are being closed."""


class Waiter:
    """One wait for one event; made by `Conversations.waiter`, registered until it ends."""

    def __init__(
        self, owner: Conversations, wants: Callable[[Any], bool], key: Hashable, turn_of: Hashable
    ) -> None:
        self.wants = wants
        self.key = key
        self.turn_of = turn_of  # the conversation that steps aside meanwhile, or None
        self.aside = False
        self.event: Any = None
        self.error: Exception | None = None
        self.stopped = False
        self.go = Lock()  # held until the wait has ended and the turn has come back
        self.go.acquire()
        self._owner = owner

    def __enter__(self) -> Waiter:
        return self

    def __exit__(self, *_: object) -> None:
        self._owner._forget(self)

    def wait(self, seconds: float) -> Any:
        """The event; TimeoutError when it does not come in time, Stopped at the end of the bot."""
        if self._owner._step_aside(self) and not _acquire(self.go, seconds):
            self._owner._give_up(self)
            _acquire(self.go, None)
        if self.error is not None:
            raise self.error
        if self.event is None:
            raise Stopped if self.stopped else TimeoutError
        return self.event


class _Worker(Thread):
    """A thread that does what there is to do, and ends when that has been nothing for a while."""

    def __init__(self, owner: Conversations) -> None:
        super().__init__(name=owner.thread_name, daemon=True)
        self.key: Hashable = None  # the conversation whose turn it has
        self.called = Lock()  # released to wake it
        self.called.acquire()
        self._owner = owner

    def run(self) -> None:
        self._owner._own.worker = self
        while (task := self._owner._next_task(self)) is not None:
            function, arguments = task
            try:
                function(*arguments)
            except BaseException:  # a turn must be passed on whatever the job did
                log.exception("a job failed. 处理时出错，机器人继续运行。")
            del task, function, arguments  # an idle thread keeps no event alive


class Conversations:
    """Hands jobs to threads: in order within a conversation, at once across conversations."""

    def __init__(
        self,
        thread_name: str = "onebot_simple handler",
        too_many: str = EVENTS_WAIT,
        *,
        insists: bool = True,
    ) -> None:
        self.thread_name = thread_name
        self._too_many = too_many  # the warning, after their number
        self._insists = insists  # whether put() waits for a thread; else somebody calls retry()
        self._lock = Lock()  # guards everything below
        self._quiet = Condition(self._lock)  # notified when a turn has ended
        self._lines: dict[Hashable, deque[Task | Waiter]] = {}
        self._idle: list[_Worker] = []
        self._workers: set[_Worker] = set()
        self._waiters: dict[Hashable, list[Waiter]] = {}
        self._ready: deque[Hashable] = deque()  # turns that no thread has taken yet
        self._coming: _Worker | None = None  # the thread that is on its way to take one
        self._starved = False  # whether the system had no thread to give, the last time
        self._queued = 0
        self._warn_at, self._yield_at = QUEUE_WARNING, STEP  # lengths of the queue
        self._draining = False  # no waits any more
        self._closed = False  # no jobs any more
        self._own = local()  # .worker: the worker that this thread is

    @property
    def queued(self) -> int:
        """How many jobs wait for their turn."""
        return self._queued

    def put(self, key: Hashable, function: Callable[..., object], *arguments: Any) -> bool:
        """Let ``function(*arguments)`` run when its turn in the conversation ``key`` comes.

        False after the end.
        """
        with self._lock:
            if self._closed:
                return False
            line = self._lines.get(key)
            if line is not None:
                line.append((function, arguments))
            else:
                self._lines[key] = deque([(function, arguments)])
                self._make_ready(key)
            self._queued = queued = self._queued + 1
            if queued == 1:
                self._warn_at, self._yield_at = QUEUE_WARNING, STEP
            grown = queued >= self._yield_at
            if grown:
                self._yield_at += STEP
        if queued >= self._warn_at:
            self._warn(queued)
        if grown:  # what is handled while it is young costs less time and memory
            time.sleep(1e-6)  # with 0, the others may not be awake before this thread goes on
        if self._insists and not self._workers:
            self._insist()
        return True

    def _warn(self, queued: int) -> None:
        with self._lock:
            if queued < self._warn_at:
                return  # somebody else did
            self._warn_at *= 2
        log.warning("%d " + self._too_many, queued)

    def inside(self) -> bool:
        """Whether this thread is one of those that run the jobs."""
        return getattr(self._own, "worker", None) is not None

    # -- waiting ----------------------------------------------------------------------------

    def waiter(self, wants: Callable[[Any], bool], key: Hashable = None) -> Waiter:
        """Register a wait for an event that `wants` accepts, among those offered under `key`.

        To be used as ``with conversations.waiter(...) as waiter: waiter.wait(60)``.
        """
        worker = getattr(self._own, "worker", None)
        waiter = Waiter(self, wants, key, worker.key if worker else None)
        with self._lock:
            if self._draining:
                waiter.stopped = True  # nothing comes any more: its wait will be over at once
            else:
                self._waiters.setdefault(key, []).append(waiter)
        return waiter

    @property
    def awaited(self) -> bool:
        """Whether anybody waits for any event."""
        return bool(self._waiters)

    def offer(self, event: Any, key: Hashable) -> bool:
        """Give the event to the first who waits for it; False when nobody does."""
        with self._lock:
            candidates = [*self._waiters.get(key, ()), *self._waiters.get(None, ())]
        for waiter in candidates:
            try:
                if waiter.wants(event) and self._finish(waiter, event):
                    return True
            except Exception as error:  # it belongs to the code that wrote `wants`
                self._finish(waiter, None, error)
        return False

    def _finish(self, waiter: Waiter, event: Any, error: Exception | None = None) -> bool:
        with self._lock:
            if not self._unregister(waiter):
                return False  # somebody else was faster, or the time was over
            waiter.event = event
            waiter.error = error
            self._bring_back(waiter)
            return True

    def _step_aside(self, waiter: Waiter) -> bool:
        """Pass the turn on while waiting; False when there is nothing to wait for any more."""
        with self._lock:
            if waiter not in self._waiters.get(waiter.key, ()):
                return False
            waiter.aside = True
            if waiter.turn_of is not None:
                self._step_back(waiter.turn_of)
            return True

    def _give_up(self, waiter: Waiter) -> None:
        with self._lock:
            if self._unregister(waiter):
                self._bring_back(waiter)

    def _forget(self, waiter: Waiter) -> None:
        with self._lock:
            self._unregister(waiter)

    def _unregister(self, waiter: Waiter) -> bool:
        waiting = self._waiters.get(waiter.key, [])
        if waiter not in waiting:
            return False
        waiting.remove(waiter)
        if not waiting:
            del self._waiters[waiter.key]
        return True

    def _bring_back(self, waiter: Waiter) -> None:
        """Let a waiter go on as soon as it has its turn again, before anything that came later."""
        if not waiter.aside:
            return
        if waiter.turn_of is None:
            waiter.go.release()
        elif waiter.turn_of in self._lines:
            self._lines[waiter.turn_of].appendleft(waiter)
        else:
            self._lines[waiter.turn_of] = deque()
            waiter.go.release()

    # -- turns and threads --------------------------------------------------------------------

    def _make_ready(self, key: Hashable) -> None:
        self._ready.append(key)
        self._call_worker()

    def _call_worker(self) -> None:
        """See to it that a thread is on its way while a conversation is ready.

        Only one, and it calls the next when it has come: waking a thread costs more than a short
        job, and those that are awake may have done all of them by then.
        """
        if self._coming is not None or not self._ready:
            return
        worker = self._idle.pop() if self._idle else _Worker(self)
        if worker in self._workers:
            worker.called.release()
        else:
            try:
                worker.start()
            except RuntimeError as error:  # one that is busy will do it, or see _insist
                if not self._starved:
                    log.error(
                        "%s: waiting for a thread to be free. 线程太多，先排队等一等。", error
                    )
                self._starved = True
                return
            self._starved = False
            self._workers.add(worker)
        self._coming = worker

    def _insist(self) -> None:
        """Try again for a while, as long as there is no thread at all."""
        deadline = time.monotonic() + INSIST_SECONDS
        while self._ready and not self._workers and time.monotonic() < deadline:
            time.sleep(SLICE_SECONDS)
            self.retry()

    def retry(self) -> None:
        """Call a thread for what is ready, in case the system had none to give."""
        with self._lock:
            self._call_worker()

    def _step_back(self, key: Hashable) -> None:
        """Leave the turn to whoever comes next."""
        line = self._lines.get(key)
        if line and not isinstance(line[0], Waiter):
            self._make_ready(key)
        else:
            self._pass_turn(key)

    def _pass_turn(self, key: Hashable) -> Task | None:
        """The next job of the conversation; None when a waiter took the turn or nobody is left."""
        line = self._lines.get(key)
        if not line:
            self._lines.pop(key, None)
            if self._draining:
                self._quiet.notify_all()
            return None
        following = line.popleft()
        if isinstance(following, Waiter):
            following.go.release()
            return None
        self._queued -= 1
        return following

    def _next_task(self, worker: _Worker) -> Task | None:
        """What the worker is to do next, after a wait perhaps; None when it is to end."""
        while True:
            self._lock.acquire()  # half as dear as `with`; Ctrl+C never comes on this thread
            try:
                task = self._pass_turn(worker.key) if worker.key is not None else None
                while task is None and self._ready:
                    worker.key = self._ready.popleft()
                    task = self._pass_turn(worker.key)
                if self._coming is worker:
                    self._coming = None
                    self._call_worker()
                if task is not None:
                    return task
                worker.key = None
                if self._closed or worker not in self._workers:  # or it was, until just now
                    self._workers.discard(worker)
                    return None
                self._idle.append(worker)
            finally:
                self._lock.release()
            if not worker.called.acquire(timeout=IDLE_SECONDS) and self._retire(worker):
                return None

    def _retire(self, worker: _Worker) -> bool:
        with self._lock:
            if worker in self._idle:
                self._idle.remove(worker)
                self._workers.discard(worker)
                return True
        worker.called.acquire()  # it was called at the last moment
        return False

    # -- the end ------------------------------------------------------------------------------

    @property
    def threads(self) -> list[Thread]:
        """Those that run the jobs, at this moment."""
        with self._lock:
            return list(self._workers)

    def drain(self, seconds: float) -> int:
        """End every wait with Stopped, let what is queued run for at most `seconds`, drop the rest.

        How many jobs were dropped.
        """
        with self._lock:
            self._draining = True
            for waiter in [waiter for waiting in self._waiters.values() for waiter in waiting]:
                self._unregister(waiter)
                waiter.stopped = True
                self._bring_back(waiter)
            mine = getattr(self._own, "worker", None)
            own_turn = 1 if mine and mine.key in self._lines else 0
            self._quiet.wait_for(lambda: len(self._lines) <= own_turn, seconds)
            return self._drop_lines()

    def end(self, seconds: float) -> int:
        """Drain in half of the time, then end the threads; how many jobs were dropped."""
        deadline = time.monotonic() + seconds
        dropped = self.drain(seconds / 2)
        with self._lock:
            self._closed = True
            dropped += self._drop_lines()
            workers = self._workers - {current_thread()}
            while self._idle:
                worker = self._idle.pop()
                self._workers.discard(worker)
                worker.called.release()
        for worker in workers:
            worker.join(max(0.0, deadline - time.monotonic()))
        stuck = sum(worker.is_alive() for worker in workers)
        if stuck:
            log.warning("%d handlers are still running. 有处理函数还没结束：它卡在哪里了？", stuck)
        return dropped

    def open(self) -> None:
        """Take jobs again after the end."""
        with self._lock:
            self._draining = self._closed = False

    def _drop_lines(self) -> int:
        dropped, self._queued, self._warn_at = self._queued, 0, QUEUE_WARNING
        for line in self._lines.values():
            for waiter in line:
                if isinstance(waiter, Waiter):
                    waiter.go.release()
            line.clear()
        while self._ready:  # nobody will take these turns
            self._lines.pop(self._ready.popleft(), None)
        return dropped


def _acquire(lock: Lock, seconds: float | None) -> bool:
    if current_thread() is not main_thread():
        return lock.acquire(timeout=-1 if seconds is None else min(max(seconds, 0), TIMEOUT_MAX))
    deadline = None if seconds is None else time.monotonic() + seconds
    while True:
        left = SLICE_SECONDS if deadline is None else deadline - time.monotonic()
        if lock.acquire(timeout=min(SLICE_SECONDS, max(left, 0))):
            return True
        if left <= 0:
            return False
