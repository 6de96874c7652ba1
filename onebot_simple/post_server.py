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

log = logging.getLogger("onebot_simple")

IDLE_SECONDS = 60  # a connection on which nothing comes for so long is closed
POLL_SECONDS = 0.1  # how often the server looks whether it is to end
END_SECONDS = 0.4  # at the end, answers that are being made have so long to go out


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
        if not _is_over(body):  # the rest of it must not be taken for the next request
            self.close_connection = True
        self.send_response(response.status_code)
        for name, value in response.headers:
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(response.get_data())

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse what is no HTTP, such as TLS."""
        self.server.not_http(self.raw_requestline[:100].split(b"?")[0])  # without a token
        super().send_error(code, message, explain)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log nothing: an event is logged when it comes."""

    def log_error(self, format: str, *args: Any) -> None:
        log.debug("%s: " + format, self.client_address[0], *args)


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
        self.listener = _thread(self.serve_forever, POLL_SECONDS)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a new connection in a thread of its own."""
        self.connections[request] = _thread(self.process_request_thread, request, client_address)
        self.connections[request].start()

    def shutdown_request(self, request: Any) -> None:
        """Forget a connection that is over."""
        super().shutdown_request(request)
        self.connections.pop(request, None)

    def handle_error(self, request: Any, client_address: Any) -> None:
        log.exception("处理请求时出错，服务器继续运行。 A request failed, the server goes on.")

    def end(self) -> None:
        """Listen no more, let the answers that are being made go out, and end the connections."""
        serving = dict(self.connections)
        self.shutdown()
        self.listener.join()
        serving.update(self.connections)  # those that came meanwhile
        others = [(one, thread) for one, thread in serving.items() if thread != current_thread()]
        for how in (SHUT_RD, SHUT_RDWR):  # at first, they can still answer what they have read
            deadline = time.monotonic() + END_SECONDS
            for connection, _ in others:
                with suppress(OSError):
                    connection.shutdown(how)
            for _, thread in others:
                thread.join(max(0.0, deadline - time.monotonic()))


def _thread(target: Callable[..., object], *args: object) -> Thread:
    return Thread(target=target, args=args, name="onebot_simple http", daemon=True)


def _is_over(body: IO[bytes]) -> bool:
    """Whether the body of a request was read to its end."""
    try:
        return not body.read(1)
    except (OSError, HTTPException):  # it was cut off
        return False
