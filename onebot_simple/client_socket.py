"""给 websocket-client 用的套接字：一个线程读，别的线程写，带不带 TLS 都可以。

The socket that websocket-client works on: one thread reads, others write, with or without TLS.
"""

from __future__ import annotations

import errno
import math
import selectors
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from threading import Lock
from typing import TypeVar

from .addresses import Address

PIECE = 128 * 1024  # bytes
CONNECT_SECONDS = 5.0  # for each address of a host
TLS_SECONDS = 10.0
NO_ROUTE = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL)

Result = TypeVar("Result")


class ClientSocket:
    """What websocket-client needs of a socket.

    It receives in large pieces: websocket-client asks for the head, the length and the data of
    each frame one by one, and it costs time to ask the system for each of them.

    Once it is connected, the system's calls never block. OpenSSL loses the connection now and then
    when one thread is in SSL_read while another is in SSL_write, and Python does not keep them
    apart. So each call is short and holds a lock, and the waiting is done without the lock.
    """

    def __init__(self, sock: socket.socket, patience: float) -> None:
        self.deadline = math.inf  # for a handshake, of which each byte alone could be in time
        self._sock = sock
        self._patience = patience  # seconds that the other side may read nothing of what is sent
        self._timeout = math.inf  # seconds to wait for something to receive
        self._turn = Lock()  # held while the system or OpenSSL is at work on this socket
        self._waits: dict[int, selectors.BaseSelector] = {}  # one to wait for each event
        self._arrived = b""
        self._taken = 0  # how many bytes of what arrived have been taken

    def use_tls(self, host: str, ca_file: str | None) -> None:
        """Let connect() shake hands with `host`, which must have a certificate that is trusted."""
        context = ssl.create_default_context(cafile=ca_file)
        self._sock = context.wrap_socket(
            self._sock, server_hostname=host, do_handshake_on_connect=False
        )

    def connect(self, place: object) -> None:
        self._sock.settimeout(CONNECT_SECONDS)
        self._sock.connect(place)  # type: ignore[arg-type]  # as getaddrinfo() gives it
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sock.setblocking(False)
        for event in (selectors.EVENT_READ, selectors.EVENT_WRITE):
            self._waits[event] = selectors.DefaultSelector()
            self._waits[event].register(self._sock, event)
        if isinstance(self._sock, ssl.SSLSocket):
            self._when_ready(self._sock.do_handshake, selectors.EVENT_READ, TLS_SECONDS)

    def recv(self, size: int) -> bytes:
        start = self._taken
        if start == len(self._arrived):
            receive = partial(self._sock.recv, PIECE)
            self._arrived = self._when_ready(receive, selectors.EVENT_READ, self._timeout)
            start = 0
        piece = self._arrived[start : start + size]
        self._taken = start + len(piece)
        return piece

    def send(self, data: bytes) -> int:
        """Send all of it. If that fails, the connection ends: nothing can follow half a frame."""
        left = memoryview(data)
        try:
            while left:
                send = partial(self._sock.send, left)
                left = left[self._when_ready(send, selectors.EVENT_WRITE, self._patience) :]
        except TimeoutError:
            self.shutdown()
            raise ConnectionError("the other side does not read what is sent") from None
        except BaseException:  # Ctrl+C, too
            self.shutdown()
            raise
        return len(data)

    def settimeout(self, timeout: float | None) -> None:
        self._timeout = math.inf if timeout is None else timeout

    def gettimeout(self) -> float | None:
        return None if self._timeout == math.inf else self._timeout

    def shutdown(self, how: int = socket.SHUT_RDWR) -> None:
        """End the connection. Whoever waits for it is woken."""
        with suppress(OSError):  # it may have ended already
            # SSLSocket.shutdown() would also drop the encryption, under whoever is reading
            socket.socket.shutdown(self._sock, how)

    def close(self) -> None:
        for wait in self._waits.values():
            wait.close()
        self._sock.close()

    def _when_ready(self, work: Callable[[], Result], event: int, seconds: float) -> Result:
        """What `work` returns, once the socket is ready for it. TimeoutError: it was not in time.

        event: what to wait for on a plain socket. OpenSSL says itself what it waits for.
        """
        deadline = min(self.deadline, time.monotonic() + seconds)
        while (left := deadline - time.monotonic()) > 0:
            try:
                with self._turn:
                    return work()
            except BlockingIOError:
                pass
            except ssl.SSLWantReadError:
                event = selectors.EVENT_READ
            except ssl.SSLWantWriteError:
                event = selectors.EVENT_WRITE
            self._waits[event].select(None if left == math.inf else left)
        raise TimeoutError("timed out")


def open_socket(
    address: Address, ca_file: str | None, patience: float, show: Callable[[ClientSocket], None]
) -> ClientSocket:
    """Connect to the first address of the host that answers, with TLS if it is wanted.

    patience: seconds that the other side may read nothing of what is sent. show: gets each socket
    before anybody waits for it, so that another thread can shut it down.
    """
    failed: list[OSError] = []
    for family, kind, protocol, _, place in socket.getaddrinfo(
        address.host, address.port, type=socket.SOCK_STREAM
    ):
        opened = ClientSocket(socket.socket(family, kind, protocol), patience)
        try:
            if address.secure:
                opened.use_tls(address.host, ca_file)
            show(opened)
            opened.connect(place)
            return opened
        except OSError as error:
            opened.close()
            failed.append(error)
        except BaseException:
            opened.close()
            raise
    raise min(failed, key=lambda error: error.errno in NO_ROUTE)  # any other says more
