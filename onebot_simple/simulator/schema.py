"""The parameters of an action: which there are, which must be there, and NapCat's coercions.

A schema is one line, `"group_id:id! duration:number=0 reason"`: a name, its kind (string
unless given), `!` when it is mandatory, `=` and a JSON value as its default.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Params = dict[str, Any]


class BadParams(Exception):
    """The parameters do not fit the action."""


class _Misfit(Exception):
    pass


def _id(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise _Misfit("Expected union value")
    return _number_if_digits(value)


def _number_if_digits(value: Any) -> Any:
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit():
        return int(value) if len(value) < 20 else value
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**63:
        return int(value)
    return value


def _string(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return str(_number_if_digits(value))
    raise _Misfit("Expected string")


def _number(value: Any) -> float | int:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            raise _Misfit("Expected number") from None
    if isinstance(value, (int, float)) and math.isfinite(value):
        return value if isinstance(value, int) or not value.is_integer() else int(value)
    raise _Misfit("Expected number")


_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


def _boolean(value: Any) -> bool:
    if isinstance(value, (bool, int, float, str)):
        answer = _BOOLEANS.get(_string(value).lower())
        if answer is not None:
            return answer
    raise _Misfit("Expected boolean")


def _list(value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    raise _Misfit("Expected array")


def _object(value: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    raise _Misfit("Expected object")


def _any(value: Any) -> Any:
    return value


_KINDS: dict[str, Callable[[Any], Any]] = {
    "id": _id,
    "string": _string,
    "number": _number,
    "boolean": _boolean,
    "list": _list,
    "object": _object,
    "any": _any,
}


@dataclass(frozen=True)
class Field:
    name: str
    convert: Callable[[Any], Any]
    required: bool
    default: Any


def parse(line: str) -> tuple[Field, ...]:
    return tuple(_field(word) for word in line.split())


def _field(word: str) -> Field:
    described, has_default, default = word.partition("=")
    name, _, kind = described.rstrip("!").partition(":")
    return Field(
        name,
        _KINDS[kind or "string"],
        described.endswith("!"),
        json.loads(default) if has_default else None,
    )


def check(fields: tuple[Field, ...], given: Any) -> Params:
    """Return every named parameter, coerced, with None for what is neither given nor defaulted."""
    if not isinstance(given, dict):
        raise BadParams("Schema compilation error: /: Expected object")
    params: Params = {}
    for field in fields:
        if field.name in given:
            try:
                params[field.name] = field.convert(given[field.name])
            except (_Misfit, OverflowError) as misfit:
                raise BadParams(f"Schema compilation error: /{field.name}: {misfit}") from None
        elif field.required:
            raise BadParams(f"Schema compilation error: /{field.name}: Expected required property")
        else:
            params[field.name] = field.default
    return params
