"""HTTP API：我们调用 OneBot 的动作。

HTTP API: we call OneBot's actions.
"""

from __future__ import annotations

import logging
import math
import ssl
import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
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

MAX_ANSWER = 256 * 1024 * 1024  # bytes, unpacked: of an answer, and of a frame of a stream
END_OF_FRAME = b"\r\n\r\n"  # behind each frame of a streaming action

DONE_PERHAPS: Words = (
    "动作可能已经执行了，不要马上重发：先看看 OneBot 的日志。",
    "The action may have been carried out: see the log of OneBot before you send it again.",
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
        with closing(self._answers(action, params or {}, seconds, deadline)) as answers:
            return next(answers)

    def _stream(self, action: str, params: dict[str, Any]) -> Iterator[dict[str, Any]]:
        return self._answers(action, params, self.timeout)

    def _answers(
        self, action: str, params: dict[str, Any], seconds: float, deadline: float = math.inf
    ) -> Generator[dict[str, Any], None, None]:
        """Send the action, once and never again, whatever happens. Yield each frame of the answer.

        seconds: until the answer begins, and between two pieces. deadline: for all of it.
        """
        url = f"{self.api_root}/{quote(action, safe='')}{self._query}"
        payload = to_json(action, params)
        headers = {"Content-Type": "application/json"}
        if self.access_token:
            headers["Authorization"] = f"Bearer {self.access_token}"
        timeout: Any = Timeout(total=seconds)
        try:
            with self._session.post(
                url, data=payload, headers=headers, timeout=timeout, stream=True
            ) as response:
                for frame in _frames(_pieces(response, seconds, deadline)):
                    yield self._answer(action, response, frame)
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
        status, at = response.status_code, without_secrets(self.api_root)
        is_webui = urlsplit(self.api_root).port == WEBUI_PORT
        if status in (401, 403) and not is_webui:
            chinese, english = ("不对", "wrong") if self.access_token else ("没有给", "missing")
            raise AuthenticationError(
                f"{at} 拒绝了 {action}：access_token {chinese}。它和 NapCat“网络配置”里这一项的 "
                f"token 要一模一样。 {at} refused {action}: access_token {english}. It must be the "
                "same as the token of this entry in NapCat's network settings."
            )
        try:
            content = from_json(body)
        except ValueError:
            content = {}
        if "status" in content or "retcode" in content:
            return content
        if status not in (400, 404, 406) or is_webui:
            chinese = f"{at} 对 {action} 的回答是 HTTP {status}，不是 OneBot 的回答"
            english = f"{at} answered {action} with HTTP {status}, not with a OneBot answer"
            raise wrong_service(self.api_root, (chinese, english), _advice(response))
        said = body.decode(errors="replace").strip()[:200] or f"HTTP {status}"
        failed = {"status": "failed", "retcode": status, "data": None}
        return {**failed, "message": said, "wording": said}

    def _failure(self, action: str, error: Exception, seconds: float) -> NetworkError:
        """What a call raises after `error`, which says whether the action may have arrived."""
        at = without_secrets(self.api_root)
        if isinstance(error, (requests.ReadTimeout, ReadTimeoutError)):
            return ApiTimeout(
                f"{seconds:g} 秒里没有等到 {at} 对 {action} 的回答。{DONE_PERHAPS[0]} "
                f"There was no answer to {action} within {seconds:g} s from {at}. {DONE_PERHAPS[1]}"
            )
        raised = error.args[0] if isinstance(error, requests.RequestException) else error
        if not isinstance(raised, (ProtocolError, DecodeError)):
            reason: BaseException = error  # below requests and urllib3, such as "refused"
            while isinstance(reason, (requests.RequestException, HTTPError)) and reason.__context__:
                reason = reason.__context__
            return cannot_connect(self.api_root, reason)
        chinese = f"{at} 没有用 HTTP 回答完 {action} 就断开了连接"
        english = f"{at} closed the connection without an answer to {action} in HTTP"
        advice = (
            f"{DONE_PERHAPS[0]}端口对吗？如果对方开了 TLS，就用 https://。",
            f"{DONE_PERHAPS[1]} Is the port right? If there is TLS on the other side, use https://.",
        )
        return wrong_service(self.api_root, (chinese, english), advice)


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
        super().__init__(pool_maxsize=256, max_retries=0)  # of idle ones; more may be in use

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options, ssl_context=self._trusted)

    def cert_verify(self, *_: Any) -> None:
        """Leave the context alone: requests would add the certificates that it brings along."""

    def close(self) -> None:
        """Close the idle connections now: clear() leaves that to the garbage collector."""
        pools = self.poolmanager.pools
        for key in list(pools.keys()):
            pools[key].close()
        super().close()


def _pieces(response: requests.Response, seconds: float, deadline: float) -> Iterator[bytes]:
    """The body, unpacked, as it comes in."""
    # read1() returns what is there, read() waits for a whole piece. urllib3 < 2.2 has no read1().
    read = getattr(response.raw, "read1", response.raw.read)
    piece = None
    while piece != b"":
        left = deadline - time.monotonic()
        if left <= 0:
            raise requests.ReadTimeout
        sock = getattr(response.raw.connection, "sock", None)  # None once it has been given back
        if sock is not None:
            sock.settimeout(min(left, seconds))
        piece = read(64 * 1024, decode_content=True)
        yield piece


def _frames(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The frames of a streaming action. Any other answer is a single frame, even an empty one."""
    rest, is_first = bytearray(), True
    for piece in pieces:
        start = max(0, len(rest) - len(END_OF_FRAME))  # the end may come in two pieces
        rest += piece
        if rest.find(END_OF_FRAME, start) >= 0:
            is_first = False
            *frames, rest = rest.split(END_OF_FRAME)
            yield from map(bytes, frames)
        if len(rest) > MAX_ANSWER:
            raise NetworkError(
                f"回答超过了 {MAX_ANSWER} 字节，不再接收。对方是 OneBot 吗？ "
                f"The answer has more than {MAX_ANSWER} bytes, and is not received. Is that OneBot?"
            )
    if is_first or rest.strip():
        yield bytes(rest)


def _advice(response: requests.Response) -> Words:
    """What to do about an answer that is not OneBot's."""
    if response.status_code == 426:
        return (
            "这是 WebSocket 的端口：HttpClient 要用 HTTP 服务器的端口（NapCat 默认 3000）。",
            "This is a WebSocket's port: HttpClient needs that of an HTTP server (NapCat's: 3000).",
        )
    where = without_secrets(response.headers.get("Location", ""))
    if where:
        return (
            f"它让我们去 {where}：请直接填最终的地址。",
            f"It sends us to {where}: give the final address.",
        )
    return (
        "端口对吗？6099 是 NapCat 的 WebUI，不是 API。看看 OneBot（或它前面的代理）的日志。",
        "Is the port right? 6099 is NapCat's WebUI, not its API. See the log of OneBot, or of the "
        "proxy in front of it.",
    )
