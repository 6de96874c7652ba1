"""WsServer 的门口：谁可以进来，谁不可以，为什么。

The door of a WsServer: who may come in, who may not, and why.
"""

from __future__ import annotations

import hmac
import logging
import time
from contextlib import suppress
from urllib.parse import parse_qs, urlsplit

from websockets.http11 import Request

from .addresses import is_loopback, names_this_machine
from .errors import printable
from .server_websocket import Refusal

log = logging.getLogger("onebot_simple")

SCHEMES = ("bearer", "token")  # in front of an access_token
SAID_AGAIN_SECONDS = 60  # how often it is said why one peer may not come in
TLS_HELLO = b"\x16"  # the first byte of TLS


class Door:
    """Says who may come in, and warns of those who may not.

    token: what OneBot must know, if anything. host: where the server listens. url: what is to be
    filled in in OneBot.
    """

    def __init__(self, token: str | None, host: str, url: str) -> None:
        self._token = token
        self._is_local = is_loopback(host)
        self._url = url
        self._said: dict[tuple[str, str], float] = {}  # when, by the peer and the reason

    def refusal(self, peer: str, request: Request) -> Refusal | None:
        """The answer to a handshake that is not welcome."""
        if "Upgrade" not in request.headers:
            return None  # a browser, for example; the protocol itself refuses it
        origin, host = header(request, "Origin"), header(request, "Host")
        if origin and not self._may_come_from(origin, host):
            shown = printable(origin[:100])
            self._warn(peer, f"它来自网页 {shown}", f"it comes from a web page, Origin {shown}")
            return 403, "web pages may not connect\n"
        if self._token:
            return self._token_refusal(peer, self._token, _tokens_of(request))
        if self._is_local and not names_this_machine(host or "localhost"):
            shown = printable(host[:100])
            self._warn(
                peer,
                f"它要找的主机是 {shown}。地址的主机写 127.0.0.1；有反向代理就设置 access_token",
                f"it is for another host, {shown}. Let the address have the host 127.0.0.1; "
                "behind a reverse proxy, set an access_token",
            )
            return 403, "the Host must be 127.0.0.1 or localhost\n"
        return None

    def _may_come_from(self, origin: str, host: str) -> bool:
        """Whether a web page may connect: one that this machine has served itself."""
        with suppress(ValueError):
            from_host = urlsplit(origin).hostname or ""
            to_host = urlsplit(f"//{host}").hostname or ""
            return from_host == to_host and (is_loopback(from_host) or not self._is_local)
        return False

    def _token_refusal(self, peer: str, token: str, offered: list[bytes]) -> Refusal | None:
        if any(hmac.compare_digest(one, token.encode()) for one in offered):
            return None
        if all(one.lower().decode() in SCHEMES for one in offered):  # NapCat then sends "Bearer "
            status, chinese, english = 401, "它没有带 access_token", "missing access_token"
        else:
            status, chinese, english = 403, "它的 access_token 不对", "wrong access_token"
        self._warn(
            peer,
            f"{chinese}：OneBot 里填的 token 要和这里的 access_token 一模一样",
            f"{english}: the token in OneBot must be exactly the access_token here",
        )
        return status, f"{english}\n"

    def misunderstood(self, peer: str, head: bytes) -> None:
        """Say what came instead of a WebSocket handshake; `head` is how it begins."""
        if head[:1] == TLS_HELLO:
            chinese = "它用的是 TLS，地址要以 ws:// 开头，不是 wss://"
            english = "it speaks TLS, and the address must begin with ws://, not wss://"
        elif b" HTTP/1." in head:
            chinese = "来的是普通的 HTTP，浏览器打不开这个地址"
            english = "it speaks plain HTTP. A browser cannot open this address"
        else:
            chinese, english = "它说的不是 WebSocket", "it does not speak WebSocket"
        self._warn(
            peer,
            f"{chinese}。NapCat 里要新建“WebSocket 客户端”（不是“HTTP 客户端”），"
            f"地址填 {self._url}",
            f'{english}. In NapCat, add a "WebSocket client" (not an "HTTP client") with the '
            f"address {self._url}",
        )

    def _warn(self, peer: str, chinese: str, english: str) -> None:
        """Say why somebody may not come in: once a minute for each peer and reason."""
        now = time.monotonic()
        recent = {key: then for key, then in self._said.items() if now - then < SAID_AGAIN_SECONDS}
        self._said = {(peer, english): now, **recent}
        if (peer, english) not in recent:
            log.warning(
                f"拒绝了来自 {peer} 的连接：{chinese}。 "
                f"refused a connection from {peer}: {english}."
            )


def header(request: Request, name: str) -> str:
    return (request.headers.get_all(name) or [""])[0]


def _tokens_of(request: Request) -> list[bytes]:
    """What may be meant as the access_token: it comes bare, behind a scheme, or in the query."""
    bare = header(request, "Authorization").strip()
    scheme, _, token = bare.partition(" ")
    offered = [bare, token.strip()] if scheme.lower() in SCHEMES else [bare]
    with suppress(ValueError):
        offered += parse_qs(urlsplit(request.path).query).get("access_token", [])[:1]
    return [token.encode(errors="replace") for token in offered if token]
