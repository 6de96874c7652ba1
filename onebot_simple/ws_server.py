"""反向 WebSocket：OneBot 来连我们，一个服务器可以接待很多账号。

Reverse WebSocket: OneBot connects to us; one server can take care of many accounts.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterable, Iterator
from typing import Any

from websockets.frames import CloseCode
from websockets.http11 import Request

from .actions import Actions
from .addresses import Words, authority, check_seconds, check_token, is_loopback
from .bot import Bot
from .errors import ApiNotAvailable, NetworkError, OneBotError, printable
from .event import Event, id_of
from .listening import check_host, check_port, host_to_dial, listen, where_it_listens
from .server_websocket import Handlers, Refusal
from .ws_accounts import API, ROLES, Accounts, Connection, newest
from .ws_connection import WsConnection, connection_ended, connection_lost
from .ws_door import Door, header
from .ws_hub import WebSocketHub

log = logging.getLogger("onebot_simple")

BACKLOG = 512
MEANT = 0  # stands for the account whose event is being handled, else for the only one
MAX_TWINS = 8  # connections of one account for one role
TOO_MANY = ("这个账号的连接太多了", "this account has too many connections")
TOKEN_REFUSED = ("它不认我们的 access_token", "it refused the access_token")


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
        server, origin = self._server, self._server._origin()
        seconds = server.timeout if timeout is None else check_seconds(timeout, "timeout")
        return server._counted(
            lambda: server._calls(self.self_id).request(action, params, seconds, origin)
        )

    def _stream(self, action: str, params: dict[str, Any]) -> Iterator[dict[str, Any]]:
        server, origin = self._server, self._server._origin()
        return server._counted_stream(
            lambda: server._calls(self.self_id).stream(action, params, server.timeout, origin)
        )


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
        self._online = Accounts()
        self._greeted: set[int | None] = set()  # accounts of which on_connect was told
        self._twins: set[int | None] = set()  # accounts of which it was said that they came twice
        self._seen: set[tuple[int, str]] = set()  # accounts and roles that were here before
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
        return {self_id: Account(self, self_id) for self_id in self._online.ids()}

    def bot(self, self_id: int | str) -> Account:
        """这个 self_id 的账号；没有连着就抛出 ApiNotAvailable。

        The account with this self_id; ApiNotAvailable when it is not connected.
        """
        number = id_of(self_id)
        if number is None or not self._online.of(number):
            chinese, english = self._online.listed()
            raise ApiNotAvailable(
                f"账号 {self_id} 没有连上（{chinese}）：检查 self_id 和 NapCat 的网络配置。 "
                f"account {self_id} is not connected, {english}. Check the self_id, and NapCat's "
                "network settings."
            )
        return Account(self, number)

    def wait_connected(self, timeout: float) -> None:
        """等到有账号连上，最多等 timeout 秒，否则抛出 ApiNotAvailable。

        Waits until an account is connected, for `timeout` seconds at most, else ApiNotAvailable.
        """
        if not self._online.wait(check_seconds(timeout, "timeout")):
            raise ApiNotAvailable(
                f"{timeout:g} 秒里没有账号连上来：在 NapCat 里新建并启用“WebSocket 客户端”，"
                f"地址填 {self.url}。 no account connected to {self.url} within {timeout:g} s: "
                'add a "WebSocket client" with this address in NapCat, and enable it.'
            )

    def request(
        self, action: str, params: dict[str, Any] | None = None, *, timeout: float | None = None
    ) -> dict[str, Any]:
        """在正在处理的事件的账号上（否则在唯一的账号上）调用动作，原样返回整个回答。

        Calls an action of the account whose event is being handled, else of the only one.

        timeout: seconds. ApiNotAvailable when it is not clear which account is meant.
        """
        return Account(self, MEANT).request(action, params, timeout=timeout)

    def _stream(self, action: str, params: dict[str, Any]) -> Iterator[dict[str, Any]]:
        return Account(self, MEANT)._stream(action, params)

    def _actions_of(self, event: Event) -> Actions:
        self_id = id_of(event.get("self_id"))
        return Account(self, self_id) if self_id else self

    def _calls(self, account: int) -> WsConnection:
        """Where to call an action of the account."""
        self_id = account or self._now.account
        connections = self._online.of(self_id)
        if connection := newest(connections, API):
            return connection.calls
        chinese, english = self._online.listed()
        if self_id or connections:
            raise NetworkError(
                f"账号 {self_id or '?'} 现在没有连着，或者只连了 Event（{chinese}）：等它重连，"
                "或者检查 OneBot 的设置。 "
                f"account {self_id or '?'} has no API connection now, {english}. Wait until it "
                "connects again, or check OneBot's settings."
            )
        if self._online.ids():
            raise ApiNotAvailable(
                f"不清楚是哪一个账号（{chinese}）：用 server.bot(self_id) 指明。 it is not clear "
                f"which account is meant, {english}. Name it with server.bot(self_id)."
            )
        raise ApiNotAvailable(
            f"{chinese}：NapCat 里的“WebSocket 客户端”启用了吗？server.wait_connected(30) 会等它。 "
            f'{english}: is the "WebSocket client" enabled in NapCat? server.wait_connected(30) '
            "waits for it."
        )

    # -- connections come and go; all of this runs on the reader's thread -----------------------

    def _received(self, connection: Connection, message: bytes | bytearray) -> None:
        """Take a message: what stands in the loop `async for message in websocket` elsewhere."""
        try:
            event = connection.calls.receive(message)
        except OneBotError:  # an answer that says that the access_token is wrong
            connection.say_goodbye(CloseCode.NORMAL_CLOSURE, TOKEN_REFUSED)
            return
        if event is None:
            return
        if connection.self_id is None and (self_id := id_of(event.get("self_id"))):
            self._greet(connection, self_id)
        if connection.is_heard:
            self.handle(event, account=connection.self_id, number=connection.calls.received)

    def _opened(self, connection: Connection) -> None:
        if connection.self_id:
            self._greet(connection, connection.self_id)
            return
        self._online.add(connection, None)
        log.info(
            f"有一条来自 {connection.host} 的连接还没说是哪个账号。 "
            f"a connection from {connection.host} has not said whose it is."
        )

    def _greet(self, connection: Connection, self_id: int) -> None:
        others = self._online.add(connection, self_id)
        new_roles = {(self_id, role) for role in connection.roles if not newest(others, role)}
        if new_roles & self._seen:
            self._count("reconnects")
        self._seen |= new_roles
        if API in connection.roles and self_id not in self._greeted:
            self._greeted.add(self_id)
            self._connected(self_id)
        for role in connection.roles:
            twins = [one for one in others if role in one.roles]
            if len(twins) >= MAX_TWINS:
                twins[0].say_goodbye(CloseCode.POLICY_VIOLATION, TOO_MANY)
        host = connection.host
        log.info(f"账号 {self_id}（{host}）已连接。 account {self_id} from {host} connected.")
        if len(new_roles) < len(connection.roles) and self_id not in self._twins:
            self._twins.add(self_id)
            log.warning(
                f"账号 {self_id} 连了两次：新的连接收发消息，旧的留着备用。NapCat 里有两个一样的"
                "“WebSocket 客户端”，或者两个程序登录了它吗？ "
                f"account {self_id} is connected twice: the newest connection is used, the older "
                'one is kept in reserve. Are there two such "WebSocket clients" in NapCat, or two '
                "programs with this account?"
            )

    def _closed(self, connection: Connection, reason: Words) -> None:
        """The connection has ended; an older one of its account takes over, if there is one."""
        self_id, (chinese, english) = connection.self_id, map(printable, reason)
        lost = connection_lost(connection.name, english, chinese)
        connection.calls.close(
            connection_ended(connection.name) if self._stopping.is_set() else lost
        )
        if not self._online.remove(connection):
            self._twins.discard(self_id)
            if self_id in self._greeted:
                self._greeted.remove(self_id)
                self._disconnected(self_id)
        whose, host = self_id or "?", connection.host
        log.info(
            f"账号 {whose}（{host}）断开了：{chinese}。 "
            f"account {whose} from {host} disconnected: {english}."
        )

    # -- the door -----------------------------------------------------------------------------

    def _open(self) -> None:
        token = check_token(self.access_token)
        listener = listen(check_host(self.host), self.port, BACKLOG)
        self.port = listener.getsockname()[1]
        self._seen.clear()
        self._door = Door(token, self.host, self.url)
        hub = WebSocketHub(listener, self._new_connection, self.ping_interval, self.ping_timeout)
        hub.start()
        self._hub = hub
        if not token and not is_loopback(self.host):
            log.warning(
                f"{self.url} 对网络开放，任何人都能冒充 OneBot：请设置 access_token。 "
                f"{self.url} is open to the network without an access_token, so anybody can "
                "pretend to be OneBot: set an access_token."
            )
        where = where_it_listens(self.url, self.host)
        log.info(f"在 {where} 等待 OneBot 连接。 listening on {self.url}")

    def _new_connection(self, sock: socket.socket, host: str) -> Connection:
        handlers = Handlers(
            self._refusal, self._opened, self._received, self._closed, self._misunderstood
        )
        return Connection(sock, host, handlers, self.ping_timeout, self._complain)

    def _close(self) -> None:
        hub, self._hub = self._hub, None
        if hub is not None:
            hub.stop()

    def _refusal(self, connection: Connection, request: Request) -> Refusal | None:
        if self._stopping.is_set():
            return 503, "stopping\n"
        connection.roles = ROLES.get(header(request, "X-Client-Role").lower(), connection.roles)
        connection.self_id = id_of(header(request, "X-Self-ID")) or None
        return self._door.refusal(connection.host, request)

    def _misunderstood(self, connection: Connection, head: bytes) -> None:
        self._door.misunderstood(connection.host, head)
