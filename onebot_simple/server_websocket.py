"""服务器一侧的一条 WebSocket 连接：一个套接字，websockets 的协议对象，两把锁。

One WebSocket connection on the server's side: a socket, the protocol of `websockets`, two locks.
"""

from __future__ import annotations

import logging
import selectors
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from threading import Lock
from typing import Any, NamedTuple

from websockets.exceptions import InvalidState
from websockets.frames import Close, CloseCode, Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import SEND_EOF, State
from websockets.server import ServerProtocol

from .addresses import Words

log = logging.getLogger("onebot_simple")
wire_log = logging.getLogger("onebot_simple.websockets")
wire_log.setLevel(logging.CRITICAL)  # WsServer says itself what matters of a refused handshake

HANDSHAKE_SECONDS = 10
GOODBYE_SECONDS = 0.4  # how long the other side may take to hang up after a goodbye
SLICE_SECONDS = 0.2  # Windows cannot interrupt a longer wait of the main thread
MAX_SIZE = 64 * 1024 * 1024  # bytes of one message, whole or in fragments
MAX_HEAD = 64 * 1024  # bytes of a handshake
MAX_UNSENT = 1024 * 1024  # bytes of pongs that may wait for a peer that does not read

Refusal = tuple[int, str]  # an HTTP status, and a text for whoever looks at it

READS_NOTHING = ("对方不读我们发的东西", "it does not read what is sent")
CLOSED = ("已经关闭", "it was closed")
REFUSED = ("没有让它进来", "refused")

# Waits for one socket; unlike the default selector it needs no file of its own, of which there
# may be none left.
WriteSelector = getattr(selectors, "PollSelector", selectors.SelectSelector)


class Handlers(NamedTuple):
    """Whom a connection asks and tells. All are called by the reader, so they must not wait."""

    refusal: Callable[[Any, Request], Refusal | None]  # of a handshake that is not welcome
    opened: Callable[[Any], None]  # the handshake is over
    received: Callable[[Any, bytes | bytearray], None]  # a message has arrived
    closed: Callable[[Any, Words], None]  # a connection that was open has ended
    misunderstood: Callable[[Any, bytes], None]  # what came begins like this, and is no handshake


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
        self._head = bytearray()  # what arrived of the handshake
        self._guard = Lock()  # guards the protocol and _unsent; nobody sends while holding it
        self._turn = Lock()  # held by the thread that sends, so that frames go out one by one
        self._unsent: list[bytes] = []  # what the protocol wants sent, before any further frame
        self._send_timeout = send_timeout
        self._message = bytearray()  # the fragments of a message so far
        self._pinged = 0.0  # when we asked for a sign of life
        self._heard_goodbye = False

    # -- out ----------------------------------------------------------------------------------

    def send(self, text: str) -> None:
        """Send a text message; OSError if that is not possible any more."""
        data = text.encode()
        with self._turn:
            try:
                with self._guard:
                    self.protocol.send_text(data)
                    frames, self._unsent = [*self._unsent, *self.protocol.data_to_send()], []
                if self._write(frames, self._send_timeout):
                    self.hang_up(READS_NOTHING)
                    raise TimeoutError(READS_NOTHING[1])
            except InvalidState:
                raise ConnectionError((self.failure or CLOSED)[1]) from None
            except BaseException as error:  # Ctrl+C, too: nothing may follow half a frame
                self.hang_up(words_of(error))
                raise
        self.flush()  # what the reader left to us meanwhile

    def flush(self) -> None:
        """Send what the protocol wants sent, as far as the system takes it at once.

        If another thread is sending, it does this afterwards. So the reader never waits.
        """
        while self._unsent and self._turn.acquire(blocking=False):
            try:
                with self._guard:
                    frames, self._unsent = self._unsent, []
                rest = self._write(frames, 0)
                with self._guard:
                    self._unsent[:0] = rest
            except BaseException as error:  # Ctrl+C, too, as in send()
                self.hang_up(words_of(error))
                if not isinstance(error, OSError):
                    raise
                return
            finally:
                self._turn.release()
            if rest:
                return  # the clock of the hub tries again

    def _write(self, frames: list[bytes], timeout: float) -> list[bytes]:
        """Send the frames; returns what the other side did not take within `timeout` seconds."""
        rest = memoryview(b"".join(frames))
        while rest:
            try:
                rest = rest[self.socket.send(rest) :]
            except BlockingIOError:
                if not self._wait_for_room(timeout):
                    return [bytes(rest), *([SEND_EOF] if SEND_EOF in frames else [])]
        if SEND_EOF in frames:
            self.socket.shutdown(socket.SHUT_WR)
        return []

    def _wait_for_room(self, seconds: float) -> bool:
        """Wait until the system takes more; False if it does not. Ends as the connection does."""
        deadline = time.monotonic() + seconds
        with WriteSelector() as selector:
            selector.register(self.socket, selectors.EVENT_WRITE)
            while (left := deadline - time.monotonic()) > 0:
                if selector.select(min(left, SLICE_SECONDS)):
                    return True
                if self.failure:
                    raise ConnectionError(self.failure[1])
        return False

    def hang_up(self, failure: Words) -> None:
        self.failure = self.failure or failure
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)  # wakes whoever is sending, and the reader

    # -- in -----------------------------------------------------------------------------------

    def receive(self, data: bytes) -> None:
        """Take what arrived: the handshake, then frames."""
        self.heard = time.monotonic()
        if self.is_over and self.protocol.state is not State.CLOSING:
            return  # nothing more is said here; the other side is to hang up
        if self.protocol.state is State.CONNECTING:
            self._head += data
        with self._guard:
            self.protocol.receive_data(data)
            arrived = self.protocol.events_received()
            self._unsent += self.protocol.data_to_send()
        for item in arrived:
            if isinstance(item, Request):
                self._shake_hands(item)
            elif isinstance(item, Frame):
                self._take(item)
        if not self.is_over:
            self._end_if_failed()
        if self._unsent:
            self.flush()
            if sum(map(len, self._unsent)) > MAX_UNSENT:
                self.hang_up(READS_NOTHING)

    def _shake_hands(self, request: Request) -> None:
        refusal = self._handlers.refusal(self, request)
        protocol = self.protocol
        with self._guard:
            protocol.send_response(
                protocol.reject(*refusal) if refusal else protocol.accept(request)
            )
            self._unsent += protocol.data_to_send()
        if protocol.state is State.OPEN:
            self._head.clear()
            self.is_open = True  # the other side hears of it when all that follows is done
            protected(self._handlers.opened, self)
        else:
            head = bytes(self._head)
            self.end(REFUSED)
            if not refusal:
                protected(self._handlers.misunderstood, self, head)

    def _take(self, frame: Frame) -> None:
        if frame.opcode is Opcode.CLOSE:
            self._heard_goodbye = True
            close = Close.parse(frame.data)
            self.end((f"OneBot 关闭了它（{close}）", f"OneBot closed it ({close})"))
        elif frame.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT) and not self.is_over:
            message = frame.data
            if not frame.fin or frame.opcode is Opcode.CONT:
                self._message += frame.data
                message = self._message
            if frame.fin:
                self._message = bytearray()
                protected(self._handlers.received, self, message)

    def _end_if_failed(self) -> None:
        """End a connection on which something came that is no handshake, or breaks the rules."""
        protocol = self.protocol
        if protocol.close_expected() and protocol.state is State.CLOSING:
            with self._guard:
                protocol.receive_eof()  # it takes nothing any more, and says now what was wrong
            self.end(words_of(protocol.close_exc))
        elif protocol.close_expected() or len(self._head) > MAX_HEAD:
            head = bytes(self._head)
            self.end(REFUSED)
            protected(self._handlers.misunderstood, self, head)

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
                self._unsent += self.protocol.data_to_send()
            self.flush()
        return False

    @property
    def is_done(self) -> bool:
        """Whether both sides have said goodbye."""
        return self._heard_goodbye and not self._unsent

    def say_goodbye(self, code: CloseCode, reason: Words) -> None:
        """Tell the other side that we end it."""
        with self._guard:
            with suppress(InvalidState):
                self.protocol.send_close(code)
            self._unsent += self.protocol.data_to_send()
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
        self._message, self._head = bytearray(), bytearray()  # which may be large
        if self.is_open:
            self.is_open = False
            protected(self._handlers.closed, self, reason)

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
