"""正向 WebSocket：我们去连 OneBot 的 WebSocket 服务器。

Forward WebSocket: we connect to OneBot's WebSocket server.
"""

from __future__ import annotations

import errno
import logging
import math
import os
import random
import selectors
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from threading import Event as Flag
from threading import Thread, Timer
from typing import Any

from websocket import (
    ABNF,
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
from .errors import AuthenticationError, NetworkError, OneBotError
from .event import id_of
from .lean_websocket import LeanWebSocket, cut
from .running import END_SECONDS
from .tls_socket import TlsSocket
from .ws_connection import WsConnection, connection_lost, token_refused

log = logging.getLogger("onebot_simple")

HANDSHAKE_SECONDS = 10.0
FIRST_FRAME_SECONDS = 0.5  # NapCat speaks first: it greets, or it refuses the token
START_SECONDS = FIRST_FRAME_SECONDS + 1  # how long start() waits to hear which
GOODBYE_SECONDS = 0.2
SLICE_SECONDS = 0.1
NO_ROUTE = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL)
FIRST_DELAY, LAST_DELAY = 1.0, 60.0  # seconds between attempts to connect
JITTER = 1.5  # a delay is made longer by up to this factor, so that not all bots come at once


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
        self._settled = Flag()  # set when a failure is no longer start()'s to raise; new each time
        self._connection: WsConnection | None = None  # replaced by the reader only
        self._websocket: LeanWebSocket | None = None
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
        return self._counted_stream(lambda: self._online().stream(action, params, self.timeout))

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
        if self._stopping.is_set():
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
        ending, settled = self._stopping, Flag()
        self._settled = settled
        websocket = None if self._patient else self._dial(ending)
        reader = Thread(
            target=self._stay_connected,
            args=(websocket, ending, settled),
            name="onebot_simple reader",
            daemon=True,
        )
        with self._state:  # stop() finds a thread that it can join, or none
            reader.start()
            self._reader = reader
        if websocket is not None:
            settled.wait(START_SECONDS)
            with self._state:  # the reader has judged its first connection by now, or is overruled
                settled.set()
            if self._failure is not None:
                raise self._failure

    def _close(self) -> None:
        websocket = self._websocket
        if websocket is not None:  # a polite word, but not if somebody is stuck sending
            goodbye = Thread(target=websocket.send_close, daemon=True)
            goodbye.start()
            goodbye.join(GOODBYE_SECONDS)
        self._hang_up()
        with self._state:
            reader, self._reader = self._reader, None
        if reader is not None:
            reader.join(END_SECONDS)  # one that waits for DNS ends by itself later

    def _hang_up(self) -> None:
        cut(self._socket)

    # -- the reader thread --------------------------------------------------------------------

    def _stay_connected(self, websocket: LeanWebSocket | None, ending: Flag, settled: Flag) -> None:
        delay = FIRST_DELAY
        while not ending.is_set():
            lasted, reason = self._attempt(websocket, ending)
            websocket = None
            if ending.is_set():
                if lasted > 0:
                    log.info("disconnected from %s: stopped. 已断开。", self._shown)
                break
            if self._is_final(reason):
                break
            if lasted > delay:
                delay = FIRST_DELAY
            pause = delay * random.uniform(1, JITTER)
            log.warning("%s Trying again in %.1f s. 稍后自动重连。", reason, pause)
            ending.wait(pause)
            delay = min(LAST_DELAY / JITTER, delay * 2)
        if websocket is not None:
            websocket.shutdown()  # type: ignore[no-untyped-call]  # stopped before it was read
        settled.set()

    def _attempt(self, websocket: LeanWebSocket | None, ending: Flag) -> tuple[float, Exception]:
        """Connect, and read until it ends; how many seconds it was connected, and why it ended."""
        connected = math.inf
        reason: Exception
        try:
            websocket = websocket or self._dial(ending)
            connected = time.monotonic()
            self._read(websocket)
        except (NetworkError, AuthenticationError) as error:
            reason = error
        except Exception as error:  # whatever it is, a bot must not go deaf without a word
            log.exception("reading from %s failed. 读取数据时出错了：", self._shown)
            reason = error
        return time.monotonic() - connected, reason

    def _is_final(self, reason: Exception) -> bool:
        """Whether start() or run() has to raise the reason; no further attempt is made then."""
        refused = isinstance(reason, AuthenticationError)
        with self._state:  # start() gives up waiting before that or after it
            settled = self._settled.is_set()
            if not refused and (settled or self._patient):
                return False
            self._failure = reason if isinstance(reason, OneBotError) else None
        if refused and settled:
            log.error("%s", reason)
        return self._failure is not None

    def _read(self, websocket: LeanWebSocket) -> None:
        """Take frames until the connection ends, which is always an error that says why."""
        connection = WsConnection(
            lambda text: self._sent(lambda: websocket.send(text)), self._shown, self._complain
        )
        self._connection = connection
        self._websocket = websocket
        greeted = False
        self_id: int | None = None
        reason: NetworkError | AuthenticationError = connection_lost(self._shown, "stopped")
        try:
            for frame in self._frames(websocket):
                event = connection.receive(frame) if frame is not None else None
                if frame is not None and connection.pause:
                    time.sleep(connection.pause)
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
            cut(websocket.sock)  # wakes whoever is sending
            websocket.shutdown()  # type: ignore[no-untyped-call]
            if greeted:
                self._disconnected(self_id)

    def _greet(self, self_id: int | None) -> None:
        log.info("connected to %s. 已连接。", self._shown)
        if self._settled.is_set():
            self._count("reconnects")
        self._connected(self_id)
        self._settled.set()

    def _frames(self, websocket: LeanWebSocket) -> Iterator[bytes | bytearray | None]:
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
                    yield from websocket.messages()
                yield self._frame(websocket)
                pinged = False
            except WebSocketTimeoutException:
                if pinged:
                    seconds = self.ping_interval + self.ping_timeout
                    raise connection_lost(self._shown, f"silent for {seconds:g} s") from None
                pinged = bool(self._sent(websocket.try_ping))

    def _frame(self, websocket: LeanWebSocket) -> bytes | None:
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

    def _sent(self, send: Callable[[], int]) -> int:
        try:
            return send()
        except (WebSocketException, OSError, ValueError) as error:  # ValueError: closed meanwhile
            raise connection_lost(self._shown, error) from error

    # -- connecting ---------------------------------------------------------------------------

    def _dial(self, ending: Flag) -> LeanWebSocket:
        """A new connection, after the handshake."""
        try:
            websocket = self._shake_hands(self._connect(ending))
        except WebSocketBadStatusException as error:
            if error.status_code in (401, 403):
                raise token_refused(self._shown) from error
            raise self._no_websocket(error.status_code) from error
        except WebSocketTimeoutException as error:
            raise cannot_connect(self.url, TimeoutError()) from error
        except (WebSocketException, OSError, ValueError, IndexError) as error:
            raise cannot_connect(self.url, error) from error  # the last two: garbage came
        status = websocket.getstatus()
        if status != 101:  # websocket-client 1.8 takes a redirect for a success
            websocket.shutdown()  # type: ignore[no-untyped-call]
            raise self._no_websocket(status)
        return websocket

    def _shake_hands(self, sock: socket.socket | TlsSocket) -> LeanWebSocket:
        headers = [f"Authorization: Bearer {self._token}"] if self._token else []
        deadline = time.monotonic() + HANDSHAKE_SECONDS
        late = Timer(HANDSHAKE_SECONDS, cut, [sock])  # who only drips is in time with each byte
        late.daemon = True
        late.start()
        try:
            websocket = create_connection(
                self.url,
                timeout=HANDSHAKE_SECONDS,
                class_=LeanWebSocket,
                socket=sock,  # connected by ourselves, so that no proxy catches it
                header=headers,
                suppress_origin=True,
                skip_utf8_validation=True,  # json decodes the bytes anyway
                redirect_limit=0,
            )
        except WebSocketException as error:
            if time.monotonic() >= deadline:
                raise TimeoutError from error
            raise
        finally:
            late.cancel()
        assert isinstance(websocket, LeanWebSocket)
        websocket.patience = self.ping_timeout
        return websocket

    def _no_websocket(self, status: int | None) -> NetworkError:
        return NetworkError(
            f"{self._shown} answered HTTP {status}, no WebSocket is there. "
            "这个地址不是 WebSocket 服务器：端口写成 HTTP 的了吗？"
            "NapCat 的 WebSocket 服务器默认是 3001，路径是 /。"
        )

    def _connect(self, ending: Flag) -> socket.socket | TlsSocket:
        host, port = self._address.hostname or "", self._address.port
        secure = self._address.scheme == "wss"
        failed: list[OSError] = []
        found = socket.getaddrinfo(host, port or (443 if secure else 80), type=socket.SOCK_STREAM)
        _check_not_set(ending)  # that may have taken longer than the bot lived
        for family, kind, protocol, _, address in found:
            sock = socket.socket(family, kind, protocol)
            self._socket = sock
            try:
                self._connect_to(sock, address, ending)
                sock.settimeout(HANDSHAKE_SECONDS)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                return self._secure(sock, host, ending) if secure else sock
            except OSError as error:
                sock.close()
                failed.append(error)
        raise min(failed, key=lambda error: error.errno in NO_ROUTE)  # any other says more

    def _connect_to(self, sock: socket.socket, address: Any, ending: Flag) -> None:
        """Connect in slices, so that stop() need not wait for a peer that does not answer."""
        sock.setblocking(False)
        with suppress(BlockingIOError):  # it is on its way
            sock.connect(address)
        deadline = time.monotonic() + HANDSHAKE_SECONDS
        with selectors.DefaultSelector() as selector:
            selector.register(sock, selectors.EVENT_WRITE)
            while not selector.select(SLICE_SECONDS):
                if time.monotonic() > deadline:
                    raise TimeoutError
                _check_not_set(ending)
        code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise OSError(code, os.strerror(code))
        _check_not_set(ending)

    def _secure(self, sock: socket.socket, host: str, ending: Flag) -> TlsSocket:
        context = ssl.create_default_context(cafile=self._ca_file)
        wrapped = context.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
        secure = self._socket = TlsSocket(wrapped, HANDSHAKE_SECONDS)
        try:
            _check_not_set(ending)
            secure.do_handshake()
        except OSError:
            secure.close()
            raise
        return secure


def _check_not_set(ending: Flag) -> None:
    # stop() sets the flag, then shuts down the socket that it finds: one of both is seen here
    if ending.is_set():
        raise ConnectionAbortedError("stopped")
