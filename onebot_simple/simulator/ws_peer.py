"""One WebSocket connection to a bot, whichever side opened it."""

from __future__ import annotations

import contextlib
import queue
import socket
import threading
import time
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.connection import Connection

from . import events
from .api import Call, Outcome, failed
from .core import Core, Outgoing
from .json_text import InvalidJson, decode, encode
from .schema import as_text
from .wire import FROM_BOT, TO_BOT, Frame
from .world import Event

MAX_SIZE = 50 * 1024 * 1024  # NapCat's maxPayload
NO_OBJECT = {
    "zh": "这一帧不是 JSON 对象：NapCat 处理它时出错，不会有回应。",
    "en": "This frame is no JSON object: NapCat fails over it and answers nothing.",
}
PONG_TIMEOUT = 1.0  # seconds
CLOSE_TIMEOUT = 0.5  # seconds for the other side to answer a close frame


class WsPeer:
    """Reads on the thread that calls run(), writes on one of its own, so no bot blocks it."""

    def __init__(
        self,
        core: Core,
        websocket: Connection,
        transport: str,
        connection: int,
        address: str,
        wants_events: bool,
    ) -> None:
        self.transport = transport
        self.connection = connection
        self.address = address
        self.since = time.time()
        self.wants_events = wants_events
        self._core = core
        self._websocket = websocket
        self._outbox: queue.SimpleQueue[Outgoing | None] = queue.SimpleQueue()
        self._next_beat = time.monotonic() + core.heart_interval / 1000

    def put(self, outgoing: Outgoing) -> None:
        self._outbox.put(outgoing)

    def mark(self) -> threading.Event:
        """An event that is set once the bot has read everything that was put before."""
        arrived = threading.Event()
        self.put(Outgoing(b"", "ping", arrived=arrived))
        return arrived

    def close(self) -> None:
        """Say goodbye after what is already on its way."""
        self._outbox.put(None)

    def cut(self) -> None:
        # shutdown first: closing alone does not wake a thread that is sending
        with contextlib.suppress(OSError):
            self._websocket.socket.shutdown(socket.SHUT_RDWR)

    def run(self) -> None:
        """Serve the connection until it ends."""
        if self.wants_events:
            self.put(self._own(events.lifecycle()))
        writer = threading.Thread(target=self._write_all, daemon=True)
        # before the greeting leaves: who has read it must not miss what happens next
        self._core.add_peer(self)
        writer.start()
        try:
            while True:
                self._receive(self._websocket.recv(decode=False))
        except ConnectionClosed:
            pass
        finally:
            self._core.remove_peer(self)
            self.close()
            writer.join()
            self._core.log.add(self._frame(FROM_BOT, "close", b""))

    # out

    def _write_all(self) -> None:
        try:
            while (outgoing := self._next_outgoing()) is not None:
                self._write(outgoing)
            self._websocket.close(1001)
        except (ConnectionClosed, OSError):
            pass

    def _write(self, outgoing: Outgoing) -> None:
        if outgoing.arrived:
            if self._websocket.ping().wait(PONG_TIMEOUT):
                outgoing.arrived.set()
            return
        self._core.gate.pass_through(self.transport, TO_BOT, outgoing.data)
        # logged first: what the bot does about it must come later in the log
        frame = self._frame(TO_BOT, outgoing.kind, outgoing.data)
        frame.answers, frame.message_id = outgoing.answers, outgoing.message_id
        self._core.log.add(frame)
        if outgoing.event is not None:
            self._core.causes.sent(frame.id, self.connection, outgoing.event)
        self._websocket.send(outgoing.data, text=True)

    def _next_outgoing(self) -> Outgoing | None:
        interval = self._core.heart_interval / 1000
        if interval <= 0 or not self.wants_events:
            return self._outbox.get()
        while True:
            # else Python before 3.13 may wait for ever below
            with contextlib.suppress(queue.Empty):
                return self._outbox.get(block=False)
            try:
                return self._outbox.get(timeout=max(0.0, self._next_beat - time.monotonic()))
            except queue.Empty:
                self._next_beat += interval
                if self._core.hearts_beat:
                    online = self._core.world.online
                    return self._own(events.heartbeat(self._core.heart_interval, online))

    def _own(self, event: Event) -> Outgoing:
        return Outgoing(encode(event), "event", event=event)

    # in

    def _receive(self, data: bytes) -> None:
        self._core.gate.pass_through(self.transport, FROM_BOT, data)
        frame = self._frame(FROM_BOT, "call", data)
        try:
            request = decode(data)
            if request is None:
                raise InvalidJson("null is no call null 不是调用")
            fields = request if isinstance(request, dict) else {}
            encode([[[fields.get("echo")]]])  # more deeply nested than it will be in the answer
        except InvalidJson as error:
            answer = failed(1400, f"json解析失败,请检查数据格式 · {error}", None)
            self.put(Outgoing(encode(answer), "response", self._core.log.add(frame)))
            return
        if isinstance(request, (dict, list)):
            self._perform(fields, frame)
        else:
            number = self._core.log.add(frame)
            self._core.journal.add_note(self.transport, self.connection, number, NO_OBJECT)

    def _perform(self, fields: dict[str, Any], frame: Frame) -> None:
        action, params = fields.get("action", "undefined"), fields.get("params")
        echo = fields.get("echo")
        frame.cause = self._core.causes.of_call(self.connection, echo, params)
        number = self._core.log.add(frame)
        name = action if isinstance(action, str) else as_text(action)
        call = Call(name, params, echo, False, self.transport, self.connection, number)
        outcome = self._core.api.perform(call)
        if outcome.delay:
            self._core.spawn(self._answer_later, call, outcome)
        else:
            self._answer(call, outcome)

    def _answer_later(self, call: Call, outcome: Outcome) -> None:
        if not self._core.stopping.wait(outcome.delay):
            self._answer(call, outcome)

    def _answer(self, call: Call, outcome: Outcome) -> None:
        if outcome.exits:
            self._core.drop()
        elif not outcome.swallowed:
            for envelope in outcome.envelopes:
                data = envelope.get("data")
                message_id = data.get("message_id") if isinstance(data, dict) else None
                self._core.log.mark_message(call.frame, message_id)
                kind = "response" if envelope["stream"] == "normal-action" else "stream"
                self.put(Outgoing(encode(envelope), kind, call.frame, message_id))

    def _frame(self, direction: str, kind: str, data: bytes) -> Frame:
        return Frame(self.transport, direction, self.connection, kind, data)
