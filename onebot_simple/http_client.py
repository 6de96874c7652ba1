"""HTTP API：我们调用 OneBot 的动作。

HTTP API: we call OneBot's actions.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from threading import Thread
from typing import Any
from urllib.parse import quote

import requests
from requests.structures import CaseInsensitiveDict
from urllib3 import HTTPResponse
from urllib3.exceptions import HTTPError, ReadTimeoutError

from .actions import Actions, from_json, to_json
from .addresses import (
    cannot_connect,
    check_ca_file,
    check_seconds,
    check_token,
    check_url,
    without_secrets,
)
from .errors import ApiTimeout, AuthenticationError, NetworkError
from .http_connection import Adapter, AfterSending, Lost, Stale, busy

POOL_SIZE = 256  # idle connections that are kept; any number may be in use
PIECE = 64 * 1024
MAX_ANSWER = 256 * 1024 * 1024  # unpacked; the frames of a stream are not limited
END_OF_FRAME = b"\r\n\r\n"  # between the frames of a streaming action


class HttpClient(Actions):
    """调用 OneBot 的 HTTP API（NapCat 里叫“HTTP 服务器”）；可以在很多线程里同时使用。

    Calls OneBot's HTTP API; may be used by many threads at once.

    api_root: such as ``http://127.0.0.1:3000``. access_token: as set in OneBot.
    timeout: seconds that a call may take. ca_file: a PEM file with the certificate authority
    that signed the server's certificate (https only).
    Source: OneBot 11 standard, communication, HTTP.
    """

    def __init__(
        self,
        api_root: str,
        access_token: str | None = None,
        *,
        timeout: float = 30,
        ca_file: str | None = None,
    ) -> None:
        address = check_url(api_root, "http")
        self.api_root = address.base.rstrip("/")
        self.timeout = check_seconds(timeout, "timeout")
        self._query = address.query
        self._shown = self.api_root
        self._headers = {"Content-Type": "application/json", "Accept": "application/json"}
        token = check_token(access_token or address.token)
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._verify = check_ca_file(ca_file) or True
        self._adapter = Adapter(pool_maxsize=POOL_SIZE)  # no session: no proxy, cookie, redirect

    def request(
        self, action: str, params: dict[str, Any] | None = None, *, timeout: float | None = None
    ) -> dict[str, Any]:
        """调用一个动作，原样返回整个回答，例如 ``{"status": "ok", "retcode": 0, "data": ...}``。

        Calls an action and returns the whole answer, as the documentation prints it.

        timeout: seconds. Does not raise on ``failed``. Errors: NetworkError, ApiTimeout,
        AuthenticationError.
        """
        seconds = self.timeout if timeout is None else check_seconds(timeout, "timeout")
        http = self._post(action, params or {}, seconds)
        return self._answer(action, http, b"".join(self._pieces(action, http, seconds)))

    def _stream(self, action: str, params: dict[str, Any]) -> Iterator[dict[str, Any]]:
        rest, answered = b"", False
        with closing(self._post(action, params, self.timeout)) as http:
            for piece in self._pieces(action, http, None):
                *frames, rest = (rest + piece).split(END_OF_FRAME)
                for frame in frames:
                    answered = True
                    yield self._answer(action, http, frame)
            if rest.strip() or not answered:
                yield self._answer(action, http, rest)

    def _abandon(self, threads: Iterable[Thread]) -> None:
        abandoned = set(threads)
        for connection in list(busy):
            connection.abandon(abandoned)

    def close(self) -> None:
        """关闭空闲的连接；之后仍然可以继续使用。

        Closes the idle connections; the client can still be used.
        """
        self._adapter.close()

    def __enter__(self) -> HttpClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- HTTP ---------------------------------------------------------------------------------

    def _post(self, action: str, params: dict[str, Any], seconds: float) -> HTTPResponse:
        body = to_json(action, params).encode()
        prepared = requests.PreparedRequest()
        prepared.method = "POST"
        prepared.url = f"{self.api_root}/{quote(action, safe='')}{self._query}"
        prepared.headers = CaseInsensitiveDict(self._headers)
        prepared.headers["Content-Length"] = str(len(body))
        prepared.body = body
        try:
            try:
                response = self._adapter.send(prepared, timeout=seconds, verify=self._verify)
            except requests.ConnectionError as error:
                if not any(isinstance(cause, Stale) for cause in _causes(error)):
                    raise
                with Adapter() as fresh:
                    response = fresh.send(prepared, timeout=seconds, verify=self._verify)
        except requests.ReadTimeout as error:
            raise self._too_late(action, seconds) from error
        except requests.ConnectTimeout as error:
            raise cannot_connect(self.api_root, TimeoutError()) from error
        except (requests.RequestException, HTTPError) as error:
            raise self._failed(action, error) from error
        raw: HTTPResponse = response.raw
        return raw

    def _pieces(self, action: str, http: HTTPResponse, seconds: float | None) -> Iterator[bytes]:
        """The body; `seconds` limits all of it, also when it only drips."""
        deadline, size = time.monotonic() + (seconds or math.inf), 0
        answer: Any = http._original_response  # a _TimelyResponse
        answer._arriving.deadline = deadline
        try:
            for piece in http.stream(PIECE, decode_content=True):
                size += len(piece)
                if seconds and size > MAX_ANSWER:
                    raise HTTPError(f"an answer of more than {MAX_ANSWER} bytes")
                yield piece
                if time.monotonic() > deadline:
                    http.close()
                    break
            else:
                return
        except ReadTimeoutError as error:
            raise self._too_late(action, seconds) from error
        except (HTTPError, OSError) as error:
            http.close()
            raise self._failed(action, error) from error
        raise self._too_late(action, seconds)

    def _answer(self, action: str, http: HTTPResponse, body: bytes) -> dict[str, Any]:
        if http.status in (401, 403):
            given = "Authorization" in self._headers
            raise AuthenticationError(
                f"{self._shown} refused {action} with HTTP {http.status}: access_token "
                f"{'wrong' if given else 'missing'}. access_token {'不对' if given else '没有给'}："
                "和 NapCat“网络配置”里这一项的 token 要一模一样。"
            )
        try:
            content = from_json(body.split(END_OF_FRAME)[0])
        except ValueError:
            content = {}
        if "status" in content or "retcode" in content:
            return content
        if http.status not in (400, 404, 406):
            raise self._not_onebot(action, http)
        said = body.decode(errors="replace").strip()[:200] or f"HTTP {http.status}"
        failed = {"status": "failed", "retcode": http.status, "data": None}
        return {**failed, "message": said, "wording": said}

    # -- errors -------------------------------------------------------------------------------

    def _too_late(self, action: str, seconds: float | None) -> ApiTimeout:
        return ApiTimeout(
            f"no answer to {action} within {seconds or self.timeout:g} s from {self._shown}. "
            "没有等到回答：动作可能已经执行了，不要马上重发；参数都给了吗？看看 OneBot 的日志。"
        )

    def _failed(self, action: str, error: Exception) -> NetworkError:
        causes = _causes(error)
        if any(isinstance(cause, AfterSending) for cause in causes):
            return NetworkError(
                f"{self._shown} closed the connection without an answer to {action}. "
                "没有回答就断开了：动作可能已经执行了；端口对吗？OneBot 是不是刚刚退出？"
            )
        system = [cause for cause in causes if _is_from_system(cause)]
        return cannot_connect(self.api_root, system[-1] if system else error)

    def _not_onebot(self, action: str, http: HTTPResponse) -> NetworkError:
        if http.status == 426:
            advice = (
                "这是 WebSocket 的端口：HttpClient 要用 HTTP 服务器的端口（NapCat 默认 3000）。"
            )
        elif 300 <= http.status < 400:
            where = without_secrets(http.headers.get("Location", "?"))
            advice = f"它让我们去 {where}：请直接填最终的地址。"
        elif http.status >= 500:
            advice = "OneBot 或它前面的代理出错了：参数都给了吗？看看它的日志。"
        else:
            advice = "这个地址上的不是 OneBot：端口对吗？6099 是 NapCat 的 WebUI，不是 API。"
        return NetworkError(
            f"{self._shown} answered {action} with HTTP {http.status}, not with a OneBot answer. "
            + advice
        )


def _causes(error: BaseException) -> list[BaseException]:
    """The error and all that it was made of, outermost first."""
    found: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting:
        one = waiting.pop(0)
        if isinstance(one, BaseException) and one not in found:
            found.append(one)
            waiting += [*one.args, getattr(one, "reason", None), one.__cause__, one.__context__]
    return found


def _is_from_system(error: BaseException) -> bool:
    return isinstance(error, OSError) and not isinstance(error, (requests.RequestException, Lost))
