"""处理函数：登记它们的装饰器，以及哪个函数等哪些事件、哪些指令。

Handlers: the decorators that register them, and which one is for which event and which command.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from functools import partial
from typing import Any, Protocol, TypeVar, overload

from .actions import Actions
from .addresses import check_seconds
from .event import EVENT_NAMES, half_width
from .handler import Handler
from .logs import log

Function = TypeVar("Function", bound=Callable[..., Any])


class Decorator(Protocol):
    """What registers a function, and returns it unchanged; works with and without ()."""

    @overload
    def __call__(self, function: Function, /) -> Function: ...
    @overload
    def __call__(self) -> Decorator: ...


class Handlers(Actions):
    """登记处理函数；每个装饰器都原样返回被装饰的函数，带不带括号都可以。

    Registers handlers. Each decorator returns the function unchanged, with or without ().

    command_prefix: what commands begin with, a str or several; "" is allowed, too.
    """

    def __init__(self, command_prefix: str | Iterable[str] = "/") -> None:
        self.command_prefix = command_prefix
        self._handlers: list[Handler] = []
        self._commands: set[str] = set()
        self._cache: dict[tuple[str, str | None], list[Handler]] = {}  # by event and command
        self._connect_handlers: list[Handler] = []
        self._disconnect_handlers: list[Handler] = []

    @property
    def command_prefix(self) -> str | Iterable[str]:
        """指令的前缀。

        What commands begin with.
        """
        return self._command_prefix

    @command_prefix.setter
    def command_prefix(self, prefix: str | Iterable[str]) -> None:
        self._prefixes = _prefixes_in(prefix)
        self._command_prefix = prefix

    @property
    def on_message(self) -> Decorator:
        """每来一条消息（私聊或群聊）就运行；函数写成 ``def f(event):``。

        Runs for every message, private or group; the function takes the event, a dict.
        """
        return self._decorator("on_message", "message")

    @property
    def on_private_message(self) -> Decorator:
        """每来一条私聊消息就运行。

        Runs for every private message.
        """
        return self._decorator("on_private_message", "message.private")

    @property
    def on_group_message(self) -> Decorator:
        """每来一条群消息就运行。

        Runs for every group message.
        """
        return self._decorator("on_group_message", "message.group")

    @property
    def on_notice(self) -> Decorator:
        """每来一个通知（进群、撤回、戳一戳……）就运行。

        Runs for every notice: a newcomer, a recall, a poke ...
        """
        return self._decorator("on_notice", "notice")

    @property
    def on_request(self) -> Decorator:
        """每来一个请求（加好友、加群）就运行。

        Runs for every request: to become a friend, to join a group.
        """
        return self._decorator("on_request", "request")

    @property
    def on_meta_event(self) -> Decorator:
        """每来一个元事件（生命周期、心跳）就运行。

        Runs for every meta event: lifecycle, heartbeat.
        """
        return self._decorator("on_meta_event", "meta_event")

    def on(self, *names: str) -> Decorator:
        """按名字选事件，例如 ``@bot.on("notice.group_increase")``。

        Chooses events by name: post_type, then notice_type (and the like), then sub_type.

        ValueError for a name with a typing error, with a suggestion. A name that OneBot may have
        added later is taken, with a warning.
        """
        for name in names or (None,):  # no name at all is refused, too
            _check_event_name(name)
        return self._decorator("on", *names)

    def on_command(self, *names: str) -> Decorator:
        """指令：消息以 ``/天气`` 开头时运行；函数写成 ``(event)`` 或 ``(event, args)``。

        A command: runs when the message begins with, say, ``/weather``.

        ``args`` is the rest of the text, a str. In front of the command there may be blanks, an @
        of the bot, and a quoted message. The prefix is the bot's ``command_prefix``.
        """
        for name in names or (None,):  # no name at all is refused, too
            _check_command_name(name, self._prefixes)
        return self._decorator("on_command", "message", argument_counts=(1, 2), commands=names)

    @property
    def on_connect(self) -> Decorator:
        """一个账号连上时运行；函数得到它的 self_id（不知道时是 None），也可以没有参数。

        Runs when an account connects; the function takes its self_id (None if it is not
        known), or nothing.
        """
        return self._decorator(
            "on_connect", argument_counts=(0, 1), add=self._connect_handlers.append
        )

    @property
    def on_disconnect(self) -> Decorator:
        """一个账号断开时运行；函数得到它的 self_id（不知道时是 None），也可以没有参数。

        Runs when an account disconnects; the function takes its self_id (None if it is not known),
        or nothing.
        """
        return self._decorator(
            "on_disconnect", argument_counts=(0, 1), add=self._disconnect_handlers.append
        )

    def every(self, seconds: float) -> Decorator:
        """每隔多少秒运行一次，例如 ``@bot.every(60)``；函数没有参数。

        Runs a function without arguments again and again while the bot is started.

        seconds: until the first turn, and from turn to turn. A turn that would run beside the one
        before it is left out. An error is logged, and the next turn comes.
        """
        if callable(seconds):
            raise TypeError(
                "括号里要写秒数：@bot.every(60)。 every() needs the seconds: @bot.every(60)."
            )
        check_seconds(seconds, "seconds")
        add = partial(self._add_timer, seconds=seconds)
        return self._decorator("every(60)", argument_counts=(0,), add=add)

    @abstractmethod
    def _add_timer(self, handler: Handler, seconds: float) -> None:
        """Let the handler run every so many seconds while the bot is started."""

    def _decorator(
        self,
        decorator: str,
        *names: str,
        argument_counts: tuple[int, ...] = (1,),
        commands: Iterable[str] | None = None,
        add: Callable[[Handler], object] | None = None,
    ) -> Decorator:
        """Return the decorator that registers a function as a handler."""

        def register(function: Any = None) -> Any:
            if function is None:  # @bot.on_message()
                return register
            (add or self._add)(Handler(function, decorator, argument_counts, names, commands))
            return function

        return register

    def _add(self, handler: Handler) -> None:
        self._handlers.append(handler)
        self._commands.update(handler.commands or ())
        self._cache = {}  # a thread that is in _handlers_for() now fills the old one

    def _handlers_for(self, event_name: str, word: str | None) -> list[Handler]:
        """The handlers for an event of that name and that command, in order of registration."""
        key = event_name, word if word in self._commands else None
        known = self._cache
        found = known.get(key)
        if found is None:
            found = [handler for handler in self._handlers if handler.is_for(*key)]
            if event_name in EVENT_NAMES:  # a sender could invent names and fill the memory
                known[key] = found
        return found


# -- checking what is registered ------------------------------------------------------------------


def _prefixes_in(prefix: str | Iterable[str]) -> tuple[str, ...]:
    is_list = isinstance(prefix, Iterable) and not isinstance(prefix, str)
    prefixes: list[Any] = [*prefix] if is_list else [prefix]
    if not prefixes or not all(isinstance(one, str) for one in prefixes):
        raise TypeError(
            f'command_prefix 要写成字符串，例如 "/"，或者好几个 ("/", "!")，不是 {prefix!r}。 '
            f'command_prefix must be a str such as "/", or several, ("/", "!"), not {prefix!r}.'
        )
    return tuple(sorted(map(half_width, prefixes), key=len, reverse=True))


def _check_event_name(name: object) -> None:
    """Raise an error with a suggestion if no event has this name."""
    if not isinstance(name, str):
        raise TypeError(
            f'括号里要写事件名：@bot.on("notice.group_increase")，不是 {name!r}。 '
            f'on() needs a name: @bot.on("notice.group_increase"), not {name!r}.'
        )
    if name in EVENT_NAMES:
        return
    post_type, *kinds = name.split(".")
    may_be_new = post_type in EVENT_NAMES and len(kinds) < 3 and all(kinds)
    close = [known for known in EVENT_NAMES if known.endswith("." + name)]
    # 1 is the same name, and 0.9 so similar that it must be a typing error
    close += get_close_matches(name, EVENT_NAMES, 1, 0.9 if may_be_new else 0.6)
    if close or not may_be_new:
        hint = f'是不是 "{close[0]}"？' if close else ""
        meant = f', did you mean "{close[0]}"?' if close else "."
        raise ValueError(f'没有叫 "{name}" 的事件，检查拼写。{hint} unknown event "{name}"{meant}')
    log.warning(
        f'不认识事件 "{name}"：如果不是 OneBot 新加的，就检查拼写。 '
        f'The event "{name}" is not known: unless your OneBot has added it, look at the spelling.'
    )


def _check_command_name(name: object, prefixes: tuple[str, ...]) -> None:
    """Raise an error if no message could call a command of this name."""
    if not isinstance(name, str):
        raise TypeError(
            f'括号里要写指令名：@bot.on_command("hello")，不是 {name!r}。 '
            f'on_command() needs a name: @bot.on_command("hello"), not {name!r}.'
        )
    if name.split() != [name]:
        raise ValueError(
            f'指令名必须是一个词，不能有空格，"{name}" 不行。 '
            f'a command is one word, without blanks; "{name}" is not.'
        )
    for prefix in prefixes:
        is_word = any(map(str.isalnum, prefix))  # such as "bot", with which "bottle" may begin
        if prefix and not is_word and half_width(name).startswith(prefix):
            raise ValueError(
                f'指令名前面不用写 {prefix}，它会自动加上：on_command("{name[len(prefix) :]}")。 '
                f"Leave out the prefix {prefix}, it is added for you: "
                f'on_command("{name[len(prefix) :]}").'
            )
