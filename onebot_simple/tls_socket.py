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
    """What websocket-client needs of a socket, around an SSLSocket that is never blocking.

    OpenSSL loses the connection now and then when one thread is in SSL_read while another is in
    SSL_write, and Python does not keep them apart. So each call is short and holds a lock, and the
    waiting is done without it.
    """

    def __init__(self, sock: ssl.SSLSocket, timeout: float) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._timeout: float | None = timeout
        self._turn = Lock()  # held while OpenSSL is at work on this connection

    def do_handshake(self) -> None:
        self._when_ready(self._sock.do_handshake)

    def recv(self, size: int) -> bytes:
        return self._when_ready(lambda: self._sock.recv(size))

    def send(self, data: bytes | memoryview) -> int:
        return self._when_ready(lambda: self._sock.send(data))

    def settimeout(self, timeout: float | None) -> None:
        self._timeout = timeout

    def gettimeout(self) -> float | None:
        return self._timeout

    def fileno(self) -> int:
        return self._sock.fileno()

    @property
    def _closed(self) -> bool:  # what websocket-client asks before it closes a socket
        return self._sock.fileno() < 0

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
                wanted = selectors.EVENT_READ
            except ssl.SSLWantWriteError:
                wanted = selectors.EVENT_WRITE
            with selectors.DefaultSelector() as selector:
                selector.register(self._sock, wanted)
                left = None if deadline is None else max(0.0, deadline - time.monotonic())
                if not selector.select(left):
                    raise TimeoutError("timed out")
