"""一个线程读、别的线程写的 TLS 连接。

A TLS connection that one thread may read while others write.
"""

from __future__ import annotations

import selectors
import socket
import ssl
from collections.abc import Callable
from threading import Lock
from typing import Any, TypeVar

Result = TypeVar("Result")


class TlsSocket:
    """The methods of a socket that ClientSocket needs, on an SSLSocket that never blocks.

    OpenSSL loses the connection now and then when one thread is in SSL_read while another is in
    SSL_write, and Python does not keep them apart. So each call is short and holds a lock, and the
    waiting is done without the lock.
    """

    def __init__(self, context: ssl.SSLContext, sock: socket.socket, host: str) -> None:
        self._sock = context.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
        self._timeout: float | None = None
        self._turn = Lock()  # held while OpenSSL is at work on this connection

    def connect(self, place: Any) -> None:
        """Connect and shake hands. Each of the two may take as long as the timeout says."""
        self._sock.settimeout(self._timeout)
        self._sock.connect(place)
        self._sock.setblocking(False)
        self._when_ready(self._sock.do_handshake)

    def recv(self, size: int) -> bytes:
        return self._when_ready(lambda: self._sock.recv(size))

    def send(self, data: bytes | memoryview) -> int:
        return self._when_ready(lambda: self._sock.send(data))

    def settimeout(self, timeout: float | None) -> None:
        self._timeout = timeout

    def shutdown(self, how: int) -> None:
        # SSLSocket.shutdown() would also drop the encryption, under whoever is reading
        socket.socket.shutdown(self._sock, how)

    def close(self) -> None:
        self._sock.close()

    def _when_ready(self, work: Callable[[], Result]) -> Result:
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
                if not selector.select(self._timeout):
                    raise TimeoutError("timed out")
