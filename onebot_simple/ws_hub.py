"""服务器的所有 WebSocket 连接，都由同一个线程来读。

All WebSocket connections of a server, read by one thread.
"""

from __future__ import annotations

import logging
import os
import selectors
import socket
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from threading import Event as Flag
from threading import Thread

from websockets.frames import Close, CloseCode, Opcode

from .conversations import Conversations
from .server_websocket import CHUNK, GOODBYE_SECONDS, Over, ServerWebSocket, frame_of

log = logging.getLogger("onebot_simple")

SLICE_SECONDS = 0.2  # how often the clock is looked at
REST_SECONDS = 0.01  # the same, while somebody rests
ACCEPT_PAUSE = 0.5  # when the system has no file to give
AT_ONCE = 100  # connections that are accepted before the others are read again
MAX_CONNECTIONS = 500 if os.name == "nt" else 2000  # select() of Windows takes 512
WORDS_WAIT = "last words and pongs wait for a thread. 线程不够用：是谁在连？"


class WebSocketHub:
    """Accepts connections, reads them all on one thread, and gives up those that are silent.

    What may take long, which is sending, is left to other threads.
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
        self._selector = selectors.DefaultSelector()
        self._resting: dict[ServerWebSocket | None, float] = {}  # until when; None: the listener
        self._buffer = memoryview(bytearray(CHUNK))
        self._words = Conversations("onebot_simple connection", WORDS_WAIT)
        self._stopping = Flag()
        self._thread = Thread(target=self._serve, name="onebot_simple server", daemon=True)

    def start(self) -> None:
        self._listener.setblocking(False)
        self._thread.start()

    def stop(self) -> None:
        """End all connections, with a word that they may answer, and the threads."""
        self._stopping.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread, on some systems
        self._thread.join(SLICE_SECONDS + 2 * GOODBYE_SECONDS)
        self._words.end(GOODBYE_SECONDS)
        for websocket in list(self.websockets):
            websocket.finish(b"")

    def _serve(self) -> None:
        self._watch(None)
        tick = min(SLICE_SECONDS, self._ping_interval, self._ping_timeout)
        look_at = 0.0
        while not self._stopping.is_set():
            try:
                self._serve_ready(REST_SECONDS if self._resting else tick)
                now = time.monotonic()
                self._wake_rested(now)
                if now >= look_at:
                    look_at = now + tick
                    self._look_around(now)
            except Exception:  # whatever it is, the server must not go deaf without a word
                log.exception("the server failed. 服务器出错了，继续运行。")
                time.sleep(REST_SECONDS)
        self._say_goodbye()
        self._selector.close()

    def _watch(self, websocket: ServerWebSocket | None) -> None:
        sock = websocket.socket if websocket is not None else self._listener
        self._selector.register(sock, selectors.EVENT_READ, websocket)

    def _rest(self, websocket: ServerWebSocket | None, seconds: float) -> None:
        self._selector.unregister(websocket.socket if websocket is not None else self._listener)
        self._resting[websocket] = time.monotonic() + seconds

    def _serve_ready(self, seconds: float) -> None:
        if not self._selector.get_map():  # which select() of Windows takes for an error
            time.sleep(seconds)
            return
        for key, _ in self._selector.select(seconds):
            if key.data is None:
                self._accept()
            else:
                self._read(key.data)

    def _accept(self) -> None:
        for _ in range(AT_ONCE):
            try:
                sock, address = self._listener.accept()
            except BlockingIOError:  # that were all
                return
            except OSError as error:
                if not self._stopping.is_set():
                    log.warning("cannot take a connection: %s. 暂时无法接受连接。", error)
                self._rest(None, ACCEPT_PAUSE)
                return
            try:
                self._take_in(sock, address[0])
            except OSError:  # who came has gone again
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
        websocket.later = partial(self._words.put, websocket)
        self.websockets.add(websocket)
        self._watch(websocket)

    def _read(self, websocket: ServerWebSocket) -> None:
        try:
            size = websocket.socket.recv_into(self._buffer)
            if size == 0:
                raise Over("cut off without a goodbye")
            websocket.heard = time.monotonic()
            pause = websocket.receive(self._buffer[:size])
        except Over as over:
            self._end(websocket, over.reason, over.last)
        except OSError as error:
            self._end(websocket, error)
        except Exception:
            log.exception("a connection failed. 处理连接时出错，服务器继续运行。")
            self._end(websocket, "it failed")
        else:
            if pause:
                self._rest(websocket, pause)

    def _wake_rested(self, now: float) -> None:
        for websocket, until in list(self._resting.items()):
            if now >= until:
                del self._resting[websocket]
                self._watch(websocket)

    def _look_around(self, now: float) -> None:
        """Ask the silent for a sign of life, and give up those who give none."""
        for websocket in self._live():
            silent = now - websocket.heard
            waiting = websocket.pinged > websocket.heard
            if not websocket.is_open:
                if now > websocket.deadline:
                    self._end(websocket, "no handshake in time")
            elif waiting and now - websocket.pinged > self._ping_timeout:
                self._end(websocket, f"silent for {silent:.3g} s")
            elif not waiting and silent > self._ping_interval:
                websocket.pinged = now
                websocket.later(partial(websocket.say, frame_of(Opcode.PING, b"")))

    def _live(self) -> list[ServerWebSocket]:
        return [websocket for websocket in list(self.websockets) if not websocket.is_over]

    def _end(self, websocket: ServerWebSocket, reason: object, last: bytes = b"") -> None:
        websocket.is_over = True
        if self._resting.pop(websocket, None) is None:
            self._selector.unregister(websocket.socket)
        if not last:
            websocket.hang_up()  # frees who is stuck sending
        if websocket.is_open:
            websocket.is_open = False
            try:
                websocket.closed("stopped" if self._stopping.is_set() else reason)
            except Exception:
                log.exception("the end of a connection failed. 处理断开时出错，服务器继续运行。")
        websocket.later(partial(self._finish, websocket, last))

    def _finish(self, websocket: ServerWebSocket, last: bytes) -> None:
        websocket.finish(last)
        self.websockets.discard(websocket)

    def _say_goodbye(self) -> None:
        if None not in self._resting:
            self._selector.unregister(self._listener)
        self._listener.close()
        goodbye = frame_of(Opcode.CLOSE, Close(CloseCode.GOING_AWAY, "").serialize())
        for websocket in self._live():
            if websocket.is_open:
                websocket.later(partial(websocket.say, goodbye, is_last=True))
            else:
                self._end(websocket, "no handshake in time")
        deadline = time.monotonic() + GOODBYE_SECONDS
        while self._live() and (left := deadline - time.monotonic()) > 0:
            self._serve_ready(left)
        for websocket in self._live():
            self._end(websocket, "stopped")
        for websocket in list(self.websockets):  # who is stuck with its last word
            websocket.hang_up()


def _limit_sending(sock: socket.socket, seconds: float) -> None:
    """A peer that reads nothing must not hold a sender, and the lock it has, for ever."""
    milliseconds = int(seconds * 1000) or 1
    if os.name == "nt":
        limit = struct.pack("I", milliseconds)
    else:
        limit = struct.pack("ll", milliseconds // 1000, milliseconds % 1000 * 1000)
    with suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
