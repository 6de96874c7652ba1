"""One call in, one envelope (or a stream of them, or silence) out."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from . import (
    api_files,
    api_friends,
    api_groups,
    api_info,
    api_messages,
    api_streams,
    forwards,
)
from .action_names import NAPCAT_ACTIONS, base_name, unknown_action
from .faults import Faults
from .journal import Journal
from .registry import ABSENT, ACTIONS, Exit, NoReply, Streamed
from .schema import BadParams, Params, check
from .world import Failure, World

# importing them fills the table of actions
HANDLERS = (api_files, api_friends, api_groups, api_info, api_messages, api_streams, forwards)

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
            }
        )
        return outcome

    def _outcome(self, call: Call) -> Outcome:
        try:
            return self._run(call)
        except BadParams as error:
            echo = None if call.over_http else call.echo
            return Outcome([failed(400 if call.over_http else 1400, str(error), echo)])
        except Failure as error:
            return Outcome([self._failure(call, str(error))])
        except NoReply:
            return Outcome()
        except Exit:
            return Outcome(exits=True)
        except Exception as error:
            # a mistake of the simulator's own must not look like the bot's
            logger.exception("the simulator could not carry out %s", call.action)
            return Outcome([self._failure(call, f"simulator error 模拟器自己出错了: {error!r}")])

    def _run(self, call: Call) -> Outcome:
        answer = self.answers.get(base_name(call.action))
        if answer:
            given = call.params if isinstance(call.params, dict) else {}
            return Outcome([envelope(answer(given), call.echo)])
        action = ACTIONS.get(call.action) or ACTIONS.get(base_name(call.action))
        if action is None:
            return Outcome([self._unknown(call)])
        params = {} if call.params is None else call.params
        if action.fields is not None:
            params = check(action.fields, params)
        elif not isinstance(params, dict):
            raise NoReply
        with self._world.lock:
            data = action.run(self._world, params)
        if isinstance(data, Streamed):
            if data.whole:
                return Outcome(self._frames(call, data), streamed=True)
            return Outcome(list(self._frames(call, data)))  # done even when nobody is answered
        return Outcome([envelope(data, call.echo)])

    def _frames(self, call: Call, stream: Streamed) -> Iterator[Envelope]:
        try:
            for data in stream.frames:
                yield envelope(data, call.echo, streamed=True)
        except Failure as error:
            data = {"type": "error", "data_type": "error"}
            retcode = 200 if call.over_http else 1200
            yield failed(retcode, str(error), call.echo, data, streamed=True)

    def _failure(self, call: Call, message: str) -> Envelope:
        return failed(200 if call.over_http else 1200, message, call.echo)

    def _unknown(self, call: Call) -> Envelope:
        if base_name(call.action) in NAPCAT_ACTIONS:
            return self._failure(
                call,
                f"NapCat has this action, the simulator does not yet: {call.action}."
                " NapCat 有这个动作，模拟器还没有。",
            )
        echo = call.echo if call.over_http or call.echo != "" else None
        return failed(200 if call.over_http else 1404, unknown_action(call.action), echo)
