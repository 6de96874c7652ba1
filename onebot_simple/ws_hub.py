"""服务器的所有 WebSocket 连接，都由同一个线程来读。

All WebSocket connections of a server, read by one thread.
"""

from __future__ import annotations

import os
import selectors
import socket
import time
from contextlib import suppress
from threading import Event as Flag
from threading import Thread
from typing import TYPE_CHECKING

from websockets.frames import CloseCode

from .addresses import Bilingual
from .listening import warn_of_refusal
from .server_websocket import CUT_OFF, GOODBYE_SECONDS, ServerWebSocket, protected

if TYPE_CHECKING:
    from .ws_server import WsServer

CHUNK = 64 * 1024  # bytes that are read at once
TICK_SECONDS = 0.2  # how often silent connections are looked for
MAX_CONNECTIONS = 500 if os.name == "nt" else 2000  # select() of Windows takes 512


class WebSocketHub(Thread):
    """Accepts connections, reads them all, and gives up those that are silent."""

    def __init__(self, listener: socket.socket, server: WsServer) -> None:
        super().__init__(name="onebot_simple server", daemon=True)
        listener.setblocking(False)
        self._listener = listener
        self._server = server
        self._selector = selectors.DefaultSelector()
        # one buffer for all: new ones of ever other sizes would fragment the memory
        self._chunk = memoryview(bytearray(CHUNK))
        self._stopping = Flag()
        self.start()

    def stop(self) -> None:
        """End all connections with a goodbye that they may answer, and the thread."""
        self._stopping.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread at once on Linux
        self.join(TICK_SECONDS + 2 * GOODBYE_SECONDS)

    def run(self) -> None:
        next_look = 0.0
        while not self._stopping.is_set():
            if time.monotonic() >= next_look:
                next_look = time.monotonic() + TICK_SECONDS
                protected(self._tick)
            protected(self._serve)
        with suppress(KeyError):  # there was no room
            self._selector.unregister(self._listener)
        self._listener.close()
        for ws in self._connections():
            ws.say_goodbye(CloseCode.GOING_AWAY, ("机器人停止了", "stopped"))
        while self._connections():  # until they have hung up, too, or are overdue
            protected(self._serve)
            protected(self._tick)
        self._selector.close()

    def _connections(self) -> list[ServerWebSocket]:
        return [key.data for key in self._selector.get_map().values() if key.data]

    def _serve(self) -> None:
        if not self._selector.get_map():  # Windows cannot select() from nothing
            time.sleep(TICK_SECONDS)
            return
        for key, _ in self._selector.select(TICK_SECONDS):
            if key.data:  # a connection; the listener has none
                self._read(key.data)
            else:
                self._accept()

    def _accept(self) -> None:
        peer = "?"
        try:
            sock, address = self._listener.accept()
            peer = address[0].removeprefix("::ffff:")  # so IPv6 shows an IPv4 address
            if len(self._selector.get_map()) > MAX_CONNECTIONS:  # the listener is in it, too
                sock.close()
                raise OSError(f"{MAX_CONNECTIONS} connections are open")
        except (BlockingIOError, ConnectionError):  # who came has gone again
            return
        except OSError as error:
            self._selector.unregister(self._listener)  # until the next look around
            if not self._stopping.is_set():
                reason = f"没有位置了（{error}）", f"there is no room, {error}"
                warn_of_refusal(self._server._refusals, peer, reason)
            return
        sock.setblocking(False)
        with suppress(OSError):  # it has gone again, which _read() will find out
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        ws = ServerWebSocket(sock, peer, self._server)
        self._selector.register(sock, selectors.EVENT_READ, ws)

    def _read(self, ws: ServerWebSocket) -> None:
        try:
            data = bytes(self._chunk[: ws.socket.recv_into(self._chunk)])
        except BlockingIOError:  # select() was wrong, there is nothing
            return
        except OSError:
            data = b""
        if data:
            ws.receive(data)
        else:
            self._give_up(ws, CUT_OFF)

    def _tick(self) -> None:
        if not self._stopping.is_set() and self._listener not in self._selector.get_map():
            self._selector.register(self._listener, selectors.EVENT_READ)
        for ws in self._connections():
            if reason := ws.check_alive():
                self._give_up(ws, reason)

    def _give_up(self, ws: ServerWebSocket, reason: Bilingual) -> None:
        self._selector.unregister(ws.socket)
        ws.close(reason)
