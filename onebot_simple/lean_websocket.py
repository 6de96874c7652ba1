"""websocket-client 的 WebSocket，但收得更快，并且有大小限制。

The WebSocket of websocket-client, with a receive that costs less and has a limit.
"""

from __future__ import annotations

from typing import Any

from websocket import ABNF, WebSocket, WebSocketProtocolException, recv

MAX_SIZE = 64 * 1024 * 1024  # bytes of one message, whole or in fragments
CHUNK = 128 * 1024  # a hundred events or so: each receive may let another thread go first
FINAL = MASKED = 0x80  # bits of the first and the second byte of a frame
CONTROL = 0x08


class LeanWebSocket(WebSocket):
    """A client's WebSocket that takes many frames from one receive of the socket.

    The original asks the socket three times for each frame, and believes any length.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._arrived = bytearray()  # kept when a timeout comes in the middle of a frame
        self._message_size = 0  # of the fragments so far

    def recv_frame(self) -> ABNF:
        arrived = self._arrived
        self._receive(2)
        first, second = arrived[0], arrived[1]
        start, length = 2, second & ~MASKED
        if length > 125:
            start = 4 if length == 126 else 10
            self._receive(start)
            length = int.from_bytes(arrived[2:start], "big")
        opcode, end = first & 0x0F, start + length
        before = self._message_size if opcode == ABNF.OPCODE_CONT else 0
        _refuse_invalid(first, second, length, before)  # before a byte of it is kept
        if len(arrived) < end:
            self._receive(end)
        data: Any = arrived[start:end]  # a bytearray, to which fragments are added in place
        del arrived[:end]
        if opcode & CONTROL:
            data = bytes(data)
        else:
            self._message_size = before + length
        frame = ABNF(first >> 7, first & 0x40, first & 0x20, first & 0x10, opcode, 0, data)
        frame.validate(skip_utf8_validation=True)
        return frame

    def _receive(self, size: int) -> None:
        while len(self._arrived) < size:
            self._arrived += recv(self.sock, CHUNK)  # type: ignore[arg-type]  # None: it raises


def _refuse_invalid(first: int, second: int, length: int, before: int) -> None:
    """WebSocketProtocolException for what the frame that comes must not be."""
    if second & MASKED:
        raise WebSocketProtocolException("a masked frame")
    if first & CONTROL and (length > 125 or not first & FINAL):
        raise WebSocketProtocolException("a control frame that is too long or in fragments")
    if before + length > MAX_SIZE:
        raise WebSocketProtocolException(f"a message of more than {MAX_SIZE} bytes")
