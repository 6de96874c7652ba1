"""参数写错了，当场说出错在哪里、应当怎样写。

Wrong arguments are refused where they are written, with the call as it should be.

OneBot notices them late or never: NapCat does not answer a send_group_msg without a message at all.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, wraps
from inspect import Parameter, isfunction, signature
from typing import Any, TypeVar

from ..errors import OneBotError

Class = TypeVar("Class", bound=type)
_ANY_NAME = "name=value, ..."
_WRITTEN: dict[Any, str] = {Parameter.KEYWORD_ONLY: "{}=...", Parameter.VAR_KEYWORD: _ANY_NAME}


def checked(cls: Class) -> Class:
    """Decorate a class: each of its actions checks what it is given, then does its work."""
    for name, method in list(vars(cls).items()):
        if isfunction(method) and not name.startswith("_"):
            setattr(cls, name, _checked(method))
    return cls


def _checked(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def call(self: Any, /, *values: Any, **named: Any) -> Any:
        _check(method, values, named)
        given = {name: value for name, value in named.items() if value is not None}
        try:
            return method(self, *values, **given)  # None means the default
        except OneBotError as error:
            # The traceback then shows the line of the caller and this one, not the way between.
            raise error.with_traceback(None) from None

    return call


@cache  # a method is looked at when it is called first: most programs call few of them
def _parameters_of(method: Callable[..., Any]) -> tuple[list[str], list[str], dict[str, str]]:
    """Those that need no name, those that must be given, and how each is written in a call."""
    parameters = list(signature(method).parameters.values())[1:]  # without self
    positional = [p.name for p in parameters if p.kind < p.VAR_POSITIONAL]
    required = [p.name for p in parameters if p.default is p.empty and p.kind != p.VAR_KEYWORD]
    written = {p.name: _WRITTEN.get(p.kind, "{}").format(p.name) for p in parameters}
    return positional, required, written


def _check(method: Callable[..., Any], values: tuple[Any, ...], named: dict[str, Any]) -> None:
    """TypeError when the method cannot be called like this."""
    positional, required, written = _parameters_of(method)
    most = len(positional)
    if len(values) > most:
        chinese = f"不带名字的值最多 {most} 个，写了 {len(values)} 个"
        noun = "value" if most == 1 else "values"
        english = f"takes at most {most} {noun} without a name, but got {len(values)}"
        raise _refused(method, chinese, english)
    if _ANY_NAME in written.values():
        named = {}  # they are the params of an action, which may have any names
    given = dict(zip(positional, values, strict=False)) | named
    for name in required:
        if given.get(name) is None:
            chinese, english = "它没有给，或者是 None", "which is missing or None"
            raise _refused(method, f"需要 {name}，{chinese}", f"needs {name}, {english}")
    for name in named:
        if name in positional[: len(values)]:
            raise _refused(method, f"{name} 写了两次", f"was given {name} twice")
        if name not in written:
            raise _refused(method, f"没有参数 {name}", f"has no parameter {name}")


def _refused(method: Callable[..., Any], chinese: str, english: str) -> TypeError:
    name, (*_, written) = method.__name__, _parameters_of(method)
    right = f"{name}({', '.join(written.values())})"
    return TypeError(f"{name}() {chinese}。应当写成 {right}。 {name}() {english}. Write {right}.")


def one_of(method: str, /, **alternatives: object) -> None:
    """TypeError when none of the alternatives was given."""
    if all(value is None for value in alternatives.values()):
        names = list(alternatives)
        raise TypeError(
            f"{method}() 需要 {' 或 '.join(names)}，例如 {names[0]}=...。 "
            f"{method}() needs {' or '.join(names)}, such as {names[0]}=..."
        )
