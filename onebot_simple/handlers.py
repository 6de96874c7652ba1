"""处理函数：它们等哪些事件、哪些指令。

Handlers: which events and which commands they are for.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from difflib import get_close_matches
from typing import Any

from .event import EVENT_NAMES, Event

_KNOWN = frozenset(EVENT_NAMES)


class Handler:
    """A function, and what it is for."""

    def __init__(
        self, function: Callable[..., Any], names: list[str], commands: list[str] | None = None
    ) -> None:
        self.function = function
        self.name = getattr(function, "__name__", repr(function))
        self.beginnings = tuple(f"{name}." for name in names)
        self.commands = None if commands is None else frozenset(commands)
        self.takes_args = commands is not None and _accepts(function, 2)
        _refuse_async(function, self.name)
        if not self.takes_args and not _accepts(function, 1):
            wanted = "(event)" if commands is None else "(event) or (event, args)"
            raise TypeError(
                f"{self.name} must take {wanted}. 处理函数要写成 def {self.name}(event):"
            )

    def run(self, event: Event, command: tuple[str, str] | None) -> Any:
        if self.takes_args and command is not None:
            return self.function(event, command[1])
        return self.function(event)

    def is_for(self, event_name: str, word: str | None) -> bool:
        """Whether it waits for such events; `word` is the command, None for what is none."""
        if self.commands is not None and word not in self.commands:
            return False
        return f"{event_name}.".startswith(self.beginnings)


class Handlers:
    """The handlers in the order of their registration, and at hand for each kind of event."""

    def __init__(self) -> None:
        self._all: list[Handler] = []
        self._found: dict[tuple[str, str | None], list[Handler]] = {}  # replaced by each add()
        self.commands: set[str] = set()

    def add(self, handler: Handler) -> None:
        self.commands |= handler.commands or frozenset()
        self._all.append(handler)
        self._found = {}  # after that: who is looking now fills the one that is gone

    def of(self, event_name: str, word: str | None) -> list[Handler]:
        """Those that are for an event of that name and that command."""
        if word not in self.commands:
            word = None
        found = self._found
        try:
            return found[event_name, word]
        except KeyError:
            concerned = [handler for handler in self._all if handler.is_for(event_name, word)]
            if event_name in _KNOWN:  # no peer can make us keep whatever it calls its events
                found[event_name, word] = concerned
            return concerned


def _refuse_async(function: Callable[..., Any], name: str) -> None:
    called = getattr(function, "__call__", None)  # noqa: B004 (an object may have an async one)
    for candidate in (function, called):
        if inspect.iscoroutinefunction(candidate) or inspect.isasyncgenfunction(candidate):
            raise TypeError(
                f"{name} is an async function, but onebot_simple never awaits. "
                "这个库里没有 async：去掉 async 和 await，直接写 def 就好，每个聊天都有自己的线程。"
            )


def _accepts(function: Callable[..., Any], count: int) -> bool:
    try:
        inspect.signature(function).bind(*range(count))
    except TypeError:
        return False
    except ValueError:  # some builtins do not tell their signature
        return count == 1
    return True


def check_event_name(name: str) -> None:
    """ValueError with a suggestion when no event is called so."""
    if not isinstance(name, str):
        raise TypeError(
            f'on() takes event names such as "notice.group_increase", not {name!r}. 要写名字。'
        )
    if name in EVENT_NAMES:
        return
    close = [known for known in EVENT_NAMES if known.endswith("." + name)]
    close += get_close_matches(name, EVENT_NAMES, 1)
    hint = f', did you mean "{close[0]}"?' if close else "."
    raise ValueError(f'unknown event "{name}"{hint} 没有这个事件：检查名字的拼写。')


def check_command_name(name: str, prefix: str) -> None:
    """ValueError when a message could never call a command of that name."""
    if not isinstance(name, str):
        raise TypeError(
            f'on_command("name") takes names, not {name!r}. '
            '括号里要写指令的名字：@bot.on_command("hello")。'
        )
    if not name or name.split() != [name]:
        raise ValueError(
            f'a command is one word, "{name}" is not. 指令名必须是一个词，不能有空格。'
        )
    if prefix and name.startswith(prefix):
        raise ValueError(
            f'leave the prefix out: on_command("{name[len(prefix) :]}"). '
            f"指令名前面不用写 {prefix}，它会自动加上。"
        )
