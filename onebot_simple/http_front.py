"""EventServer 前面的 HTTP 服务器：在 Flask 之前，先把请求完整、严格地读进来。

The HTTP server before the Flask application: it reads each request whole, and strictly.
"""

from __future__ import annotations

import io
import logging
import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from http import HTTPStatus
from socket import IPPROTO_TCP, SHUT_RDWR, SHUT_WR, TCP_NODELAY, create_connection, socket
from threading import Lock, Thread, current_thread
from typing import Any

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler
from werkzeug.test import run_wsgi_app

log = logging.getLogger("onebot_simple")

MAX_BODY = 64 * 1024 * 1024
DISCARDED = 4 * MAX_BODY  # so much is read of a body that is too large, to be heard saying so
PIECE = 64 * 1024
IDLE_SECONDS = 60  # in which the next request must begin, and its head be complete
ALONE_SECONDS = 1  # the same, when no other thread waits for connections
BODY_SECONDS = 120  # in which a body must be complete
MAX_CONNECTIONS = 4000  # each costs a thread, and at worst a body
SPARE_THREADS = 8  # that may wait for a connection at the same time
PAUSE_SECONDS = 0.2  # when no file can be opened
TICK = 0.001  # in which the end of accept() is looked for
LOOPBACK_OF = {"0.0.0.0": "127.0.0.1", "::": "::1"}
MAX_LINE = 64 * 1024  # of the head of a request
MAX_HEADERS = 100
NO_REQUEST = "what is no HTTP request"

Header = Callable[[str, str], str]  # the value of a header (in small letters), or a default
Answer = tuple[int, list[tuple[str, str]], bytes]  # status, headers, body
# method, path, headers, body, address of the sender; None: the application is to answer
Shortcut = Callable[[str, str, Header, bytes, str], Answer | None]
_Response = tuple[Iterable[bytes], str, Iterable[tuple[str, str]]]

_REQUEST_LINE = re.compile(rb"([A-Z]{1,20}) ([!-~]+) HTTP/(1\.[01])\r?\n")
_HEADER = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):([^\x00-\x08\x0a-\x1f\x7f]*)\r?\n")
_CHUNK_LENGTH = re.compile(rb"[0-9a-fA-F]{1,16}[ \t]*(;[^\n]*)?\r?\n")
_CLOSE = re.compile(r"(^|,)\s*close\s*(,|$)", re.IGNORECASE)  # in a Connection header
_ONLY_ONCE = ("host", "content-length")
_BARE = ("204", "304")  # the statuses after which no body comes


class _Requests(WSGIRequestHandler):
    """One connection: HTTP/1.1 with keep-alive, each body read whole before it is looked at."""

    protocol_version = "HTTP/1.1"
    server: HttpFront

    def setup(self) -> None:
        self.connection: socket = self.request
        self.connection.setsockopt(IPPROTO_TCP, TCP_NODELAY, True)
        self._wire = _Wire(self.connection)
        self.rfile = io.BufferedReader(self._wire, PIECE)
        self.wfile = self._wire  # type: ignore[assignment]

    def handle_one_request(self) -> None:
        self._wire.end_after(IDLE_SECONDS if self.server.keep_ready() else ALONE_SECONDS)
        self.raw_requestline = self.rfile.readline(MAX_LINE)
        if self.raw_requestline and self.parse_request():
            self.run_wsgi()
        else:
            self.close_connection = True

    def parse_request(self) -> bool:
        """Strict: a head that a proxy in front could read differently is refused.

        http.server's own is lenient, and takes three times as long: to it, a head is an e-mail.
        """
        self.command, self.request_version, self.close_connection = "", "HTTP/1.1", True
        start = _REQUEST_LINE.fullmatch(self.raw_requestline)
        headers = self._headers() if start else None
        if start is None or headers is None:
            self.server._complain(NO_REQUEST, self.raw_requestline.split(b"?")[0])  # no token
            self.send_error(400, "not the head of a request")
            return False
        self.headers = headers  # type: ignore[assignment]
        self.command, target, version = (part.decode() for part in start.groups())
        self.path = re.sub("^/+", "/", target)
        self.request_version = f"HTTP/{version}"
        if version == "1.0":
            return True
        self.close_connection = bool(_CLOSE.search(headers.get("connection", "")))
        expected = headers.get("expect", "").lower() == "100-continue"
        return self.handle_expect_100() if expected else True

    def _headers(self) -> dict[str, str] | None:
        """The lines up to the empty one; None when one of them is no header, or they are many."""
        headers: dict[str, str] = {}
        for _ in range(MAX_HEADERS + 1):
            line = self.rfile.readline(MAX_LINE)
            if line in (b"\r\n", b"\n"):
                return headers
            header = _HEADER.fullmatch(line)
            if header is None:
                return None
            name, value = header[1].decode().lower(), header[2].decode("latin-1").strip(" \t")
            if name in headers:
                if name in _ONLY_ONCE:  # a proxy in front may have read the other one
                    return None
                value = headers[name] + ("; " if name == "cookie" else ",") + value
            headers[name] = value
        return None

    def run_wsgi(self) -> None:
        self._wire.end_after(BODY_SECONDS)
        try:
            body = self._body()
        except (ConnectionError, TimeoutError):
            self.close_connection = True
            return
        except (ValueError, OSError):  # a length or a chunk that is none
            self.send_error(400)
            return
        try:
            pieces, status, headers = self._at_once(body) or self._from_application(body)
            head = self._head(status, headers)
        except BaseException:  # whatever it is, who sent the request and who runs the bot must know
            log.exception("a request failed. 处理请求时出错，服务器继续运行。")
            self.send_error(500)
        else:
            bare = self.command == "HEAD" or status.startswith(_BARE)
            self._send(head, [] if bare else list(pieces))

    def _at_once(self, body: bytes) -> _Response | None:
        if len(body) > MAX_BODY:
            self.close_connection = True
            return None
        sender = self.client_address[0]
        answer = self.server.shortcut(self.command, self.path, self.headers.get, body, sender)
        if answer is None:
            return None
        status, headers, content = answer
        return [content], f"{status} {HTTPStatus(status).phrase}", headers

    def _from_application(self, body: bytes) -> _Response:
        try:
            environ = self.make_environ()
        except ValueError:  # an unusable target
            return [], "400 Bad Request", []
        environ.pop("HTTP_TRANSFER_ENCODING", None)
        environ["wsgi.input"] = io.BytesIO(body)
        environ["CONTENT_LENGTH"] = str(len(body))
        return run_wsgi_app(self.server.app, environ, buffered=True)

    def _body(self) -> bytes:
        """The whole body; of one that is too large a little more than what is allowed."""
        length = self.headers.get("content-length", "0")
        if not (length.isascii() and length.isdecimal()):
            raise ValueError("not a length")
        pieces = self._exactly(int(length))
        encoding = self.headers.get("transfer-encoding")
        if encoding is not None:
            known = encoding.lower() == "chunked" and self.request_version > "HTTP/1.0"
            if not known or "content-length" in self.headers:
                raise ValueError("two lengths, or none")
            pieces = self._chunks()
        body, size = bytearray(), 0
        for piece in pieces:
            size += len(piece)
            if size <= MAX_BODY + PIECE:
                body += piece
            elif size > DISCARDED:
                break
        return bytes(body)

    def _chunks(self) -> Iterator[bytes]:
        """Strict: what a proxy in front reads differently could hide a request."""
        length = 1
        while length:
            line = self.rfile.readline(100)
            if not _CHUNK_LENGTH.fullmatch(line):
                raise ValueError("not the length of a chunk")
            length = int(line.partition(b";")[0], 16)
            yield from self._exactly(length)
            if self.rfile.readline(2) not in (b"\r\n", b"\n"):
                raise ValueError("a chunk that is longer than it says")

    def _exactly(self, size: int) -> Iterator[bytes]:
        while size:
            piece = self.rfile.read(min(size, PIECE))
            if not piece:
                raise ConnectionError("the body was cut off")
            size -= len(piece)
            yield piece

    def _head(self, status: str, headers: Iterable[tuple[str, str]]) -> bytes:
        lines = [f"HTTP/1.1 {status}", f"Date: {self.date_time_string()}"]
        ends = status.startswith(_BARE)  # whether the other side can tell where the answer ends
        for name, value in headers:
            if name.lower() == "connection":
                self.close_connection |= bool(_CLOSE.search(value))
            else:
                lines.append(f"{name}: {value}")
                ends |= name.lower() == "content-length"
        if not ends or not self.server.keep_ready():  # or others wait for this thread
            self.close_connection = True
        if self.close_connection:
            lines.append("Connection: close")
        return "\r\n".join([*lines, "", ""]).encode("latin-1")

    def _send(self, head: bytes, pieces: list[bytes]) -> None:
        """In one piece, if it is small: each that is sent costs the other side a wake-up."""
        if sum(map(len, pieces)) <= PIECE:
            head, pieces = b"".join([head, *pieces]), []
        for piece in [head, *pieces]:
            self.wfile.write(piece)

    def log_request(self, code: object = "-", size: object = "-") -> None:
        pass  # an event is logged when it is handled

    def log_error(self, format: str, *args: Any) -> None:
        log.debug("%s: " + format, self.client_address[0], *args)


class _Wire(io.RawIOBase):
    """A socket that is read until a given moment; who only drips must not hold a thread."""

    def __init__(self, sock: socket) -> None:
        self._socket = sock
        self._deadline = 0.0

    def end_after(self, seconds: float) -> None:
        self._deadline = time.monotonic() + seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the request took too long")
        self._socket.settimeout(left)
        return self._socket.recv_into(buffer)

    def write(self, data: Any) -> int:
        self._socket.settimeout(IDLE_SECONDS)  # for each slice: who reads slowly still gets it all
        for start in range(0, len(data), PIECE):
            self._socket.sendall(memoryview(data)[start : start + PIECE])
        return len(data)


class HttpFront(BaseWSGIServer):
    """werkzeug's server, with threads that serve the connections which they have accepted.

    To hand a connection to another thread would cost each event a wake-up. Instead, one thread at
    least always waits in accept(), as long as the system gives us threads: who has accepted a
    connection sees to it that somebody else accepts the next, before it serves its own.
    """

    multithread = True

    def __init__(
        self,
        sock: socket,
        app: Any,
        shortcut: Shortcut,
        complain: Callable[[str, object], None],
    ) -> None:
        host, port = sock.getsockname()[:2]
        super().__init__(host, port, app, _Requests, fd=sock.fileno())
        self.shortcut = shortcut
        self._complain = complain
        self.socket.settimeout(None)  # whatever socket.setdefaulttimeout() says
        self._full = False  # whether the system had no file to give, the last time
        self._lock = Lock()  # held by who changes what follows
        self._connections: set[socket] = set()
        self._threads: set[Thread] = set()
        self._ready = 0  # how many of them wait in accept(), or are on their way there
        self._alone = False  # whether the system had no thread to give, the last time
        self._closing = False

    def start(self) -> None:
        with self._lock:
            self._start_thread()

    def _start_thread(self) -> None:
        thread = Thread(target=self._serve, name="onebot_simple connection", daemon=True)
        thread.start()
        self._threads.add(thread)
        self._ready += 1

    def keep_ready(self) -> bool:
        """See to it that a thread waits for the next connection; False when there is none."""
        with self._lock:
            if self._ready > 0 or self._closing:
                return True
            known, self._alone = self._alone, False
            try:
                self._start_thread()
                return True
            except (RuntimeError, MemoryError) as error:
                self._alone, reason = True, error
        if not known:
            log.error("%r: connections wait for a thread. 线程太多，连接先排队。", reason)
        return False

    def _serve(self) -> None:
        ready = True
        while ready:
            with suppress(BaseException):  # it was logged; if the log raised, we still are needed
                accepted = self._accept()
                if accepted:
                    self._serve_connection(*accepted)
            ready = self._comes_back()

    def _accept(self) -> tuple[socket, Any] | None:
        """The next connection; None at the end. From then on, this thread is not ready."""
        accepted = None
        try:
            while accepted is None and not self._closing:
                try:
                    accepted = self.socket.accept()
                    self._full = False
                except OSError as error:
                    if not self._closing and not isinstance(error, ConnectionError):
                        self._rest(error)  # else who came has gone again
        finally:
            with self._lock:
                self._ready -= 1
                if accepted:
                    self._connections.add(accepted[0])
        return accepted

    def _rest(self, error: OSError) -> None:
        """Too many files are open: until somebody hangs up."""
        if not self._full:
            self._full = True
            log.warning("cannot take a connection: %s. 暂时无法接受连接。", error)
        time.sleep(PAUSE_SECONDS)

    def _serve_connection(self, connection: socket, address: Any) -> None:
        others = len(self._connections) - 1
        try:
            if others >= MAX_CONNECTIONS:
                self._complain("a connection", f"{others} are open already")
            elif not self._closing:
                _Requests(connection, address, self)
        except BaseException:
            log.debug("a connection from %s failed", address, exc_info=True)
        finally:
            with suppress(OSError), connection:
                connection.shutdown(SHUT_WR)  # close() alone waits for processes that a view forked
            with self._lock:
                self._connections.discard(connection)

    def _comes_back(self) -> bool:
        """Whether this thread, which has served a connection, shall wait for another one."""
        with self._lock:
            if self._closing or self._ready >= SPARE_THREADS:
                self._threads.discard(current_thread())
                return False
            self._ready += 1
            return True

    def close(self, seconds: float) -> None:
        """End the connections and the threads, waiting for them at most `seconds`."""
        deadline = time.monotonic() + seconds
        with self._lock:
            self._closing = True
            connections, threads = list(self._connections), self._threads - {current_thread()}
        for sock in [self.socket, *connections]:
            with suppress(OSError):
                sock.shutdown(SHUT_RDWR)  # on Linux this also ends accept()
        time.sleep(TICK)
        while self._ready > 0 and time.monotonic() < deadline:
            with suppress(OSError):  # what ends accept() on every system is a connection
                address = LOOPBACK_OF.get(self.host, self.host), self.port
                create_connection(address, PAUSE_SECONDS).close()
            time.sleep(TICK)
        self.server_close()
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        stuck = sum(thread.is_alive() for thread in threads)
        if stuck:
            log.warning("%d requests are still running. 有请求还没处理完：它卡在哪里了？", stuck)
