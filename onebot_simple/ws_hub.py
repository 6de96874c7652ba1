"""服务器的所有 WebSocket 连接，都由同一个线程来读。

All WebSocket connections of a server, read by one thread.
"""

from __future__ import annotations

import logging
import math
import os
import selectors
import socket
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from threading import Event as Flag
from threading import Thread

from websockets.frames import Close, CloseCode, Opcode

from .conversations import Conversations
from .server_websocket import CHUNK, GOODBYE_SECONDS, Over, ServerWebSocket, frame_of

log = logging.getLogger("onebot_simple")

SLICE_SECONDS = 0.2  # how often the clock is looked at
SHORT_SLICE_SECONDS = 0.01  # and how often while somebody rests
ACCEPT_PAUSE = 0.5  # when the system has no file to give, or something else is amiss
AT_ONCE = 100  # connections that are accepted before the others are read again
MAX_CONNECTIONS = 500 if os.name == "nt" else 2000  # select() of Windows takes 512


class WebSocketHub:
    """Accepts connections, reads them all on one thread, and gives up those that are silent.

    Sending may take long, and is left to other threads.
    """

    def __init__(
        self,
        listener: socket.socket,
        new: Callable[[socket.socket, str], ServerWebSocket],
        ping_interval: float,
        ping_timeout: float,
        complain: Callable[[str, object], None],
    ) -> None:
        self.websockets: set[ServerWebSocket] = set()  # until their sockets are closed
        self._listener = listener
        self._new = new
        self._ping_interval = ping_interval
        self._ping_timeout = ping_timeout
        self._complain = complain
        self._words = Conversations()
        self._selector = selectors.DefaultSelector()
        self._resting: dict[ServerWebSocket | None, float] = {}  # until when; None: the listener
        self._full = False  # whether the system had no file to give, the last time
        self._buffer = memoryview(bytearray(CHUNK))
        self._stopping = Flag()
        self._last_moment = 0.0  # once it is stopping
        self._thread = Thread(target=self._serve, name="onebot_simple server", daemon=True)

    def start(self) -> None:
        self._listener.setblocking(False)
        self._watch(None)
        try:
            self._thread.start()
        except RuntimeError:
            self._listener.close()
            self._selector.close()
            raise

    def stop(self) -> None:
        """End all connections, with a word that they may answer, and the threads."""
        self._stopping.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread, on some systems
        self._thread.join(SLICE_SECONDS + 2 * GOODBYE_SECONDS)
        self._words.end(GOODBYE_SECONDS)

    def _serve(self) -> None:
        tick = min(SLICE_SECONDS, self._ping_interval, self._ping_timeout)
        look_at = 0.0
        while not self._stopping.is_set():
            try:
                self._serve_ready(SHORT_SLICE_SECONDS if self._resting else tick)
                now = time.monotonic()
                self._wake_rested(now)
                if now >= look_at:
                    look_at = now + tick
                    self._look_around(now)
            except Exception:  # whatever it is, the server must not go deaf without a word
                log.exception("the server failed. 服务器出错了，继续运行。")
                self._stopping.wait(ACCEPT_PAUSE)
        self._say_goodbye()
        self._selector.close()

    def _say_goodbye(self) -> None:
        self._last_moment = time.monotonic() + GOODBYE_SECONDS
        self._wake_rested(math.inf)
        self._selector.unregister(self._listener)
        self._listener.close()
        goodbye = frame_of(Opcode.CLOSE, Close(CloseCode.GOING_AWAY, "").serialize())
        for websocket in list(self.websockets):
            if websocket.is_open:
                self._words.put(websocket, websocket.say_goodbye, goodbye)
            elif not websocket.is_over:
                self._drop(websocket, "no handshake in time")
        while self.websockets and (left := self._last_moment - time.monotonic()) > 0:
            self._serve_ready(left)
        for websocket in list(self.websockets):
            self._drop(websocket, "stopped")

    # -- who is read, and when ----------------------------------------------------------------

    def _socket_of(self, websocket: ServerWebSocket | None) -> socket.socket:
        return self._listener if websocket is None else websocket.socket

    def _watch(self, websocket: ServerWebSocket | None) -> None:
        self._selector.register(self._socket_of(websocket), selectors.EVENT_READ, websocket)

    def _rest(self, websocket: ServerWebSocket | None, seconds: float) -> None:
        self._selector.unregister(self._socket_of(websocket))
        self._resting[websocket] = time.monotonic() + seconds

    def _wake_rested(self, now: float) -> None:
        for websocket, until in list(self._resting.items()):
            if now >= until:
                self._watch(websocket)
                del self._resting[websocket]

    def _serve_ready(self, seconds: float) -> None:
        if not self._selector.get_map():  # which select() of Windows takes for an error
            time.sleep(seconds)
            return
        for key, _ in self._selector.select(seconds):
            if key.data is None:
                self._accept()
            else:
                self._read(key.data)
            if self._stopping.is_set() and time.monotonic() > self._last_moment:
                break  # whatever there is still to be read

    def _look_around(self, now: float) -> None:
        """Ask the silent for a sign of life, and drop who gives none, or should have gone."""
        for websocket in list(self.websockets):
            if websocket.failure:
                self._drop(websocket, websocket.failure)
            elif not websocket.is_open:
                if now > websocket.deadline:  # or it was told goodbye, and stays
                    self._drop(websocket, "no handshake in time")
            elif websocket.look_after(now, self._ping_interval, self._ping_timeout):
                self._drop(websocket, f"silent for {now - websocket.heard:.3g} s")
            self._find_threads(websocket)

    # -- one connection, from its beginning to its end ----------------------------------------

    def _accept(self) -> None:
        for _ in range(AT_ONCE):
            try:
                sock, address = self._listener.accept()
            except BlockingIOError:  # that were all
                return
            except ConnectionError:  # who came has gone again
                continue
            except OSError as error:
                if not self._full and not self._stopping.is_set():
                    log.warning("cannot take a connection: %s. 暂时无法接受连接。", error)
                self._full = True
                self._rest(None, ACCEPT_PAUSE)
                return
            self._full = False
            try:
                self._take_in(sock, address[0])
            except (OSError, ValueError) as error:  # gone again, or too many for the selector
                log.debug("a connection was not taken: %s", error)
                sock.close()

    def _take_in(self, sock: socket.socket, host: str) -> None:
        if len(self.websockets) >= MAX_CONNECTIONS:
            self._complain("a connection", f"{len(self.websockets)} are open already")
            sock.close()
            return
        sock.setblocking(True)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        _limit_sending(sock, self._ping_timeout)
        websocket = self._new(sock, host)
        self._watch(websocket)
        self.websockets.add(websocket)

    def _read(self, websocket: ServerWebSocket) -> None:
        try:
            size = websocket.socket.recv_into(self._buffer)
            if size == 0:
                self._drop(websocket, websocket.failure or "cut off without a goodbye")
            elif not websocket.is_over:  # else it said goodbye, and this is left over
                pause = websocket.receive(self._buffer[:size])
                self._find_threads(websocket)
                if pause:
                    self._rest(websocket, pause)
        except Over as over:
            self._end(websocket, over.reason, over.last)
        except OSError as error:
            self._drop(websocket, websocket.failure or error)
        except Exception:
            log.exception("a connection failed. 处理连接时出错，服务器继续运行。")
            self._drop(websocket, "it failed")

    def _find_threads(self, websocket: ServerWebSocket) -> None:
        while websocket.to_do:
            self._words.put(websocket, websocket.to_do.pop(0))

    def _end(self, websocket: ServerWebSocket, reason: object, last: bytes) -> None:
        """Say the last word; the other side has a moment to hang up.

        When a socket is closed with something unread, some systems take the last word back.
        """
        if not last or websocket.is_sending:  # who is stuck sending must not have to wait
            self._drop(websocket, reason)
            return
        websocket.end("stopped" if self._stopping.is_set() else reason)
        self._words.put(websocket, websocket.say_goodbye, last)

    def _drop(self, websocket: ServerWebSocket, reason: object) -> None:
        if self._resting.pop(websocket, None) is None:
            self._selector.unregister(websocket.socket)
        self.websockets.discard(websocket)
        websocket.hang_up(str(reason))
        websocket.end("stopped" if self._stopping.is_set() else reason)
        if not websocket.is_sending or not self._words.put(websocket, websocket.close):
            websocket.close()


def _limit_sending(sock: socket.socket, seconds: float) -> None:
    """A peer that reads nothing must not hold a sender, and the lock it has, for ever."""
    milliseconds = int(seconds * 1000) or 1
    parts = divmod(milliseconds * 1000, 1_000_000)  # a timeval: seconds, microseconds
    layouts = [("I", [milliseconds])] if os.name == "nt" else [("ll", parts), ("qq", parts)]
    for layout, values in layouts:  # the last is that of 32-bit systems with a clock for 2038
        with suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack(layout, *values))
            return
