"""One call in, one envelope (or a stream of them, or silence) out."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from . import (
    api_files,
    api_friends,
    api_groups,
    api_info,
    api_messages,
    api_quick,
    api_send,
    api_streams,
)
from .action_names import NAPCAT_ACTIONS, base_name, missing_action, unknown_action
from .faults import Faults
from .journal import Journal
from .registry import ABSENT, ACTIONS, Action, Exit, NoReply, Streamed, note
from .schema import BadParams, Params, as_text, check, misread, truthy
from .wire import WS
from .world import Failure, World

# importing them fills the table of actions
HANDLERS = (
    api_files,
    api_friends,
    api_groups,
    api_info,
    api_messages,
    api_quick,
    api_send,
    api_streams,
)

logger = logging.getLogger(__name__)
Envelope = dict[str, Any]


@dataclass
class Call:
    """Who asks, and how."""

    action: str
    params: Any
    echo: Any
    over_http: bool
    transport: str
    connection: int
    frame: int  # the id of the frame that brought it
    # what NapCat does with this call that a beginner would not expect: {"zh": ..., "en": ...}
    notes: list[dict[str, str]] = field(default_factory=list)


@dataclass
class Outcome:
    envelopes: Iterable[Envelope] = ()  # none: no answer at all
    streamed: bool = False
    delay: float = 0.0  # seconds before the answer
    exits: bool = False  # every connection drops
    swallowed: bool = False  # the answer gets lost


def envelope(data: Any, echo: Any, streamed: bool = False) -> Envelope:
    answer: Envelope = {"status": "ok", "retcode": 0}
    if data is not ABSENT:
        answer["data"] = data
    answer.update(message="", wording="", echo=echo, stream=_stream(streamed))
    return answer


def failed(
    retcode: int, message: str, echo: Any, data: Any = None, streamed: bool = False
) -> Envelope:
    return {
        "status": "failed",
        "retcode": retcode,
        "data": data,
        "message": message,
        "wording": message,
        "echo": echo,
        "stream": _stream(streamed),
    }


def _stream(streamed: bool) -> str:
    return "stream-action" if streamed else "normal-action"


def random_echo() -> str:
    """What NapCat puts into HTTP answers when the call had no echo."""
    letters = "0123456789abcdefghijklmnopqrstuvwxyz"
    return "".join(random.choices(letters, k=11))


class Api:
    def __init__(self, world: World, faults: Faults, journal: Journal) -> None:
        self._world = world
        self._faults = faults
        self._journal = journal
        # what a test answers in the simulator's place, from the params; by action
        self.answers: dict[str, Callable[[Params], Any]] = {}

    def perform(self, call: Call) -> Outcome:
        """Carry out a call; never raises."""
        fault = self._faults.for_call(call.action)
        if fault.failing:
            failing = fault.failing
            outcome = Outcome([failed(failing.retcode, failing.message, call.echo)])
        else:
            outcome = self._outcome(call)
        outcome.delay = fault.delay
        outcome.swallowed = fault.swallowed
        retcode = None
        if isinstance(outcome.envelopes, list) and outcome.envelopes:
            retcode = outcome.envelopes[0]["retcode"]
        self._journal.add_call(
            {
                "action": call.action,
                "params": call.params,
                "retcode": retcode,
                "time": time.time(),
                "transport": call.transport,
                "connection": call.connection,
                "frame": call.frame,
                "notes": call.notes,
            }
        )
        return outcome

    def _outcome(self, call: Call) -> Outcome:
        action = self._action(call.action)
        if action is None:
            return Outcome([self._unknown(call)])
        if call.echo is None and not call.over_http:
            call.echo = ""
        try:
            return self._run(action, call)
        except BadParams as error:
            return Outcome([self._refusal(call, str(error), action)], streamed=action.streams)
        except Failure as error:
            failure = self._failure(call, str(error), action.streams)
            return Outcome([failure], streamed=action.streams)
        except NoReply as error:
            return Outcome([self._failure(call, str(error))] if call.over_http else ())
        except Exit:
            return Outcome(exits=True)
        except Exception as error:
            # a mistake of the simulator's own must not look like the bot's
            logger.exception("the simulator could not carry out %s", call.action)
            return Outcome([self._failure(call, f"模拟器自己出错了 simulator error: {error!r}")])

    def _action(self, name: str) -> Action | None:
        base = base_name(name)
        answer = self.answers.get(base)
        if answer is None:
            return ACTIONS.get(name) or ACTIONS.get(base)
        return Action(base, None, lambda world, params: answer(params), streams=False)

    def _run(self, action: Action, call: Call) -> Outcome:
        given = call.params if truthy(call.params) else {}
        if action.name in self.answers:  # not under the lock: it may call the bot, which calls us
            return Outcome([envelope(action.run(self._world, _named(given)), call.echo)])
        with self._world.lock:
            self._world.notes = call.notes
            data = action.run(self._world, self._checked(action, given))
        if not isinstance(data, Streamed):
            return Outcome([envelope(data, call.echo)])
        frames = self._frames(call, data)
        # an upload is done even when nobody is answered
        return Outcome(frames if data.whole else list(frames), streamed=True)

    def _checked(self, action: Action, given: Any) -> Params:
        if action.fields is None:
            return _named(given)
        params = check(action.fields, given)
        for name, value, taken in misread(action.fields, given, params):
            note(
                self._world,
                f"NapCat 把 {name}={as_text(value)} 当作 {as_text(taken)}：它只认 true 和 false。",
                f"NapCat takes {name}={as_text(value)} for {as_text(taken)}:"
                " it only knows true and false here.",
            )
        return params

    def _frames(self, call: Call, stream: Streamed) -> Iterator[Envelope]:
        try:
            for data in stream.frames:
                yield envelope(data, call.echo, streamed=True)
        except Failure as error:
            yield self._failure(call, str(error), streamed=True)

    def _refusal(self, call: Call, message: str, action: Action) -> Envelope:
        if call.over_http:
            return failed(400, message, None)
        return failed(1400, message, call.echo, *_stream_error(action.streams))

    def _failure(self, call: Call, message: str, streamed: bool = False) -> Envelope:
        retcode = 200 if call.over_http else 1200
        return failed(retcode, message, call.echo, *_stream_error(streamed))

    def _unknown(self, call: Call) -> Envelope:
        if base_name(call.action) in NAPCAT_ACTIONS:
            return self._failure(call, missing_action(call.action))
        word = "API" if call.transport == WS else "Api"  # NapCat's own servers differ
        retcode = 200 if call.over_http else 1404
        return failed(retcode, unknown_action(call.action, word), call.echo)


def _named(params: Any) -> Params:
    return params if isinstance(params, dict) else {}


def _stream_error(streamed: bool) -> tuple[Any, bool]:
    return ({"type": "error", "data_type": "error"} if streamed else None), streamed
