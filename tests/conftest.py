"""The same bot on every transport, against hand-written peers."""

from __future__ import annotations

import gc
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Literal

import hypothesis
import pytest

from onebot_simple import EventServer, HttpClient, WsClient, WsServer, running, ws_client
from onebot_simple.conversations import Conversations

from .peers import Api, ForwardWs, HttpApi, Json, Poster, ReverseWs, wait_until

SetPauses = Callable[[float, float], None]
SetGreetingWait = Callable[[float], None]
SetStopWaits = Callable[[float, float], None]
LetPass = Callable[[float], None]
AnyBot = EventServer | WsClient | WsServer
Transport = Literal["http_answer", "http_api", "ws_client", "ws_server"]
TRANSPORTS: list[Transport] = ["http_answer", "http_api", "ws_client", "ws_server"]
CALLING = [name for name in TRANSPORTS if name != "http_answer"]  # those that can call actions


class Stage:
    """A bot, and the OneBot at the other end. Handlers are added before `go()`."""

    def __init__(self, transport: Transport, **options: Any) -> None:
        self.transport = transport
        self.api = Api()
        self.closing: list[Any] = []
        self.lives = 0  # how many times go() was called
        self.peer: Poster | ForwardWs | ReverseWs
        self.bot: AnyBot = getattr(self, f"_{transport}")(**options)

    def _http_answer(self, **options: Any) -> EventServer:
        return EventServer(port=0, **options)

    def _http_api(self, **options: Any) -> EventServer:
        server = HttpApi(self.api)
        client = HttpClient(server.url)
        self.closing += [client, server]
        return EventServer(port=0, api=client, **options)

    def _ws_client(self, **options: Any) -> WsClient:
        self.peer = ForwardWs(self.api)
        self.closing.append(self.peer)
        return WsClient(self.peer.url, **options)

    def _ws_server(self, **options: Any) -> WsServer:
        return WsServer(port=0, **options)

    def go(self) -> None:
        self.bot.start()
        self.lives += 1
        if isinstance(self.bot, EventServer):
            self.peer = Poster(self.api, self.bot.port)
        elif isinstance(self.bot, WsServer):
            self.peer = ReverseWs(self.api, self.bot.url)
            self.bot.wait_connected(5)
            self.closing.append(self.peer)
        elif isinstance(peer := self.peer, ForwardWs):  # push() must find no older connection
            wait_until(lambda: len(peer.sockets) >= self.lives)

    def push(self, event: Json | str | bytes) -> None:
        self.peer.push(event)

    def close(self) -> None:
        self.bot.stop()
        if isinstance(getattr(self, "peer", None), Poster):
            self.peer.close()
        for one in self.closing:
            one.close()


# here and not in setup.cfg: a pupil who tests a bot within this folder has neither the plugin nor
# the wish that every warning be an error
def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("filterwarnings", "error")
    hypothesis.settings.register_profile("patient", deadline=None)  # a busy machine may be slow
    hypothesis.settings.load_profile("patient")
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell starts what runs behind it
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(60))


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    wait_until(lambda: not (set(threading.enumerate()) - before), 15)


@pytest.fixture
def whole_ctrl_c() -> Iterator[None]:
    """Collect no garbage: hypothesis hooks the collector, and swallows a Ctrl+C that comes then."""
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
def set_pauses(monkeypatch: pytest.MonkeyPatch) -> SetPauses:
    """Sets the first and the last pause between attempts to connect: the real ones are long."""

    def change(first: float, last: float) -> None:
        monkeypatch.setattr(ws_client, "FIRST_DELAY", first)
        monkeypatch.setattr(ws_client, "LAST_DELAY", last)

    return change


@pytest.fixture
def set_greeting_wait(monkeypatch: pytest.MonkeyPatch) -> SetGreetingWait:
    """Sets how long start() of a WsClient waits for the first frame."""

    def change(seconds: float) -> None:
        monkeypatch.setattr(ws_client, "FIRST_FRAME_SECONDS", seconds)

    return change


@pytest.fixture
def set_stop_waits(monkeypatch: pytest.MonkeyPatch) -> SetStopWaits:
    """Sets how long stop() waits for handlers: before and after it closes the connection."""

    def change(before: float, after: float) -> None:
        monkeypatch.setattr(running, "DRAIN_SECONDS", before)
        monkeypatch.setattr(running, "END_SECONDS", after)

    return change


@pytest.fixture
def patient_stop(set_stop_waits: SetStopWaits, monkeypatch: pytest.MonkeyPatch) -> None:
    """stop() has more time for whatever still ends: on a busy machine, a thread may be late."""
    drain = Conversations.drain
    monkeypatch.setattr(Conversations, "drain", lambda self, seconds: drain(self, 10 * seconds))
    set_stop_waits(1, 10)


@pytest.fixture
def let_pass(monkeypatch: pytest.MonkeyPatch) -> LetPass:
    """Puts the clock forward."""

    def change(seconds: float) -> None:
        clock = time.monotonic
        monkeypatch.setattr(time, "monotonic", lambda: clock() + seconds)

    return change


@pytest.fixture(params=TRANSPORTS)
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    """Each of the four ways to receive events, in turn."""
    one = Stage(request.param)
    yield one
    one.close()


@pytest.fixture(params=["ws_client", "ws_server"])
def ws_stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    """Both ways over a WebSocket."""
    one = Stage(request.param)
    yield one
    one.close()


@pytest.fixture(params=CALLING)
def calling_stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    """Each of the three ways in which a bot can also call actions."""
    one = Stage(request.param)
    yield one
    one.close()
