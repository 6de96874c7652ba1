"""The HTTP server that bots call."""

from __future__ import annotations

import contextlib
import http.client
import logging
import selectors
import socket
import threading
from collections.abc import Iterable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from .api import Call, Outcome, envelope, failed, random_echo
from .core import Core
from .json_text import InvalidJson, decode, encode
from .messages import find_file
from .ports import HOST, listen, may_enter
from .wire import FROM_BOT, HTTP_API, TO_BOT, Frame, head_of

logger = logging.getLogger(__name__)
MAX_BODY = 256 * 1024 * 1024
FILES = "simulator-files"  # where the URLs of received images lead to
JSON = "application/json; charset=utf-8"


class HttpApi:
    def __init__(self, core: Core, port: int, keep_alive: float) -> None:
        listener = listen(port)
        self.port: int = listener.getsockname()[1]
        self._server = _Server(core, listener, keep_alive)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.01,), daemon=True
        )

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def start(self) -> None:
        self._thread.start()

    def cut(self) -> None:
        self._server.cut()

    def stop(self) -> None:
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.cut()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # so that server_close() waits for them

    def __init__(self, core: Core, listener: socket.socket, keep_alive: float) -> None:
        super().__init__(listener.getsockname(), _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        self.core = core
        self.keep_alive = keep_alive
        self.open_sockets: set[socket.socket] = set()
        self.lock = threading.Lock()  # guards open_sockets

    def cut(self) -> None:
        with self.lock:
            sockets = list(self.open_sockets)
        for connection in sockets:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self.lock:
            self.open_sockets.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self.lock:
            self.open_sockets.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        logger.debug("connection of %s ended", client_address, exc_info=True)


class _TooLarge(Exception):
    pass


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.core = self.server.core
        self.number = self.core.log.new_connection()
        self.asked = 0

    def handle_one_request(self) -> None:
        self.close_connection = True
        # NapCat closes idle connections after five seconds, also under a client's hands
        self.connection.settimeout(self.server.keep_alive)
        try:
            self.raw_requestline = self.rfile.readline(65_537)
            if not self.raw_requestline or not self.parse_request():
                return
            self.connection.settimeout(30)
            self._answer_request()
        except (OSError, http.client.HTTPException):
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        logger.debug(format, *args)

    def _answer_request(self) -> None:
        try:
            urlsplit(self.path)
        except ValueError:
            self.send_error(400)
            return
        try:
            body = b"".join(self._body())
        except (_TooLarge, ValueError):
            self.close_connection = True
            self._respond(413, "text/plain", b"body too large or malformed")
            return
        self.core.gate.pass_through(HTTP_API, FROM_BOT, body)
        head = head_of(self.requestline, self.headers.items())
        self.asked = self._log(FROM_BOT, "call", body, head, None)
        if not may_enter(self.headers.get("Host"), self.headers.get("Origin")):
            self._respond(403, "text/plain", "only loopback. 只允许本机访问。".encode())
        elif self.command == "OPTIONS":
            self._respond(204, None, b"", headers=self._preflight())
        elif urlsplit(self.path).path.startswith(f"/{FILES}/"):
            self._send_file()
        else:
            self._answer_call(body)

    def _body(self) -> Iterator[bytes]:
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            total = 0
            while size := int(self.rfile.readline(1024).split(b";")[0], 16):
                total += size
                if size < 0 or total > MAX_BODY:
                    raise _TooLarge
                yield self.rfile.read(size)
                self.rfile.readline(1024)
            while self.rfile.readline(65_537).strip():
                pass
            return
        size = int(self.headers.get("Content-Length") or 0)
        if not 0 <= size <= MAX_BODY:
            raise _TooLarge
        yield self.rfile.read(size)

    def _answer_call(self, body: bytes) -> None:
        query = _joined(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
        try:
            given = {} if self.command in ("GET", "HEAD") else self._parsed(body)
        except InvalidJson as error:
            # NapCat looks at the body before the token
            note = {
                "zh": f"请求体不是 JSON，NapCat 只回答 Invalid JSON：{error}",
                "en": f"The body is no JSON; NapCat only answers Invalid JSON: {error}",
            }
            self.core.journal.add_note(HTTP_API, self.number, self.asked, note)
            self._respond(400, "text/html; charset=utf-8", b"Invalid JSON")
            return
        if not self.core.admits(self.path, self.headers.get("Authorization")):
            # the type is NapCat's, wrong as it is
            self._respond(403, "text/html; charset=utf-8", b'{"message":"token verify failed!"}')
            return
        self.core.http_was_called()
        params = {**given, **query}
        params.pop("access_token", None)
        echo = params.pop("echo", None)
        action = (unquote(urlsplit(self.path).path) + "/").split("/")[1]
        if not action:
            welcome = envelope({}, None) | {"message": "NapCat4 Is Running"}
            self._respond(200, JSON, encode(welcome))
            return
        echo = random_echo() if echo is None else echo
        call = Call(action, params, echo, True, HTTP_API, self.number, self.asked)
        self._deliver(call, self.core.api.perform(call))

    def _parsed(self, body: bytes) -> dict[str, Any]:
        """The parameters of a body; anything but a form is taken for JSON, whatever its type."""
        kind = self.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind == "application/x-www-form-urlencoded":
            text = body.decode("utf-8", "replace")
            return _joined(parse_qsl(text, keep_blank_values=True))
        value = decode(body) if body else {}
        if isinstance(value, (list, str)):  # so does JavaScript spread them
            return {str(index): item for index, item in enumerate(value)}
        return value if isinstance(value, dict) else {}

    def _deliver(self, call: Call, outcome: Outcome) -> None:
        if outcome.delay and self.core.stopping.wait(outcome.delay):
            return
        if outcome.exits:
            self.close_connection = True
            self.core.drop()
        elif outcome.swallowed:
            self._stay_silent()
        elif outcome.streamed:
            self._stream(outcome)
        else:
            self._send_envelope(call, outcome)

    def _send_envelope(self, call: Call, outcome: Outcome) -> None:
        answer = next(iter(outcome.envelopes))
        data = answer.get("data")
        message_id = data.get("message_id") if isinstance(data, dict) else None
        self.core.log.mark_message(call.frame, message_id)
        self._respond(200, JSON, self._encoded(answer), message_id)

    def _encoded(self, answer: dict[str, Any]) -> bytes:
        try:
            return encode(answer)
        except InvalidJson as error:  # an echo that is nested too deeply
            return encode(failed(400, str(error), None))

    def _stream(self, outcome: Outcome) -> None:
        """Several documents in one chunked answer without a Content-Type, as NapCat's."""
        head = "HTTP/1.1 200 OK\nAccess-Control-Allow-Origin: *\nTransfer-Encoding: chunked"
        self.wfile.write(head.replace("\n", "\r\n").encode() + b"\r\n\r\n")
        for document in outcome.envelopes:
            data = encode(document)
            self.core.gate.pass_through(HTTP_API, TO_BOT, data)
            self._log(TO_BOT, "stream", data, head, self.asked)
            head = ""
            part = data + b"\r\n\r\n"
            self.wfile.write(b"%x\r\n%b\r\n" % (len(part), part))
        self.wfile.write(b"0\r\n\r\n")
        self.close_connection = False

    def _stay_silent(self) -> None:
        """Answer nothing until the other side or the simulator gives up."""
        self.close_connection = True
        with selectors.DefaultSelector() as selector:
            selector.register(self.connection, selectors.EVENT_READ)
            while not self.core.stopping.is_set() and not selector.select(0.1):
                pass

    def _send_file(self) -> None:
        name = unquote(urlsplit(self.path).path).partition(f"/{FILES}/")[2]
        with self.core.world.lock:
            file = find_file(self.core.world, name) or find_file(self.core.world, f"/{name}")
        if file is None:
            self._respond(404, "text/plain", b"no such file")
        else:
            self._respond(200, "application/octet-stream", file.content)

    def _preflight(self) -> list[tuple[str, str]]:
        asked = self.headers.get("Access-Control-Request-Headers")
        allowed = [("Access-Control-Allow-Methods", "GET,HEAD,PUT,PATCH,POST,DELETE")]
        allowed.append(("Vary", "Access-Control-Request-Headers"))
        return [*allowed, ("Access-Control-Allow-Headers", asked)] if asked else allowed

    def _respond(
        self,
        status: int,
        kind: str | None,
        body: bytes,
        message_id: int | None = None,
        headers: Iterable[tuple[str, str]] = (),
    ) -> None:
        reason = http.client.responses[status]
        headers = [("Access-Control-Allow-Origin", "*"), *headers]
        if kind:
            headers.append(("Content-Type", kind))
        if status != 204:
            headers.append(("Content-Length", str(len(body))))
        keep = self.headers.get("Connection", "").lower() != "close" and status != 413
        headers.append(("Connection", "keep-alive" if keep else "close"))
        if keep:
            headers.append(("Keep-Alive", "timeout=5"))
        head = head_of(f"HTTP/1.1 {status} {reason}", headers)
        self.core.gate.pass_through(HTTP_API, TO_BOT, body)
        self._log(TO_BOT, "response", body, head, self.asked or None, message_id)
        sent = b"" if self.command == "HEAD" else body
        self.wfile.write(head.replace("\n", "\r\n").encode() + b"\r\n\r\n" + sent)
        self.close_connection = not keep

    def _log(
        self,
        direction: str,
        kind: str,
        body: bytes,
        head: str,
        answers: int | None,
        message_id: int | None = None,
    ) -> int:
        frame = Frame(HTTP_API, direction, self.number, kind, body, head, answers, message_id)
        if kind == "call":
            frame.cause = self.core.causes.of_request(self.path, body)
        return self.core.log.add(frame)


def _joined(pairs: list[tuple[str, str]]) -> dict[str, Any]:
    """A name that comes twice makes a list, as in Express."""
    values: dict[str, Any] = {}
    for name, value in pairs:
        if name not in values:
            values[name] = value
        elif isinstance(values[name], list):
            values[name].append(value)
        else:
            values[name] = [values[name], value]
    return values
