"""The table of the actions that the simulator can carry out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from . import schema
from .schema import Params
from .world import World

Handler = Callable[[World, Params], Any]


class NoReply(Exception):
    """NapCat crashes before its handler runs: over WebSocket nothing is answered at all.

    Over HTTP the answer has the text of this exception.
    """


class Exit(Exception):
    """The process ends: connections drop, nothing is answered."""


class Absent:
    """The response has no `data`, because NapCat's handler returns nothing."""


ABSENT = Absent()


def note(world: World, zh: str, en: str) -> None:
    """Say what NapCat does here that a beginner would not expect; it is shown beside the call."""
    world.notes.append({"zh": zh, "en": en})


class Streamed:
    """The answer is several frames; each item is the `data` of one."""

    def __init__(self, frames: Any, whole: bool = True) -> None:
        self.frames = frames
        self.whole = whole  # False: one reply per call, as upload_file_stream


@dataclass(frozen=True)
class Action:
    name: str
    fields: tuple[schema.Field, ...] | None  # None: NapCat skips the check
    run: Handler
    streams: bool  # every answer looks like a frame of a stream, failures too


ACTIONS: dict[str, Action] = {}


def action(
    names: str, parameters: str | None = "", streams: bool = False
) -> Callable[[Handler], Handler]:
    """Register a handler under one or several names, parted by spaces."""

    def register(handler: Handler) -> Handler:
        fields = None if parameters is None else schema.parse(parameters)
        for name in names.split():
            ACTIONS[name] = Action(name, fields, handler, streams)
        return handler

    return register
