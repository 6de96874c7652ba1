"""HTTP POST：OneBot 把事件推送给我们的 Flask 服务器。

HTTP POST: OneBot pushes its events to our Flask server.
"""

from __future__ import annotations

import hmac
import logging
import re
import time
from collections.abc import Iterator
from copy import copy
from queue import Empty, SimpleQueue
from threading import Event as Flag
from typing import Any

from flask import Flask, Response, request, signals
from werkzeug.exceptions import HTTPException

from .actions import Actions, from_json
from .addresses import authority, check_token, is_loopback, listen, names_this_machine
from .bot import Bot
from .errors import ApiNotAvailable, NetworkError
from .http_front import MAX_BODY, Answer, Header, HttpFront

log = logging.getLogger("onebot_simple")

BACKLOG = 128
SLICE_SECONDS = 0.2
STOPPING = "the bot is stopping. 机器人正在停止，没有处理完这个事件。"
ANSWER_SECONDS = 30  # how long an HTTP answer waits for the handler
FOREIGN_HOST = (
    "在 OneBot 里把地址的主机写成 127.0.0.1；经过反向代理时，让它把 Host 改成 127.0.0.1。"
)
SAME_SECRET = "OneBot 里填的 token 要和这里的 secret 一模一样。"
SIGNALS = [  # what Flask sends while it answers
    signals.appcontext_pushed,
    signals.appcontext_popped,
    signals.appcontext_tearing_down,
    signals.request_started,
    signals.request_finished,
    signals.request_tearing_down,
    signals.got_request_exception,
]

_JSON_TYPE = re.compile(r"\s*application/([^\s;]+\+)?json\s*(;|$)", re.IGNORECASE)


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
        self._server: HttpFront | None = None
        self.app = Flask(__name__, static_folder=None)
        self.app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
        self.app.add_url_rule(
            path, "receive", self._receive, methods=["POST"], strict_slashes=False
        )
        self.app.register_error_handler(HTTPException, _explain)
        self._as_made = {
            name: copy(part) if isinstance(part, (dict, list)) else part
            for name, part in _parts(self.app).items()
        }

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

    def _answer(self, header: Header, body: bytes, sender: object) -> tuple[int, bytes]:
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
        if not self.handle(event, respond=answers.put if self.api is None else None):
            return _words(503, STOPPING)
        return self._answer_from(answers) if self.api is None else (204, b"")

    def _answer_from(self, answers: SimpleQueue[str | None]) -> tuple[int, bytes]:
        deadline = time.monotonic() + ANSWER_SECONDS
        while time.monotonic() < deadline:
            try:
                operation = answers.get(timeout=SLICE_SECONDS)
                return (200, operation.encode()) if operation else (204, b"")
            except Empty:
                if self._closing.is_set():  # the event was dropped, or its handler does not end
                    return _words(503, STOPPING)
        log.warning(
            "no handler answered within %d s, the HTTP answer is empty. "
            "处理太慢，回答没法随 HTTP 返回了：给 EventServer 加上 api=。",
            ANSWER_SECONDS,
        )
        return 204, b""

    def _refusal(self, header: Header, body: bytes, sender: object) -> tuple[int, bytes] | None:
        """Why this may not come in; None when it may."""
        host = header("host", "localhost")
        if self._local_only and not names_this_machine(host):
            self._complain("an event for another host", host, FOREIGN_HOST)
            return _words(403, f"the Host must be 127.0.0.1 or localhost. {FOREIGN_HOST}")
        if not _JSON_TYPE.match(header("content-type", "")):
            return _words(
                415, "events come as application/json. Content-Type 要是 application/json。"
            )
        if not self._secret:
            return None
        given = header("x-signature", "")
        wanted = "sha1=" + hmac.digest(self._secret, body, "sha1").hex()
        if not given:
            self._complain("an event without signature", sender, SAME_SECRET)
            return _words(401, "X-Signature is missing. 缺少签名：OneBot 那边也要填同样的 secret。")
        if not hmac.compare_digest(given.encode(), wanted.encode()):
            self._complain("an event with a wrong signature", sender, SAME_SECRET)
            return _words(403, "X-Signature is wrong. 签名不对：两边的 secret（token）要一样。")
        return None

    def _at_once(
        self, command: str, path: str, header: Header, body: bytes, sender: str
    ) -> Answer | None:
        """What the application would answer: its dispatch takes half of the time of an event.

        None when this is no event, or when somebody changed the application or listens to it.
        """
        if command != "POST" or path != self.path or _parts(self.app) != self._as_made:
            return None
        if any(signal.receivers for signal in SIGNALS):
            return None
        status, answer = self._answer(header, body, sender)
        return status, _headers(status, answer), answer

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
            server = HttpFront(sock, self.app, self._at_once, self._complain)
        with self._state:  # guards it against stop()
            self._server = server
        server.start()
        log.info("listening on %s. 等待 OneBot 推送事件。", self.url)

    def _close(self) -> None:
        self._closing.set()
        with self._state:
            server, self._server = self._server, None
        if server is not None:
            server.close(1)
        self._local_only = False


def _parts(app: Flask) -> dict[str, Any]:
    """All that can be changed in an application; that it has answered a request is no change."""
    return {**vars(app), "_got_first_request": True}


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
