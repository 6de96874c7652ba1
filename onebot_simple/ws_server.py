"""反向 WebSocket：OneBot 来连我们，一个服务器可以接待很多账号。

Reverse WebSocket: OneBot connects to us; one server can take care of many accounts.
"""

from __future__ import annotations

import hmac
import logging
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from threading import Condition
from typing import Any
from urllib.parse import parse_qs, urlsplit

from websockets.http11 import Request, Response

from .actions import Actions
from .addresses import (
    authority,
    check_seconds,
    check_token,
    is_loopback,
    listen,
    names_this_machine,
)
from .bot import Bot
from .errors import ApiNotAvailable, NetworkError, OneBotError, printable
from .event import id_of
from .server_websocket import ServerWebSocket
from .ws_connection import WsConnection, connection_lost
from .ws_hub import WebSocketHub

log = logging.getLogger("onebot_simple")

API, EVENT = "api", "event"
SLOTS = {"api": (API,), "event": (EVENT,)}  # any other role is universal: both

SCHEMES = ("bearer", "token")  # in front of an access_token
SLICE_SECONDS = 0.2  # Windows cannot interrupt a longer wait of the main thread
BACKLOG = 512
FOREIGN_HOST = "地址的主机写成 127.0.0.1；经过反向代理时，请设置 access_token。"
SAME_TOKEN = "OneBot 里填的 token 要和这里的 access_token 一模一样。"

Reject = Callable[[int, str], Response]


class Account(Actions):
    """连到 WsServer 的一个账号，可以用它调用所有动作。

    One account that is connected to a WsServer; every action can be called on it.
    """

    def __init__(self, server: WsServer, self_id: int) -> None:
        self.self_id = self_id
        self._server = server

    def request(
        self, action: str, params: dict[str, Any] | None = None, *, timeout: float | None = None
    ) -> dict[str, Any]:
        """在这个账号上调用一个动作，原样返回整个回答。

        Calls an action of this account and returns the whole answer. timeout: seconds.
        """
        seconds = self._server.timeout if timeout is None else check_seconds(timeout, "timeout")
        server = self._server
        return server._counted(
            lambda: server._api_of(self.self_id).request(action, params, seconds)
        )

    def _stream(self, action: str, params: dict[str, Any]) -> Iterator[dict[str, Any]]:
        server = self._server
        return server._counted_stream(
            lambda: server._api_of(self.self_id).stream(action, params, server.timeout)
        )


class _Peer(ServerWebSocket):
    """A connection, whose it is, and what it is for."""

    def __init__(self, server: WsServer, sock: socket.socket, host: str) -> None:
        super().__init__(sock, host)
        self.key: object = self  # the self_id, once it is known
        self.known = False  # whether it has told, or there has been an event, whatever it told
        self.slots: tuple[str, ...] = (API, EVENT)
        self.connection = WsConnection(self._send, self.name, server._complain)
        self._server = server

    @property
    def self_id(self) -> int | None:
        return self.key if isinstance(self.key, int) else None

    @property
    def name(self) -> str:
        return f"account {self.self_id or '?'} from {self.host}"

    def learn(self, self_id: object) -> None:
        """Whose it is, from the handshake, or from the first event after one that did not say."""
        self.known = True
        self.key = id_of(self_id) or self.key
        self.connection.address = self.name

    def _send(self, text: str) -> None:
        try:
            self.send(text)
        except OSError as error:
            raise connection_lost(self.name, error) from error

    # called by the hub

    def refusal(self, request: Request, reject: Reject) -> Response | None:
        return self._server._refusal(self.host, request, reject)

    def opened(self) -> None:
        assert self.request is not None
        self.slots = SLOTS.get(_header(self.request, "X-Client-Role").lower(), self.slots)
        self_id = id_of(_header(self.request, "X-Self-ID"))
        if self_id:
            self.learn(self_id)
        self._server._join(self)

    def take(self, message: bytes) -> float:
        self._server._receive(self, message)
        return 0.0

    def closed(self, reason: object) -> None:
        self._server._lose(self, reason)


class WsServer(Bot):
    """等 OneBot 来连接（NapCat 里叫“WebSocket 客户端”）的机器人。

    A bot that OneBot connects to, by as many accounts as there are.

    host, port: where to listen; port 0 picks a free one. access_token: what OneBot must know.
    timeout: seconds that a call may take. ping_interval, ping_timeout: seconds until a silent
    connection is given up. Source: OneBot 11 standard, communication, reverse WebSocket.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 8765,
        access_token: str | None = None,
        *,
        timeout: float = 30,
        ping_interval: float = 20,
        ping_timeout: float = 20,
        command_prefix: str = "/",
    ) -> None:
        super().__init__(timeout=timeout, command_prefix=command_prefix)
        self.host, self.port = host, port
        self.ping_interval = check_seconds(ping_interval, "ping_interval")
        self.ping_timeout = check_seconds(ping_timeout, "ping_timeout")
        self._token = check_token(access_token)
        self._changed = Condition()  # guards the accounts, notified when they change
        self._accounts: dict[object, dict[str, _Peer]] = {}  # by self_id, then by slot
        self._seen: set[object] = set()  # accounts that were connected before, with the slots
        self._hub: WebSocketHub | None = None

    @property
    def url(self) -> str:
        """OneBot 里要填的地址。

        The address to fill in in OneBot.
        """
        return f"ws://{authority(self.host, self.port)}"

    # -- accounts -----------------------------------------------------------------------------

    @property
    def bots(self) -> dict[int, Account]:
        """连着的账号：self_id → 可以调用动作的对象。

        The connected accounts: self_id to that on which actions can be called.
        """
        with self._changed:
            keys = list(self._accounts)
        return {key: Account(self, key) for key in keys if isinstance(key, int)}

    def bot(self, self_id: int | str) -> Account:
        """这个 self_id 的账号；没有连着就抛出 ApiNotAvailable。

        The account with this self_id; ApiNotAvailable when it is not connected.
        """
        bots = self.bots
        if int(self_id) not in bots:
            raise ApiNotAvailable(
                f"account {self_id} is not connected, {_listed(bots)}. "
                "这个账号没有连上：检查 self_id，以及 OneBot 里反向 WebSocket 的地址和 token。"
            )
        return bots[int(self_id)]

    def wait_connected(self, timeout: float) -> None:
        """等到有账号连上，最多等 timeout 秒，否则抛出 ApiNotAvailable。

        Waits until an account is connected, for `timeout` seconds at most, else ApiNotAvailable.
        """
        deadline = time.monotonic() + check_seconds(timeout, "timeout")
        with self._changed:
            while not any(API in lines for lines in self._accounts.values()):
                left = deadline - time.monotonic()
                if left <= 0:
                    raise ApiNotAvailable(
                        f"no account connected to {self.url} within {timeout:g} s. "
                        "没有账号连上来：在 NapCat 里新建“WebSocket 客户端”，"
                        f"地址填 {self.url}，并启用它。"
                    )
                self._changed.wait(min(left, SLICE_SECONDS))

    def request(
        self, action: str, params: dict[str, Any] | None = None, *, timeout: float | None = None
    ) -> dict[str, Any]:
        """在正在处理的事件的账号上（否则在唯一的账号上）调用动作，原样返回整个回答。

        Calls an action of the account whose event is being handled, else of the only one.

        timeout: seconds. ApiNotAvailable when it is not clear which account is meant.
        """
        seconds = self.timeout if timeout is None else check_seconds(timeout, "timeout")
        return self._counted(lambda: self._api_of(self._target()).request(action, params, seconds))

    def _stream(self, action: str, params: dict[str, Any]) -> Iterator[dict[str, Any]]:
        return self._counted_stream(
            lambda: self._api_of(self._target()).stream(action, params, self.timeout)
        )

    def _target(self) -> object:
        handled = getattr(self._now, "account", None)
        if handled is not None:
            return handled
        with self._changed:
            if len(self._accounts) == 1:
                return next(iter(self._accounts))
        raise ApiNotAvailable(
            f"it is not clear which account is meant, {_listed(self.bots)}. "
            "没有账号连着，或者连了好几个：用 server.bot(self_id) 指明是哪一个。"
        )

    def _api_of(self, key: object) -> WsConnection:
        with self._changed:
            peer = self._accounts.get(key, {}).get(API)
        if peer is None:
            raise NetworkError(
                f"account {key if isinstance(key, int) else '?'} has no API connection now. "
                "这个账号现在没有连着（或者只连了 Event）：等它重连，或者检查 OneBot 的设置。"
            )
        return peer.connection

    def _join(self, peer: _Peer) -> None:
        """The connection becomes the account's; those whose place it takes are closed."""
        with self._changed:
            peers = self._accounts.get(peer.key, {})
            stale = {peers[slot] for slot in peer.slots if slot in peers}
            had_api = peers.get(API) in stale
            kept = {slot: other for slot, other in peers.items() if other not in stale}
            self._accounts[peer.key] = kept | dict.fromkeys(peer.slots, peer)
            if had_api:  # told with the lock held: the handlers hear it in the order of the facts
                self._disconnected(peer.self_id)
            if peer.known:
                self._greet(peer)
            self._changed.notify_all()
        for other in stale:
            other.hang_up("replaced by a newer one")

    def _leave(self, peer: _Peer) -> None:
        """The connection is no longer the account's."""
        with self._changed:
            peers = self._accounts.pop(peer.key, {})
            left = {slot: other for slot, other in peers.items() if other is not peer}
            if left:
                self._accounts[peer.key] = left
            if peers.get(API) is peer and peer.known:
                self._disconnected(peer.self_id)
            self._changed.notify_all()

    def _greet(self, peer: _Peer) -> None:
        log.info("%s connected. 账号已连接。", peer.name)
        if peer.self_id and (peer.self_id, peer.slots) in self._seen:
            self._count("reconnects")
        self._seen.add((peer.self_id, peer.slots))
        if API in peer.slots:
            self._connected(peer.self_id)

    # -- connections --------------------------------------------------------------------------

    def _open(self) -> None:
        listener = listen(self.host, self.port, BACKLOG)
        self.port = listener.getsockname()[1]
        if not self._token and not is_loopback(self.host):
            log.warning(
                "%s is open to the network without an access_token. "
                "任何人都能冒充 OneBot：请设置 access_token。",
                self.url,
            )
        self._seen.clear()
        hub = WebSocketHub(
            listener,
            self._new_peer,
            self.ping_interval,
            self.ping_timeout,
            self._complain,
        )
        hub.start()
        with self._state:  # stop() finds it, or there is nothing to find yet
            self._hub = hub
        log.info("listening on %s. 等待 OneBot 连接。", self.url)

    def _new_peer(self, sock: socket.socket, host: str) -> _Peer:
        return _Peer(self, sock, host)

    def _close(self) -> None:
        with self._state:
            hub, self._hub = self._hub, None
        if hub is not None:
            hub.stop()

    def _refusal(self, peer: str, request: Request, reject: Reject) -> Response | None:
        """The answer to a handshake that is not welcome."""
        if self._stopping.is_set():
            return reject(503, "stopping\n")
        origin, host = _header(request, "Origin"), _header(request, "Host")
        if origin and not self._may_come_from(origin, host):
            self._complain("a connection from a web page", f"{peer}, Origin {origin}")
            return reject(403, "web pages may not connect\n")
        local_only = not self._token and is_loopback(self.host)
        if local_only and not names_this_machine(host or "localhost"):
            self._complain("a connection for another host", host, FOREIGN_HOST)
            return reject(403, "the Host must be 127.0.0.1 or localhost\n")
        offered = _tokens_of(request)
        if self._token and not any(_is_same(token, self._token) for token in offered):
            self._complain("a connection with a missing or wrong access_token", peer, SAME_TOKEN)
            given = any(token.lower() not in SCHEMES for token in offered)  # NapCat: "Bearer "
            return reject(403 if given else 401, "missing or wrong access_token\n")
        return None

    def _may_come_from(self, origin: str, host: str) -> bool:
        with suppress(ValueError):
            from_host = urlsplit(origin).hostname or ""
            to_host = urlsplit(f"//{host}").hostname or ""
            return from_host == to_host and (is_loopback(from_host) or not is_loopback(self.host))
        return False

    def _lose(self, peer: _Peer, reason: object) -> None:
        """The connection has ended."""
        peer.connection.close(connection_lost(peer.name, reason))
        self._leave(peer)
        log.info("%s disconnected: %s. 账号断开了。", peer.name, printable(str(reason)))

    def _receive(self, peer: _Peer, message: bytes) -> None:
        try:
            event = peer.connection.receive(message)
        except OneBotError:  # an answer that says the access_token is wrong
            peer.hang_up("it refused the access_token")
            return
        if event is None:
            return
        if not peer.known:
            with self._changed:
                self._leave(peer)
                peer.learn(event.get("self_id"))
                self._join(peer)
        self.handle(event, account=peer.self_id)


def _header(request: Request, name: str) -> str:
    return (request.headers.get_all(name) or [""])[0]


def _tokens_of(request: Request) -> list[str]:
    """What may be meant as the access_token: it comes bare, behind a scheme, or in the query."""
    bare = _header(request, "Authorization").strip()
    scheme, _, token = bare.partition(" ")
    offered = [bare, token.strip()] if scheme.lower() in SCHEMES else [bare]
    with suppress(ValueError):
        offered += parse_qs(urlsplit(request.path).query).get("access_token", [])[:1]
    return [token for token in offered if token]


def _is_same(token: str, wanted: str) -> bool:
    return hmac.compare_digest(token.encode(errors="replace"), wanted.encode())


def _listed(bots: dict[int, Account]) -> str:
    return f"connected: {', '.join(map(str, sorted(bots)))}" if bots else "none is connected"
