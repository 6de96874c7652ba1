"""正向 WebSocket：我们去连 OneBot 的 WebSocket 服务器。

Forward WebSocket: we connect to OneBot's WebSocket server.
"""

from __future__ import annotations

import logging
import math
import random
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from threading import Event as Flag
from threading import Thread
from typing import Any, NamedTuple

from websocket import (
    ABNF,
    WebSocket,
    WebSocketConnectionClosedException,
    WebSocketException,
    WebSocketTimeoutException,
    create_connection,
)

from .addresses import (
    check_ca_file,
    check_seconds,
    check_token,
    check_url,
)
from .bot import Bot
from .client_socket import ClientSocket, handshake_error, open_socket
from .errors import AuthenticationError, NetworkError, OneBotError
from .event import id_of
from .running import END_SECONDS
from .ws_connection import WsConnection, connection_ended, connection_lost, token_refused

log = logging.getLogger("onebot_simple")

HANDSHAKE_SECONDS = 10.0
FIRST_FRAME_SECONDS = 0.5  # NapCat speaks first: it greets, or it refuses the token
GOODBYE_SECONDS = 0.2
FIRST_DELAY, LAST_DELAY = 1.0, 60.0  # seconds between attempts to connect
JITTER = 1.5  # a delay is made longer by up to this factor, so that not all bots come at once
ENDED = (WebSocketException, OSError, ValueError)  # ValueError: of a socket that is closed


class Link(NamedTuple):
    """A connection to OneBot, after its first frame."""

    websocket: WebSocket
    protocol: WsConnection
    first: dict[str, Any] | None  # the first frame, if it is an event

    @property
    def self_id(self) -> int | None:
        return id_of(self.first.get("self_id")) if self.first else None


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
        self.url = url  # both are read again by each start()
        self.access_token = access_token
        self.ping_interval = check_seconds(ping_interval, "ping_interval")
        self.ping_timeout = check_seconds(ping_timeout, "ping_timeout")
        self._ca_file = check_ca_file(ca_file)
        self._read_settings()
        self._patient = False  # whether start() leaves the first attempt to the reader
        self._link: Link | None = None  # while connected
        self._socket: ClientSocket | None = None  # what stop() shuts down
        self._reader: Thread | None = None
        self._was_connected = False  # since start()

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
        link = self._link
        if link is not None:
            return link.protocol
        shown = self._address.base
        if isinstance(self._failure, AuthenticationError):
            raise token_refused(shown, bool(self._token))
        if not self._running:
            raise NetworkError(
                f"还没有连接 {shown}：先用 with bot: 或 bot.start()，或者在处理函数里调用。 "
                f"Not connected to {shown}: not started. Use with bot: or bot.start() first, or "
                "call it in a handler."
            )
        if self._stopping.is_set():
            raise connection_ended(shown)
        raise NetworkError(
            f"和 {shown} 的连接断开了，正在重连：OneBot 还开着吗？ "
            f"Not connected to {shown} at the moment, trying again: is OneBot still running?"
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
        stopping = self._stopping
        self._was_connected = False
        link = None if self._patient else self._connect(stopping)
        reader = Thread(
            target=self._stay_connected,
            args=(link, stopping),
            name="onebot_simple reader",
            daemon=True,
        )
        with self._state:  # stop() finds a thread that it can join, or none
            reader.start()
            self._reader = reader

    def _close(self) -> None:
        link = self._link
        if link is not None:
            # in a thread, because a sender that is stuck holds the lock of the WebSocket
            goodbye = Thread(target=_say_goodbye, args=(link.websocket,), daemon=True)
            goodbye.start()
            goodbye.join(GOODBYE_SECONDS)
        if self._socket is not None:
            self._socket.shutdown()
        with self._state:
            reader, self._reader = self._reader, None
        if reader is not None:
            reader.join(END_SECONDS)  # one that waits for DNS ends by itself later

    # -- the reader thread --------------------------------------------------------------------

    def _stay_connected(self, link: Link | None, stopping: Flag) -> None:
        """Read until the connection ends, then make the next one, until the bot is stopped."""
        delay = FIRST_DELAY
        while True:
            lasted, reason = self._attempt(link, stopping)
            link = None
            if stopping.is_set():
                if lasted:
                    log.info("已断开 disconnected from %s", self._address.base)
                return
            if isinstance(reason, AuthenticationError):
                self._failure = reason  # which run() raises
                if not self._patient:
                    log.error("%s", reason)
                return
            if lasted > delay:
                delay = FIRST_DELAY
            pause = delay * random.uniform(1, JITTER)
            log.warning("%s %.1f 秒后自动重连。 Trying again in %.1f s.", reason, pause, pause)
            stopping.wait(pause)
            delay = min(LAST_DELAY / JITTER, delay * 2)

    def _attempt(self, link: Link | None, stopping: Flag) -> tuple[float, OneBotError]:
        """Connect, and read to the end. Return how long it was connected, and why it ended."""
        reason: OneBotError
        connected = time.monotonic()
        try:
            link = link or self._connect(stopping)
            connected = time.monotonic()
            self._greet(link)
            self._read(link.websocket, link.protocol)
        except OneBotError as error:
            reason = error
        except (WebSocketException, OSError) as error:
            reason = self._lost(error)
        except Exception as error:  # whatever it is, a bot must not go deaf without a word
            log.exception("读取 %s 时出错了 reading from it failed:", self._address.base)
            reason = self._lost(error)
        if link is None:
            return 0.0, reason
        self._link = None
        link.protocol.close(reason)
        _hang_up(link.websocket)
        self._disconnected(link.self_id)
        return time.monotonic() - connected, reason

    def _greet(self, link: Link) -> None:
        log.info("已连接 connected to %s", self._address.base)
        if self._was_connected:
            self._count("reconnects")
        self._was_connected = True
        self._connected(link.self_id)
        if link.first is not None:
            self.handle(link.first, number=1)

    def _read(self, websocket: WebSocket, protocol: WsConnection) -> None:
        """Take frames until the connection ends, which is always an error that says why."""
        seconds = f"{self.ping_interval + self.ping_timeout:g}"
        silent = f"it was silent for {seconds} s", f"{seconds} 秒没有动静"
        pinged = False
        while True:
            websocket.settimeout(self.ping_timeout if pinged else self.ping_interval)
            try:
                opcode, data = websocket.recv_data(control_frame=True)
            except WebSocketTimeoutException:
                if pinged:
                    raise connection_lost(self._address.base, *silent) from None
                websocket.ping()
                pinged = True
                continue
            pinged = False
            event = self._event_in(protocol, opcode, data)
            if event is not None:
                self.handle(event, number=protocol.received)

    def _event_in(self, protocol: WsConnection, opcode: int, data: bytes) -> dict[str, Any] | None:
        if opcode == ABNF.OPCODE_CLOSE:
            code = int.from_bytes(data[:2], "big") or "no code"
            english, chinese = f"OneBot closed it ({code})", f"OneBot 关闭了它（{code}）"
            raise connection_lost(self._address.base, english, chinese)
        if opcode in (ABNF.OPCODE_TEXT, ABNF.OPCODE_BINARY):
            return protocol.receive(data)
        return None  # a ping or a pong

    def _lost(self, error: Exception) -> NetworkError:
        if self._stopping.is_set():
            return connection_ended(self._address.base)
        log.debug("the connection to %s ended", self._address.base, exc_info=error)
        if isinstance(error, WebSocketConnectionClosedException):
            return connection_lost(self._address.base, "the other side closed it", "对方关闭了它")
        return connection_lost(self._address.base, error)

    # -- connecting ---------------------------------------------------------------------------

    def _connect(self, stopping: Flag) -> Link:
        """A new connection, after its first frame: NapCat greets, or it refuses the token."""
        websocket = self._dial(stopping)
        base, has_token = self._address.base, bool(self._token)

        def send(text: str) -> None:
            try:
                websocket.send(text)
            except ENDED as error:
                raise self._lost(error) from None

        protocol = WsConnection(send, base, self._complain, has_token=has_token)
        event = None
        try:
            websocket.settimeout(FIRST_FRAME_SECONDS)
            event = self._event_in(protocol, *websocket.recv_data(control_frame=True))
        except WebSocketTimeoutException:
            pass  # others than NapCat need not greet
        except ENDED as error:
            _hang_up(websocket)
            raise self._lost(error) from None
        except BaseException:
            _hang_up(websocket)
            raise
        self._link = link = Link(websocket, protocol, event)
        return link

    def _dial(self, stopping: Flag) -> WebSocket:
        """A new WebSocket, after the handshake."""
        try:
            show = partial(self._show_to_stop, stopping)
            sock = open_socket(self._address, self._ca_file, self.ping_timeout, show)
            return self._shake_hands(sock)
        except (*ENDED, IndexError) as error:  # IndexError, ValueError: garbage came
            if stopping.is_set():
                raise connection_ended(self._address.base) from None
            # not the error itself, for it may show an answer that repeats our token
            log.debug("cannot connect to %s: %s", self._address.base, type(error).__name__)
            raise handshake_error(self._address, bool(self._token), error) from None

    def _show_to_stop(self, stopping: Flag, sock: ClientSocket) -> None:
        """Let stop() shut down the socket. Raise an error if stop() has been called."""
        with self._state:  # stop() sets the flag with it
            if stopping.is_set():
                raise ConnectionAbortedError("stopped")
            self._socket = sock

    def _shake_hands(self, sock: ClientSocket) -> WebSocket:
        sock.settimeout(HANDSHAKE_SECONDS)  # websocket-client leaves that to us
        sock.deadline = time.monotonic() + HANDSHAKE_SECONDS
        try:
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
        except BaseException:
            sock.close()
            raise
        sock.deadline = math.inf
        return websocket


def _say_goodbye(websocket: WebSocket) -> None:
    with suppress(*ENDED):
        websocket.send_close()


def _hang_up(websocket: WebSocket) -> None:
    """End the connection."""
    sock = websocket.sock
    if isinstance(sock, ClientSocket):
        sock.shutdown()  # wakes whoever is sending
        with websocket.lock:  # and waits for him: the system gives this file number to others
            sock.close()
