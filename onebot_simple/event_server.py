"""HTTP POST：OneBot 把事件推送给我们的 Flask 服务器。

HTTP POST: OneBot pushes its events to our Flask server.
"""

from __future__ import annotations

import hmac
import io
import logging
import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from http import HTTPStatus
from http.client import HTTPMessage
from queue import Empty, SimpleQueue
from socket import SHUT_RDWR, socket
from threading import Event as Flag
from threading import Lock, Thread
from typing import Any

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException
from werkzeug.serving import DechunkedInput, ThreadedWSGIServer, WSGIRequestHandler
from werkzeug.test import run_wsgi_app

from .actions import Actions, from_json
from .addresses import authority, check_token, is_loopback, listen, names_this_machine
from .bot import Bot
from .conversations import Conversations
from .errors import ApiNotAvailable, NetworkError

log = logging.getLogger("onebot_simple")

MAX_BODY = 64 * 1024 * 1024
DISCARDED = 4 * MAX_BODY  # so much is read of a body that is too large, to be heard saying so
PIECE = 64 * 1024
BACKLOG = 128
IDLE_SECONDS = 60  # in which the next request must begin, and its head be complete
BODY_SECONDS = 120  # in which a body must be complete
MAX_CONNECTIONS = 4000  # each costs a thread, and at worst a body
SLICE_SECONDS = 0.2
FOREIGN_HOST = (
    "在 OneBot 里把地址的主机写成 127.0.0.1；经过反向代理时，让它把 Host 改成 127.0.0.1。"
)
SAME_SECRET = "OneBot 里填的 token 要和这里的 secret 一模一样。"
ANSWER_SECONDS = 30  # how long an HTTP answer waits for the handler
MAX_LINE = 64 * 1024  # of the head of a request
MAX_HEADERS = 100

_Header = Callable[[str, str], str]  # the value of a header, or what stands for none

_REQUEST_LINE = re.compile(rb"([A-Z]{1,20}) ([!-~]+) HTTP/(1\.[01])\r?\n")
_HEADER = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):([^\x00-\x08\x0a-\x1f\x7f]*)\r?\n")
_JSON_TYPE = re.compile(r"\s*application/([^\s;]+\+)?json\s*(;|$)", re.IGNORECASE)
_ONLY_ONCE = ("Host", "Content-Length")
_CHUNK_LENGTH = re.compile(rb"[0-9a-fA-F]{1,16}[ \t]*(;[^\n]*)?\r?\n")


class EventServer(Bot):
    """接收 OneBot 推送的事件（NapCat 里叫“HTTP 客户端”）的机器人，本身是一个 Flask 应用。

    A bot to which OneBot pushes events; ``server.app`` is its Flask application.

    host, port: where to listen; port 0 picks a free one. path: of the URL. secret: what OneBot
    signs its events with (NapCat: token). api: an HttpClient to call actions with; without it
    the answers of handlers go back in the HTTP response, and nothing else can be called.
    Source: OneBot 11 standard, communication, HTTP POST.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 8080,
        *,
        path: str = "/",
        secret: str | None = None,
        api: Actions | None = None,
        command_prefix: str = "/",
    ) -> None:
        super().__init__(command_prefix=command_prefix)
        if not path.startswith("/"):
            raise ValueError(f'path must begin with "/", not {path!r}. 路径要以 / 开头。')
        if api is not None and not isinstance(api, Actions):
            raise TypeError(
                f"api must be an HttpClient, not {api!r}. "
                '写成 EventServer(api=HttpClient("http://127.0.0.1:3000"))。'
            )
        self.host, self.port, self.path, self.api = host, port, path, api
        self._secret = (check_token(secret) or "").encode()
        self._local_only = False
        self._closing = Flag()
        self._server: _Server | None = None
        self._acceptor: Thread | None = None
        self.app = Flask(__name__, static_folder=None)
        self.app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
        self.app.add_url_rule(
            path, "receive", self._receive, methods=["POST"], strict_slashes=False
        )
        self.app.register_error_handler(HTTPException, _explain)

    @property
    def url(self) -> str:
        """OneBot 里要填的地址。

        The address to fill in in OneBot.
        """
        return f"http://{authority(self.host, self.port)}{self.path}"

    def request(
        self, action: str, params: dict[str, Any] | None = None, *, timeout: float | None = None
    ) -> dict[str, Any]:
        """用 ``api`` 调用一个动作，原样返回整个回答。

        Calls an action on ``api`` and returns the whole answer; ApiNotAvailable without one.
        """
        return self._counted(lambda: self._api_for(action).request(action, params, timeout=timeout))

    def _stream(self, action: str, params: dict[str, Any]) -> Iterator[dict[str, Any]]:
        return self._counted_stream(lambda: self._api_for(action)._stream(action, params))

    def _api_for(self, action: str) -> Actions:
        if self.api is None:
            raise ApiNotAvailable(
                f"cannot call {action}: this EventServer has no api=. "
                '写成 EventServer(api=HttpClient("http://127.0.0.1:3000"))，就能调用动作了；'
                "不写 api 时，只能用处理函数的返回值来回答。"
            )
        if self._closing.is_set() and self._conversations.inside():
            raise NetworkError(f"cannot call {action}: the bot was stopped. 机器人已经停止了。")
        return self.api

    # -- one event ----------------------------------------------------------------------------

    def _receive(self) -> Response:
        """The view of the Flask application."""
        body = request.get_data(cache=False)
        status, answer = self._answer(request.headers.get, body, request.remote_addr)
        return Response(answer, status, _headers(status, answer))

    def _answer(self, header: _Header, body: bytes, sender: object) -> tuple[int, bytes]:
        """The status, and a quick operation or a sentence, for what was posted."""
        refusal = self._refusal(header, body, sender)
        if refusal is not None:
            return refusal
        try:
            event = from_json(body)
        except ValueError as error:
            self._complain("a body that is not a JSON object", error)
            return _words(400, f"the body is not a JSON object: {error}. 内容不是 JSON 对象。")
        if not isinstance(event.get("post_type"), str):
            self.handle(event)
            return _words(400, "an event needs a post_type. 事件必须有 post_type。")
        answers: SimpleQueue[str | None] = SimpleQueue()
        if not self.handle(event, answer=answers.put if self.api is None else None):
            return _words(503, "the bot is stopping. 机器人正在停止，没有处理这个事件。")
        operation = self._operation_from(answers) if self.api is None else None
        return (200, operation.encode()) if operation else (204, b"")

    def _operation_from(self, answers: SimpleQueue[str | None]) -> str | None:
        deadline = time.monotonic() + ANSWER_SECONDS
        while time.monotonic() < deadline:
            try:
                return answers.get(timeout=SLICE_SECONDS)
            except Empty:
                if self._closing.is_set():  # the event may have been dropped
                    return None
        log.warning(
            "no handler answered within %d s, the HTTP answer is empty. "
            "处理太慢，回答没法随 HTTP 返回了：给 EventServer 加上 api=。",
            ANSWER_SECONDS,
        )
        return None

    def _refusal(self, header: _Header, body: bytes, sender: object) -> tuple[int, bytes] | None:
        """Why this may not come in; None when it may."""
        host = header("Host", "localhost")
        if self._local_only and not names_this_machine(host):
            self._complain("an event for another host", host, FOREIGN_HOST)
            return _words(403, f"the Host must be 127.0.0.1 or localhost. {FOREIGN_HOST}")
        if not _JSON_TYPE.match(header("Content-Type", "")):
            return _words(
                415, "events come as application/json. Content-Type 要是 application/json。"
            )
        if not self._secret:
            return None
        given = header("X-Signature", "")
        wanted = "sha1=" + hmac.digest(self._secret, body, "sha1").hex()
        if not given:
            self._complain("an event without signature", sender, SAME_SECRET)
            return _words(401, "X-Signature is missing. 缺少签名：OneBot 那边也要填同样的 secret。")
        if not hmac.compare_digest(given.encode(), wanted.encode()):
            self._complain("an event with a wrong signature", sender, SAME_SECRET)
            return _words(403, "X-Signature is wrong. 签名不对：两边的 secret（token）要一样。")
        return None

    def _answers_at_once(self, command: str, target: str) -> bool:
        """Whether a request needs no dispatch by Flask, which takes half of the time of an event.

        It does when somebody has put something of their own in between.
        """
        app = self.app
        return (
            command == "POST"
            and target == self.path
            and not (app.before_request_funcs or app.after_request_funcs)
            and not (app.teardown_request_funcs or "wsgi_app" in vars(app))
        )

    # -- the server ---------------------------------------------------------------------------

    def _open(self) -> None:
        self._closing.clear()
        sock = listen(self.host, self.port, BACKLOG)
        self.port = sock.getsockname()[1]
        self._local_only = is_loopback(self.host)
        if not self._local_only and not self._secret:
            log.warning(
                "%s is open to the network without a secret. 任何人都能伪造事件：请设置 secret。",
                self.url,
            )
        with sock:
            server = _Server(self, self.host, self.port, self.app, _Requests, fd=sock.fileno())
        acceptor = Thread(
            target=server.serve_forever, args=(0.05,), name="onebot_simple server", daemon=True
        )
        acceptor.start()
        with self._state:  # stop() finds both, or none
            self._server, self._acceptor = server, acceptor
        log.info("listening on %s. 等待 OneBot 推送事件。", self.url)

    def _close(self) -> None:
        self._closing.set()
        if self.api is not None:
            self.api._abandon(self._conversations.threads)
        with self._state:
            server, acceptor = self._server, self._acceptor
            self._server = self._acceptor = None
        if server is not None and acceptor is not None:
            server.shutdown()
            server.server_close()
            server.hang_up(1)
            acceptor.join(1)
        self._local_only = False


def _words(status: int, text: str) -> tuple[int, bytes]:
    return status, f"{text}\n".encode()


def _headers(status: int, answer: bytes) -> list[tuple[str, str]]:
    if status == 204:
        return []  # NapCat takes any text that is no operation for a broken answer
    kind = "application/json" if status == 200 else "text/plain; charset=utf-8"
    return [("Content-Type", kind), ("Content-Length", str(len(answer)))]


def _explain(error: HTTPException) -> Response:
    """What a person who opens the address in a browser should read."""
    if error.response is not None:
        return error.response  # type: ignore[return-value]
    status = error.code or 500
    words = {
        404: "OneBot posts its events to another path. 路径不对：检查 NapCat 里填的地址。",
        405: "OneBot posts its events here, there is nothing to GET. "
        "这个地址是给 OneBot 推送（POST）事件用的，在浏览器里打开说明服务器已经在运行了。",
        413: "too large, 64 MiB is the limit. 内容太大，最多 64 MiB。",
    }
    _, answer = _words(status, words.get(status, str(error)))
    response = Response(answer, status, _headers(status, answer))
    if status == 405:
        response.headers["Allow"] = "POST"
    return response


class _Requests(WSGIRequestHandler):
    """One connection: HTTP/1.1 with keep-alive, each body read whole before it is looked at."""

    protocol_version = "HTTP/1.1"
    timeout = IDLE_SECONDS
    disable_nagle_algorithm = True
    rbufsize = 0
    wbufsize = -1
    server: _Server

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
        bot = self.server.bot
        try:
            body = self._body()
            at_once = len(body) <= MAX_BODY and bot._answers_at_once(self.command, self.path)
            environ = {} if at_once else self.make_environ()
        except (ConnectionError, TimeoutError):
            self.close_connection = True
            return
        except (ValueError, OSError):  # a length or a chunk that is none, an unusable target
            self.send_error(400)
            return
        if len(body) > MAX_BODY:
            self.close_connection = True
        if at_once:
            status, answer = bot._answer(self.headers.get, body, self.client_address[0])
            start = f"{status} {HTTPStatus(status).phrase}"
            self._respond([answer], start, _headers(status, answer))
        else:
            environ.pop("HTTP_TRANSFER_ENCODING", None)
            environ["wsgi.input"] = io.BytesIO(body)
            environ["CONTENT_LENGTH"] = str(len(body))
            self._respond(*run_wsgi_app(self.server.app, environ, buffered=True))

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
        source = _Chunks(self.rfile) if encoding else self.rfile  # type: ignore[arg-type]
        left = float("inf") if encoding else int(length or 0)
        pieces, size = [], 0
        while left and (piece := source.read(int(min(left, PIECE)))):
            left -= len(piece)
            size += len(piece)
            if size <= MAX_BODY + PIECE:
                pieces.append(piece)
            elif size > DISCARDED:
                break
        if left and not encoding and size <= MAX_BODY:
            raise ConnectionError("the body was cut off")
        return b"".join(pieces)

    def _respond(
        self, pieces: Iterable[bytes], status: str, headers: Iterable[tuple[str, str]]
    ) -> None:
        code, _, phrase = status.partition(" ")
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


class _Chunks(DechunkedInput):
    """Strict about lengths: what a proxy in front reads differently could hide a request."""

    def read_chunk_len(self) -> int:
        line = self._rfile.readline(100)
        if not _CHUNK_LENGTH.fullmatch(line):
            raise OSError("not the length of a chunk")
        return int(line.partition(b";")[0], 16)


class _Server(ThreadedWSGIServer):
    """werkzeug's server with a thread per connection, which knows its connections."""

    daemon_threads = True

    def __init__(self, bot: EventServer, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.bot = bot
        self._workers = Conversations("onebot_simple connection")  # each with one long job
        self._lock = Lock()  # guards the connections
        self._connections: set[socket] = set()

    def get_request(self) -> Any:
        try:
            return super().get_request()
        except OSError:
            time.sleep(SLICE_SECONDS)  # too many files are open: until somebody hangs up
            raise

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            if len(self._connections) >= MAX_CONNECTIONS:
                self.bot._complain("a connection", f"{len(self._connections)} are open already")
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
