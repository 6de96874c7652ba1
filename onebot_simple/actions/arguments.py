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


def checked(cls: Class) -> Class:
    """Decorate a class: each of its public methods checks what it is given, then does its work."""
    for name, method in list(vars(cls).items()):
        if isfunction(method) and not name.startswith("_"):
            setattr(cls, name, _checked(method))
    return cls


def _checked(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def call(self: Any, /, *values: Any, **named: Any) -> Any:
        _signature_of(method).check(values, named)
        try:
            return method(self, *values, **named)
        except OneBotError as error:
            # The traceback then shows the line of the caller and this one, not the way between.
            raise error.with_traceback(None) from None

    return call


@cache  # at the first call: most programs call a few of the methods only
def _signature_of(method: Callable[..., Any]) -> _Signature:
    return _Signature(method)


class _Signature:
    """What a method takes."""

    def __init__(self, method: Callable[..., Any]) -> None:
        self._method = method.__name__
        self._all = list(signature(method).parameters.values())[1:]  # without self
        self._required = [p for p in self._all if p.default is p.empty and p.kind != p.VAR_KEYWORD]
        self._positional = [p.name for p in self._all if p.kind < p.VAR_POSITIONAL]
        self._names = {p.name for p in self._all}
        self._any_name = any(p.kind == p.VAR_KEYWORD for p in self._all)

    def check(self, values: tuple[Any, ...], named: dict[str, Any]) -> None:
        """TypeError when the method cannot be called like this."""
        most = len(self._positional)
        if len(values) > most:
            chinese = f"不带名字的值最多 {most} 个，写了 {len(values)} 个"
            english = f"takes at most {most} without a name, {len(values)} were given"
            raise self._refused(chinese, english, self._all)
        given = dict(zip(self._positional, values, strict=False)) | named
        for name in (parameter.name for parameter in self._required):
            if given.get(name) is None:
                chinese = f"需要 {name}，它没有给，或者是 None"
                english = f"needs {name}, which is missing or None"
                raise self._refused(chinese, english, self._required)
        for name in named:
            if name not in self._names and not self._any_name:
                raise self._refused(f"没有参数 {name}", f"has no parameter {name}", self._all)

    def _refused(self, chinese: str, english: str, shown: list[Parameter]) -> TypeError:
        name = self._method
        right = f"{name}({', '.join(map(_written, shown))})"
        return TypeError(
            f"{name}() {chinese}。应当写成 {right}。 {name}() {english}. Write {right}."
        )


def _written(parameter: Parameter) -> str:
    if parameter.kind == Parameter.VAR_KEYWORD:
        return "name=value, ..."
    return parameter.name + ("=..." if parameter.kind == Parameter.KEYWORD_ONLY else "")


def one_of(method: str, /, **alternatives: object) -> None:
    """TypeError when none of the alternatives was given."""
    if all(value is None for value in alternatives.values()):
        names = list(alternatives)
        raise TypeError(
            f"{method}() 需要 {' 或 '.join(names)}，例如 {names[0]}=...。 "
            f"{method}() needs {' or '.join(names)}, such as {names[0]}=..."
        )
