"""服务器一侧的一条 WebSocket 连接：一个套接字，websockets 的协议对象，两把锁。

One WebSocket connection on the server's side: a socket, the protocol of `websockets`, two locks.
"""

from __future__ import annotations

import logging
import selectors
import socket
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from threading import Lock
from typing import Any, NamedTuple

from websockets.exceptions import InvalidState
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol

from .addresses import Words

log = logging.getLogger("onebot_simple")
wire_log = logging.getLogger("onebot_simple.websockets")
wire_log.setLevel(logging.CRITICAL)  # WsServer says itself what matters of a refused handshake

HANDSHAKE_SECONDS = 10
GOODBYE_SECONDS = 0.4  # how long the other side may take to hang up after a goodbye
SLICE_SECONDS = 0.2  # Windows cannot interrupt a longer wait of the main thread
MAX_SIZE = 64 * 1024 * 1024  # bytes of one message, whole or in fragments
MAX_UNSENT = 10_000  # frames, such as pongs, that may wait for a peer that does not read

Refusal = tuple[int, str]  # an HTTP status, and a text for whoever looks at it

READS_NOTHING = ("对方不读我们发的东西", "it does not read what is sent")
REFUSED = ("没有让它进来", "refused")
DATA = (Opcode.TEXT, Opcode.BINARY, Opcode.CONT)


class Handlers(NamedTuple):
    """Whom a connection asks and tells. All are called by the reader, so they must not wait."""

    refusal: Callable[[Any, Request], Refusal | None]  # of a handshake that is not welcome
    opened: Callable[[Any], None]  # the handshake is over
    received: Callable[[Any, bytes | bytearray], None]  # a message has arrived
    closed: Callable[[Any, Words], None]  # a connection that was open has ended
    misunderstood: Callable[[Any, bytes], None]  # this came, and it is no handshake


class ServerWebSocket:
    """One connection, which the reader of a server reads, and any thread may write to.

    Any thread may call `send` and `hang_up`; the rest belongs to the reader, which never waits.
    send_timeout: seconds that the other side may take nothing of what is sent.
    """

    def __init__(
        self, sock: socket.socket, host: str, handlers: Handlers, send_timeout: float
    ) -> None:
        self.socket = sock
        self.host = host
        self.heard = time.monotonic()  # when something arrived last, be it a part of a frame
        self.deadline = self.heard + HANDSHAKE_SECONDS  # of the handshake, later of the goodbye
        self.is_open = False  # from the handshake to the end
        self.is_over = False  # nothing that arrives is taken any more
        self.failure: Words | None = None  # why it has ended, or is to end
        self.protocol = ServerProtocol(max_size=MAX_SIZE, logger=wire_log)
        self._handlers = handlers
        self._message = bytearray()  # the fragments of a message so far
        self._pinged = 0.0  # when we asked for a sign of life
        self._send_timeout = send_timeout
        self._taken = 0.0  # when the system took a piece of a message last
        self._turn = Lock()  # held by the thread that sends a message, until it is sent
        self._guard = Lock()  # guards the protocol and _unsent; nobody waits while holding it
        self._unsent: deque[memoryview] = deque()  # frames that the system has not taken yet

    # -- out ----------------------------------------------------------------------------------

    def send(self, text: str) -> None:
        """Send a text message, and wait until it is sent; OSError if that is not possible."""
        data = text.encode()
        with self._turn:
            try:
                with self._guard:
                    self.protocol.send_text(data)
                self._taken = time.monotonic()
                self.flush()
                while self._unsent and not self.failure:
                    self._wait_for_room()
                    self.flush()
            except InvalidState:
                raise ConnectionError("closed") from None
            except BaseException as error:  # Ctrl+C, too: nothing may follow half a frame
                self.hang_up(words_of(error))
                raise
        if self.failure:
            raise ConnectionError(self.failure[1])

    def flush(self) -> None:
        """Send what the protocol wants sent, as far as the system takes it at once.

        Nobody waits here, so the reader may call it. The clock of the hub tries again.
        """
        with self._guard:
            self._unsent += map(memoryview, self.protocol.data_to_send())
            try:
                while self._unsent:
                    data = self._unsent.popleft()  # first: even after a Ctrl+C nothing goes twice
                    sent = self._send_some(data)
                    if sent < len(data):
                        self._unsent.appendleft(data[sent:])
                        break
            except OSError as error:
                self.hang_up(words_of(error))

    def _send_some(self, data: memoryview) -> int:
        """Send what the system takes at once. Returns how many bytes that was."""
        if not data:  # SEND_EOF of the protocol
            self.socket.shutdown(socket.SHUT_WR)
            return 0
        try:
            sent = self.socket.send(data)
        except BlockingIOError:
            return 0
        self._taken = time.monotonic()
        return sent

    def _wait_for_room(self) -> None:
        """Wait until the system takes more. Hang up when it takes nothing for too long."""
        with selectors.DefaultSelector() as selector:
            selector.register(self.socket, selectors.EVENT_WRITE)
            while not self.failure and not selector.select(min(self._send_timeout, SLICE_SECONDS)):
                if time.monotonic() > self._taken + self._send_timeout:
                    self.hang_up(READS_NOTHING)

    def hang_up(self, failure: Words) -> None:
        self.failure = self.failure or failure
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)  # wakes whoever is sending, and the reader

    # -- in -----------------------------------------------------------------------------------

    def receive(self, data: bytes) -> None:
        """Take what arrived: the handshake, then frames."""
        self.heard = time.monotonic()
        with self._guard:
            self.protocol.receive_data(data)
            arrived = self.protocol.events_received()
        for item in arrived:
            if isinstance(item, Request):
                self._shake_hands(item)
            elif isinstance(item, Frame) and item.opcode in DATA and not self.is_over:
                self._take(item)
        if self.protocol.close_expected() and not self.is_over:
            self._end_with_reason(data)
        self.flush()
        if len(self._unsent) > MAX_UNSENT:
            self.hang_up(READS_NOTHING)

    def _shake_hands(self, request: Request) -> None:
        protocol = self.protocol
        if protocol.close_expected():
            return  # rubbish came right behind it
        refusal = self._handlers.refusal(self, request)
        with self._guard:
            protocol.send_response(
                protocol.reject(*refusal) if refusal else protocol.accept(request)
            )
        if protocol.state is State.OPEN:
            self.is_open = True  # the other side hears of it when all that follows is done
            protected(self._handlers.opened, self)
        elif refusal:
            self.end(REFUSED)

    def _take(self, frame: Frame) -> None:
        """Join the fragments of a message, which the protocol does not."""
        if self._message or not frame.fin:
            self._message += frame.data
        if frame.fin:
            message, self._message = self._message or frame.data, bytearray()
            protected(self._handlers.received, self, message)

    def _end_with_reason(self, data: bytes) -> None:
        """Say why the protocol has ended it; `data` came last."""
        if said := self.protocol.close_rcvd:
            self.end((f"OneBot 关闭了它（{said}）", f"OneBot closed it ({said})"))
        elif said := self.protocol.close_sent:
            self.end(
                (f"对方不守 WebSocket 的规则（{said}）", f"sent {said} for breaking the rules")
            )
        else:
            self.end(REFUSED)
            protected(self._handlers.misunderstood, self, data)

    # -- the end ------------------------------------------------------------------------------

    def is_silent(self, now: float, interval: float, timeout: float) -> bool:
        """Whether nothing came for too long, although we asked for a sign of life."""
        if self._turn.locked():
            return False  # whoever sends finds out whether the other side is there
        if self._pinged > self.heard:
            return now - self._pinged > timeout
        if now - self.heard > interval:
            self._pinged = now
            with self._guard:
                self.protocol.send_ping(b"")
            self.flush()
        return False

    @property
    def is_done(self) -> bool:
        """Whether both sides have said goodbye."""
        return self.protocol.close_rcvd is not None and not self._unsent

    def say_goodbye(self, code: CloseCode, reason: Words) -> None:
        """Tell the other side that we end it."""
        with self._guard, suppress(InvalidState):
            self.protocol.send_close(code)
        self.end(reason)
        self.flush()

    def end(self, reason: Words) -> None:
        """Take nothing any more. The other side has a moment to hang up: if we closed the socket
        with something unread in it, some systems would take our last words back."""
        if self.is_over:
            return
        self.is_over = True
        self.failure = self.failure or reason
        self.deadline = time.monotonic() + GOODBYE_SECONDS
        self._message = bytearray()  # which may be large
        if self.is_open:
            self.is_open = False
            protected(self._handlers.closed, self, self.failure)

    def close(self, reason: Words) -> None:
        """Close the socket. Whoever is sending stops first, at once."""
        self.hang_up(reason)
        with self._turn:  # or the system gives the number of this socket to a new one meanwhile
            self.socket.close()
        self.end(reason)


def words_of(error: BaseException) -> Words:
    said = str(error) or type(error).__name__
    return f"连接出错（{said}）", said


def protected(function: Callable[..., object], *arguments: object) -> None:
    """Call it. If it fails, be it in a log handler, the reader goes on with the next."""
    try:
        function(*arguments)
    except Exception:
        with suppress(Exception):
            log.exception("服务器出错了，继续运行。 the server failed, and goes on:")
