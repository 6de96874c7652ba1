"""机器人：收到事件，交给处理函数，把返回值变成回答；ask() 和 wait_for() 等下一个事件。

The bot: receives events, hands them to handlers, turns what they return into answers, and waits
for events. The decorators are in handlers.py; starting, stopping and the log are in running.py.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator
from copy import copy
from queue import Empty, SimpleQueue
from threading import Event as Flag
from typing import Any

from . import segment
from .actions import Actions, line_of, to_json
from .addresses import check_seconds
from .answer import Answer
from .conversations import Waiter
from .errors import NetworkError, OneBotError, WaitTimeout, printable
from .event import (
    Event,
    command_of,
    conversation_of,
    event_line,
    id_of,
    is_by_account,
    is_done_by_account,
    is_message,
    label_of,
    name_of,
    speaker_key,
    user_of,
)
from .handler import never_failing
from .logs import log
from .quick_operation import (
    calls_for,
    check_event,
    message_call,
    operation_of,
    request_call,
    response_body,
    segments_to_send,
)
from .running import STOPPED, Running
from .waits import SLICE_SECONDS, next_of

EVENTS = ("events",)  # the line of all events while a loop of events() runs
Respond = Callable[[str | None], None]

# An event that has come; its name; the account on which it is answered; what echoes call it; and
# what gets the response to its post (None: actions are called). A plain tuple is the fastest.
Arrival = tuple[Event, str, int | None, str, Respond | None]
Loop = SimpleQueue[Arrival]  # the events that one `for event in bot.events()` has not taken yet


class Bot(Running):
    """EventServer、WsClient、WsServer 共有的部分：回答、等待、启动和停止。

    What EventServer, WsClient and WsServer share: answers, waiting, starting, stopping.

    Handlers run in the order in which they were registered; the first that returns something
    other than None answers. Source: OneBot 11 standard, events and quick operations.
    """

    # -- answering ----------------------------------------------------------------------------

    def send(
        self,
        event: Event,
        message: segment.Message = "",
        *,
        at_sender: bool = False,
        reply_message: bool = False,
    ) -> Any:
        """向事件发生的聊天发一条消息；字符串永远是纯文本。

        Sends a message to where the event came from; a str is plain text, always.

        at_sender: @ the sender first (groups only). reply_message: quote the message.
        Returns ``{"message_id": int}``. Errors: those of any action.
        """
        check_event(event, 'send(event, "...")')
        content = segments_to_send(message)
        if not content:
            raise ValueError("要发的消息是空的。 send() needs something to send.")
        return self._call_for(event, *message_call(event, content, at_sender, reply_message))

    def approve(self, event: Event) -> None:
        """同意一个请求（加好友、加群）。

        Approves a request. Source: set_friend_add_request, set_group_add_request.
        """
        check_event(event, "approve(event)")
        self._call_for(event, *request_call(event, True))

    def reject(self, event: Event, reason: str = "") -> None:
        """拒绝一个请求；理由只有加群请求能带。

        Rejects a request; only a group request carries the reason.
        """
        check_event(event, "reject(event)")
        self._call_for(event, *request_call(event, False, reason=reason))

    def _call_for(self, event: Event, action: str, params: dict[str, Any]) -> Any:
        if "message" not in params:  # else call_action() logs it
            log.info("%s", line_of(action, params))
        return self._actions_of(event).call_action(action, **params)

    def _actions_of(self, event: Event) -> Actions:
        """The bot or account on which an event is answered."""
        return self

    # -- waiting for events -------------------------------------------------------------------

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
        person = user_of(event)
        if person is None:
            raise ValueError(
                "这个事件里没有可以问的人（没有 user_id）。 "
                "ask() needs an event with a user_id; this one names nobody."
            )
        question = segments_to_send(prompt)
        with self._conversations.waiter(is_message, speaker_key(event)) as waiter:
            if question:  # sent when the wait is registered: the answer may be fast
                self.send(event, question)
            reply = self._wait(waiter, seconds, f"{person} 没有回答", f"{person} did not answer")
        answer = Answer(segment.plain_text(reply).strip())
        answer.event = reply
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
        with self._conversations.waiter(never_failing(predicate)) as waiter:
            return self._wait(waiter, seconds, "没有等到这样的事件", "no such event came")

    def _wait(self, waiter: Waiter, seconds: float, failed: str, english: str) -> dict[str, Any]:
        event: dict[str, Any] | None = self._conversations.wait(waiter, seconds)
        if waiter.stopped:
            raise NetworkError(STOPPED)
        if event is None:
            raise WaitTimeout(f"等了 {seconds:g} 秒，{failed}。 {english} within {seconds:g} s.")
        if is_message(event):
            self._current.label = label_of(event)  # it is the cause of what the handler does now
        return event

    def events(self) -> Generator[dict[str, Any], None, None]:
        """一个一个地给出事件：``for event in bot.events():``，直到机器人停止。

        Yields the events from now on, in order of arrival, until the bot is stopped.

        Handlers do not see them; ask() and wait_for() come first. What the account itself has said
        or done does not come. ``break`` ends the loop if you wrote ``for event in bot.events()``;
        do not keep bot.events() in a variable. RuntimeError when the bot is not started;
        AuthenticationError when the access_token is refused later.
        """
        with self._state_lock:
            if not self._running or self._stopping.is_set():
                raise RuntimeError(
                    "机器人还没有启动：先写 with bot:，循环写在它里面。 "
                    "the bot is not started: write the loop inside of  with bot:"
                )
            loop = Loop()
            self._loops += (loop,)
            events = self._events(loop, self._stopping)
        next(events)  # a generator that was never begun does not run its `finally`
        return events

    def _events(self, loop: Loop, stopping: Flag) -> Generator[dict[str, Any], None, None]:
        current = self._current
        before = current.self_id, current.label, current.place
        try:
            yield {}  # for events() itself
            while not stopping.is_set():
                try:
                    event, _, current.self_id, current.label, _ = next_of(loop, SLICE_SECONDS)
                except Empty:
                    if self._failure is not None:  # no more will come, and nobody else says why
                        raise copy(self._failure) from None  # each raise adds a traceback to it
                    continue
                current.place = "events@"
                yield event  # type: ignore[misc]
        except KeyboardInterrupt:
            log.info("循环结束。 The loop ends.")
        finally:
            current.self_id, current.label, current.place = before
            with self._state_lock:
                if not stopping.is_set():  # otherwise stop() counts the events that are left
                    self._loops = tuple(one for one in self._loops if one is not loop)
                    while not loop.empty():
                        self._queue(loop.get(), was_offered=True)

    # -- one event ----------------------------------------------------------------------------

    def handle(
        self,
        event: Event,
        *,
        self_id: int | None = None,
        number: int = 0,
        respond: Respond | None = None,
    ) -> bool:
        """Take one event from OneBot. It is queued in its chat, never handled on this thread.

        self_id: of the account on whose connection it came, if the event has none. number: its
        number among the events of its connection. respond: gets the quick operation as JSON, or
        None, instead of actions being called.
        Returns False when it is dropped: it is not an event, or the bot is stopping.
        """
        self._count("events")
        post_type = event.get("post_type")
        if not isinstance(post_type, str) or "." in post_type:  # which is how names are joined
            self._warn_dropped("没有 post_type 的事件 an event without post_type", list(event)[:20])
            return False
        level = logging.DEBUG if post_type == "meta_event" else logging.INFO
        if log.isEnabledFor(level):
            log.log(level, "%s", event_line(event))
        self_id = id_of(event.get("self_id")) or self_id
        if post_type != "message":
            self._watch_account(event, self_id)
        if self._stopping.is_set():
            return self._count_dropped()
        self._watch_queue()
        arrival = event, name_of(event), self_id, label_of(event, number), respond
        loops = self._loops  # while one runs, all events go through one line, to keep their order
        if loops or self._conversations.is_busy(EVENTS):
            is_queued = self._conversations.put(EVENTS, self._pass_on, arrival, loops)
            return is_queued or self._count_dropped()
        return self._queue(arrival, was_offered=False)

    def _queue(self, arrival: Arrival, was_offered: bool) -> bool:
        """Queue an event in its chat. A handler thread calls _process() when its turn comes."""
        chat = conversation_of(arrival[0])
        is_queued = self._conversations.put(chat, self._process, arrival, was_offered)
        return is_queued or self._count_dropped()

    def _count_dropped(self) -> bool:
        with self._count_lock:
            self._dropped += 1
        return False

    def _pass_on(self, arrival: Arrival, loops: tuple[Loop, ...]) -> None:
        """Give an event to the loops, or to its chat. All events pass here while a loop runs."""
        current = self._current  # the condition of a wait_for() may call actions
        _, _, current.self_id, current.label, respond = arrival
        current.place = ""
        if not self._give_away(arrival, loops):
            self._queue(arrival, was_offered=True)
        elif respond:
            respond(None)

    def _process(self, arrival: Arrival, was_offered: bool) -> None:
        """Let the handlers see an event, and do what they want done."""
        current = self._current
        event, name, current.self_id, current.label, respond = arrival
        current.place, response, operation = "", None, None
        try:
            if was_offered or not self._give_away(arrival, ()):
                operation = self._run_handlers(event, name)
            if operation and respond:
                response = self._in_response(event, operation)
            elif operation:
                self._carry_out(event, operation)
        except Exception as error:
            self._report(current.place, error)
        finally:
            if respond:
                respond(response)

    def _give_away(self, arrival: Arrival, loops: tuple[Loop, ...]) -> bool:
        """Give an event to whoever waits for it, or to the loops. False: handlers are to see it."""
        event, name, self_id, label, _ = arrival
        is_own = is_by_account(event, name)
        if is_own and event["post_type"] == "notice":
            return True  # else a bot that pokes back would poke for ever
        # Some report it as a message: whoever waits for one must not take it for somebody else's.
        is_own_as_message = is_own and event["post_type"] == "message"
        if not is_own_as_message and self._conversations.offer(event, speaker_key):
            return True
        if is_own or not loops or is_done_by_account(event):
            return False
        with self._state_lock:  # a loop that is left now has the event, or does not get it
            running = [loop for loop in loops if loop in self._loops]
            for loop in running:
                loop.put((event, name, self_id, label, None))  # a post is answered at once
        self._watch_queue()
        return bool(running)

    def _in_response(self, event: Event, operation: dict[str, Any]) -> str | None:
        """The operation as JSON. A reply that the response cannot hold needs the API."""
        body = response_body(event, operation)
        if "reply" in body:
            to = {name: event[name] for name in ("group_id", "user_id") if event.get(name)}
            log.info("%s", line_of("reply", {**to, "message": body["reply"]}))
        elif "reply" in operation:
            self._carry_out(event, {"reply": operation["reply"]})
        if "approve" in body:
            log.info("%s", line_of(*request_call(event, body["approve"])))
        return to_json("HTTP", body) if body else None

    def _carry_out(self, event: Event, operation: dict[str, Any]) -> None:
        for action, params in calls_for(event, operation):
            try:
                self._call_for(event, action, params)
            except OneBotError as error:  # the other actions are still carried out
                level = logging.INFO if self._current.stopping.is_set() else logging.ERROR
                text = printable(f"{self._current.place}: {error}")
                log.log(level, "%s", text, extra={"origin": self._cause()})

    def _run_handlers(self, event: Event, name: str) -> dict[str, Any] | None:
        """Run the handlers. Return the quick operation of the first one that answers."""
        command = None
        if self._commands and is_message(event):
            command = command_of(event, self._prefixes)
        word, args = command or (None, "")
        for handler in self._handlers_for(name, word):
            self._note_handler(handler)
            try:
                result = handler.run(event, args)
                if result is not None:
                    return operation_of(event, result, handler.name)
            except BaseException as error:
                if self._report(handler.name, error):
                    return None
        return None
