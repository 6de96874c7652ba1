"""The WebSocket server that bots connect to."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
from typing import Any
from urllib.parse import urlsplit

from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

from .api import failed
from .core import Core
from .json_text import encode
from .ports import HOST, listen, may_enter
from .wire import FROM_BOT, TO_BOT, WS, Frame, head_of
from .ws_peer import CLOSE_TIMEOUT, MAX_SIZE, WsPeer

logger = logging.getLogger(__name__)
# a bot that vanishes in the middle of a handshake is not the user's concern
logger.setLevel(logging.CRITICAL)


class WsApi:
    def __init__(self, core: Core, port: int) -> None:
        self._core = core
        listener = listen(port)
        self.port: int = listener.getsockname()[1]
        self._sockets: set[socket.socket] = set()  # every accepted one that has not ended
        self._lock = threading.Lock()  # guards _sockets and _handlers
        self._handlers: set[threading.Thread] = set()
        self._server = serve(
            self._serve,
            sock=listener,
            compression=None,
            max_size=MAX_SIZE,
            max_queue=None,  # read on: pings are answered while the gate holds many calls
            ping_interval=None,
            open_timeout=2,
            close_timeout=CLOSE_TIMEOUT,
            process_request=self._check_origin,
            server_header=None,
            create_connection=self._create_connection,  # type: ignore[arg-type]  # any callable does
            logger=logger,
        )
        self._thread = threading.Thread(target=self._accept, daemon=True)

    @property
    def url(self) -> str:
        return f"ws://{HOST}:{self.port}"

    def start(self) -> None:
        self._thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(ValueError, OSError):  # stop() came before the first look
            self._server.serve_forever()

    def stop(self) -> None:
        with self._lock:
            sockets, handlers = list(self._sockets), list(self._handlers)
        for connection in sockets:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._server.shutdown()
        self._thread.join()
        for thread in handlers:
            thread.join()

    def _create_connection(self, sock: socket.socket, *args: Any, **settings: Any) -> Any:
        sock.settimeout(None)  # silence is no error, whatever socket.setdefaulttimeout() says
        with self._lock:
            # those that ended have no file descriptor any more
            self._sockets = {other for other in self._sockets if other.fileno() != -1}
            self._sockets.add(sock)
        return ServerConnection(sock, *args, **settings)

    def _check_origin(self, websocket: ServerConnection, request: Request) -> Response | None:
        # a web page, or a name that was pointed at loopback, must not become a bot
        if may_enter(request.headers.get("Host"), request.headers.get("Origin")):
            return None
        return websocket.respond(403, "only loopback. 只允许本机访问。\n")

    def _serve(self, websocket: ServerConnection) -> None:
        thread = threading.current_thread()
        with self._lock:
            self._handlers.add(thread)
        try:
            self._welcome(websocket)
        finally:
            with self._lock:
                self._handlers.discard(thread)

    def _welcome(self, websocket: ServerConnection) -> None:
        request, response = websocket.request, websocket.response
        assert request is not None and response is not None
        connection = self._core.log.new_connection()
        asked = head_of(f"GET {request.path} HTTP/1.1", request.headers.raw_items())
        answered = head_of("HTTP/1.1 101 Switching Protocols", response.headers.raw_items())
        log = self._core.log
        first = log.add(Frame(WS, FROM_BOT, connection, "handshake", head=asked))
        log.add(Frame(WS, TO_BOT, connection, "handshake", head=answered, answers=first))
        if not self._core.admits(request.path, request.headers.get("Authorization")):
            self._refuse(websocket, connection)
            return
        path = urlsplit(request.path).path
        address = "{}:{}".format(*websocket.remote_address[:2])
        peer = WsPeer(self._core, websocket, WS, connection, address, path not in ("/api", "/api/"))
        peer.run()

    def _refuse(self, websocket: ServerConnection, connection: int) -> None:
        data = encode(failed(1403, "token验证失败", None))
        self._core.log.add(Frame(WS, TO_BOT, connection, "response", data))
        with contextlib.suppress(ConnectionClosed):
            websocket.send(data, text=True)
            websocket.close(None)  # type: ignore[arg-type]  # NapCat closes without a code
