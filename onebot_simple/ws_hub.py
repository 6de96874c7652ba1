"""服务器一侧的所有 WebSocket 连接，都由同一个线程来读。

All WebSocket connections of a server, read by one thread.
"""

from __future__ import annotations

import logging
import os
import selectors
import socket
import struct
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from threading import Event as Flag
from threading import Lock, Thread

from websockets.exceptions import ProtocolError
from websockets.frames import (  # type: ignore[attr-defined]  # the C function, or a slower one
    Close,
    CloseCode,
    Frame,
    Opcode,
    apply_mask,
)
from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.server import ServerProtocol

from .conversations import Conversations

log = logging.getLogger("onebot_simple")
wire_log = logging.getLogger("onebot_simple.websockets")
wire_log.setLevel(logging.CRITICAL)  # what matters of a refused handshake is said by the server

HANDSHAKE_SECONDS = 10
GOODBYE_SECONDS = 0.4  # for a last word, and again for the other side to hang up
SLICE_SECONDS = 0.2  # how often the clock is looked at
REST_SECONDS = 0.01  # the same, while somebody rests
ACCEPT_PAUSE = 0.5  # when the system has no file to give
MAX_CONNECTIONS = 500 if os.name == "nt" else 2000  # select() of Windows takes 512
MAX_SIZE = 64 * 1024 * 1024  # bytes of one message, whole or in fragments
MAX_PONGS = 10  # that wait to be sent
CHUNK = 64 * 1024
AT_ONCE = 100  # connections that are accepted before the others are read again
WORDS_WAIT = "last words and pongs wait for a thread. 线程不够用：是谁在连？"

END_OF_HEAD = b"\r\n\r\n"
FINAL = MASKED = 0x80  # bits of the first and the second byte of a frame
RESERVED = 0x70
CONTROL = 0x08
OPCODES = frozenset(Opcode)
WHOLE = (FINAL | Opcode.TEXT, FINAL | Opcode.BINARY)  # a message in one frame


class _Over(Exception):
    """The connection ends, for this reason, and after this last word."""

    def __init__(self, reason: object, last: bytes = b"") -> None:
        super().__init__(reason)
        self.reason = reason
        self.last = last


class ServerWebSocket(ABC):
    """One connection; a subclass says who may come in, and takes what arrives.

    `send`, `say`, `hang_up` and `finish` may be called from any thread, all else by the hub only.
    """

    def __init__(self, sock: socket.socket, host: str) -> None:
        self.socket = sock
        self.host = host
        self.heard = time.monotonic()  # when something arrived last, be it a part of a frame
        self.pinged = 0.0  # when a sign of life was asked for
        self.deadline = self.heard + HANDSHAKE_SECONDS
        self.request: Request | None = None
        self.response: Response | None = None
        self.unreadable: Exception | None = None  # why the handshake is none
        self.is_open = False  # from the handshake to the end
        self.is_over = False
        self.later: Callable[[Callable[[], None]], object] = lambda job: None  # see the hub
        self._pongs: deque[bytes] = deque()  # that are to be sent
        self._protocol: ServerProtocol | None = ServerProtocol(logger=wire_log)
        self._arrived = bytearray()
        self._fragments: bytearray | None = None  # the message so far
        self._sending = Lock()  # held while a frame is sent, and to change the next
        self._said_goodbye = False  # no frame may follow

    # -- what a subclass says -----------------------------------------------------------------

    @abstractmethod
    def refusal(self, request: Request, reject: Callable[[int, str], Response]) -> Response | None:
        """The answer to a handshake that is not welcome."""

    @abstractmethod
    def opened(self) -> None:
        """The handshake is over."""

    @abstractmethod
    def take(self, message: bytes) -> float:
        """Take a message; for how many seconds no more should be read."""

    @abstractmethod
    def closed(self, reason: object) -> None:
        """No more messages come."""

    # -- out ----------------------------------------------------------------------------------

    def send(self, text: str) -> None:
        """Send a text message; OSError when that is not possible any more."""
        frame = _frame(Opcode.TEXT, text.encode())
        with self._sending:
            self._write(frame)

    def say(self, frame: bytes, *, is_last: bool = False) -> None:
        """Send a control frame, but do not wait long for somebody who is stuck sending."""
        if self._sending.acquire(timeout=GOODBYE_SECONDS):
            try:
                with suppress(OSError):
                    self._write(frame)
                self._said_goodbye = self._said_goodbye or is_last
            finally:
                self._sending.release()

    def _say_pong(self) -> None:
        self.say(_frame(Opcode.PONG, self._pongs.popleft()))

    def _write(self, frame: bytes) -> None:
        if self._said_goodbye:
            raise ConnectionError("it was closed")
        try:
            self.socket.sendall(frame)
        except OSError:
            self.hang_up()  # half a frame may be on the wire: nothing can follow it
            raise

    def hang_up(self) -> None:
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)

    def finish(self, last: bytes) -> None:
        """Say the last word, let the other side hang up, and close the socket."""
        if last:
            self.say(last, is_last=True)
            with suppress(OSError):
                self.socket.shutdown(socket.SHUT_WR)
                self.socket.settimeout(GOODBYE_SECONDS)
                deadline = time.monotonic() + GOODBYE_SECONDS
                while time.monotonic() < deadline and self.socket.recv(CHUNK):
                    pass  # some systems take the word back when something is unread at the end
        self.hang_up()  # wakes whoever is sending
        with self._sending:
            self._said_goodbye = True
            self.socket.close()

    # -- in -----------------------------------------------------------------------------------

    def receive(self, data: memoryview) -> float:
        """Take what arrived; for how many seconds no more should be read. _Over at the end."""
        self._arrived += data
        if self._protocol is not None and not self._shake_hands(self._protocol, data):
            return 0.0
        return self._take_frames()

    def _shake_hands(self, protocol: ServerProtocol, data: memoryview) -> bool:
        """Whether the handshake is over."""
        before, found, after = self._arrived.partition(END_OF_HEAD)
        protocol.receive_data(bytes(data[: len(data) - len(after)]))
        for request in protocol.events_received():
            assert isinstance(request, Request)
            self.request = request
            self.response = self.refusal(request, protocol.reject) or protocol.accept(request)
            protocol.send_response(self.response)
        answer = b"".join(protocol.data_to_send())
        if protocol.state is State.OPEN:
            self.socket.sendall(answer)  # so little always fits into the buffer of a new socket
            self._protocol, self._arrived = None, after
            self.is_open = True
            self.opened()
            return True
        self.unreadable = protocol.handshake_exc if self.response is None else None
        if self.response is not None or self.unreadable is not None or found:
            raise _Over("refused", answer)
        return False

    def _take_frames(self) -> float:
        """Take the whole frames, whose every byte but one in ten thousand is a message's."""
        arrived = self._arrived
        begin, size, pause = 0, len(arrived), 0.0
        while size - begin >= 2:
            first, second = arrived[begin], arrived[begin + 1]
            start, length = begin + 6, second & ~MASKED
            if length > 125:
                start += 2 if length == 126 else 8
                if size < start:
                    break
                length = int.from_bytes(arrived[begin + 2 : start - 4], "big")
            is_usual = first in WHOLE and second & MASKED and self._fragments is None
            if not is_usual or length > MAX_SIZE:
                self._refuse_invalid(first, second, length)
            end = start + length
            if size < end:
                break
            data = apply_mask(arrived[start:end], bytes(arrived[start - 4 : start]))
            begin = end
            message = data if is_usual else self._message(first, data)
            if message is not None:
                pause = max(pause, self._take(message))
        del arrived[:begin]
        return pause

    def _refuse_invalid(self, first: int, second: int, length: int) -> None:
        """_Over for what the frame that comes must not be, before more of it is kept."""
        opcode = first & 0x0F
        before = self._fragments
        if not second & MASKED or first & RESERVED or opcode not in OPCODES:
            raise _refused(CloseCode.PROTOCOL_ERROR, "a frame that is not masked, or of no kind")
        if opcode & CONTROL:
            if length > 125 or not first & FINAL:
                raise _refused(CloseCode.PROTOCOL_ERROR, "a control frame that is too long")
        elif (opcode == Opcode.CONT) != (before is not None):
            raise _refused(CloseCode.PROTOCOL_ERROR, "fragments that do not fit together")
        elif length + len(before or b"") > MAX_SIZE:
            raise _refused(CloseCode.MESSAGE_TOO_BIG, f"a message of more than {MAX_SIZE} bytes")

    def _message(self, first: int, data: bytes) -> bytes | None:
        """The message that a control frame or a fragment completes, if it does."""
        opcode = first & 0x0F
        if opcode == Opcode.CLOSE:
            raise self._goodbye(data)
        if opcode & CONTROL:
            if opcode == Opcode.PING and len(self._pongs) < MAX_PONGS:
                self._pongs.append(data)
                self.later(self._say_pong)
            return None
        self._fragments = self._fragments or bytearray()
        self._fragments += data
        if not first & FINAL:
            return None
        message, self._fragments = bytes(self._fragments), None
        return message

    def _goodbye(self, data: bytes) -> _Over:
        try:
            reason = f"OneBot closed it ({Close.parse(data)})"
        except (ProtocolError, UnicodeDecodeError):
            return _refused(CloseCode.PROTOCOL_ERROR, "a close frame that is none")
        return _Over(reason, _frame(Opcode.CLOSE, data))

    def _take(self, message: bytes) -> float:
        try:
            return self.take(message)
        except Exception:
            log.exception("a message was not taken. 有一条消息没能处理，继续运行。")
            return 0.0


def _frame(opcode: Opcode, data: bytes) -> bytes:
    return Frame(opcode, data).serialize(mask=False)


def _refused(code: CloseCode, reason: str) -> _Over:
    return _Over(f"{reason} ({code:d})", _frame(Opcode.CLOSE, Close(code, "").serialize()))


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
                raise _Over("cut off without a goodbye")
            websocket.heard = time.monotonic()
            pause = websocket.receive(self._buffer[:size])
        except _Over as over:
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
                websocket.later(partial(websocket.say, _frame(Opcode.PING, b"")))

    def _live(self) -> list[ServerWebSocket]:
        return [websocket for websocket in list(self.websockets) if not websocket.is_over]

    def _end(self, websocket: ServerWebSocket, reason: object, last: bytes = b"") -> None:
        websocket.is_over = True
        if self._resting.pop(websocket, None) is None:
            self._selector.unregister(websocket.socket)
        if not last:
            websocket.hang_up()  # frees who is stuck sending
        try:
            if websocket.is_open:
                websocket.is_open = False
                websocket.closed("stopped" if self._stopping.is_set() else reason)
        finally:
            websocket.later(partial(self._finish, websocket, last))

    def _finish(self, websocket: ServerWebSocket, last: bytes) -> None:
        websocket.finish(last)
        self.websockets.discard(websocket)

    def _say_goodbye(self) -> None:
        if None not in self._resting:
            self._selector.unregister(self._listener)
        self._listener.close()
        goodbye = _frame(Opcode.CLOSE, Close(CloseCode.GOING_AWAY, "").serialize())
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
