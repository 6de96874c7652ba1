"""Turns and threads: order within a conversation, independence between them."""

from __future__ import annotations

import contextlib
import random
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from onebot_simple import conversations as module
from onebot_simple.conversations import Conversations, Stopped

from .peers import wait_until


@pytest.fixture
def conversations() -> Iterator[Conversations]:
    one = Conversations()
    yield one
    one.end(2)


def test_jobs_of_one_conversation_run_one_at_a_time_in_order(conversations: Conversations) -> None:
    seen: list[int] = []
    running = threading.Lock()

    def job(number: int) -> None:
        assert running.acquire(blocking=False), "two at once"
        seen.append(number)
        running.release()

    for number in range(2000):
        conversations.put("a", job, number)
    wait_until(lambda: len(seen) == 2000)
    assert seen == list(range(2000))


def test_conversations_run_side_by_side(conversations: Conversations) -> None:
    together = threading.Barrier(50)
    for number in range(50):
        conversations.put(number, together.wait, 5)
    wait_until(lambda: not conversations._lines)
    assert not together.broken


def test_jobs_that_many_threads_put_run_once_each_and_in_the_order_of_their_thread(
    conversations: Conversations,
) -> None:
    interval = sys.getswitchinterval()
    done: dict[tuple[int, int], list[int]] = {(a, b): [] for a in range(4) for b in range(5)}

    def put(thread: int) -> None:
        for number in range(2000):
            key = number % 5
            conversations.put(key, done[thread, key].append, number)

    threads = [threading.Thread(target=put, args=(thread,)) for thread in range(4)]
    sys.setswitchinterval(1e-6)  # as many chances as possible to be interrupted at a bad moment
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        wait_until(lambda: not conversations._lines, 20)
    finally:
        sys.setswitchinterval(interval)
    for (_, key), numbers in done.items():
        assert numbers == list(range(key, 2000, 5))
    assert conversations.queued == 0


def test_who_puts_jobs_does_not_run_far_ahead_of_those_that_do_them(
    conversations: Conversations,
) -> None:
    waiting: list[int] = []
    for _ in range(100_000):
        conversations.put("a", lambda: waiting.append(conversations.queued))
    wait_until(lambda: len(waiting) == 100_000)
    assert sorted(waiting)[50_000] < 4 * module.STEP  # thousands, if it did


def test_who_puts_gives_way_when_the_queue_has_grown_and_not_because_it_is_long(
    conversations: Conversations, monkeypatch: pytest.MonkeyPatch
) -> None:
    rests: list[float] = []
    monkeypatch.setattr("onebot_simple.conversations.time.sleep", rests.append)
    stuck = threading.Event()
    for _ in range(module.STEP):
        conversations.put("stuck", stuck.wait, 10)
    rests.clear()
    for _ in range(200):
        done = threading.Event()
        conversations.put("quick", done.set)
        assert done.wait(5)
    assert len(rests) <= 2
    stuck.set()


def test_a_job_that_raises_passes_its_turn_on(
    conversations: Conversations, caplog: pytest.LogCaptureFixture
) -> None:
    done = threading.Event()

    def broken() -> None:
        raise SystemExit("even this")

    conversations.put("a", broken)
    conversations.put("a", done.set)
    assert done.wait(5)
    assert "a job failed" in caplog.text


def test_threads_are_used_again_and_end_when_idle(
    conversations: Conversations, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "IDLE_SECONDS", 0.3)
    threads: set[threading.Thread] = set()
    for number in range(50):
        conversations.put(number, lambda: threads.add(threading.current_thread()))
        wait_until(lambda: not conversations._lines)
    assert len(threads) < 5
    wait_until(lambda: not any(thread.is_alive() for thread in threads))
    done = threading.Event()
    conversations.put("again", done.set)
    assert done.wait(5)


def test_an_idle_thread_that_is_about_to_end_loses_no_job(
    conversations: Conversations, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "IDLE_SECONDS", 0.0005)
    chance = random.Random(1)
    seen: list[int] = []
    for number in range(3000):
        conversations.put(number % 3, seen.append, number)
        if number % 10 == 0:
            time.sleep(chance.random() * 0.001)
    wait_until(lambda: len(seen) == 3000)


def test_a_waiter_steps_aside_and_gets_its_turn_back_first(conversations: Conversations) -> None:
    seen: list[Any] = []

    def asks() -> None:
        with conversations.waiter(lambda event: True, "key") as waiter:
            seen.append("asked")
            seen.append(waiter.wait(5))
            seen.append("went on")

    def other(number: int) -> None:
        seen.append(number)
        if number == 2:
            assert conversations.offer("answer", "key")

    conversations.put("a", asks)
    for number in (1, 2, 3, 4):
        conversations.put("a", other, number)
    wait_until(lambda: len(seen) == 7)
    assert seen == ["asked", 1, 2, "answer", "went on", 3, 4]


def test_a_waiter_whose_time_is_over_waits_for_its_turn_too(conversations: Conversations) -> None:
    seen: list[str] = []
    release = threading.Event()

    def asks() -> None:
        with conversations.waiter(lambda event: True, "key") as waiter:
            with pytest.raises(TimeoutError):
                waiter.wait(0.02)
            seen.append("too late")

    def slow() -> None:
        release.wait(5)
        seen.append("slow")

    conversations.put("a", asks)
    conversations.put("a", slow)
    conversations.put("a", seen.append, "last")
    wait_until(lambda: any(isinstance(x, module.Waiter) for x in conversations._lines["a"]))
    release.set()
    wait_until(lambda: len(seen) == 3)
    assert seen == ["slow", "too late", "last"]


def test_events_go_to_waiters_of_their_key_in_order_of_registration(
    conversations: Conversations,
) -> None:
    first = conversations.waiter(lambda event: True, "key")
    second = conversations.waiter(lambda event: True, "key")
    general = conversations.waiter(lambda event: event == "x")
    assert not conversations.offer("nobody's", "other key")
    assert conversations.offer("one", "key")
    assert conversations.offer("two", "key")
    assert conversations.offer("x", "other key")
    assert not conversations.offer("three", "key")
    assert [waiter.wait(1) for waiter in (first, second, general)] == ["one", "two", "x"]


def test_a_thousand_waiters_delay_nobody(conversations: Conversations) -> None:
    results: list[Any] = []

    def asks(number: int) -> None:
        with conversations.waiter(lambda event: True, number) as waiter:
            results.append(waiter.wait(30))

    for number in range(1000):
        conversations.put("one group", asks, number)
    wait_until(lambda: len(conversations._waiters) == 1000, 20)
    for key in ("one group", "another"):
        done = threading.Event()
        began = time.monotonic()
        conversations.put(key, done.set)
        assert done.wait(5)
        assert time.monotonic() - began < 0.2
    for number in range(1000):
        conversations.put("one group", conversations.offer, f"to {number}", number)
    wait_until(lambda: len(results) == 1000, 20)
    assert set(results) == {f"to {number}" for number in range(1000)}


def test_waiters_timeouts_and_answers_that_meet_are_never_both_and_never_neither(
    conversations: Conversations,
) -> None:
    """Answers are offered at the very moment at which the time is over."""
    outcomes: list[str] = []
    taken: list[bool] = []

    def asks(number: int) -> None:
        with conversations.waiter(lambda event: True, number) as waiter:
            try:
                waiter.wait(0.01)
                outcomes.append("answer")
            except TimeoutError:
                outcomes.append("too late")

    for number in range(300):
        conversations.put(number % 7, asks, number)
        time.sleep(0.0005)
        if number >= 15:
            conversations.put(
                number % 5 + 100, lambda n=number - 15: taken.append(conversations.offer("e", n))
            )
    wait_until(lambda: len(outcomes) == 300 and len(taken) == 285, 20)
    assert outcomes.count("answer") == sum(taken)
    assert not conversations._waiters
    wait_until(lambda: not conversations._lines)


def test_a_queue_that_grows_is_warned_of(
    conversations: Conversations, caplog: pytest.LogCaptureFixture
) -> None:
    release = threading.Event()
    conversations.put("a", release.wait, 10)
    wait_until(lambda: not conversations.queued)
    for _ in range(4100):
        conversations.put("a", int)
    assert [record.args for record in caplog.records] == [(1000,), (2000,), (4000,)]
    assert conversations.queued == 4100
    release.set()
    wait_until(lambda: conversations.queued == 0)


def test_the_end_frees_waiters_drops_the_rest_and_leaves_no_thread() -> None:
    conversations = Conversations()
    stopped: list[str] = []
    release = threading.Event()

    def asks() -> None:
        with conversations.waiter(lambda event: True) as waiter:
            try:
                waiter.wait(60)
            except Stopped:
                stopped.append("yes")

    conversations.put("waiting", asks)
    conversations.put("blocked", release.wait, 0.5)
    for _ in range(10):
        conversations.put("blocked", pytest.fail, "it was to be dropped")
    wait_until(lambda: conversations._waiters)
    began = time.monotonic()
    dropped = conversations.end(0.4)
    assert time.monotonic() - began < 1
    assert stopped == ["yes"]
    assert dropped == 10
    assert not conversations.put("a", int)
    release.set()
    wait_until(lambda: not conversations._workers)
    conversations.open()
    done = threading.Event()
    assert conversations.put("a", done.set)
    assert done.wait(5)
    conversations.end(1)


def test_the_end_waits_no_longer_than_the_jobs_take() -> None:
    conversations = Conversations()
    ending, done = threading.Event(), threading.Event()
    conversations.put("a", ending.wait, 10)
    conversations.put("a", done.set)
    wait_until(lambda: conversations.queued == 1)
    stop = threading.Thread(target=conversations.end, args=(20,))
    stop.start()
    wait_until(lambda: conversations._draining)
    ending.set()
    stop.join(5)
    assert not stop.is_alive()
    assert done.is_set()


def test_a_thread_that_sees_the_end_too_late_takes_nothing_after_it() -> None:
    conversations = Conversations()
    release = threading.Event()

    class Late:
        """Wakes a thread, but only a while after it was called."""

        def acquire(self, timeout: float) -> bool:
            return release.wait(timeout)

        def release(self) -> None:
            pass

    conversations.put("a", lambda: setattr(threading.current_thread(), "called", Late()))
    wait_until(lambda: conversations._idle)
    late = conversations.threads[0]
    conversations.end(0.01)
    conversations.open()
    release.set()
    late.join(5)
    assert not late.is_alive()
    done = threading.Event()
    conversations.put("b", done.set)
    assert done.wait(5)
    conversations.end(1)


def test_a_system_without_threads_to_give_makes_jobs_wait(
    conversations: Conversations, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    release = threading.Event()
    seen: list[int] = []
    conversations.put("first", release.wait, 10)
    wait_until(lambda: not conversations.queued)

    def no_more(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", no_more)
        for number in range(5):
            conversations.put(number, seen.append, number)
            conversations.put(number, seen.append, number + 10)
    assert "can't start new thread" in caplog.text
    release.set()
    wait_until(lambda: len(seen) == 10)
    assert seen == [0, 10, 1, 11, 2, 12, 3, 13, 4, 14]


def test_a_job_that_comes_alone_while_there_is_no_thread_is_done_a_little_later(
    conversations: Conversations, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = threading.Thread.start
    failures = [1, 2]

    def not_yet(self: threading.Thread) -> None:
        if failures:
            raise RuntimeError(f"can't start new thread {failures.pop()}")
        start(self)

    monkeypatch.setattr(module, "SLICE_SECONDS", 0.01)
    monkeypatch.setattr(threading.Thread, "start", not_yet)
    done = threading.Event()
    conversations.put("a", done.set)
    assert done.wait(2)


def test_jobs_that_no_thread_could_take_before_the_end_block_nothing_after_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def no_more(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    conversations = Conversations()
    monkeypatch.setattr(module, "INSIST_SECONDS", 0.05)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", no_more)
        conversations.put("a", pytest.fail, "it was to be dropped")
        assert conversations.end(0.05) == 1
    conversations.open()
    done = threading.Event()
    conversations.put("a", done.set)
    assert done.wait(2)
    conversations.end(1)


def test_random_conversations_of_askers_and_speakers_keep_their_promises(
    conversations: Conversations,
) -> None:
    chance = random.Random(7)
    busy: dict[int, int] = {}
    broken: list[str] = []
    done: list[int] = []

    def enter(key: int) -> None:
        busy[key] = busy.get(key, 0) + 1
        if busy[key] != 1:
            broken.append(f"{busy[key]} at once in {key}")

    def leave(key: int) -> None:
        busy[key] -= 1

    def asker(key: int, number: int) -> None:
        enter(key)
        with conversations.waiter(lambda event: True, number) as waiter:
            leave(key)
            with contextlib.suppress(TimeoutError):
                waiter.wait(0.05)
            enter(key)
        leave(key)
        done.append(number)

    def speaker(key: int, number: int, to: int) -> None:
        enter(key)
        leave(key)
        conversations.offer("said", to)
        done.append(number)

    for number in range(3000):
        key = chance.randrange(20)
        if chance.random() < 0.3:
            conversations.put(key, asker, key, number)
        else:
            conversations.put(key, speaker, key, number, max(0, number - chance.randrange(30)))
    wait_until(lambda: len(done) == 3000, 30)
    assert not broken
