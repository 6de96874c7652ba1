"""服务器一侧的一条 WebSocket 连接：握手，收到的帧，发出的帧。

One WebSocket connection on the server's side: its handshake, the frames in and out.
"""

from __future__ import annotations

import logging
import socket
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from threading import Lock

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

log = logging.getLogger("onebot_simple")
wire_log = logging.getLogger("onebot_simple.websockets")
wire_log.setLevel(logging.CRITICAL)  # what matters of a refused handshake is said by the server

HANDSHAKE_SECONDS = 10
GOODBYE_SECONDS = 0.4  # in which the other side may answer a goodbye, or hang up
MAX_SIZE = 64 * 1024 * 1024  # bytes of one message, whole or in fragments
MAX_HEAD = 16 * 1024  # bytes of a handshake
CHUNK = 64 * 1024

END_OF_HEAD = b"\r\n\r\n"
FINAL = MASKED = 0x80  # bits of the first and the second byte of a frame
RESERVED = 0x70
CONTROL = 0x08
OPCODES = frozenset(Opcode)
WHOLE = (FINAL | Opcode.TEXT, FINAL | Opcode.BINARY)  # a message in one frame


class Over(Exception):
    """The connection ends, for this reason, and after this last word."""

    def __init__(self, reason: object, last: bytes = b"") -> None:
        super().__init__(reason)
        self.reason = reason
        self.last = last


class ServerWebSocket(ABC):
    """One connection; a subclass says who may come in, and takes what arrives.

    What sends and hangs up may be called from any thread, all else by the hub's only.
    """

    def __init__(self, sock: socket.socket, host: str) -> None:
        self.socket = sock
        self.host = host
        self.heard = time.monotonic()  # when something arrived last, be it a part of a frame
        self.deadline = self.heard + HANDSHAKE_SECONDS  # of the handshake, and of the goodbye
        self.request: Request | None = None
        self.response: Response | None = None
        self.unreadable: Exception | None = None  # why the handshake is none
        self.is_open = False  # from the handshake to the end
        self.is_over = False  # nothing that arrives is taken any more
        self.failure = ""  # why we hung up
        self.to_do: list[Callable[[], None]] = []  # for the hub, which finds a thread for it
        self._protocol: ServerProtocol | None = ServerProtocol(logger=wire_log)
        self._arrived = bytearray()
        self._fragments: bytearray | None = None  # the message so far
        self._pinged = 0.0  # when a sign of life was asked for
        self._asking = False  # it is about to be
        self._ping = b""  # the last one that came
        self._ponging = False  # its answer is on its way
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
        self._write(frame_of(Opcode.TEXT, text.encode()))

    def _write(self, frame: bytes, *, is_last: bool = False) -> float:
        """Send a frame when it is its turn; when that was."""
        with self._sending:
            if self._said_goodbye:
                raise ConnectionError("it was closed")
            self._said_goodbye = is_last
            began = time.monotonic()
            try:
                self.socket.sendall(frame)
                if is_last:
                    self.socket.shutdown(socket.SHUT_WR)
            except BaseException as error:  # Ctrl+C, too: nothing can follow half a frame
                slow = isinstance(error, (BlockingIOError, TimeoutError))  # see _limit_sending
                self.hang_up("it does not read what is sent" if slow else repr(error))
                if isinstance(error, OSError):
                    raise ConnectionError(self.failure) from error
                raise
            return began

    def say_goodbye(self, frame: bytes) -> None:
        """Send what is to be the last."""
        with suppress(OSError):
            self._write(frame, is_last=True)

    def hang_up(self, failure: str) -> None:
        self.failure = self.failure or failure
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)

    @property
    def is_sending(self) -> bool:
        return self._sending.locked()

    def close(self) -> None:
        """Close the socket; to be called after `hang_up`, which ends what is being sent."""
        with self._sending:  # else its number could be another connection's before that is seen
            self._said_goodbye = True
            self.socket.close()

    def look_after(self, now: float, interval: float, timeout: float) -> bool:
        """Whether it is silent for too long; it is asked for a sign of life before."""
        if self._pinged > self.heard:
            return now - self._pinged > timeout
        if now - self.heard > interval and not self._asking:
            self._asking = True
            self.to_do.append(self._say_ping)
        return False

    def _say_ping(self) -> None:
        with suppress(OSError):
            self._pinged = self._write(frame_of(Opcode.PING, b""))  # the answer may be there by now
        self._asking = False

    def _say_pong(self) -> None:
        self._ponging = False  # before the ping is looked at: a later one is answered again
        with suppress(OSError):
            self._write(frame_of(Opcode.PONG, self._ping))

    # -- in -----------------------------------------------------------------------------------

    def receive(self, data: memoryview) -> float:
        """Take what arrived; for how many seconds no more should be read. Over at the end."""
        self.heard = time.monotonic()
        self._arrived += data
        if self._protocol is not None and not self._shake_hands(self._protocol, data):
            return 0.0
        return self._take_frames()

    def _shake_hands(self, protocol: ServerProtocol, data: memoryview) -> bool:
        """Whether the handshake is over."""
        _, found, after = self._arrived.partition(END_OF_HEAD)
        if not found and len(self._arrived) > MAX_HEAD:
            raise Over("refused")
        protocol.receive_data(bytes(data[: len(data) - len(after)]))  # frames are our own matter
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
            raise Over("refused", answer)
        return False

    def _take_frames(self) -> float:
        """Take the frames that have arrived whole."""
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
        """Over for what the frame that comes must not be, before more of it is kept."""
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
            if opcode == Opcode.PING:
                self._ping = data
                if not self._ponging:  # of pings that come too fast, the last is answered
                    self._ponging = True
                    self.to_do.append(self._say_pong)
            return None
        self._fragments = self._fragments or bytearray()
        self._fragments += data
        if not first & FINAL:
            return None
        message, self._fragments = bytes(self._fragments), None
        return message

    def _goodbye(self, data: bytes) -> Over:
        try:
            reason = f"OneBot closed it ({Close.parse(data)})"
        except (ProtocolError, UnicodeDecodeError):
            return _refused(CloseCode.PROTOCOL_ERROR, "a close frame that is none")
        return Over(reason, b"" if self._said_goodbye else frame_of(Opcode.CLOSE, data))

    def end(self, reason: object) -> None:
        """Take nothing any more."""
        self.is_over = True
        self.deadline = time.monotonic() + GOODBYE_SECONDS
        self._arrived, self._fragments = bytearray(), None  # which may be large
        if self.is_open:
            self.is_open = False
            try:
                self.closed(reason)
            except Exception:
                log.exception("the end of a connection failed. 处理断开时出错，服务器继续运行。")

    def _take(self, message: bytes) -> float:
        try:
            return self.take(message)
        except Exception:
            log.exception("a message was not taken. 有一条消息没能处理，继续运行。")
            return 0.0


def frame_of(opcode: Opcode, data: bytes) -> bytes:
    return Frame(opcode, data).serialize(mask=False)


def _refused(code: CloseCode, reason: str) -> Over:
    return Over(f"{reason} ({code:d})", frame_of(Opcode.CLOSE, Close(code, "").serialize()))
