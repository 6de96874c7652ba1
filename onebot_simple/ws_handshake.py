"""WsServer 的门口：谁可以进来，谁不可以，为什么。

The door of a WsServer: who may come in, who may not, and why.
"""

from __future__ import annotations

import hmac
import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from websockets.http11 import Request

from .addresses import Bilingual, is_loopback, names_this_machine
from .errors import printable
from .listening import warn_of_refusal

if TYPE_CHECKING:
    from .ws_server import WsServer

PORT = re.compile(r":\d+$")
SCHEMES = ("bearer", "token")  # in front of an access_token
TLS_HELLO = b"\x16"  # the first byte of TLS


def refusal(server: WsServer, peer: str, request: Request) -> tuple[int, str] | None:
    """The HTTP answer to a handshake that is not welcome."""
    if server._stopping.is_set():
        return 503, "stopping\n"
    if "Upgrade" not in request.headers:
        return None  # a browser, for example; the protocol itself refuses it
    problem = _problem(request, server.access_token, is_loopback(server.host))
    if problem is None:
        return None
    status, reason = problem
    warn_of_refusal(server._refusals, peer, reason)
    return status, f"{reason[1]}\n"


def _problem(request: Request, token: str | None, is_local: bool) -> tuple[int, Bilingual] | None:
    """The HTTP status for a handshake that is not welcome, and why it is not."""
    origin, host = header(request, "Origin"), header(request, "Host")
    page, ours = (PORT.sub("", one).lower() for one in (origin.partition("://")[2], host))
    is_foreign = is_local and not names_this_machine(host or "localhost")
    if origin and (is_foreign or page != ours):
        shown = printable(origin[:100])
        return 403, (f"它来自网页 {shown}", f"it comes from a web page, Origin {shown}")
    if token:
        return _token_refusal(token, _tokens_of(request))
    if is_foreign:
        shown = printable(host[:100])
        return 403, (
            f"它要找的主机是 {shown}。地址的主机写 127.0.0.1；有反向代理就设置 access_token",
            f"it is for another host, {shown}. Let the address have the host 127.0.0.1; "
            "behind a reverse proxy, set an access_token",
        )
    return None


def _token_refusal(token: str, offered: list[str]) -> tuple[int, Bilingual] | None:
    if any(hmac.compare_digest(one.encode(errors="replace"), token.encode()) for one in offered):
        return None
    status, chinese, english = 403, "它的 access_token 不对", "wrong access_token"
    if all(one.lower() in SCHEMES for one in offered):  # NapCat without a token sends "Bearer "
        status, chinese, english = 401, "它没有带 access_token", "missing access_token"
    return status, (
        f"{chinese}：OneBot 里填的 token 要和这里的 access_token 一模一样",
        f"{english}: the token in OneBot must be exactly the access_token here",
    )


def _tokens_of(request: Request) -> list[str]:
    """What may be meant as the access_token: it comes bare, behind a scheme, or in the query."""
    bare = header(request, "Authorization").strip()
    scheme, _, token = bare.partition(" ")
    offered = [bare, token.strip()] if scheme.lower() in SCHEMES else [bare]
    query = request.path.partition("?")[2]
    for one in (query, query.replace("+", "%2B")):  # a plus may stand for a blank, or itself
        offered += parse_qs(one).get("access_token", [])[:1]
    return [one for one in offered if one]


def header(request: Request, name: str) -> str:
    return (request.headers.get_all(name) or [""])[0]


def warn_no_websocket(server: WsServer, peer: str, data: bytes) -> None:
    """Say what to change: `data` came, and is no handshake."""
    chinese = "它说的不是 WebSocket，浏览器打不开这个地址"
    english = "it does not speak WebSocket. A browser cannot open this address"
    if data[:1] == TLS_HELLO:
        chinese = "它用的是 TLS，地址要以 ws:// 开头，不是 wss://"
        english = "it speaks TLS, and the address must begin with ws://, not wss://"
    reason = (
        f"{chinese}。NapCat 里要新建“WebSocket 客户端”（不是“HTTP 客户端”），地址填 {server.url}",
        f'{english}. In NapCat, add a "WebSocket client" (not an "HTTP client") with the address '
        f"{server.url}",
    )
    warn_of_refusal(server._refusals, peer, reason)
