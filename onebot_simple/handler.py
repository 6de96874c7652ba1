"""一个处理函数：它等哪些事件、哪些指令，能得到哪些参数。

A handler: which events and commands a function is for, and which arguments it takes.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterable
from pathlib import PurePath
from typing import Any

log = logging.getLogger("onebot_simple")


class Handler:
    """A function, and what it is for."""

    def __init__(
        self,
        function: Callable[..., Any],
        names: Iterable[str] = (),
        commands: Iterable[str] | None = None,
    ) -> None:
        self.function = function
        self.name = _name_of(function)
        place = _place_of(function)
        self.origin = f"{self.name}@{place}"  # for echoes, such as order@bot.py:28
        self.shown = f"{self.name}() {place}"  # for the log
        self.names = tuple(f"{name}." for name in names)
        self.commands = None if commands is None else frozenset(commands)
        self.signature = _signature_of(function)
        self.takes, self.has_default = _positions_of(self.signature)

    def run(self, *arguments: Any) -> Any:
        """Call the function with as many of the arguments as it takes."""
        arguments = arguments[: self.takes]
        if self.has_default and arguments[1:] == ("",):  # nothing behind the command
            arguments = arguments[:1]
        return self.function(*arguments)

    def is_for(self, event_name: str, word: str | None) -> bool:
        """Whether it waits for such events; `word` is the command, None for what is none."""
        if self.commands is not None and word not in self.commands:
            return False
        return f"{event_name}.".startswith(self.names)


def check_callable(function: Any, called: str) -> Callable[..., Any]:
    if callable(function):
        return function  # type: ignore[no-any-return]
    raise TypeError(
        f"@bot.{called} 登记的是函数，不是 {function!r}；指令要写 @bot.on_command({function!r})。 "
        f"@bot.{called} takes a function, not {function!r}; a command is registered with "
        f"@bot.on_command({function!r})."
    )


def check_fits(handler: Handler, *counts: int) -> None:
    """TypeError when the function cannot be called with any of these numbers of arguments."""
    function, name = handler.function, handler.name
    _check_kind(function, name)
    if handler.signature and list(handler.signature.parameters)[:1] == ["self"]:
        raise TypeError(
            f"{name} 是类里的方法：先做一个对象 obj，再登记 bot.on_message(obj.{name})。 "
            f"{name} is a method of a class, its first parameter is self: make an object first, "
            f"and register its method, bot.on_message(obj.{name})."
        )
    if not any(_accepts(handler.signature, count) for count in counts):
        wanted = {(0,): "()", (0, 1): "(self_id)"}.get(counts, "(event)")
        or_args = f" 或 or def {name}(event, args):" if 2 in counts else ""
        raise TypeError(
            f"{name} 的参数不对，要写成 def {name}{wanted}:{or_args}。 "
            f"{name} must take {wanted}: write def {name}{wanted}:{or_args}"
        )
    if "input" in getattr(getattr(function, "__code__", None), "co_names", ()):
        log.warning(
            "%s 里有 input()，它等的是运行机器人的键盘，不是聊天里的人：用 bot.ask(event, ...)。 "
            "%s uses input(), which waits for this computer's keyboard, not for the chat: use "
            "bot.ask(event, ...).",
            name,
            name,
        )


def _check_kind(function: Any, name: str) -> None:
    """TypeError when calling the function would not run it."""
    called = getattr(function, "__call__", None)  # noqa: B004 (an object may have an async one)
    for one in (function, called):
        if inspect.iscoroutinefunction(one) or inspect.isasyncgenfunction(one):
            raise TypeError(
                f"{name} 是 async 函数，这个库里没有 async：去掉 async 和 await，直接写 def，"
                f"每个聊天都有自己的线程。 {name} is an async function, but onebot_simple never "
                "awaits: write def, without async and await; each chat has a thread of its own."
            )
        if inspect.isgeneratorfunction(one):
            raise TypeError(
                f"{name} 里有 yield，它不会像普通函数那样运行：用 bot.send(event, ...) 发好几条，"
                f"用 return 回答。 {name} holds a yield, so it would not run as a function does: "
                "send several messages with bot.send(event, ...), and answer with return."
            )


def _signature_of(function: Callable[..., Any]) -> inspect.Signature | None:
    """What a function takes; None for a builtin that does not tell."""
    try:
        own = inspect.signature(function, follow_wrapped=False)
        first = next(iter(own.parameters.values()), None)
        if first is None or first.kind is not first.VAR_POSITIONAL:
            return own
    except (TypeError, ValueError):
        pass
    try:
        return inspect.signature(function)  # of the function inside of a wrapper
    except (TypeError, ValueError):
        return None


def _accepts(signature: inspect.Signature | None, count: int) -> bool:
    if signature is None:
        return count == 1
    try:
        signature.bind(*range(count))
    except TypeError:
        return False
    return True


def _positions_of(signature: inspect.Signature | None) -> tuple[int, bool]:
    """How many of (event, args) a function takes, and whether the second has a default."""
    if signature is None:
        return 1, False
    parameters = signature.parameters.values()
    named = [
        one for one in parameters if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)
    ]
    if any(one.kind is one.VAR_POSITIONAL for one in parameters):
        return (2 if named else 1), False  # (*args, **kwargs) is a wrapper: the event is enough
    return len(named), len(named) > 1 and named[1].default is not named[1].empty


def _name_of(function: Any) -> str:
    inner = getattr(function, "func", function)  # of a functools.partial
    return getattr(inner, "__name__", type(inner).__name__)


def _place_of(function: Any) -> str:
    """The file and the line of a function, such as "bot.py:28"; "" when they are not known."""
    code = getattr(inspect.unwrap(getattr(function, "func", function)), "__code__", None)
    return f"{PurePath(code.co_filename).name}:{code.co_firstlineno}" if code else ""
