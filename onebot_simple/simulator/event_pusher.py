"""HTTP POST: events go to the bot's URL, and its answers are quick operations."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import http.client
import logging
import queue
import selectors
import socket
import threading
import time
from typing import Any
from urllib.parse import urlsplit

from .api_quick import carry_out
from .core import Core, Outgoing
from .json_text import InvalidJson, decode
from .ports import CONNECT_TIMEOUT, require_loopback
from .wire import FROM_BOT, HTTP_POST, TO_BOT, Frame, head_of
from .world import BOT, Event

logger = logging.getLogger(__name__)
MAX_WORKERS = 16  # NapCat has no bound; a bot that answers none of so many is stuck anyway


class EventPusher:
    """Posts to one URL, several at once, so the order is not certain; nothing is repeated."""

    def __init__(self, core: Core, url: str, secret: str | None) -> None:
        require_loopback(url, ("http",))
        self.url = url
        self.last_status: int | None = None  # of the newest answer; None: none came
        self.problem = ""
        self._core = core
        self._secret = (secret or "").encode()
        self._connection = core.log.new_connection()
        self._queue: queue.SimpleQueue[tuple[Event, Outgoing] | None] = queue.SimpleQueue()
        self._workers: list[threading.Thread] = []
        self._clients: set[http.client.HTTPConnection] = set()
        self._waiting = 0  # events that no worker has taken, less the workers that are free
        # guards _workers, _clients and _waiting; notified when an event is done with
        self._lock = threading.Condition()

    def push(self, event: Event, outgoing: Outgoing) -> None:
        with self._lock:
            self._waiting += 1
            if self._waiting > 0 and len(self._workers) < MAX_WORKERS:
                self._waiting -= 1
                worker = threading.Thread(target=self._work, daemon=True)
                self._workers.append(worker)
                worker.start()
        self._queue.put((event, outgoing))

    def stop(self) -> None:
        with self._lock:
            workers, clients = list(self._workers), list(self._clients)
        for _ in workers:
            self._queue.put(None)
        for client in clients:
            _cut(client)
        for worker in workers:
            worker.join()

    def wait_idle(self, seconds: float) -> bool:
        """Wait until every event is answered."""
        with self._lock:
            return self._lock.wait_for(lambda: self._waiting == -len(self._workers), seconds)

    def reachable(self) -> bool:
        """Whether something listens at the URL."""
        parts = urlsplit(self.url)
        address = parts.hostname or "", parts.port or 80
        try:
            socket.create_connection(address, CONNECT_TIMEOUT).close()
        except OSError:
            return False
        return True

    def _work(self) -> None:
        parts = urlsplit(self.url)
        client = _Client(parts.hostname or "", parts.port or 80, timeout=CONNECT_TIMEOUT)
        with self._lock:
            self._clients.add(client)
        try:
            while (item := self._queue.get()) is not None:
                if not self._core.stopping.is_set():
                    self._deliver(client, *item)
                with self._lock:
                    self._waiting -= 1
                    self._lock.notify_all()
        finally:
            client.close()
            with self._lock:
                self._clients.discard(client)

    def _deliver(self, client: _Client, event: Event, outgoing: Outgoing) -> None:
        try:
            client.ready()  # nothing crosses the wire while nobody listens there
        except OSError as error:
            self.problem = str(error) or type(error).__name__
            return
        self._core.gate.pass_through(HTTP_POST, TO_BOT, outgoing.data)
        target = urlsplit(self.url)._replace(scheme="", netloc="").geturl() or "/"
        headers = self._headers(outgoing.data)
        frame = Frame(HTTP_POST, TO_BOT, self._connection, "event", outgoing.data)
        frame.head = head_of(f"POST {target} HTTP/1.1", headers.items())
        frame.message_id = outgoing.message_id
        number = self._core.log.add(frame)
        self._core.causes.sent(number, self._connection, event, posted=True)
        try:
            status, head, body = client.post(target, headers, outgoing.data)
        except (OSError, http.client.HTTPException) as error:
            client.close()
            self.problem = str(error) or type(error).__name__
            return
        self.last_status, self.problem = status, ""
        self._core.gate.pass_through(HTTP_POST, FROM_BOT, body)
        answer = Frame(HTTP_POST, FROM_BOT, self._connection, "response", body, head, number)
        answer.cause = self._core.causes.of_answer(number)
        self._obey(event, status, body, self._core.log.add(answer))

    def _headers(self, data: bytes) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "x-self-id": str(BOT)}
        if self._secret:
            digest = hmac.new(self._secret, data, hashlib.sha1).hexdigest()
            headers["x-signature"] = f"sha1={digest}"
        headers["Connection"] = "keep-alive"
        headers["Transfer-Encoding"] = "chunked"
        return headers

    def _obey(self, event: Event, status: int, body: bytes, frame: int) -> None:
        operation = self._operation_in(status, body)
        if not operation:
            return
        world = self._core.world
        notes: list[dict[str, str]] = []
        with world.lock:
            world.notes = notes
            problem = carry_out(world, event, operation)
        if problem:
            logger.warning("快捷操作没有成功 a quick operation of %s failed: %s", self.url, problem)
        self._core.journal.add_call(
            {
                "action": ".handle_quick_operation",
                "params": {"context": event, "operation": operation},
                "retcode": 200 if problem else 0,
                "time": time.time(),
                "transport": HTTP_POST,
                "connection": self._connection,
                "frame": frame,
                "notes": notes,
            }
        )

    def _operation_in(self, status: int, body: bytes) -> dict[str, Any]:
        """The quick operation of an answer; empty when there is none."""
        if not 200 <= status < 300:
            logger.warning(
                "%s 回答了 HTTP %s，NapCat 会报错。 It answered HTTP %s, an error for NapCat.",
                self.url,
                status,
                status,
            )
            return {}
        try:
            operation = decode(body) if body else {}
        except InvalidJson:
            logger.warning(
                "%s 的回答不是 JSON，NapCat 会报错。 Its answer is not JSON, an error for NapCat.",
                self.url,
            )
            return {}
        return operation if isinstance(operation, dict) else {}


class _Client(http.client.HTTPConnection):
    """Keeps its connection, and notices when the server has closed it meanwhile."""

    def ready(self) -> None:
        if self.sock and _readable(self.sock):
            self.close()
        if not self.sock:
            self.connect()
            self.sock.settimeout(None)  # NapCat waits for an answer as long as it takes

    def post(self, target: str, headers: dict[str, str], data: bytes) -> tuple[int, str, bytes]:
        self.ready()  # a closed gate may have taken its time
        # no Accept-Encoding, no User-Agent, no Content-Length: so does NapCat
        self.putrequest("POST", target, skip_accept_encoding=True)
        for name, value in headers.items():
            self.putheader(name, value)
        self.endheaders(iter([data]), encode_chunked=True)
        response = self.getresponse()
        body = response.read()
        head = head_of(f"HTTP/1.1 {response.status} {response.reason}", response.getheaders())
        return response.status, head, body


def _readable(sock: socket.socket) -> bool:
    with selectors.DefaultSelector() as selector:
        selector.register(sock, selectors.EVENT_READ)
        return bool(selector.select(0))


def _cut(client: http.client.HTTPConnection) -> None:
    sock = client.sock  # which the sender may take away
    if sock:
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
