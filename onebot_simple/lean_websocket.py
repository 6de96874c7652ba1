"""websocket-client 的 WebSocket，但收发都更快，并且有大小限制。

The WebSocket of websocket-client, with a receive that costs less and has a limit, and a send that
costs less.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from socket import SHUT_RDWR, socket
from sys import byteorder
from typing import Any

from websocket import (
    ABNF,
    WebSocket,
    WebSocketConnectionClosedException,
    WebSocketException,
    WebSocketProtocolException,
    WebSocketTimeoutException,
)

from .tls_socket import TlsSocket

MAX_SIZE = 64 * 1024 * 1024  # bytes of one message, whole or in fragments
GOODBYE_SECONDS = 0.05
GOODBYE = (1000).to_bytes(2, "big")
CHUNK = 128 * 1024  # a hundred events or so: each receive may let another thread go first
FINAL = MASKED = 0x80  # bits of the first and the second byte of a frame
CONTROL = 0x08
WHOLE_MESSAGES = (FINAL | ABNF.OPCODE_TEXT, FINAL | ABNF.OPCODE_BINARY)  # first bytes


class LeanWebSocket(WebSocket):
    """A client's WebSocket that takes many frames from one receive of the socket.

    The original asks the socket three times for each frame, and believes any length.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._arrived = bytearray()  # kept when a timeout comes in the middle of a frame
        self._message_size = 0  # of the fragments so far
        self._ping: bytes | None = None  # the last one, until it is answered
        self.patience = 20.0  # seconds in which the other side must take something that is sent
        self.failure = ""  # why we hung up

    def send(self, payload: str | bytes, opcode: int = ABNF.OPCODE_TEXT) -> int:
        """Send one frame; the others that send wait meanwhile."""
        frame = _masked(opcode, payload.encode() if isinstance(payload, str) else payload)
        with self.lock:
            self._send_all(frame)
        self._answer_ping()
        return len(frame)

    def try_ping(self) -> bool:
        """Ask for a sign of life; False when somebody is sending, for whom no reader waits."""
        if not self.lock.acquire(blocking=False):
            return False
        try:
            self._send_all(_masked(ABNF.OPCODE_PING, b""))
        finally:
            self.lock.release()
        self._answer_ping()
        return True

    def pong(self, payload: str | bytes = "") -> None:
        """Answer a ping, at once or by whoever is sending just now."""
        self._ping = payload.encode() if isinstance(payload, str) else payload
        self._answer_ping()

    def send_close(self, *args: Any, **options: Any) -> None:
        """Say goodbye, unless somebody is stuck sending, for whom no reader waits."""
        if self.lock.acquire(timeout=GOODBYE_SECONDS):
            try:
                with suppress(WebSocketException, OSError, ValueError):
                    self._send_all(_masked(ABNF.OPCODE_CLOSE, GOODBYE))
            finally:
                self.lock.release()

    def _answer_ping(self) -> None:
        # looked at again after each release: who found the lock taken has left it to its holder
        while self._ping is not None and self.lock.acquire(blocking=False):
            try:
                ping, self._ping = self._ping, None
                if ping is not None:
                    self._send_all(_masked(ABNF.OPCODE_PONG, ping))
            finally:
                self.lock.release()

    def _send_all(self, frame: bytes) -> None:
        left = memoryview(frame)
        moved = time.monotonic()
        try:
            while left:
                try:
                    left = left[self._open_socket().send(left) :]
                    moved = time.monotonic()
                except TimeoutError as error:  # that of the socket is the reader's
                    if time.monotonic() - moved > self.patience:
                        raise ConnectionError("it does not read what is sent") from error
        except BaseException as error:  # Ctrl+C, too: nothing can follow half a frame
            self.failure = self.failure or str(error) or repr(error)
            cut(self.sock)
            raise

    def recv_data(self, control_frame: bool = False) -> tuple[int, Any]:
        """The opcode and the data of the next message; what comes in one frame has a short way."""
        self._receive(2)
        if self._arrived[0] in WHOLE_MESSAGES and not self.cont_frame.recving_frames:
            first, data = self._next_frame()
            return first & 0x0F, data
        whole: tuple[int, Any] = super().recv_data(control_frame)
        return whole

    def messages(self) -> Iterator[bytearray]:
        """Those that have arrived whole, in one frame of up to 64 KiB; all must be taken."""
        arrived = self._arrived
        begin, size = 0, len(arrived)
        while size - begin >= 4 and arrived[begin] in WHOLE_MESSAGES:
            start, length = begin + 2, arrived[begin + 1]
            if length == 126:
                start, length = begin + 4, arrived[begin + 2] << 8 | arrived[begin + 3]
            elif length > 126:
                break
            end = start + length
            if size < end or length > MAX_SIZE or self.cont_frame.recving_frames:
                break
            yield arrived[start:end]
            begin = end
        del arrived[:begin]

    def recv_frame(self) -> ABNF:
        first, data = self._next_frame()
        opcode = first & 0x0F
        frame = ABNF(first >> 7, first & 0x40, first & 0x20, first & 0x10, opcode, 0, data)
        frame.validate(skip_utf8_validation=True)
        return frame

    def _next_frame(self) -> tuple[int, Any]:
        """The first byte of a frame, and its data."""
        arrived = self._arrived
        self._receive(2)
        first, second = arrived[0], arrived[1]
        start, length = 2, second & ~MASKED
        if length > 125:
            start = 4 if length == 126 else 10
            self._receive(start)
            length = int.from_bytes(arrived[2:start], "big")
        end = start + length
        before = self._message_size if first & 0x0F == ABNF.OPCODE_CONT else 0
        _refuse_invalid(first, second, length, before)  # before a byte of it is kept
        self._receive(end)
        data: Any = arrived[start:end]  # a bytearray, to which fragments are added in place
        del arrived[:end]
        if first & CONTROL:
            return first, bytes(data)
        self._message_size = before + length
        return first, data

    def _receive(self, size: int) -> None:
        while len(self._arrived) < size:
            try:
                data = self._open_socket().recv(CHUNK)
            except TimeoutError as error:
                raise WebSocketTimeoutException("nothing came in time") from error
            if not data:
                raise WebSocketConnectionClosedException(self.failure or "the other side closed it")
            self._arrived += data

    def _open_socket(self) -> socket | TlsSocket:
        if self.sock is None:
            raise WebSocketConnectionClosedException("it is closed already")
        return self.sock


def cut(sock: socket | TlsSocket | None) -> None:
    """Wake everybody who reads from the socket or writes to it."""
    if sock is not None:
        with suppress(OSError):
            sock.shutdown(SHUT_RDWR)


def _masked(opcode: int, data: bytes) -> bytes:
    """The only frame of a message, as a client sends it: section 5.2 of RFC 6455."""
    size = len(data)
    if size < 126:
        head = bytes((FINAL | opcode, MASKED | size))
    elif size < 65536:
        head = bytes((FINAL | opcode, MASKED | 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((FINAL | opcode, MASKED | 127)) + size.to_bytes(8, "big")
    key = os.urandom(4)
    pattern = int.from_bytes((key * (size // 4 + 1))[:size], byteorder)
    return head + key + (int.from_bytes(data, byteorder) ^ pattern).to_bytes(size, byteorder)


def _refuse_invalid(first: int, second: int, length: int, before: int) -> None:
    """WebSocketProtocolException for what the frame that comes must not be."""
    if second & MASKED:
        raise WebSocketProtocolException("a masked frame")
    if first & CONTROL and (length > 125 or not first & FINAL):
        raise WebSocketProtocolException("a control frame that is too long or in fragments")
    if before + length > MAX_SIZE:
        raise WebSocketProtocolException(f"a message of more than {MAX_SIZE} bytes")
