"""EventServer 用的 HTTP 服务器：werkzeug 的多线程服务器，推送事件的连接可以一直用下去。

The HTTP server of EventServer: werkzeug's threaded one, which keeps the connections of events.
"""

from __future__ import annotations

from contextlib import suppress
from io import BufferedReader
from socket import SHUT_RD, SHUT_RDWR, socket
from typing import TYPE_CHECKING, Any

from flask import Response, has_request_context, request
from werkzeug.exceptions import HTTPException
from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler
from werkzeug.wsgi import get_input_stream

from .conversations import Conversations

if TYPE_CHECKING:
    from .event_server import EventServer

UNREAD_SECONDS = 1.0  # how long what nobody read may take to come
PIECE, PIECES = 64 * 1024, 4096  # bytes; at most so many are read of a body that nobody wants


class _Connection(WSGIRequestHandler):
    """A connection. It is kept after an event; after everything else it ends, as in werkzeug."""

    protocol_version = "HTTP/1.1"
    timeout = 60  # seconds: a connection on which nothing comes for so long ends
    disable_nagle_algorithm = True
    server: PostServer

    def run_wsgi(self) -> None:
        """Answer a request: an event here, since werkzeug would end the connection."""
        if self.command == "POST" and self.path.partition("?")[0] == self.server.bot.path:
            self._take_event()
            return
        try:
            super().run_wsgi()
        except ValueError:  # the target is no address, such as http://[
            self.send_error(400)

    def _take_event(self) -> None:
        environ = self.make_environ()
        # It ends where the body ends. BufferedReader sees that a chunk was cut off; without it,
        # werkzeug would give memory that was never written, or crash Python.
        environ["wsgi.input"] = body = BufferedReader(get_input_stream(environ))  # type: ignore[type-var]
        environ["wsgi.input_terminated"] = True
        response = Response.from_app(self.server.app, environ, buffered=True)
        self.connection.settimeout(UNREAD_SECONDS)
        try:  # throw away what is unread: it is no next request, and could hide our answer
            for _ in range(PIECES):
                if not body.read(PIECE):
                    break
                self.close_connection = True
        except (OSError, HTTPException, ValueError):  # the body was cut off
            self.close_connection = True
        self.connection.settimeout(self.timeout)
        if self.close_connection:
            response.headers["Connection"] = "close"
        head = f"{self.protocol_version} {response.status}\r\n{response.headers}"
        self.wfile.write(head.encode("latin-1") + response.get_data())  # once is faster than twice

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse what is no HTTP, such as TLS."""
        self.server.bot._warn_no_http(self.raw_requestline[:100].split(b"?")[0])  # without a token
        super().send_error(code, message, explain)

    def log(self, *_: Any, **__: Any) -> None:
        """Log nothing: an event is logged when it comes, and an address may hold a token."""

    log_request = log


class PostServer(ThreadedWSGIServer):
    """werkzeug's threaded server. It remembers its connections until they end."""

    def __init__(self, sock: socket, bot: EventServer) -> None:
        host, port = sock.getsockname()[:2]
        super().__init__(host, port, bot.app, _Connection, fd=sock.fileno())
        self.bot = bot
        self.connections: set[Any] = set()
        # each connection is a chat of its own here, since Conversations reuses threads
        self.threads = Conversations("onebot_simple server")

    def start(self) -> None:
        """Accept connections, on a thread of the server's own."""
        self.threads.put("accept", self.serve_forever, 0.02)  # s: how often it looks for its end

    def process_request(self, request: Any, client_address: Any) -> None:
        """Let a thread serve a new connection."""
        self.connections.add(request)
        self.threads.put(request, self._serve, request, client_address)

    def _serve(self, request: Any, client_address: Any) -> None:
        self.threads.name_job("an HTTP request")  # should it not end
        try:
            self.process_request_thread(request, client_address)
        finally:
            self.connections.discard(request)

    def stop(self) -> None:
        """Listen no more, let the answers that are being made go out, and end the connections."""
        self.shutdown()
        own = request.environ.get("werkzeug.socket") if has_request_context() else None
        for how in (SHUT_RD, SHUT_RDWR):  # at first, they can still answer what they have read
            for connection in self.connections - {own}:  # a view that stops the server answers
                with suppress(OSError):
                    connection.shutdown(how)
            self.threads.drain(0.3)
        self.threads.stop(0.1)
