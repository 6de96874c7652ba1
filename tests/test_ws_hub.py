"""The server's side of WebSockets: many connections, one thread, and everything a peer may send."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from typing import Any

import pytest
from websocket import ABNF, WebSocket, create_connection
from websockets.http11 import Request, Response

from onebot_simple import server_websocket as module
from onebot_simple import ws_hub
from onebot_simple.addresses import listen
from onebot_simple.conversations import Conversations
from onebot_simple.server_websocket import ServerWebSocket
from onebot_simple.ws_hub import WebSocketHub

from .peers import wait_until

TEXT, BINARY, BEGIN, MORE, LAST = 0x81, 0x82, 0x01, 0x00, 0x80
CLOSE, PING, PONG = 0x88, 0x89, 0x8A


class Recorder(ServerWebSocket):
    """Remembers what it was told; a message may ask for an answer, a rest, or trouble."""

    def __init__(self, sock: socket.socket, host: str) -> None:
        super().__init__(sock, host)
        self.messages: list[bytes] = []
        self.reasons: list[str] = []

    def refusal(self, request: Request, reject: Callable[[int, str], Response]) -> Response | None:
        return reject(403, "no\n") if request.path == "/refused" else None

    def opened(self) -> None:
        if self.request and self.request.path == "/broken":
            raise LookupError("broken")

    def take(self, message: bytes) -> float:
        self.messages.append(message)
        if message == b"broken":
            raise LookupError("broken")
        if message == b"slow":
            time.sleep(0.1)
        return 0.3 if message == b"rest" else 0.0

    def closed(self, reason: object) -> None:
        self.reasons.append(str(reason))
        if self.messages == [b"fails at the end"]:
            raise LookupError("broken")


class Scene:
    def __init__(self, **options: float) -> None:
        self.all: list[Recorder] = []
        listener = listen("127.0.0.1", 0, 128)
        self.port = listener.getsockname()[1]
        times = {"ping_interval": 20, "ping_timeout": 20, **options}
        self.complaints: list[Any] = []
        complain: Any = lambda *words: self.complaints.append(words)  # noqa: E731
        self.conversations = Conversations(insists=False)
        self.hub = WebSocketHub(
            listener, self.new, complain=complain, conversations=self.conversations, **times
        )
        self.closing = ExitStack()

    def __enter__(self) -> Scene:
        self.hub.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.close()  # first: the hub would wait for who does not answer its goodbye
        self.hub.stop()

    def new(self, sock: socket.socket, host: str) -> Recorder:
        self.all.append(Recorder(sock, host))
        return self.all[-1]

    def connect(self, path: str = "/") -> tuple[WebSocket, Recorder]:
        number = len(self.all)
        url = f"ws://127.0.0.1:{self.port}{path}"
        peer: WebSocket = create_connection(url, suppress_origin=True, timeout=5)
        self.closing.callback(peer.shutdown)
        return peer, self.all[number]


@pytest.fixture
def scene() -> Iterator[Scene]:
    with Scene() as one:
        yield one


def frame(first: int, data: bytes = b"", *, masked: bool = True) -> bytes:
    size, bit = len(data), 0x80 if masked else 0
    if size < 126:
        head = bytes([first, bit | size])
    elif size < 65536:
        head = bytes([first, bit | 126]) + size.to_bytes(2, "big")
    else:
        head = bytes([first, bit | 127]) + size.to_bytes(8, "big")
    key = b"\x01\x02\x03\x04"
    mixed = bytes(byte ^ key[place % 4] for place, byte in enumerate(data))
    return head + key + mixed if masked else head + data


def test_messages_of_every_size_arrive_whole(scene: Scene) -> None:
    peer, websocket = scene.connect()
    sizes = [0, 1, 125, 126, 127, 65535, 65536, 300_000]
    for size in sizes:
        peer.send_bytes(b"x" * size)
    wait_until(lambda: [len(message) for message in websocket.messages] == sizes)
    assert set(b"".join(websocket.messages)) == {ord("x")}


def test_it_is_all_the_same_where_the_pieces_are_cut(scene: Scene) -> None:
    wire = (
        frame(TEXT, "你好".encode())
        + frame(BEGIN, b"frag")
        + frame(PING, b"?")
        + frame(MORE)
        + frame(LAST, b"ments")
        + frame(BINARY, b"y" * 200)
        + frame(PONG)
        + frame(TEXT)
    )
    wanted = ["你好".encode(), b"fragments", b"y" * 200, b""]
    for cut in range(1, len(wire)):
        ours, theirs = socket.socketpair()
        with ours, theirs:
            websocket = Recorder(ours, "somewhere")
            websocket._protocol = None  # after the handshake
            websocket.receive(memoryview(wire[:cut]))
            websocket.receive(memoryview(wire[cut:]))
            assert websocket.messages == wanted
    peer, websocket = scene.connect()
    assert peer.sock
    for byte in wire:
        peer.sock.sendall(bytes([byte]))
    wait_until(lambda: websocket.messages == wanted)


@pytest.mark.parametrize(
    ("wire", "code"),
    [
        (frame(TEXT, b"hi", masked=False), 1002),
        (frame(0xC1, b"compressed"), 1002),
        (frame(0x83, b"of no kind"), 1002),
        (frame(0x8B, b"of no kind"), 1002),
        (frame(PING, b"x" * 126), 1002),
        (frame(0x09, b"a ping in fragments"), 1002),
        (frame(LAST, b"the end of nothing"), 1002),
        (frame(BEGIN, b"one") + frame(TEXT, b"another"), 1002),
        (frame(CLOSE, b"x"), 1002),
        (frame(CLOSE, b"\x00\x01"), 1002),
        (frame(CLOSE, b"\x03\xe8\xff"), 1002),
        (frame(TEXT, b"x" * 1001), 1009),
        (frame(TEXT, b"x" * 1001)[:8], 1009),
        (frame(BEGIN, b"x" * 600) + frame(LAST, b"x" * 600)[:8], 1009),
    ],
)
def test_what_no_client_may_send_ends_the_connection_with_a_code(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, wire: bytes, code: int
) -> None:
    monkeypatch.setattr(module, "MAX_SIZE", 1000)
    peer, websocket = scene.connect()
    assert peer.sock
    peer.sock.sendall(wire)
    opcode, data = peer.recv_data(control_frame=True)
    assert (opcode, int.from_bytes(data[:2], "big")) == (ABNF.OPCODE_CLOSE, code)
    wait_until(lambda: websocket.reasons)
    assert str(code) in websocket.reasons[0]
    assert websocket.messages == []
    other, answering = scene.connect()
    other.send("still there?")
    wait_until(lambda: answering.messages)


def test_a_message_just_within_the_limit_is_taken(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_SIZE", 1000)
    peer, websocket = scene.connect()
    assert peer.sock
    peer.sock.sendall(frame(TEXT, b"x" * 1000))
    peer.sock.sendall(frame(BEGIN, b"y" * 600) + frame(LAST, b"y" * 400))
    wait_until(lambda: websocket.messages == [b"x" * 1000, b"y" * 1000])


def test_a_ping_is_answered_and_a_goodbye_is_returned(scene: Scene) -> None:
    peer, websocket = scene.connect()
    peer.ping("a")
    assert peer.recv_data(control_frame=True) == (ABNF.OPCODE_PONG, b"a")
    peer.send_close(1000, b"bye")
    assert peer.recv_data(control_frame=True) == (ABNF.OPCODE_CLOSE, b"\x03\xe8bye")
    assert peer.sock
    assert peer.sock.recv(1) == b""
    wait_until(lambda: not scene.hub.websockets)
    assert websocket.reasons == ["OneBot closed it (1000 (OK) bye)"]
    with pytest.raises(OSError):
        websocket.send("too late")


def test_who_floods_with_pings_and_reads_nothing_is_nobodys_burden(scene: Scene) -> None:
    peer, websocket = scene.connect()
    other, _ = scene.connect()
    assert peer.sock
    queued = []
    for number in range(300):
        peer.sock.sendall(frame(PING, str(number).encode() * 30) * 1000)
        queued.append(scene.hub._words.queued)
    assert max(queued) <= 2
    other.ping("me too")
    assert other.recv_data(control_frame=True) == (ABNF.OPCODE_PONG, b"me too")
    answer = b""
    while answer != b"299" * 30:  # the last is answered, whatever came before
        answer = peer.recv_data(control_frame=True)[1]
    assert websocket.reasons == []


def test_pings_and_pongs_wait_for_a_long_message_and_nobody_is_given_up_meanwhile() -> None:
    with Scene(ping_interval=0.2, ping_timeout=0.5) as scene:
        peer, websocket = scene.connect()
        thread = threading.Thread(target=lambda: websocket.send("x" * 20_000_000))
        thread.start()
        wait_until(lambda: websocket.is_sending)
        peer.ping("first")
        peer.ping("last")
        assert peer.sock
        left = 20_000_000 + 10
        while left:  # for more than ping_interval + ping_timeout
            left -= len(peer.sock.recv(min(left, 1_000_000)))
            threading.Event().wait(0.05)
        thread.join()
        seen: list[Any] = []
        while not {(ABNF.OPCODE_PING, b""), (ABNF.OPCODE_PONG, b"last")} <= set(seen):
            seen.append(peer.recv_data(control_frame=True))
        assert len(seen) <= 4  # one ping of ours, and the two that could be answered at once
        peer.pong()
        assert websocket.reasons == []
        scene.hub.stop()


def test_a_refusal_is_heard_even_by_who_goes_on_talking(scene: Scene) -> None:
    with socket.create_connection(("127.0.0.1", scene.port), timeout=5) as peer:
        head = "GET /refused HTTP/1.1\r\nHost: x\r\n\r\n"
        peer.sendall(head.encode() + b"x" * 500_000)
        wait_until(lambda: scene.all and not scene.hub.websockets)
        answer = b""
        while piece := peer.recv(1000):
            answer += piece
    assert answer.startswith(b"HTTP/1.1 403 ") and answer.endswith(b"no\n")
    assert scene.all[0].reasons == []  # it has never been open


def test_what_fails_on_our_side_is_logged_and_hurts_nobody_else(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    peer, websocket = scene.connect()
    peer.send("broken")
    peer.send("after")
    wait_until(lambda: websocket.messages == [b"broken", b"after"])
    assert caplog.text.count("a message was not taken") == 1
    with suppress(Exception):
        scene.connect("/broken")[0].recv()
    wait_until(lambda: "a connection failed" in caplog.text)
    ending, _ = scene.connect()
    ending.send("fails at the end")
    ending.close(timeout=0)
    wait_until(lambda: "the end of a connection failed" in caplog.text)
    wait_until(lambda: len(scene.hub.websockets) == 1)  # the sockets of the others are closed
    peer.send("and still")
    wait_until(lambda: websocket.messages[2:] == [b"and still"])


def test_a_failure_of_the_hub_itself_is_logged_and_it_goes_on(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any) -> None:
        raise LookupError("broken")

    with monkeypatch.context() as patch:
        patch.setattr(scene.hub, "_look_around", broken)
        wait_until(lambda: "the server failed" in caplog.text)
    peer, websocket = scene.connect()
    peer.send("still there?")
    wait_until(lambda: websocket.messages)


def test_one_that_is_to_rest_is_read_later_and_the_others_are_not(scene: Scene) -> None:
    resting, late = scene.connect()
    other, quick = scene.connect()
    resting.send("rest")
    wait_until(lambda: late.messages)
    began = time.monotonic()
    resting.send("later")
    other.send("now")
    wait_until(lambda: quick.messages)
    assert late.messages == [b"rest"]
    wait_until(lambda: late.messages == [b"rest", b"later"])
    assert time.monotonic() - began > 0.2
    resting.send("rest")
    wait_until(lambda: len(late.messages) == 3)
    scene.hub.stop()  # with one that rests
    assert late.reasons == ["stopped"]


def test_one_that_rests_can_be_hung_up(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    peer, websocket = scene.connect()
    peer.send("rest")
    wait_until(lambda: websocket in scene.hub._resting)
    websocket.hang_up("no longer wanted")
    wait_until(lambda: websocket.reasons == ["no longer wanted"])
    wait_until(lambda: not scene.hub.websockets)
    assert "failed" not in caplog.text


def test_the_silent_are_asked_and_those_who_answer_stay() -> None:
    with Scene(ping_interval=0.1, ping_timeout=0.2) as scene:
        answering, stays = scene.connect()
        _, goes = scene.connect()
        pings: list[int] = []

        def answer() -> None:
            with suppress(Exception):
                while True:
                    pings.append(answering.recv_data(control_frame=True)[0])

        thread = threading.Thread(target=answer)
        thread.start()
        wait_until(lambda: goes.reasons)
        assert "silent for" in goes.reasons[0]
        wait_until(lambda: pings.count(ABNF.OPCODE_PING) > 3)
        assert stays.reasons == []
        scene.hub.stop()
        thread.join(5)
        assert stays.reasons == ["stopped"]
        assert pings[-1] == ABNF.OPCODE_CLOSE


def test_stop_says_goodbye_and_waits_only_for_who_answers(scene: Scene) -> None:
    polite, first = scene.connect()
    _, second = scene.connect()
    heard: list[Any] = []

    def listen_to_the_end() -> None:
        heard.append(polite.recv_data(control_frame=True))
        polite.send_close()

    thread = threading.Thread(target=listen_to_the_end)
    thread.start()
    with socket.create_connection(("127.0.0.1", scene.port)):
        wait_until(lambda: len(scene.hub.websockets) == 3)
        scene.hub.stop()
    thread.join(5)
    assert heard == [(ABNF.OPCODE_CLOSE, (1001).to_bytes(2, "big"))]
    assert first.reasons == second.reasons == ["stopped"]
    assert not scene.hub.websockets


def test_nothing_follows_a_goodbye(scene: Scene) -> None:
    peer, websocket = scene.connect()
    websocket.say_goodbye(bytes([CLOSE, 0]))
    with pytest.raises(OSError):
        websocket.send("too late")
    assert peer.recv_data(control_frame=True) == (ABNF.OPCODE_CLOSE, b"")
    peer.send_close()
    assert peer.sock
    while piece := peer.sock.recv(1000):
        assert b"late" not in piece


def test_nothing_is_taken_after_a_goodbye(scene: Scene) -> None:
    peer, websocket = scene.connect()
    peer.send_close()
    wait_until(lambda: websocket.reasons)
    peer.send("too late")
    assert peer.sock
    peer.sock.shutdown(socket.SHUT_WR)
    wait_until(lambda: not scene.hub.websockets)
    assert websocket.messages == []


@pytest.mark.parametrize("goodbye", [b"", frame(CLOSE)])
def test_who_is_stuck_sending_is_free_as_soon_as_the_other_side_has_gone(
    scene: Scene, goodbye: bytes
) -> None:
    peer, websocket = scene.connect()
    failed: list[float] = []

    def send(size: int) -> None:
        with suppress(OSError):
            websocket.send("x" * size)
        failed.append(time.monotonic())

    threads = [threading.Thread(target=send, args=(size,)) for size in (30_000_000, 1, 1)]
    for thread in threads:
        thread.start()
    assert peer.sock
    wait_until(lambda: websocket.is_sending)
    peer.sock.sendall(frame(PING) * 10)  # whose answers wait for the sender
    wait_until(lambda: scene.hub._words.threads)
    gone = time.monotonic()
    if goodbye:
        peer.sock.sendall(goodbye)
    else:
        peer.sock.shutdown(socket.SHUT_WR)
    for thread in threads:
        thread.join(5)
    assert len(failed) == 3 and max(failed) - gone < 0.3


def test_half_a_frame_is_followed_by_the_end() -> None:
    with Scene(ping_timeout=0.1) as scene:
        _, websocket = scene.connect()
        with pytest.raises(OSError):
            websocket.send("x" * 30_000_000)
        wait_until(lambda: websocket.reasons == ["it does not read what is sent"])
        scene.hub.stop()


def test_the_memory_of_half_a_message_goes_with_its_connection(scene: Scene) -> None:
    peer, websocket = scene.connect()
    assert peer.sock
    peer.sock.sendall(frame(TEXT, bytes(5_000_000), masked=True)[:4_000_000])
    wait_until(lambda: len(websocket._arrived) == 4_000_000)
    peer.shutdown()  # type: ignore[no-untyped-call]
    wait_until(lambda: websocket.reasons)
    assert not websocket._arrived


def test_a_handshake_is_short(scene: Scene) -> None:
    with socket.create_connection(("127.0.0.1", scene.port), timeout=5) as peer:
        with suppress(OSError):
            peer.sendall(b"GET / HTTP/1.1\r\n")
            for number in range(100):
                peer.sendall(f"X-{number}: {'x' * 1000}\r\n".encode())
        with suppress(ConnectionError):
            assert peer.recv(100) == b""
    wait_until(lambda: not scene.hub.websockets)


def test_who_is_refused_costs_no_thread_while_it_lingers(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "GOODBYE_SECONDS", 5)
    before = threading.active_count()
    with ExitStack() as peers:
        for _ in range(50):
            peer = peers.enter_context(socket.create_connection(("127.0.0.1", scene.port)))
            peer.sendall(b"GET /refused HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b"403" in peer.recv(1000)
        assert len(scene.hub.websockets) == 50
        assert threading.active_count() - before < 10


def test_much_that_is_still_to_be_read_does_not_keep_stop_waiting() -> None:
    with Scene() as scene:
        peers = [scene.connect()[0] for _ in range(20)]
        for peer in peers:
            assert peer.sock
            peer.sock.sendall(frame(TEXT, b"slow") * 2)
        wait_until(lambda: any(websocket.messages for websocket in scene.all))
        began = time.monotonic()
        scene.hub.stop()
        assert time.monotonic() - began < 1
        assert not scene.hub._thread.is_alive()
        assert [websocket.reasons for websocket in scene.all] == [["stopped"]] * 20


def test_without_threads_to_give_those_who_are_there_are_served_and_the_rest_later(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    peers = [scene.connect() for _ in range(5)]
    wait_until(lambda: not scene.hub._words.threads, 10)

    def no_more(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", no_more)
        for peer, _ in peers[1:]:
            peer.ping("no thread for the pong")
        began = time.monotonic()
        peers[0][0].send("and I?")
        wait_until(lambda: peers[0][1].messages)
        assert time.monotonic() - began < 0.2
        wait_until(lambda: "can't start new thread" in caplog.text)
    assert caplog.text.count("can't start new thread") == 1
    for peer, _ in peers[1:]:  # nobody else has to call for it
        assert peer.recv_data(control_frame=True)[0] == ABNF.OPCODE_PONG


def test_who_comes_and_goes_at_once_keeps_nobody_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scene = Scene()
    real = scene.hub._listener
    gone = [ConnectionAbortedError("gone"), ConnectionResetError("gone")]

    class Listener(socket.socket):
        def accept(self) -> Any:
            if gone:
                raise gone.pop()
            return super().accept()

    scene.hub._listener = Listener(fileno=real.detach())
    with scene:
        began = time.monotonic()
        scene.connect()
        assert time.monotonic() - began < ws_hub.ACCEPT_PAUSE / 2
        scene.hub.stop()


def test_many_threads_send_whole_frames_while_the_connection_ends(scene: Scene) -> None:
    for _ in range(3):
        peer, websocket = scene.connect()
        failed = threading.Barrier(5)

        def send(websocket: Recorder = websocket, failed: threading.Barrier = failed) -> None:
            with suppress(OSError):
                for number in range(100_000):
                    websocket.send(str(number % 10) * 300_000)
            failed.wait(10)

        threads = [threading.Thread(target=send) for _ in range(4)]
        for thread in threads:
            thread.start()
        for _ in range(20):
            data = peer.recv()
            assert len(data) == 300_000 and len(set(data)) == 1
        peer.shutdown()  # type: ignore[no-untyped-call]
        failed.wait(10)
        for thread in threads:
            thread.join()


def test_a_pong_that_is_faster_than_its_ping_returns_is_a_sign_of_life() -> None:
    class Slow(socket.socket):
        def sendall(self, data: Any, flags: int = 0) -> None:
            before = websocket.heard
            super().sendall(data)
            if data[0] == PING:
                wait_until(lambda: websocket.heard > before)

    with Scene(ping_interval=0.1, ping_timeout=0.2) as scene:
        peer, websocket = scene.connect()
        websocket.socket = Slow(fileno=websocket.socket.detach())
        pings = 0
        while pings < 4:
            pings += peer.recv_data(control_frame=True)[0] == ABNF.OPCODE_PING
        assert websocket.reasons == []


def test_ctrl_c_in_the_middle_of_a_frame_ends_the_connection(scene: Scene) -> None:
    class Interrupted(socket.socket):
        def sendall(self, data: Any, flags: int = 0) -> None:
            super().sendall(data[:5])
            raise KeyboardInterrupt

    _, websocket = scene.connect()
    websocket.socket = Interrupted(fileno=websocket.socket.detach())
    with pytest.raises(KeyboardInterrupt):
        websocket.send("hello")
    wait_until(lambda: websocket.reasons == ["KeyboardInterrupt()"])
