"""The reverse WebSocket: accounts that come, go, and come again."""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import urlencode

import pytest
from websocket import (
    WebSocketBadStatusException,
    create_connection,
)

from onebot_simple import ApiNotAvailable, NetworkError, WsServer, segment

from .conftest import LetPass, SetStopWaits
from .peers import Api, ReverseWs, connect_event, free_port, message, ok, wait_until


@pytest.fixture
def server() -> Iterator[WsServer]:
    with WsServer(port=0) as one:
        yield one


def join(server: WsServer, self_id: int | None = 10001, role: str = "Universal") -> ReverseWs:
    peer = ReverseWs(Api(), server.url, self_id, role)
    wait_until(lambda: peer.sockets)
    return peer


# -- accounts -------------------------------------------------------------------------------------


def test_a_bot_is_there_once_it_has_connected(server: WsServer) -> None:
    with pytest.raises(
        ApiNotAvailable, match=r"没有账号连上来：在 NapCat.*no account connected to ws://"
    ):
        server.wait_connected(0.05)
    peer = join(server)
    server.wait_connected(5)
    assert list(server.bots) == [10001]
    assert server.bot(10001).call_action("send_like", user_id=1) == {"message_id": 1234}
    assert server.bot("10001").self_id == 10001
    with pytest.raises(
        ApiNotAvailable, match=r"账号 5 现在没有连着.*Account 5 is not connected.*connected: 10001"
    ):
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


def test_handlers_hear_of_connections_in_the_order_of_the_facts(server: WsServer) -> None:
    """However many connections of one account come and go at once."""
    turns: list[str] = []

    @server.on_connect
    def came(self_id: int) -> None:
        time.sleep(0.002)  # in which it could be overtaken
        turns.append("+")

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

    def whole_story() -> str:
        is_over = not server.bots and not server.stats["queued"]
        heard = "".join(turns)
        return heard if is_over and heard.count("-") == heard.count("+") else ""

    heard = wait_until(whole_story)
    assert heard == "+-" * (len(heard) // 2)


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


def handshake(path: bytes, *headers: bytes) -> bytes:
    lines = [b"GET " + path + b" HTTP/1.1", b"Upgrade: websocket", b"Connection: Upgrade"]
    lines += [b"Sec-WebSocket-Version: 13", b"Sec-WebSocket-Key: " + b"A" * 22 + b"=="]
    return b"\r\n".join([*lines, *headers]) + b"\r\n\r\n"


def raw_dial(server: WsServer, path: bytes = b"/", *headers: bytes) -> bytes:
    """The first line of the answer to a handshake that may hold any bytes."""
    address = ("127.0.0.1", server.port)
    with socket.create_connection(address, timeout=5) as connection, suppress(ConnectionError):
        connection.sendall(handshake(path, *headers))
        return connection.recv(4096).partition(b"\r\n")[0]
    return b"closed"


@pytest.mark.parametrize("token", [b"\xff", "密码".encode(), b"s3cret\xff"])
def test_a_token_may_hold_any_bytes_and_is_just_wrong(token: bytes) -> None:
    with WsServer(port=0, access_token="s3cret") as server:
        assert b" 403 " in raw_dial(server, b"/", b"Authorization: Bearer " + token)
        assert b" 101 " not in raw_dial(server, b"/?access_token=" + token)
        assert dial(server, "/", "Authorization: Bearer s3cret") == 101


def test_why_somebody_may_not_come_in_is_said_in_both_languages(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with WsServer(port=0, access_token="s3cret") as server:
        dial(server)
        dial(server, "/", "Authorization: Bearer wrong")
        dial(server, "/", "Origin: http://evil.example", "Authorization: Bearer s3cret")
    with WsServer(port=0) as server:
        raw_dial(server, b"/", b"Host: evil.example:8765")
    lines = [record.getMessage() for record in caplog.records]
    assert [line for line in lines if "refused" in line] == [
        "拒绝了来自 127.0.0.1 的连接：它没有带 access_token："
        "OneBot 里填的 token 要和这里的 access_token 一模一样。 "
        "refused a connection from 127.0.0.1: missing access_token: "
        "the token in OneBot must be exactly the access_token here.",
        "拒绝了来自 127.0.0.1 的连接：它的 access_token 不对："
        "OneBot 里填的 token 要和这里的 access_token 一模一样。 "
        "refused a connection from 127.0.0.1: wrong access_token: "
        "the token in OneBot must be exactly the access_token here.",
        "拒绝了来自 127.0.0.1 的连接：它来自网页 http://evil.example。 "
        "refused a connection from 127.0.0.1: it comes from a web page, "
        "Origin http://evil.example.",
        "拒绝了来自 127.0.0.1 的连接：它要找的主机是 evil.example:8765。"
        "地址的主机写 127.0.0.1；有反向代理就设置 access_token。 "
        "refused a connection from 127.0.0.1: it is for another host, evil.example:8765. "
        "Let the address have the host 127.0.0.1; behind a reverse proxy, set an access_token.",
    ]


def test_another_host_needs_a_token(server: WsServer) -> None:
    assert b" 403 " in raw_dial(server, b"/", b"Host: evil.example:8765")
    for host in (b"127.0.0.1:8765", b"localhost", b"[::1]:1", b"host.docker.internal:8765"):
        assert b" 101 " in raw_dial(server, b"/", b"Host: " + host)
    assert b" 101 " in raw_dial(server)
    with WsServer(port=0, access_token="t") as other:
        headers = [b"Host: bot.example", b"Authorization: Bearer t"]
        assert b" 101 " in raw_dial(other, b"/", *headers)


def test_a_wrong_token_is_said_once_a_minute_for_each_peer(
    caplog: pytest.LogCaptureFixture, let_pass: LetPass
) -> None:
    with WsServer("0.0.0.0", 0, access_token="s3cret") as server:
        for _ in range(3):
            for peer in ("127.0.0.1", "127.0.0.2"):
                with socket.create_connection(
                    ("127.0.0.1", server.port), timeout=5, source_address=(peer, 0)
                ) as one:
                    one.sendall(handshake(b"/", b"Authorization: Bearer wrong"))
                    assert b" 403 " in one.recv(4096)
        assert caplog.text.count("refused a connection from 127.0.0.1: wrong access_token") == 1
        assert caplog.text.count("refused a connection from 127.0.0.2: wrong access_token") == 1
        let_pass(61)
        dial(server, "/", "Authorization: Bearer wrong")
    assert caplog.text.count("refused a connection from 127.0.0.1: wrong access_token") == 2


def test_who_never_stops_trying_is_named_again_and_again(
    caplog: pytest.LogCaptureFixture, let_pass: LetPass
) -> None:
    with WsServer(port=0, access_token="s3cret") as server:
        for _ in range(5):  # every 25 seconds, so the fourth is after a minute
            dial(server)
            let_pass(25)
    wait_until(lambda: caplog.text.count("missing access_token") == 2)


def test_a_browser_is_told_that_this_is_a_websocket_not_that_it_lacks_a_token(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with (
        WsServer(port=0, access_token="s3cret") as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=5) as browser,
    ):
        browser.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert b" 426 " in browser.recv(4096)
    assert "A browser cannot open this address" in caplog.text
    assert "missing access_token" not in caplog.text


def test_a_web_page_may_not_connect_from_anywhere_although_the_server_is_open() -> None:
    with WsServer("0.0.0.0", 0, "t") as server:
        token = "Authorization: Bearer t"
        assert dial(server, "/", token, "Origin: http://evil.example") == 403
        assert dial(server, "/", token, f"Origin: http://127.0.0.1:{server.port}") == 101


def test_an_ipv4_peer_of_a_server_for_both_families_has_its_usual_address(
    caplog: pytest.LogCaptureFixture,
) -> None:
    if not socket.has_dualstack_ipv6():
        pytest.skip("this system serves one family at a time")
    with WsServer("::", 0, "s3cret") as server:
        assert dial(server) == 401
    assert "refused a connection from 127.0.0.1: " in caplog.text


def test_no_token_is_ever_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with WsServer(port=0, access_token="s3cret") as server:
        dial(server, "/?access_token=s3cret")
        dial(server, "/", "Authorization: Bearer almost-s3cret")
        raw_dial(server, b"/?access_token=s3cret HTTP/1.0\r\nX: ")
    assert "s3cret" not in caplog.text


def test_who_comes_while_the_server_is_stopping_is_told_to_come_later(
    server: WsServer, set_stop_waits: SetStopWaits
) -> None:
    set_stop_waits(10, 10)  # it waits for the handler
    started, finish = threading.Event(), threading.Event()

    @server.on_message
    def slow(event: object) -> None:
        started.set()
        finish.wait(10)

    peer = join(server)
    peer.push(message())
    assert started.wait(5)
    stopping = threading.Thread(target=server.stop)
    stopping.start()
    wait_until(lambda: dial(server) == 503)
    finish.set()
    stopping.join(5)
    peer.close()


def test_host_port_and_token_are_read_at_each_start() -> None:
    server = WsServer("127.0.0.1", 1, "one")
    port = free_port()
    server.host, server.port, server.access_token = "localhost", port, "two"
    with server:
        assert server.url == f"ws://localhost:{port}"
        assert dial(server, "/", "Authorization: Bearer one") == 403
        assert dial(server, "/", "Authorization: Bearer two") == 101
    server.access_token = None
    with server:
        assert dial(server) == 101


def test_listening_to_the_world_without_a_token_is_warned_of(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with WsServer("0.0.0.0", 0):
        assert "任何人都能冒充 OneBot：请设置 access_token" in caplog.text
        assert "pretend to be OneBot: set access_token." in caplog.text
    caplog.clear()
    with WsServer("0.0.0.0", 0, "s3cret"), WsServer(port=0):
        assert "open to the network" not in caplog.text


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


def test_text_that_is_no_utf8_is_dropped_too(server: WsServer) -> None:
    heard: list[str] = []
    server.on_message(lambda event: heard.append(segment.plain_text(event)))
    peer = join(server)
    peer.socket.send(b'{"post_type": "\xff"}', 1)
    peer.push(message("after"))
    wait_until(lambda: heard == ["after"])
    peer.close()


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
    assert "OneBot 10001 (127.0.0.1)" in str(errors[0])
    peer.close()


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


def test_a_stranger_with_ever_new_names_is_named_once(caplog: pytest.LogCaptureFixture) -> None:
    with WsServer(port=0) as server:
        for number in range(20):
            assert dial(server, "/", f"Origin: http://host{number}.example") == 403
    assert caplog.text.count("refused a connection") == 1


def test_waiting_for_an_account_ends_with_the_server() -> None:
    server = WsServer(port=0)
    server.start()
    threading.Timer(0.1, server.stop).start()
    began = time.monotonic()
    with pytest.raises(NetworkError, match="bot was stopped"):
        server.wait_connected(30)
    assert time.monotonic() - began < 5


def test_a_plus_in_a_token_of_the_query_may_be_itself() -> None:
    with WsServer(port=0, access_token="a+b==") as server:
        assert dial(server, "/?access_token=a+b==") == 101
        assert dial(server, "/?access_token=a%2Bb%3D%3D") == 101
        assert dial(server, "/?access_token=ab==") == 403


def test_a_stream_that_nobody_reads_on_delays_no_other_account() -> None:
    with WsServer(port=0) as server:
        busy, quiet = (
            create_connection(server.url, header=[f"X-Self-ID: {number}"], suppress_origin=True)
            for number in (1, 2)
        )
        server.wait_connected(5)
        first: list[object] = []
        stream = server.bot(1).stream_action("download_file_stream", file="x")
        reading = threading.Thread(target=lambda: first.append(next(stream)))
        reading.start()
        echo = json.loads(busy.recv())["echo"]
        frame = {"status": "ok", "retcode": 0, "data": {"type": "stream"}, "echo": echo}
        for _ in range(1000):
            busy.send(json.dumps(frame))
        reading.join(5)

        def answer() -> None:
            call = json.loads(quiet.recv())
            quiet.send(json.dumps({"status": "ok", "retcode": 0, "data": {}, "echo": call["echo"]}))

        answering = threading.Thread(target=answer)
        answering.start()
        assert first and server.bot(2).request("get_status", timeout=10)["status"] == "ok"
        answering.join(5)
        stream.close()  # type: ignore[attr-defined]
        busy.close()
        quiet.close()
