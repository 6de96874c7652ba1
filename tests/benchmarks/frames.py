"""WebSocket frames and handshakes by hand, and the events that the benchmarks send."""

from __future__ import annotations

import json
import os
import socket
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha1
from typing import Any

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, CLOSE, PING = 0x1, 0x8, 0x9
LOGIN = "/login/"  # the path of a server that first asks whose account it is
GROUPS = 20  # how many conversations the events belong to
SAID = "今天天气不错，我们去公园散步，然后一起吃饭。" * 6


def event(number: int, self_id: int = 10001) -> dict[str, Any]:
    """A group message as NapCat sends it, 1.1 KB with Chinese text, in array format."""
    return {
        "self_id": self_id,
        "user_id": 20002,
        "time": 1700000000,
        "message_id": number,
        "message_seq": number,
        "real_id": number,
        "real_seq": str(number),
        "message_type": "group",
        "sender": {"user_id": 20002, "nickname": "小明", "card": "", "role": "member"},
        "raw_message": SAID,
        "font": 14,
        "sub_type": "normal",
        "message": [{"type": "text", "data": {"text": SAID}}],
        "message_format": "array",
        "post_type": "message",
        "group_id": 30000 + number % GROUPS,
        "group_name": "测试群",
    }


def greeting(self_id: int = 10001) -> dict[str, Any]:
    return {
        "self_id": self_id,
        "time": 1700000000,
        "post_type": "meta_event",
        "meta_event_type": "lifecycle",
        "sub_type": "connect",
    }


def dump(content: object) -> bytes:
    """JSON as NapCat writes it: UTF-8, no spaces."""
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


def frame(data: bytes, opcode: int = TEXT, masked: bool = False) -> bytes:
    size, bit = len(data), 0x80 if masked else 0
    head = bytes([0x80 | opcode])
    if size < 126:
        head += bytes([bit | size])
    elif size < 65536:
        head += bytes([bit | 126]) + size.to_bytes(2, "big")
    else:
        head += bytes([bit | 127]) + size.to_bytes(8, "big")
    if not masked:
        return head + data
    key = os.urandom(4)
    return head + key + mask(key, data)


def mask(key: bytes, data: bytes) -> bytes:
    size = len(data)
    pattern = (key * (size // 4 + 1))[:size]
    mixed = int.from_bytes(data, "little") ^ int.from_bytes(pattern, "little")
    return mixed.to_bytes(size, "little")


def frames_in(buffer: bytearray) -> Iterator[tuple[int, bytes]]:
    """Take the whole frames out of the buffer: (opcode, data), unmasked."""
    while len(buffer) >= 2:
        size, start = buffer[1] & 0x7F, 2
        if size > 125:
            start = 4 if size == 126 else 10
            if len(buffer) < start:
                return
            size = int.from_bytes(buffer[2:start], "big")
        masked = buffer[1] & 0x80
        if masked:
            start += 4
        end = start + size
        if len(buffer) < end:
            return
        opcode, data = buffer[0] & 0x0F, bytes(memoryview(buffer)[start:end])
        if masked:
            data = mask(bytes(buffer[start - 4 : start]), data)
        del buffer[:end]
        yield opcode, data


def frames(sock: socket.socket) -> Iterator[tuple[int, bytes]]:
    """The frames that arrive, until the connection ends."""
    buffer = bytearray()
    while received := sock.recv(128 * 1024):
        buffer += received
        yield from frames_in(buffer)


def connect(host: str, port: int, path: str = "/", headers: str = "") -> socket.socket:
    """A client's connection, after the handshake."""
    sock = socket.create_connection((host, port), timeout=30)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    key = b64encode(os.urandom(16)).decode()
    sock.sendall(
        f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
        f"{headers}\r\n".encode()
    )
    head = b""
    while not head.endswith(b"\r\n\r\n"):  # not a byte of the first frame
        byte = sock.recv(1)
        if not byte:
            raise ConnectionError("the handshake was refused")
        head += byte
    if b" 101 " not in head:
        raise ConnectionError(head.decode())
    return sock


def accept(sock: socket.socket) -> None:
    """The server's half of the handshake."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    head = b""
    while b"\r\n\r\n" not in head:
        received = sock.recv(65536)
        if not received:
            raise ConnectionError("no handshake")
        head += received
    lines = [line.partition(b":") for line in head.split(b"\r\n")]
    key = next(value.strip() for name, _, value in lines if name.lower() == b"sec-websocket-key")
    sock.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + b64encode(sha1(key + GUID).digest()) + b"\r\n\r\n"
    )
