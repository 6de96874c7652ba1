"""WsServer on the wire: whatever peers send, when they send nothing, and when they read nothing."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import pytest
from websocket import ABNF, WebSocket, create_connection

from onebot_simple import (
    ApiTimeout,
    NetworkError,
    WsServer,
    server_websocket,
    ws_hub,
)

from .conftest import LetPass
from .peers import free_port, message, wait_until

TEXT, BINARY, BEGIN, MORE, LAST = 0x81, 0x82, 0x01, 0x00, 0x80
CLOSE, PING, PONG = 0x88, 0x89, 0x8A
HUGE = "x" * 30_000_000  # more than the buffers of the system hold


class Scene:
    """A server that remembers what it heard, and raw peers of it."""

    def __init__(self, **options: Any) -> None:
        self.server = WsServer(port=0, **options)
        self.heard: list[str] = []
        self.server.on_message(lambda event: self.heard.append(event["raw_message"]))
        self.gone: list[int] = []
        self.server.on_disconnect(self.gone.append)
        self.closing = ExitStack()

    def __enter__(self) -> Scene:
        self.server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.close()  # first: stop() would wait for who does not answer its goodbye
        self.server.stop()

    def connect(self, self_id: int = 10001, *, buffer: int | None = None) -> WebSocket:
        """A peer whose account the server knows: it answers the handshake after that.

        buffer: how many bytes the system may keep that the peer has not read.
        """
        peer: WebSocket = create_connection(
            self.server.url,
            header=[f"X-Self-ID: {self_id}"],
            sockopt=[(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)] if buffer else [],
            suppress_origin=True,
            timeout=5,
        )
        self.closing.callback(peer.shutdown)
        return peer

    def call(self, message: str = "hi", self_id: int = 10001) -> Calling:
        """A call that has begun: it has found the account."""
        before = self.server.stats["calls"]
        calling = Calling(lambda: self.server.bot(self_id).call_action("send_msg", message=message))
        wait_until(lambda: self.server.stats["calls"] > before)
        return calling


class Calling:
    """A call in a thread of its own."""

    def __init__(self, call: Callable[[], object]) -> None:
        self.error: Exception | None = None
        self.thread = threading.Thread(target=self.run, args=(call,))
        self.thread.start()

    def run(self, call: Callable[[], object]) -> None:
        try:
            call()
        except NetworkError as error:
            self.error = error

    def failed(self) -> str:
        self.thread.join(5)
        assert self.error is not None, "it did not fail"
        return str(self.error)


@pytest.fixture
def long_goodbye(monkeypatch: pytest.MonkeyPatch) -> None:
    """The other side may take its time to hang up after a goodbye."""
    for module in (server_websocket, ws_hub):
        monkeypatch.setattr(module, "GOODBYE_SECONDS", 20)


@pytest.fixture
def scene() -> Iterator[Scene]:
    with Scene() as one:
        yield one


@contextmanager
def raw(server: WsServer) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as one:
        yield one


def said(text: str, **more: Any) -> bytes:
    return json.dumps(message(text, **more), ensure_ascii=False).encode()


def frame(first: int, data: bytes = b"", *, masked: bool = True) -> bytes:
    size, bit = len(data), 0x80 if masked else 0
    if size < 126:
        head = bytes([first, bit | size])
    elif size < 65536:
        head = bytes([first, bit | 126]) + size.to_bytes(2, "big")
    else:
        head = bytes([first, bit | 127]) + size.to_bytes(8, "big")
    if not masked:
        return head + data
    key = b"\x01\x02\x03\x04"
    pattern = int.from_bytes((key * (size // 4 + 1))[:size], "big")
    return head + key + (int.from_bytes(data, "big") ^ pattern).to_bytes(size, "big")


def send(peer: WebSocket, wire: bytes) -> None:
    assert peer.sock
    peer.sock.sendall(wire)


# -- frames ---------------------------------------------------------------------------------------


def test_messages_of_every_size_arrive_whole_in_text_and_binary_frames(scene: Scene) -> None:
    peer = scene.connect()
    texts = ["x" * size for size in (0, 1, 1000, 65_000, 66_000, 300_000)]
    for text in texts:
        for first in (TEXT, BINARY):
            send(peer, frame(first, said(text)))
    wait_until(lambda: len(scene.heard) == 2 * len(texts))
    assert scene.heard == [text for text in texts for _ in range(2)]


def test_it_is_all_the_same_where_the_pieces_are_cut(scene: Scene) -> None:
    data = json.dumps({"post_type": "message", "raw_message": "你好"}).encode()
    wire = (
        frame(TEXT, data)
        + frame(BEGIN, data[:20])
        + frame(PING, b"?")
        + frame(MORE)
        + frame(LAST, data[20:])
        + frame(PONG)
        + frame(BINARY, data)
    )
    for cut in range(1, len(wire)):
        peer = scene.connect()
        send(peer, wire[:cut])
        send(peer, wire[cut:])
        wait_until(lambda: len(scene.heard) == 3)
        assert scene.heard == ["你好"] * 3
        scene.heard.clear()
        peer.shutdown()  # type: ignore[no-untyped-call]
    peer = scene.connect()
    for byte in wire:
        send(peer, bytes([byte]))
    wait_until(lambda: scene.heard == ["你好"] * 3)


def test_fragments_and_control_frames_between_them_make_one_event(scene: Scene) -> None:
    peer = scene.connect()
    data = said("碎片")
    send(peer, frame(BEGIN, data[:80]) + frame(MORE, data[80:81]) + frame(PING, b"?"))
    assert peer.recv_data(control_frame=True) == (ABNF.OPCODE_PONG, b"?")
    send(peer, frame(LAST, data[81:]) + frame(TEXT, said("next")))
    wait_until(lambda: scene.heard == ["碎片", "next"])


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
        (frame(CLOSE, b"\x03\xe8\xff"), 1007),
        (bytes([TEXT, 0xFF]) + (64 * 1024 * 1024 + 1).to_bytes(8, "big"), 1009),
    ],
)
def test_what_no_client_may_send_ends_the_connection_with_a_code(
    scene: Scene, caplog: pytest.LogCaptureFixture, wire: bytes, code: int
) -> None:
    caplog.set_level(logging.INFO)
    other = scene.connect(2)
    peer = scene.connect(1)
    send(peer, wire)
    opcode, data = peer.recv_data(control_frame=True)
    assert (opcode, int.from_bytes(data[:2], "big")) == (ABNF.OPCODE_CLOSE, code)
    wait_until(lambda: scene.gone == [1])
    wait_until(lambda: f"OneBot 1 (127.0.0.1) disconnected: sent {code}" in caplog.text)
    with suppress(OSError):  # it is nobody's burden if the other side goes on
        send(peer, frame(TEXT, said("too late")) * 100)
    other.send(said("still there").decode())
    wait_until(lambda: scene.heard == ["still there"])
    assert "the server failed" not in caplog.text


def test_when_the_newest_breaks_the_rules_the_older_one_takes_over_at_once(scene: Scene) -> None:
    older, newest = scene.connect(), scene.connect()
    send(newest, frame(0x83, b"x"))
    assert newest.recv_data(control_frame=True)[0] == ABNF.OPCODE_CLOSE
    older.send(said("at once").decode())
    wait_until(lambda: scene.heard == ["at once"])


def test_fragments_are_limited_all_together(scene: Scene) -> None:
    def head(size: int) -> bytes:
        """Of a last frame. Its mask changes nothing, since to mask so much takes long."""
        return bytes([LAST, 0x80 | 127]) + size.to_bytes(8, "big") + bytes(4)

    peer, begin = scene.connect(), said("whole")
    peer.settimeout(30)
    rest = 64 * 1024 * 1024 - len(begin)
    send(peer, frame(BEGIN, begin) + head(rest) + b" " * rest)
    wait_until(lambda: scene.heard == ["whole"])
    send(peer, frame(BEGIN, begin) + head(rest + 1))
    opcode, data = peer.recv_data(control_frame=True)
    assert (opcode, int.from_bytes(data[:2], "big")) == (ABNF.OPCODE_CLOSE, 1009)


def test_a_ping_is_answered_and_a_goodbye_is_returned(scene: Scene) -> None:
    peer = scene.connect()
    peer.ping("a")
    assert peer.recv_data(control_frame=True) == (ABNF.OPCODE_PONG, b"a")
    peer.send_close(1000, b"bye")
    assert peer.recv_data(control_frame=True) == (ABNF.OPCODE_CLOSE, b"\x03\xe8bye")
    assert peer.sock
    assert peer.sock.recv(1) == b""
    wait_until(lambda: scene.gone == [10001])


def test_nothing_is_taken_after_a_goodbye(scene: Scene) -> None:
    peer = scene.connect()
    send(peer, frame(CLOSE) + frame(TEXT, said("too late")))
    wait_until(lambda: scene.gone)
    scene.connect().send(said("of the next").decode())
    wait_until(lambda: scene.heard)
    assert scene.heard == ["of the next"]


def test_an_event_in_the_same_breath_as_the_handshake_is_handled(scene: Scene) -> None:
    with raw(scene.server) as peer:
        peer.sendall(handshake() + frame(TEXT, said("early")) * 2)
        wait_until(lambda: scene.heard == ["early", "early"])


# -- the handshake --------------------------------------------------------------------------------


def handshake(*headers: bytes) -> bytes:
    lines = [b"GET / HTTP/1.1", b"Upgrade: websocket", b"Connection: Upgrade", *headers]
    lines += [b"Sec-WebSocket-Version: 13", b"Sec-WebSocket-Key: " + b"A" * 22 + b"==", b"\r\n"]
    return b"\r\n".join(lines)


def test_a_handshake_that_never_ends_is_given_up(let_pass: LetPass) -> None:
    with Scene() as scene, raw(scene.server) as silent:
        silent.sendall(b"GET / HTTP/1.1\r\nHost: ")
        scene.connect()  # after that, the server has accepted the other one
        let_pass(11)
        assert silent.recv(10) == b""


def test_a_handshake_is_short(scene: Scene) -> None:
    with raw(scene.server) as peer:
        with suppress(OSError):
            peer.sendall(b"GET / HTTP/1.1\r\n")
            for number in range(200):
                peer.sendall(f"X-{number}: {'x' * 1000}\r\n".encode())
                time.sleep(0.0001)  # or all of it would be in the buffers before it is read
        with suppress(ConnectionError):
            assert b"101" not in peer.recv(100)
    scene.connect()


@pytest.mark.usefixtures("long_goodbye")
def test_a_refusal_is_heard_even_by_who_goes_on_talking(scene: Scene) -> None:
    with raw(scene.server) as peer:
        peer.sendall(handshake(b"Origin: http://evil.example") + frame(TEXT, b"x" * 500_000))
        answer = b""
        while not answer.endswith(b"http://evil.example\n"):
            piece = peer.recv(1000)
            assert piece, answer
            answer += piece
        peer.shutdown(socket.SHUT_WR)
        assert peer.recv(1) == b""  # all of it was taken, so that nothing could be lost
    assert answer.startswith(b"HTTP/1.1 403 ")
    assert not scene.server.bots


def test_rubbish_right_behind_a_handshake_is_just_refused(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    with raw(scene.server) as peer:
        peer.sendall(handshake(b"X-Self-ID: 1") + b"x" * 100)
        assert peer.recv(1000) == b""
    assert "refused a connection from 127.0.0.1" in caplog.text
    assert "the server failed" not in caplog.text
    assert not scene.server.bots


@pytest.mark.parametrize("headers", [b"", b"Upgrade: websocket\r\n"])
def test_what_follows_a_handshake_that_is_none_is_not_taken(
    headers: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with Scene(access_token="s3cret") as scene, raw(scene.server) as peer:
        request = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n" + headers + b"\r\n"
        peer.sendall(request + frame(TEXT, said("let me in")))
        assert b"101" not in peer.recv(20)
        while peer.recv(1000):
            pass
        assert scene.server.stats["events"] == 0
        assert "the server failed" not in caplog.text


@pytest.mark.usefixtures("long_goodbye")
def test_many_that_are_refused_cost_no_thread(scene: Scene) -> None:
    before = threading.active_count()
    with ExitStack() as peers:
        for _ in range(50):
            peer = peers.enter_context(raw(scene.server))
            peer.sendall(handshake(b"Origin: http://evil.example"))
            assert b"403" in peer.recv(1000)
        assert threading.active_count() <= before


@pytest.mark.parametrize(
    ("wire", "chinese", "english"),
    [
        (
            b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "NapCat 里要新建“WebSocket 客户端”（不是“HTTP 客户端”），地址填 ws://127.0.0.1:",
            'In NapCat, add a "WebSocket client" (not an "HTTP client") with the address ws://',
        ),
        (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", "浏览器打不开", "A browser cannot open"),
        (b"\x16\x03\x01\x02\x00\x01\n", "不是 wss://", "must begin with ws://, not wss://"),
        (b"EHLO mail.example\r\n", "它说的不是 WebSocket", "it does not speak WebSocket"),
    ],
)
def test_who_speaks_something_else_is_named_once_with_what_to_change(
    scene: Scene, caplog: pytest.LogCaptureFixture, wire: bytes, chinese: str, english: str
) -> None:
    for _ in range(3):
        with raw(scene.server) as peer:
            peer.sendall(wire)
            while peer.recv(1000):
                pass
    [line] = [record.getMessage() for record in caplog.records]
    assert line.startswith("拒绝了来自 127.0.0.1 的连接") and chinese in line
    assert "refused a connection from 127.0.0.1" in line and english in line


def test_who_only_looks_whether_the_port_is_open_is_no_line_of_the_log(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    with raw(scene.server):
        pass
    scene.connect()
    assert not [record for record in caplog.records if record.levelno > logging.INFO]


# -- silence --------------------------------------------------------------------------------------


@pytest.mark.usefixtures("long_goodbye")
def test_the_silent_are_asked_and_those_who_answer_stay() -> None:
    with Scene(ping_interval=0.1, ping_timeout=1.5) as scene:
        answering = scene.connect(1)
        scene.connect(2)
        pings: list[int] = []

        def answer() -> None:
            with suppress(Exception):
                while True:
                    pings.append(answering.recv_data(control_frame=True)[0])

        thread = threading.Thread(target=answer)
        thread.start()
        wait_until(lambda: scene.gone == [2])
        wait_until(lambda: pings.count(ABNF.OPCODE_PING) > 7)  # of which each takes 0.2 s or more
        assert list(scene.server.bots) == [1]
        scene.server.stop()
        thread.join(5)
        assert pings[-1] == ABNF.OPCODE_CLOSE


def test_a_message_that_takes_its_time_is_a_sign_of_life() -> None:
    with Scene(ping_interval=0.1, ping_timeout=1.2) as scene:
        peer = scene.connect()
        wire = frame(TEXT, said("slow"))
        for position in range(40):  # 2 s, longer than ping_interval and ping_timeout
            send(peer, wire[position : position + 1])
            time.sleep(0.05)
        send(peer, wire[40:])
        wait_until(lambda: scene.heard == ["slow"])


# -- peers that read nothing, or slowly -----------------------------------------------------------


def test_who_floods_with_pings_and_reads_nothing_is_ended_and_nobody_waits_for_it(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    other = scene.connect(2)
    flood = scene.connect(1)
    with pytest.raises(OSError):
        for _ in range(1000):
            send(flood, frame(PING, b"x" * 120) * 1000)
            other.ping("me too")
            assert other.recv_data(control_frame=True) == (ABNF.OPCODE_PONG, b"me too")
    wait_until(lambda: scene.gone == [1])
    wait_until(lambda: "对方不读我们发的东西。" in caplog.text)


def test_pongs_that_had_to_wait_and_a_call_after_them_go_out_whole_and_in_order(
    scene: Scene,
) -> None:
    peer = scene.connect(buffer=4096)
    numbers = [str(number).encode().ljust(100) for number in range(6000)]
    send(peer, b"".join(frame(PING, number) for number in numbers))
    other = scene.connect(2)  # it is read after the pings
    other.ping("?")
    other.recv_data(control_frame=True)
    calling = scene.call("x" * 10_000)
    arrived: list[bytes] = []
    while len(arrived) < len(numbers) + 1:
        opcode, data = peer.recv_data(control_frame=True)
        assert opcode in (ABNF.OPCODE_PONG, ABNF.OPCODE_TEXT)
        arrived.append(data)
    assert [data for data in arrived if len(data) == 100] == numbers
    peer.shutdown()  # type: ignore[no-untyped-call]
    calling.failed()


def test_who_floods_while_a_long_message_is_sent_to_it_keeps_nobody_waiting(scene: Scene) -> None:
    other = scene.connect(2)
    flood = scene.connect(1)
    calling = scene.call(HUGE, 1)
    assert flood.sock
    flood.sock.recv(1)  # it is being sent
    with suppress(OSError):
        for _ in range(20):
            send(flood, frame(PING) * 1000)
            other.ping("me too")
            assert other.recv_data(control_frame=True) == (ABNF.OPCODE_PONG, b"me too")
    flood.shutdown()  # type: ignore[no-untyped-call]
    calling.failed()


def test_pongs_wait_for_a_long_message_and_a_slow_reader_is_not_given_up() -> None:
    with Scene(ping_interval=0.2, ping_timeout=3) as scene:
        peer = scene.connect(buffer=262_144)
        calling = scene.call(HUGE[:20_000_000])
        assert peer.sock
        head = peer.sock.recv(10)  # it is being sent
        peer.ping("first")
        peer.ping("last")
        left = int.from_bytes(head[2:], "big")
        slow_until = time.monotonic() + 4  # longer than ping_interval and ping_timeout
        while left:
            piece = peer.sock.recv(min(left, 200_000))
            assert piece, "it was given up"
            left -= len(piece)
            time.sleep(0.05 if time.monotonic() < slow_until else 0)
        seen: list[Any] = []
        while (ABNF.OPCODE_PONG, b"last") not in seen:
            seen.append(peer.recv_data(control_frame=True))
        assert (ABNF.OPCODE_PONG, b"first") in seen
        assert not scene.gone
        peer.shutdown()  # type: ignore[no-untyped-call]
        calling.failed()


@pytest.mark.parametrize("goodbye", [b"", frame(CLOSE)])
def test_who_is_stuck_sending_is_free_as_soon_as_the_other_side_has_gone(
    scene: Scene, goodbye: bytes
) -> None:
    peer = scene.connect()
    callings = [scene.call(HUGE), scene.call(), scene.call()]
    assert peer.sock
    peer.sock.recv(1)  # it is being sent
    peer.sock.sendall(frame(PING) * 10)  # whose answers wait for the sender
    if goodbye:
        peer.sock.sendall(goodbye)
    else:
        peer.sock.shutdown(socket.SHUT_WR)
    for calling in callings:
        calling.failed()  # long before ping_timeout


def test_a_peer_that_takes_nothing_frees_who_sends_and_is_ended() -> None:
    with Scene() as scene:
        scene.connect()
        callings = [scene.call(HUGE), *(scene.call() for _ in range(5))]
        scene.server.ping_timeout = 0.2  # now that all of them have begun
        reasons = [calling.failed() for calling in callings]
        assert "对方不读我们发的东西" in reasons[0] and "does not read what is sent" in reasons[0]
        wait_until(lambda: scene.gone == [10001])
        again = scene.connect()
        calling = scene.call("short")
        echo = json.loads(again.recv())["echo"]
        again.send(json.dumps({"status": "ok", "retcode": 0, "data": None, "echo": echo}))
        calling.thread.join(5)
        assert calling.error is None


def test_a_call_to_a_peer_that_takes_nothing_ends_at_its_own_timeout(scene: Scene) -> None:
    scene.connect()
    for text in (HUGE, "short"):  # the second waits behind the first
        began = time.monotonic()
        with pytest.raises(ApiTimeout):
            scene.server.request("send_msg", {"message": text}, timeout=0.3)
        assert time.monotonic() - began < 5  # ping_timeout is longer
    assert 10001 in scene.server.bots  # it may go on reading later


def test_many_threads_send_whole_frames_until_the_connection_ends(scene: Scene) -> None:
    peer = scene.connect()
    callings = [scene.call(str(number % 8) * 300_000) for number in range(24)]
    for _ in range(12):
        text = json.loads(peer.recv())["params"]["message"]
        assert len(text) == 300_000 and len(set(text)) == 1
    peer.shutdown()  # type: ignore[no-untyped-call]
    for calling in callings:
        calling.failed()


@pytest.mark.skipif(os.name == "nt", reason="no signal interrupts a thread there")
@pytest.mark.usefixtures("whole_ctrl_c")
def test_after_ctrl_c_in_the_middle_of_a_frame_the_rest_of_it_follows_or_nothing(
    scene: Scene,
) -> None:
    peer = scene.connect()
    assert peer.sock
    sock = peer.sock

    def interrupt() -> None:
        sock.recv(1)  # it is being sent
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        scene.server.call_action("send_msg", message=HUGE)
    thread.join()
    left = int.from_bytes(sock.recv(9, socket.MSG_WAITALL)[1:], "big")
    while left and (piece := sock.recv(min(left, 1_000_000))):
        assert set(piece[1000:-1000]) <= {ord("x")}
        left -= len(piece)
    if left:  # it was interrupted at the very moment of sending
        wait_until(lambda: scene.gone)
        return
    calling = scene.call("next")
    assert json.loads(peer.recv())["params"]["message"] == "next"
    peer.shutdown()  # type: ignore[no-untyped-call]
    calling.failed()


# -- the end, and what goes wrong on our side -----------------------------------------------------


def test_stop_says_goodbye_and_waits_a_moment_for_an_answer() -> None:
    with Scene() as scene:
        peers = [scene.connect(1), scene.connect(2)]
        with raw(scene.server):
            began = time.monotonic()
            scene.server.stop()
            assert 0.3 < time.monotonic() - began < 5
        for peer in peers:
            assert peer.recv_data(control_frame=True) == (ABNF.OPCODE_CLOSE, b"\x03\xe9")
        assert not scene.server.bots


@pytest.mark.usefixtures("long_goodbye")
def test_when_all_are_polite_stop_waits_for_nobody() -> None:
    with Scene() as scene, ExitStack() as stack:
        for number in range(1, 6):
            peer = scene.connect(number)
            thread = threading.Thread(target=peer.recv)  # it answers the goodbye
            thread.start()
            stack.callback(thread.join)
        began = time.monotonic()
        scene.server.stop()
        assert time.monotonic() - began < 10


@pytest.mark.parametrize("reads", [True, False])
def test_stop_ends_in_time_in_a_flood_and_leaves_no_thread(reads: bool) -> None:
    before = threading.active_count()
    with Scene() as scene:
        peers = [scene.connect(number) for number in range(1, 5)]
        stopping = threading.Event()

        def flood(peer: WebSocket) -> None:
            with suppress(OSError):
                while not stopping.is_set():
                    send(peer, frame(TEXT, said("x" * 1000)) * 50)

        threads = [threading.Thread(target=flood, args=(peer,)) for peer in peers]
        for thread in threads:
            thread.start()
        calling = None if reads else scene.call(HUGE, 1)
        wait_until(lambda: len(scene.heard) > 100)
        began = time.monotonic()
        scene.server.stop()
        seconds = time.monotonic() - began
        stopping.set()
        for thread in threads:
            thread.join(5)
        if calling:
            calling.failed()
        assert seconds < 5
    wait_until(lambda: threading.active_count() <= before)


def test_a_handler_may_stop_the_server() -> None:
    server = WsServer(port=free_port())
    stopped = threading.Event()

    @server.on_command("stop")
    def stop(event: Any) -> None:
        server.stop()
        stopped.set()

    server.start()
    peer = create_connection(server.url, suppress_origin=True, timeout=5)
    peer.send(said("/stop").decode())
    assert stopped.wait(5)
    assert peer.recv_data(control_frame=True) == (ABNF.OPCODE_CLOSE, b"\x03\xe9")
    peer.shutdown()  # type: ignore[no-untyped-call]
    with pytest.raises(ConnectionRefusedError), raw(server):
        pass


class Broken(logging.Handler):
    """A log handler of the user's that fails."""

    def emit(self, record: logging.LogRecord) -> None:
        raise RuntimeError("the disk is full")


def test_a_log_handler_that_raises_does_not_make_the_server_deaf(scene: Scene) -> None:
    log, broken = logging.getLogger("onebot_simple"), Broken()
    log.addHandler(broken)
    level = log.level
    log.setLevel(logging.INFO)
    try:
        for number in range(1, 4):
            peer = scene.connect(number)
            send(peer, frame(TEXT, b"no json") + frame(CLOSE))
            wait_until(lambda: len(scene.gone) == number)  # noqa: B023 (it is called at once)
        with raw(scene.server) as other:
            other.sendall(b"EHLO\r\n")
            assert other.recv(10) == b""
    finally:
        log.setLevel(level)
        log.removeHandler(broken)
    answering = scene.connect(5)
    calling = scene.call("hi", 5)
    echo = json.loads(answering.recv())["echo"]
    answering.send(json.dumps({"status": "ok", "retcode": 0, "data": None, "echo": echo}))
    calling.thread.join(5)
    assert calling.error is None


def test_connections_are_counted_and_too_many_are_refused(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(ws_hub, "MAX_CONNECTIONS", 2)
    with Scene() as scene:
        first = scene.connect(1)
        scene.connect(2)
        for _ in range(3):
            with raw(scene.server) as third:
                assert third.recv(10) == b""
        assert caplog.text.count("refused a connection from 127.0.0.1: there is no room, 2") == 1
        first.shutdown()  # type: ignore[no-untyped-call]
        wait_until(lambda: scene.gone == [1])
        scene.connect(3)


def test_a_system_without_files_to_give_makes_connections_wait(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    resource = pytest.importorskip("resource")
    peer = scene.connect()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with socket.socket() as late:
        late.settimeout(5)
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
        try:
            late.connect(("127.0.0.1", scene.server.port))
            wait_until(lambda: "there is no room" in caplog.text)
            send(peer, frame(TEXT, said("and I?")))
            wait_until(lambda: scene.heard == ["and I?"])
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        late.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert b"426" in late.recv(100)
    assert caplog.text.count("there is no room") == 1
    scene.connect(2)


def test_an_event_that_no_thread_can_be_found_for_does_not_make_the_reader_wait(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    held, release = list[int](), threading.Event()

    @scene.server.on_notice
    def hold(event: dict[str, Any]) -> None:
        held.append(event["user_id"])
        release.wait(20)

    def no_more(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    def hold_all() -> bool:
        """Let one more thread be busy, and say whether all are."""
        number = len(held)
        scene.server.handle({"post_type": "notice", "user_id": number})
        wait_until(lambda: len(held) > number)
        return len(held) == sum("handler" in one.name for one in threading.enumerate())

    peer = scene.connect()
    wait_until(hold_all)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", no_more)
        send(peer, frame(TEXT, said("first")) + frame(PING, b"?"))
        assert peer.recv_data(control_frame=True) == (ABNF.OPCODE_PONG, b"?")
    assert "There are no more threads" in caplog.text
    send(peer, frame(TEXT, said("second", user_id=5)))
    wait_until(lambda: sorted(scene.heard) == ["first", "second"])
    release.set()


def test_who_comes_and_goes_at_once_keeps_nobody_waiting(scene: Scene) -> None:
    for _ in range(50):
        with raw(scene.server) as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    scene.connect()


@pytest.mark.skipif(os.name == "nt", reason="after a shutdown, Windows gives out nothing more")
def test_what_came_before_the_goodbye_is_heard_though_a_call_finds_the_other_side_gone(
    let_pass: LetPass, scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    reached, release = threading.Event(), threading.Event()

    class SlowLog(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if "event 0." in record.getMessage():  # the reader is kept behind what comes
                reached.set()
                release.wait(10)

    slow = SlowLog()
    logging.getLogger("onebot_simple").addHandler(slow)
    peer = scene.connect()
    let_pass(11)  # after so long, a connection that has a reason to end is closed at the next look
    peer.send(said("event 0."))
    assert reached.wait(5)
    rest = [frame(TEXT, said(f"event {number}.")) for number in range(1, 50)]
    peer.sock.sendall(b"".join([*rest, frame(CLOSE, b"\x03\xe9")]))  # type: ignore[union-attr]
    scene.closing.close()
    for _ in range(30):
        with suppress(NetworkError):
            scene.server.bot(10001).request("get_status", timeout=0.05)
    release.set()
    logging.getLogger("onebot_simple").removeHandler(slow)
    wait_until(lambda: scene.gone)
    wait_until(lambda: len(scene.heard) == 50)
    wait_until(lambda: "OneBot closed it (1001" in caplog.text)
