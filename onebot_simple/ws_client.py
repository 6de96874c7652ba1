"""正向 WebSocket：我们去连 OneBot 的 WebSocket 服务器。

Forward WebSocket: we connect to OneBot's WebSocket server.
"""

from __future__ import annotations

import logging
import os
import random
import selectors
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import suppress
from threading import Event as Flag
from threading import Thread
from typing import Any

from websocket import (
    ABNF,
    WebSocket,
    WebSocketBadStatusException,
    WebSocketException,
    WebSocketTimeoutException,
    create_connection,
)

from .addresses import (
    cannot_connect,
    check_ca_file,
    check_seconds,
    check_token,
    check_url,
    without_secrets,
)
from .bot import Bot
from .errors import AuthenticationError, NetworkError
from .handlers import id_of
from .tls_socket import TlsSocket
from .ws_connection import WsConnection, connection_lost, token_refused

log = logging.getLogger("onebot_simple")

HANDSHAKE_SECONDS = 10.0
FIRST_FRAME_SECONDS = 0.5  # NapCat speaks first: it greets, or it refuses the token
GOODBYE_SECONDS = 0.2
SLICE_SECONDS = 0.1
FIRST_DELAY, LAST_DELAY = 1.0, 60.0  # seconds between attempts to connect


class WsClient(Bot):
    """连到 OneBot 的 WebSocket 服务器（NapCat 里叫“WebSocket 服务器”）的机器人。

    A bot that connects to OneBot's WebSocket server, and reconnects when the line breaks.

    url: such as ``ws://127.0.0.1:3001``. access_token: as set in OneBot. timeout: seconds that a
    call may take. ping_interval, ping_timeout: seconds; a connection on which nothing arrives
    for both together counts as broken. ca_file: a PEM file with the certificate authority that
    signed the server's certificate (wss only). command_prefix: what commands begin with.
    Source: OneBot 11 standard, communication, forward WebSocket.
    """

    def __init__(
        self,
        url: str,
        access_token: str | None = None,
        *,
        timeout: float = 30,
        ping_interval: float = 20,
        ping_timeout: float = 20,
        ca_file: str | None = None,
        command_prefix: str = "/",
    ) -> None:
        super().__init__(timeout=timeout, command_prefix=command_prefix)
        self._address = check_url(url, "ws")
        self.url = url.strip()
        self.ping_interval = check_seconds(ping_interval, "ping_interval")
        self.ping_timeout = check_seconds(ping_timeout, "ping_timeout")
        self._token = check_token(access_token)
        self._ca_file = check_ca_file(ca_file)
        self._shown = without_secrets(self.url)
        self._patient = False  # whether a first attempt that fails is followed by others
        self._settled = Flag()  # set when the first connection has proved good or bad
        self._connection: WsConnection | None = None  # replaced by the reader only
        self._websocket: WebSocket | None = None
        # what stop() takes away from the reader
        self._socket: socket.socket | TlsSocket | None = None
        self._reader: Thread | None = None

    def request(
        self, action: str, params: dict[str, Any] | None = None, *, timeout: float | None = None
    ) -> dict[str, Any]:
        """调用一个动作，原样返回整个回答。

        Calls an action and returns the whole answer, as the documentation prints it.

        timeout: seconds. Does not raise on ``failed``. Errors: NetworkError, ApiTimeout,
        AuthenticationError.
        """
        seconds = self.timeout if timeout is None else check_seconds(timeout, "timeout")
        return self._counted(lambda: self._online().request(action, params, seconds))

    def _stream(self, action: str, params: dict[str, Any]) -> Iterator[dict[str, Any]]:
        return self._online().stream(action, params, self.timeout)

    def _online(self) -> WsConnection:
        connection = self._connection
        if connection is not None:
            return connection
        if isinstance(self._failure, AuthenticationError):
            raise token_refused(self._shown)
        if not self._running:
            raise NetworkError(
                f"not connected to {self._shown}: not started. "
                "还没有连接：先用 with bot: 或 bot.start()，或者在处理函数里调用。"
            )
        if self._ending.is_set():
            raise connection_lost(self._shown, "stopped")
        raise NetworkError(
            f"not connected to {self._shown} at the moment. 连接断开了，正在重连：OneBot 还开着吗？"
        )

    def run(self) -> None:
        """启动并一直运行，直到 stop() 或 Ctrl+C；OneBot 还没开时会一直重试。

        Starts and blocks until stop() or Ctrl+C; keeps trying while OneBot is not up yet.

        AuthenticationError when the access_token is wrong.
        """
        self._patient = True
        try:
            super().run()
        finally:
            self._patient = False

    def _open(self) -> None:
        self._settled.clear()
        websocket = None if self._patient else self._dial()
        reader = Thread(
            target=self._stay_connected, args=(websocket,), name="onebot_simple reader", daemon=True
        )
        with self._state:  # stop() finds a thread that it can join, or none
            reader.start()
            self._reader = reader
        if websocket is not None:
            self._settled.wait(FIRST_FRAME_SECONDS + 1)
            if self._failure is not None:
                raise token_refused(self._shown)

    def _close(self) -> None:
        websocket = self._websocket
        if websocket is not None:  # a polite word, but not if somebody is stuck sending
            goodbye = Thread(target=self._say_goodbye, args=(websocket,), daemon=True)
            goodbye.start()
            goodbye.join(GOODBYE_SECONDS)
        self._hang_up()
        with self._state:
            reader, self._reader = self._reader, None
        if reader is not None:
            reader.join(2)

    def _say_goodbye(self, websocket: WebSocket) -> None:
        with suppress(WebSocketException, OSError):
            websocket.send_close()

    def _hang_up(self) -> None:
        sock = self._socket
        if sock is not None:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)  # wakes the reader, and whoever is sending

    # -- the reader thread --------------------------------------------------------------------

    def _stay_connected(self, websocket: WebSocket | None) -> None:
        delay = FIRST_DELAY
        while not self._ending.is_set():
            began = time.monotonic()
            try:
                websocket = websocket or self._dial()
                self._read(websocket)
            except AuthenticationError as error:
                self._failure = error
                if self._settled.is_set():  # else start() or run() raises it
                    log.error("%s", error)
                break
            except NetworkError as error:
                reason = error
            websocket = None
            if self._ending.is_set():
                break
            if time.monotonic() - began > delay:  # it lasted: begin anew
                delay = FIRST_DELAY
            pause = min(LAST_DELAY, delay * random.uniform(1, 1.5))
            log.warning("%s Trying again in %.1f s. 稍后自动重连。", reason, pause)
            self._ending.wait(pause)
            delay = min(LAST_DELAY, delay * 2)
        self._settled.set()
        if self._failure is not None:
            self._over.set()  # run() ends and raises it

    def _read(self, websocket: WebSocket) -> None:
        """Take frames until the connection ends, which is always an error that says why."""
        connection = WsConnection(
            lambda text: self._send(websocket, text), self._shown, self._complain
        )
        self._connection = connection
        self._websocket = websocket
        greeted = False
        self_id: int | None = None
        reason: NetworkError | AuthenticationError = connection_lost(self._shown, "stopped")
        try:
            for frame in self._frames(websocket):
                event = connection.receive(frame) if frame is not None else None
                if not greeted:
                    greeted = True
                    self_id = id_of(event.get("self_id")) if event else None
                    self._greet(self_id)
                if event is not None:
                    self.handle(event)
        except (NetworkError, AuthenticationError) as error:
            reason = error
            raise
        finally:
            self._connection = self._websocket = None
            connection.close(reason)
            websocket.shutdown()  # type: ignore[no-untyped-call]
            if greeted:
                self._disconnected(self_id)

    def _greet(self, self_id: int | None) -> None:
        log.info("connected to %s. 已连接。", self._shown)
        if self._settled.is_set():
            self._count("reconnects")
        self._connected(self_id)
        self._settled.set()

    def _frames(self, websocket: WebSocket) -> Iterator[bytes | None]:
        """The frames; None for one that is nothing but a sign of life, or when none comes first."""
        websocket.settimeout(FIRST_FRAME_SECONDS)
        try:
            yield self._frame(websocket)
        except WebSocketTimeoutException:
            yield None
        pinged = False
        while True:
            websocket.settimeout(self.ping_timeout if pinged else self.ping_interval)
            try:
                while not pinged:
                    yield self._frame(websocket)
                yield self._frame(websocket)
                pinged = False
            except WebSocketTimeoutException:
                if pinged:
                    seconds = self.ping_interval + self.ping_timeout
                    raise connection_lost(self._shown, f"silent for {seconds:g} s") from None
                pinged = True
                self._send(websocket, b"", ABNF.OPCODE_PING)

    def _frame(self, websocket: WebSocket) -> bytes | None:
        try:
            opcode, data = websocket.recv_data(control_frame=True)
        except WebSocketTimeoutException:
            raise
        except (WebSocketException, OSError) as error:
            raise connection_lost(self._shown, error) from error
        if opcode == ABNF.OPCODE_CLOSE:
            code = int.from_bytes(data[:2], "big") or "no code"
            raise connection_lost(self._shown, f"OneBot closed it ({code})")
        return data if opcode in (ABNF.OPCODE_TEXT, ABNF.OPCODE_BINARY) else None

    def _send(
        self, websocket: WebSocket, data: str | bytes, opcode: int = ABNF.OPCODE_TEXT
    ) -> None:
        try:
            websocket.send(data, opcode)
        except (WebSocketException, OSError) as error:
            self._hang_up()  # half a frame may be on the wire: nothing can follow it
            raise connection_lost(self._shown, error) from error

    # -- connecting ---------------------------------------------------------------------------

    def _dial(self) -> WebSocket:
        """A new connection, after the handshake."""
        try:
            sock = self._connect()
            headers = [f"Authorization: Bearer {self._token}"] if self._token else []
            websocket: WebSocket = create_connection(
                self.url,
                timeout=HANDSHAKE_SECONDS,
                socket=sock,  # connected by ourselves, so that no proxy catches it
                header=headers,
                suppress_origin=True,
                skip_utf8_validation=True,  # json decodes the bytes anyway
                redirect_limit=0,
            )
        except WebSocketBadStatusException as error:
            if error.status_code in (401, 403):
                raise token_refused(self._shown) from error
            raise NetworkError(
                f"{self._shown} answered HTTP {error.status_code}, no WebSocket is there. "
                "这个地址不是 WebSocket 服务器：端口写成 HTTP 的了吗？"
                "NapCat 的 WebSocket 服务器默认是 3001，路径是 /。"
            ) from error
        except WebSocketTimeoutException as error:
            raise cannot_connect(self.url, TimeoutError()) from error
        except (WebSocketException, OSError) as error:
            raise cannot_connect(self.url, error) from error
        return websocket

    def _connect(self) -> socket.socket | TlsSocket:
        host, port = self._address.hostname or "", self._address.port
        secure = self._address.scheme == "wss"
        failed: OSError = ConnectionRefusedError()
        found = socket.getaddrinfo(host, port or (443 if secure else 80), type=socket.SOCK_STREAM)
        for family, kind, protocol, _, address in found:
            sock = self._socket = socket.socket(family, kind, protocol)
            try:
                self._connect_to(sock, address)
                sock.settimeout(HANDSHAKE_SECONDS)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                return self._secure(sock, host) if secure else sock
            except OSError as error:
                self._socket.close()  # which may be the TLS one by now
                failed = error
        raise failed

    def _connect_to(self, sock: socket.socket, address: Any) -> None:
        """Connect in slices, so that stop() need not wait for a peer that does not answer."""
        sock.setblocking(False)
        sock.connect_ex(address)
        deadline = time.monotonic() + HANDSHAKE_SECONDS
        with selectors.DefaultSelector() as selector:
            selector.register(sock, selectors.EVENT_WRITE)
            while not selector.select(SLICE_SECONDS):
                if time.monotonic() > deadline:
                    raise TimeoutError
                self._check_not_ending()
        code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise OSError(code, os.strerror(code))
        self._check_not_ending()

    def _secure(self, sock: socket.socket, host: str) -> TlsSocket:
        context = ssl.create_default_context(cafile=self._ca_file)
        wrapped = context.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
        secure = self._socket = TlsSocket(wrapped, HANDSHAKE_SECONDS)
        self._check_not_ending()
        secure.do_handshake()
        return secure

    def _check_not_ending(self) -> None:
        # stop() sets the flag, then shuts down the socket that it finds: one of both is seen here
        if self._ending.is_set():
            raise ConnectionAbortedError("stopped")
