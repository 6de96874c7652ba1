"""等待事件：ask()、wait_for()，以及 for event in bot.events()。

Waiting for events: ask(), wait_for(), and for event in bot.events().
"""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Callable, Generator, Hashable
from queue import Empty, SimpleQueue
from threading import Event as Flag
from typing import Any, NamedTuple

from . import segment
from .addresses import check_seconds
from .conversations import QUEUE_WARNING, Stopped, Waiter, warn_of_queue
from .errors import NetworkError, WaitTimeout
from .event import (
    Event,
    actor_of,
    conversation_of,
    is_message,
    label_of,
    name_of,
    person_of,
)
from .quick_operation import check_event, plain
from .running import SLICE_SECONDS, Running

log = logging.getLogger("onebot_simple")


class Answer(str):
    """ask() 得到的回答：纯文本，``.event`` 是整个事件。

    What ask() got: the plain text, and the whole event in ``.event``.
    """

    event: dict[str, Any]


class Arrival(NamedTuple):
    """An event that has come: what it is called in echoes, and where its answer goes."""

    event: Event
    account: int | None
    label: str
    respond: Callable[[str | None], None] | None


class _Condition:
    """The predicate of a wait_for(). An event on which it fails does not match."""

    def __init__(self, predicate: Callable[[Any], object]) -> None:
        self.predicate = predicate
        self.has_failed = False

    def __call__(self, event: Event) -> bool:
        try:
            return bool(self.predicate(event))
        except (Exception, SystemExit) as error:
            if not self.has_failed:
                self.has_failed = True
                name = name_of(event)
                log.warning(
                    "wait_for() 的条件在 %s 上出错了：%r，这个事件不算；可以用 event.get()。 "
                    "The condition of wait_for() failed on %s: %r. That event does not count; "
                    "event.get() is safer.",
                    *(name, error, name, error),
                )
            return False


class Loop(SimpleQueue[Arrival]):
    """What a `for event in bot.events()` has still to see."""

    warn_at = QUEUE_WARNING

    def add(self, arrival: Arrival) -> None:
        self.put(arrival)
        if self.qsize() >= self.warn_at:
            self.warn_at *= 2
            warn_of_queue(self.qsize())


class Waiting(Running):
    """等待事件；Bot 的一部分。

    What a bot does about waiting for events.
    """

    @abstractmethod
    def send(self, event: Event, message: segment.Message) -> Any:
        """See Bot."""

    @abstractmethod
    def _queue(self, chat: Hashable, arrival: Arrival, loops: tuple[Loop, ...] = ()) -> bool:
        """Let an event be handled when its turn comes; False when it is dropped."""

    def ask(
        self, event: Event, prompt: segment.Message | None = None, timeout: float = 60
    ) -> Answer:
        """给聊天用的 input()：发出问题，等同一个人在同一个聊天里的下一条消息。

        The input() of a chat: sends the prompt, waits for the same person's next message there.

        timeout: seconds. Returns its plain text, stripped, as a str with an ``.event``.
        WaitTimeout when nothing comes in time; uncaught it ends the handler quietly. Other people
        are served meanwhile.
        """
        check_event(event, 'ask(event, "...")')
        seconds = check_seconds(timeout, "timeout")
        person = actor_of(event)
        if person is None:
            raise ValueError(
                "这个事件里没有可以问的人（没有 user_id）。 "
                "ask() needs an event with a user_id; this one names nobody."
            )
        question = plain(prompt)
        with self._conversations.waiter(is_message, person_of(event)) as waiter:
            if question:  # sent when the wait is registered: the answer may be fast
                self.send(event, question)
            said = self._wait(waiter, seconds, f"{person} 没有回答", f"{person} did not answer")
        answer = Answer(segment.plain_text(said).strip())
        answer.event = said
        return answer

    def wait_for(self, predicate: Callable[[Any], object], timeout: float = 60) -> dict[str, Any]:
        """等下一个让 predicate 返回真值的事件；它不会再交给处理函数。

        Waits for the next event for which `predicate` is true; no handler sees that event.

        timeout: seconds. An event for which the predicate raises an error does not match; the
        log says so once. Returns the event. Errors: WaitTimeout, NetworkError when stopped.
        """
        if not callable(predicate):
            raise TypeError(
                f"wait_for() 要一个函数，不是 {predicate!r}：写成 wait_for(lambda event: ...)。 "
                f"wait_for() takes a function, not {predicate!r}: write "
                "wait_for(lambda event: ...)."
            )
        seconds = check_seconds(timeout, "timeout")
        with self._conversations.waiter(_Condition(predicate)) as waiter:
            return self._wait(waiter, seconds, "没有等到这样的事件", "no such event came")

    def _wait(self, waiter: Waiter, seconds: float, failed: str, english: str) -> dict[str, Any]:
        try:
            event: dict[str, Any] = self._conversations.wait(waiter, seconds)
        except TimeoutError:
            raise WaitTimeout(
                f"等了 {seconds:g} 秒，{failed}。 {english} within {seconds:g} s."
            ) from None
        except Stopped:
            raise NetworkError(
                "机器人停止了，不再等待。 the bot was stopped while waiting."
            ) from None
        if is_message(event):
            self._now.label = label_of(event)  # what the handler does now is because of this one
        return event

    def events(self) -> Generator[dict[str, Any], None, None]:
        """一个一个地给出事件：``for event in bot.events():``，直到机器人停止。

        Yields the events from now on, in order of arrival, until the bot is stopped.

        Handlers do not see them; ask() and wait_for() come first. Left with ``break``, the loop
        takes no more. RuntimeError when the bot is not started.
        """
        with self._state:
            if not self._running or self._stopping.is_set():
                raise RuntimeError(
                    "机器人还没有启动：先写 with bot:，循环写在它里面。 "
                    "the bot is not started: write the loop inside of  with bot:"
                )
            loop = Loop()
            self._loops += (loop,)
        events = self._events(loop, self._stopping)
        next(events)  # it is left properly only once it has begun
        return events

    def _events(self, loop: Loop, stopping: Flag) -> Generator[dict[str, Any], None, None]:
        try:
            yield {}  # for events() itself
            while not stopping.is_set():
                try:
                    arrival = loop.get(timeout=SLICE_SECONDS)
                except Empty:
                    continue
                self._now.account, self._now.label = arrival.account, arrival.label
                self._now.handler = "events@"
                yield arrival.event  # type: ignore[misc]
        except KeyboardInterrupt:
            log.info("循环结束。 The loop ends.")
        finally:
            self._now.account, self._now.label, self._now.handler = None, "", ""
            with self._state:
                self._loops = tuple(one for one in self._loops if one is not loop)
            while not loop.empty():  # what it has not seen is for the handlers
                rest = loop.get()._replace(respond=None)  # that has been done
                self._queue(conversation_of(rest.event), rest)
