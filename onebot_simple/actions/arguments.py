"""参数写错了，当场说出错在哪里、应当怎样写。

Wrong arguments are refused where they are written, with the call as it should be.

OneBot notices them late or never: NapCat does not answer a send_group_msg without a message at all.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import Parameter, isfunction, signature
from typing import Any, TypeVar

Class = TypeVar("Class", bound=type)


def checked(cls: Class) -> Class:
    """Decorate a class: each of its public methods checks what it is given, then does its work."""
    for name, method in list(vars(cls).items()):
        if isfunction(method) and not name.startswith("_"):
            setattr(cls, name, _checked(method))
    return cls


def _checked(method: Callable[..., Any]) -> Callable[..., Any]:
    parameters = list(signature(method).parameters.values())[1:]  # without self
    positional = [p.name for p in parameters if p.kind < Parameter.VAR_POSITIONAL]
    named = {p.name for p in parameters if p.kind != Parameter.VAR_KEYWORD}
    required = [p.name for p in parameters if p.name in named and p.default is p.empty]
    takes_any_name = len(named) < len(parameters)

    @wraps(method)
    def call(self: Any, /, *values: Any, **others: Any) -> Any:
        if len(values) > len(positional):
            raise _wrong(
                method,
                f"不带名字的值最多 {len(positional)} 个，写了 {len(values)} 个",
                f"takes {len(positional)} values without a name, {len(values)} were given",
            )
        given = dict(zip(positional, values, strict=False)) | others
        for name in required:
            if given.get(name) is None:
                raise _wrong(
                    method,
                    f"需要 {name}，它没有给，或者是 None",
                    f"needs {name}, which is missing or None",
                )
        if not takes_any_name and not named.issuperset(others):
            unknown = next(name for name in others if name not in named)
            raise _wrong(method, f"没有参数 {unknown}", f"has no parameter {unknown}")
        return method(self, *values, **others)

    return call


def _wrong(method: Callable[..., Any], chinese: str, english: str) -> TypeError:
    name = method.__name__
    shown = ", ".join(map(_shown, list(signature(method).parameters.values())[1:]))
    right = f"{name}({shown})"
    return TypeError(f"{name}() {chinese}。应当写成 {right}。 {name}() {english}. Write {right}.")


def _shown(parameter: Parameter) -> str:
    if parameter.kind == Parameter.VAR_KEYWORD:
        return "name=value, ..."
    named = parameter.kind == Parameter.KEYWORD_ONLY
    return f"{parameter.name}=..." if named else parameter.name


def one_of(method: str, /, **alternatives: object) -> None:
    """TypeError when none of the alternatives was given."""
    if all(value is None for value in alternatives.values()):
        names = list(alternatives)
        raise TypeError(
            f"{method}() 需要 {' 或 '.join(names)}，例如 {names[0]}=...。 "
            f"{method}() needs {' or '.join(names)}, such as {names[0]}=..."
        )
