"""登记处理函数的装饰器：@bot.on_message、@bot.on_command("天气") 等等。

The decorators that register handlers: @bot.on_message, @bot.on_command("weather") and so on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar, overload

from .actions import Actions
from .handlers import Handler, Handlers, check_command_name, check_event_name

Function = TypeVar("Function", bound=Callable[..., Any])


class Decorator(Protocol):
    """What a decorator with parentheses returns."""

    def __call__(self, function: Function, /) -> Function: ...


class Decorators(Actions):
    """登记处理函数；每个装饰器都原样返回被装饰的函数。

    Registers handlers; each decorator returns the function unchanged.
    """

    def __init__(self, command_prefix: str) -> None:
        self.command_prefix = command_prefix
        self._handlers = Handlers()
        self._connect_handlers: list[Handler] = []
        self._disconnect_handlers: list[Handler] = []

    @overload
    def on_message(self, function: Function, /) -> Function: ...
    @overload
    def on_message(self, /) -> Decorator: ...
    def on_message(self, function: Any = None, /) -> Any:
        """每来一条消息（私聊或群聊）就运行；函数写成 ``def f(event):``。

        Runs for every message, private or group; the function takes the event, a dict.
        """
        return self._register(function, "message")

    @overload
    def on_private_message(self, function: Function, /) -> Function: ...
    @overload
    def on_private_message(self, /) -> Decorator: ...
    def on_private_message(self, function: Any = None, /) -> Any:
        """每来一条私聊消息就运行。

        Runs for every private message.
        """
        return self._register(function, "message.private")

    @overload
    def on_group_message(self, function: Function, /) -> Function: ...
    @overload
    def on_group_message(self, /) -> Decorator: ...
    def on_group_message(self, function: Any = None, /) -> Any:
        """每来一条群消息就运行。

        Runs for every group message.
        """
        return self._register(function, "message.group")

    @overload
    def on_notice(self, function: Function, /) -> Function: ...
    @overload
    def on_notice(self, /) -> Decorator: ...
    def on_notice(self, function: Any = None, /) -> Any:
        """每来一个通知（进群、撤回、戳一戳……）就运行。

        Runs for every notice: a newcomer, a recall, a poke ...
        """
        return self._register(function, "notice")

    @overload
    def on_request(self, function: Function, /) -> Function: ...
    @overload
    def on_request(self, /) -> Decorator: ...
    def on_request(self, function: Any = None, /) -> Any:
        """每来一个请求（加好友、加群）就运行。

        Runs for every request: to become a friend, to join a group.
        """
        return self._register(function, "request")

    @overload
    def on_meta_event(self, function: Function, /) -> Function: ...
    @overload
    def on_meta_event(self, /) -> Decorator: ...
    def on_meta_event(self, function: Any = None, /) -> Any:
        """每来一个元事件（生命周期、心跳）就运行。

        Runs for every meta event: lifecycle, heartbeat.
        """
        return self._register(function, "meta_event")

    def on(self, *names: str) -> Decorator:
        """按名字选事件，例如 ``@bot.on("notice.group_increase")``。

        Chooses events by name: post_type, then notice_type (and the like), then sub_type.

        ValueError for an unknown name, with a suggestion.
        """
        if not names:
            raise TypeError(
                'on() needs a name: @bot.on("notice.group_increase"). 括号里要写事件名。'
            )
        for name in names:
            check_event_name(name)
        return self._decorator(*names)

    def on_command(self, *names: str) -> Decorator:
        """指令：消息以 ``/天气`` 开头时运行；函数写成 ``(event)`` 或 ``(event, args)``。

        A command: runs when the message begins with, say, ``/weather``, after an optional @bot.

        ``args`` is the rest of the text, a str. The prefix is ``command_prefix`` of the bot.
        """
        if not names:
            raise TypeError(
                'on_command() needs a name: @bot.on_command("help"). 括号里要写指令名。'
            )
        for name in names:
            check_command_name(name, self.command_prefix)

        def register(function: Function) -> Function:
            self._handlers.add(Handler(function, ["message"], list(names)))
            return function

        return register

    @overload
    def on_connect(self, function: Function, /) -> Function: ...
    @overload
    def on_connect(self, /) -> Decorator: ...
    def on_connect(self, function: Any = None, /) -> Any:
        """一个账号连上时运行；函数得到它的 self_id（不知道时是 None）。

        Runs when an account is connected; the function takes its self_id (None if unknown).
        """
        return self._register(function, to=self._connect_handlers)

    @overload
    def on_disconnect(self, function: Function, /) -> Function: ...
    @overload
    def on_disconnect(self, /) -> Decorator: ...
    def on_disconnect(self, function: Any = None, /) -> Any:
        """一个账号断开时运行；函数得到它的 self_id（不知道时是 None）。

        Runs when an account is gone; the function takes its self_id (None if unknown).
        """
        return self._register(function, to=self._disconnect_handlers)

    def _register(self, function: Any, *names: str, to: list[Handler] | None = None) -> Any:
        decorate = self._decorator(*names, to=to)
        return decorate if function is None else decorate(function)

    def _decorator(self, *names: str, to: list[Handler] | None = None) -> Decorator:
        def register(function: Function) -> Function:
            handler = Handler(function, list(names))
            if to is None:
                self._handlers.add(handler)
            else:
                to.append(handler)
            return function

        return register
