"""给 websocket-client 用的套接字：一个线程读，别的线程写，带不带 TLS 都可以。

The socket that websocket-client works on: one thread reads, others write, with or without TLS.
"""

from __future__ import annotations

import math
import selectors
import socket
import ssl
import time
from contextlib import suppress
from io import BytesIO
from threading import Event as Flag
from threading import Lock

from .addresses import Address
from .errors import NetworkError
from .ws_connection import connection_lost

PIECE = 128 * 1024  # bytes that are received or sent at once
CONNECT_SECONDS = 5.0  # for each address of a host
ROOM_SECONDS = 0.005  # how often a sender looks whether the system takes more
NOT_NOW = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class ClientSocket:
    """The methods of a socket that websocket-client needs.

    It receives in large pieces, for websocket-client asks for each part of each frame on its own.
    One thread at a time uses the system's socket, which never waits: before Python 3.13, TLS must
    not read and write at once.

    stopping: set when nobody wants a connection any more. patience: seconds that the other side
    may read nothing of what is sent.
    """

    def __init__(self, stopping: Flag, patience: float) -> None:
        self.patience = patience
        self._stopping = stopping
        self._base = ""  # of the address
        self._sock = socket.socket()
        self._using = Lock()  # held by the thread that uses the socket, never while it waits
        self._selector = selectors.DefaultSelector()
        self._timeout = self._deadline = math.inf  # of recv(), and of the handshakes
        # the same memory for each piece: pieces of memory of ever other sizes would fill the heap
        self._piece = memoryview(bytearray(PIECE))
        self._arrived = BytesIO()  # what was received, and not asked for yet
        self._failure: Exception | None = None  # why something could not be sent

    def connect(self, address: Address, ca_file: str | None, seconds: float) -> None:
        """Connect to the first address of the host that answers, with TLS if it is wanted.

        seconds: for the TLS and the WebSocket handshake together, which end with settimeout().
        """
        self._base = address.base
        failed: list[OSError] = []
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
        for family, kind, protocol, _, place in found:
            self._sock.close()
            try:
                self._sock = socket.socket(family, kind, protocol)
                self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._sock.settimeout(CONNECT_SECONDS)
                self._check_wanted()
                self._sock.connect(place)
                break
            except OSError as error:
                failed.append(error)
        else:
            raise failed[0]  # the system puts those first that it can probably reach
        self._deadline = time.monotonic() + seconds
        self._sock.settimeout(seconds)
        if address.secure:
            context = ssl.create_default_context(cafile=ca_file)
            tls = context.wrap_socket(
                self._sock, server_hostname=address.host, do_handshake_on_connect=False
            )
            self._sock = tls
            self._check_wanted()
            tls.do_handshake()
        self._check_wanted()
        self._sock.setblocking(False)
        self._selector.register(self._sock, selectors.EVENT_READ)

    def _check_wanted(self) -> None:
        """Nobody wants a connection after stop(), whose shutdown() may have found no socket, or
        the one before this."""
        if self._stopping.is_set():
            raise ConnectionAbortedError

    def recv(self, size: int) -> bytes:
        piece = self._arrived.read(size)
        if not piece:
            self._arrived = BytesIO(self._receive())
            piece = self._arrived.read(size)
        return piece

    def _receive(self) -> bytes:
        """Wait for the next piece, as long as the timeout and the deadline allow."""
        while (left := self._deadline - time.monotonic()) > 0:
            try:
                with self._using:
                    count = self._sock.recv_into(self._piece)
            except NOT_NOW:
                if self._selector.select(min(left, self._timeout)):
                    continue
                break
            except OSError as error:
                raise self._failure or error from None
            if not count:
                said = "the other side closed it", "对方关闭了它"
                raise self._failure or connection_lost(self._base, *said)
            return bytes(self._piece[:count])
        raise TimeoutError

    def send(self, data: bytes) -> int:
        """Send all of it. If that fails, the connection ends, and the reader hears why."""
        try:
            self._send_all(memoryview(data))
        except (OSError, NetworkError) as error:
            self._failure = self._failure or error
            self.shutdown()
        except BaseException:  # Ctrl+C: nothing may follow half a frame
            self.shutdown()
            raise
        return len(data)

    def _send_all(self, left: memoryview) -> None:
        moved = time.monotonic()
        while left:
            try:
                with self._using:
                    sent = self._sock.send(left[:PIECE])
                left, moved = left[sent:], time.monotonic()
            except NOT_NOW:
                if time.monotonic() - moved > self.patience:
                    said = "it does not read what is sent", "它不读我们发的东西"
                    raise connection_lost(self._base, *said) from None
                time.sleep(ROOM_SECONDS)

    def settimeout(self, timeout: float) -> None:
        self._timeout, self._deadline = timeout, math.inf

    def gettimeout(self) -> float:
        return self._timeout

    def shutdown(self) -> None:
        """End the connection, or the attempt to make one. Whoever waits for it is woken."""
        with suppress(OSError):  # there may be none (any more)
            # that of SSLSocket would let the reader take encrypted bytes for plain ones
            socket.socket.shutdown(self._sock, socket.SHUT_RDWR)

    def close(self) -> None:
        self.shutdown()
        with self._using:  # else a sender could write into the next socket of this number
            self._selector.close()
            self._sock.close()
