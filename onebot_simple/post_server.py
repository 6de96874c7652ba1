"""EventServer 用的 HTTP 服务器：werkzeug 的多线程服务器，推送事件的连接可以一直用下去。

The HTTP server of EventServer: werkzeug's threaded one, which keeps the connections of events.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from socket import SHUT_RD, SHUT_RDWR, socket
from threading import Thread, current_thread
from typing import IO, Any

from flask import Flask, Response
from werkzeug.exceptions import HTTPException
from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler
from werkzeug.wsgi import get_input_stream

from .threads import Threads

log = logging.getLogger("onebot_simple")

IDLE_SECONDS = 60  # a connection on which nothing comes for so long is closed
POLL_SECONDS = 0.1  # how often the server looks whether it is to end
END_SECONDS = 0.4  # at the end, answers that are being made have so long to go out
PIECE = 64 * 1024
DISCARDED = 256 * 1024 * 1024  # bytes that are read of a body that nobody wanted


class _Requests(WSGIRequestHandler):
    """A connection. It is kept after an event; after everything else it ends, as in werkzeug."""

    protocol_version = "HTTP/1.1"
    timeout = IDLE_SECONDS
    disable_nagle_algorithm = True
    server: PostServer

    def run_wsgi(self) -> None:
        """Answer a request: an event here, since werkzeug would end the connection."""
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
        self.wfile.write(head.encode("latin-1") + response.get_data())  # faster than two pieces

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse what is no HTTP, such as TLS."""
        self.server.not_http(self.raw_requestline[:100].split(b"?")[0])  # without a token
        super().send_error(code, message, explain)

    def log(self, type: str, message: str, *args: Any) -> None:
        """Log nothing: an event is logged when it comes, and an address may hold a token."""


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
        self.threads = Threads("http")
        self.listener = Thread(
            target=self.serve_forever, args=(POLL_SECONDS,), name="onebot_simple http", daemon=True
        )

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a new connection in a thread that may have served others before."""
        self.threads.run(self.process_request_thread, request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        self.connections[request] = current_thread()
        super().process_request_thread(request, client_address)
        del self.connections[request]

    def handle_error(self, request: Any, client_address: Any) -> None:
        log.exception("处理请求时出错，服务器继续运行。 A request failed, the server goes on.")

    def end(self) -> None:
        """Listen no more, let the answers that are being made go out, and end the connections."""
        self.shutdown()
        self.listener.join()
        for how in (SHUT_RD, SHUT_RDWR):  # at first, they can still answer what they have read
            for connection, thread in dict(self.connections).items():
                if thread != current_thread():  # it is to answer whoever stops the server
                    with suppress(OSError):
                        connection.shutdown(how)
            self.threads.end(time.monotonic() + END_SECONDS)


def _is_over(body: IO[bytes]) -> bool:
    """Whether the body of a request was read to its end.

    If not, the rest is read now: else the client sees a broken connection instead of our answer.
    """
    try:
        size = len(body.read(1))
        if not size:
            return True
        while size < DISCARDED and (piece := body.read(PIECE)):
            size += len(piece)
    except (OSError, HTTPException):  # it was cut off
        pass
    return False
