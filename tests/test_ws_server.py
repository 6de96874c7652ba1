"""The reverse WebSocket: accounts that come, go, and come again."""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlencode

import pytest
from websocket import (
    ABNF,
    WebSocketBadStatusException,
    WebSocketException,
    create_connection,
)

from onebot_simple import ApiNotAvailable, NetworkError, WsServer, segment, server_websocket, ws_hub
from onebot_simple.bot import Bot

from .peers import Api, ReverseWs, connect_event, message, ok, wait_until


@pytest.fixture
def server() -> Iterator[WsServer]:
    with WsServer(port=0) as one:
        yield one


def join(server: WsServer, self_id: int | None = 10001, role: str = "Universal") -> ReverseWs:
    peer = ReverseWs(Api(), server.url, self_id, role)
    wait_until(lambda: peer.sockets)
    return peer


def hub_of(server: WsServer) -> ws_hub.WebSocketHub:
    assert server._hub
    return server._hub


# -- accounts -------------------------------------------------------------------------------------


def test_a_bot_is_there_once_it_has_connected(server: WsServer) -> None:
    with pytest.raises(ApiNotAvailable, match="no account connected"):
        server.wait_connected(0.05)
    peer = join(server)
    server.wait_connected(5)
    assert list(server.bots) == [10001]
    assert server.bot(10001).call_action("send_like", user_id=1) == {"message_id": 1234}
    assert server.bot("10001").self_id == 10001
    with pytest.raises(ApiNotAvailable, match="account 5 is not connected, connected: 10001"):
        server.bot(5)
    peer.close()
    wait_until(lambda: not server.bots)


def test_calls_go_to_the_account_whose_event_is_handled(server: WsServer) -> None:
    server.on_message(lambda event: f"I am {server.get_login_info()['user_id']}")
    peers = [join(server, self_id) for self_id in (1, 2, 3)]
    for peer, self_id in zip(peers, (1, 2, 3), strict=True):
        peer.api.answers["get_login_info"] = lambda params, self_id=self_id: ok(  # type: ignore[misc]
            {"user_id": self_id}
        )
    wait_until(lambda: len(server.bots) == 3)
    for peer, self_id in zip(peers, (1, 2, 3), strict=True):
        peer.push(message() | {"self_id": self_id})
        assert peer.api.said() == f"I am {self_id}"
    with pytest.raises(ApiNotAvailable, match="not clear which account.*1, 2, 3"):
        server.get_status()
    for peer in peers:
        peer.close()


def test_a_call_in_on_connect_goes_to_the_account_that_has_connected(server: WsServer) -> None:
    server.on_connect(lambda self_id: server.send_group_msg(30001, f"I am {self_id}"))
    peers = [join(server, self_id) for self_id in (1, 2, 3)]
    assert [peer.api.said() for peer in peers] == ["I am 1", "I am 2", "I am 3"]
    for peer in peers:
        peer.close()


def test_a_call_in_on_disconnect_goes_to_the_account_that_is_left(server: WsServer) -> None:
    server.on_disconnect(lambda self_id: server.send_group_msg(30001, f"{self_id} is gone"))
    leaving, staying = join(server, 1), join(server, 2)
    wait_until(lambda: len(server.bots) == 2)
    leaving.close()
    assert staying.api.said() == "1 is gone"
    staying.close()


def test_an_error_on_the_way_of_an_event_is_in_the_log_and_the_connection_lives(
    server: WsServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    server.on_message(lambda event: "hi")
    peer = join(server)
    server.wait_connected(5)
    with monkeypatch.context() as patch:
        patch.delattr(Bot, "handle")
        peer.push(message())
        wait_until(lambda: "AttributeError" in caplog.text)
    peer.push(message())
    assert peer.api.said() == "hi"
    peer.close()


def test_a_call_with_nobody_connected_says_so(server: WsServer) -> None:
    with pytest.raises(ApiNotAvailable, match="none is connected"):
        server.get_status()


def test_a_second_connection_replaces_the_first_and_its_end_changes_nothing(
    server: WsServer,
) -> None:
    turns: list[str] = []
    server.on_connect(lambda self_id: turns.append(f"+{self_id}"))
    server.on_disconnect(lambda self_id: turns.append(f"-{self_id}"))
    first = join(server)
    server.wait_connected(5)
    second = join(server)
    wait_until(lambda: not first.thread.is_alive())
    assert server.call_action("send_like", user_id=1) == {"message_id": 1234}
    assert second.api.calls and not first.api.calls
    assert list(server.bots) == [10001]
    first.close()
    second.close()
    wait_until(lambda: turns == ["+10001", "-10001", "+10001", "-10001"])


def test_waiting_calls_of_a_replaced_connection_are_freed(server: WsServer) -> None:
    first = join(server)
    server.wait_connected(5)
    first.api.answers["slow"] = lambda params: None
    errors: list[Exception] = []

    def call() -> None:
        try:
            server.call_action("slow")
        except NetworkError as error:
            errors.append(error)

    calling = threading.Thread(target=call)
    calling.start()
    first.api.wait_call("slow")
    second = join(server)
    calling.join(5)
    assert "replaced by a newer one" in str(errors[0])
    first.close()
    second.close()


def test_an_api_and_an_event_connection_make_one_bot(server: WsServer) -> None:
    server.on_message(lambda event: "hi")
    event = join(server, role="Event")
    wait_until(lambda: server.bots)
    with pytest.raises(NetworkError, match="no API connection"):
        server.send_like(1)
    api = join(server, role="API")
    server.wait_connected(5)
    event.push(message())
    assert api.api.said() == "hi"
    assert list(server.bots) == [10001]
    api.close()
    wait_until(lambda: len(server._accounts[10001]) == 1)
    assert list(server.bots) == [10001]
    event.close()


def test_an_account_that_does_not_say_who_it_is_is_learned_from_its_events(
    server: WsServer,
) -> None:
    connected: list[Any] = []
    server.on_connect(connected.append)
    peer = join(server, None)
    wait_until(lambda: list(server.bots) == [10001])
    wait_until(lambda: connected == [10001])
    peer.close()


def test_an_account_without_any_self_id_is_answered_all_the_same(server: WsServer) -> None:
    server.on_message(lambda event: "hi")
    api = Api()
    socket_ = create_connection(server.url, suppress_origin=True, timeout=5)
    event = message()
    del event["self_id"]
    socket_.send(json.dumps(event))
    call = json.loads(socket_.recv())
    assert call["action"] == "send_msg"
    assert segment.plain_text(call["params"]["message"]) == "hi"
    assert server.bots == {}
    assert not api.calls
    socket_.close()


def test_a_stale_handle_works_again_when_the_account_is_back(server: WsServer) -> None:
    peer = join(server)
    server.wait_connected(5)
    account = server.bot(10001)
    peer.close()
    wait_until(lambda: not server.bots)
    with pytest.raises(NetworkError):
        account.send_like(1)
    peer = join(server)
    wait_until(lambda: server.bots)
    assert account.call_action("send_like", user_id=1) == {"message_id": 1234}
    peer.close()


def test_the_sockets_of_one_account_are_no_reconnection_and_one_that_comes_again_is(
    server: WsServer,
) -> None:
    api, event = join(server, role="API"), join(server, role="Event")
    wait_until(lambda: len(server._accounts.get(10001, {})) == 2)
    assert server.stats["reconnects"] == 0
    api.close()
    wait_until(lambda: len(server._accounts[10001]) == 1)
    heard: list[str] = []
    server.on_message(lambda event: heard.append(segment.plain_text(event)))
    event.push(message("meanwhile"))
    wait_until(lambda: heard == ["meanwhile"])
    api = join(server, role="API")
    server.wait_connected(5)
    assert server.stats["reconnects"] == 1
    server.on_command("hi")(lambda event: "hello")
    event.push(message("/hi", user_id=5))
    wait_until(lambda: len(heard) == 2)
    api.close()
    event.close()


def test_each_connection_and_its_end_is_a_line_with_the_reason(
    server: WsServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    first = join(server, None)
    wait_until(lambda: server.bots)
    second = join(server)
    wait_until(lambda: "disconnected" in caplog.text)
    second.close()
    wait_until(lambda: caplog.text.count("disconnected") == 2)
    first.close()
    lines = [record.getMessage() for record in caplog.records if "connected" in record.msg]
    assert [line.rpartition(". ")[0] for line in lines] == [
        "account 10001 from 127.0.0.1 connected",
        "account 10001 from 127.0.0.1 connected",
        "account 10001 from 127.0.0.1 disconnected: replaced by a newer one",
        "account 10001 from 127.0.0.1 disconnected: cut off without a goodbye",
    ]


def test_handlers_hear_of_connections_in_the_order_of_the_facts(server: WsServer) -> None:
    """However many connections of one account come and go at once."""
    turns: list[str] = []
    server.on_connect(lambda self_id: turns.append("+"))
    server.on_disconnect(lambda self_id: turns.append("-"))

    def come_and_go() -> None:
        for _ in range(15):
            peer = create_connection(
                server.url, header=["X-Self-ID: 1"], suppress_origin=True, timeout=5
            )
            assert peer.sock
            peer.sock.shutdown(socket.SHUT_RDWR)
            peer.shutdown()  # type: ignore[no-untyped-call]

    threads = [threading.Thread(target=come_and_go) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    wait_until(lambda: not server.bots and turns.count("-") == turns.count("+") > 0)
    assert "".join(turns) == "+-" * (len(turns) // 2)


# -- who may come in ------------------------------------------------------------------------------


def dial(server: WsServer, path: str = "/", *headers: str) -> int:
    """The HTTP status of the handshake."""
    try:
        create_connection(
            server.url + path, header=["X-Self-ID: 1", *headers], suppress_origin=True, timeout=5
        ).close()
    except WebSocketBadStatusException as error:
        return error.status_code
    return 101


@pytest.mark.parametrize(
    ("status", "path", "headers"),
    [
        (101, "/", ["Authorization: Bearer s3cret"]),
        (101, "/any/path", ["authorization: bearer s3cret"]),
        (101, "/", ["Authorization: Token s3cret"]),
        (101, "/", ["Authorization: s3cret"]),
        (101, "/?access_token=s3cret", []),
        (101, "/?access_token=s3cret", ["Authorization: Bearer "]),
        (401, "/", []),
        (401, "/", ["Authorization: Bearer "]),
        (403, "/", ["Authorization: Bearer s3cre"]),
        (403, "/", ["Authorization: Basic s3cret"]),
        (403, "/?access_token=wrong", []),
        (403, "/?access_token=%FF%FE", []),
    ],
)
def test_the_token_is_asked_for(status: int, path: str, headers: list[str]) -> None:
    with WsServer(port=0, access_token="s3cret") as server:
        assert dial(server, path, *headers) == status


@pytest.mark.parametrize("token", ["token", "Bearer", "my token", "Bearer Token x", "a+b&c"])
def test_a_token_may_look_like_a_scheme_or_hold_a_space(token: str) -> None:
    with WsServer(port=0, access_token=token) as server:
        for said in (f"Bearer {token}", f"token {token}", token):
            assert dial(server, "/", f"Authorization: {said}") == 101
        query = "/?" + urlencode({"access_token": token})
        assert dial(server, query) == 101
        assert dial(server, query, "Authorization: Bearer ") == 101
        assert dial(server, "/", f"Authorization: Bearer {token}x") == 403
        assert dial(server) == 401


def test_without_a_token_everybody_local_may_come(server: WsServer) -> None:
    assert dial(server, "/", "Authorization: Bearer ") == 101
    assert dial(server, "/", "Authorization: Bearer whatever") == 101


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1.evil", "x"])
def test_a_web_page_must_not_become_a_bot(server: WsServer, origin: str) -> None:
    assert dial(server, "/", f"Origin: {origin}") == 403


@pytest.mark.parametrize("token", [None, "t"])
def test_a_rebound_name_must_not_become_a_bot(token: str | None) -> None:
    with (
        WsServer(port=0, access_token=token) as server,
        pytest.raises(WebSocketBadStatusException, match="403"),
    ):
        create_connection(
            f"{server.url}/?access_token={token}",
            origin="http://evil.example",
            host="evil.example",
            timeout=5,
        )


def test_the_own_host_as_origin_is_welcome(server: WsServer) -> None:
    assert dial(server, "/", f"Origin: http://127.0.0.1:{server.port}") == 101


def raw_dial(server: WsServer, path: bytes = b"/", *headers: bytes, and_then: bytes = b"") -> bytes:
    """The first line of the answer to a handshake that may hold any bytes."""
    lines = [b"GET " + path + b" HTTP/1.1", b"Upgrade: websocket", b"Connection: Upgrade"]
    lines += [b"Sec-WebSocket-Version: 13", b"Sec-WebSocket-Key: " + b"A" * 22 + b"=="]
    address = ("127.0.0.1", server.port)
    with socket.create_connection(address, timeout=5) as connection, suppress(ConnectionError):
        connection.sendall(b"\r\n".join([*lines, *headers]) + b"\r\n\r\n" + and_then)
        return connection.recv(4096).partition(b"\r\n")[0]
    return b"closed"


@pytest.mark.parametrize("token", [b"\xff", "密码".encode(), b"s3cret\xff"])
def test_a_token_may_hold_any_bytes_and_is_just_wrong(token: bytes) -> None:
    with WsServer(port=0, access_token="s3cret") as server:
        assert b" 403 " in raw_dial(server, b"/", b"Authorization: Bearer " + token)
        assert b" 101 " not in raw_dial(server, b"/?access_token=" + token)
        assert dial(server, "/", "Authorization: Bearer s3cret") == 101


def test_another_host_needs_a_token(caplog: pytest.LogCaptureFixture) -> None:
    with WsServer(port=0) as server:
        assert b" 403 " in raw_dial(server, b"/", b"Host: evil.example:8765")
        assert "dropped a connection for another host: 'evil.example:8765'" in caplog.text
        for host in (b"127.0.0.1:8765", b"localhost", b"[::1]:1", b"host.docker.internal:8765"):
            assert b" 101 " in raw_dial(server, b"/", b"Host: " + host)
        assert b" 101 " in raw_dial(server)
    with WsServer(port=0, access_token="t") as server:
        headers = [b"Host: bot.example", b"Authorization: Bearer t"]
        assert b" 101 " in raw_dial(server, b"/", *headers)


def test_wrong_tokens_are_said_once_wherever_they_come_from(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with WsServer(port=0, access_token="s3cret") as server:
        for _ in range(3):
            dial(server)
    assert caplog.text.count("missing or wrong access_token: '127.0.0.1'") == 1


def test_a_handshake_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_websocket, "HANDSHAKE_SECONDS", 0.2)
    with (
        WsServer(port=0) as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=5) as silent,
    ):
        silent.sendall(b"GET / HTTP/1.1\r\nHost: ")
        assert silent.recv(10) == b""


def test_connections_are_counted_and_too_many_are_refused(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(ws_hub, "MAX_CONNECTIONS", 2)
    monkeypatch.setattr(
        server_websocket, "HANDSHAKE_SECONDS", 0.5
    )  # some websockets wait for it in vain
    with WsServer(port=0) as server:
        address = ("127.0.0.1", server.port)
        with socket.create_connection(address) as first, socket.create_connection(address):
            wait_until(lambda: len(hub_of(server).websockets) == 2)
            with socket.create_connection(address, timeout=5) as third:
                assert third.recv(10) == b""
            assert "dropped a connection" in caplog.text
            first.shutdown(socket.SHUT_RDWR)
        wait_until(lambda: b" 101 " in raw_dial(server))


def test_listening_to_the_world_without_a_token_is_warned_of(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with WsServer("0.0.0.0", 0):
        assert "without an access_token" in caplog.text


def test_the_token_is_never_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with WsServer(port=0, access_token="s3cret") as server:
        dial(server, "/?access_token=s3cret")
        dial(server, "/", "Authorization: Bearer almost-s3cret")
    assert "s3cret" not in caplog.text


# -- bad input and ends ---------------------------------------------------------------------------


@pytest.mark.parametrize("bad", ["{bad", b"\xff\xfe", "[]", "[" * 100_000, '{"post_type": 1}'])
def test_a_bad_frame_is_dropped_and_nothing_else_is_lost(
    server: WsServer, bad: str | bytes, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[str] = []
    server.on_message(lambda event: heard.append(segment.plain_text(event)))
    peer = join(server)
    for _ in range(3):
        if isinstance(bad, bytes):
            peer.socket.send_bytes(bad)
        else:
            peer.push(bad)
    peer.push(message("after"))
    wait_until(lambda: heard == ["after"])
    assert caplog.text.count("dropped ") == 1
    peer.close()


def test_a_message_without_end_is_refused(
    server: WsServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    server.stop()
    monkeypatch.setattr(server_websocket, "MAX_SIZE", 10_000)
    caplog.set_level(logging.INFO)
    server.start()
    for fin, opcode in ((1, 1), (0, 1)):
        peer = join(server)
        with suppress(OSError, WebSocketException):
            for part in range(3 if opcode else 1):
                size = 12_000 if fin else 4_000
                peer.socket.send_frame(
                    ABNF(fin, 0, 0, 0, 0 if part and not fin else opcode, 1, b" " * size)
                )
        wait_until(lambda: "1009" in caplog.text)  # the code for too big
        caplog.clear()
        peer.close()


def test_text_that_is_no_utf8_is_dropped_too(server: WsServer) -> None:
    heard: list[str] = []
    server.on_message(lambda event: heard.append(segment.plain_text(event)))
    peer = join(server)
    peer.socket.send(b'{"post_type": "\xff"}', 1)
    peer.push(message("after"))
    wait_until(lambda: heard == ["after"])
    peer.close()


def test_fragments_and_pings_in_between_make_one_event(server: WsServer) -> None:
    heard: list[str] = []
    server.on_message(lambda event: heard.append(segment.plain_text(event)))
    peer = join(server)
    data = json.dumps(message("碎片"), ensure_ascii=False).encode()
    parts = ((0, 1, data[:80]), (0, 0, data[80:81]), (1, 9, b"?"), (1, 0, data[81:]))
    for fin, opcode, part in parts:
        peer.socket.send_frame(ABNF(fin, 0, 0, 0, opcode, 1, part))
    peer.push(message("next"))
    wait_until(lambda: heard == ["碎片", "next"])
    peer.close()


def test_an_event_in_the_same_breath_as_the_handshake_is_handled(server: WsServer) -> None:
    heard: list[str] = []
    server.on_message(lambda event: heard.append(segment.plain_text(event)))
    body = json.dumps(message("early")).encode()
    frame = b"\x81\xfe" + len(body).to_bytes(2, "big") + bytes(4) + body
    assert b" 101 " in raw_dial(server, and_then=frame * 2)
    wait_until(lambda: heard == ["early", "early"])


def test_words_of_a_peer_cannot_forge_a_line_of_the_log(
    server: WsServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    peer = join(server)
    peer.api.answers["slow"] = lambda params: None
    errors: list[Exception] = []

    def call() -> None:
        try:
            server.call_action("slow")
        except NetworkError as error:
            errors.append(error)

    calling = threading.Thread(target=call)
    calling.start()
    peer.api.wait_call("slow")
    peer.socket.send_close(1000, "bye\n\x1b[31mERROR forged\u202e".encode())
    calling.join(5)
    wait_until(lambda: "disconnected" in caplog.text)
    [said] = [record.getMessage() for record in caplog.records if "disconnect" in record.msg]
    assert said.isprintable() and "forged" in said
    assert str(errors[0]).isprintable() and "forged" in str(errors[0])
    peer.close()


def test_a_connection_that_breaks_while_it_is_taken_in_hurts_nobody(
    server: WsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise OSError("not connected any more")

    with monkeypatch.context() as patch:
        patch.setattr(ws_hub, "_limit_sending", broken)
        assert raw_dial(server) in (b"", b"closed")
    assert dial(server) == 101


def test_plain_http_is_answered_and_hurts_nobody(server: WsServer) -> None:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=5)
    connection.request("GET", "/")
    assert connection.getresponse().status == 426
    connection.close()
    assert dial(server) == 101


def test_a_port_in_use_is_an_error_that_says_so(server: WsServer) -> None:
    with pytest.raises(NetworkError, match="端口被占用"):
        WsServer(port=server.port).start()


def test_stop_ends_peers_that_say_nothing_and_peers_that_never_shook_hands() -> None:
    server = WsServer(port=0)
    server.start()
    peer = join(server)
    with socket.create_connection(("127.0.0.1", server.port)) as silent:
        wait_until(lambda: len(hub_of(server).websockets) == 2)
        began = time.monotonic()
        server.stop()
        assert time.monotonic() - began < 2
        silent.settimeout(2)
        assert b"101" not in silent.recv(200)
    peer.close()


def test_a_system_without_files_to_give_makes_connections_wait(
    server: WsServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    resource = pytest.importorskip("resource")
    monkeypatch.setattr(ws_hub, "ACCEPT_PAUSE", 0.01)
    assert dial(server) == 101
    wait_until(lambda: not server._accounts)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with socket.socket() as late:
        late.settimeout(5)
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
        try:
            late.connect(("127.0.0.1", server.port))
            wait_until(lambda: "cannot take a connection" in caplog.text)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        late.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert b"426" in late.recv(100)
    assert dial(server) == 101


def test_a_system_without_threads_to_give_makes_events_wait_until_it_has_some(
    server: WsServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def no_more(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    heard: list[str] = []
    server.on_message(lambda event: heard.append(segment.plain_text(event)))
    frame = json.dumps(message("first"))
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", no_more)
        peer = create_connection(
            server.url, header=["X-Self-ID: 1"], suppress_origin=True, timeout=5
        )
        peer.send(frame)
        wait_until(lambda: "waiting for a thread" in caplog.text)
        began = time.monotonic()
        assert b" 101 " in raw_dial(server)  # others may come meanwhile
        assert time.monotonic() - began < 0.5
    peer.send(json.dumps(message("second")))
    wait_until(lambda: heard == ["first", "second"])
    peer.shutdown()  # type: ignore[no-untyped-call]


def test_a_peer_that_reads_nothing_frees_who_sends_and_is_given_up(server: WsServer) -> None:
    server.stop()
    server.ping_timeout = 0.2
    server.start()
    deaf = create_connection(server.url, header=["X-Self-ID: 1"], suppress_origin=True, timeout=5)
    server.wait_connected(5)
    errors: list[Exception] = []

    def call(size: int) -> None:
        try:
            server.call_action("send_msg", message="x" * size)
        except NetworkError as error:
            errors.append(error)

    threads = [threading.Thread(target=call, args=(size,)) for size in [30_000_000] + [10] * 5]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    assert len(errors) == 6
    wait_until(lambda: not server.bots)
    peer = join(server)
    server.wait_connected(5)
    assert server.call_action("send_like", user_id=1) == {"message_id": 1234}
    peer.close()
    deaf.shutdown()  # type: ignore[no-untyped-call]


def test_a_peer_that_vanishes_without_a_word_is_given_up() -> None:
    with WsServer(port=0, ping_interval=0.1, ping_timeout=0.1) as server:
        gone: list[Any] = []
        server.on_disconnect(gone.append)
        silent = create_connection(
            server.url, header=["X-Self-ID: 1"], suppress_origin=True, timeout=5
        )
        server.wait_connected(5)
        wait_until(lambda: gone == [1])
        silent.shutdown()  # type: ignore[no-untyped-call]


def test_a_message_that_takes_its_time_is_a_sign_of_life(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ws_hub, "GOODBYE_SECONDS", 0.05)
    heard: list[Any] = []
    server = WsServer(port=0, ping_interval=0.2, ping_timeout=0.2)
    server.on_message(heard.append)
    server.start()
    body = json.dumps(message()).encode()
    frame = b"\x81\xfe" + len(body).to_bytes(2, "big") + bytes(4) + body
    peer = create_connection(server.url, header=["X-Self-ID: 1"], suppress_origin=True, timeout=5)
    assert peer.sock
    for position in range(30):
        peer.sock.sendall(frame[position : position + 1])
        time.sleep(0.02)
    peer.sock.sendall(frame[30:])
    wait_until(lambda: heard)
    peer.shutdown()  # type: ignore[no-untyped-call]
    server.stop()


def test_a_hundred_accounts_are_all_answered(server: WsServer) -> None:
    server.on_message(lambda event: f"to {event['self_id']}")
    peers = [join(server, 1000 + number) for number in range(100)]
    for number, peer in enumerate(peers):
        peer.push(message() | {"self_id": 1000 + number})
    for number, peer in enumerate(peers):
        assert peer.api.said() == f"to {1000 + number}"
    for peer in peers:
        peer.close()
    wait_until(lambda: not server.bots)
    assert connect_event()["self_id"] == 10001


def test_a_call_on_a_connection_that_breaks_is_a_network_error_whenever_it_breaks(
    server: WsServer,
) -> None:
    outcomes: list[BaseException] = []
    for _ in range(20):
        peer = join(server)
        server.wait_connected(5)
        breaking = threading.Thread(target=peer.hang_up)
        breaking.start()
        try:
            while True:
                server.call_action("x")
        except (NetworkError, ApiNotAvailable) as error:
            outcomes.append(error)
        breaking.join()
        peer.close()
        wait_until(lambda: not server.bots)
    assert len(outcomes) == 20
