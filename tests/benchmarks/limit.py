"""What Python can do at most over HTTP: a bare socket, json, and nothing else.

    python -m tests.benchmarks.limit answers     a server that answers every action

No timeout, no check, no error in words, no thread: a measure, not something to use.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
from typing import Any

ANSWER = json.dumps(
    {"status": "ok", "retcode": 0, "data": {"message_id": 1}, "message": "", "wording": ""}
).encode()


class Connection:
    """One keep-alive connection, on which messages with a length go both ways."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = sock
        self.rest = b""

    def send(self, first_line: str, body: bytes) -> None:
        head = f"{first_line}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        self.sock.sendall(f"{head}\r\n".encode() + body)

    def receive(self) -> bytes:
        """The body of the next message; b"" at the end, or of a message that has none."""
        while (end := self.rest.find(b"\r\n\r\n")) < 0:
            received = self.sock.recv(65536)
            if not received:
                raise EOFError
            self.rest += received
        head = self.rest[:end].lower()
        _, _, length = head.partition(b"\r\ncontent-length:")
        size = int(length.partition(b"\r\n")[0] or 0)
        while len(self.rest) < end + 4 + size:
            self.rest += self.sock.recv(65536)
        body, self.rest = self.rest[end + 4 : end + 4 + size], self.rest[end + 4 + size :]
        return body


def connect(port: int) -> Connection:
    return Connection(socket.create_connection(("127.0.0.1", port), timeout=30))


def call(connection: Connection, action: str, params: dict[str, Any]) -> dict[str, Any]:
    connection.send(f"POST /{action} HTTP/1.1\r\nHost: 127.0.0.1", json.dumps(params).encode())
    answer: dict[str, Any] = json.loads(connection.receive())
    return answer


def serve(connection: Connection) -> None:
    try:
        while connection.receive():
            connection.send("HTTP/1.1 200 OK", ANSWER)
    except (EOFError, OSError):
        connection.sock.close()


def answers() -> None:
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    print(listener.getsockname()[1], flush=True)
    threading.Thread(target=accept, args=(listener,), daemon=True).start()
    sys.stdin.read()


def accept(listener: socket.socket) -> None:
    while True:
        connection = Connection(listener.accept()[0])
        threading.Thread(target=serve, args=(connection,), daemon=True).start()


if __name__ == "__main__":
    {"answers": answers}[sys.argv[1]]()
