"""The parameters of an action: which there are, which must be there, and NapCat's coercions.

A schema is one line, `"group_id:id! duration:numeric=0 reason"`: a name, its kind (string
unless given), `!` when it is mandatory, `=` and a JSON value as its default. A kind may be a
choice, as `policy:disabled|no_approval`; `reason:string?` may also be null.
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
    """What NapCat's checker says of a value; it never names the parameter."""


_UNION = "Expected union value"


def truthy(value: Any) -> bool:
    """What JavaScript takes for true: lists and objects always, even empty ones."""
    if isinstance(value, float) and math.isnan(value):
        return False
    return bool(value) or isinstance(value, (list, dict))


def as_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**63:
        return str(int(value))  # JavaScript has one kind of number
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def as_id(value: Any) -> Any:
    """A number where the text is one, for that is how the world knows everybody."""
    text = as_text(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else text


def _string(value: Any) -> str:
    if value is None or isinstance(value, (list, dict)):
        raise _Misfit("Expected string")
    return as_text(value)


def _id(value: Any) -> Any:
    return as_id(_string(value))


def _number(value: Any) -> float | int:
    if isinstance(value, str):
        value = {"true": 1, "false": 0}.get(value.lower(), value)
    if isinstance(value, (bool, int, float, str)):
        number = _as_number(value)
        if number is not None:
            return number
    raise _Misfit("Expected number")


def _as_number(value: float | str) -> float | int | None:
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    if not math.isfinite(number) or "_" in str(value):  # 1_000 is a number in Python only
        return None
    return int(number) if number.is_integer() else number


def _mixed(value: Any) -> Any:
    """A number or a text, as it came."""
    if value is None or isinstance(value, (list, dict)):
        raise _Misfit(_UNION)
    return value


def _numeric(value: Any) -> float | int:
    """A number, or any text: one that is no number counts as 0."""
    return _as_number(_mixed(value)) or 0


def _boolean(value: Any) -> bool:
    if isinstance(value, (bool, int, float, str)):
        answer = {"true": True, "1": True, "false": False, "0": False}.get(as_text(value).lower())
        if answer is not None:
            return answer
    raise _Misfit("Expected boolean")


def _unless_false(value: Any) -> bool:
    return as_text(_mixed(value)) != "false"


def _only_if_true(value: Any) -> bool:
    return as_text(_mixed(value)) == "true"


def _strings(value: Any) -> list[str]:
    return [_string(item) for item in (value if isinstance(value, list) else [value])]


def _object(value: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    raise _Misfit("Expected object")


def _any(value: Any) -> Any:
    return value


Convert = Callable[[Any], Any]

_KINDS: dict[str, Convert] = {
    "id": _id,
    "string": _string,
    "number": _number,
    "mixed": _mixed,
    "numeric": _numeric,
    "boolean": _boolean,
    "unless_false": _unless_false,
    "only_if_true": _only_if_true,
    "strings": _strings,
    "object": _object,
    "any": _any,
}


@dataclass(frozen=True)
class Field:
    name: str
    kind: str
    convert: Convert
    required: bool
    default: Any


def parse(line: str) -> tuple[Field, ...]:
    return tuple(_field(word) for word in line.split())


def _field(word: str) -> Field:
    described, has_default, default = word.partition("=")
    name, _, kind = described.rstrip("!").partition(":")
    return Field(
        name,
        kind or "string",
        _converter(kind or "string"),
        described.endswith("!"),
        json.loads(default) if has_default else None,
    )


def _converter(kind: str) -> Convert:
    if kind.endswith("?"):
        return _nullable(_KINDS[kind[:-1]])
    return _choice(kind.split("|")) if "|" in kind else _KINDS[kind]


def _nullable(convert: Convert) -> Convert:
    return lambda value: None if value is None else convert(value)


def _choice(allowed: list[str]) -> Convert:
    def convert(value: Any) -> str:
        if value in allowed:
            return str(value)
        raise _Misfit(_UNION)

    return convert


def check(fields: tuple[Field, ...], given: Any) -> Params:
    """Return every named parameter, coerced, with None for what is neither given nor defaulted."""
    if not isinstance(given, dict):
        raise BadParams("Schema compilation error: Expected object")
    for field in fields:
        if field.required and field.name not in given:
            raise _bad(field, "Expected required property", "缺少参数", "The missing parameter:")
    params: Params = {}
    for field in fields:
        if field.name not in given:
            params[field.name] = field.default
            continue
        try:
            params[field.name] = field.convert(given[field.name])
        except _Misfit as misfit:
            raise _bad(field, str(misfit), "参数不对", "The wrong parameter:") from None
    return params


def _bad(field: Field, napcats: str, zh: str, en: str) -> BadParams:
    hint = (
        f"{zh} {field.name}（NapCat 不会说是哪个）。 {en} {field.name} (NapCat does not say which)."
    )
    return BadParams(f"Schema compilation error: {napcats} · {hint}")


_LOOKS = dict.fromkeys(("false", "0", "no", "off", ""), False)
_LOOKS |= dict.fromkeys(("true", "1", "yes", "on"), True)


def misread(
    fields: tuple[Field, ...], given: Params, params: Params
) -> list[tuple[str, Any, bool]]:
    """Yes and no that NapCat takes for the opposite: (name, what was given, how it is taken)."""
    return [
        (field.name, given[field.name], params[field.name])
        for field in fields
        if field.kind in ("unless_false", "only_if_true")
        and field.name in given
        and params[field.name] != _LOOKS.get(as_text(given[field.name]).lower(), params[field.name])
    ]
