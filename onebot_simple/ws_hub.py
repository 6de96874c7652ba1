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
ACCEPT_PAUSE = 0.5  # how long nobody is accepted when the system has no file to give
ACCEPTED_AT_ONCE = 100  # connections that are accepted before the others are read again
MAX_CONNECTIONS = 500 if os.name == "nt" else 2000  # select() of Windows takes 512
IPV4_IN_IPV6 = "::ffff:"  # how a socket for both families shows an IPv4 address

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
        self.websockets: set[ServerWebSocket] = set()  # until their sockets are closed
        self._listener = listener
        self._new = new
        self._ping_interval = ping_interval
        self._ping_timeout = ping_timeout
        self._tick = min(TICK_SECONDS, ping_interval, ping_timeout)
        self._selector = selectors.DefaultSelector()
        self._accept_again = 0.0  # when, after the system had no file to give; 0: it has
        self._said_full = False  # a warning is said once, until there is room again
        self._stopping = Flag()
        self._last_moment = 0.0  # when the goodbyes are over
        self._thread = Thread(target=self._serve, name="onebot_simple server", daemon=True)

    def start(self) -> None:
        self._listener.setblocking(False)
        self._selector.register(self._listener, selectors.EVENT_READ)
        try:
            self._thread.start()
        except RuntimeError:  # the system has no thread to give
            self._listener.close()
            self._selector.close()
            raise

    def stop(self) -> None:
        """End all connections with a goodbye that they may answer, and the thread."""
        self._stopping.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread, on some systems
        self._thread.join(TICK_SECONDS + 2 * GOODBYE_SECONDS)

    def _serve(self) -> None:
        next_look = 0.0
        while not self._stopping.is_set():
            protected(self._serve_ready, self._tick)
            if time.monotonic() >= next_look:
                next_look = time.monotonic() + self._tick
                protected(self._look_around)
        self._say_goodbye()
        self._selector.close()

    def _serve_ready(self, seconds: float) -> None:
        if not self._selector.get_map():  # select() of Windows would call that an error
            time.sleep(seconds)
            return
        for key, _ in self._selector.select(seconds):
            if key.data is None:
                self._accept()
            else:
                self._read(key.data)
            if self._last_moment and time.monotonic() > self._last_moment:
                break  # whatever there is still to read

    def _look_around(self) -> None:
        """Ask the silent for a sign of life, and drop those that give none or should be gone."""
        now = time.monotonic()
        if self._accept_again and now >= self._accept_again:
            self._accept_again = 0.0
            self._selector.register(self._listener, selectors.EVENT_READ)
        for websocket in list(self.websockets):
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
        for _ in range(ACCEPTED_AT_ONCE):
            try:
                sock, address = self._listener.accept()
            except BlockingIOError:  # that were all
                return
            except ConnectionError:  # who came has gone again
                continue
            except OSError as error:
                self._pause_accepting(error)
                return
            try:
                self._take_in(sock, address[0].removeprefix(IPV4_IN_IPV6))
            except (OSError, ValueError) as error:  # gone again, or too many for the selector
                log.debug("a connection was not taken: %s", error)
                sock.close()

    def _pause_accepting(self, error: OSError) -> None:
        if self._stopping.is_set():
            return
        self._selector.unregister(self._listener)
        self._accept_again = time.monotonic() + ACCEPT_PAUSE
        self._warn_of_no_room(f"系统不给了：{error}", f"the system has none to give: {error}")

    def _take_in(self, sock: socket.socket, host: str) -> None:
        if len(self.websockets) >= MAX_CONNECTIONS:
            sock.close()
            self._warn_of_no_room(
                f"已经有 {MAX_CONNECTIONS} 个", f"{MAX_CONNECTIONS} are open already"
            )
            return
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        websocket = self._new(sock, host)
        self._selector.register(sock, selectors.EVENT_READ, websocket)
        self.websockets.add(websocket)
        self._said_full = False

    def _warn_of_no_room(self, chinese: str, english: str) -> None:
        if not self._said_full:
            self._said_full = True
            log.warning(
                "暂时无法接受新的连接：%s。是谁在不停地连？ cannot take a connection: %s. "
                "Who keeps connecting?",
                chinese,
                english,
            )

    def _read(self, websocket: ServerWebSocket) -> None:
        try:
            data = websocket.socket.recv(CHUNK)
        except BlockingIOError:  # nothing after all
            return
        except OSError as error:
            self._drop(websocket, websocket.failure or words_of(error))
            return
        if data:
            protected(websocket.receive, data)
            if websocket.is_done:
                self._drop(websocket, CUT_OFF)
        else:
            self._drop(websocket, websocket.failure or CUT_OFF)

    def _drop(self, websocket: ServerWebSocket, reason: Words) -> None:
        self._selector.unregister(websocket.socket)
        self.websockets.discard(websocket)
        websocket.close(reason)

    def _say_goodbye(self) -> None:
        self._last_moment = time.monotonic() + GOODBYE_SECONDS
        if not self._accept_again:
            self._selector.unregister(self._listener)
        self._listener.close()
        for websocket in list(self.websockets):
            if websocket.is_open:
                websocket.say_goodbye(CloseCode.GOING_AWAY, STOPPED)
            elif not websocket.is_over:
                self._drop(websocket, NO_HANDSHAKE)
        while self.websockets and (left := self._last_moment - time.monotonic()) > 0:
            protected(self._serve_ready, left)
        for websocket in list(self.websockets):
            self._drop(websocket, STOPPED)
