"""给 websocket-client 用的套接字：一个线程读，别的线程写，带不带 TLS 都可以。

The socket that websocket-client works on: one thread reads, others write, with or without TLS.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from io import BytesIO
from threading import Event as Flag
from threading import Lock
from typing import Any

from .addresses import Address
from .errors import NetworkError
from .ws_connection import READS_NOTHING, connection_lost

PIECE = 128 * 1024  # bytes
CONNECT_SECONDS = 5.0  # for each address of a host
CLOSED = ("对方关闭了它", "the other side closed it")


class ClientSocket:
    """The methods of a socket that websocket-client needs.

    It receives in large pieces, for websocket-client asks for each part of each frame on its own.
    TLS happens in memory: before Python 3.13, an SSLSocket must not read and write at once.

    stopping: set when nobody wants a connection any more. patience: seconds that the other side
    may read nothing of what is sent; that is looked at when the timeout passes.
    """

    def __init__(self, stopping: Flag, patience: float) -> None:
        self._stopping = stopping
        self._patience = patience
        self._base = ""  # of the address
        self._sock = socket.socket()
        self._deadline: float | None = None  # of the handshakes
        # one buffer for all: new ones of ever other sizes would fragment the memory
        self._piece = memoryview(bytearray(PIECE))
        self._arrived = BytesIO()  # what was received, and not asked for yet
        self._sending = Lock()  # held by the thread that sends, until all of it is sent
        self._failure: Exception | None = None  # why something could not be sent
        self._tls: ssl.SSLObject | None = None
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()  # encrypted
        self._encrypting = Lock()  # guards these three; nobody waits while holding it

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
                if self._stopping.is_set():  # shutdown() may have found the socket before this one
                    raise ConnectionAbortedError
                self._sock.connect(place)
                break
            except OSError as error:
                failed.append(error)
        else:
            raise failed[0]  # the system puts those first that it can probably reach
        if self._stopping.is_set():  # or before there was a connection
            raise ConnectionAbortedError
        self._deadline = time.monotonic() + seconds
        if address.secure:
            context = ssl.create_default_context(cafile=ca_file)
            self._tls = context.wrap_bio(
                self._incoming, self._outgoing, server_hostname=address.host
            )
            self._with_tls(self._tls.do_handshake)

    def recv(self, size: int) -> bytes:
        piece = self._arrived.read(size)
        if not piece:
            tls = self._tls
            arrived = self._with_tls(lambda: tls.read(PIECE)) if tls else self._receive()
            if not arrived:  # TLS said goodbye
                raise self._failure or connection_lost(self._base, CLOSED)
            self._arrived = BytesIO(arrived)
            piece = self._arrived.read(size)
        return piece

    def _receive(self) -> bytes:
        if self._deadline is not None:
            left = self._deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self._sock.settimeout(left)
        try:
            data = bytes(self._piece[: self._sock.recv_into(self._piece)])
        except TimeoutError:
            raise
        except OSError as error:
            raise self._failure or error from None
        if not data:
            raise self._failure or connection_lost(self._base, CLOSED)
        return data

    def _with_tls(self, work: Callable[[], Any]) -> Any:
        """Let OpenSSL work, and give it what it waits for."""
        while True:
            try:
                with suppress(ssl.SSLWantReadError), self._encrypting:
                    return work()
            finally:
                if self._deadline is not None:  # a handshake; later, this goes with our next data
                    self.send(b"")
            data = self._receive()
            with self._encrypting:
                self._incoming.write(data)

    def send(self, data: bytes) -> int:
        """Send all of it. If that fails, the connection ends, and the reader hears why."""
        with self._sending:
            try:
                self._send_all(memoryview(self._encrypted(data)))
            except (OSError, NetworkError) as error:
                self._failure = self._failure or error
                self.shutdown()
            except BaseException:  # Ctrl+C: nothing may follow half a frame
                self.shutdown()
                raise
        return len(data)

    def _encrypted(self, data: bytes) -> bytes:
        if self._tls is None:
            return data
        with self._encrypting:
            if data:
                self._tls.write(data)
            return self._outgoing.read()

    def _send_all(self, left: memoryview) -> None:
        moved = time.monotonic()
        while left:
            try:
                left, moved = left[self._sock.send(left) :], time.monotonic()
            except TimeoutError:  # the timeout of the socket is that of the reader
                if time.monotonic() - moved > self._patience:
                    raise connection_lost(self._base, READS_NOTHING) from None

    def settimeout(self, timeout: float | None) -> None:
        self._deadline = None
        self._sock.settimeout(timeout)

    def gettimeout(self) -> float | None:
        return self._sock.gettimeout()

    def shutdown(self) -> None:
        """End the connection, or the attempt to make one. Whoever waits for it is woken."""
        with suppress(OSError):  # there may be none (any more)
            self._sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.shutdown()
        with self._sending:  # else the sender could write into the next socket of this number
            self._sock.close()
