"""正向 WebSocket：我们去连 OneBot 的 WebSocket 服务器。

Forward WebSocket: we connect to OneBot's WebSocket server.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Iterable
from copy import copy
from threading import Event as Flag
from threading import Thread
from typing import Any

from websocket import (
    ABNF,
    WebSocket,
    WebSocketException,
    WebSocketTimeoutException,
    create_connection,
)

from . import addresses
from .actions import Responses
from .bot import Bot
from .client_socket import ClientSocket
from .errors import AuthenticationError, NetworkError, OneBotError
from .event import Event, id_of
from .logs import log
from .running import END_SECONDS, STOPPED
from .waits import SLICE_SECONDS
from .ws_connection import Inbox, WsConnection, bot_was_stopped, connection_lost

STREAM_BACKLOG = 64  # frames of a stream that may wait before the reader slows down
HANDSHAKE_SECONDS = 10.0
FIRST_FRAME_SECONDS = 0.5
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
        command_prefix: str | Iterable[str] = "/",
    ) -> None:
        super().__init__(timeout=timeout, command_prefix=command_prefix)
        self.url = url  # both are read again by each start()
        self.access_token = access_token
        self.ping_interval = addresses.check_seconds(ping_interval, "ping_interval")
        self.ping_timeout = addresses.check_seconds(ping_timeout, "ping_timeout")
        self._ca_file = addresses.check_ca_file(ca_file)
        self._read_settings()
        self._keeps_trying = False  # whether start() returns before there is a connection
        self._reader: Thread | None = None
        self._socket: ClientSocket | None = None  # of the connection, or of the attempt to make one
        self._ws: WebSocket | None = None  # both while connected
        self._connection: WsConnection | None = None

    def _read_settings(self) -> None:
        self._address = addresses.check_url(self.url, "ws")
        self._base = self._address.base  # it may be shown: it holds no token
        self._token = addresses.check_token(self.access_token or self._address.token)

    def _call(self, action: str, params: dict[str, Any], timeout: float | None = None) -> Responses:
        seconds = self.timeout if timeout is None else addresses.check_seconds(timeout, "timeout")
        return self._counted(lambda: self._api().call(action, params, seconds, self._cause()))

    def _api(self) -> WsConnection:
        """Where calls go, or the error that says why there is no connection."""
        connection = self._connection
        if connection is None:
            reason = self._failure or NetworkError(
                f"现在没有连接 {self._base}：机器人没有启动（或者停止了），或者 OneBot 没开。"
                "连上以后要做的事，写进 @bot.on_connect 的函数里（或者 with bot: 里）。 "
                f"Not connected to {self._base} at the moment: the bot is not started (any more), "
                "or OneBot is not running. Put what must happen after connecting into a function "
                "under @bot.on_connect (or inside `with bot:`)."
            )
            raise copy(reason)  # each raise adds a traceback to it
        return connection

    # -- starting and stopping ----------------------------------------------------------------

    def run(self) -> None:
        """启动并一直运行，直到 stop() 或 Ctrl+C；OneBot 还没开时会一直重试。

        Starts and blocks until stop() or Ctrl+C; keeps trying while OneBot is not up yet.

        AuthenticationError when the access_token is wrong.
        """
        self._keeps_trying = True
        try:
            super().run()
        finally:
            self._keeps_trying = False

    def _open(self) -> None:
        self._read_settings()
        started = Flag()  # set when the first connection is there, or when there will be none
        args = self._stopping, started
        reader = Thread(None, self._stay_connected, "onebot_simple reader", args, daemon=True)
        reader.start()
        self._reader = reader  # only now, because stop() joins it
        if self._keeps_trying:
            return
        while not (started.wait(SLICE_SECONDS) or self._stopping.is_set()):
            pass
        if self._stopping.is_set() or self._failure is not None:
            raise self._failure or NetworkError(STOPPED)

    def _close(self) -> None:
        ws, sock = self._ws, self._socket  # the reader may change both meanwhile
        if ws is not None:
            ws.send_close()
            log.info("已断开 disconnected from %s", self._base)
        if sock is not None:
            sock.shutdown()
        if self._reader is not None:
            self._reader.join(END_SECONDS)  # if it waits for DNS, it ends later, by itself

    # -- the reader thread --------------------------------------------------------------------

    def _stay_connected(self, stopping: Flag, started: Flag) -> None:
        """Connect and read, again and again, until the bot is stopped."""
        delay = FIRST_DELAY
        while True:
            seconds, reason = self._attempt(stopping, started)
            if stopping.is_set():
                break
            may_retry = self._keeps_trying or started.is_set()
            if isinstance(reason, AuthenticationError) or not may_retry:
                self._failure = reason
                # run() raises it, or start(). If start() has returned already, the log says it.
                if started.is_set() and not self._keeps_trying:
                    log.error("%s", reason)
                break
            if seconds > delay:
                delay = FIRST_DELAY
            pause = delay * random.uniform(1, JITTER)
            log.warning("%s %.1f 秒后自动重连。 Trying again in %.1f s.", reason, pause, pause)
            if stopping.wait(pause):
                break
            delay = min(LAST_DELAY / JITTER, delay * 2)
        started.set()

    def _attempt(self, stopping: Flag, started: Flag) -> tuple[float, OneBotError]:
        """Connect, and read to the end. Return how long it was connected, and why it ended."""
        since = connection = self_id = sock = None  # not connected yet
        try:
            sock = self._socket = ClientSocket(self._address, stopping, self.ping_timeout)
            ws = self._dial(sock)
            since = time.monotonic()
            connection = WsConnection(ws.send, sock.flush, self._base, self._warn_dropped)
            # NapCat sends an event now, or refuses the token. Others may send nothing.
            greeting = self._frame(ws, FIRST_FRAME_SECONDS)
            event = connection.receive(greeting) if greeting else None
            self_id = id_of(event.get("self_id")) if event else None
            self._ws, self._connection = ws, connection
            if started.is_set():
                self._count("reconnects")
            started.set()
            log.info("已连接 connected to %s", self._base)
            self._connected(self_id)
            self._read(ws, sock, connection, event)
        except Exception as error:  # whatever it is, a bot must not go deaf without a word
            reason = self._lost_error(error, stopping) if connection else self._connect_error(error)
        if sock:
            sock.close()
        if connection and self._connection is connection:
            self._ws = self._connection = None
            connection.close(reason)
            self._disconnected(self_id)
        return (time.monotonic() - since if since else 0.0), reason

    def _dial(self, sock: ClientSocket) -> WebSocket:
        """A new WebSocket, after the handshake."""
        sock.connect(self._ca_file, HANDSHAKE_SECONDS)
        ws = create_connection(
            self._address.base + self._address.query,
            socket=sock,  # a socket of our own, which no proxy of the environment catches
            header=[f"Authorization: Bearer {self._token}"] if self._token else [],
            suppress_origin=True,
            skip_utf8_validation=True,  # json decodes the bytes anyway
            enable_multithread=False,  # our socket has a lock of its own
            redirect_limit=0,
        )
        if ws.getstatus() != 101:  # websocket-client 1.8 takes a redirect for a success
            raise WebSocketException("a redirect")
        return ws

    def _read(
        self, ws: WebSocket, sock: ClientSocket, connection: WsConnection, event: Event | None
    ) -> None:
        """Take frames until the connection ends, which is always an error that says why."""
        pinged, backlog = False, STREAM_BACKLOG
        while True:
            if event is not None:
                self.handle(event, number=connection.received)
            frame = self._frame(ws, self.ping_timeout if pinged else self.ping_interval)
            event = connection.receive(frame) if frame else None
            if frame is not None or sock.flush():  # a ping would wait behind what is unsent
                pinged = False
            elif pinged:
                seconds = f"{self.ping_interval + self.ping_timeout:g}"
                reason = f"{seconds} 秒没有动静", f"it was silent for {seconds} s"
                raise connection_lost(self._base, reason)
            else:
                ws.ping()
                pinged = True
            if connection.filled.qsize() > backlog:
                backlog = _slow_down(connection.filled)

    def _frame(self, ws: WebSocket, seconds: float) -> bytes | None:
        """The next frame; empty if it is only a sign of life, None if nothing comes in time."""
        if seconds != ws.gettimeout():  # to set it for each frame is slow
            ws.settimeout(seconds)
        try:
            opcode, data = ws.recv_data(control_frame=True)
        except WebSocketTimeoutException:
            return None
        if opcode == ABNF.OPCODE_CLOSE:
            code = int.from_bytes(data[:2], "big") or "no code"
            reason = f"OneBot 关闭了它（{code}）", f"OneBot closed it ({code})"
            raise connection_lost(self._base, reason)
        is_ping = opcode in (ABNF.OPCODE_PING, ABNF.OPCODE_PONG)
        return b"" if is_ping else data

    # -- why there is no connection -------------------------------------------------------------

    def _lost_error(self, error: Exception, stopping: Flag) -> OneBotError:
        """The error to raise for what ended the connection."""
        if stopping.is_set():
            return bot_was_stopped(self._base)
        if isinstance(error, AuthenticationError):
            return addresses.token_refused(self._base, bool(self._token))
        if isinstance(error, OneBotError):
            return error
        is_usual = isinstance(error, (WebSocketException, OSError))
        level = logging.DEBUG if is_usual else logging.ERROR
        log.log(level, "%s 断开了 ended:", self._base, exc_info=error)
        return connection_lost(self._base, (str(error), str(error)))

    def _connect_error(self, error: Exception) -> OneBotError:
        """The error to raise for what ended the attempt to connect."""
        base, status = self._base, getattr(error, "status_code", None)
        # not the error itself, for it may show an answer that repeats our token
        log.debug("cannot connect to %s: %s", base, type(error).__name__)
        if isinstance(error, WebSocketTimeoutException):
            error = TimeoutError()
        if isinstance(error, NetworkError):  # the connection was lost at once
            error = ConnectionError()
        if isinstance(error, OSError):
            return addresses.cannot_connect(base, error)
        if status in (401, 403) and self._address.port != addresses.WEBUI_PORT:
            return addresses.token_refused(base, bool(self._token))
        what = "别的内容", "something else (a redirect?)"
        if status:
            what = f"HTTP {status}", f"HTTP {status}"
        fact = (
            f"{base} 回答的是{what[0]}，那里没有 WebSocket",
            f"{base} answered {what[1]}, no WebSocket",
        )
        advice = (
            "端口写成 HTTP 服务器的了吗？NapCat 的 WebSocket 服务器默认是 3001，路径是 /。",
            "Is it the port of the HTTP server? NapCat's WebSocket server is at 3001, path /.",
        )
        return addresses.wrong_service(base, fact, advice)


def _slow_down(inbox: Inbox) -> int:
    """Give whoever takes the frames of a stream time to catch up. Return how many may wait then."""
    waiting = inbox.qsize()
    for _ in range(20):
        time.sleep(0.01)
        if inbox.qsize() < waiting:
            return STREAM_BACKLOG
    return 2 * waiting  # nobody takes any at the moment: go on, since other calls wait, too
