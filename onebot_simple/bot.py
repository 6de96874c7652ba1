"""机器人：收到事件，交给处理函数，把返回值变成回答。

The bot: receives events, hands them to handlers, turns what they return into answers.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Iterable
from typing import Any

from . import segment
from .actions import Actions, to_json
from .errors import OneBotError, printable
from .event import (
    Event,
    command_of,
    conversation_of,
    event_line,
    id_of,
    is_message,
    is_own_deed,
    label_of,
    name_of,
    person_of,
)
from .handler import Handler
from .quick_operation import (
    addressed,
    calls_for,
    check_event,
    message_call,
    operation_of,
    plain,
    request_call,
    response_body,
)
from .waiting import Arrival, Loop, Waiting

log = logging.getLogger("onebot_simple")


class Bot(Waiting):
    """EventServer、WsClient、WsServer 共有的部分：回答、等待、启动和停止。

    What EventServer, WsClient and WsServer share: answers, waiting, starting, stopping.

    Handlers run in the order in which they were registered; the first that returns something
    other than None answers. Source: OneBot 11 standard, events and quick operations.
    """

    def __init__(self, *, timeout: float = 30, command_prefix: str | Iterable[str] = "/") -> None:
        super().__init__(timeout=timeout, command_prefix=command_prefix)
        self._offline: set[int | None] = set()  # accounts whose heartbeat says so

    # -- answering ----------------------------------------------------------------------------

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
        check_event(event, 'send(event, "...")')
        content = plain(message)
        if not content:
            raise ValueError("要发的消息是空的。 send() needs something to send.")
        action, params = message_call(event, addressed(event, content, at_sender, reply_message))
        return self._actions_of(event).call_action(action, **params)

    def approve(self, event: Event) -> None:
        """同意一个请求（加好友、加群）。

        Approves a request. Source: set_friend_add_request, set_group_add_request.
        """
        check_event(event, "approve(event)")
        action, params = request_call(event, True)
        self._actions_of(event).call_action(action, **params)

    def reject(self, event: Event, reason: str = "") -> None:
        """拒绝一个请求；理由只有加群请求能带。

        Rejects a request; only a group request carries the reason.
        """
        check_event(event, "reject(event)")
        action, params = request_call(event, False, reason=reason)
        self._actions_of(event).call_action(action, **params)

    def _actions_of(self, event: Event) -> Actions:
        """On what the answer to an event is called."""
        return self

    # -- one event ----------------------------------------------------------------------------

    def handle(
        self,
        event: Event,
        *,
        account: int | None = None,
        number: int = 0,
        respond: Callable[[str | None], None] | None = None,
    ) -> bool:
        """Take one event from OneBot. It is queued in its chat, never handled on this thread.

        account: whose connection it came on, where it does not say so itself. number: the
        how-many-eth of its connection. respond: gets the quick operation as JSON, or None,
        instead of actions being called.
        Returns False when the event is dropped: it is none, or the bot is stopping.
        """
        self._count("events")
        post_type = event.get("post_type")
        if not isinstance(post_type, str) or "." in post_type:  # which is how names are joined
            self._complain("没有 post_type 的事件 an event without post_type", list(event)[:20])
            return False
        level = logging.DEBUG if post_type == "meta_event" else logging.INFO
        if log.isEnabledFor(level):
            log.log(level, "%s", event_line(event))
        account = id_of(event.get("self_id")) or account
        self._watch_account(event, account)
        if self._stopping.is_set():
            return self._drop()
        arrival = Arrival(event, account, label_of(event, number), respond)
        loops = self._loops
        chat = ("events",) if loops else conversation_of(event)
        return self._queue(chat, arrival, loops)

    def _queue(self, chat: Hashable, arrival: Arrival, loops: tuple[Loop, ...] = ()) -> bool:
        return self._conversations.put(chat, self._process, arrival, loops) or self._drop()

    def _drop(self) -> bool:
        with self._counting:
            self._dropped += 1
        return False

    def _process(self, arrival: Arrival, loops: tuple[Loop, ...]) -> None:
        event, self._now.account, self._now.label, respond = arrival
        self._now.handler = ""
        response = None
        try:
            if self._goes_elsewhere(arrival, loops):
                pass
            elif loops:  # no loop wants it, so it has its turn in its own chat
                respond = None if self._queue(conversation_of(event), arrival) else respond
            else:
                response = self._react(event, respond is not None)
        except Exception as error:
            self._report(self._now.handler, error)
        finally:
            if respond:
                respond(response)

    def _react(self, event: Event, in_response: bool) -> str | None:
        """Do what the handlers want; or return it as JSON, for the response to a post."""
        operation = self._operation(event)
        if not operation:
            return None
        if not in_response:
            self._carry_out(event, operation)
            return None
        body = response_body(event, operation)
        return to_json("the response", body) if body else None

    def _goes_elsewhere(self, arrival: Arrival, loops: tuple[Loop, ...]) -> bool:
        """Whether no handler is to see the event: somebody waits for it, or a loop takes it."""
        event = arrival.event
        is_own = is_own_deed(event)
        if is_own and event["post_type"] == "notice":  # a poke
            return True  # else a bot that pokes back would poke for ever
        is_disguised = is_own and event["post_type"] != "message_sent"
        if not is_disguised and self._conversations.offer(event, person_of):
            return True
        if is_own or not loops:
            return False
        with self._state:  # a loop that is left now has the event, or does not get it
            running = [loop for loop in loops if loop in self._loops]
            for loop in running:
                loop.add(arrival)
        return bool(running)

    def _operation(self, event: Event) -> dict[str, Any] | None:
        """What the first handler that answers wants done."""
        command = None
        if self._commands and is_message(event):
            command = command_of(event, self._prefixes)
        word, args = command or (None, "")
        for handler in self._handlers_for(name_of(event), word):
            self._begin(handler)
            try:
                result = handler.run(event, args) if handler.commands else handler.run(event)
                if result is not None:
                    return operation_of(result, handler.name)
            except BaseException as error:
                if self._report(handler.name, error):
                    return None
        return None

    def _carry_out(self, event: Event, operation: dict[str, Any]) -> None:
        for action, params in calls_for(event, operation):
            try:
                self._actions_of(event).call_action(action, **params)
            except OneBotError as error:  # one that fails does not keep the others from running
                level = logging.INFO if self._stopping.is_set() else logging.ERROR
                log.log(level, "%s", printable(str(error)), extra={"origin": self._origin()})

    def _watch_account(self, event: Event, account: int | None) -> None:
        """Warn when QQ has logged the account out: the connection stays, and nothing comes."""
        notice = event.get("notice_type")
        status = event.get("status") if event.get("meta_event_type") == "heartbeat" else None
        online = status.get("online") if isinstance(status, dict) else None
        if (notice == "bot_offline" or online is False) and account not in self._offline:
            self._offline.add(account)
            log.warning(
                "账号 %s 掉线了：在 OneBot 里重新登录。 Account %s is offline: log in again in "
                "OneBot. %s",
                account,
                account,
                printable(str(event.get("message") or "")[:200]),
            )
        elif notice == "bot_online" or online is True:
            self._offline.discard(account)

    # -- connections --------------------------------------------------------------------------

    def _connected(self, self_id: int | None) -> None:
        chat = ("connection", self_id)
        self._conversations.put(chat, self._tell, self._connect_handlers, self_id)

    def _disconnected(self, self_id: int | None) -> None:
        chat = ("connection", self_id)
        self._conversations.put(chat, self._tell, self._disconnect_handlers, self_id)

    def _tell(self, handlers: list[Handler], self_id: int | None) -> None:
        # calls go to the account that came; after one has gone, to the one that is left
        self._now.account = self_id if handlers is self._connect_handlers else None
        self._now.label = "connection"
        for handler in handlers:
            self._begin(handler)
            try:
                handler.run(self_id)
            except BaseException as error:
                self._report(handler.name, error)
