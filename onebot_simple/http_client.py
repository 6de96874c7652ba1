"""HTTP API：我们调用 OneBot 的动作。

HTTP API: we call OneBot's actions.
"""

from __future__ import annotations

import http.client
import logging
import math
import ssl
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import quote, urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import Timeout
from urllib3.exceptions import DecodeError, HTTPError, ProtocolError, ReadTimeoutError

from .actions import Actions, from_json, to_json
from .addresses import (
    WEBUI_PORT,
    Words,
    cannot_connect,
    check_ca_file,
    check_seconds,
    check_token,
    check_url,
    without_secrets,
    wrong_service,
)
from .errors import ApiTimeout, AuthenticationError, NetworkError

log = logging.getLogger("onebot_simple")

POOL_SIZE = 256  # idle connections that are kept; any number may be in use
PIECE = 64 * 1024
MAX_ANSWER = 256 * 1024 * 1024  # bytes, unpacked: of an answer, and of a frame of a stream
END_OF_FRAME = b"\r\n\r\n"  # behind each frame of a streaming action

DONE_PERHAPS: Words = (
    "动作可能已经执行了，不要马上重发。",
    "The action may have been carried out, so do not send it again at once.",
)
NO_HTTP: Words = (
    "端口对吗？对方用 TLS 时，地址以 https:// 开头。",
    "Is the port right? If TLS is used there, the address begins with https://.",
)
NO_ONEBOT: Words = (
    "这个地址上的不是 OneBot：端口对吗？6099 是 NapCat 的 WebUI，不是 API。",
    "It is not OneBot that is there: is the port right? 6099 is NapCat's WebUI, not its API.",
)
WEBSOCKET: Words = (
    "这是 WebSocket 的端口：HttpClient 要用 HTTP 服务器的端口（NapCat 默认 3000）。",
    "This is a WebSocket's port: HttpClient needs that of an HTTP server (NapCat's is 3000).",
)
SERVER_ERROR: Words = (
    "OneBot 或它前面的代理出错了：参数都给了吗？看看它的日志。",
    "OneBot, or a proxy in front of it, failed: are all params given? See its log.",
)


class HttpClient(Actions):
    """调用 OneBot 的 HTTP API（NapCat 里叫“HTTP 服务器”）；可以在很多线程里同时使用。

    Calls OneBot's HTTP API; may be used by many threads at once.

    api_root: such as ``http://127.0.0.1:3000``. access_token: as set in OneBot. timeout: seconds
    that a call may take. All three are attributes, too, and each call reads them anew.
    ca_file: a PEM file with the certificate authority that signed the server's certificate (https
    only); without it, those of the system are trusted.
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
        self.access_token = check_token(access_token or address.token)
        self.timeout = check_seconds(timeout, "timeout")
        self._query = address.query
        cafile = check_ca_file(ca_file)
        trusted = ssl.create_default_context(cafile=cafile) if address.secure else None
        self._session = _Session(trusted)

    def request(
        self, action: str, params: dict[str, Any] | None = None, *, timeout: float | None = None
    ) -> dict[str, Any]:
        """调用一个动作，原样返回整个回答，例如 ``{"status": "ok", "retcode": 0, "data": ...}``。

        Calls an action and returns the whole answer, as the documentation prints it.

        timeout: seconds. Does not raise on ``failed``. Errors: NetworkError, ApiTimeout,
        AuthenticationError.
        """
        seconds = check_seconds(self.timeout if timeout is None else timeout, "timeout")
        deadline = time.monotonic() + seconds
        with self._post(action, params or {}, seconds) as response:
            body = b"".join(_pieces(response, deadline))
        return self._answer(action, response, body.split(END_OF_FRAME)[0])

    def _stream(self, action: str, params: dict[str, Any]) -> Iterator[dict[str, Any]]:
        with self._post(action, params, self.timeout) as response:
            answered = False
            for frame in _frames(_pieces(response)):
                answered = True
                yield self._answer(action, response, frame)
            if not answered:
                yield self._answer(action, response, b"")

    @contextmanager
    def _post(
        self, action: str, params: dict[str, Any], seconds: float
    ) -> Iterator[requests.Response]:
        """Send the action, once and never again, whatever happens. The body is still to be read.

        What requests and urllib3 raise until it has been read becomes an error of ours.
        """
        url = f"{self.api_root}/{quote(action, safe='')}{self._query}"
        payload = to_json(action, params).encode()
        headers = {"Content-Type": "application/json"}
        if self.access_token:
            headers["Authorization"] = f"Bearer {self.access_token}"
        timeout: Any = Timeout(total=seconds)  # to connect, and until the answer begins
        try:
            with self._session.post(
                url, data=payload, headers=headers, timeout=timeout, stream=True
            ) as response:
                yield response
        except (requests.RequestException, HTTPError) as error:
            log.debug("%s failed", action, exc_info=True)
            raise self._failure(action, error, seconds) from None

    def close(self) -> None:
        """关闭空闲的连接；之后仍然可以继续使用。

        Closes the idle connections; the client can still be used.
        """
        self._session.close()

    def __enter__(self) -> HttpClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _answer(self, action: str, response: requests.Response, body: bytes) -> dict[str, Any]:
        """What OneBot answered. An HTTP error of the standard becomes a failed answer."""
        status, is_webui = response.status_code, urlsplit(self.api_root).port == WEBUI_PORT
        if status in (401, 403) and not is_webui:
            raise self._refused(action, status)
        try:
            content = from_json(body)
        except ValueError:
            content = {}
        if "status" in content or "retcode" in content:
            return content
        if status not in (400, 404, 406) or is_webui:
            what = (
                f"是 HTTP {status}，不是 OneBot 的回答",
                f"HTTP {status}, not with a OneBot answer",
            )
            raise self._no_onebot(action, what, _advice(response))
        said = body.decode(errors="replace").strip()[:200] or f"HTTP {status}"
        failed = {"status": "failed", "retcode": status, "data": None}
        return {**failed, "message": said, "wording": said}

    # -- errors -------------------------------------------------------------------------------

    def _failure(self, action: str, error: Exception, seconds: float) -> NetworkError:
        """What a call raises after `error`, which says whether the action may have arrived."""
        if isinstance(error, requests.ConnectTimeout):
            return cannot_connect(self.api_root, TimeoutError())
        at = without_secrets(self.api_root)
        if isinstance(error, (requests.ReadTimeout, ReadTimeoutError)):
            return ApiTimeout(
                f"{seconds:g} 秒里没有等到 {at} 对 {action} 的回答。{DONE_PERHAPS[0]}参数都给了吗？"
                f"看看 OneBot 的日志。 There was no answer to {action} within {seconds:g} s from "
                f"{at}. {DONE_PERHAPS[1]} Are all params given? See the log of OneBot."
            )
        reason = _reason(error)
        raised = error.args[0] if isinstance(error, requests.RequestException) else error
        if not isinstance(raised, (ProtocolError, DecodeError)):
            return cannot_connect(self.api_root, reason)
        if not isinstance(reason, (OSError, http.client.IncompleteRead)):
            return self._no_onebot(action, ("不是 HTTP", "something that is no HTTP"), NO_HTTP)
        return NetworkError(
            f"{at} 没有回答完 {action} 就断开了连接。{DONE_PERHAPS[0]}端口对吗？OneBot 是不是刚刚"
            f"退出了？ {at} closed the connection without an answer to {action}. "
            f"{DONE_PERHAPS[1]} Is the port right? Has OneBot just ended?"
        )

    def _refused(self, action: str, status: int) -> AuthenticationError:
        chinese, english = ("不对", "wrong") if self.access_token else ("没有给", "missing")
        at = without_secrets(self.api_root)
        return AuthenticationError(
            f"{at} 拒绝了 {action}（HTTP {status}）：access_token {chinese}。"
            "它和 NapCat“网络配置”里这一项的 token 要一模一样。 "
            f"{at} refused {action} with HTTP {status}: access_token {english}. It must be the "
            "same as the token of this entry in NapCat's network settings."
        )

    def _no_onebot(self, action: str, what: Words, advice: Words) -> NetworkError:
        at = without_secrets(self.api_root)
        fact = f"{at} 对 {action} 的回答{what[0]}", f"{at} answered {action} with {what[1]}"
        return wrong_service(self.api_root, fact, advice)


class _Session(requests.Session):
    """A session without proxies, cookies and redirects, that trusts the system's certificates."""

    def __init__(self, trusted: ssl.SSLContext | None) -> None:
        super().__init__()
        self.trust_env = False  # a proxy in the environment must not catch 127.0.0.1
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self.mount("http://", _Adapter(trusted))
        self.mount("https://", _Adapter(trusted))

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Nowhere: whoever redirects us is not OneBot, and must not get the token."""


class _Adapter(HTTPAdapter):
    """Connections that never send anything twice, with the certificates of `trusted`."""

    def __init__(self, trusted: ssl.SSLContext | None) -> None:
        self._trusted = trusted
        super().__init__(pool_maxsize=POOL_SIZE, max_retries=0)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options, ssl_context=self._trusted)

    def cert_verify(self, *_: Any) -> None:
        """Leave the context alone: requests would add the certificates that it brings along."""

    def close(self) -> None:
        """Close the idle connections; clear() leaves that to the garbage collector."""
        pools = self.poolmanager.pools
        for key in list(pools.keys()):
            with suppress(KeyError):
                pools[key].close()
        super().close()


def _pieces(response: requests.Response, deadline: float = math.inf) -> Iterator[bytes]:
    """The body, unpacked, as it comes in. With a deadline, all of it must be there by then."""
    # read1() returns what is there, read() waits for a whole piece. urllib3 < 2.2 has no read1().
    read = getattr(response.raw, "read1", response.raw.read)
    size = 0
    while True:
        left = deadline - time.monotonic()
        if left <= 0:
            raise requests.ReadTimeout
        sock = getattr(response.raw.connection, "sock", None)  # None once it has been given back
        if sock is not None and left < math.inf:
            sock.settimeout(left)
        piece = read(PIECE, decode_content=True)
        if not piece:
            return
        size += len(piece)
        if deadline < math.inf and size > MAX_ANSWER:
            raise _too_long()
        yield piece


def _frames(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The frames of a streaming action."""
    rest = bytearray()
    for piece in pieces:
        start = max(0, len(rest) - len(END_OF_FRAME))  # the end may come in two pieces
        rest += piece
        while (end := rest.find(END_OF_FRAME, start)) >= 0:
            yield bytes(rest[:end])
            del rest[: end + len(END_OF_FRAME)]
            start = 0
        if len(rest) > MAX_ANSWER:
            raise _too_long()
    if rest.strip():
        yield bytes(rest)


def _too_long() -> NetworkError:
    return NetworkError(
        f"回答超过了 {MAX_ANSWER} 字节，不再接收。对方是 OneBot 吗？ "
        f"The answer has more than {MAX_ANSWER} bytes, and is not received. Is that OneBot?"
    )


def _reason(error: BaseException) -> BaseException:
    """What happened below requests and urllib3, such as a ConnectionRefusedError."""
    while (
        isinstance(error, (requests.RequestException, HTTPError))
        and not isinstance(error, http.client.HTTPException)
        and error.__context__ is not None
    ):
        error = error.__context__
    return error


def _advice(response: requests.Response) -> Words:
    """What to do about an answer that is not OneBot's."""
    if response.status_code == 426:
        return WEBSOCKET
    if 300 <= response.status_code < 400:
        where = without_secrets(response.headers.get("Location", "?"))
        return (
            f"它让我们去 {where}：请直接填最终的地址。",
            f"It sends us to {where}: give the final address.",
        )
    return SERVER_ERROR if response.status_code >= 500 else NO_ONEBOT
