"""命令 call：调用一个动作，打印回答。

The command `call`: calls an action and prints the response.
"""

from __future__ import annotations

import argparse
import json
import math
from inspect import signature
from typing import Any

from ..actions import Actions
from ..actions.standard import StandardActions
from ..errors import OneBotError, failure, is_failed
from ..http_client import HttpClient
from ..ws_client import WsClient
from .console import complain, json_text, only_warnings, say

STREAMING = "_stream"  # how the names of the actions end that answer in many frames


def run(options: argparse.Namespace) -> int:
    """调用一个动作；返回退出码。

    Call an action. Returns the exit code: 0 it is done, 1 it failed or nobody answered, 2 it
    cannot be called so.
    """
    params = {name: value_of(name, text) for name, text in options.params}
    if len(params) < len(options.params):
        complain("有一个参数写了两次。 A parameter is given twice.")
        return 2
    if missing := _missing(options.action, params):
        right = " ".join([options.action, *(f"{name}=..." for name in [*params, *missing])])
        complain(
            f"缺少 {'、'.join(missing)}：写成 call {right}。 "
            f"Missing: {', '.join(missing)}. Write call {right}"
        )
        return 2
    client_class = WsClient if options.url.lower().startswith("ws") else HttpClient
    try:
        with only_warnings(), client_class(options.url, options.token) as client:
            return _show(client, options.action, params)
    except OneBotError as error:
        complain(error)
        return 1
    except ValueError as error:  # a value that is nested too deeply
        complain(error)
        return 2


def _show(client: Actions, action: str, params: dict[str, Any]) -> int:
    streaming = action.endswith(STREAMING)
    answers = client._call(action, params) if streaming else [client.request(action, params)]
    for answer in answers:
        heard = say(json_text(answer, indent=None if streaming else 2))
        if is_failed(answer):
            complain(failure(action, answer))
            return 1
        if not heard:
            break
    return 0


def _missing(action: str, params: dict[str, Any]) -> list[str]:
    """What an action that we know needs and was not given. NapCat says that in code, or never."""
    method = getattr(StandardActions, action, None)
    if method is None or action.startswith("_"):
        return []
    known = list(signature(method).parameters.values())[1:]  # without self
    if not params.keys() <= {one.name for one in known}:
        return []  # it may be another OneBot's, which knows better
    by_name = [one for one in known if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)]
    return [one.name for one in by_name if one.default is one.empty and one.name not in params]


def value_of(name: str, text: str) -> Any:
    """What `name=text` stands for: what is JSON is read as JSON, anything else is text."""
    try:
        value = json.loads(text, parse_float=_finite, parse_constant=_finite)
    except (ValueError, RecursionError):
        return text
    if name == "message" and not isinstance(value, (str, list, dict)):
        return text  # "message=123" is somebody who says 123
    return value


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is not JSON")
    return value
