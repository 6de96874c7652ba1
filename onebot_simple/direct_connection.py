"""收到的消息由读它的线程直接交出去的 WebSocket 连接（服务器一侧）。

A server's WebSocket connection that hands messages over on the thread that reads them.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Event as Flag
from typing import Any

from websockets.frames import DATA_OPCODES, Frame
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection

LISTEN_SECONDS = 10.0  # from the handshake until somebody listens; a moment is usual


class DirectConnection(ServerConnection):
    """The original queues each message for another thread, which costs more than handling it."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self._parts: list[Any] = []  # the message so far, when it comes in fragments
        self._listening = Flag()  # set when `_take` is
        self._take: Callable[[bytes], object] = lambda message: None
        super().__init__(*args, **options)  # it starts the thread that reads

    def listen(self, take: Callable[[bytes], object]) -> None:
        """Hand each message to `take` until the connection ends; ConnectionClosed says why.

        `take` must not raise.
        """
        self._take = take
        self._listening.set()
        self.recv()  # nothing comes this way any more but the end

    def close(self, *args: Any, **options: Any) -> None:
        self._listening.set()  # nobody may have come to it: the reading thread need not wait
        super().close(*args, **options)

    def process_event(self, event: Frame | Request | Response) -> None:
        if not isinstance(event, Frame) or event.opcode not in DATA_OPCODES:
            super().process_event(event)
            return
        self._parts.append(event.data)
        if event.fin:
            message, self._parts = b"".join(self._parts), []
            if self._listening.wait(LISTEN_SECONDS):
                self._take(message)
