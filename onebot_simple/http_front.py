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
from http.client import HTTPMessage
from socket import SHUT_RDWR, socket
from threading import Lock
from typing import Any

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler
from werkzeug.test import run_wsgi_app

from .conversations import Conversations

log = logging.getLogger("onebot_simple")

MAX_BODY = 64 * 1024 * 1024
DISCARDED = 4 * MAX_BODY  # so much is read of a body that is too large, to be heard saying so
PIECE = 64 * 1024
IDLE_SECONDS = 60  # in which the next request must begin, and its head be complete
BODY_SECONDS = 120  # in which a body must be complete
MAX_CONNECTIONS = 4000  # each costs a thread, and at worst a body
CONNECTIONS_WAIT = "connections wait for a thread. 连接太多，线程不够用：是谁在连？"
PAUSE_SECONDS = 0.2  # when no file can be opened
MAX_LINE = 64 * 1024  # of the head of a request
MAX_HEADERS = 100
NO_REQUEST = "what is no HTTP request"

Header = Callable[[str, str], str]  # the value of a header, or what stands for none
Answer = tuple[int, list[tuple[str, str]], bytes]  # status, headers, body
# method, path, headers, body, address of the sender; None: the application is to answer
Shortcut = Callable[[str, str, Header, bytes, str], Answer | None]
_Response = tuple[Iterable[bytes], str, Iterable[tuple[str, str]]]

_REQUEST_LINE = re.compile(rb"([A-Z]{1,20}) ([!-~]+) HTTP/(1\.[01])\r?\n")
_HEADER = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):([^\x00-\x08\x0a-\x1f\x7f]*)\r?\n")
_CHUNK_LENGTH = re.compile(rb"[0-9a-fA-F]{1,16}[ \t]*(;[^\n]*)?\r?\n")
_ONLY_ONCE = ("Host", "Content-Length")


class _Requests(WSGIRequestHandler):
    """One connection: HTTP/1.1 with keep-alive, each body read whole before it is looked at."""

    protocol_version = "HTTP/1.1"
    timeout = IDLE_SECONDS
    disable_nagle_algorithm = True
    rbufsize = 0
    wbufsize = -1
    server: HttpFront

    def setup(self) -> None:
        super().setup()
        self.rfile.close()
        self._input = _Input(self.connection)
        self.rfile = io.BufferedReader(self._input, PIECE)

    def handle_one_request(self) -> None:
        self._input.end_after(IDLE_SECONDS)
        super().handle_one_request()

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
        self.headers = headers
        self.command, target, version = (part.decode() for part in start.groups())
        self.path = re.sub("^/+", "/", target)
        connection = headers.get("Connection", "").lower()
        self.close_connection = (
            connection != "keep-alive" if version < "1.1" else connection == "close"
        )
        expected = headers.get("Expect", "").lower() == "100-continue"
        return self.handle_expect_100() if expected else True

    def _headers(self) -> HTTPMessage | None:
        """The lines up to the empty one; None when one of them is no header, or they are many."""
        headers = HTTPMessage()
        while (line := self.rfile.readline(MAX_LINE)) not in (b"\r\n", b"\n"):
            header = _HEADER.fullmatch(line)
            if header is None or len(headers) == MAX_HEADERS:
                return None
            headers[header[1].decode()] = header[2].decode("latin-1").strip(" \t")
        return headers

    def handle_expect_100(self) -> bool:
        super().handle_expect_100()
        self.wfile.flush()
        return True

    def run_wsgi(self) -> None:
        self._input.end_after(BODY_SECONDS)
        try:
            body = self._body()
            environ = self.make_environ()
        except (ConnectionError, TimeoutError):
            self.close_connection = True
            return
        except (ValueError, OSError):  # a length or a chunk that is none, an unusable target
            self.send_error(400)
            return
        try:
            answer = self._at_once(body) or self._from_application(environ, body)
        except Exception:  # whatever it is, who sent the request and who runs the bot must know
            log.exception("a request failed. 处理请求时出错，服务器继续运行。")
            self.send_error(500)
        else:
            self._respond(*answer)

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

    def _from_application(self, environ: dict[str, Any], body: bytes) -> _Response:
        environ.pop("HTTP_TRANSFER_ENCODING", None)
        environ["wsgi.input"] = io.BytesIO(body)
        environ["CONTENT_LENGTH"] = str(len(body))
        return run_wsgi_app(self.server.app, environ, buffered=True)

    def _body(self) -> bytes:
        """The whole body; of one that is too large a little more than what is allowed."""
        length = self.headers.get("Content-Length", "")
        encoding = ",".join(self.headers.get_all("Transfer-Encoding", [])).strip(" \t").lower()
        if any(len(self.headers.get_all(name, [])) > 1 for name in _ONLY_ONCE):
            raise ValueError("a proxy in front may read it differently")
        if encoding not in ("", "chunked") or (encoding and length):
            raise ValueError("two lengths, or none")
        if length and not (length.isascii() and length.isdecimal()):
            raise ValueError("not a length")
        body, size = bytearray(), 0
        for piece in self._chunks() if encoding else self._exactly(int(length or 0)):
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

    def _respond(
        self, pieces: Iterable[bytes], status: str, headers: Iterable[tuple[str, str]]
    ) -> None:
        code, _, phrase = status.partition(" ")
        if code not in ("204", "304") and not any(
            n.lower() == "content-length" for n, _ in headers
        ):
            self.close_connection = True  # nothing else would tell where the answer ends
        self.connection.settimeout(IDLE_SECONDS)
        self.send_response(int(code), phrase)
        for name, value in headers:
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.writelines(pieces)

    def log_request(self, code: object = "-", size: object = "-") -> None:
        pass  # an event is logged when it is handled

    def log_error(self, format: str, *args: Any) -> None:
        log.debug("%s: " + format, self.client_address[0], *args)


class _Input(io.RawIOBase):
    """What arrives on a socket until a given moment; who only drips must not hold a thread."""

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


class HttpFront(ThreadedWSGIServer):
    """werkzeug's server with a thread per connection, which knows its connections."""

    daemon_threads = True

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
        # each with one long job
        self._workers = Conversations("onebot_simple connection", CONNECTIONS_WAIT)
        self._lock = Lock()  # guards the connections
        self._connections: set[socket] = set()

    def get_request(self) -> Any:
        try:
            return super().get_request()
        except OSError:
            time.sleep(PAUSE_SECONDS)  # too many files are open: until somebody hangs up
            raise

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            if len(self._connections) >= MAX_CONNECTIONS:
                self._complain("a connection", f"{len(self._connections)} are open already")
                raise ConnectionRefusedError
            self._connections.add(request)
        self._workers.put(request, self.process_request_thread, request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    def hang_up(self, seconds: float) -> None:
        """End all connections, waiting for their threads at most `seconds`."""
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            with suppress(OSError):
                connection.shutdown(SHUT_RDWR)
        self._workers.end(seconds)
        for connection in connections:
            connection.close()  # one that still waited for a thread

    def handle_error(self, request: Any, client_address: Any) -> None:
        log.debug("a connection from %s failed", client_address, exc_info=True)
