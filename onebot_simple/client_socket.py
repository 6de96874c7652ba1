"""给 websocket-client 用的套接字：一个线程读，别的线程写，带不带 TLS 都可以。

The socket that websocket-client works on: one thread reads, others write, with or without TLS.
"""

from __future__ import annotations

import socket
import ssl
import time
from contextlib import suppress
from threading import Lock

from .addresses import Address
from .tls_socket import TlsSocket

PIECE = 128 * 1024  # bytes
CONNECT_SECONDS = 5.0  # for each address of a host, and for TLS


class ClientSocket:
    """What websocket-client needs of a socket, around a socket or a TlsSocket.

    It receives in large pieces: websocket-client asks for the head, the length and the data of
    each frame one by one, and it costs time to ask the system for each of them.
    patience: seconds that the other side may read nothing of what is sent.
    """

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._sock: socket.socket | TlsSocket = socket.socket()
        self._sending = Lock()
        self._has_ended = False
        self._timeout: float | None = None
        self._arrived = b""
        self._taken = 0  # how many bytes of what arrived have been taken

    def connect(self, address: Address, ca_file: str | None) -> None:
        """Connect to the first address of the host that answers, with TLS if it is wanted."""
        failed: list[OSError] = []
        for family, kind, protocol, _, place in socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM
        ):
            self._sock.close()
            try:
                plain = self._sock = socket.socket(family, kind, protocol)
                plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if address.secure:
                    context = ssl.create_default_context(cafile=ca_file)
                    self._sock = TlsSocket(context, plain, address.host)
                self._sock.settimeout(CONNECT_SECONDS)
                if self._has_ended:  # shutdown() may have found the socket before this one
                    raise ConnectionAbortedError
                self._sock.connect(place)
                return
            except OSError as error:
                failed.append(error)
        raise failed[0]  # the system puts those first that it can probably reach

    def recv(self, size: int) -> bytes:
        start = self._taken
        if start == len(self._arrived):
            self._arrived, start = self._sock.recv(PIECE), 0
        piece = self._arrived[start : start + size]
        self._taken = start + len(piece)
        return piece

    def send(self, data: bytes) -> int:
        """Send all of it. If that fails, the connection ends: nothing can follow half a frame."""
        try:
            with self._sending:
                self._send_all(memoryview(data))
        except BaseException:  # Ctrl+C, too
            self.shutdown()
            raise
        return len(data)

    def _send_all(self, left: memoryview) -> None:
        moved = time.monotonic()
        while left:
            try:
                left = left[self._sock.send(left) :]
                moved = time.monotonic()
            except TimeoutError:  # the timeout of the socket is that of the reader
                if time.monotonic() - moved > self._patience:
                    raise ConnectionError("the other side does not read what is sent") from None

    def settimeout(self, timeout: float | None) -> None:
        if timeout != self._timeout:  # the reader sets it for each frame
            self._timeout = timeout
            self._sock.settimeout(timeout)

    def gettimeout(self) -> float | None:
        return self._timeout

    def shutdown(self) -> None:
        """End the connection, or the attempt to make one. Whoever waits for it is woken."""
        self._has_ended = True
        with suppress(OSError):  # there may be none (any more)
            self._sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.shutdown()
        with self._sending:  # else the sender could write into the next socket of this number
            self._sock.close()
