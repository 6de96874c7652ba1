"""JSON as it crosses the wire: raw UTF-8 goes out, JSON5 comes in, as NapCat takes it."""

from __future__ import annotations

import json
import math
import re
from typing import Any

_TOKEN = re.compile(
    r"""
      (?P<space> [\s\ufeff]+ | //[^\r\n\u2028\u2029]* | /\*.*?\*/ )
    | (?P<text> "(?:[^"\\\r\n]|\\.)*" | '(?:[^'\\\r\n]|\\.)*' )
    | (?P<number> [+-]?(?:0[xX][0-9a-fA-F]+ | (?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?) )
    | (?P<name> [+-]?[\w$]+ )
    | (?P<mark> [][{}:,] )
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|\r\n|.)", re.DOTALL)
_ESCAPED = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "0": "\0"}
_LINE_ENDS = ("\r\n", "\n", "\r", "\u2028", "\u2029")
_VALUES = {"true": "true", "false": "false", "null": "null"}
_VALUES |= {sign + name: "null" for sign in ("", "+", "-") for name in ("NaN", "Infinity")}

TOO_DEEP = "嵌套太深 nested too deeply"


class InvalidJson(ValueError):
    """The text is not JSON, or nothing that JSON can carry."""


def encode(value: Any) -> bytes:
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except UnicodeEncodeError:  # a lone surrogate, which JavaScript also sends escaped
        return json.dumps(value, allow_nan=False).encode()
    except RecursionError as error:
        raise InvalidJson(TOO_DEEP) from error
    except ValueError:
        return encode(_without_infinities(value))


def decode(data: bytes) -> Any:
    """Read JSON, or JSON5 where it is no JSON. What JSON cannot write, as NaN, becomes None."""
    try:
        return json.loads(data, parse_constant=lambda _name: None)
    except RecursionError as error:
        raise InvalidJson(TOO_DEEP) from error
    except ValueError:
        return _decode_json5(data.decode("utf-8", "replace"))


def _decode_json5(text: str) -> Any:
    """Write the text anew as plain JSON, token by token, and let json read that."""
    tokens = _tokens(text)
    pieces = []
    for index, (kind, token) in enumerate(tokens):
        after = tokens[index + 1][1] if index + 1 < len(tokens) else ""
        before = tokens[index - 1][1] if index else ","
        if token == "," and after in ("]", "}") and before not in ("[", "{", ","):
            continue  # JSON knows no trailing comma
        pieces.append(_as_json(kind, token, is_key=after == ":"))
    try:
        return json.loads(" ".join(pieces))
    except RecursionError as error:
        raise InvalidJson(TOO_DEEP) from error
    except ValueError as error:
        reason = getattr(error, "msg", error)  # its position is one in the text written anew
        raise InvalidJson(f"JSON 的结构不对 the structure is wrong: {reason}") from error


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens, position = [], 0
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None:
            raise InvalidJson(
                f"第 {position + 1} 个字符 {text[position]!r} 不对。"
                f" Character {position + 1}, {text[position]!r}, does not belong there."
            )
        if found.lastgroup != "space":
            tokens.append((str(found.lastgroup), found.group()))
        position = found.end()
    return tokens


def _as_json(kind: str, token: str, is_key: bool) -> str:
    if kind == "text":
        return json.dumps(_ESCAPE.sub(_unescaped, token[1:-1]))
    if kind == "number":
        return _number(token)
    if kind == "name" and is_key:
        return json.dumps(token)
    if kind == "name" and token not in _VALUES:
        raise InvalidJson(
            f"{token} 要加引号，JSON 里只有 true、false、null。"
            f" {token} needs quotation marks; JSON knows only true, false and null."
        )
    return _VALUES.get(token, token)


def _unescaped(found: re.Match[str]) -> str:
    code = found.group(1)
    if len(code) > 1 and code[0] in "ux":
        return chr(int(code[1:], 16))
    return "" if code in _LINE_ENDS else _ESCAPED.get(code, code)


def _number(token: str) -> str:
    unsigned = token.lstrip("+-")
    sign = "-" if token.startswith("-") else ""
    if unsigned[:2] in ("0x", "0X"):
        return sign + str(int(unsigned, 16))
    if unsigned.startswith("."):
        unsigned = "0" + unsigned
    return sign + re.sub(r"\.(?!\d)", "", unsigned)  # "5." is 5


def _without_infinities(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, list):
        return [_without_infinities(item) for item in value]
    if isinstance(value, dict):
        return {key: _without_infinities(item) for key, item in value.items()}
    return value
