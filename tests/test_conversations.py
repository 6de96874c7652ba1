"""One thing at a time in a chat, different chats side by side, and who steps aside for whom."""

from __future__ import annotations

import contextlib
import random
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from onebot_simple import NetworkError, WaitTimeout, WsServer, segment

from .peers import connect_event, message, wait_until

Event = dict[str, Any]
GROUP = 30001


@pytest.fixture
def bot() -> Iterator[WsServer]:
    """A bot that gets its events from the test itself, as fast as can be."""
    with WsServer(port=0) as one:
        yield one


def said(event: Event) -> str:
    return segment.plain_text(event)


def say(
    bot: WsServer, text: Any, user: int = 20002, group: int | None = GROUP, **more: Any
) -> None:
    assert bot.handle(message(str(text), user, group, **more))


def idle(bot: WsServer) -> bool:
    return not bot.stats["queued"]


def wait_until_aside(bot: WsServer, group: int = GROUP) -> None:
    """Wait until whoever has the turn of a group waits for an event: then others are served."""
    assert bot.handle({"post_type": "notice", "self_id": 10001, "group_id": group, "user_id": 1})
    wait_until(lambda: idle(bot))


@pytest.fixture(scope="module", autouse=True)
def resting() -> Iterator[tuple[WsServer, set[threading.Thread]]]:
    """A bot that had something to do, and its threads, which may end while the other tests run."""
    threads: set[threading.Thread] = set()
    with WsServer(port=0) as one:
        one.on_message(lambda event: threads.add(threading.current_thread()))
        for number in range(50):
            say(one, number, group=number + 1)
            wait_until(lambda number=number: idle(one) and threads)  # type: ignore[misc]
            time.sleep(0.002)
        yield one, threads


class OneAtATime:
    """Notes what runs, and complains when two run at once in one chat."""

    def __init__(self) -> None:
        self.running: dict[Any, threading.Lock] = {}
        self.broken: list[str] = []

    @contextlib.contextmanager
    def __call__(self, chat: Any) -> Iterator[None]:
        lock = self.running.setdefault(chat, threading.Lock())
        if not lock.acquire(blocking=False):
            self.broken.append(f"two at once in {chat}")
            yield
            return
        yield
        lock.release()


def test_events_of_a_chat_are_handled_one_at_a_time_in_order(bot: WsServer) -> None:
    seen: list[str] = []
    alone = OneAtATime()

    @bot.on_message
    def note(event: Event) -> None:
        with alone(GROUP):
            seen.append(said(event))

    for number in range(2000):
        say(bot, number, user=20000 + number % 7)
    wait_until(lambda: len(seen) == 2000, 20)
    assert seen == [str(number) for number in range(2000)]
    assert not alone.broken


def test_different_chats_are_handled_side_by_side(bot: WsServer) -> None:
    together = threading.Barrier(50)
    bot.on_message(lambda event: together.wait(10) and None)
    for group in range(1, 51):
        say(bot, "hi", group=group)
    wait_until(lambda: idle(bot))
    assert not together.broken


def test_the_same_group_of_two_accounts_is_two_chats(bot: WsServer) -> None:
    together = threading.Barrier(2)
    bot.on_message(lambda event: together.wait(10) and None)
    say(bot, "hi", self_id=10001)
    say(bot, "hi", self_id=10002)
    wait_until(lambda: idle(bot))
    assert not together.broken


def test_a_notice_and_a_request_of_a_group_wait_for_its_message_and_a_heartbeat_does_not(
    bot: WsServer,
) -> None:
    release, seen = threading.Event(), list[str]()

    @bot.on_message
    def slow(event: Event) -> None:
        release.wait(10)
        seen.append("message")

    bot.on_notice(lambda event: seen.append("notice"))
    bot.on_request(lambda event: seen.append("request"))
    bot.on_meta_event(lambda event: seen.append("meta_event"))
    say(bot, "hi")
    for post_type in ("notice", "request"):
        bot.handle({"post_type": post_type, "self_id": 10001, "group_id": GROUP, "user_id": 1})
    bot.handle(connect_event())
    wait_until(lambda: seen)
    release.set()
    wait_until(lambda: len(seen) == 4)
    assert seen == ["meta_event", "message", "notice", "request"]


def test_events_from_many_threads_are_handled_once_each_in_the_order_of_their_thread(
    bot: WsServer,
) -> None:
    seen: dict[tuple[str, str], list[int]] = {}

    @bot.on_message
    def note(event: Event) -> None:
        thread, number = said(event).split()
        seen.setdefault((thread, event["group_id"]), []).append(int(number))

    def push(thread: int) -> None:
        for number in range(500):
            say(bot, f"{thread} {number}", group=1 + number % 5)

    threads = [threading.Thread(target=push, args=(thread,)) for thread in range(4)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # as many chances as possible to be interrupted at a bad moment
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        wait_until(lambda: sum(map(len, seen.values())) == 2000, 20)
    finally:
        sys.setswitchinterval(interval)
    assert len(seen) == 20
    assert all(numbers == sorted(set(numbers)) for numbers in seen.values())


@pytest.mark.parametrize("error", [ZeroDivisionError, SystemExit, KeyboardInterrupt])
def test_a_handler_that_ends_in_an_error_passes_its_turn_on(bot: WsServer, error: Any) -> None:
    seen: list[str] = []

    @bot.on_message
    def broken(event: Event) -> None:
        if said(event) == "first":
            raise error("oh no")
        seen.append(said(event))

    say(bot, "first")
    say(bot, "second")
    wait_until(lambda: seen == ["second"])


def test_ask_steps_aside_for_others_in_the_group_and_goes_on_first(bot: WsServer) -> None:
    seen: list[str] = []
    ready = threading.Event()

    @bot.on_message
    def note(event: Event) -> None:
        seen.append(said(event))
        if said(event) == "ask me":
            ready.set()
            seen.append(f"got {bot.ask(event)}")
            seen.append("went on")

    say(bot, "ask me", user=1)
    assert ready.wait(5)
    for text, user in (("a", 2), ("b", 3), ("answer", 1), ("c", 2), ("d", 1)):
        say(bot, text, user=user)
    wait_until(lambda: len(seen) == 7)
    assert seen == ["ask me", "a", "b", "got answer", "went on", "c", "d"]


def test_who_waited_in_vain_goes_on_when_it_has_its_turn_again(bot: WsServer) -> None:
    seen: list[str] = []

    @bot.on_message
    def talk(event: Event) -> None:
        if said(event) == "ask":
            with pytest.raises(WaitTimeout):
                bot.ask(event, timeout=1)
            seen.append("too late")
        elif said(event) == "slow":  # it begins while the other waits, and ends later
            time.sleep(1.5)
            seen.append("slow")
        else:
            seen.append(said(event))

    for user, text in enumerate(("ask", "slow", "last"), 1):
        say(bot, text, user=user)
    wait_until(lambda: len(seen) == 3)
    assert seen == ["slow", "too late", "last"]


def test_ask_comes_before_wait_for_and_both_before_the_handlers(bot: WsServer) -> None:
    seen: list[str] = []

    @bot.on_command("ask")
    def ask(event: Event) -> None:
        seen.append(f"ask {bot.ask(event)}")

    @bot.on_command("wait")
    def wait(event: Event) -> None:
        number = bot.wait_for(lambda event: str(event.get("raw_message")).isdigit())
        seen.append(f"wait {said(number)}")

    @bot.on_message
    def rest(event: Event) -> None:
        seen.append(f"handler {said(event)}")

    for group, command in enumerate(("/wait", "/ask"), 1):
        say(bot, command, user=1, group=group)
        wait_until_aside(bot, group)
    for number, expected in enumerate(["ask 0", "wait 1", "handler 2"]):
        say(bot, number, user=1, group=2)
        wait_until(lambda expected=expected: expected in seen)  # type: ignore[misc]


@pytest.mark.timeout(150)
def test_a_thousand_who_are_asked_delay_nobody(bot: WsServer) -> None:
    results: list[str] = []
    asking: list[int] = []
    quick = threading.Event()

    @bot.on_command("ask")
    def ask(event: Event) -> None:
        asking.append(event["user_id"])
        results.append(bot.ask(event, timeout=150))

    @bot.on_command("quick")
    def answer(event: Event) -> None:
        quick.set()

    for user in range(1, 1001):
        say(bot, "/ask", user=user)
    wait_until(lambda: len(asking) == 1000, 60)
    for group in (GROUP, 7):
        quick.clear()
        say(bot, "/quick", user=2000, group=group)
        assert quick.wait(5)  # 150 s where it has to wait for a thread
    for user in range(1, 1001):
        say(bot, user, user=user)
    wait_until(lambda: len(results) == 1000, 60)
    assert set(results) == {str(user) for user in range(1, 1001)}


def test_an_answer_at_the_last_moment_is_taken_or_handled_but_not_both(bot: WsServer) -> None:
    outcomes: dict[int, list[str]] = {group: [] for group in range(1, 101)}

    @bot.on_command("ask")
    def ask(event: Event) -> str:
        try:
            outcomes[event["group_id"]].append(bot.ask(event, timeout=0.02))
        except WaitTimeout:
            outcomes[event["group_id"]].append("late")
        return ""  # nothing to say, but no other handler is to run

    @bot.on_message
    def rest(event: Event) -> None:
        outcomes[event["group_id"]].append("handled")

    for first in range(1, 101, 10):
        groups = range(first, first + 10)
        for group in groups:
            say(bot, "/ask", group=group)
        time.sleep(0.02)
        for group in groups:
            say(bot, "answer", group=group)
        for group in groups:
            wait_until(lambda group=group: is_over(outcomes[group]))  # type: ignore[misc]
    assert all(map(is_over, outcomes.values()))


def is_over(outcome: list[str]) -> bool:
    return outcome == ["answer"] or sorted(outcome) == ["handled", "late"]


def test_a_queue_that_grows_is_warned_of_at_a_thousand_and_when_it_doubles(
    bot: WsServer, caplog: pytest.LogCaptureFixture
) -> None:
    release = threading.Event()
    bot.on_message(lambda event: release.wait(20) and None)
    for number in range(2100):
        say(bot, number)
    warnings = [r.getMessage() for r in caplog.records if "wait for their turn" in r.getMessage()]
    release.set()
    assert [text.split(" ")[0] for text in warnings] == ["1000", "2000"]
    wait_until(lambda: idle(bot), 20)


def test_a_burst_of_short_events_from_many_chats_needs_few_threads(bot: WsServer) -> None:
    threads: dict[threading.Thread, int] = {}
    handled: list[int] = []

    @bot.on_message
    def note(event: Event) -> None:
        threads[threading.current_thread()] = 1
        handled.append(1)

    for group in range(1, 3001):
        say(bot, "hi", group=group)
    wait_until(lambda: len(handled) == 3000, 20)
    assert len(threads) < 300  # 660 when each is called at once


def test_a_system_without_threads_to_give_makes_events_wait(
    bot: WsServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    release, seen = threading.Event(), list[str]()

    @bot.on_message
    def note(event: Event) -> None:
        if said(event) == "first":
            release.wait(10)
        seen.append(said(event))

    def no_more(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    say(bot, "first", group=1)
    wait_until(lambda: idle(bot))
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", no_more)
        for number in range(5):
            say(bot, number, group=2 + number)
    assert caplog.text.count("no more threads") == 1
    release.set()
    wait_until(lambda: sorted(seen) == ["0", "1", "2", "3", "4", "first"])


def test_a_handler_that_keeps_others_waiting_is_named_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("onebot_simple.running.SLOW_SECONDS", 0.2)  # 30 s otherwise
    monkeypatch.setattr("onebot_simple.running.LOOK_SECONDS", 0.05)
    release = threading.Event()
    with WsServer(port=0) as bot:

        @bot.on_message
        def stuck(event: Event) -> None:
            release.wait(10)

        say(bot, "first")
        say(bot, "second")
        wait_until(lambda: "stuck@test_conversations.py" in caplog.text)
        time.sleep(0.3)
        assert caplog.text.count("has been running for long, and 1 events") == 1
        release.set()


def test_a_slow_handler_keeps_its_turn_when_the_bot_is_stopped_and_started_again() -> None:
    bot = WsServer(port=0)
    alone, release = OneAtATime(), threading.Event()
    slow, asked, freed = threading.Event(), threading.Event(), threading.Event()
    seen: list[str] = []

    @bot.on_message
    def talk(event: Event) -> None:
        with alone(GROUP) if said(event) != "ask" else contextlib.nullcontext():
            seen.append(said(event))
            if said(event) == "ask":
                asked.set()
                with pytest.raises(NetworkError):
                    bot.ask(event)
                freed.set()
            if said(event) == "slow":
                slow.set()
                release.wait(20)

    bot.start()
    say(bot, "ask", user=1)
    assert asked.wait(5)
    say(bot, "slow", user=2)
    assert slow.wait(5)
    began = time.monotonic()
    bot.stop()
    assert time.monotonic() - began < 10
    assert freed.wait(5)  # it goes on without the turn, which the slow one has
    with bot:
        for number in range(5):
            say(bot, number, user=3 + number)
        time.sleep(0.2)  # they could run now, if they did not wait
        assert seen == ["ask", "slow"]
        release.set()
        wait_until(lambda: seen == ["ask", "slow", "0", "1", "2", "3", "4"])
    assert not alone.broken


def test_random_conversations_of_askers_and_speakers_keep_their_promises(bot: WsServer) -> None:
    chance = random.Random(7)
    alone = OneAtATime()
    done: list[str] = []

    @bot.on_command("ask")
    def ask(event: Event) -> None:
        group = event["group_id"]
        with alone(group):
            pass
        with contextlib.suppress(WaitTimeout):
            done.append(bot.ask(event, timeout=0.05))
        with alone(group):
            done.append("asked")

    @bot.on_message
    def speak(event: Event) -> None:
        with alone(event["group_id"]):
            done.append("spoke")

    number = 3000
    for _ in range(number):
        text = "/ask" if chance.random() < 0.3 else "hm"
        say(bot, text, user=chance.randrange(1, 4), group=chance.randrange(1, 20))
    wait_until(lambda: len(done) >= number, 30)
    wait_until(lambda: idle(bot))
    assert not alone.broken


def test_waits_that_end_while_another_has_the_turn_go_on_in_their_order(bot: WsServer) -> None:
    release, order = threading.Event(), list[str]()

    @bot.on_message
    def handle(event: Event) -> None:
        word = said(event)
        if word == "busy":
            release.wait(10)
        elif word in "abc":
            bot.wait_for(lambda other: said(other) == word + "!", timeout=10)
            order.append(word)

    for word in "abc":
        say(bot, word)
    wait_until(lambda: idle(bot))
    say(bot, "busy")
    wait_until(lambda: idle(bot))
    for word in "abc":
        say(bot, word + "!", group=2)
    wait_until(lambda: idle(bot))
    release.set()
    wait_until(lambda: len(order) == 3)
    assert order == ["a", "b", "c"]


def test_a_wait_that_ends_needs_no_other_thread_where_the_system_has_none(
    bot: WsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended, served = list[Any](), list[Any]()

    @bot.on_message
    def handle(event: Event) -> None:
        if said(event) != "ask":
            served.append(event["group_id"])
            return
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", no_more)
            say(bot, "next", group=event["group_id"])
            try:
                bot.ask(event, timeout=0.05)
            except WaitTimeout:
                ended.append(event["group_id"])

    def no_more(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    say(bot, "ask", group=1)
    wait_until(lambda: (ended, served) == ([1], [1]))


def test_a_burst_leaves_few_threads_behind_although_events_keep_coming(bot: WsServer) -> None:
    gate, threads = threading.Barrier(41), list[int]()

    @bot.on_message
    def handle(event: Event) -> None:
        if said(event) == "long":
            gate.wait(20)
        else:
            threads.append(threading.get_ident())

    for group in range(40):
        say(bot, "long", group=group)
    gate.wait(20)

    def do_one_more() -> bool:
        number = len(threads)
        say(bot, f"short {number}", group=number)
        wait_until(lambda: len(threads) > number)
        return number > 60 and len(set(threads[-60:])) < 20

    wait_until(do_one_more)  # the longest idle may end, for the same few are called again


def test_threads_are_used_again_and_end_when_there_is_nothing_to_do(
    resting: tuple[WsServer, set[threading.Thread]],
) -> None:
    bot, threads = resting
    assert len(threads) < 10
    wait_until(lambda: not any(thread.is_alive() for thread in threads), 20)
    threads.clear()
    say(bot, "again")
    wait_until(lambda: threads)
    bot.stop()
