"""反向 WebSocket：OneBot 来连我们，一个服务器可以接待很多账号。

Reverse WebSocket: OneBot connects to us; one server can take care of many accounts.
"""

from __future__ import annotations

import hmac
import logging
import os
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from threading import Condition, Thread, current_thread
from threading import Event as Flag
from typing import Any
from urllib.parse import parse_qs, urlsplit
from weakref import WeakKeyDictionary

from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import Server, ServerConnection, serve

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
from .direct_connection import DirectConnection
from .errors import ApiNotAvailable, NetworkError, OneBotError, printable
from .handlers import id_of
from .ws_connection import WsConnection, connection_lost

log = logging.getLogger("onebot_simple")
wire_log = logging.getLogger("onebot_simple.websockets")
wire_log.setLevel(logging.CRITICAL)  # what matters of a refused handshake is said by us

REPLACED = "replaced by a newer one"
API, EVENT = "api", "event"
SLOTS = {"api": (API,), "event": (EVENT,)}  # any other role is universal: both

SCHEMES = ("bearer", "token")  # in front of an access_token
HANDSHAKE_SECONDS = 10
MAX_CONNECTIONS = 2000  # each costs some threads
MAX_SIZE = 64 * 1024 * 1024
GOODBYE_SECONDS = 0.4
SLICE_SECONDS = 0.2  # Windows cannot interrupt a longer wait of the main thread
ACCEPT_PAUSE = 0.5
BACKLOG = 512
FOREIGN_HOST = "地址的主机写成 127.0.0.1；经过反向代理时，请设置 access_token。"
SAME_TOKEN = "OneBot 里填的 token 要和这里的 access_token 一模一样。"


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


class _Peer:
    """A connection, whose it is, and what it is for."""

    def __init__(
        self, websocket: ServerConnection, request: Request, complain: Callable[..., None]
    ) -> None:
        self_id = id_of(_header(request, "X-Self-ID"))
        role = _header(request, "X-Client-Role").lower()
        self.websocket = websocket
        self.key: object = self_id or websocket  # the latter until an event tells the self_id
        self.known = self_id is not None  # or there has been an event, whatever it told
        self.replaced = False
        self.slots = SLOTS.get(role, (API, EVENT))
        self._host = websocket.remote_address[0]
        self.connection = WsConnection(self._send, self.name, complain)

    @property
    def self_id(self) -> int | None:
        return self.key if isinstance(self.key, int) else None

    @property
    def name(self) -> str:
        return f"account {self.self_id or '?'} from {self._host}"

    def learn(self, event: dict[str, Any]) -> None:
        """Whose it is, from the first event of a connection that did not say so."""
        self.known = True
        self.key = id_of(event.get("self_id")) or self.key
        self.connection.address = self.name

    def _send(self, text: str) -> None:
        try:
            self.websocket.send(text)
        except (ConnectionClosed, OSError) as error:
            raise connection_lost(self.name, error) from error

    def hang_up(self) -> None:
        with suppress(OSError):
            self.websocket.socket.shutdown(socket.SHUT_RDWR)


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
        self._changed = Condition()  # guards the two below, notified when the first changes
        self._accounts: dict[object, dict[str, _Peer]] = {}  # by self_id, then by slot
        self._websockets: WeakKeyDictionary[Thread, ServerConnection] = WeakKeyDictionary()
        self._seen: set[object] = set()  # accounts that were connected before, with the slots
        self._server: Server | None = None
        self._acceptor: Thread | None = None

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
            other.replaced = True
            other.hang_up()

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
        sock = listen(self.host, self.port, BACKLOG)
        sock.settimeout(SLICE_SECONDS)
        self.port = sock.getsockname()[1]
        if not self._token and not is_loopback(self.host):
            log.warning(
                "%s is open to the network without an access_token. "
                "任何人都能冒充 OneBot：请设置 access_token。",
                self.url,
            )
        self._seen.clear()
        server = serve(
            self._serve,
            sock=sock,
            process_request=self._refusal,
            compression=None,
            max_size=MAX_SIZE,
            open_timeout=HANDSHAKE_SECONDS,
            ping_interval=self.ping_interval,
            ping_timeout=self.ping_timeout,
            close_timeout=GOODBYE_SECONDS,
            logger=wire_log,
            create_connection=self._new_connection,  # type: ignore[arg-type]  # called only
        )
        acceptor = Thread(
            target=self._accept,
            args=(server, self._ending),
            name="onebot_simple server",
            daemon=True,
        )
        acceptor.start()
        with self._state:  # stop() finds both, or none
            self._server, self._acceptor = server, acceptor
        log.info("listening on %s. 等待 OneBot 连接。", self.url)

    def _accept(self, server: Server, ending: Flag) -> None:
        """Give each connection a thread; the loop of websockets ends when the system has none."""
        while not ending.is_set():
            try:
                sock, address = server.socket.accept()
            except TimeoutError:
                continue
            except OSError as error:
                if not ending.is_set():
                    log.warning("cannot take a connection: %s. 暂时无法接受连接。", error)
                    time.sleep(ACCEPT_PAUSE)
                continue
            try:
                Thread(target=server.handler, args=(sock, address), daemon=True).start()
            except RuntimeError as error:
                sock.close()
                self._complain("a connection", error, "线程太多，这个连接被拒绝了。")
        server.serve_forever()  # refuses who comes until shutdown(), and tidies up

    def _new_connection(self, *args: Any, **kwargs: Any) -> ServerConnection:
        with self._changed:
            taken = sum(thread.is_alive() for thread in self._websockets)
        if taken >= MAX_CONNECTIONS:
            self._complain("a connection", f"{taken} are open already")
            raise ConnectionRefusedError
        websocket = DirectConnection(*args, **kwargs)
        with self._changed:
            self._websockets[current_thread()] = websocket
        return websocket

    def _close(self) -> None:
        with self._state:
            server, acceptor = self._server, self._acceptor
            self._server = self._acceptor = None
        if server is None or acceptor is None:
            return
        with suppress(OSError):
            server.socket.shutdown(socket.SHUT_RDWR)  # wakes the acceptor
        ending = [Thread(target=server.shutdown, daemon=True)]
        with self._changed:
            websockets = list(self._websockets.values())
        ending += [Thread(target=ws.close, args=(1001,), daemon=True) for ws in websockets]
        for thread in ending:
            thread.start()
        deadline = time.monotonic() + GOODBYE_SECONDS
        for thread in ending[1:]:
            thread.join(max(0.0, deadline - time.monotonic()))
        with self._changed:
            remaining = dict(self._websockets)
        for websocket in remaining.values():  # they do not answer, or somebody is stuck sending
            with suppress(OSError):
                websocket.socket.shutdown(socket.SHUT_RDWR)
        deadline += GOODBYE_SECONDS
        for thread in [*remaining, *ending, acceptor]:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _refusal(self, websocket: ServerConnection, request: Request) -> Response | None:
        """The answer to a handshake that is not welcome."""
        peer = websocket.remote_address[0]
        if self._ending.is_set():
            return websocket.respond(503, "stopping\n")
        origin, host = _header(request, "Origin"), _header(request, "Host")
        if origin and not self._may_come_from(origin, host):
            self._complain("a connection from a web page", f"{peer}, Origin {origin}")
            return websocket.respond(403, "web pages may not connect\n")
        local_only = not self._token and is_loopback(self.host)
        if local_only and not names_this_machine(host or "localhost"):
            self._complain("a connection for another host", host, FOREIGN_HOST)
            return websocket.respond(403, "the Host must be 127.0.0.1 or localhost\n")
        offered = _tokens_of(request)
        if self._token and not any(_is_same(token, self._token) for token in offered):
            self._complain("a connection with a missing or wrong access_token", peer, SAME_TOKEN)
            given = any(token.lower() not in SCHEMES for token in offered)  # NapCat: "Bearer "
            return websocket.respond(403 if given else 401, "missing or wrong access_token\n")
        return None

    def _may_come_from(self, origin: str, host: str) -> bool:
        with suppress(ValueError):
            from_host = urlsplit(origin).hostname or ""
            to_host = urlsplit(f"//{host}").hostname or ""
            return from_host == to_host and (is_loopback(from_host) or not is_loopback(self.host))
        return False

    def _serve(self, websocket: ServerConnection) -> None:
        """One connection, from the handshake to the end; on a thread of its own."""
        assert isinstance(websocket, DirectConnection) and websocket.request is not None
        peer = _Peer(websocket, websocket.request, self._complain)
        _limit_sending(websocket.socket, self.ping_timeout)
        self._join(peer)
        reason: object = "stopped"
        try:
            websocket.listen(lambda message: self._receive(peer, message))
        except ConnectionClosed as error:
            reason = REPLACED if peer.replaced else error
        finally:
            peer.connection.close(connection_lost(peer.name, reason))
            self._leave(peer)
            log.info("%s disconnected: %s. 账号断开了。", peer.name, printable(str(reason)))

    def _receive(self, peer: _Peer, message: bytes) -> None:
        """On the thread that reads the connection."""
        try:
            event = peer.connection.receive(message)
        except OneBotError:  # an answer that says the access_token is wrong
            peer.hang_up()
            return
        if event is None:
            return
        if not peer.known:
            with self._changed:
                if peer.connection.closed is None:  # else it has left for good
                    self._leave(peer)
                    peer.learn(event)
                    self._join(peer)
        self.handle(event, account=peer.key)


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


def _limit_sending(sock: socket.socket, seconds: float) -> None:
    """A peer that reads nothing must not hold a sender, and the lock it has, for ever."""
    milliseconds = int(seconds * 1000) or 1
    if os.name == "nt":
        limit = struct.pack("I", milliseconds)
    else:
        limit = struct.pack("ll", milliseconds // 1000, milliseconds % 1000 * 1000)
    with suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)


def _listed(bots: dict[int, Account]) -> str:
    return f"connected: {', '.join(map(str, sorted(bots)))}" if bots else "none is connected"
