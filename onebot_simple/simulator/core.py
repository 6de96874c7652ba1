"""What all transports share: the world, the log, the switches, and who is connected."""

from __future__ import annotations

import hmac
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

from .api import Api
from .causes import Causes
from .faults import Faults
from .gate import Gate
from .journal import Journal
from .json_text import encode
from .wire import WireLog
from .world import Event, World

ORDER_SECONDS = 0.3  # a handler that asks back cannot be waited for


@dataclass
class Outgoing:
    """One frame on its way to the bot."""

    data: bytes
    kind: str
    answers: int | None = None
    message_id: int | None = None
    event: Event | None = None
    arrived: threading.Event | None = None  # nothing to send: set when all before has arrived


class Peer(Protocol):
    """A WebSocket connection, whoever opened it."""

    transport: str
    connection: int
    address: str
    since: float
    wants_events: bool

    def put(self, outgoing: Outgoing) -> None: ...
    def mark(self) -> threading.Event: ...
    def cut(self) -> None: ...
    def close(self) -> None: ...


class Pusher(Protocol):
    """A URL that events are posted to."""

    def push(self, event: Event, outgoing: Outgoing) -> None: ...
    def wait_idle(self, seconds: float) -> bool: ...


class Core:
    def __init__(self, token: str | None, world: World, heart_interval: int, max_frames: int):
        self.token = token or None
        self.world = world
        self.heart_interval = heart_interval  # ms; 0 is off
        self.hearts_beat = True
        self.log = WireLog(self.token, max_frames)
        self.causes = Causes()
        self.gate = Gate()
        self.faults = Faults()
        self.journal = Journal(self.log)
        self.api = Api(world, self.faults, self.journal)
        self.stopping = threading.Event()
        self.peers: tuple[Peer, ...] = ()
        self.pushers: tuple[Pusher, ...] = ()
        self.cut_http: Callable[[], None] = lambda: None
        self.last_http_call = 0.0  # time; the HTTP API has no lasting connection
        self._threads: set[threading.Thread] = set()
        # guards peers, pushers, _threads and last_http_call; notified when they change
        self.changed = threading.Condition()

    def begin_anew(self) -> None:
        """Forget what happened on the wire before. The world, faults and answers stay."""
        self.log.clear()
        self.journal.clear()
        self.causes = Causes()
        self.last_http_call = 0.0

    # who is connected

    def add_peer(self, peer: Peer) -> None:
        with self.changed:
            self.peers += (peer,)
            self.changed.notify_all()

    def remove_peer(self, peer: Peer) -> None:
        with self.changed:
            self.peers = tuple(other for other in self.peers if other is not peer)
            self.changed.notify_all()

    def http_was_called(self) -> None:
        with self.changed:
            first, self.last_http_call = not self.last_http_call, time.time()
            if first:
                self.changed.notify_all()

    def drop(self) -> None:
        """Cut every connection without a word, as when the process dies."""
        with self.changed:  # gone from now on: who waits for them means their next connection
            dropped, self.peers = self.peers, ()
            self.changed.notify_all()
        for peer in dropped:
            peer.cut()
        self.cut_http()

    # events

    def publish(self, event: Event) -> None:
        message_id = event.get("message_id")
        known = message_id if isinstance(message_id, int) else None
        outgoing = Outgoing(encode(event), "event", None, known, event)
        for peer in self.peers:
            if peer.wants_events:
                peer.put(outgoing)
        if event.get("post_type") != "meta_event":
            for pusher in self.pushers:
                pusher.push(event, outgoing)

    def settle(self, seconds: float) -> None:
        """Wait until the bots have received every event, and answered what was posted to them."""
        deadline = time.monotonic() + seconds
        for arrived in [peer.mark() for peer in self.peers if peer.wants_events]:
            arrived.wait(max(0.0, deadline - time.monotonic()))
        for pusher in self.pushers:
            pusher.wait_idle(max(0.0, deadline - time.monotonic()))

    def in_order(self) -> None:
        """Let the bots take a posted event before the next one; posts overtake each other."""
        for pusher in self.pushers:
            pusher.wait_idle(ORDER_SECONDS)

    # tokens

    def admits(self, target: str, authorization: str | None) -> bool:
        """NapCat's check: a non-empty query token beats the header; `Bearer ` may be missing."""
        if self.faults.token_is_refused():
            return False
        if self.token is None:
            return True
        given = parse_qs(urlsplit(target).query).get("access_token", [""])[0]
        given = given or (authorization or "").split("Bearer ")[-1]
        return hmac.compare_digest(given.encode("utf-8", "replace"), self.token.encode())

    # threads that must have ended when stop() returns

    def spawn(self, target: Callable[..., None], *args: Any) -> None:
        def run() -> None:
            try:
                target(*args)
            finally:
                with self.changed:
                    self._threads.discard(thread)

        thread = threading.Thread(target=run, daemon=True)
        with self.changed:
            self._threads.add(thread)
        thread.start()

    def join(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        with self.changed:
            threads = list(self._threads)
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
