"""给 websocket-client 用的套接字：一个线程读，别的线程写，带不带 TLS 都可以。

The socket that websocket-client works on: one thread reads, others write, with or without TLS.
"""

from __future__ import annotations

import math
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from io import BytesIO
from threading import Event as Flag
from threading import Lock
from typing import Any

from .addresses import Address, tls_context
from .waits import SLICE_SECONDS
from .ws_connection import PIECE, READS_NOTHING, connection_lost, send_at_once

CONNECT_SECONDS = 5.0  # for each address of a host
CLOSED = ("对方关闭了它", "the other side closed it")


class ClientSocket:
    """The methods of a socket that websocket-client needs.

    It receives in large pieces, for websocket-client asks for each part of each frame on its own.
    TLS happens in memory: before Python 3.13, an SSLSocket must not read and write at once.

    stopping: set when nobody wants a connection any more. send_timeout: seconds that the other
    side may read nothing of what is sent.
    """

    def __init__(self, address: Address, stopping: Flag, send_timeout: float) -> None:
        self._address = address
        self._stopping = stopping
        self._send_timeout = send_timeout
        self._sock = self._out = socket.socket()  # until connect() has better ones
        self._deadline: float | None = None  # of the handshakes
        self._timeout: float | None = None  # seconds until recv() gives up, after the handshakes
        # one buffer for all: new ones of ever other sizes would fragment the memory
        self._piece = memoryview(bytearray(PIECE))
        self._arrived = BytesIO()  # what was received, and not asked for yet
        self._failure: Exception | None = None  # why something could not be sent
        self._is_shut = False  # shutdown() was called
        self._send_lock = Lock()  # guards the next two; nobody waits while holding it
        self._unsent: deque[memoryview] = deque()  # frames that the system has not taken yet
        self._taken_at = 0.0  # when it took something last
        self._tls_lock = Lock()  # guards the next three; nobody waits while holding it
        self._tls: ssl.SSLObject | None = None
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()  # encrypted

    def connect(self, ca_file: str | None, seconds: float) -> None:
        """Connect to the first address of the host that answers, with TLS if it is wanted.

        seconds: for the TLS and the WebSocket handshake together, which end with settimeout().
        """
        host, port = self._address.host, self._address.port
        failed: list[OSError] = []
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        for family, kind, protocol, _, place in found:
            self._sock.close()
            try:
                self._sock = socket.socket(family, kind, protocol)
                self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._sock.settimeout(CONNECT_SECONDS)
                if self._stopping.is_set():  # stop() came: it has ended the socket before this one
                    raise ConnectionAbortedError
                self._sock.connect(place)
                break
            except OSError as error:
                failed.append(error)
        else:
            raise failed[0]  # the system puts those first that it can probably reach
        if self._stopping.is_set():  # stop() came before there was a connection to end
            raise ConnectionAbortedError
        self._sock.settimeout(SLICE_SECONDS)  # recv() waits in slices, to look for its end
        self._out = self._sock.dup()  # the same connection, to send on without waiting
        self._out.setblocking(False)
        self._deadline = time.monotonic() + seconds
        if self._address.secure:
            context = tls_context(ca_file)
            context.options |= ssl.OP_NO_RENEGOTIATION  # else sending could have to wait for data
            self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
            self._with_tls(self._tls.do_handshake)

    def recv(self, size: int) -> bytes:
        piece = self._arrived.read(size)
        if size and not piece:  # websocket-client 1.8 also asks for 0 bytes
            tls = self._tls
            arrived = self._with_tls(lambda: tls.read(PIECE)) if tls else self._receive()
            if not arrived:  # TLS said goodbye
                raise self._failure or connection_lost(self._address.base, CLOSED)
            self._arrived = BytesIO(arrived)
            piece = self._arrived.read(size)
        return piece

    def _receive(self) -> bytes:
        deadline = self._deadline or time.monotonic() + (self._timeout or math.inf)
        while time.monotonic() < deadline:
            self.flush()  # what is left of calls that were given up
            try:
                data = bytes(self._piece[: self._sock.recv_into(self._piece)])
            except TimeoutError:
                if not self._is_shut:  # on Windows, shutdown() does not wake who waits
                    continue
                raise self._failure or ConnectionAbortedError from None
            except OSError as error:
                raise self._failure or error from None
            if not data:
                raise self._failure or connection_lost(self._address.base, CLOSED)
            return data
        raise TimeoutError

    def _with_tls(self, work: Callable[[], Any]) -> Any:
        """Let OpenSSL work, and give it what it waits for."""
        while True:
            try:
                with self._tls_lock:
                    return work()
            except ssl.SSLWantReadError:
                pass
            finally:
                if self._deadline is not None:
                    self.send(b"")  # our part of the handshake; later, it goes with our next data
            data = self._receive()
            with self._tls_lock:
                self._incoming.write(data)

    def send(self, data: bytes) -> int:
        """Queue data, and send what the system takes at once: see flush()."""
        with self._send_lock:
            try:
                if not self._unsent:
                    self._taken_at = time.monotonic()
                self._unsent.append(memoryview(self._encrypted(data)))
            except OSError as error:  # TLS has failed
                self._fail(connection_lost(self._address.base, (str(error), str(error))))
            except BaseException:  # Ctrl+C: what was encrypted may be lost
                self.shutdown()
                raise
        self.flush()
        return len(data)

    def flush(self) -> bool:
        """Send what the system takes at once, and return whether something is left. If that
        fails, the connection ends, and the reader hears why."""
        if not self._unsent:
            return False
        with self._send_lock:
            try:
                if send_at_once(self._out, self._unsent):
                    self._taken_at = time.monotonic()
                elif self._unsent and time.monotonic() > self._taken_at + self._send_timeout:
                    self._fail(connection_lost(self._address.base, READS_NOTHING))
            except OSError as error:
                self._fail(error)
            except BaseException:  # Ctrl+C: nothing may follow half a frame
                self.shutdown()
                raise
        return bool(self._unsent) and self._failure is None

    def _fail(self, error: Exception) -> None:
        self._failure = self._failure or error
        self.shutdown()

    def _encrypted(self, data: bytes) -> bytes:
        if self._tls is None:
            return data
        with self._tls_lock:
            if data:
                self._tls.write(data)
            return self._outgoing.read()

    def settimeout(self, timeout: float | None) -> None:
        self._deadline, self._timeout = None, timeout

    def gettimeout(self) -> float | None:
        return self._timeout

    def shutdown(self) -> None:
        """End the connection, or the attempt to make one. Whoever waits for it is woken."""
        self._is_shut = True
        with suppress(OSError):  # there may be none (any more)
            self._sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.shutdown()
        with self._send_lock:  # else the sender could write into the next socket of this number
            self._sock.close()
            self._out.close()
