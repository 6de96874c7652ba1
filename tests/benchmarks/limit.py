"""What Python can do at most over HTTP: a bare socket, json, and nothing else.

    python -m tests.benchmarks.limit actions|events

A server that answers every action, or every event. No timeout, no check, no error in words: a
measure, not something to use.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
from collections.abc import Callable
from typing import Any

OK = {"status": "ok", "retcode": 0, "data": {"message_id": 1}, "message": "", "wording": ""}


class Connection:
    """HTTP messages in both directions."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = sock
        self.file = sock.makefile("rb")
        self.first_line = b""
        self.last = False  # whether the other side closes the connection now

    def send(self, head: str, body: bytes) -> None:
        head += f"\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        self.sock.sendall(head.encode() + body)

    def receive(self) -> bytes:
        """The body of the next message."""
        self.first_line = self.file.readline()
        if not self.first_line:
            raise EOFError
        length, chunked, self.last = 0, False, self.first_line.startswith(b"HTTP/1.0")
        while (line := self.file.readline().lower()) not in (b"\r\n", b""):
            if line.startswith(b"content-length:"):
                length = int(line[15:])
            elif line == b"transfer-encoding: chunked\r\n":
                chunked = True
            elif line == b"connection: close\r\n":
                self.last = True
        if not chunked:
            return self.file.read(length)
        pieces = []
        while size := int(self.file.readline(), 16):
            pieces.append(self.file.read(size))
            self.file.readline()
        self.file.readline()
        return b"".join(pieces)

    def close(self) -> None:
        self.file.close()
        self.sock.close()


def connect(port: int) -> Connection:
    return Connection(socket.create_connection(("127.0.0.1", port), timeout=30))


def call(connection: Connection, action: str, params: dict[str, Any]) -> dict[str, Any]:
    connection.send(f"POST /{action} HTTP/1.1\r\nHost: 127.0.0.1", json.dumps(params).encode())
    answer: dict[str, Any] = json.loads(connection.receive())
    return answer


def actions(_: dict[str, Any]) -> dict[str, Any]:
    return OK


def events(event: dict[str, Any]) -> dict[str, Any]:
    return {"reply": event["raw_message"][4:] + "晴。"}


def serve(connection: Connection, answer: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    try:
        while not connection.last:
            content = json.loads(connection.receive())
            connection.send("HTTP/1.1 200 OK", json.dumps(answer(content)).encode())
    except (EOFError, OSError):
        pass
    connection.close()


def main(answer: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    print(listener.getsockname()[1], flush=True)
    while True:
        connection = Connection(listener.accept()[0])
        threading.Thread(target=serve, args=(connection, answer), daemon=True).start()


if __name__ == "__main__":
    main({"actions": actions, "events": events}[sys.argv[1]])
