"""一个处理函数：它等哪些事件、哪些指令，能得到哪些参数。

A handler: which events and commands a function is for, and which arguments it takes.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from contextlib import suppress
from dis import get_instructions
from pathlib import PurePath
from typing import Any

from .event import Event, name_of
from .logs import log


class Handler:
    """A function, and what it is for. TypeError when it cannot be a handler.

    decorator: its name. argument_counts: how many it may take, the fewest first.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        decorator: str,
        argument_counts: tuple[int, ...],
        names: Iterable[str],
        commands: Iterable[str] | None,
    ) -> None:
        if not callable(function):
            raise TypeError(
                f"@bot.{decorator} 登记的是函数，不是 {function!r}；"
                "指令写 @bot.on_command('hello')。 "
                f"@bot.{decorator} takes a function, not {function!r}. "
                "For a command, write @bot.on_command('hello')."
            )
        inner = getattr(function, "func", function)  # of a functools.partial
        code = getattr(inspect.unwrap(inner), "__code__", None)
        line = f"{PurePath(code.co_filename).name}:{code.co_firstlineno}" if code else ""
        self.function = function
        self.name = getattr(inner, "__name__", type(inner).__name__)
        self.place = f"{self.name}@{line}"  # for echoes and the log, such as order@bot.py:28
        self.names = tuple(f"{name}." for name in names)
        self.commands = None if commands is None else frozenset(commands)
        _check_kind(function, self.name)
        accepted = _accepted(function, self.name, argument_counts)
        self._takes, self._has_default = accepted[-1], len(accepted) > 1
        # the name alone could be an attribute's, as in form.input
        used = [(one.opname, one.argval) for one in get_instructions(code)] if code else []
        if ("LOAD_GLOBAL", "input") in used:
            log.warning(
                f"{self.name} 里有 input()，它等的是键盘，不是聊天里的人：用 bot.ask(event, ...)。 "
                f"{self.name} uses input(), which waits for the keyboard: use bot.ask(event, ...)."
            )

    def run(self, *arguments: Any) -> Any:
        """Call the function with as many of the arguments as it takes."""
        if self._has_default and arguments[1:] == ("",):  # no args: its own default counts
            arguments = arguments[:1]
        return self.function(*arguments[: self._takes])

    def is_for(self, event_name: str, word: str | None) -> bool:
        """Whether it waits for such events; `word`: the command; None if it is none."""
        if self.commands is not None and word not in self.commands:
            return False
        return f"{event_name}.".startswith(self.names)


def _check_kind(function: Any, name: str) -> None:
    """TypeError when calling the function would not run it."""
    for one in (function, getattr(function, "__call__", None)):  # noqa: B004 (it may be async)
        if inspect.iscoroutinefunction(one) or inspect.isasyncgenfunction(one):
            raise TypeError(
                f"{name} 是 async 函数，这个库里没有 async：去掉 async 和 await，直接写 def。 "
                f"{name} is an async function, and onebot_simple never awaits: write a plain def."
            )
        if inspect.isgeneratorfunction(one):
            raise TypeError(
                f"{name} 里有 yield，不会运行：用 return 回答，用 bot.send(event, ...) 发好几条。 "
                f"{name} holds a yield, so it would not run: answer with return, send several "
                "messages with bot.send(event, ...)."
            )


def _accepted(function: Any, name: str, argument_counts: tuple[int, ...]) -> list[int]:
    """The counts of arguments with which the function can be called, the smallest first."""
    signature = _signature_of(function)
    if signature is None:
        return [min(1, argument_counts[-1])]  # it gets the event alone
    if next(iter(signature.parameters), "") == "self":
        raise TypeError(
            f"{name} 是类里的方法：先做一个对象 obj，再登记 bot.on_message(obj.{name})。 "
            f"{name} is a method of a class, its first parameter is self: make an object first, "
            f"then bot.on_message(obj.{name})."
        )
    accepted = []
    for count in argument_counts:
        with suppress(TypeError):
            signature.bind(*range(count))
            accepted.append(count)
    # a command with one parameter gets the event, which nobody would call args
    is_misnamed = 2 in argument_counts and list(signature.parameters) == ["args"]
    if not accepted or is_misnamed:
        wanted = {(0,): "()", (0, 1): "(self_id)"}.get(argument_counts, "(event)")
        forms = [f"def {name}{wanted}:"]
        if 2 in argument_counts:
            forms.append(f"def {name}(event, args):")
        raise TypeError(
            f"{name} 的参数不对，要写成 {' 或 '.join(forms)}。 "
            f"{name} must take {wanted}: write {' or '.join(forms)}"
        )
    return accepted


def _signature_of(function: Any) -> inspect.Signature | None:
    """What a function takes, or the one inside of a wrapper; None when nobody can tell."""
    with suppress(TypeError, ValueError):  # a builtin that does not tell
        for follow in (False, True):
            signature = inspect.signature(function, follow_wrapped=follow)
            kinds = [parameter.kind for parameter in signature.parameters.values()]
            if kinds[:1] != [inspect.Parameter.VAR_POSITIONAL]:  # no wrapper(*args, **kwargs)
                return signature
    return None


def never_failing(predicate: Callable[[Any], object]) -> Callable[[Event], bool]:
    """The predicate of a wait_for(), but an event on which it fails does not match."""
    _check_kind(predicate, getattr(predicate, "__name__", repr(predicate)))
    has_failed = False

    def wants(event: Event) -> bool:
        nonlocal has_failed
        try:
            return bool(predicate(event))
        except BaseException as error:
            if not has_failed:
                has_failed = True
                name = name_of(event)
                log.warning(
                    f"wait_for() 的条件在 {name} 上出错了：{error!r}，它不算；可以用 event.get()。 "
                    f"The condition of wait_for() failed on {name}: {error!r}. "
                    "That event does not count; event.get() is safer."
                )
            return False

    return wants
