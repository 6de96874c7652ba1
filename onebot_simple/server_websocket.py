"""服务器一侧的一条 WebSocket 连接：一个套接字，加上 websockets 的协议对象。

One WebSocket connection on the server's side: a socket, and the protocol of `websockets`.
"""

from __future__ import annotations

import socket
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from threading import Lock
from typing import TYPE_CHECKING

from websockets.exceptions import InvalidState
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol

from . import ws_handshake
from .addresses import Bilingual
from .logs import log
from .ws_connection import READS_NOTHING, WsConnection, send_at_once

if TYPE_CHECKING:
    from .ws_server import Account, WsServer

wire_log = log.getChild("websockets")
wire_log.setLevel("CRITICAL")  # WsServer says itself what matters of a refused handshake

HANDSHAKE_SECONDS = 10
GOODBYE_SECONDS = 0.4  # how long the other side may take to hang up after a goodbye
MAX_SIZE = 64 * 1024 * 1024  # bytes of one message, whole or in fragments
MAX_UNSENT = 10_000  # frames, such as pongs, that may wait for a peer that does not read

CUT_OFF = ("对方没有告别就断开了", "cut off without a goodbye")
SILENT = ("很久没有声音", "silent for too long")


class ServerWebSocket:
    """One connection of a OneBot to a WsServer.

    Any thread may `send`. Everything else runs on the thread that reads all connections, which
    never waits: what the system does not take at once stays in `_unsent` until there is room.
    """

    # WsServer sets both when the connection opens:
    account: Account  # whose it is
    roles: tuple[str, ...]  # what it is for

    def __init__(self, sock: socket.socket, peer: str, server: WsServer) -> None:
        self.socket = sock
        self.peer = peer
        self.connection = WsConnection(
            self.send, self.flush, f"OneBot ? ({peer})", server._warn_dropped
        )
        self.is_open = False  # from the handshake to the end
        self.reason: Bilingual | None = None  # why it has ended, or is about to
        self._server = server
        self._protocol = ServerProtocol(max_size=MAX_SIZE, logger=wire_log)
        self._fragments = bytearray()  # of a message that is not whole yet
        self._heard_at = time.monotonic()  # when something arrived last, be it a part of a frame
        self._pinged_at = 0.0  # when we asked for a sign of life
        # when the handshake must be done; after a goodbye, when the other side must have hung up
        self._deadline = self._heard_at + HANDSHAKE_SECONDS
        self._lock = Lock()  # guards the protocol, what follows, and the socket's closing
        self._unsent: deque[memoryview] = deque()  # frames that the system has not taken yet
        self._taken_at = 0.0  # when it took something last

    # -- out ----------------------------------------------------------------------------------

    def send(self, text: str) -> None:
        """Send a text message: see flush(). If the connection ends first, whoever waits for the
        response hears of it."""
        with self._lock, suppress(InvalidState):  # it has just ended
            self._protocol.send_text(text.encode())
        self.flush()

    def flush(self) -> bool:
        """Send what the protocol wants sent, as far as the system takes it at once. Return whether
        something is left."""
        with self._lock:
            try:
                if not self._unsent:
                    self._taken_at = time.monotonic()
                self._unsent += map(memoryview, self._protocol.data_to_send())
                if send_at_once(self.socket, self._unsent):
                    self._taken_at = time.monotonic()
            except BaseException as error:  # Ctrl+C, too: nothing may follow half a frame
                self._unsent.clear()
                self._shut_down()
                if not isinstance(error, OSError):
                    raise
        return bool(self._unsent) and not self.reason

    def _shut_down(self) -> None:
        """End the connection, which wakes the reader. It still gets what has come, except on
        Windows, and closes the socket."""
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)

    # -- in -----------------------------------------------------------------------------------

    def receive(self, data: bytes) -> None:
        """Take what arrived: the handshake, then frames."""
        self._heard_at = time.monotonic()
        with self._lock:
            self._protocol.receive_data(data)
            arrived = self._protocol.events_received()
        for item in arrived:
            if isinstance(item, Request) and not self._shakes_hands(item):
                break  # what follows is not taken
            if isinstance(item, Frame) and item.opcode < Opcode.CLOSE and self.is_open:
                if self._fragments or not item.fin:  # the protocol does not join them
                    self._fragments += item.data
                if item.fin:
                    message = bytes(self._fragments) or item.data
                    self._fragments.clear()
                    protected(self._server._message_received, self, message)
        if self._protocol.close_expected():
            self._protocol_ended(data)
        self.flush()  # the protocol may have something to send, such as a pong
        if len(self._unsent) > MAX_UNSENT:
            self._end(READS_NOTHING)
            self._shut_down()

    def _shakes_hands(self, request: Request) -> bool:
        """Answer the handshake. False when it is refused."""
        protocol = self._protocol
        if protocol.close_expected():
            return False  # rubbish came right behind it
        refusal = ws_handshake.refusal(self._server, self.peer, request)
        protocol.send_response(protocol.reject(*refusal) if refusal else protocol.accept(request))
        if refusal:
            self._end(CUT_OFF)
        elif protocol.state is State.OPEN:
            self.is_open = True
            self._server._connection_opened(self, request)
        return self.is_open

    def _protocol_ended(self, data: bytes) -> None:
        """End the connection, since the protocol is at its end; `data` came last."""
        got, sent = self._protocol.close_rcvd, self._protocol.close_sent
        if got:
            self._end((f"OneBot 关闭了它（{got}）", f"OneBot closed it ({got})"))
            self.flush()
            self._shut_down()  # both have said goodbye
        elif sent:
            said = f"对方不守 WebSocket 的规则（{sent}）", f"sent {sent} for breaking the rules"
            self._end(said)
        elif not self.reason:
            self._end(CUT_OFF)
            ws_handshake.warn_no_websocket(self._server, self.peer, data)

    # -- the end ------------------------------------------------------------------------------

    def check_alive(self) -> Bilingual | None:
        """Ping a silent connection. Return why it must be given up now, or None."""
        self.flush()
        now, timeout = time.monotonic(), self._server.ping_timeout
        if self.reason or not self.is_open:  # it has said goodbye, or shakes hands
            return CUT_OFF if now > self._deadline else None
        if self._unsent:  # our ping would wait behind it
            return READS_NOTHING if now > self._taken_at + timeout else None
        if self._pinged_at > self._heard_at:
            return SILENT if now > self._pinged_at + timeout else None
        if now > self._heard_at + self._server.ping_interval:
            self._pinged_at = now
            with self._lock:
                self._protocol.send_ping(b"")
            self.flush()
        return None

    def say_goodbye(self, code: CloseCode, reason: Bilingual) -> None:
        """Tell the other side that we end it."""
        with self._lock, suppress(InvalidState):  # the protocol may have done so itself
            self._protocol.send_close(code)
        self._end(reason)
        self.flush()

    def _end(self, reason: Bilingual) -> None:
        """Take nothing any more. The other side has a moment to hang up: if we closed a socket that
        holds something unread, some systems would not deliver our last words."""
        if not self.reason:
            self.reason, self._deadline = reason, time.monotonic() + GOODBYE_SECONDS
        if self.is_open:
            self.is_open = False
            protected(self._server._connection_closed, self, self.reason)

    def close(self, reason: Bilingual) -> None:
        """Close the socket. The reason counts if there is no earlier one."""
        self._end(reason)
        with self._lock:
            self.socket.close()


def protected(function: Callable[..., object], *arguments: object) -> None:
    """Call it, and log any error: the reader must go on."""
    try:
        function(*arguments)
    except Exception:
        with suppress(Exception):
            log.exception("服务器出错了，继续运行。 the server failed, and goes on:")
