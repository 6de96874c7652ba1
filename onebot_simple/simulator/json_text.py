"""JSON as it crosses the wire: raw UTF-8 out, plain JSON in (NapCat also takes JSON5)."""

from __future__ import annotations

import json
import math
from typing import Any


class InvalidJson(ValueError):
    """The text is not JSON, or nothing that JSON can carry."""


def encode(value: Any) -> bytes:
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except UnicodeEncodeError:  # a lone surrogate, which JavaScript also sends escaped
        return json.dumps(value, allow_nan=False).encode()
    except RecursionError as error:
        raise InvalidJson("nested too deeply") from error
    except ValueError:
        return encode(_without_infinities(value))


def decode(data: bytes) -> Any:
    try:
        return json.loads(data, parse_constant=lambda _name: None)
    except (ValueError, RecursionError) as error:
        raise InvalidJson(str(error)) from error


def _without_infinities(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, list):
        return [_without_infinities(item) for item in value]
    if isinstance(value, dict):
        return {key: _without_infinities(item) for key, item in value.items()}
    return value
