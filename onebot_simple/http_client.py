"""HTTP API：我们调用 OneBot 的动作。

HTTP API: we call OneBot's actions.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import quote

import requests
from requests.adapters import HTTPAdapter
from urllib3 import Timeout
from urllib3.exceptions import HTTPError, MaxRetryError, ReadTimeoutError

from . import addresses
from .actions import Actions, Responses, from_json, to_json
from .errors import ApiTimeout, NetworkError
from .logs import log

MAX_RESPONSE = 256 * 1024 * 1024  # bytes, unpacked: of an answer, and of a frame of a stream
END_OF_FRAME = b"\r\n\r\n"  # behind each frame of a streaming action


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
        secure = addresses.check_url(api_root, "http").secure
        self.api_root = api_root
        self.access_token = addresses.check_token(access_token)
        self.timeout = addresses.check_seconds(timeout, "timeout")
        ca_file = addresses.check_ca_file(ca_file)
        self._session = requests.Session()
        self._session.headers["Content-Type"] = "application/json"
        self._session.stream = True  # _frames() reads the answer
        self._session.trust_env = False  # a proxy in the environment must not catch 127.0.0.1
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        trusted = addresses.tls_context(ca_file) if secure or ca_file else None
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, _Adapter(trusted))

    def _call(self, action: str, params: dict[str, Any], timeout: float | None = None) -> Responses:
        """`requests.post(url, json=params)` with limits: once and never again, whatever happens.
        Yield each frame of the response: request() takes the only one.

        timeout: seconds until the first frame is there, and until each of the next ones.
        """
        seconds = self.timeout if timeout is None else timeout
        deadline = time.monotonic() + addresses.check_seconds(seconds, "timeout")
        address = addresses.check_url(self.api_root, "http")
        payload = to_json(action, params)
        url = f"{address.base.rstrip('/')}/{quote(action, safe='')}{address.query}"
        token = addresses.check_token(self.access_token or address.token)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        limit: Any = Timeout(total=seconds)  # to connect and until the head comes, not for each
        try:
            with self._session.post(
                url, data=payload, headers=headers, timeout=limit, allow_redirects=False
            ) as response:
                if response.status_code in (401, 403) and address.port != addresses.WEBUI_PORT:
                    raise addresses.token_refused(address.base, bool(token))
                for frame in _frames(response, seconds, deadline):
                    yield _response_in(action, address, token, response, frame)
        except (OSError, HTTPError, ValueError) as error:  # requests raises OSErrors, too
            log.debug("%s failed", action, exc_info=True)
            raise _failure(action, address.base, error, seconds) from None

    def close(self) -> None:
        """关闭空闲的连接；之后仍然可以继续使用。

        Closes the idle connections; the client can still be used.
        """
        self._session.close()

    def __enter__(self) -> HttpClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Adapter(HTTPAdapter):
    """Connections that trust what `trusted` trusts. 256 of them may be idle."""

    def __init__(self, trusted: ssl.SSLContext | None) -> None:
        super().__init__()
        self.init_poolmanager(10, 256, ssl_context=trusted)
        # close() closes idle connections now, and leaves none to the garbage collector
        self.poolmanager.pools.dispose_func = lambda pool: pool.close()

    def cert_verify(self, *_: Any) -> None:
        """Leave the context alone: requests would add the certificates that it brings along."""


def _frames(
    response: requests.Response, seconds: float, deadline: float
) -> Iterator[bytes | bytearray]:
    """The frames of a streaming action. Any other answer is a single frame, even an empty one."""
    # read1() returns what is there, read() waits for a whole piece. urllib3 < 2.2 has no read1().
    read = getattr(response.raw, "read1", response.raw.read)
    rest, is_first, piece = bytearray(), True, None
    while piece != b"":
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        if sock := getattr(response.raw.connection, "sock", None):  # None at the end of the answer
            sock.settimeout(left)
        piece = read(64 * 1024, decode_content=True)
        rest += piece
        if END_OF_FRAME in rest[-len(piece) - 3 :]:  # it may come in two pieces
            *frames, rest = rest.split(END_OF_FRAME)
            yield from frames
            is_first, deadline = False, time.monotonic() + seconds
        if len(rest) > MAX_RESPONSE:
            raise NetworkError(
                f"回答超过了 {MAX_RESPONSE} 字节，不再接收。对方是 OneBot 吗？ "
                f"The response has more than {MAX_RESPONSE} bytes: not received. Is that OneBot?"
            )
    if is_first or rest.strip():
        yield rest


def _response_in(
    action: str,
    address: addresses.Address,
    token: str | None,
    response: requests.Response,
    body: bytes | bytearray,
) -> dict[str, Any]:
    """The response of OneBot. HTTP 400, 404 and 406 become a failed one."""
    try:
        content = from_json(body)
    except ValueError:
        content = {}
    if "status" in content or "retcode" in content:
        return content
    status, at = response.status_code, address.base
    is_page = body.lstrip().startswith(b"<")  # of a web server that is no OneBot
    if status in (400, 404, 406) and not is_page and address.port != addresses.WEBUI_PORT:
        page = body.decode(errors="replace").strip()
        if token:  # the page may repeat it
            page = page.replace(token, "...")
        words = page[:200] or f"HTTP {status}"
        return {"status": "failed", "retcode": status, "data": None, "message": words}
    location = addresses.without_secrets(response.headers.get("Location", ""))
    shown = f"HTTP {status}" + (location and f" → {location}")
    fact = (
        f"{at} 对 {action} 的回答是 {shown}，不是 OneBot 的回答",
        f"{at} answered {action} with {shown}, not with a OneBot response",
    )
    advice = (
        "端口对吗？NapCat 的默认端口：HTTP 3000，WebSocket 3001，WebUI 6099。",
        "is the port right? NapCat's are 3000 for HTTP, 3001 for WebSocket, 6099 for the WebUI.",
    )
    raise addresses.wrong_service(at, fact, advice)


def _failure(action: str, at: str, error: BaseException, seconds: float) -> NetworkError:
    """The error to raise for `error`. It says whether the action may have been carried out."""
    reason = error  # requests and urllib3 wrap the cause, such as a ConnectionRefusedError
    while inner := [one for one in (reason.__cause__, *reason.args) if isinstance(one, Exception)]:
        reason = inner[0]
    if isinstance(error, requests.RequestException) and isinstance(error.args[0], MaxRetryError):
        while isinstance(reason, HTTPError) and reason.__context__:  # urllib3 < 2 names no cause
            reason = reason.__context__
        # nothing was sent yet, except in front of a TLS alert
        return addresses.cannot_connect(at, reason)
    kind: type[NetworkError] = NetworkError
    fact = (
        f"{at} 没有回答完 {action} 就断开了连接",
        f"{at} closed the connection without a response to {action}",
    )
    if isinstance(reason, (TimeoutError, ReadTimeoutError)):
        kind = ApiTimeout
        fact = (
            f"{seconds:g} 秒里没有等到 {at} 对 {action} 的回答",
            f"There was no response to {action} within {seconds:g} s from {at}",
        )
    advice = (
        "动作可能已经执行了：先看看 OneBot 的日志，再重发。端口是 HTTP 的吗？要用 https:// 吗？",
        "the action may have been carried out, so see the log of OneBot before you send it again. "
        "Is it an HTTP port? Does it need https://?",
    )
    return addresses.wrong_service(at, fact, advice, kind)
