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
NOBODY = ("没有账号连着", "none is connected")
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
        self._changed = Condition()  # guards the next, and is notified when it changes
        # of an account, the newest is last; None: of those that have not said whose they are
        self._connections: dict[int | None, list[Connection]] = {}

    def ids(self) -> list[int]:
        with self._changed:
            return [self_id for self_id in self._connections if self_id is not None]

    def listed(self) -> Words:
        """Who is connected, for messages."""
        ids = ", ".join(map(str, sorted(self.ids())))
        return (f"连着的有 {ids}", f"connected: {ids}") if ids else NOBODY

    def of(self, self_id: int | None) -> list[Connection]:
        """The connections of an account; without a number, of the only one that is there.

        A stranger is the only one if there is no account.
        """
        with self._changed:
            if self_id is not None:
                return self._connections.get(self_id, [])
            found = [self._connections[one] for one in self.ids()]
            found = found or [[stranger] for stranger in self._connections.get(None, [])]
            return found[0] if len(found) == 1 else []

    def wait(self, seconds: float) -> bool:
        """Wait until actions of an account can be called. False if that does not happen."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while not any(newest(self._connections[one], API) for one in self.ids()):
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                self._changed.wait(min(left, SLICE_SECONDS))
        return True

    def add(self, connection: Connection, self_id: int | None) -> list[Connection]:
        """The connection is one of this account. Returns the others of the account."""
        with self._changed:
            self.remove(connection)  # from the strangers
            others = self._connections.get(self_id, [])
            connection.self_id = self_id
            connection.calls.address = connection.name
            if others and self_id:
                words = "its account has another connection", "它的账号已经有一条连接了"
                connection.calls.close(connection_lost(connection.name, *words))
                connection.share_calls(others[0].waiting)
            self._set(self_id, [*others, connection])
            return others

    def remove(self, connection: Connection) -> list[Connection]:
        """The connection has ended. Returns the others of its account."""
        with self._changed:
            others = self._connections.get(connection.self_id, [])
            others = [one for one in others if one is not connection]
            self._set(connection.self_id, others)
            return others

    def _set(self, self_id: int | None, connections: list[Connection]) -> None:
        heard = newest(connections, EVENT) if self_id else None
        for one in connections:
            one.is_heard = heard in (None, one)
        self._connections[self_id] = connections
        if not connections:
            del self._connections[self_id]
        self._changed.notify_all()


def newest(connections: list[Connection], role: str) -> Connection | None:
    return next((one for one in reversed(connections) if role in one.roles), None)
