"""The four transports together: started, stopped, and shown as lamps."""

from __future__ import annotations

import threading
import time
from typing import Any

from .core import Core
from .event_pusher import EventPusher
from .http_api import HttpApi
from .wire import HTTP_API, HTTP_POST, WS, WS_REVERSE
from .ws_api import WsApi
from .ws_reverse import WsReverse

NOT_RUNNING = (
    "模拟器没有运行：先 start()，或写 with Simulator() as qq。"
    " the simulator is not running: start() it first, or write `with Simulator() as qq`."
)


class Transports:
    def __init__(
        self, core: Core, ports: tuple[int, int], keep_alive: float, reconnect_interval: float
    ) -> None:
        self._core = core
        self._ports = ports
        self._keep_alive = keep_alive
        self._reconnect_interval = reconnect_interval
        self._http: HttpApi | None = None
        self._ws: WsApi | None = None
        self._reverse: list[WsReverse] = []
        self._pushers: list[EventPusher] = []
        self._post_targets: list[tuple[str, str | None]] = []
        self._reverse_targets: list[tuple[str, str | None]] = []
        self._lock = threading.RLock()  # guards the fields above while they start and stop

    @property
    def running(self) -> bool:
        return self._http is not None

    @property
    def http(self) -> HttpApi:
        if self._http is None:
            raise RuntimeError(NOT_RUNNING)
        return self._http

    @property
    def ws(self) -> WsApi:
        if self._ws is None:
            raise RuntimeError(NOT_RUNNING)
        return self._ws

    def start(self) -> None:
        with self._lock:
            if self._http:
                return
            self._core.stopping.clear()
            http = HttpApi(self._core, self._ports[0], self._keep_alive)
            try:
                self._ws = WsApi(self._core, self._ports[1])
            except BaseException:
                http.stop()
                raise
            self._http = http
            self._core.cut_http = http.cut
            self._core.log.open()
            http.start()
            self._ws.start()
            for post_target in self._post_targets:
                self._start_pusher(*post_target)
            for reverse_target in self._reverse_targets:
                self._start_reverse(*reverse_target)

    def stop(self) -> None:
        with self._lock:
            if not self._http or not self._ws:
                return
            self._core.stopping.set()
            self._core.gate.open()
            for reverse in self._reverse:
                reverse.retire()
            self._say_goodbye()
            for reverse in self._reverse:
                reverse.stop()
            for pusher in self._pushers:
                pusher.stop()
            self._ws.stop()
            self._http.stop()
            self._core.join(1.0)
            self._core.log.close()
            self._core.pushers = ()
            self._reverse, self._pushers, self._ws, self._http = [], [], None, None

    def _say_goodbye(self) -> None:
        for peer in self._core.peers:
            peer.close()
        with self._core.changed:
            self._core.changed.wait_for(lambda: not self._core.peers, 0.8)
        self._core.drop()

    def post_to(self, url: str, secret: str | None, for_good: bool = True) -> None:
        """for_good: again after the next start, too."""
        with self._lock:
            EventPusher(self._core, url, secret)  # refuses a bad address early
            if for_good:
                self._post_targets.append((url, secret))
            if self._http:
                self._start_pusher(url, secret)

    def connect_to(self, url: str, token: str | None, for_good: bool = True) -> None:
        """for_good: again after the next start, too."""
        with self._lock:
            WsReverse(self._core, url, token, 0)  # refuses a bad address early
            if for_good:
                self._reverse_targets.append((url, token))
            if self._http:
                self._start_reverse(url, token)

    def _start_pusher(self, url: str, secret: str | None) -> None:
        self._pushers.append(EventPusher(self._core, url, secret))
        with self._core.changed:
            self._core.pushers = tuple(self._pushers)

    def _start_reverse(self, url: str, token: str | None) -> None:
        reverse = WsReverse(self._core, url, token, self._reconnect_interval)
        self._reverse.append(reverse)
        reverse.start()

    def wait_connected(self, timeout: float) -> bool:
        """Wait for every target that was named, or for anybody when none was."""
        deadline = time.monotonic() + timeout
        while True:
            with self._core.changed:
                if self._connected():
                    return True
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                # a URL that events are posted to does not announce itself: look again soon
                self._core.changed.wait(min(left, 0.05) if self._pushers else left)

    def _connected(self) -> bool:
        if self._reverse or self._pushers:
            peers = [peer.address for peer in self._core.peers if peer.transport == WS_REVERSE]
            return all(reverse.url in peers for reverse in self._reverse) and all(
                pusher.reachable() for pusher in self._pushers
            )
        return bool(self._core.peers or self._core.last_http_call)

    def lamps(self) -> dict[str, dict[str, Any]]:
        with self._lock, self._core.changed:
            forward = [peer for peer in self._core.peers if peer.transport == WS]
            called = self._core.last_http_call
            return {
                HTTP_API: {"address": self.http.url, "connected": called > 0, "last_call": called},
                HTTP_POST: {
                    "connected": any(_target(pusher)["connected"] for pusher in self._pushers),
                    "targets": [_target(pusher) for pusher in self._pushers],
                },
                WS: {
                    "address": self.ws.url,
                    "connected": bool(forward),
                    "peers": [{"address": peer.address, "since": peer.since} for peer in forward],
                },
                WS_REVERSE: {
                    "connected": any(reverse.connected for reverse in self._reverse),
                    "targets": [
                        {"address": r.url, "connected": r.connected, "problem": r.problem}
                        for r in self._reverse
                    ],
                },
            }


def _target(pusher: EventPusher) -> dict[str, Any]:
    status = pusher.last_status
    return {
        "address": pusher.url,
        "connected": bool(status and status < 400) and not pusher.problem,
        "status": status,
        "problem": pusher.problem,
    }
