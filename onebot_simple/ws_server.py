"""反向 WebSocket：OneBot 来连我们，一个服务器可以接待很多账号。

Reverse WebSocket: OneBot connects to us; one server can take care of many accounts.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator
from typing import Any

from websockets.frames import CloseCode
from websockets.http11 import Request

from .actions import Actions
from .addresses import Words, authority, check_seconds, check_token, is_loopback
from .bot import Bot
from .errors import ApiNotAvailable, NetworkError, OneBotError, printable
from .event import Event, id_of
from .listening import (
    check_host,
    check_port,
    host_to_dial,
    listen,
    warn_once_a_minute,
    where_it_listens,
)
from .server_websocket import ServerWebSocket
from .ws_connection import WsConnection, connection_ended, connection_lost
from .ws_door import header, refusal, what_came
from .ws_hub import WebSocketHub

log = logging.getLogger("onebot_simple")

BACKLOG = 512
API, EVENT = "API", "Event"  # roles: actions go out, events come in
ROLES = {"api": (API,), "event": (EVENT,)}  # by X-Client-Role; any other is Universal: both
MAX_TWINS = 8  # connections of one account for one role
TOO_MANY = ("这个账号的连接太多了", "this account has too many connections")
TOKEN_REFUSED = ("它不认我们的 access_token", "it refused the access_token")
SLICE_SECONDS = 0.02  # how often it is looked whether an account has come


class Account(Actions):
    """连到 WsServer 的一个账号，可以用它调用所有动作。

    One account that is connected to a WsServer; every action can be called on it.
    """

    def __init__(self, server: WsServer, self_id: int) -> None:
        self.self_id = self_id  # 0: the connection has not said whose it is
        self._server = server
        # The reader's thread changes what follows. Any thread may look, so both are replaced as
        # a whole.
        self._connections: list[ServerWebSocket] = []  # the newest is last
        self._newest: dict[str, ServerWebSocket] = {}  # of each role
        self._waiting: dict[str, Any] = {}  # calls; an answer may come on any connection
        self._seen: set[str] = set()  # roles that it had since the server was started
        self._is_greeted = False  # whether on_connect was told
        self._is_twin = False  # whether it was said that it is connected twice

    def request(
        self, action: str, params: dict[str, Any] | None = None, *, timeout: float | None = None
    ) -> dict[str, Any]:
        """在这个账号上调用一个动作，原样返回整个回答。

        Calls an action of this account and returns the whole answer. timeout: seconds.
        """
        server, origin = self._server, self._server._origin()
        seconds = server.timeout if timeout is None else check_seconds(timeout, "timeout")
        return server._counted(lambda: self._calls().request(action, params, seconds, origin))

    def _stream(self, action: str, params: dict[str, Any]) -> Iterator[dict[str, Any]]:
        server, origin = self._server, self._server._origin()
        return server._counted_stream(
            lambda: self._calls().stream(action, params, server.timeout, origin)
        )

    def _calls(self) -> WsConnection:
        """Where actions are called."""
        if API in self._newest:
            return self._newest[API].calls
        chinese, english = self._server._listed()
        raise NetworkError(
            f"账号 {self.self_id or '?'} 现在没有连着，或者只连了 Event（{chinese}）：等它重连，"
            "或者检查 OneBot 的设置。 "
            f"account {self.self_id or '?'} has no API connection now, {english}. Wait until it "
            "connects again, or check OneBot's settings."
        )

    def _set(self, connections: list[ServerWebSocket]) -> None:
        self._connections = connections
        self._newest = {role: one for one in connections for role in one.roles}


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
        command_prefix: str | Iterable[str] = "/",
    ) -> None:
        super().__init__(timeout=timeout, command_prefix=command_prefix)
        self.host = check_host(host, "WsServer")
        self.port = check_port(port)
        self.access_token = check_token(access_token)
        self.ping_interval = check_seconds(ping_interval, "ping_interval")
        self.ping_timeout = check_seconds(ping_timeout, "ping_timeout")
        self._accounts: dict[int, Account] = {}  # all that have ever been here
        self._strangers: list[Account] = []  # connections that have not said whose they are
        self._said: dict[str, float] = {}  # what was warned of, and when
        self._hub: WebSocketHub | None = None

    @property
    def url(self) -> str:
        """OneBot 里要填的地址。

        The address to fill in in OneBot.
        """
        return f"ws://{authority(host_to_dial(self.host), self.port)}"

    # -- accounts -----------------------------------------------------------------------------

    @property
    def bots(self) -> dict[int, Account]:
        """连着的账号：self_id → 可以调用动作的对象。

        The connected accounts: self_id to that on which actions can be called.
        """
        accounts = self._accounts.copy().items()
        return {self_id: account for self_id, account in accounts if account._connections}

    def bot(self, self_id: int | str) -> Account:
        """这个 self_id 的账号；没有连着就抛出 ApiNotAvailable。

        The account with this self_id; ApiNotAvailable when it is not connected.
        """
        account = self._accounts.get(id_of(self_id) or 0)
        if account is None or not account._connections:
            chinese, english = self._listed()
            raise ApiNotAvailable(
                f"账号 {self_id} 没有连上（{chinese}）：检查 self_id 和 NapCat 的网络配置。 "
                f"account {self_id} is not connected, {english}. Check the self_id, and NapCat's "
                "network settings."
            )
        return account

    def wait_connected(self, timeout: float) -> None:
        """等到有账号连上，最多等 timeout 秒，否则抛出 ApiNotAvailable。

        Waits until an account is connected, for `timeout` seconds at most, else ApiNotAvailable.
        """
        deadline = time.monotonic() + check_seconds(timeout, "timeout")
        while not any(API in account._newest for account in self.bots.values()):
            if time.monotonic() > deadline:
                raise self._nobody(f"{timeout:g} 秒里没有账号连上来", "no account connected")
            time.sleep(SLICE_SECONDS)

    def request(
        self, action: str, params: dict[str, Any] | None = None, *, timeout: float | None = None
    ) -> dict[str, Any]:
        """在正在处理的事件的账号上（否则在唯一的账号上）调用动作，原样返回整个回答。

        Calls an action of the account whose event is being handled, else of the only one.

        timeout: seconds. ApiNotAvailable when it is not clear which account is meant.
        """
        return self._meant().request(action, params, timeout=timeout)

    def _stream(self, action: str, params: dict[str, Any]) -> Iterator[dict[str, Any]]:
        return self._meant()._stream(action, params)

    def _actions_of(self, event: Event) -> Actions:
        self_id = id_of(event.get("self_id"))
        return self._account(self_id) if self_id else self

    def _account(self, self_id: int) -> Account:
        return self._accounts.get(self_id) or Account(self, self_id)

    def _meant(self) -> Account:
        """The account whose event is being handled, else the only one that is there. A stranger
        is the only one if there is no account."""
        if self._now.account:
            return self._account(self._now.account)
        bots = list(self.bots.values())
        found = bots or self._strangers
        if len(found) == 1:
            return found[0]
        chinese, english = self._listed()
        if not bots:
            raise self._nobody(chinese, english)
        raise ApiNotAvailable(
            f"不清楚是哪一个账号（{chinese}）：用 server.bot(self_id) 指明。 it is not clear "
            f"which account is meant, {english}. Name it with server.bot(self_id)."
        )

    def _listed(self) -> Words:
        """Who is connected, for messages."""
        ids = ", ".join(map(str, sorted(self.bots)))
        if not ids:
            return "没有账号连着", "none is connected"
        return f"连着的有 {ids}", f"connected: {ids}"

    def _nobody(self, chinese: str, english: str) -> ApiNotAvailable:
        return ApiNotAvailable(
            f"{chinese}：在 NapCat 里新建并启用“WebSocket 客户端”，地址填 {self.url}；"
            "server.wait_connected(30) 会等它。 "
            f'{english} to {self.url}: add a "WebSocket client" with this address in NapCat, and '
            "enable it; server.wait_connected(30) waits for it."
        )

    # -- connections come and go; all of this runs on the reader's thread -----------------------

    def _refusal(self, connection: ServerWebSocket, request: Request) -> tuple[int, str] | None:
        """The HTTP answer to a handshake that is not welcome."""
        if self._stopping.is_set():
            return 503, "stopping\n"
        refused = refusal(request, self.access_token, is_loopback(self.host))
        if not refused:
            return None
        status, (chinese, english) = refused
        self._warn_of_refusal(connection, chinese, english)
        return status, f"{english}\n"

    def _misunderstood(self, connection: ServerWebSocket, data: bytes) -> None:
        """Say what came instead of a handshake."""
        chinese, english = what_came(data)
        self._warn_of_refusal(
            connection,
            f"{chinese}。NapCat 里要新建“WebSocket 客户端”（不是“HTTP 客户端”），地址填 {self.url}",
            f'{english}. In NapCat, add a "WebSocket client" (not an "HTTP client") with the '
            f"address {self.url}",
        )

    def _warn_of_refusal(self, connection: ServerWebSocket, chinese: str, english: str) -> None:
        warn_once_a_minute(
            self._said,
            f"拒绝了来自 {connection.host} 的连接：{chinese}。 "
            f"refused a connection from {connection.host}: {english}.",
        )

    def _opened(self, connection: ServerWebSocket, request: Request) -> None:
        stranger = Account(self, 0)
        connection.account = stranger
        connection.roles = ROLES.get(header(request, "X-Client-Role").lower(), (API, EVENT))
        self._let_call(connection)
        if self_id := id_of(header(request, "X-Self-ID")):
            self._greet(connection, self_id)
            return
        stranger._set([connection])
        self._strangers = [*self._strangers, stranger]
        log.info(
            f"有一条来自 {connection.host} 的连接还没说是哪个账号。 "
            f"a connection from {connection.host} has not said whose it is."
        )

    def _let_call(self, connection: ServerWebSocket) -> None:
        """Let actions be called on the connection, for its account."""
        waiting = connection.account._waiting
        name = _name(connection)
        connection.calls = WsConnection(connection.send, name, self._complain, waiting=waiting)

    def _received(self, connection: ServerWebSocket, message: bytes | bytearray) -> None:
        """Take a message: what stands in the loop `async for message in websocket` elsewhere."""
        try:
            event = connection.calls.receive(message)
        except OneBotError:  # an answer that says that the access_token is wrong
            connection.say_goodbye(CloseCode.NORMAL_CLOSURE, TOKEN_REFUSED)
            return
        if event is None:
            return
        if not connection.account.self_id and (self_id := id_of(event.get("self_id"))):
            self._greet(connection, self_id)
        account = connection.account
        if account._newest.get(EVENT, connection) is connection:
            self.handle(event, account=account.self_id, number=connection.calls.received)

    def _greet(self, connection: ServerWebSocket, self_id: int) -> None:
        """The connection is now the newest of this account."""
        stranger, account = connection.account, self._account(self_id)
        self._strangers = [one for one in self._strangers if one is not stranger]
        self._accounts[self_id] = connection.account = account
        others, host = account._connections, connection.host
        if others:
            words = "its account has another connection", "它的账号已经有一条连接了"
            connection.calls.close(connection_lost(_name(connection), *words))
            self._let_call(connection)
        else:
            account._waiting = stranger._waiting
            connection.calls.address = _name(connection)
        new_roles = set(connection.roles).difference(account._newest)
        if new_roles & account._seen:
            self._count("reconnects")
        account._seen |= new_roles
        account._set([*others, connection])
        if API in account._newest and not account._is_greeted:
            account._is_greeted = True
            self._connected(self_id)
        log.info(f"账号 {self_id}（{host}）已连接。 account {self_id} from {host} connected.")
        if len(new_roles) < len(connection.roles):
            self._warn_of_twins(account, connection)

    def _warn_of_twins(self, account: Account, connection: ServerWebSocket) -> None:
        for role in connection.roles:
            twins = [one for one in account._connections if role in one.roles]
            if len(twins) > MAX_TWINS:
                twins[0].say_goodbye(CloseCode.POLICY_VIOLATION, TOO_MANY)
        if not account._is_twin:
            account._is_twin = True
            log.warning(
                f"账号 {account.self_id} 连了两次：新的连接收发消息，旧的留着备用。NapCat 里有两个"
                "一样的“WebSocket 客户端”，或者两个程序登录了它吗？ "
                f"account {account.self_id} is connected twice: the newest connection is used, the "
                'older one is kept in reserve. Are there two such "WebSocket clients" in NapCat, '
                "or two programs with this account?"
            )

    def _closed(self, connection: ServerWebSocket, reason: Words) -> None:
        """The connection has ended; an older one of its account takes over, if there is one."""
        account, host = connection.account, connection.host
        name, (chinese, english) = _name(connection), map(printable, reason)
        lost = connection_lost(name, english, chinese)
        connection.calls.close(connection_ended(name) if self._stopping.is_set() else lost)
        self._strangers = [one for one in self._strangers if one is not account]
        account._set([one for one in account._connections if one is not connection])
        if not account._connections:
            account._is_twin = False
            if account._is_greeted:
                account._is_greeted = False
                self._disconnected(account.self_id)
        whose = account.self_id or "?"
        log.info(
            f"账号 {whose}（{host}）断开了：{chinese}。 "
            f"account {whose} from {host} disconnected: {english}."
        )

    # -- the server ---------------------------------------------------------------------------

    def _open(self) -> None:
        token = check_token(self.access_token)
        listener = listen(check_host(self.host), self.port, BACKLOG)
        self.port = listener.getsockname()[1]
        for account in self._accounts.values():
            account._seen.clear()
        self._said.clear()
        self._hub = WebSocketHub(listener, self)
        self._hub.start()
        if not token and not is_loopback(self.host):
            log.warning(
                f"{self.url} 对网络开放，任何人都能冒充 OneBot：请设置 access_token。 "
                f"{self.url} is open to the network without an access_token, so anybody can "
                "pretend to be OneBot: set an access_token."
            )
        where = where_it_listens(self.url, self.host)
        log.info(f"在 {where} 等待 OneBot 连接。 listening on {self.url}")

    def _close(self) -> None:
        hub, self._hub = self._hub, None
        if hub is not None:
            hub.stop()


def _name(connection: ServerWebSocket) -> str:
    """For messages, in both languages."""
    return f"OneBot {connection.account.self_id or '?'} ({connection.host})"
