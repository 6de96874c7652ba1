"""连到 WsServer 的账号，以及每个账号的连接。

The accounts that are connected to a WsServer, and the connections of each.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from threading import Condition
from typing import Any

from .addresses import Words
from .server_websocket import Handlers, ServerWebSocket, words_of
from .ws_connection import WsConnection, connection_lost

API, EVENT = "API", "Event"  # roles: actions go out, events come in
ROLES = {"api": (API,), "event": (EVENT,)}  # by X-Client-Role; any other is Universal: both
SLICE_SECONDS = 0.2  # Windows cannot interrupt a longer wait of the main thread


class Connection(ServerWebSocket):
    """One connection of a OneBot: whose it is, what it is for, and the calls on it."""

    def __init__(
        self,
        sock: socket.socket,
        host: str,
        handlers: Handlers,
        send_timeout: float,
        complain: Callable[[str, object], None],
    ) -> None:
        super().__init__(sock, host, handlers, send_timeout)
        self.self_id: int | None = None  # None: it has not said whose it is
        self.roles: tuple[str, ...] = (API, EVENT)
        self.is_heard = True  # whether its events count: it is the newest of its account
        self._complain = complain
        self.share_calls({})

    @property
    def name(self) -> str:
        """For messages, in both languages."""
        return f"OneBot {self.self_id or '?'} ({self.host})"

    def share_calls(self, waiting: dict[str, Any]) -> None:
        """Let calls wait for answers in `waiting`, which all connections of an account share: an
        answer may come on any of them."""
        self.waiting = waiting
        self.calls = WsConnection(self._send, self.name, self._complain, waiting=waiting)

    def _send(self, text: str) -> None:
        try:
            self.send(text)
        except OSError as error:
            chinese, english = self.failure or words_of(error)
            raise connection_lost(self.name, english, chinese) from None


class Accounts:
    """Who is connected. The reader changes it, and any thread may ask."""

    def __init__(self) -> None:
        self._changed = Condition()  # guards the next two, and is notified when they change
        self._connections: dict[int, list[Connection]] = {}  # of an account, the newest is last
        self._strangers: list[Connection] = []  # those that have not said whose they are

    def ids(self) -> list[int]:
        with self._changed:
            return list(self._connections)

    def listed(self) -> Words:
        """Who is connected, for messages."""
        ids = ", ".join(map(str, sorted(self.ids())))
        if ids:
            return f"连着的有 {ids}", f"connected: {ids}"
        return "没有账号连着", "none is connected"

    def of(self, self_id: int | None) -> list[Connection]:
        """The connections of an account; without a number, of the only one that is there.

        A stranger is the only one if there is no account.
        """
        with self._changed:
            if self_id is not None:
                return self._connections.get(self_id, [])
            found = list(self._connections.values()) or [[one] for one in self._strangers]
            return found[0] if len(found) == 1 else []

    def wait(self, seconds: float) -> bool:
        """Wait until actions of an account can be called. False if that does not happen."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while not any(newest(of, API) for of in self._connections.values()):
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                self._changed.wait(min(left, SLICE_SECONDS))
        return True

    def add_stranger(self, connection: Connection) -> None:
        with self._changed:
            self._strangers = [*self._strangers, connection]

    def add(self, connection: Connection, self_id: int) -> list[Connection]:
        """The connection has said whose it is. Returns the others of its account."""
        connection.self_id = self_id
        connection.calls.address = connection.name
        others = self.of(self_id)
        if others:
            words = "its account has another connection", "它的账号已经有一条连接了"
            connection.calls.close(connection_lost(connection.name, *words))
            connection.share_calls(others[0].waiting)
        with self._changed:
            self._strangers = [one for one in self._strangers if one is not connection]
            self._set(self_id, [*others, connection])
        return others

    def remove(self, connection: Connection) -> list[Connection]:
        """The connection has ended. Returns the others of its account."""
        self_id = connection.self_id
        with self._changed:
            if self_id is None:
                self._strangers = [one for one in self._strangers if one is not connection]
                return []
            others = [one for one in self._connections.get(self_id, []) if one is not connection]
            self._set(self_id, others)
            return others

    def _set(self, self_id: int, connections: list[Connection]) -> None:
        heard = newest(connections, EVENT)
        for one in connections:
            one.is_heard = heard is None or one is heard
        if connections:
            self._connections[self_id] = connections
        else:
            self._connections.pop(self_id, None)
        self._changed.notify_all()


def newest(connections: list[Connection], role: str) -> Connection | None:
    return next((one for one in reversed(connections) if role in one.roles), None)
