"""One frame as one line that a person reads: decoded, short, without escapes."""

from __future__ import annotations

import json
from typing import Any

LENGTH = 200  # letters of a line that are shown


def readable(frame: dict[str, Any]) -> str:
    arrow = "→ bot" if frame["direction"] == "to_bot" else "← bot"
    if frame["kind"] == "note":  # the simulator's own words
        arrow = "     "
    words = " ".join(_content(frame).split())
    if len(words) > LENGTH:
        words = f"{words[:LENGTH]}…"
    # a lone surrogate could not be printed
    words = words.encode("utf-8", "backslashreplace").decode()
    return f"  {frame['id']:>4} {arrow} {frame['transport']} {frame['kind']}: {words}"


def _content(frame: dict[str, Any]) -> str:
    first_line = str(frame["head"]).partition("\n")[0]
    try:
        content = json.loads(frame["text"])
    except (ValueError, RecursionError):
        return f"{first_line} {frame['text']}"
    if not isinstance(content, dict):
        return str(frame["text"])
    if "post_type" in content:
        return _event(content)
    if "retcode" in content:
        reason = content.get("message") or plain(content.get("data"))
        return f"{content.get('status')} {content['retcode']} {reason}"
    if "action" in content:
        return called(str(content["action"]), content.get("params"))
    if frame["transport"] == "http_api" and frame["kind"] == "call":
        return called(first_line.split()[1].partition("?")[0].strip("/"), content)
    return plain(content)


def called(action: str, params: Any) -> str:
    """send_group_msg(group_id=30001, message="hi")"""
    if not isinstance(params, dict):
        return f"{action}({'' if params is None else plain(params)})"
    return f"{action}({', '.join(f'{name}={plain(value)}' for name, value in params.items())})"


def plain(value: Any) -> str:
    """JSON with the letters themselves in it, as far as it is JSON."""
    try:
        return json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        return repr(value)


def _event(event: dict[str, Any]) -> str:
    post_type = event["post_type"]
    kinds = [post_type, event.get(f"{post_type}_type"), event.get("sub_type")]
    if post_type in ("message", "message_sent"):
        kinds = [post_type, event.get("message_type")]
    name = ".".join(str(kind) for kind in kinds if kind)
    about = ("group_id", "user_id", "operator_id", "target_id", "message_id", "comment", "flag")
    details = [f"{key}={plain(event[key])}" for key in about if event.get(key) is not None]
    if "raw_message" in event:
        details.append(plain(event["raw_message"]))
    return f"{name} {' '.join(details)}"
