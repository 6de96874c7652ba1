"""正向 WebSocket：我们去连 OneBot 的 WebSocket 服务器。

Forward WebSocket: we connect to OneBot's WebSocket server.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from threading import Event as Flag
from threading import Thread
from typing import Any

from websocket import (
    ABNF,
    WebSocket,
    WebSocketConnectionClosedException,
    WebSocketException,
    WebSocketTimeoutException,
    create_connection,
)

from .addresses import (
    WEBUI_PORT,
    cannot_connect,
    check_ca_file,
    check_seconds,
    check_token,
    check_url,
    wrong_service,
)
from .bot import Bot
from .client_socket import ClientSocket
from .errors import AuthenticationError, NetworkError, OneBotError
from .event import Event, id_of
from .running import END_SECONDS, SLICE_SECONDS
from .ws_connection import WsConnection, connection_ended, connection_lost, token_refused

log = logging.getLogger("onebot_simple")

HANDSHAKE_SECONDS = 10.0
FIRST_FRAME_SECONDS = 0.5
GOODBYE_SECONDS = 0.2
FIRST_DELAY, LAST_DELAY = 1.0, 60.0  # seconds between attempts to connect
JITTER = 1.5  # a delay is made longer by up to this factor, so that not all bots come at once
ENDED = (WebSocketException, OSError)  # what websocket-client raises when a connection ends
NO_WEBSOCKET = (
    "端口写成 HTTP 服务器的了吗？NapCat 的 WebSocket 服务器默认是 3001，路径是 /。",
    "Is this the port of the HTTP server? NapCat's WebSocket server is at 3001, its path is /.",
)


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
        command_prefix: str | Iterable[str] = "/",
    ) -> None:
        super().__init__(timeout=timeout, command_prefix=command_prefix)
        self.url = url  # both are read again by each start()
        self.access_token = access_token
        self.ping_interval = check_seconds(ping_interval, "ping_interval")
        self.ping_timeout = check_seconds(ping_timeout, "ping_timeout")
        self._ca_file = check_ca_file(ca_file)
        self._read_settings()
        self._patient = False  # whether start() returns before there is a connection
        self._websocket: WebSocket | None = None  # both while connected
        self._calls: WsConnection | None = None
        self._socket: ClientSocket | None = None  # what stop() shuts down
        self._reader: Thread | None = None

    def _read_settings(self) -> None:
        self._address = check_url(self.url, "ws")
        self._token = check_token(self.access_token or self._address.token)

    def request(
        self, action: str, params: dict[str, Any] | None = None, *, timeout: float | None = None
    ) -> dict[str, Any]:
        """调用一个动作，原样返回整个回答。

        Calls an action and returns the whole answer, as the documentation prints it.

        timeout: seconds. Does not raise on ``failed``. Errors: NetworkError, ApiTimeout,
        AuthenticationError.
        """
        seconds = self.timeout if timeout is None else check_seconds(timeout, "timeout")
        origin = self._origin()
        return self._counted(lambda: self._online().request(action, params, seconds, origin))

    def _stream(self, action: str, params: dict[str, Any]) -> Iterator[dict[str, Any]]:
        origin = self._origin()
        return self._counted_stream(
            lambda: self._online().stream(action, params, self.timeout, origin)
        )

    def _online(self) -> WsConnection:
        """The connection, or the error that says why there is none."""
        calls, base = self._calls, self._address.base
        if calls is not None:
            return calls
        if isinstance(self._failure, AuthenticationError):
            raise token_refused(base, bool(self._token))
        raise NetworkError(
            f"现在没有连接 {base}：用 with bot: 或 bot.start() 启动了吗？OneBot 开着吗？ "
            f"Not connected to {base} at the moment: the bot is not started (use with bot: or "
            "bot.start()), or OneBot is not running."
        )

    # -- starting and stopping ----------------------------------------------------------------

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
        self._read_settings()
        started = Flag()  # set when the first connection is there, or when there will be none
        reader = Thread(
            target=self._stay_connected,
            args=(self._stopping, started),
            name="onebot_simple reader",
            daemon=True,
        )
        reader.start()
        self._reader = reader  # only now, because stop() joins it
        if self._patient:
            return
        while not (started.wait(SLICE_SECONDS) or self._stopping.is_set()):
            pass
        if self._stopping.is_set():
            raise connection_ended(self._address.base)
        if self._failure is not None:
            raise self._failure

    def _close(self) -> None:
        if self._websocket is not None:
            # in a thread, because a sender that is stuck holds the lock of the WebSocket
            goodbye = Thread(target=_say_goodbye, args=(self._websocket,), daemon=True)
            goodbye.start()
            goodbye.join(GOODBYE_SECONDS)
            log.info("已断开 disconnected from %s", self._address.base)
        if self._socket is not None:
            self._socket.shutdown()
        if self._reader is not None:
            self._reader.join(END_SECONDS)  # one that waits for DNS ends by itself later

    # -- the reader thread --------------------------------------------------------------------

    def _stay_connected(self, stopping: Flag, started: Flag) -> None:
        """Connect and read, again and again, until the bot is stopped."""
        delay = FIRST_DELAY
        while True:
            seconds, reason = self._attempt(stopping, started)
            if stopping.is_set():
                break
            if isinstance(reason, AuthenticationError) or not (self._patient or started.is_set()):
                self._failure = reason  # which run() or start() raises
                if started.is_set() and not self._patient:
                    log.error("%s", reason)
                break
            if seconds > delay:
                delay = FIRST_DELAY
            pause = delay * random.uniform(1, JITTER)
            log.warning("%s %.1f 秒后自动重连。 Trying again in %.1f s.", reason, pause, pause)
            stopping.wait(pause)
            delay = min(LAST_DELAY / JITTER, delay * 2)
        started.set()

    def _attempt(self, stopping: Flag, started: Flag) -> tuple[float, OneBotError]:
        """Connect, and read to the end. Return how long it was connected, and why it ended."""
        sock = self._socket = ClientSocket(self.ping_timeout)
        try:
            if stopping.is_set():  # then stop() may not have seen this socket
                raise connection_ended(self._address.base)
            websocket = self._dial(sock)
            connected = time.monotonic()
            reason = self._use(websocket, started)
            return time.monotonic() - connected, reason
        except Exception as error:
            return 0.0, self._lost(error)
        finally:
            sock.close()

    def _use(self, websocket: WebSocket, started: Flag) -> OneBotError:
        """Take the events and answers of a connection to its end. Return why it ended."""
        calls = WsConnection(
            lambda text: self._send(websocket, text),
            self._address.base,
            self._complain,
            has_token=bool(self._token),
        )
        self_id = None
        try:
            first = self._first_event(websocket, calls)
            self_id = id_of(first.get("self_id")) if first else None
            self._websocket, self._calls = websocket, calls
            if started.is_set():
                self._count("reconnects")
            started.set()
            log.info("已连接 connected to %s", self._address.base)
            self._connected(self_id)
            if first:
                self.handle(first, number=1)
            self._read(websocket, calls)
        except Exception as error:  # whatever it is, a bot must not go deaf without a word
            reason = self._lost(error)
        calls.close(reason)
        if self._calls is calls:
            self._websocket = self._calls = None
            self._disconnected(self_id)
        return reason

    def _first_event(self, websocket: WebSocket, calls: WsConnection) -> Event | None:
        """Wait a moment for the first frame: NapCat greets, or it refuses the token."""
        websocket.settimeout(FIRST_FRAME_SECONDS)
        try:
            return self._event_in(calls, *websocket.recv_data(control_frame=True))
        except WebSocketTimeoutException:
            return None  # others than NapCat need not greet

    def _read(self, websocket: WebSocket, calls: WsConnection) -> None:
        """Take frames until the connection ends, which is always an error that says why."""
        pinged = False
        while True:
            websocket.settimeout(self.ping_timeout if pinged else self.ping_interval)
            try:
                opcode, data = websocket.recv_data(control_frame=True)
            except WebSocketTimeoutException:
                if pinged:
                    seconds = f"{self.ping_interval + self.ping_timeout:g}"
                    silent = f"it was silent for {seconds} s", f"{seconds} 秒没有动静"
                    raise connection_lost(self._address.base, *silent) from None
                websocket.ping()
                pinged = True
                continue
            pinged = False
            event = self._event_in(calls, opcode, data)
            if event is not None:
                self.handle(event, number=calls.received)

    def _event_in(self, calls: WsConnection, opcode: int, data: bytes) -> Event | None:
        if opcode == ABNF.OPCODE_CLOSE:
            code = int.from_bytes(data[:2], "big") or "no code"
            english, chinese = f"OneBot closed it ({code})", f"OneBot 关闭了它（{code}）"
            raise connection_lost(self._address.base, english, chinese)
        if opcode in (ABNF.OPCODE_TEXT, ABNF.OPCODE_BINARY):
            return calls.receive(data)
        return None  # a ping or a pong

    def _lost(self, error: Exception) -> OneBotError:
        """The error to raise for what ended the connection."""
        if self._stopping.is_set():
            return connection_ended(self._address.base)
        if isinstance(error, OneBotError):
            return error
        level = logging.DEBUG if isinstance(error, ENDED) else logging.ERROR
        log.log(level, "%s 断开了 ended:", self._address.base, exc_info=error)
        if isinstance(error, WebSocketConnectionClosedException):
            return connection_lost(self._address.base, "the other side closed it", "对方关闭了它")
        return connection_lost(self._address.base, error)

    def _send(self, websocket: WebSocket, text: str) -> None:
        try:
            websocket.send(text)
        except ENDED as error:
            raise self._lost(error) from None

    # -- connecting ---------------------------------------------------------------------------

    def _dial(self, sock: ClientSocket) -> WebSocket:
        """A new WebSocket, after the handshake."""
        try:
            sock.connect(self._address, self._ca_file)
            sock.settimeout(HANDSHAKE_SECONDS)  # websocket-client leaves that to us
            websocket = create_connection(
                self._address.url,
                socket=sock,  # a socket of our own, which no proxy of the environment catches
                header=[f"Authorization: Bearer {self._token}"] if self._token else [],
                suppress_origin=True,
                skip_utf8_validation=True,  # json decodes the bytes anyway
                redirect_limit=0,
            )
            if websocket.getstatus() != 101:  # websocket-client 1.8 takes a redirect for a success
                raise WebSocketException("a redirect")
            return websocket
        except (*ENDED, ValueError, IndexError) as error:  # the last two: garbage came
            # not the error itself, for it may show an answer that repeats our token
            log.debug("cannot connect to %s: %s", self._address.base, type(error).__name__)
            raise self._not_connected(error) from None

    def _not_connected(self, error: Exception) -> OneBotError:
        """The error to raise when there is no WebSocket after the handshake."""
        base, status = self._address.base, getattr(error, "status_code", None)
        if isinstance(error, WebSocketTimeoutException):
            error = TimeoutError()
        if isinstance(error, WebSocketConnectionClosedException):
            error = ConnectionError()
        if isinstance(error, OSError):
            return cannot_connect(base, error)
        if status in (401, 403) and self._address.port != WEBUI_PORT:
            return token_refused(base, bool(self._token))
        what = f"HTTP {status}" if status else "别的内容 something else (a redirect?)"
        fact = (
            f"{base} 回答的是 {what}，那里没有 WebSocket",
            f"{base} answered {what}, no WebSocket is there",
        )
        return wrong_service(base, fact, NO_WEBSOCKET)


def _say_goodbye(websocket: WebSocket) -> None:
    with suppress(*ENDED):
        websocket.send_close()
