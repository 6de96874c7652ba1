"""收到的消息由读它的线程直接交出去的 WebSocket 连接（服务器一侧）。

A server's WebSocket connection that hands messages over on the thread that reads them, and is
given up when nothing at all arrives any more.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from socket import socket
from threading import Event as Flag
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.frames import DATA_OPCODES, CloseCode, Frame
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection

log = logging.getLogger("onebot_simple")

LISTEN_SECONDS = 10.0  # from the handshake until somebody listens; a moment is usual


class _Watched(socket):
    """Remembers when something arrived last, be it in the middle of a frame."""

    def __init__(self, accepted: socket) -> None:
        super().__init__(fileno=accepted.detach())
        self.heard = time.monotonic()

    def recv(self, *args: int) -> bytes:
        data = super().recv(*args)
        self.heard = time.monotonic()
        return data


class DirectConnection(ServerConnection):
    """The original queues each message for another thread, which costs more than handling it."""

    def __init__(self, sock: socket, *args: Any, **options: Any) -> None:
        self._watched = _Watched(sock)
        self._parts: list[Any] = []  # the message so far, when it comes in fragments
        self._listening = Flag()  # set when `_take` is
        self._take: Callable[[bytes], object] = lambda message: None
        try:
            super().__init__(self._watched, *args, **options)  # it starts the thread that reads
        except BaseException:
            self._watched.close()
            raise

    def listen(self, take: Callable[[bytes], object]) -> None:
        """Hand each message to `take` until the connection ends; ConnectionClosed says why."""
        self._take = take
        self._listening.set()
        self.recv()  # nothing comes this way any more but the end

    def keepalive(self) -> None:
        """Ping when nothing arrives, give up when still nothing does.

        To the original only the answer to its ping is a sign of life, which a peer that is busy
        sending a large message cannot give.
        """
        assert self.ping_interval is not None and self.ping_timeout is not None
        limit = self.ping_interval + self.ping_timeout
        pinged = float("-inf")
        with suppress(ConnectionClosed):
            while self.recv_events_thread.is_alive():
                heard = self._watched.heard
                waiting = pinged > heard
                left = heard + (limit if waiting else self.ping_interval) - time.monotonic()
                if left > 0:
                    self.recv_events_thread.join(left)
                elif waiting:
                    self.close(CloseCode.INTERNAL_ERROR, f"silent for {limit:g} s")
                else:
                    pinged = time.monotonic()
                    self.ping()

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
                try:
                    self._take(message)
                except Exception:  # websockets would end the connection without a word
                    log.exception("a message was not taken. 有一条消息没能处理，继续运行。")
