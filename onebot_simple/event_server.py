"""HTTP POST：OneBot 把事件推送给我们的 Flask 服务器。

HTTP POST: OneBot pushes its events to our Flask server.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterable, Iterator
from queue import Empty, SimpleQueue
from socket import MSG_PEEK
from typing import Any, NoReturn
from urllib.parse import quote

from flask import Flask, Response, abort, request
from werkzeug.exceptions import ClientDisconnected, MethodNotAllowed, NotFound
from werkzeug.routing import Rule
from werkzeug.wsgi import LimitedStream

from . import listening
from .actions import Actions, Responses, from_json
from .addresses import check_token, is_loopback, names_this_machine
from .bot import Bot
from .errors import ApiNotAvailable, NetworkError
from .event import Event
from .post_server import PostServer
from .waits import SLICE_SECONDS, next_of

MAX_BODY = 64 * 1024 * 1024
IGNORED = {"delete", "kick", "ban", "ban_duration", "remark"}  # by NapCat, in an HTTP answer

WITH_API = 'EventServer(api=HttpClient("http://127.0.0.1:3000"))'
USE_API = f"写成 {WITH_API}，就能调用动作了。 Write {WITH_API}, then actions can be called."
HTTP_CLIENT = (
    "NapCat 里要新建“HTTP 客户端”，不是“WebSocket 客户端”，地址要以 http:// 开头，不是 https://。 "
    'NapCat needs an "HTTP client", not a "WebSocket client", and its address must begin with '
    "http://, not with https://."
)
POSTS_ONLY = (
    "服务器已经在运行了；这个地址是给 OneBot 推送（POST）事件用的，浏览器里没有可看的。 "
    "The server is running. OneBot posts its events here, a browser finds nothing to see."
)


class EventServer(Bot):
    """接收 OneBot 推送的事件（NapCat 里叫“HTTP 客户端”）的机器人，本身是一个 Flask 应用。

    A bot to which OneBot pushes events; ``server.app`` is its Flask application.

    host, port: where to listen; port 0 picks a free one. path: of the URL. secret: what OneBot
    signs its events with (NapCat: token). api: an HttpClient to call actions with; without it
    the answers of handlers go back in the HTTP response, and nothing else can be called.
    All five are attributes, too, and each start reads them anew.
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
        command_prefix: str | Iterable[str] = "/",
    ) -> None:
        super().__init__(command_prefix=command_prefix)
        self.host, self.port = listening.check_host(host, "EventServer"), listening.check_port(port)
        self.path, self.api = _check_path(path), _check_api(api)
        self.secret = check_token(secret, "secret")
        self._refusals: dict[str, float] = {}  # what was warned of, and when
        self._server: PostServer | None = None
        self.app = Flask("__main__")  # its templates and static files lie beside the script
        self.app.add_url_rule(  # what @app.route(path, methods=["POST"]) does
            path, "receive", self._receive, methods=["POST"], strict_slashes=False
        )
        self.app.before_request(self._explain)

    @property
    def url(self) -> str:
        """OneBot 里要填的地址。

        The address to fill in in OneBot.
        """
        return f"http://{listening.to_dial(self.host, self.port)}{quote(self.path)}"

    def request(
        self, action: str, params: dict[str, Any] | None = None, *, timeout: float | None = None
    ) -> dict[str, Any]:
        """用 ``api`` 调用一个动作，原样返回整个响应。

        Calls an action on ``api`` and returns the whole response; ApiNotAvailable without one.
        """

        def call() -> Iterator[dict[str, Any]]:  # not by _call(): request() may be overridden
            yield self._api_for(action).request(action, params, timeout=timeout)

        return next(self._counted(call))

    def _call(self, action: str, params: dict[str, Any], timeout: float | None = None) -> Responses:
        return self._counted(lambda: self._api_for(action)._call(action, params, timeout))

    def _api_for(self, action: str) -> Actions:
        if self.api is None:
            raise ApiNotAvailable(
                f"不能调用 {action}：HTTP 响应里只能回答消息，要写成 {WITH_API}。 "
                f"Cannot call {action}: this EventServer has no api=, and an HTTP response holds a "
                f"reply to a message only. Write {WITH_API}."
            )
        if self._is_stopped() and self._cause():
            raise NetworkError(
                f"机器人已经停止了，没有调用 {action}。 Did not call {action}: the bot was stopped."
            )
        return self.api

    def _receive(self) -> Response:
        """The view: an event comes in, and a quick operation or nothing goes back."""
        try:  # a body in chunks says no length, so it is read until it is too long
            body = LimitedStream(request.stream, MAX_BODY + 1, is_max=True).readall()
            self._check(body)
            event = from_json(body)
        except (ClientDisconnected, ValueError) as error:
            self._refuse(400, "不是 JSON 对象的内容 a body that is not a JSON object", error)
        if self.api is None:
            return self._quick_operation(event)
        if not self.handle(event):
            self._not_taken()
        return Response(status=204)

    def _check(self, body: bytes) -> None:
        """Refuse what is no JSON, and who neither signs with the secret nor names this machine."""
        if len(body) > MAX_BODY:
            self._refuse(
                413, "超过 64 MiB 的内容 a body that is too large (over 64 MiB)", len(body)
            )
        if not request.is_json:
            advice = "Content-Type 要是 application/json。 It must be application/json."
            self._refuse(415, "不是 JSON 的内容 a body that is not JSON", request.mimetype, advice)
        if self.secret:
            self._check_signature(self.secret, body)
            return
        host = request.headers.get("Host", "localhost")
        if self._server and is_loopback(self.host) and not names_this_machine(host):
            advice = "地址要写 127.0.0.1，或者设置 secret。 Use 127.0.0.1, or set a secret."
            self._refuse(403, "给别的主机的事件 an event for another host", host, advice)

    def _check_signature(self, secret: str, body: bytes) -> None:
        given = request.headers.get("X-Signature", "")
        wanted = "sha1=" + hmac.digest(secret.encode(), body, "sha1").hex()
        if hmac.compare_digest(given.encode(), wanted.encode()):
            return
        chinese, english = ("不对", "wrong") if given else ("没有带", "missing")
        reason = (
            f"X-Signature（签名）{chinese}。NapCat 里填的 token 要和这里的 secret 一模一样",
            f"X-Signature is {english}. The token in NapCat must be the same as the secret here",
        )
        listening.warn_of_refusal(self._refusals, request.remote_addr or "?", reason)
        abort(403 if given else 401, "。 ".join(reason))

    def _refuse(self, status: int, kind: str, what: object, advice: str = "") -> NoReturn:
        self._warn_dropped(kind, what, advice)
        abort(status, advice or kind)

    def _quick_operation(self, event: Event) -> Response:
        """Wait for the handlers: what they return goes back in the response."""
        operations: SimpleQueue[str | None] = SimpleQueue()
        if not self.handle(event, respond=operations.put):
            self._not_taken()
        while True:
            try:
                return self._response(next_of(operations, SLICE_SECONDS))
            except Empty:
                if self._is_stopped() and operations.empty():  # dropped, or its handler hangs
                    self._not_taken()

    def _response(self, operation: str | None) -> Response:
        if not operation:
            return Response(status=204)
        if ignored := sorted(IGNORED.intersection(json.loads(operation))):
            kind = "NapCat 不理会的字段 what NapCat ignores in an HTTP response"
            self._warn_dropped(kind, ignored, USE_API)
        if _has_hung_up() and not self._stopping.is_set():
            kind = "来晚了的回答，OneBot 已经挂断了 an answer: OneBot hung up before it was ready"
            self._warn_dropped(kind, operation, USE_API)
        return Response(operation, mimetype="application/json")

    def _not_taken(self) -> NoReturn:
        if self._stopping.is_set():
            abort(503, "机器人正在停止，没有处理这个事件。 The bot is stopping.")
        abort(400, "事件必须有 post_type。 An event needs a post_type.")

    def _explain(self) -> None:
        """Explain a 404 or a 405: in the log what to change in NapCat, or to a browser. The path of
        an earlier start is a 404."""
        error = request.routing_exception
        if request.endpoint == "receive" and request.path.rstrip("/") != self.path.rstrip("/"):
            error = request.routing_exception = NotFound()  # it was the path before the last start
        if not isinstance(error, (NotFound, MethodNotAllowed)):
            return
        if request.method == "POST":
            advice = f"NapCat 里的地址要是 {self.url}。 The address in NapCat must be {self.url}."
            self._warn_dropped("给别的路径的事件 an event for another path", request.path, advice)
            error.description = advice
        elif request.headers.get("Upgrade", "").lower() == "websocket":
            self._warn_dropped("WebSocket 的握手 a WebSocket handshake", request.path, HTTP_CLIENT)
            error.description = HTTP_CLIENT
        elif request.path == self.path:
            error.description = POSTS_ONLY

    def _warn_no_http(self, start: bytes) -> None:
        if not self._stopping.is_set():  # else it may be a request that we cut off
            self._warn_dropped("不是 HTTP 的数据 what is no HTTP", start, HTTP_CLIENT)

    def _open(self) -> None:
        check_token(self.secret, "secret")
        host, path = listening.check_host(self.host, "EventServer"), _check_path(self.path)
        if all(rule.rule != path for rule in self.app.url_map.iter_rules("receive")):  # a new one
            rule = Rule(path, endpoint="receive", methods=["POST"], strict_slashes=False)
            self.app.url_map.add(rule)
        # what app.run(port=...) does, but a port in use is an error that says so
        with listening.listen(host, self.port) as sock:
            self.port = sock.getsockname()[1]
            server = self._server = PostServer(sock, self)
        server.start()  # not by the attribute: a stop() may come now
        listening.announce(self.url, self.host, self.secret, "secret")

    def _is_stopped(self) -> bool:
        """Whether stop() has closed the server, so that nobody waits for an answer any more."""
        return self._stopping.is_set() and self._server is None

    def _close(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.stop()


def _check_path(path: str) -> str:
    is_path = isinstance(path, str) and path.startswith("/") and "//" not in path
    if not is_path or set(path) & set("?#<>"):
        raise ValueError(
            'path 要以 / 开头，不含 // ? # < >，例如 "/onebot"。 '
            'path must begin with / and hold none of // ? # < >, such as "/onebot".'
        )
    return path


def _check_api(api: Actions | None) -> Actions | None:
    if api is not None and not isinstance(api, Actions):
        raise TypeError(
            f"api 不能是 {type(api).__name__}，要写成 {WITH_API}。 "
            f"api must be an HttpClient, not a {type(api).__name__}: write {WITH_API}."
        )
    return api


def _has_hung_up() -> bool:
    """Whether OneBot closed the connection while the handler was at work."""
    connection = request.environ.get("werkzeug.socket")
    if connection is None:  # the application runs under another server
        return False
    timeout = connection.gettimeout()
    connection.settimeout(0)
    try:
        return not connection.recv(1, MSG_PEEK)
    except OSError as error:
        return not isinstance(error, BlockingIOError)
    finally:
        connection.settimeout(timeout)
