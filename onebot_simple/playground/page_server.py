"""The page's own web server: loopback only, one secret link, nothing from elsewhere."""

from __future__ import annotations

import hmac
import json
import secrets
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from importlib.resources import files
from typing import Any
from urllib.parse import quote

from flask import Flask, Response, abort, request
from werkzeug.exceptions import HTTPException
from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

from ..simulator.json_text import InvalidJson, decode
from ..simulator.ports import HOST, listen
from ..simulator.world import Failure
from .deeds import Deeds
from .feed import Feed, Seen
from .shown import shown_type

TYPES = {".css": "text/css", ".js": "text/javascript"}
# the files of the page's folder, which a page may load
PAGE = {
    entry.name: TYPES[entry.name[entry.name.rindex(".") :]]
    for entry in (files(__package__) / "page").iterdir()
    if entry.name.endswith(tuple(TYPES))
}
MAX_BODY = 32 * 1024 * 1024  # pictures and files fit, in base64
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self';"
    " img-src 'self'; media-src 'self'; connect-src 'self'; frame-ancestors 'none';"
    " base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class PageServer:
    """Serves the page on 127.0.0.1. Who has the link may use it, nobody else."""

    def __init__(self, feed: Feed, deeds: Deeds, port: int) -> None:
        self._feed = feed
        self._deeds = deeds
        self._run = secrets.token_hex(4)  # so that an old page notices the next playground
        self._token = secrets.token_urlsafe(16)
        listener = listen(port)
        self.port: int = listener.getsockname()[1]
        self._cookie = f"playground_{self.port}"  # cookies do not know ports
        self._hosts = (f"{HOST}:{self.port}", f"localhost:{self.port}")
        with listener:  # the server takes a copy
            self._server = _Server(HOST, self.port, self._app(), _Requests, fd=listener.fileno())
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.01,), daemon=True
        )

    @property
    def link(self) -> str:
        return f"http://{HOST}:{self.port}/?token={self._token}"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._feed.close()
        self._server.shutdown()
        self._thread.join()
        self._server.hang_up()
        self._server.server_close()

    def _app(self) -> Flask:
        app = Flask(__name__, static_folder=None)
        app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
        app.before_request(self._check_host)
        app.after_request(_add_headers)
        app.register_error_handler(HTTPException, _explain)
        app.add_url_rule("/", view_func=self._index)
        app.add_url_rule("/favicon.ico", view_func=_no_icon)
        app.add_url_rule("/<name>", view_func=self._file)
        app.add_url_rule("/events", view_func=self._events)
        app.add_url_rule("/log.jsonl", view_func=self._log)
        app.add_url_rule("/file/<path:file_id>", view_func=self._file_of_message)
        app.add_url_rule("/do/<name>", view_func=self._do, methods=["POST"])
        return app

    # who may

    def _check_host(self) -> None:
        # a name that somebody has pointed at 127.0.0.1 is not ours (DNS rebinding)
        if request.headers.get("Host") not in self._hosts:
            abort(403, "只允许本机访问 only loopback")

    def _check_token(self, given: str | None) -> None:
        if not hmac.compare_digest((given or "").encode(), self._token.encode()):
            abort(403, "请打开命令行里显示的链接 open the link that the command has printed")

    def _check_page(self) -> None:
        """Only our own page may write: others cannot send this Origin, nor JSON."""
        if request.headers.get("Origin") != f"http://{request.headers['Host']}":
            abort(403, "只有这个网页自己可以操作 only the page itself may do this")
        if request.mimetype != "application/json":
            abort(415, "要用 JSON it takes JSON")

    # what there is

    def _index(self) -> Response:
        self._check_token(request.args.get("token") or request.cookies.get(self._cookie))
        page = Response(_content("index.html"), mimetype="text/html")
        page.set_cookie(self._cookie, self._token, httponly=True, samesite="Strict")
        return page

    def _file(self, name: str) -> Response:
        if name not in PAGE:
            abort(404, "没有这个文件 no such file")
        return Response(_content(name), mimetype=PAGE[name])

    def _log(self) -> Response:
        self._check_token(request.cookies.get(self._cookie))
        answer = Response(self._feed.saved(), mimetype="application/jsonl")
        answer.headers["Content-Disposition"] = 'attachment; filename="day.jsonl"'
        return answer

    def _file_of_message(self, file_id: str) -> Response:
        """A picture, or any other file of a message; only pictures and sound are shown."""
        self._check_token(request.cookies.get(self._cookie))
        file = self._feed.file(file_id)
        if file is None:
            abort(404, "没有这个文件 no such file")
        kind = shown_type(file.content)
        answer = Response(file.content, mimetype=kind or "application/octet-stream")
        if kind is None:
            name = quote(file.name, safe="")
            answer.headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{name}"
        return answer

    def _events(self) -> Response:
        self._check_token(request.cookies.get(self._cookie))
        # a browser sends the header when it connects again, the page what it knows
        seen = request.headers.get("Last-Event-ID") or request.args.get("seen", "")
        return Response(self._stream(self._seen(seen)), mimetype="text/event-stream")

    def _seen(self, number: str) -> Seen:
        run, *numbers = number.split(".")
        if run == self._run and len(numbers) == 3 and all(map(str.isdecimal, numbers)):
            return int(numbers[0]), int(numbers[1]), int(numbers[2])
        return 0, 0, 0

    def _stream(self, seen: Seen) -> Iterator[bytes]:
        for update in self._feed.updates(seen):
            if update is None:
                yield b": still here\n\n"
            else:
                number = ".".join(map(str, [self._run, *update.pop("at")]))
                # escaped: frames may hold lone surrogates, which have no UTF-8
                text = json.dumps({**update, "run": self._run})
                yield f"id: {number}\ndata: {text}\n\n".encode()

    def _do(self, name: str) -> Response:
        self._check_page()
        self._check_token(request.cookies.get(self._cookie))
        try:
            wanted = decode(request.get_data())
            if not isinstance(wanted, dict):
                raise InvalidJson("要一个 JSON 对象 it takes a JSON object")
            return _json(self._deeds(name, wanted), 200)
        except Failure as error:  # asked for properly, and the world said no
            return _json({"error": str(error)}, 200)
        except KeyError as error:
            return _json({"error": f"缺少 {error.args[0]} missing"}, 400)
        except (ValueError, TypeError, OverflowError) as error:
            return _json({"error": str(error)}, 400)


def _no_icon() -> Response:
    return Response(status=204)


def _content(name: str) -> bytes:
    return (files(__package__) / "page" / name).read_bytes()


def _json(value: dict[str, Any], status: int) -> Response:
    return Response(json.dumps(value), status, mimetype="application/json")


def _add_headers(response: Response) -> Response:
    response.headers.update(HEADERS)
    return response


def _explain(error: HTTPException) -> Response:
    words = error.description
    if error.code == 413:
        size = MAX_BODY // 1024 // 1024
        words = f"太大了，最多 {size} MB。 Too large, at most {size} MB."
    return Response(f"{words}\n", error.code, mimetype="text/plain")


class _Requests(WSGIRequestHandler):
    # a connection for each request: simpler to end, and on loopback nobody notices
    timeout = 10  # seconds for a browser that connects in advance, or does not read
    disable_nagle_algorithm = True

    def log_request(self, code: object = "-", size: object = "-") -> None:
        pass

    def log_error(self, format: str, *args: Any) -> None:
        pass


class _Server(ThreadedWSGIServer):
    """Knows its connections, so that it can end them."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._connections: dict[threading.Thread, socket.socket] = {}
        self._lock = threading.Lock()  # guards _connections

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._connections[threading.current_thread()] = request
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._lock:
                self._connections.pop(threading.current_thread())

    def hang_up(self) -> None:
        with self._lock:
            connections = dict(self._connections)
        for thread, connection in connections.items():
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            thread.join(1)

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # a tab that was closed
