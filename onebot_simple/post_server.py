"""EventServer 用的 HTTP 服务器：werkzeug 的多线程服务器，推送事件的连接可以一直用下去。

The HTTP server of EventServer: werkzeug's threaded one, which keeps the connections of events.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from socket import SHUT_RD, SHUT_RDWR, socket
from threading import Thread, current_thread
from typing import IO, Any
from urllib.parse import urlsplit

from flask import Flask, Response
from werkzeug.exceptions import HTTPException
from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler
from werkzeug.wsgi import get_input_stream

DISCARDED = 256 * 1024 * 1024  # read this much of a body that is too large for the application


class _Requests(WSGIRequestHandler):
    """A connection. It is kept after an event; after everything else it ends, as in werkzeug."""

    protocol_version = "HTTP/1.1"
    timeout = 60  # seconds: a connection on which nothing comes for so long ends
    disable_nagle_algorithm = True
    server: PostServer

    def run_wsgi(self) -> None:
        """Answer a request: an event here, since werkzeug would end the connection."""
        try:
            urlsplit(self.path)
        except ValueError:  # such as http://[, on which werkzeug would stumble
            self.send_error(400)
            return
        if self.command != "POST" or self.path.partition("?")[0] != self.server.path:
            super().run_wsgi()
            return
        environ = self.make_environ()
        environ["wsgi.input"] = body = get_input_stream(environ)  # it ends where the body ends
        environ["wsgi.input_terminated"] = True
        response = Response.from_app(self.server.app, environ, buffered=True)
        if not _is_over(body) or self.close_connection:
            response.headers["Connection"] = "close"
            self.close_connection = True
        head = f"{self.protocol_version} {response.status}\r\n{response.headers}"
        self.wfile.write(head.encode("latin-1") + response.get_data())  # once is faster than twice

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse what is no HTTP, such as TLS."""
        self.server.not_http(self.raw_requestline[:100].split(b"?")[0])  # without a token
        super().send_error(code, message, explain)

    def log(self, *_: Any) -> None:
        """Log nothing: an event is logged when it comes, and an address may hold a token."""

    def log_request(self, *_: Any) -> None:
        """See log()."""


class PostServer(ThreadedWSGIServer):
    """werkzeug's threaded server. It remembers its connections until they end.

    path: where events are posted. not_http: gets the beginning of what is no HTTP.
    """

    def __init__(
        self, sock: socket, app: Flask, path: str, not_http: Callable[[bytes], None]
    ) -> None:
        host, port = sock.getsockname()[:2]
        super().__init__(host, port, app, _Requests, fd=sock.fileno())
        self.path = path
        self.not_http = not_http
        self.connections: dict[Any, Thread] = {}  # and the thread that serves each
        self._accepting = Thread(target=self.serve_forever, args=(0.02,), daemon=True)

    def begin(self) -> None:
        """Accept connections, on a thread of the server's own."""
        self._accepting.start()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a new connection on a thread of its own."""
        arguments = request, client_address
        thread = Thread(target=self.process_request_thread, args=arguments, daemon=True)
        self.connections[request] = thread
        thread.start()

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve a connection to its end."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            del self.connections[request]

    def end(self) -> None:
        """Listen no more, let the answers that are being made go out, and end the connections."""
        self.shutdown()
        for how in (SHUT_RD, SHUT_RDWR):  # at first, they can still answer what they have read
            deadline = time.monotonic() + 0.4  # seconds
            others = {c: t for c, t in dict(self.connections).items() if t != current_thread()}
            for connection in others:
                with suppress(OSError):
                    connection.shutdown(how)
            for thread in [self._accepting, *others.values()]:
                thread.join(max(0.0, deadline - time.monotonic()))


def _is_over(body: IO[bytes]) -> bool:
    """Whether the body of a request was read to its end.

    If not, the rest is thrown away: it is no next request, and as long as it is unread, the client
    may see a broken connection instead of our answer.
    """
    size = 0
    with suppress(OSError, HTTPException):  # it was cut off
        while size < DISCARDED and (piece := body.read(64 * 1024)):
            size += len(piece)
        return size == 0
    return False
