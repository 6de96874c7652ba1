"""The HTTP side of EventServer: what comes in, what is refused, what goes back."""

from __future__ import annotations

import hmac
import io
import json
import logging
import select
import socket
import sys
import threading
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from http.client import HTTPConnection
from typing import Any

import pytest
from flask import Flask, jsonify, request_started
from flask import request as flask_request

from onebot_simple import EventServer, HttpClient, NetworkError, http_front
from onebot_simple import event_server as module
from onebot_simple.addresses import listen
from onebot_simple.bot import Bot

from .peers import Api, HttpApi, Poster, message, wait_until

Answer = tuple[int, bytes]


@pytest.fixture
def server() -> Iterator[EventServer]:
    with EventServer(port=0) as one:
        one.on_message(lambda event: "hi")
        yield one


def post(
    server: EventServer, body: Any, headers: dict[str, str] | None = None, path: str = "/"
) -> Answer:
    return Poster(Api(), server.port, path).post(body, headers)


@contextmanager
def raw(server: EventServer) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        yield connection


def answer_on(connection: socket.socket) -> Answer:
    """One HTTP answer from a connection that stays open."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(4096)
        if not piece:
            raise ConnectionError("closed")
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    fields = head.lower().split(b"\r\n")
    length = next((int(f[15:]) for f in fields if f.startswith(b"content-length:")), 0)
    while len(body) < length:
        body += connection.recv(4096)
    return int(head.split()[1]), body


EVENT = json.dumps(message()).encode()


def request(body: bytes, *headers: str, start: str = "POST / HTTP/1.1") -> bytes:
    lines = [start, "Host: 127.0.0.1", "Content-Type: application/json", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def with_length(body: bytes) -> bytes:
    return request(body, f"Content-Length: {len(body)}")


# -- what NapCat sends ----------------------------------------------------------------------------


def test_a_chunked_post_is_answered_with_a_quick_operation(server: EventServer) -> None:
    status, body = post(server, message())
    assert status == 200
    assert json.loads(body) == {
        "reply": [{"type": "text", "data": {"text": "hi"}}],
        "at_sender": False,
    }


def test_no_answer_is_204_without_a_body(server: EventServer) -> None:
    notice = {"post_type": "notice", "notice_type": "friend_add", "user_id": 1}
    assert post(server, notice) == (204, b"")


def test_with_an_api_the_answer_is_an_action_and_the_body_stays_empty() -> None:
    api = Api()
    http = HttpApi(api)
    with HttpClient(http.url) as client, EventServer(port=0, api=client) as server:
        server.on_message(lambda event: "hi")
        assert post(server, message()) == (204, b"")
        assert api.said() == "hi"
    http.close()


def test_many_events_come_over_one_connection(server: EventServer) -> None:
    with raw(server) as connection:
        for _ in range(50):
            connection.sendall(with_length(EVENT))
            assert answer_on(connection)[0] == 200


def test_events_that_were_sent_together_are_answered_in_order(server: EventServer) -> None:
    server.on_notice(lambda event: None)
    notice = json.dumps({"post_type": "notice", "notice_type": "friend_add"}).encode()
    with raw(server) as connection:
        connection.sendall(with_length(EVENT) + with_length(notice) + with_length(EVENT))
        connection.settimeout(5)
        assert [answer_on_one_of_many(connection) for _ in range(3)] == [200, 204, 200]


def answer_on_one_of_many(connection: socket.socket) -> int:
    stream = connection.makefile("rb", 0)
    status = int(stream.readline().split()[1])
    length = 0
    while (line := stream.readline().strip().lower()) != b"":
        if line.startswith(b"content-length:"):
            length = int(line[15:])
    while length:
        length -= len(stream.read(length) or b"")
    return status


def test_a_reply_to_a_request_is_no_quick_operation_without_an_api(
    server: EventServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.on_notice(lambda event: "welcome")
    notice = {"post_type": "notice", "notice_type": "group_increase", "group_id": 1, "user_id": 2}
    assert post(server, notice) == (204, b"")
    wait_until(lambda: "needs the API" in caplog.text)


@pytest.mark.parametrize("cannot", [object(), float("inf"), {"a", "set"}], ids=type)
def test_an_answer_that_json_cannot_carry_is_logged_and_nothing_is_answered(
    server: EventServer, cannot: object, caplog: pytest.LogCaptureFixture
) -> None:
    server.on_request(lambda event: {"approve": True, "remark": cannot})
    request = {"post_type": "request", "request_type": "friend", "user_id": 1, "flag": "f"}
    assert post(server, request) == (204, b"")
    assert "remark cannot be sent as JSON" in caplog.text


# -- who may come in ------------------------------------------------------------------------------


def signed(body: bytes, secret: str) -> dict[str, str]:
    return {"x-signature": "sha1=" + hmac.new(secret.encode(), body, "sha1").hexdigest()}


def test_a_signature_is_checked_over_the_raw_bytes() -> None:
    with EventServer(port=0, secret="s3cret") as server:
        body = b'{ "post_type" : "notice",\n"notice_type":"friend_add" }'
        assert post(server, body, signed(body, "s3cret")) == (204, b"")
        assert post(server, body, signed(body + b" ", "s3cret"))[0] == 403
        assert post(server, body, signed(body, "wrong"))[0] == 403
        assert post(server, body, {"x-signature": "sha1=\xe4"})[0] == 403
        status, words = post(server, body)
        assert status == 401
        assert "secret" in words.decode()


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8080", "[::2]", "10.0.0.1", "@"])
def test_a_host_that_is_not_loopback_is_refused(
    server: EventServer, host: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert post(server, message(), {"Host": host})[0] == 403
    assert f"dropped an event for another host: '{host}'" in caplog.text


@pytest.mark.parametrize(
    "host",
    [
        *("localhost", "LOCALHOST:80", "127.0.0.1:1", "[::1]:5", "127.9.9.9"),
        "host.docker.internal:8080",
    ],
)
def test_a_loopback_host_is_welcome(server: EventServer, host: str) -> None:
    assert post(server, message(), {"Host": host})[0] == 200


def test_the_application_runs_without_the_server_and_takes_any_host() -> None:
    server = EventServer()
    server.on_message(lambda event: "hi")
    client = server.app.test_client()
    answer = client.post("/", json=message(), headers={"Host": "bot.example.com"})
    assert answer.get_json()["reply"][0]["data"]["text"] == "hi"
    server._conversations.end(1)


HOOKS = ["before_request", "after_request", "teardown_request", "teardown_appcontext"]


@pytest.mark.parametrize("kind", [*HOOKS, "url_value_preprocessor"])
def test_what_is_hooked_into_the_application_sees_every_event(
    server: EventServer, kind: str
) -> None:
    seen: list[str] = []

    def hook(*given: Any) -> Any:
        seen.append(kind)
        return given[0] if kind == "after_request" else None

    getattr(server.app, kind)(hook)
    assert post(server, message())[0] == 200
    assert seen == [kind]


def test_who_listens_to_the_application_hears_of_every_event(server: EventServer) -> None:
    heard: list[object] = []
    with request_started.connected_to(lambda app: heard.append(app), server.app):
        assert post(server, message())[0] == 200
    assert heard == [server.app]


def test_a_view_of_ones_own_answers_every_event(server: EventServer) -> None:
    server.app.view_functions["receive"] = lambda: "mine"
    assert post(server, message()) == (200, b"mine")


def test_a_lower_limit_of_the_application_holds(server: EventServer) -> None:
    server.app.config["MAX_CONTENT_LENGTH"] = 10
    assert post(server, message())[0] == 413


def test_an_application_that_nobody_changed_does_not_slow_an_event_down(
    server: EventServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert get(server, "/")[0] == 405
    monkeypatch.delattr(Flask, "wsgi_app")
    assert post(server, message())[0] == 200


def test_an_error_on_the_way_of_an_event_is_500_and_in_the_log(
    server: EventServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delattr(Bot, "handle")
    assert post(server, message())[0] == 500
    assert "AttributeError" in caplog.text
    monkeypatch.undo()
    assert post(server, message())[0] == 200


def test_a_view_that_exits_is_500_and_the_server_lives_on(
    server: EventServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.app.add_url_rule("/exit", "exit", sys.exit)
    assert get(server, "/exit")[0] == 500
    assert "SystemExit" in caplog.text
    assert post(server, message())[0] == 200


def test_a_middleware_around_the_application_sees_every_event(server: EventServer) -> None:
    inner, seen = server.app.wsgi_app, []

    def middleware(environ: Any, start_response: Any) -> Any:
        seen.append(environ["PATH_INFO"])
        return inner(environ, start_response)

    server.app.wsgi_app = middleware  # type: ignore[method-assign]
    assert post(server, message())[0] == 200
    assert seen == ["/"]


def test_the_application_alone_holds_a_conversation_through_the_api() -> None:
    api = Api()
    onebot = HttpApi(api)
    with HttpClient(onebot.url) as http:
        server = EventServer(api=http)
        server.on_command("hello")(lambda event: "hi " + server.ask(event, "who are you?"))
        client = server.app.test_client()
        assert client.post("/", json=message("/hello")).status_code == 204
        assert api.said(1) == "who are you?"
        assert client.post("/", json=message("Ann")).status_code == 204
        assert api.said(2) == "hi Ann"
        server._conversations.end(1)
    onebot.close()


def test_listening_to_the_world_without_a_secret_is_warned_of(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with EventServer("0.0.0.0", 0) as server:
        assert post(server, message(), {"Host": "bot.example"})[0] == 204
    assert "without a secret" in caplog.text
    caplog.clear()
    with EventServer("0.0.0.0", 0, secret="x"):
        pass
    assert "without a secret" not in caplog.text


# -- what is refused ------------------------------------------------------------------------------


def test_a_browser_is_told_that_the_server_runs(server: EventServer) -> None:
    status, allowed, words = get(server, "/")
    assert (status, allowed) == (405, "POST")
    assert "服务器已经在运行" in words.decode()


def get(server: EventServer, path: str) -> tuple[int, str | None, bytes]:
    with closing(HTTPConnection("127.0.0.1", server.port, timeout=5)) as connection:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.headers["Allow"], answer.read()


def test_an_answer_without_a_length_ends(server: EventServer) -> None:
    server.app.add_url_rule("/parts", "parts", lambda: iter(["one, ", "two"]))
    assert get(server, "/parts") == (200, None, b"one, two")


def all_of(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.mark.parametrize("connection", ["close", "TE, close", "Close ,TE"])
def test_who_asks_for_the_end_of_the_connection_gets_it(
    server: EventServer, connection: str
) -> None:
    length = f"Content-Length: {len(EVENT)}"
    with raw(server) as wire:
        wire.sendall(request(EVENT, length, f"Connection: {connection}"))
        assert all_of(wire).lower().count(b"\r\nconnection: close\r\n") == 1


def test_a_view_that_says_close_closes_the_connection(server: EventServer) -> None:
    server.app.add_url_rule("/close", "close", lambda: ("x", {"connection": "close"}))
    with raw(server) as wire:
        wire.sendall(request(b"", start="GET /close HTTP/1.1"))
        assert all_of(wire).lower().count(b"\r\nconnection: close\r\n") == 1


def test_a_header_that_cannot_be_sent_is_500_and_in_the_log(
    server: EventServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.app.add_url_rule("/name", "name", lambda: ("x", {"X-Name": "你好"}))
    assert get(server, "/name")[0] == 500
    assert "UnicodeEncodeError" in caplog.text


@pytest.mark.parametrize("status", ["204 NO CONTENT", "304 NOT MODIFIED"])
def test_no_body_comes_after_a_status_that_has_none(server: EventServer, status: str) -> None:
    def middleware(environ: Any, start_response: Any) -> list[bytes]:
        start_response(status, [])
        return [b"a body"]

    server.app.wsgi_app = middleware  # type: ignore[method-assign]
    with raw(server) as wire:
        wire.sendall(request(b"", "Connection: close"))
        assert all_of(wire).endswith(b"\r\n\r\n")


def test_cookies_in_two_lines_are_all_seen(server: EventServer) -> None:
    server.app.add_url_rule("/cookies", "cookies", lambda: jsonify(flask_request.cookies))
    with raw(server) as wire:
        start = "GET /cookies HTTP/1.1"
        wire.sendall(request(b"", "Cookie: a=1", "Cookie: b=2; c=3", start=start))
        assert json.loads(answer_on(wire)[1]) == {"a": "1", "b": "2", "c": "3"}


def test_who_speaks_http_1_0_gets_one_answer_and_is_not_told_to_continue(
    server: EventServer,
) -> None:
    protocol = "SERVER_PROTOCOL"
    server.app.add_url_rule("/which", "which", lambda: flask_request.environ[protocol])
    with raw(server) as wire:
        options = "Expect: 100-continue", "Connection: keep-alive"
        wire.sendall(request(b"", *options, start="GET /which HTTP/1.0"))
        answer = all_of(wire)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"\r\nConnection: close\r\n" in answer
    assert answer.endswith(b"\r\n\r\nHTTP/1.0")


def test_a_connection_ends_even_when_a_forked_process_has_it_too(server: EventServer) -> None:
    with ExitStack() as kept:
        server.app.add_url_rule(
            "/fork",
            "fork",
            lambda: kept.enter_context(flask_request.environ["werkzeug.socket"].dup()) and "x",
        )
        with raw(server) as wire:
            wire.sendall(request(b"", "Connection: close", start="GET /fork HTTP/1.1"))
            assert all_of(wire).endswith(b"x")


def test_who_reads_a_large_answer_slowly_gets_it_whole(
    server: EventServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_front, "IDLE_SECONDS", 1)
    size, got = 32 * 1024 * 1024, 0
    server.app.add_url_rule("/large", "large", lambda: bytes(size))
    with raw(server) as wire:
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        wire.sendall(request(b"", "Connection: close", start="GET /large HTTP/1.1"))
        slow_until, pause = time.monotonic() + 1.3, threading.Event()
        while piece := wire.recv(65536):
            got += len(piece)
            if time.monotonic() < slow_until:
                pause.wait(0.005)
    assert got > size


def test_a_large_answer_is_not_copied(server: EventServer) -> None:
    large = bytes(8 * 1024 * 1024)
    server.app.add_url_rule("/large", "large", lambda: large)
    with raw(server) as wire:
        tracemalloc.start()
        wire.sendall(request(b"", "Connection: close", start="GET /large HTTP/1.1"))
        while wire.recv(65536):
            pass
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < len(large) / 2


def test_another_path_is_not_found(server: EventServer) -> None:
    status, words = post(server, message(), path="/elsewhere")
    assert status == 404
    assert "路径不对" in words.decode()


def test_the_path_can_be_chosen() -> None:
    with EventServer(port=0, path="/onebot/v11") as server:
        assert post(server, message(), path="/onebot/v11")[0] == 204
        assert post(server, message(), path="/")[0] == 404
        assert server.url.endswith("/onebot/v11")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_what_is_not_json_by_its_type_is_415(server: EventServer, kind: str) -> None:
    assert post(server, message(), {"content-type": kind})[0] == 415


def test_the_query_of_a_broken_request_is_not_logged(
    server: EventServer, caplog: pytest.LogCaptureFixture
) -> None:
    with raw(server) as connection:
        connection.sendall(b"POST /?access_token=SECRET HTTP/1.1\r\nno header\r\n\r\n")
        assert answer_on(connection)[0] == 400
    assert "what is no HTTP request" in caplog.text
    assert "SECRET" not in caplog.text


def test_who_speaks_tls_to_us_is_told_of_once(
    server: EventServer, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        with raw(server) as connection:
            connection.sendall(b"\x16\x03\x01\x00\x05hello\r\n")
            assert answer_on(connection)[0] == 400
    [said] = [one.getMessage() for one in caplog.records if one.levelname == "WARNING"]
    assert said.startswith("dropped what is no HTTP request: b'\\x16\\x03")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"5",
        b'"post_type"',
        b"\xff\xfe{}",
        b"{}",
        b'{"post_type": 5}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"post_type": "notice", "n": ' + b"9" * 10_000 + b"}",
    ],
)
def test_what_is_no_event_is_400_and_the_server_lives_on(server: EventServer, body: bytes) -> None:
    assert post(server, body)[0] == 400
    assert post(server, message())[0] == 200


def test_a_body_over_64_mib_is_413(server: EventServer) -> None:
    limit = 64 * 1024 * 1024
    with raw(server) as connection:
        connection.sendall(request(b"", f"Content-Length: {limit + 1}"))
        piece = b" " * 1024 * 1024
        for _ in range(64):
            connection.sendall(piece)
        connection.sendall(b" ")
        assert answer_on(connection)[0] == 413
    assert post(server, message())[0] == 200


@pytest.mark.parametrize(
    "wire",
    [
        request(b"{}", "Content-Length: -5"),
        request(b"{}", "Content-Length: five"),
        request(b"{}", "Content-Length: +2"),
        request(b"{}", "Content-Length: 2", "Transfer-Encoding: chunked"),
        request(b"2\r\n{}", "Transfer-Encoding: gzip, chunked"),
        request(b"zz\r\n{}\r\n", "Transfer-Encoding: chunked"),
        request(b"-1\r\n{}\r\n", "Transfer-Encoding: chunked"),
        request(b"2\r\n{}xx0\r\n\r\n", "Transfer-Encoding: chunked"),
        b"nonsense\r\n\r\n",
        request(b"", start="POST http://[bad HTTP/1.1"),
        b"POST / HTTP/1.1\r\n" + b"X: y\r\n" * 200 + b"\r\n",
    ],
)
def test_broken_http_is_refused_and_its_connection_closed(server: EventServer, wire: bytes) -> None:
    with raw(server) as connection:
        connection.sendall(wire)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := connection.recv(4096):
            answer += piece
        assert answer.split(b" ", 2)[1][:1] == b"4" or b"Error code: 4" in answer
    assert post(server, message())[0] == 200


HIDDEN = with_length(EVENT)
CHUNK = EVENT + b"\r\n0\r\n\r\n"
IN_CHUNKS = b"%x\r\n" % len(EVENT) + CHUNK


@pytest.mark.parametrize(
    "wire",
    [
        request(HIDDEN, f"Content-Length: {len(HIDDEN)}", "Content-Length: 0"),
        request(EVENT, "Content-Length: 0", f"Content-Length: {len(EVENT)}"),
        request(EVENT, f"Content-Length: {len(EVENT)}", "Host: evil.example"),
        request(EVENT, f"Content-Length: +{len(EVENT)}"),
        request(EVENT, f"Content-Length: 0_{len(EVENT)}"),
        request(EVENT, f"Content-Length: {len(EVENT)}", "Transfer-Encoding: identity"),
        request(IN_CHUNKS, f"Content-Length: {len(EVENT)}", "Transfer-Encoding: chunked"),
        request(IN_CHUNKS, "Transfer-Encoding: gzip, chunked"),
        request(IN_CHUNKS, "Transfer-Encoding: chunked", start="POST / HTTP/1.0"),
        request(b"", "Content-Length:"),
        request(IN_CHUNKS, "Content-Length:", "Transfer-Encoding: chunked"),
        request(EVENT, f"Content-Length: {len(EVENT)}", "Transfer-Encoding:"),
        request(IN_CHUNKS, "Transfer-Encoding: identity", "Transfer-Encoding: chunked"),
        request(EVENT, f"Content-Length: {len(EVENT)}", *["X: y"] * 200),
        request(HIDDEN, f"Content-Length : {len(HIDDEN)}"),
        request(HIDDEN, "no colon", f"Content-Length: {len(HIDDEN)}"),
        request(HIDDEN, start="POST / HTTP/1.1\r\n folded: at once"),
        request(HIDDEN, f"X: y\rContent-Length: {len(HIDDEN)}"),
        request(HIDDEN, f"X: y\vContent-Length: {len(HIDDEN)}"),
        request(b"+%x\r\n" % len(EVENT) + CHUNK, "Transfer-Encoding: chunked"),
        request(b"0x%x\r\n" % len(EVENT) + CHUNK, "Transfer-Encoding: chunked"),
        request(b"0_%x\r\n" % len(EVENT) + CHUNK, "Transfer-Encoding: chunked"),
    ],
)
def test_what_a_proxy_in_front_could_read_differently_is_refused_whole(
    server: EventServer, wire: bytes
) -> None:
    with raw(server) as connection:
        connection.sendall(wire)
        assert answer_on(connection)[0] == 400
        assert connection.recv(10) == b""
    assert server.stats["events"] == 0


@pytest.mark.parametrize("start", [b"2\r\n{}", b"2", b"2;", b"0\r\n"])
def test_a_chunk_that_does_not_end_is_refused_before_more_of_it_is_read(
    server: EventServer, start: bytes
) -> None:
    with raw(server) as connection:
        connection.sendall(request(start + b"x" * 1000, "Transfer-Encoding: chunked"))
        assert answer_on(connection)[0] == 400


def test_chunks_may_carry_extensions(server: EventServer) -> None:
    wire = b"%x;name=value\r\n" % len(EVENT) + CHUNK
    with raw(server) as connection:
        connection.sendall(request(wire, "Transfer-Encoding: chunked"))
        assert answer_on(connection)[0] == 200


@pytest.mark.parametrize("slow", ["IDLE_SECONDS", "BODY_SECONDS"])
def test_a_request_that_only_drips_is_given_up(
    server: EventServer, slow: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_front, slow, 0.2)
    began = time.monotonic()
    with raw(server) as connection:
        if slow == "BODY_SECONDS":
            connection.sendall(request(b"", "Content-Length: 5000"))
        with suppress(ConnectionError):
            while not select.select([connection], [], [], 0.02)[0]:
                connection.sendall(b"x")
                assert time.monotonic() - began < 4
            assert connection.recv(10) == b""
    assert post(server, message())[0] == 200


def test_connections_are_counted_and_too_many_are_refused(
    server: EventServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(http_front, "MAX_CONNECTIONS", 2)
    with raw(server) as first, raw(server):
        wait_until(lambda: server._server and len(server._server._connections) == 2)
        with raw(server) as third:
            assert third.recv(10) == b""
        assert "dropped a connection" in caplog.text
        first.sendall(with_length(EVENT))
        assert answer_on(first)[0] == 200
    wait_until(lambda: server._server and not server._server._connections)
    assert post(server, message())[0] == 200


@contextmanager
def without_new_threads(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception] = RuntimeError
) -> Iterator[None]:
    start = threading.Thread.start

    def no_more(thread: threading.Thread) -> None:
        if "connection" in thread.name:
            raise error("can't start new thread")
        start(thread)

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", no_more)
        yield


@pytest.mark.parametrize("error", [RuntimeError, MemoryError])
def test_connections_share_the_thread_that_there_is_when_no_other_can_be_had(
    server: EventServer,
    error: type[Exception],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with without_new_threads(monkeypatch, error), raw(server) as first, raw(server) as second:
        for connection in (second, first):
            connection.sendall(with_length(EVENT))
        assert answer_on(first)[0] == 200
        assert answer_on(second)[0] == 200
        assert first.recv(10) == b""
    assert "connections wait for a thread" in caplog.text
    with raw(server) as connection:
        for _ in range(2):
            connection.sendall(with_length(EVENT))
            assert answer_on(connection)[0] == 200


def test_that_threads_are_missing_is_said_once_until_there_was_one(
    server: EventServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def said_after_three_events() -> int:
        with without_new_threads(monkeypatch):
            for _ in range(3):
                assert post(server, message())[0] == 200
        return caplog.text.count("connections wait for a thread")

    assert said_after_three_events() == 1
    with raw(server) as connection:  # its thread has started another one
        connection.sendall(with_length(EVENT))
        assert answer_on(connection)[0] == 200
        assert said_after_three_events() == 2


def test_who_is_silent_holds_the_last_thread_only_shortly(
    server: EventServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_front, "ALONE_SECONDS", 0.1)
    with without_new_threads(monkeypatch), raw(server) as silent, raw(server) as connection:
        connection.sendall(with_length(EVENT))
        assert answer_on(connection)[0] == 200
        assert silent.recv(10) == b""


@pytest.fixture
def a_log_that_raises(server: EventServer) -> Iterator[None]:
    class Broken(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.levelno >= logging.WARNING or record.module == "http_front":
                raise ValueError("a handler that is broken")

    handler, log = Broken(), logging.getLogger("onebot_simple")
    level = log.level
    log.addHandler(handler)
    log.setLevel("DEBUG")
    yield
    log.setLevel(level)
    log.removeHandler(handler)


@pytest.mark.usefixtures("a_log_that_raises")
def test_a_log_that_raises_leaves_the_server_alive(
    server: EventServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with without_new_threads(monkeypatch), raw(server) as connection:
        assert connection.recv(10) == b""  # the thread could not say that it is alone
    with raw(server) as first:
        first.sendall(with_length(EVENT))
        assert answer_on(first)[0] == 200
        with monkeypatch.context() as patch:
            patch.setattr(http_front, "MAX_CONNECTIONS", 1)
            with raw(server) as too_many:
                assert too_many.recv(10) == b""
        first.sendall(with_length(EVENT))
        assert answer_on(first)[0] == 200
    assert post(server, message())[0] == 200


def test_without_files_the_server_says_so_once_and_connections_wait(
    server: EventServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    resource = pytest.importorskip("resource")
    monkeypatch.setattr(http_front, "PAUSE_SECONDS", 0.001)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with socket.socket() as connection:
        connection.settimeout(5)
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
            connection.connect(("127.0.0.1", server.port))
            wait_until(lambda: "cannot take a connection" in caplog.text)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        connection.sendall(with_length(EVENT))
        assert answer_on(connection)[0] == 200
    assert caplog.text.count("cannot take a connection") == 1


def test_a_default_timeout_of_sockets_is_no_reason_not_to_wait_for_connections(
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = EventServer(port=0)
    usual = socket.getdefaulttimeout()
    socket.setdefaulttimeout(0.0001)
    try:
        server.start()
    finally:
        socket.setdefaulttimeout(usual)
    for _ in range(20):
        assert post(server, message())[0] == 204
    server.stop()
    assert "cannot take a connection" not in caplog.text


def test_a_connection_that_waits_for_a_thread_is_closed_at_the_end(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    server = EventServer(port=0)
    server.start()
    with without_new_threads(monkeypatch), raw(server) as first, raw(server) as waiting:
        wait_until(lambda: "wait for a thread" in caplog.text)
        server.stop()
        assert first.recv(10) == b""
        with suppress(ConnectionError):
            assert waiting.recv(10) == b""


def test_a_server_without_any_thread_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    server = EventServer(port=0)
    with without_new_threads(monkeypatch), pytest.raises(RuntimeError, match="new thread"):
        server.start()
    with pytest.raises(ConnectionError), raw(server):
        pass


def connection_threads() -> int:
    return sum("connection" in thread.name for thread in threading.enumerate())


def test_after_a_rush_of_connections_only_some_threads_stay() -> None:
    with EventServer(port=0) as server:
        with ExitStack() as stack:
            many = [stack.enter_context(raw(server)) for _ in range(40)]
            for one in many:
                one.sendall(with_length(EVENT))
            assert {answer_on(one) for one in many} == {(204, b"")}
            assert connection_threads() >= 40
        wait_until(lambda: connection_threads() <= http_front.SPARE_THREADS)
        assert post(server, message())[0] == 204
    assert connection_threads() == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "::1", "::"])
def test_threads_that_wait_for_a_connection_end_with_the_server(host: str) -> None:
    try:
        listen(host, 0, 1).close()
    except NetworkError:
        pytest.skip("this machine has no IPv6")
    server = EventServer(host, 0, secret="x")
    server.start()
    assert connection_threads() == 1
    began = time.monotonic()
    server.stop()
    assert connection_threads() == 0
    assert time.monotonic() - began < 0.5


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere only a connection ends accept()")
def test_a_server_that_cannot_connect_to_itself_ends_as_well(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def dropped(*given: object) -> None:
        raise TimeoutError("a firewall")

    server = EventServer(port=0)
    for _ in range(2):  # the second time on the same port
        server.start()
        with monkeypatch.context() as patch:
            patch.setattr(http_front, "create_connection", dropped)
            server.stop()
        assert connection_threads() == 0


def test_a_view_that_does_not_end_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    entered, release = threading.Event(), threading.Event()

    def view() -> str:
        entered.set()
        return str(release.wait(20))

    with EventServer(port=0) as server, raw(server) as connection:
        server.app.add_url_rule("/", "view", view)
        connection.sendall(request(b"", start="GET / HTTP/1.1"))
        assert entered.wait(5)
        assert server._server
        server._server.close(0.05)
        release.set()
    assert "1 requests are still running" in caplog.text


def test_a_view_may_stop_the_server() -> None:
    with EventServer(port=0) as server:
        server.app.add_url_rule("/stop", "stop", lambda: server.stop() or "")
        began = time.monotonic()
        with suppress(ConnectionError):
            get(server, "/stop")
        assert server._stopped.wait(2)
        assert time.monotonic() - began < 2


def test_a_connection_that_ends_in_the_middle_of_a_body_hurts_nobody(server: EventServer) -> None:
    handled: list[Any] = []
    server.on("message")(lambda event: handled.append(event))
    for wire in (
        request(EVENT, "Content-Length: 5000"),
        request(b"5", "Transfer-Encoding: chunked"),
    ):
        with raw(server) as connection:
            connection.sendall(wire)
    assert post(server, message())[0] == 200


def test_expect_100_continue_is_answered(server: EventServer) -> None:
    with raw(server) as connection:
        connection.sendall(request(b"", f"Content-Length: {len(EVENT)}", "Expect: 100-continue"))
        assert connection.recv(100).startswith(b"HTTP/1.1 100")
        connection.sendall(EVENT)
        assert answer_on(connection)[0] == 200


# -- the server -----------------------------------------------------------------------------------


def test_slow_handlers_delay_nobody_else() -> None:
    release = threading.Event()
    with EventServer(port=0) as server:
        server.on_command("slow")(lambda event: release.wait(20) and None)
        server.on_message(lambda event: "quick")
        poster = Poster(Api(), server.port)
        for user in range(40):
            poster.push(message("/slow", user_id=user + 1))
        wait_until(lambda: len(server._conversations._lines) == 40)
        status, body = post(server, message("hi", user_id=999))
        assert b"quick" in body
        release.set()
        poster.close()


def test_a_port_in_use_is_an_error_that_says_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(NetworkError, match=f"端口被占用.*Cannot listen on 127.0.0.1:{port}"):
            EventServer(port=port).start()


def test_an_address_that_is_not_ours_is_an_error_that_says_so() -> None:
    with pytest.raises(NetworkError, match="Cannot listen on 203.0.113.1"):
        EventServer("203.0.113.1", 0).start()


def test_open_connections_end_with_the_server() -> None:
    server = EventServer(port=0)
    server.start()
    with raw(server) as idle, raw(server) as half:
        idle.sendall(with_length(json.dumps({"post_type": "notice"}).encode()))
        assert answer_on(idle)[0] == 204
        half.sendall(b"POST / HT")
        server.stop()
        assert idle.recv(10) == b""
        assert half.recv(10) in (b"",)


def test_connections_one_after_another_share_threads(server: EventServer) -> None:
    threads = set()
    server.app.before_request(lambda: threads.add(threading.current_thread()))
    for _ in range(40):
        assert post(server, message())[0] == 200
    assert 1 <= len(threads) < 20


def test_wrong_arguments_are_refused_at_once() -> None:
    with pytest.raises(ValueError, match="path"):
        EventServer(path="events")
    with pytest.raises(TypeError, match="HttpClient"):
        EventServer(api="http://127.0.0.1:3000")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="port"):
        EventServer(port=70000).start()
    with pytest.raises(ValueError, match="port"):
        EventServer(port="8080").start()  # type: ignore[arg-type]


def test_nothing_is_written_to_the_console(
    server: EventServer, capfd: pytest.CaptureFixture[str]
) -> None:
    post(server, message())
    post(server, b"{")
    with raw(server) as connection:
        connection.sendall(b"nonsense\r\n\r\n")
        connection.recv(100)
    captured = capfd.readouterr()
    assert captured.out == ""
    assert "Traceback" not in captured.err
    assert "development server" not in captured.err


def test_any_bytes_on_the_wire_leave_the_application_alive(server: EventServer) -> None:
    """Fuzz of the WSGI application with environments a server could hand over."""
    from hypothesis import HealthCheck, given, settings
    from hypothesis import strategies as st

    @settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
    @given(body=st.binary(max_size=200), kind=st.sampled_from(["application/json", "x/y", ""]))
    def check(body: bytes, kind: str) -> None:
        client = server.app.test_client()
        answer = client.post(
            "/", input_stream=io.BytesIO(body), content_type=kind, content_length=len(body)
        )
        assert answer.status_code in (200, 204, 400, 415)

    check()


def test_posts_whose_events_are_dropped_at_the_end_are_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "SLICE_SECONDS", 0.005)
    release = threading.Event()
    server = EventServer(port=0)
    server.on_message(lambda event: release.wait(1.2) and None)
    server.start()
    poster = Poster(Api(), server.port)
    for _ in range(5):
        poster.push(message())
    wait_until(lambda: server._conversations.queued == 4)
    server.stop()
    assert not [thread for thread in threading.enumerate() if "connection" in thread.name]
    release.set()
    poster.close()
    assert set(poster.statuses) <= {503}  # or the connection was closed without an answer


@pytest.mark.parametrize("api", [None, HttpClient("http://127.0.0.1:9")])
def test_an_event_that_comes_too_late_is_refused_so_that_it_can_come_again(
    api: HttpClient | None, caplog: pytest.LogCaptureFixture
) -> None:
    entered, release = threading.Event(), threading.Event()
    server = EventServer(port=0, api=api)

    @server.on_message
    def slow(event: dict[str, Any]) -> None:
        entered.set()
        release.wait(5)

    server.start()
    poster = Poster(Api(), server.port)
    poster.push(message())
    assert entered.wait(5)
    stopping = threading.Thread(target=server.stop)
    stopping.start()
    assert server._stopping.wait(5)
    status, words = post(server, message())
    release.set()
    stopping.join(5)
    poster.close()
    assert (status, words[:3]) == (503, b"the")
    assert "1 events were not handled any more" in caplog.text


def test_a_handler_that_takes_too_long_for_http_is_warned_of(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "ANSWER_SECONDS", 0.1)
    release = threading.Event()
    with EventServer(port=0) as server:
        server.on_message(lambda event: release.wait(5) and "late")
        assert post(server, message()) == (204, b"")
        assert "no handler answered within" in caplog.text
        release.set()
