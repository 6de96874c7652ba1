"""给 websocket-client 用的套接字：一个线程读，别的线程写，带不带 TLS 都可以。

The socket that websocket-client works on: one thread reads, others write, with or without TLS.
"""

from __future__ import annotations

import errno
import math
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress

from websocket import (
    WebSocketBadStatusException,
    WebSocketConnectionClosedException,
    WebSocketTimeoutException,
)

from .addresses import WEBUI_PORT, Address, cannot_connect, wrong_service
from .errors import NetworkError, OneBotError
from .tls_socket import TlsSocket
from .ws_connection import token_refused

PIECE = 128 * 1024  # bytes
CONNECT_SECONDS = 5.0  # for each address of a host, and for TLS
NO_ROUTE = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL)

NO_WEBSOCKET = (
    "端口写成 HTTP 服务器的了吗？NapCat 的 WebSocket 服务器默认是 3001，路径是 /。",
    "Is this the port of the HTTP server? NapCat's WebSocket server is at 3001, its path is /.",
)


class ClientSocket:
    """What websocket-client needs of a socket, around a socket or a TlsSocket.

    It receives in large pieces: websocket-client asks for the head, the length and the data of
    each frame one by one, and it costs time to ask the system for each of them.
    """

    def __init__(self, sock: socket.socket | TlsSocket, patience: float) -> None:
        self.deadline = math.inf  # for a handshake, of which each byte alone could be in time
        self._sock = sock
        self._patience = patience  # seconds that the other side may read nothing of what is sent
        self._timeout: float | None = None
        self._arrived = b""
        self._taken = 0  # how many bytes of what arrived have been taken

    def recv(self, size: int) -> bytes:
        start = self._taken
        if start == len(self._arrived):
            if time.monotonic() > self.deadline:
                raise TimeoutError("timed out")
            self._arrived, start = self._sock.recv(PIECE), 0
        piece = self._arrived[start : start + size]
        self._taken = start + len(piece)
        return piece

    def send(self, data: bytes) -> int:
        """Send all of it. If that fails, the connection ends: nothing can follow half a frame."""
        try:
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
        if timeout != self._timeout:
            self._timeout = timeout
            self._sock.settimeout(timeout)

    def gettimeout(self) -> float | None:
        return self._timeout

    def shutdown(self, how: int = socket.SHUT_RDWR) -> None:
        """End the connection. Whoever waits for it is woken."""
        with suppress(OSError):  # it may have ended already
            self._sock.shutdown(how)

    def close(self) -> None:
        self._sock.close()


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
        plain = socket.socket(family, kind, protocol)
        sock: socket.socket | TlsSocket = plain
        try:
            if address.secure:
                sock = _with_tls(plain, address.host, ca_file)
            opened = ClientSocket(sock, patience)
            show(opened)
            opened.settimeout(CONNECT_SECONDS)
            sock.connect(place)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return opened
        except OSError as error:
            sock.close()
            failed.append(error)
        except BaseException:
            sock.close()
            raise
    raise min(failed, key=lambda error: error.errno in NO_ROUTE)  # any other says more


def _with_tls(sock: socket.socket, host: str, ca_file: str | None) -> TlsSocket:
    context = ssl.create_default_context(cafile=ca_file)
    return TlsSocket(context.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False))


def handshake_error(address: Address, has_token: bool, error: BaseException) -> OneBotError:
    """The error to raise when connecting, or the handshake of websocket-client, failed."""
    if isinstance(error, WebSocketBadStatusException):
        if error.status_code in (401, 403) and address.port != WEBUI_PORT:
            return token_refused(address.base, has_token)
        status = f"HTTP {error.status_code}"
        return _no_websocket(address.base, status, status)
    if isinstance(error, WebSocketTimeoutException):
        return cannot_connect(address.base, TimeoutError())
    if isinstance(error, WebSocketConnectionClosedException):
        return cannot_connect(address.base, ConnectionError())
    if isinstance(error, OSError):
        return cannot_connect(address.base, error)
    return _no_websocket(address.base, "别的内容（也许是跳转）", "something else (a redirect?)")


def _no_websocket(base: str, chinese: str, english: str) -> NetworkError:
    fact = (
        f"{base} 回答的是 {chinese}，那里没有 WebSocket",
        f"{base} answered {english}, no WebSocket is there",
    )
    return wrong_service(base, fact, NO_WEBSOCKET)
