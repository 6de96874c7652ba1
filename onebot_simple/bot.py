"""机器人：收到事件，交给处理函数，把返回值变成回答。

The bot: receives events, hands them to handlers, turns what they return into answers.
"""

from __future__ import annotations

import logging
import signal
import sys
from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Event as Flag
from threading import Lock, current_thread, local, main_thread
from typing import Any

from . import segment
from .actions import to_json
from .addresses import check_seconds
from .conversations import Conversations, Stopped, Waiter
from .decorators import Decorators
from .errors import NetworkError, OneBotError, WaitTimeout, printable
from .event import (
    Event,
    command_of,
    conversation_of,
    event_line,
    name_of,
    person_of,
)
from .handlers import Handler
from .quick_operation import (
    addressed,
    calls_for,
    http_answer,
    message_call,
    operation_of,
    plain,
    request_call,
)

log = logging.getLogger("onebot_simple")

DRAIN_SECONDS = 0.6  # how long stop() lets handlers finish before it takes the connection away
END_SECONDS = 0.6  # and how long it then waits for them to end


class Bot(Decorators):
    """EventServer、WsClient、WsServer 共有的部分：登记处理函数、回答、等待、启动和停止。

    What EventServer, WsClient and WsServer share: handlers, answers, waiting, starting, stopping.

    Handlers run in the order in which they were registered; the first that returns something
    other than None answers. Source: OneBot 11 standard, events and quick operations.
    """

    def __init__(self, *, timeout: float = 30, command_prefix: str = "/") -> None:
        super().__init__(command_prefix)
        self.timeout = check_seconds(timeout, "timeout")
        self._conversations = Conversations()
        self._now = local()  # .account: whose event this thread is handling, or handled last
        self._said_once: set[str] = set()
        self._counting = Lock()  # guards _counts and _too_late
        self._counts = {"events": 0, "calls": 0, "failures": 0, "reconnects": 0}
        self._starting = Lock()  # held by start(), of which there is one at a time
        self._state = Lock()  # guards _running, and the moments in which the flags change
        self._running = False
        self._stopping = Flag()  # set when stop() begins; each start() makes a new one
        self._stopped = Flag()  # set when stop() is done
        self._failure: OneBotError | None = None  # what run() is to raise
        self._too_late = 0  # events that came while stopping

    # -- answering and waiting ----------------------------------------------------------------

    def send(
        self,
        event: Event,
        message: segment.Message,
        *,
        at_sender: bool = False,
        reply_message: bool = False,
    ) -> Any:
        """向事件发生的聊天发一条消息；字符串永远是纯文本。

        Sends a message to where the event came from; a str is plain text, always.

        at_sender: @ the sender first (groups only). reply_message: quote the message.
        Returns ``{"message_id": int}``. Errors: those of any action.
        """
        content = plain(message)
        if not content:
            raise ValueError("send() needs something to send. 消息是空的。")
        action, params = message_call(event, addressed(event, content, at_sender, reply_message))
        return self.call_action(action, **params)

    def approve(self, event: Event) -> None:
        """同意一个请求（加好友、加群）。

        Approves a request. Source: set_friend_add_request, set_group_add_request.
        """
        action, params = request_call(event, True)
        self.call_action(action, **params)

    def reject(self, event: Event, reason: str = "") -> None:
        """拒绝一个请求；理由只有加群请求能带。

        Rejects a request; only a group request carries the reason.
        """
        action, params = request_call(event, False, reason=reason)
        self.call_action(action, **params)

    def ask(self, event: Event, prompt: segment.Message | None = None, timeout: float = 60) -> str:
        """给聊天用的 input()：发出问题，等同一个人在同一个聊天里的下一条消息。

        The input() of a chat: sends the prompt, waits for the same person's next message there.

        timeout: seconds. Returns its plain text. WaitTimeout when nothing comes in time; uncaught
        it ends the handler quietly. Other people are served meanwhile.
        """
        if not event.get("user_id"):
            raise ValueError("ask() needs an event with a user_id. 这个事件里没有可以问的人。")
        seconds = check_seconds(timeout, "timeout")
        with self._conversations.waiter(_is_message, person_of(event)) as waiter:
            if prompt is not None:
                self.send(event, prompt)
            who = f"user {event['user_id']} did not answer"
            return segment.plain_text(self._wait(waiter, seconds, who))

    def wait_for(self, predicate: Callable[[Any], object], timeout: float = 60) -> dict[str, Any]:
        """等下一个让 predicate 返回真值的事件；它不会再交给处理函数。

        Waits for the next event for which `predicate` is true; no handler sees that event.

        timeout: seconds. An event without a key that the predicate looks up does not match.
        """

        def wants(event: Event) -> bool:
            try:
                return bool(predicate(event))
            except KeyError:
                return False

        seconds = check_seconds(timeout, "timeout")
        with self._conversations.waiter(wants) as waiter:
            return self._wait(waiter, seconds, "no such event came")

    def _wait(self, waiter: Waiter, seconds: float, failed: str) -> dict[str, Any]:
        try:
            event: dict[str, Any] = waiter.wait(seconds)
            return event
        except TimeoutError as error:
            raise WaitTimeout(f"{failed} within {seconds:g} s. 等太久了，没有等到。") from error
        except Stopped as error:
            raise NetworkError(
                "the bot was stopped while waiting. 机器人停止了，不再等待。"
            ) from error

    # -- events -------------------------------------------------------------------------------

    def handle(
        self,
        event: Event,
        *,
        account: object = None,
        respond: Callable[[str | None], None] | None = None,
    ) -> bool:
        """One event from OneBot: queued in its conversation, never handled on this thread.

        `respond`, where given, gets the quick operation as JSON instead of actions being called.
        False when the event is dropped: it is none, or the bot is stopping.
        """
        self._count("events")
        post_type = event.get("post_type")
        if not isinstance(post_type, str) or "." in post_type:  # which is how names are joined
            self._complain("an event without post_type", list(event)[:20])
            return False
        if not self._stopping.is_set() and self._conversations.put(
            conversation_of(event), self._process, event, account, respond
        ):
            return True
        with self._counting:
            self._too_late += 1
        return False

    def _process(self, event: Event, account: object, answer: Callable[[Any], None] | None) -> None:
        self._now.account = account
        result = None
        try:
            if log.isEnabledFor(logging.INFO):
                level = logging.DEBUG if event["post_type"] == "meta_event" else logging.INFO
                log.log(level, "%s", event_line(event))
            turns = self._conversations
            if turns.awaited and turns.offer(event, person_of(event)):
                return
            operation = self._operation(event)
            if operation is not None and answer:
                content = http_answer(event, operation)
                result = to_json("the answer", content) if content else None
            elif operation is not None:
                self._carry_out(event, operation)
        except Exception:
            log.exception("the answer to %s failed. 回答没有发出去。", event_line(event))
        finally:
            if answer:
                answer(result)

    def _operation(self, event: Event) -> dict[str, Any] | None:
        """What the first handler that answers wants done."""
        command = None
        if self._handlers.commands and event["post_type"] == "message":
            command = command_of(event, self.command_prefix)
        for handler in self._handlers.of(name_of(event), command[0] if command else None):
            try:
                result = handler.run(event, command)
                if result is not None:
                    return operation_of(result, handler.name)
            except Exception as error:
                if self._is_quiet_end(handler, error):
                    return None
                log.exception("%s failed on %s. 处理函数出错了：", handler.name, event_line(event))
        return None

    def _is_quiet_end(self, handler: Handler, error: Exception) -> bool:
        """Whether one line says all there is to say: it waited in vain, or the bot is stopped."""
        quiet = isinstance(error, WaitTimeout) or (
            isinstance(error, NetworkError) and self._stopping.is_set()
        )
        if quiet:
            log.info("%s ended: %s", handler.name, error)
        return quiet

    def _carry_out(self, event: Event, operation: dict[str, Any]) -> None:
        for action, params in calls_for(event, operation):
            try:
                self.call_action(action, **params)
            except OneBotError as error:  # one that fails does not keep the others from running
                level = logging.INFO if self._stopping.is_set() else logging.ERROR
                log.log(level, "%s", printable(str(error)))

    # -- counting -----------------------------------------------------------------------------

    @property
    def stats(self) -> dict[str, int]:
        """运行到现在的计数：事件、调用、失败的调用、重连，以及正在排队的事件。

        Counters since the beginning: events, calls, failures (of calls), reconnects, and the
        number of events that are queued right now.
        """
        with self._counting:
            return {**self._counts, "queued": self._conversations.queued}

    def _count(self, what: str) -> None:
        with self._counting:
            self._counts[what] += 1

    def _counted(self, request: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        self._count("calls")
        try:
            response = request()
        except OneBotError:
            self._count("failures")
            raise
        if response.get("status") == "failed":
            self._count("failures")
        return response

    def _counted_stream(
        self, frames: Callable[[], Iterator[dict[str, Any]]]
    ) -> Iterator[dict[str, Any]]:
        self._count("calls")
        try:
            for frame in frames():
                if frame.get("status") == "failed":
                    self._count("failures")
                yield frame
        except OneBotError:
            self._count("failures")
            raise

    # -- connections --------------------------------------------------------------------------

    def _connected(self, self_id: int | None) -> None:
        self._conversations.put(
            ("connection", self_id), self._tell, self._connect_handlers, self_id
        )

    def _disconnected(self, self_id: int | None) -> None:
        self._conversations.put(
            ("connection", self_id), self._tell, self._disconnect_handlers, self_id
        )

    def _tell(self, handlers: list[Handler], self_id: int | None) -> None:
        # calls go to the account that came; after one has gone, to the one that is left
        self._now.account = self_id if handlers is self._connect_handlers else None
        for handler in handlers:
            try:
                handler.function(self_id)
            except Exception as error:
                if not self._is_quiet_end(handler, error):
                    log.exception("%s failed. 处理函数出错了：", handler.name)

    def _complain(self, kind: str, what: object, advice: str = "收到了看不懂的数据。") -> None:
        """Say once per kind what was dropped; a flood of bad frames must not flood the log."""
        if kind not in self._said_once:
            self._said_once.add(kind)
            log.warning(
                "dropped %s: %s. %s（已忽略，同类只提示一次。）",
                kind,
                printable(ascii(what)[:200]),
                advice,
            )

    # -- starting and stopping ----------------------------------------------------------------

    def run(self) -> None:
        """启动，并一直运行到 stop() 或 Ctrl+C。

        Starts, and blocks until stop() or Ctrl+C.
        """
        log_to_console()
        try:
            with self._ended_by_sigterm():
                self.start()
                while self._failure is None and not self._stopping.wait(0.2):
                    pass  # short waits, since Windows cannot interrupt a long one
        except KeyboardInterrupt:
            log.info("stopping. 正在停止……")
        finally:
            with suppress(KeyboardInterrupt):  # a second one: the threads end with the program
                self.stop()
        if self._failure is not None:
            raise self._failure

    @contextmanager
    def _ended_by_sigterm(self) -> Iterator[None]:
        """Let systemd or `docker stop` end run() as Ctrl+C does."""
        if current_thread() is not main_thread():  # only there can signals be handled
            yield
            return
        before = signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, before)

    def start(self) -> None:
        """启动并立刻返回；失败时抛出原因。已经启动时什么也不做。

        Starts and returns at once; raises the reason when it cannot. Does nothing when started.
        """
        with self._starting:
            with self._state:
                if self._running:
                    return
                self._running = True
                self._stopping = stopping = Flag()  # a thread that ends late keeps the old one
                self._stopped.clear()
                self._failure = None
                self._too_late = 0
                self._conversations.open()
            try:
                self._open()
            except BaseException:
                self.stop()
                raise
            if stopping.is_set():  # stop() came before there was anything to close
                self._close()

    def stop(self) -> None:
        """停止：不再收事件，结束所有等待和线程。可以重复调用，也可以在处理函数里调用。

        Stops: no more events; every wait and every thread ends. A handler may call it, too.
        """
        with self._state:
            if not self._running:
                return
            already = self._stopping.is_set()
            self._stopping.set()
        if already:  # somebody else is at it
            if not self._conversations.inside():
                self._stopped.wait(2 * (DRAIN_SECONDS + END_SECONDS))
            return
        try:
            self._end()
        finally:  # a second Ctrl+C must not leave a bot that can neither run nor be started
            self._running = False
            self._stopped.set()

    def _end(self) -> None:
        dropped = 0
        try:
            dropped += self._conversations.drain(DRAIN_SECONDS)
        finally:
            self._close()
        dropped += self._conversations.end(END_SECONDS) + self._too_late
        if dropped:
            log.warning("%d events were not handled any more. 停止时还有事件没有处理。", dropped)

    def __enter__(self) -> Any:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @abstractmethod
    def _open(self) -> None:
        """Connect or listen; raise the reason when that fails."""

    @abstractmethod
    def _close(self) -> None:
        """End the connections and the transport's own threads."""


def _is_message(event: Event) -> bool:
    return bool(event["post_type"] == "message")


def log_to_console() -> None:
    """Show the log of a beginner's bot, unless the program has set up logging itself."""
    if not logging.getLogger().handlers:
        logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", datefmt="%H:%M:%S")
        if log.level == logging.NOTSET:
            log.setLevel(logging.INFO)
    for stream in (sys.stdout, sys.stderr):  # a GBK console must not fail at an emoji
        if getattr(stream, "errors", None) == "strict" and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
