"""The reverse WebSocket: NapCat's side connects to the bot, again and again."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
from urllib.parse import urlsplit

from websockets.exceptions import InvalidHandshake, InvalidStatus, WebSocketException
from websockets.http11 import Response
from websockets.sync.client import ClientConnection, connect

from .core import Core
from .ports import CONNECT_TIMEOUT, require_loopback
from .wire import FROM_BOT, TO_BOT, WS_REVERSE, Frame, head_of
from .world import BOT
from .ws_peer import CLOSE_TIMEOUT, MAX_SIZE, WsPeer

HANDSHAKE_TIMEOUT = 2.0  # seconds, as NapCat


class WsReverse:
    """Keeps one connection to one URL until it is stopped."""

    def __init__(self, core: Core, url: str, token: str | None, interval: float) -> None:
        require_loopback(url, ("ws",))
        self.url = url
        self.connected = False
        self.problem = ""  # why the last attempt failed
        self._core = core
        self._token = token or ""
        self._interval = interval
        self._stopping = threading.Event()
        self._socket: socket.socket | None = None
        self._lock = threading.Lock()  # guards _socket
        self._thread = threading.Thread(target=self._keep_connected, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def retire(self) -> None:
        """Connect no more."""
        self._stopping.set()

    def stop(self) -> None:
        self.retire()
        with self._lock:
            if self._socket:
                with contextlib.suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()

    def _keep_connected(self) -> None:
        while not self._stopping.is_set():
            connection = self._core.log.new_connection()
            try:
                self._serve_once(connection)
                self.problem = "closed"
            except InvalidStatus as error:
                self._log_answer(connection, error.response)
                self.problem = f"HTTP {error.response.status_code}"
            except (OSError, InvalidHandshake, WebSocketException) as error:
                self.problem = str(error) or type(error).__name__
            self._stopping.wait(self._interval)

    def _serve_once(self, connection: int) -> None:
        parts = urlsplit(self.url)
        address = (parts.hostname or "", parts.port or 80)
        raw = socket.create_connection(address, CONNECT_TIMEOUT)
        raw.settimeout(None)  # later, silence is no error; websockets itself limits the handshake
        with self._lock:
            self._socket = raw
        try:
            # stop() may have come before there was anything to shut down
            if not self._stopping.is_set():
                with self._shake_hands(raw, connection) as websocket:
                    self._serve(websocket, connection)
        finally:
            with self._lock:
                self._socket = None
            raw.close()

    def _shake_hands(self, raw: socket.socket, connection: int) -> ClientConnection:
        headers = {
            "X-Self-ID": str(BOT),
            # NapCat sends the word even when there is no token
            "Authorization": f"Bearer {self._token}",
            "x-client-role": "Universal",
        }
        target = urlsplit(self.url)._replace(scheme="", netloc="").geturl() or "/"
        shown = head_of(f"GET {target} HTTP/1.1", [*headers.items(), ("User-Agent", "OneBot/11")])
        self._core.log.add(Frame(WS_REVERSE, TO_BOT, connection, "handshake", head=shown))
        return connect(
            self.url,
            sock=raw,
            additional_headers=headers,
            user_agent_header="OneBot/11",
            compression=None,
            proxy=None,
            open_timeout=HANDSHAKE_TIMEOUT,
            close_timeout=CLOSE_TIMEOUT,
            ping_interval=None,
            max_size=MAX_SIZE,
            max_queue=None,  # as in ws_api
            logger=_quiet(),
        )

    def _serve(self, websocket: ClientConnection, connection: int) -> None:
        assert websocket.response is not None
        self._log_answer(connection, websocket.response)
        peer = WsPeer(self._core, websocket, WS_REVERSE, connection, self.url, True)
        self.connected, self.problem = True, ""
        try:
            peer.run()
        finally:
            self.connected = False

    def _log_answer(self, connection: int, response: Response) -> None:
        head = head_of(
            f"HTTP/1.1 {response.status_code} {response.reason_phrase}",
            response.headers.raw_items(),
        )
        frame = Frame(WS_REVERSE, FROM_BOT, connection, "handshake", head=head)
        frame.data = bytes(response.body or b"")
        self._core.log.add(frame)


def _quiet() -> logging.Logger:
    logger = logging.getLogger(__name__)
    logger.setLevel(logging.CRITICAL)
    return logger
