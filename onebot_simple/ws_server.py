"""反向 WebSocket：OneBot 来连我们，一个服务器可以接待很多账号。

Reverse WebSocket: OneBot connects to us; one server can take care of many accounts.

ws_hub reads all sockets, and each ServerWebSocket makes messages of what arrives. The loop of the
documentation, `async for message in websocket`, has its body in `_message_received()`.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from websockets.frames import CloseCode
from websockets.http11 import Request

from . import listening
from .actions import Actions, Responses
from .addresses import Bilingual, check_seconds, check_token
from .bot import Bot
from .errors import ApiNotAvailable, AuthenticationError, NetworkError, printable
from .event import Event, id_of
from .logs import log
from .running import STOPPED
from .server_websocket import ServerWebSocket
from .ws_connection import WsConnection, bot_was_stopped, connection_lost
from .ws_handshake import header
from .ws_hub import WebSocketHub

API, EVENT = "API", "Event"  # roles: actions go out, events come in
ROLES = {"api": (API,), "event": (EVENT,)}  # by X-Client-Role; any other is Universal: both
MAX_TWINS = 8  # connections of one account for one role
TOO_MANY = ("这个账号的连接太多了", "this account has too many connections")


class Account(Actions):
    """连到 WsServer 的一个账号，可以用它调用所有动作。

    One account that is connected to a WsServer; every action can be called on it.
    """

    def __init__(self, server: WsServer, self_id: int) -> None:
        self.self_id = self_id  # 0: it has not said whose it is
        self._server = server
        self._connections: list[ServerWebSocket] = []  # the newest is last
        self._newest: dict[str, ServerWebSocket] = {}  # the newest connection, by role
        self._seen: set[str] = set()  # the roles that were ever connected
        self._is_announced = False  # whether on_connect was told
        self._warned_of_twins = False  # whether it was said that it is connected twice

    def _call(self, action: str, params: dict[str, Any], timeout: float | None = None) -> Responses:
        server = self._server
        seconds = server.timeout if timeout is None else check_seconds(timeout, "timeout")
        return server._counted(lambda: self._api().call(action, params, seconds, server._cause()))

    def _api(self) -> WsConnection:
        if ws := self._newest.get(API):
            return ws.connection
        raise NetworkError(self._server._not_connected_text(self.self_id or "?"))

    def _set_connections(self, connections: list[ServerWebSocket]) -> None:
        """The reader's thread does this; other threads see either the old or the new ones."""
        self._connections = connections
        self._newest = {role: one for one in connections for role in one.roles}
        for ws in connections:
            ws.connection.siblings = [one.connection for one in connections]


class WsServer(Bot):
    """等 OneBot 来连接（NapCat 里叫“WebSocket 客户端”）的机器人。

    A bot that OneBot connects to, by as many accounts as there are. An action is called on the
    account whose event is being handled, else on the only one: ApiNotAvailable if it is not clear.

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
        command_prefix: str | Iterable[str] = "/",
    ) -> None:
        super().__init__(timeout=timeout, command_prefix=command_prefix)
        self.host = listening.check_host(host, "WsServer")
        self.port = listening.check_port(port)
        self.access_token = check_token(access_token)
        self.ping_interval = check_seconds(ping_interval, "ping_interval")
        self.ping_timeout = check_seconds(ping_timeout, "ping_timeout")
        self._accounts: dict[int, Account] = {}  # all that were ever connected
        self._strangers: set[ServerWebSocket] = set()  # they have not said whose they are
        self._refusals: dict[str, float] = {}  # what was warned of, and when
        self._hub: WebSocketHub | None = None

    @property
    def url(self) -> str:
        """OneBot 里要填的地址。

        The address to fill in in OneBot.
        """
        return f"ws://{listening.to_dial(self.host, self.port)}"

    # -- accounts -----------------------------------------------------------------------------

    @property
    def bots(self) -> dict[int, Account]:
        """连着的账号：self_id → 可以调用动作的对象。

        The connected accounts, by self_id. Actions can be called on each.
        """
        return {key: one for key, one in self._accounts.copy().items() if one._connections}

    def bot(self, self_id: int | str) -> Account:
        """这个 self_id 的账号；没有连着就抛出 ApiNotAvailable。

        The account with this self_id; ApiNotAvailable when it is not connected.
        """
        account = self._account(id_of(self_id) or 0)
        if not account._connections:
            raise ApiNotAvailable(self._not_connected_text(self_id))
        return account

    def wait_connected(self, timeout: float) -> None:
        """等到有账号连上，最多等 timeout 秒，否则抛出 ApiNotAvailable。

        Waits until an account is connected, for `timeout` seconds at most, else ApiNotAvailable.
        """
        deadline = time.monotonic() + check_seconds(timeout, "timeout")
        while not any(API in account._newest for account in self.bots.values()):
            if self._stopping.is_set():
                raise NetworkError(STOPPED)
            if time.monotonic() > deadline:
                raise ApiNotAvailable(
                    f"{timeout:g} 秒里没有账号连上来：在 NapCat 里新建并启用“WebSocket 客户端”，"
                    f"地址填 {self.url}；这里也要用 with server: 启动。 "
                    f"no account connected to {self.url} within {timeout:g} s: add a "
                    '"WebSocket client" with this address in NapCat, and enable it. The server '
                    "must be started, too (with server:)."
                )
            time.sleep(0.02)

    def _call(self, action: str, params: dict[str, Any], timeout: float | None = None) -> Responses:
        return self._account_to_call()._call(action, params, timeout)

    def _actions_of(self, event: Event) -> Actions:
        self_id = id_of(event.get("self_id"))
        return self._account(self_id) if self_id else self

    def _account(self, self_id: int) -> Account:
        """The account, connected or not."""
        return self._accounts.get(self_id) or Account(self, self_id)

    def _account_to_call(self) -> Account:
        """The account whose event is being handled, else the only one; a stranger is the only one
        if there is no account."""
        if self._current.self_id:
            return self._account(self._current.self_id)
        found = list(self.bots.values()) or [one.account for one in self._strangers.copy()]
        if len(found) == 1:
            return found[0]
        chinese, english = self._connected_ids()
        raise ApiNotAvailable(
            f"不清楚是哪一个账号（{chinese}）：用 server.bot(self_id) 指明，或者先用 "
            "server.wait_connected(30) 等它连上来。 It is not clear which account is meant "
            f"({english}). Name it with server.bot(self_id), or wait: server.wait_connected(30)."
        )

    def _connected_ids(self) -> Bilingual:
        ids = ", ".join(map(str, sorted(self.bots)))
        nobody = "没有账号连着", "connected: none"
        return (f"连着的有 {ids}", f"connected: {ids}") if ids else nobody

    def _not_connected_text(self, self_id: object) -> str:
        chinese, english = self._connected_ids()
        return (
            f"账号 {self_id} 现在没有连着，或者只连了 Event（{chinese}）：检查 self_id 和 NapCat 的"
            f"网络配置。 Account {self_id} is not connected, or has only an Event connection "
            f"({english}). Check the self_id, and NapCat's network settings."
        )

    # -- connections come and go; all of this runs on the reader's thread -----------------------

    def _connection_opened(self, ws: ServerWebSocket, request: Request) -> None:
        role = header(request, "X-Client-Role").lower()
        ws.roles = ROLES.get(role, (API, EVENT))
        ws.account = Account(self, 0)
        ws.account._set_connections([ws])
        if self_id := id_of(header(request, "X-Self-ID")):
            self._assign(ws, self_id)
        else:
            self._strangers.add(ws)
            log.info(
                "已连接，还不知道是哪个账号 connected, account not known yet: %s",
                ws.connection.name,
            )

    def _assign(self, ws: ServerWebSocket, self_id: int) -> None:
        """The connection has said whose it is: it is the newest of that account."""
        self._strangers.discard(ws)
        account = self._accounts[self_id] = self._account(self_id)
        new_roles = set(ws.roles).difference(account._newest)
        ws.account = account
        ws.connection.name = f"OneBot {self_id} ({ws.peer})"
        account._set_connections([*account._connections, ws])
        if new_roles & account._seen:
            self._count("reconnects")
        account._seen |= new_roles
        if API in account._newest and not account._is_announced:
            account._is_announced = True
            self._connected(self_id)
        log.info("已连接 connected: %s", ws.connection.name)
        if len(new_roles) < len(ws.roles):
            self._look_at_twins(account, ws.roles)

    def _look_at_twins(self, account: Account, roles: tuple[str, ...]) -> None:
        twins = [one for one in account._connections if one.roles == roles]
        for one in twins[:-MAX_TWINS]:
            one.say_goodbye(CloseCode.POLICY_VIOLATION, TOO_MANY)
        if not account._warned_of_twins:
            account._warned_of_twins = True
            log.warning(
                f"账号 {account.self_id} 连了两次，只用新的那条连接：NapCat 里有两个一样的"
                f"“WebSocket 客户端”吗？ account {account.self_id} is connected twice, and the "
                'newest connection is used. Are there two such "WebSocket clients" in NapCat?'
            )

    def _message_received(self, ws: ServerWebSocket, message: bytes) -> None:
        """Take one message: the body of the loop `async for message in websocket`."""
        try:
            event = ws.connection.receive(message)
        except AuthenticationError as error:  # it refuses a token that we never sent
            self._warn_dropped("对 access_token 的拒绝 a refused access_token", error)
            return
        if event is None:
            return
        if not ws.account.self_id and (self_id := id_of(event.get("self_id"))):
            self._assign(ws, self_id)
        account = ws.account
        if account._newest.get(EVENT, ws) is ws:
            self.handle(event, self_id=account.self_id, number=ws.connection.received)

    def _connection_closed(self, ws: ServerWebSocket, reason: Bilingual) -> None:
        """The connection has ended; an older one of its account takes over, if there is one."""
        account, name = ws.account, ws.connection.name
        chinese, english = map(printable, reason)
        self._strangers.discard(ws)
        # first, because who is freed by close() may call again at once
        account._set_connections([one for one in account._connections if one is not ws])
        lost = connection_lost(name, reason)
        ws.connection.close(bot_was_stopped(name) if self._stopping.is_set() else lost)
        if not account._connections:
            if account._is_announced:
                self._disconnected(account.self_id)
            account._is_announced = account._warned_of_twins = False
        log.info(f"{name} 断开了：{chinese}。 {name} disconnected: {english}.")

    # -- the server ---------------------------------------------------------------------------

    def _open(self) -> None:
        check_token(self.access_token)
        listener = listening.listen(listening.check_host(self.host, "WsServer"), self.port)
        self.port = listener.getsockname()[1]
        self._hub = WebSocketHub(listener, self)
        listening.announce(self.url, self.host, self.access_token, "access_token")

    def _close(self) -> None:
        if self._hub is not None:
            self._hub.stop()
