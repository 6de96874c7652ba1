"""How segments look in an event, where that differs from what was sent."""

from __future__ import annotations

from typing import Any

from ..segment import to_cq
from .schema import as_id, as_text
from .world import Segments

_PARCELS = "https://gxh.vip.qq.com/club/item/parcel/item"


def as_received(segments: Segments) -> Segments:
    return [_CHANGED.get(segment["type"], _same)(segment) for segment in segments]


def cq_text(segments: Segments) -> str:
    """The raw_message of an event; NapCat leaves out what is empty."""
    return to_cq([_without_empty(segment) for segment in segments]).strip()


def _same(segment: dict[str, Any]) -> dict[str, Any]:
    return segment


def _face(segment: dict[str, Any]) -> dict[str, Any]:
    number = as_id(segment["data"].get("id", 0))
    kind = 2 if isinstance(number, int) and number >= 222 else 1
    raw = {"faceIndex": number, "faceText": None, "faceType": kind, "resultId": None}
    data = {"id": str(number), "raw": {**raw, "chainCount": None}}
    return {"type": "face", "data": {**data, "resultId": None, "chainCount": None}}


def _market_face(segment: dict[str, Any]) -> dict[str, Any]:
    """A market face arrives as a picture."""
    data = segment["data"]
    emoji_id = as_text(data.get("emoji_id", ""))
    folder = emoji_id[:2]
    picture = {
        "summary": data.get("summary") or "[商城表情]",
        "file": f"{folder}-{emoji_id}.gif",
        "url": f"{_PARCELS}/{folder}/{emoji_id}/raw300.gif",
        "key": data.get("key", ""),
        "emoji_id": emoji_id,
        "emoji_package_id": data.get("emoji_package_id", 0),
    }
    return {"type": "image", "data": picture}


_CHANGED = {"face": _face, "mface": _market_face}


def _without_empty(segment: dict[str, Any]) -> dict[str, Any]:
    data = segment["data"]
    if segment["type"] == "text" or not ("" in data.values() or None in data.values()):
        return segment
    return {**segment, "data": {k: v for k, v in data.items() if v not in ("", None)}}
