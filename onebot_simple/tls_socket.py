"""一个线程读、别的线程写的 TLS 连接。

A TLS connection that one thread may read while others write.
"""

from __future__ import annotations

import selectors
import socket
import ssl
import time
from collections.abc import Callable
from threading import Lock
from typing import TypeVar

Result = TypeVar("Result")


class TlsSocket:
    """The methods of a socket that ClientSocket needs, on an SSLSocket that never blocks.

    OpenSSL loses the connection now and then when one thread is in SSL_read while another is in
    SSL_write, and Python does not keep them apart. So each call is short and holds a lock, and the
    waiting is done without the lock.
    """

    def __init__(self, sock: ssl.SSLSocket) -> None:
        self._sock = sock
        self._timeout: float | None = None
        self._turn = Lock()  # held while OpenSSL is at work on this connection

    def connect(self, place: object) -> None:
        """Connect and shake hands. Each of the two may take as long as the timeout says."""
        self._sock.settimeout(self._timeout)
        self._sock.connect(place)  # type: ignore[arg-type]  # as getaddrinfo() gives it
        self._sock.setblocking(False)
        self._when_ready(self._sock.do_handshake)

    def recv(self, size: int) -> bytes:
        return self._when_ready(lambda: self._sock.recv(size))

    def send(self, data: bytes | memoryview) -> int:
        return self._when_ready(lambda: self._sock.send(data))

    def settimeout(self, timeout: float | None) -> None:
        self._timeout = timeout

    def setsockopt(self, level: int, name: int, value: int) -> None:
        self._sock.setsockopt(level, name, value)

    def shutdown(self, how: int) -> None:
        # SSLSocket.shutdown() would also drop the encryption, under whoever is reading
        socket.socket.shutdown(self._sock, how)

    def close(self) -> None:
        self._sock.close()

    def _when_ready(self, work: Callable[[], Result]) -> Result:
        deadline = None if self._timeout is None else time.monotonic() + self._timeout
        while True:
            try:
                with self._turn:
                    return work()
            except ssl.SSLWantReadError:
                event = selectors.EVENT_READ
            except ssl.SSLWantWriteError:
                event = selectors.EVENT_WRITE
            with selectors.DefaultSelector() as selector:
                selector.register(self._sock, event)
                left = None if deadline is None else max(0.0, deadline - time.monotonic())
                if not selector.select(left):
                    raise TimeoutError("timed out")
