"""服务器的所有 WebSocket 连接，都由同一个线程来读。

All WebSocket connections of a server, read by one thread.
"""

from __future__ import annotations

import logging
import os
import selectors
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from threading import Event as Flag
from threading import Thread

from websockets.frames import CloseCode

from .addresses import Words
from .server_websocket import GOODBYE_SECONDS, ServerWebSocket, protected, words_of

log = logging.getLogger("onebot_simple")

CHUNK = 64 * 1024  # bytes that are read at once
TICK_SECONDS = 0.2  # how often the clock is looked at
MAX_CONNECTIONS = 500 if os.name == "nt" else 2000  # select() of Windows takes 512

NO_HANDSHAKE = ("握手没有按时完成", "no handshake in time")
CUT_OFF = ("对方没有告别就断开了", "cut off without a goodbye")
STOPPED = ("机器人停止了", "stopped")


class WebSocketHub:
    """Accepts connections, reads them all on one thread, and gives up those that are silent."""

    def __init__(
        self,
        listener: socket.socket,
        new: Callable[[socket.socket, str], ServerWebSocket],
        ping_interval: float,
        ping_timeout: float,
    ) -> None:
        self._websockets: set[ServerWebSocket] = set()  # until their sockets are closed
        self._listener = listener
        self._new = new
        self._ping_interval = ping_interval
        self._ping_timeout = ping_timeout
        self._selector = selectors.DefaultSelector()
        self._said_full = False  # a warning is said once, until there is room again
        self._stopping = Flag()
        self._thread = Thread(target=self._serve, name="onebot_simple server", daemon=True)

    def start(self) -> None:
        self._listener.setblocking(False)
        self._thread.start()

    def stop(self) -> None:
        """End all connections with a goodbye that they may answer, and the thread."""
        self._stopping.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread, on some systems
        self._thread.join(TICK_SECONDS + 2 * GOODBYE_SECONDS)

    def _serve(self) -> None:
        tick = min(TICK_SECONDS, self._ping_interval, self._ping_timeout)
        next_look = 0.0
        while not self._stopping.is_set():
            if time.monotonic() >= next_look:
                next_look = time.monotonic() + tick
                protected(self._look_around)
            protected(self._serve_ready, tick)
        self._say_goodbye()
        self._selector.close()

    def _serve_ready(self, seconds: float) -> None:
        for key, _ in self._selector.select(seconds):
            if key.data is None:
                self._accept()
            else:
                self._read(key.data)

    def _look_around(self) -> None:
        """Ask the silent for a sign of life, and drop those that give none or should be gone."""
        now = time.monotonic()
        if self._listener not in self._selector.get_map():
            self._selector.register(self._listener, selectors.EVENT_READ)
        for websocket in list(self._websockets):
            websocket.flush()
            if not websocket.is_open:
                if now > websocket.deadline:
                    self._drop(websocket, NO_HANDSHAKE)
            elif websocket.failure:
                self._drop(websocket, websocket.failure)
            elif websocket.is_silent(now, self._ping_interval, self._ping_timeout):
                seconds = f"{now - websocket.heard:.3g}"
                self._drop(websocket, (f"{seconds} 秒没有声音", f"silent for {seconds} s"))

    def _accept(self) -> None:
        try:
            sock, address = self._listener.accept()
        except (BlockingIOError, ConnectionError):  # who came has gone again
            return
        except OSError as error:  # no file is left; the next look around accepts again
            self._selector.unregister(self._listener)
            if not self._stopping.is_set():
                self._warn_of_no_room(f"系统不给了：{error}", f"the system refuses: {error}")
            return
        if len(self._websockets) >= MAX_CONNECTIONS:
            sock.close()
            number = MAX_CONNECTIONS
            self._warn_of_no_room(f"已经有 {number} 个", f"{number} are open already")
            return
        self._said_full = False
        sock.setblocking(False)
        with suppress(OSError):  # it has gone again, which _read() will find out
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        host = address[0].removeprefix("::ffff:")  # so IPv6 shows an IPv4 address
        websocket = self._new(sock, host)
        self._websockets.add(websocket)
        self._selector.register(sock, selectors.EVENT_READ, websocket)

    def _warn_of_no_room(self, chinese: str, english: str) -> None:
        if not self._said_full:
            self._said_full = True
            log.warning(
                f"暂时无法接受新的连接：{chinese}。是谁在不停地连？ "
                f"cannot take a connection: {english}. Who keeps connecting?"
            )

    def _read(self, websocket: ServerWebSocket) -> None:
        try:
            data = websocket.socket.recv(CHUNK)
        except BlockingIOError:  # nothing after all
            return
        except OSError as error:
            self._drop(websocket, words_of(error))
            return
        if data:
            protected(websocket.receive, data)
        if not data or websocket.is_done:
            self._drop(websocket, CUT_OFF)

    def _drop(self, websocket: ServerWebSocket, reason: Words) -> None:
        self._selector.unregister(websocket.socket)
        self._websockets.discard(websocket)
        websocket.close(reason)

    def _say_goodbye(self) -> None:
        deadline = time.monotonic() + GOODBYE_SECONDS
        with suppress(KeyError):  # it is not there when no file was left
            self._selector.unregister(self._listener)
        self._listener.close()
        for websocket in list(self._websockets):
            if websocket.is_open:
                websocket.say_goodbye(CloseCode.GOING_AWAY, STOPPED)
            elif not websocket.is_over:
                self._drop(websocket, NO_HANDSHAKE)
        while self._websockets and (left := deadline - time.monotonic()) > 0:
            protected(self._serve_ready, left)
        for websocket in list(self._websockets):
            self._drop(websocket, STOPPED)
