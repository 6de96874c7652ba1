"""LeanWebSocket: frames that come in pieces, in heaps, and as no server may send; and its own."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from websocket import (
    ABNF,
    WebSocketConnectionClosedException,
    WebSocketProtocolException,
    WebSocketTimeoutException,
)

from onebot_simple import lean_websocket as module
from onebot_simple.lean_websocket import LeanWebSocket

from .benchmarks.frames import frames
from .peers import wait_until


@pytest.fixture
def pair() -> Iterator[tuple[LeanWebSocket, socket.socket]]:
    ours, theirs = socket.socketpair()
    ours.settimeout(5)
    theirs.settimeout(5)
    websocket = LeanWebSocket(skip_utf8_validation=True)
    websocket.sock = ours
    websocket.connected = True
    yield websocket, theirs
    ours.close()
    theirs.close()


Pair = tuple[LeanWebSocket, socket.socket]
TEXT, BINARY, MORE, CLOSE, PING, PONG = 0x81, 0x82, 0x80, 0x88, 0x89, 0x8A


def frame(first: int, data: bytes = b"") -> bytes:
    size = len(data)
    if size < 126:
        return bytes([first, size]) + data
    if size < 65536:
        return bytes([first, 126]) + size.to_bytes(2, "big") + data
    return bytes([first, 127]) + size.to_bytes(8, "big") + data


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536, 200_000])
def test_a_frame_of_any_size_arrives_as_it_was_sent(pair: Pair, size: int) -> None:
    websocket, theirs = pair
    data = bytes(range(256)) * (size // 256) + bytes(size % 256)
    for start in range(0, size + 14, 50_000):  # a socket pair does not hold all of it
        theirs.sendall(frame(TEXT, data)[start : start + 50_000])
        websocket.settimeout(0.05 if start + 50_000 < size + 4 else 5)
        try:
            assert websocket.recv_data() == (ABNF.OPCODE_TEXT, data)
            break
        except WebSocketTimeoutException:
            continue
    else:
        pytest.fail("it never came")


def test_a_timeout_after_each_byte_loses_nothing(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_SIZE", 300)
    websocket, theirs = pair
    websocket.settimeout(0.001)
    parts = ["你好".encode() * 30, b"ok", b"a" * 100, b"b" * 150]
    wire = frame(TEXT, parts[0]) + frame(PONG, parts[1]) + frame(0x01, parts[2])
    taken = []
    for byte in wire + frame(MORE, parts[3]):
        theirs.sendall(bytes([byte]))
        try:
            taken.append(websocket.recv_data(control_frame=True))
        except WebSocketTimeoutException:
            continue
    assert taken == [
        (ABNF.OPCODE_TEXT, parts[0]),
        (ABNF.OPCODE_PONG, parts[1]),
        (ABNF.OPCODE_TEXT, parts[2] + parts[3]),
    ]


def test_many_frames_in_one_piece_come_one_by_one(pair: Pair) -> None:
    websocket, theirs = pair
    theirs.sendall(b"".join(frame(TEXT, b"%d" % number) for number in range(500)))
    assert [websocket.recv_data()[1] for _ in range(500)] == [b"%d" % n for n in range(500)]


def test_control_frames_between_fragments_are_answered_and_break_nothing(pair: Pair) -> None:
    websocket, theirs = pair
    parts = [frame(0x01, b"a"), frame(PING, b"p"), frame(0x00, b"b" * 300), frame(MORE, b"c")]
    theirs.sendall(b"".join(parts))
    assert websocket.recv_data(control_frame=True) == (ABNF.OPCODE_PING, b"p")
    assert theirs.recv(100)[:2] == bytes([PONG, 0x81])
    assert websocket.recv_data() == (ABNF.OPCODE_TEXT, b"a" + b"b" * 300 + b"c")
    theirs.sendall(frame(CLOSE, b"\x03\xe8bye"))
    assert websocket.recv_data() == (ABNF.OPCODE_CLOSE, b"\x03\xe8bye")


def test_a_message_that_begins_inside_another_is_refused(pair: Pair) -> None:
    websocket, theirs = pair
    theirs.sendall(frame(0x01, b"a") + frame(PONG) + frame(TEXT, b"b"))
    assert websocket.recv_data(control_frame=True) == (ABNF.OPCODE_PONG, b"")
    with pytest.raises(WebSocketProtocolException):
        websocket.recv_data()


@pytest.mark.parametrize(
    "wire",
    [
        b"\xc1\x00",  # a reserved bit
        b"\x83\x00",  # an opcode that does not exist
        b"\x81\x81\0\0\0\0x",  # masked: only clients do that
        b"\x09\x00",  # a ping in fragments
        b"\x0a\x00",  # a pong in fragments
        b"\x89\x7e\x00\x7e",  # a ping of 126 bytes
        b"\x88\x01x",  # half a close code
        b"\x80\x00",  # the end of a message that did not begin
        b"\x81\x7f\x7f\xff\xff\xff\xff\xff\xff\xff",  # 2 ** 63 bytes
        b"\x81\x7f\x80\x00\x00\x00\x00\x00\x00\x00",  # a length with the forbidden bit
        b"\x81\x7f\x00\x00\x00\x00\x04\x00\x00\x01",  # 64 MiB and one byte
    ],
    ids=lambda wire: wire.hex(),
)
def test_what_no_server_may_send_is_refused_from_its_header_on(pair: Pair, wire: bytes) -> None:
    websocket, theirs = pair
    theirs.sendall(wire)
    with pytest.raises(WebSocketProtocolException):
        websocket.recv_data()


def test_fragments_together_are_no_longer_than_one_frame_may_be(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_SIZE", 1000)
    websocket, theirs = pair
    for _ in range(2):  # counted anew for each message
        theirs.sendall(frame(0x01, bytes(400)) + frame(PONG, bytes(100)) + frame(MORE, bytes(600)))
        assert len(websocket.recv_data()[1]) == 1000
    theirs.sendall(frame(0x01, bytes(400)) + frame(0x00, bytes(400)) + frame(0x00, bytes(201)))
    with pytest.raises(WebSocketProtocolException, match="more than 1000 bytes"):
        websocket.recv_data()


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536, 5_000_000])
def test_what_is_sent_arrives_whole_however_slowly_it_is_taken(pair: Pair, size: int) -> None:
    websocket, theirs = pair
    data = bytes(range(256)) * (size // 256) + bytes(range(size % 256))
    sender = threading.Thread(target=websocket.send, args=(data, ABNF.OPCODE_BINARY))
    sender.start()
    assert next(frames(theirs)) == (ABNF.OPCODE_BINARY, data)
    sender.join()


def test_frames_of_threads_that_send_at_once_are_not_mixed(pair: Pair) -> None:
    websocket, theirs = pair
    texts = [str(number) * 300_000 for number in range(8)]
    senders = [
        threading.Thread(target=lambda text=text: [websocket.send(text) for _ in range(5)])
        for text in texts
    ]
    for sender in senders:
        sender.start()
    arriving = frames(theirs)
    came = [next(arriving)[1].decode() for _ in range(5 * len(texts))]
    for sender in senders:
        sender.join()
    assert sorted(came) == sorted(texts * 5)


def test_each_frame_is_masked_with_a_key_of_its_own(pair: Pair) -> None:
    websocket, theirs = pair
    for _ in range(20):
        websocket.send("same")
    wire = theirs.recv(1000)
    assert len({wire[start + 2 : start + 6] for start in range(0, len(wire), 10)}) == 20
    assert b"same" not in wire


def test_a_connection_that_is_over_can_neither_be_read_nor_written(pair: Pair) -> None:
    websocket, theirs = pair
    theirs.close()
    with pytest.raises(WebSocketConnectionClosedException):
        websocket.recv_data()
    websocket.shutdown()  # type: ignore[no-untyped-call]
    for use in (websocket.recv_data, lambda: websocket.send("too late")):
        with pytest.raises(WebSocketConnectionClosedException):
            use()


def test_what_has_arrived_whole_comes_the_short_way_and_all_else_in_its_turn(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_SIZE", 70_000)
    wire = [
        (frame(TEXT, b"a"), b"a"),
        (frame(BINARY), b""),
        (frame(TEXT, b"b" * 125), b"b" * 125),
        (frame(TEXT, b"c" * 126), b"c" * 126),
        (frame(PONG, b"?"), b"?"),
        (frame(0x01, b"frag"), None),
        (frame(PONG, b"!"), b"!"),
        (frame(MORE, b"ments"), b"fragments"),
        (frame(TEXT, b"d" * 65_536), b"d" * 65_536),
        (frame(TEXT, b"e"), b"e"),
    ]
    whole = b"".join(data for data, _ in wire)
    wanted = [message for _, message in wire if message is not None]
    websocket, theirs = pair
    for cut in [*range(1, 700), len(whole) - 1, len(whole)]:
        taken: list[bytes] = []
        websocket.settimeout(0.001)
        for piece in (whole[:cut], whole[cut:]):
            sending = threading.Thread(target=theirs.sendall, args=(piece,))
            sending.start()
            sending.join(0.01 if len(piece) > 60_000 else None)
            while True:
                try:
                    taken.append(bytes(websocket.recv_data(control_frame=True)[1]))
                    taken += map(bytes, websocket.messages())
                except WebSocketTimeoutException:
                    if not sending.is_alive():
                        break
            sending.join()
        assert taken == wanted


def test_the_short_way_leaves_what_may_not_be(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_SIZE", 300)
    websocket, _ = pair
    masked = bytes([TEXT, 0x81]) + bytes(5)
    for bad in (frame(TEXT, b"x" * 301), masked, frame(0x83), frame(CLOSE)):
        websocket._arrived[:] = frame(TEXT, b"good") + bad
        assert [bytes(message) for message in websocket.messages()] == [b"good"]
        assert websocket._arrived == bad
    websocket._arrived[:] = frame(0x01, b"begun") + frame(PONG) + frame(TEXT, b"another")
    assert websocket.recv_data(control_frame=True)[0] == ABNF.OPCODE_PONG
    assert list(websocket.messages()) == []
    with pytest.raises(WebSocketProtocolException):
        websocket.recv_data(control_frame=True)


def test_pings_are_answered_after_a_long_message_for_which_the_reader_does_not_wait(
    pair: Pair,
) -> None:
    websocket, theirs = pair
    sending = threading.Thread(target=lambda: websocket.send(b"x" * 5_000_000))
    sending.start()
    while not websocket.lock.locked():
        pass
    assert not websocket.try_ping()
    theirs.sendall(frame(PING, b"first") + frame(PING, b"last") + frame(TEXT, b"event"))
    kinds = [websocket.recv_data(control_frame=True)[0] for _ in range(3)]
    assert kinds == [ABNF.OPCODE_PING, ABNF.OPCODE_PING, ABNF.OPCODE_TEXT]
    assert sending.is_alive()
    arrived = bytearray()
    while len(arrived) < 5_000_000 + 14 + 10:
        arrived += theirs.recv(1_000_000)
    sending.join(5)
    opcode, size, key, data = arrived[-10], arrived[-9], arrived[-8:-4], arrived[-4:]
    assert (opcode, size) == (PONG, 0x84)
    assert bytes(byte ^ key[place] for place, byte in enumerate(data)) == b"last"
    assert websocket.try_ping()
    assert theirs.recv(100)[:2] == bytes([PING, 0x80])


def test_the_last_ping_is_always_answered_however_many_are_sending(pair: Pair) -> None:
    websocket, theirs = pair
    ending = threading.Event()

    def send() -> None:
        while not ending.is_set():
            websocket.send(b"y", ABNF.OPCODE_BINARY)

    def drain() -> None:
        while theirs.recv(1_000_000):
            pass

    threads = [threading.Thread(target=target) for target in (send, send, drain)]
    for thread in threads:
        thread.start()
    for number in range(2000):
        websocket.pong(str(number))
        wait_until(lambda: websocket._ping is None)
    ending.set()
    for thread in threads[:2]:
        thread.join(5)
    websocket.sock.shutdown(socket.SHUT_RDWR)  # type: ignore[union-attr]
    threads[2].join(5)


def test_ctrl_c_in_the_middle_of_a_frame_ends_the_connection(pair: Pair) -> None:
    websocket, theirs = pair

    class Interrupted(socket.socket):
        def send(self, data: Any, flags: int = 0) -> int:
            super().send(data[:5])
            raise KeyboardInterrupt

    assert websocket.sock
    websocket.sock = Interrupted(fileno=websocket.sock.detach())
    with pytest.raises(KeyboardInterrupt):
        websocket.send("hello")
    assert len(theirs.recv(100)) == 5
    assert theirs.recv(100) == b""
    websocket.sock.close()


def test_a_goodbye_is_heard_although_somebody_is_stuck_sending(pair: Pair) -> None:
    websocket, theirs = pair
    errors: list[BaseException] = []

    def send() -> None:
        try:
            websocket.send(b"x" * 5_000_000)
        except OSError as error:
            errors.append(error)

    sending = threading.Thread(target=send)
    sending.start()
    wait_until(websocket.lock.locked)
    theirs.sendall(frame(CLOSE, b"\x03\xe8"))
    began = time.monotonic()
    assert websocket.recv_data(control_frame=True) == (ABNF.OPCODE_CLOSE, b"\x03\xe8")
    assert time.monotonic() - began < 0.5
    theirs.close()
    sending.join(5)
    assert errors


def test_who_reads_nothing_is_given_up_with_the_reason(pair: Pair) -> None:
    websocket, _ = pair
    websocket.settimeout(0.05)
    websocket.patience = 0.1
    with pytest.raises(ConnectionError, match="does not read"):
        websocket.send(b"x" * 5_000_000)
    with pytest.raises(WebSocketConnectionClosedException, match="does not read"):
        websocket.recv_data()


def test_the_timeout_of_the_reader_is_not_that_of_who_sends(pair: Pair) -> None:
    websocket, theirs = pair
    websocket.settimeout(0.02)
    sending = threading.Thread(target=websocket.send, args=(b"x" * 5_000_000,))
    sending.start()
    sending.join(0.2)  # several timeouts in which nothing is read
    left = 5_000_000 + 14
    while left:
        left -= len(theirs.recv(1_000_000))
    sending.join(5)
    assert websocket.failure == ""
