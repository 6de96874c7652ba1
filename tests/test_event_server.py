"""The HTTP side of EventServer: what comes in, what is refused, what goes back."""

from __future__ import annotations

import hmac
import io
import json
import logging
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from threading import Semaphore
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
import requests
from flask import Response, abort, jsonify, request_started
from flask import request as flask_request
from websocket import WebSocketException, create_connection
from werkzeug.exceptions import HTTPException

from onebot_simple import EventServer, HttpClient, NetworkError

from .conftest import SetStopWaits
from .peers import Api, HttpApi, Poster, free_port, message, wait_until

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
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
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


def with_length(body: bytes, path: str = "/") -> bytes:
    return request(body, f"Content-Length: {len(body)}", start=f"POST {path} HTTP/1.1")


def post_in_one_piece(server: EventServer, path: str) -> Answer:
    """A post to a path where nobody reads the body: were it to come later, it would meet a closed
    connection, and the answer could get lost."""
    with raw(server) as connection:
        connection.sendall(with_length(EVENT, path))
        return answer_on(connection)


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


def test_a_reply_to_a_request_needs_an_api_and_the_rest_of_the_operation_does_not(
    server: EventServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.on_notice(lambda event: "welcome")
    notice = {"post_type": "notice", "notice_type": "group_increase", "group_id": 1, "user_id": 2}
    assert post(server, notice) == (204, b"")
    server.on_request(lambda event: {"approve": True, "reply": "welcome"})
    request = {"post_type": "request", "request_type": "friend", "user_id": 1, "flag": "f"}
    assert post(server, request) == (200, b'{"approve":true}')
    assert caplog.text.count("this EventServer has no api=") == 2


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


def test_a_wrong_or_missing_secret_is_said_once_a_minute(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with EventServer(port=0, secret="s3cret") as server:
        for _ in range(3):
            post(server, EVENT, signed(EVENT, "wrong"))
            post(server, EVENT)
        wrong, missing = warnings_in(caplog)
    assert "127.0.0.1" in wrong
    assert "签名）不对" in wrong
    assert "NapCat 里填的 token 要和这里的 secret 一模一样" in wrong
    assert "X-Signature is wrong. The token in NapCat must be the same" in wrong
    assert "X-Signature is missing" in missing
    assert "s3cret" not in caplog.text


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "evil.example:8080", "[::2]", "10.0.0.1", "@"),
        *("localhost.evil.example", "127.0.0.1.evil.example:80", "127.0.0.1@evil.example"),
    ],
)
def test_a_host_that_is_not_loopback_is_refused(
    server: EventServer, host: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert post(server, message(), {"Host": host})[0] == 403
    assert f"an event for another host: '{host}'" in caplog.text


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
    server = EventServer(port=0)
    server.on_message(lambda event: "hi")
    client = server.app.test_client()
    answer = client.post("/", json=message(), headers={"Host": "bot.example.com"})
    assert answer.get_json()["reply"][0]["data"]["text"] == "hi"
    with server:  # ends the threads of its handlers
        pass


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
        server = EventServer(port=0, api=http)
        server.on_command("hello")(lambda event: "hi " + server.ask(event, "who are you?"))
        client = server.app.test_client()
        assert client.post("/", json=message("/hello")).status_code == 204
        assert api.said(1) == "who are you?"
        assert client.post("/", json=message("Ann")).status_code == 204
        assert api.said(2) == "hi Ann"
        with server:  # ends the threads of its handlers
            pass
    onebot.close()


def test_an_api_whose_request_is_overridden_is_asked_in_that_way() -> None:
    asked: list[str] = []

    class Noting(HttpClient):
        def request(self, action: str, *args: Any, **options: Any) -> dict[str, Any]:
            asked.append(action)
            return super().request(action, *args, **options)

    onebot = HttpApi(Api())
    with Noting(onebot.url) as http:
        EventServer(port=0, api=http).send_private_msg(1, "hi")
    assert asked == ["send_private_msg"]
    onebot.close()


def test_listening_to_the_world_without_a_secret_is_warned_of(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with EventServer("0.0.0.0", 0) as server:
        assert post(server, message(), {"Host": "bot.example"})[0] == 204
    assert "pretend to be OneBot: set secret." in caplog.text
    caplog.clear()
    with EventServer("0.0.0.0", 0, secret="x"):
        pass
    assert "open to the network" not in caplog.text


# -- what is refused ------------------------------------------------------------------------------


def test_a_browser_is_told_that_the_server_runs(server: EventServer) -> None:
    status, allowed, words = get(server, "/")
    assert status == 405
    assert allowed is not None and "POST" in allowed
    assert "服务器已经在运行" in words.decode()


def get(server: EventServer, path: str) -> tuple[int, str | None, bytes]:
    with closing(HTTPConnection("127.0.0.1", server.port, timeout=30)) as connection:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.headers["Allow"], answer.read()


def test_an_answer_without_a_length_ends(server: EventServer) -> None:
    server.app.add_url_rule("/parts", "parts", lambda: iter(["one, ", "two"]))
    assert get(server, "/parts") == (200, None, b"one, two")


def all_of(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(65536), b""))


def test_another_path_is_not_found_and_both_sides_are_told_the_right_one(
    server: EventServer, caplog: pytest.LogCaptureFixture
) -> None:
    status, words = post_in_one_piece(server, "/elsewhere")
    assert status == 404
    assert f"NapCat 里的地址要是 {server.url}。" in words.decode()
    assert "an event for another path: '/elsewhere'" in caplog.text
    assert f"The address in NapCat must be {server.url}" in caplog.text


def test_the_path_can_be_chosen() -> None:
    with EventServer(port=0, path="/onebot/v11") as server:
        assert post(server, message(), path="/onebot/v11")[0] == 204
        assert post(server, message(), path="/onebot/v11/")[0] == 204
        assert post_in_one_piece(server, "/")[0] == 404
        assert server.url.endswith("/onebot/v11")


def test_a_path_beyond_ascii_is_encoded_in_the_address() -> None:
    with EventServer(port=0, path="/机器人") as server:
        assert server.url.endswith("/%E6%9C%BA%E5%99%A8%E4%BA%BA")
        assert post(server, message(), path="/%E6%9C%BA%E5%99%A8%E4%BA%BA")[0] == 204


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_what_is_not_json_by_its_type_is_415(
    server: EventServer, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        assert post(server, message(), {"content-type": kind})[0] == 415
    assert caplog.text.count("a body that is not JSON") == 1


def test_a_target_that_is_no_address_is_400_without_a_traceback(
    server: EventServer, capfd: pytest.CaptureFixture[str]
) -> None:
    with raw(server) as connection:
        connection.sendall(request(b"", start="POST http://[::1 HTTP/1.1"))
        assert connection.recv(100).split()[1] == b"400"
    assert "Traceback" not in capfd.readouterr().err


def test_the_query_of_a_broken_request_is_not_logged(
    server: EventServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with raw(server) as connection:
        connection.sendall(b"POST /?access_token=SECRET HTTP/x\r\n\r\n")
        assert b"400" in all_of(connection)
    assert "what is no HTTP" in caplog.text
    assert "SECRET" not in caplog.text


def test_who_speaks_tls_to_us_is_told_of_once(
    server: EventServer, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        with raw(server) as connection:
            connection.sendall(b"\x16\x03\x01\x00\x05hello\r\n")
            all_of(connection)
    [said] = warnings_in(caplog)
    assert "what is no HTTP: b'\\x16\\x03" in said
    assert "地址要以 http:// 开头，不是 https://" in said
    assert "must begin with http://, not with https://" in said


def test_a_websocket_client_is_told_of_once(
    server: EventServer, caplog: pytest.LogCaptureFixture
) -> None:
    for path in ("", "/onebot", ""):
        with pytest.raises(WebSocketException, match="40"):
            create_connection(f"ws://127.0.0.1:{server.port}{path}")
    [said] = warnings_in(caplog)
    assert "“HTTP 客户端”，不是“WebSocket 客户端”" in said
    assert 'NapCat needs an "HTTP client", not a "WebSocket client"' in said


def warnings_in(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [one.getMessage() for one in caplog.records if one.levelname == "WARNING"]


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


LIMIT = 64 * 1024 * 1024


@pytest.mark.parametrize("chunked", [True, False])
@pytest.mark.parametrize(("size", "status"), [(LIMIT, 200), (LIMIT + 1, 413)])
def test_a_body_over_64_mib_is_413(
    server: EventServer, size: int, status: int, chunked: bool, caplog: pytest.LogCaptureFixture
) -> None:
    body = EVENT + b" " * (size - len(EVENT))
    with raw(server) as connection:
        if chunked:
            connection.sendall(request(b"", "Transfer-Encoding: chunked"))
            connection.sendall(b"%x\r\n" % size + body + b"\r\n0\r\n\r\n")
        else:
            connection.sendall(with_length(body))
        assert answer_on(connection)[0] == status
    assert ("a body that is too large" in caplog.text) == (status == 413)
    assert post(server, message())[0] == 200


@pytest.mark.parametrize(
    "wire",
    [
        request(b"{}", "Content-Length: -5"),
        request(b"{}", "Content-Length: five"),
        request(b"{}", "Content-Length: +2"),
        request(b"2\r\n{}", "Transfer-Encoding: gzip, chunked"),
        request(b"zz\r\n{}\r\n", "Transfer-Encoding: chunked"),
        request(b"-1\r\n{}\r\n", "Transfer-Encoding: chunked"),
        request(b"2\r\n{}xx0\r\n\r\n", "Transfer-Encoding: chunked"),
        b"nonsense\r\n\r\n",
        b"POST / HTTP/1.1\r\n" + b"X: y\r\n" * 200 + b"\r\n",
    ],
)
def test_broken_http_is_refused_and_its_connection_closed(server: EventServer, wire: bytes) -> None:
    with raw(server) as connection:
        connection.sendall(wire)
        connection.shutdown(socket.SHUT_WR)
        answer = all_of(connection)
        assert answer.split(b" ", 2)[1][:1] == b"4" or b"Error code: 4" in answer
    assert post(server, message())[0] == 200


def test_a_chunk_that_is_none_is_refused_soon_though_the_connection_stays(
    server: EventServer,
) -> None:
    with raw(server) as connection:
        connection.sendall(request(b"zz\r\n", "Transfer-Encoding: chunked"))
        assert connection.recv(100).startswith(b"HTTP/1.1 400 ")


def test_a_connection_that_ends_in_the_middle_of_a_body_hurts_nobody(
    server: EventServer, caplog: pytest.LogCaptureFixture
) -> None:
    for wire in (
        request(EVENT, "Content-Length: 5000"),
        request(b"5", "Transfer-Encoding: chunked"),
    ):
        with raw(server) as connection:
            connection.sendall(wire)
            connection.shutdown(socket.SHUT_WR)
            assert b" 400 " in all_of(connection)
    assert server.stats["events"] == 0
    assert post(server, message())[0] == 200
    server.stop()  # now all has been logged
    assert "Traceback" not in caplog.text


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
        entered = Semaphore(0)

        @server.on_command("slow")
        def slow(event: dict[str, Any]) -> None:
            entered.release()
            release.wait(40)

        server.on_message(lambda event: "quick")
        poster = Poster(Api(), server.port)
        for user in range(40):
            poster.push(message("/slow", user_id=user + 1))
        assert all(entered.acquire(timeout=20) for _ in range(40))
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


def test_open_connections_end_with_the_server(
    patient_stop: None, caplog: pytest.LogCaptureFixture
) -> None:
    server = EventServer(port=0)
    server.start()
    with raw(server) as idle, raw(server) as half:
        for connection in (idle, half):
            connection.sendall(with_length(json.dumps({"post_type": "notice"}).encode()))
            assert answer_on(connection)[0] == 204
        half.sendall(b"POST / HT")
        server.stop()
        assert idle.recv(10) == b""
        assert b"400" in all_of(half)
    assert not warnings_in(caplog)


def test_wrong_arguments_are_refused_at_once() -> None:
    with pytest.raises(TypeError, match=r"请写成 EventServer\(port=8080\).*write EventServer"):
        EventServer(8080)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r'write EventServer\("127.0.0.1", 8080\)'):
        EventServer("http://127.0.0.1:8080/")
    with pytest.raises(ValueError, match="secret 里不能有中文"):
        EventServer(secret="密钥")
    with pytest.raises(ValueError, match="path"):
        EventServer(path="events")
    with pytest.raises(ValueError, match="path") as caught:
        EventServer(path="/?access_token=s3cret")
    assert "s3cret" not in str(caught.value)
    with pytest.raises(TypeError, match="HttpClient") as wrong:
        EventServer(api="http://127.0.0.1:3000/?access_token=s3cret")  # type: ignore[arg-type]
    assert "s3cret" not in str(wrong.value)
    with pytest.raises(ValueError, match="port"):
        EventServer(port=70000)
    with pytest.raises(ValueError, match="port"):
        EventServer(port="8080")  # type: ignore[arg-type]


def test_nothing_is_written_to_the_console(
    server: EventServer, capfd: pytest.CaptureFixture[str]
) -> None:
    post(server, message())
    post(server, b"{")
    with raw(server) as connection:
        connection.sendall(b"nonsense\r\n\r\n")
        connection.recv(100)
    server.stop()  # now all has been written
    captured = capfd.readouterr()
    assert captured.out == ""
    assert "Traceback" not in captured.err
    assert "development server" not in captured.err


def test_any_bytes_on_the_wire_leave_the_application_alive(server: EventServer) -> None:
    """Fuzz of the WSGI application with environments a server could hand over."""
    from hypothesis import HealthCheck, given, settings
    from hypothesis import strategies as st

    @settings(max_examples=200, suppress_health_check=list(HealthCheck))
    @given(body=st.binary(max_size=200), kind=st.sampled_from(["application/json", "x/y", ""]))
    def check(body: bytes, kind: str) -> None:
        client = server.app.test_client()
        answer = client.post(
            "/", input_stream=io.BytesIO(body), content_type=kind, content_length=len(body)
        )
        assert answer.status_code in (200, 204, 400, 415)

    check()


def test_what_is_set_before_a_start_holds_from_then_on() -> None:
    api = Api()
    onebot = HttpApi(api)
    server = EventServer("0.0.0.0", 0, secret="old")
    server.on_message(lambda event: "hi")
    with server, HttpClient(onebot.url) as client:
        assert server.url == f"http://127.0.0.1:{server.port}/"
        server.stop()
        server.host, server.port, server.path = "127.0.0.1", 0, "/机器人"
        server.secret, server.api = None, client
        with server:
            assert server.url.endswith("/%E6%9C%BA%E5%99%A8%E4%BA%BA")
            assert post_in_one_piece(server, "/")[0] == 404  # the path of the first start
            assert post(server, message(), path="/%E6%9C%BA%E5%99%A8%E4%BA%BA") == (204, b"")
            assert api.said() == "hi"
    onebot.close()


# -- routes of one's own ---------------------------------------------------------------------------


def test_routes_of_ones_own_work_as_in_every_flask_application(server: EventServer) -> None:
    server.app.add_url_rule("/", "page", lambda: "my page")
    server.app.add_url_rule("/none", "none", lambda: abort(404, "mine"))
    server.app.add_url_rule("/json", "json", lambda: jsonify(flask_request.json), methods=["POST"])
    assert get(server, "/") == (200, None, b"my page")
    assert b"mine" in get(server, "/none")[2]
    assert get(server, "/absent")[2].startswith(b"<!doctype html>")
    assert post(server, b'{"a": 1}', path="/json") == (200, b'{"a":1}\n')
    assert post(server, message())[0] == 200
    script = getattr(sys.modules["__main__"], "__file__", None)
    assert Path(server.app.root_path) == (Path(script).parent if script else Path.cwd())


def test_error_handlers_of_ones_own_are_asked_as_in_every_flask_application(
    server: EventServer,
) -> None:
    server.app.register_error_handler(HTTPException, lambda error: (f"mine {error.code}", 418))
    server.app.add_url_rule("/none", "none", lambda: abort(404))
    assert get(server, "/none")[2] == b"mine 404"
    assert get(server, "/absent")[2] == b"mine 404"
    assert get(server, "/")[2] == b"mine 405"


def test_a_route_that_streams_sends_each_piece_at_once(server: EventServer) -> None:
    heard = threading.Event()

    def pieces() -> Iterator[str]:
        yield "one, "
        assert heard.wait(20)
        yield "two"

    server.app.add_url_rule("/stream", "stream", lambda: Response(pieces()))
    with closing(HTTPConnection("127.0.0.1", server.port, timeout=30)) as connection:
        connection.request("GET", "/stream")
        answer = connection.getresponse()
        assert answer.read(5) == b"one, "
        heard.set()
        assert answer.read() == b"two"


def test_a_body_that_nobody_read_is_not_taken_for_the_next_request(server: EventServer) -> None:
    server.app.before_request(lambda: "closed today")
    with raw(server) as connection:
        connection.sendall(with_length(with_length(EVENT)))
        assert all_of(connection).count(b"HTTP/1.1 ") == 1
    assert server.stats["events"] == 0


def test_a_large_body_that_nobody_read_does_not_hide_the_answer(server: EventServer) -> None:
    server.app.before_request(lambda: "closed today")
    with raw(server) as connection:
        connection.sendall(with_length(bytes(16 * 1024 * 1024)))
        assert answer_on(connection) == (200, b"closed today")


def test_the_application_runs_under_another_server() -> None:
    class Quiet(WSGIRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

    bot = EventServer(port=0, secret="s3cret")
    bot.on_message(lambda event: "hi")
    with make_server("127.0.0.1", 0, bot.app, handler_class=Quiet) as other:
        running = threading.Thread(target=other.serve_forever, args=(0.02,), daemon=True)
        running.start()
        url = f"http://127.0.0.1:{other.server_port}/"
        headers = {"Content-Type": "application/json", **signed(EVENT, "s3cret")}
        assert requests.post(url, EVENT, headers=headers).json()["reply"]
        assert requests.post(url, json=message()).status_code == 401
        other.shutdown()
        running.join(5)
    with bot:  # ends the threads of its handlers
        pass


# -- a tunnel, OneBot's patience, and what NapCat ignores ------------------------------------------


def test_with_a_right_signature_any_host_is_welcome() -> None:
    with EventServer(port=0, secret="s3cret") as server:
        headers = {"Host": "bot.tunnel.example", **signed(EVENT, "s3cret")}
        assert post(server, EVENT, headers)[0] == 204


def test_that_onebot_hung_up_before_the_answer_is_said(caplog: pytest.LogCaptureFixture) -> None:
    entered, release = threading.Event(), threading.Event()

    def slow(event: Any) -> str:
        entered.set()
        release.wait(20)
        return "too late"

    with EventServer(port=0) as server:
        server.on_message(slow)
        with raw(server) as connection:
            connection.sendall(with_length(EVENT))
            assert entered.wait(20)
        release.set()
        [said] = wait_until(lambda: warnings_in(caplog))
    assert "hung up" in said
    assert "写成 EventServer(api=" in said
    assert "Write EventServer(api=" in said


def test_what_napcat_ignores_in_an_http_answer_is_said_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with EventServer(port=0) as server:
        server.on_message(lambda event: {"ban": True, "ban_duration": 60, "reply": "no"})
        for _ in range(2):
            status, body = post(server, message("bad", group_id=30001))
            assert json.loads(body)["ban"] is True
        [said] = warnings_in(caplog)
    assert "what NapCat ignores in an HTTP response: ['ban', 'ban_duration']" in said
    assert "EventServer(api=HttpClient(" in said


def test_an_answer_that_napcat_understands_is_no_reason_to_warn(
    server: EventServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.on_request(lambda event: {"approve": True})
    event = {"post_type": "request", "request_type": "friend", "user_id": 1, "flag": "f"}
    assert post(server, event) == (200, b'{"approve":true}')
    assert not warnings_in(caplog)


# -- the end --------------------------------------------------------------------------------------


class Slow:
    """A server whose handler answers when it is told to, and is stopped meanwhile."""

    def __init__(self, posts: int, api: HttpClient | None = None) -> None:
        self.release, entered = threading.Event(), Semaphore(0)
        self.server = EventServer(port=0, api=api)

        @self.server.on_message
        def slow(event: dict[str, Any]) -> str:
            entered.release()
            self.release.wait(40)
            return "done"

        self.server.start()
        self.poster = Poster(Api(), self.server.port)
        for user in range(posts):
            self.poster.push(message(user_id=user + 1))
        assert all(entered.acquire(timeout=20) for _ in range(posts))
        self.stopping = threading.Thread(target=self.server.stop)
        self.stopping.start()

    def wait_refusing(self) -> None:
        """Wait until stop() has begun, which an event shows that nobody handles."""
        wait_until(lambda: post(self.server, {"post_type": "notice"})[0] == 503)

    def wait_stopped(self) -> None:
        self.stopping.join(20)
        assert not self.stopping.is_alive()

    def close(self) -> None:
        self.release.set()
        self.poster.close()


def test_answers_that_are_being_made_at_stop_go_out(
    patient_stop: None, caplog: pytest.LogCaptureFixture
) -> None:
    slow = Slow(posts=30)
    slow.wait_refusing()
    slow.release.set()
    slow.wait_stopped()
    slow.close()
    assert slow.poster.statuses == [200] * 30
    assert "hung up" not in caplog.text


@pytest.mark.parametrize("api", [None, HttpClient("http://127.0.0.1:9")])
def test_an_event_that_comes_while_stopping_gets_503(
    patient_stop: None, api: HttpClient | None, caplog: pytest.LogCaptureFixture
) -> None:
    slow = Slow(posts=1, api=api)
    slow.wait_refusing()
    slow.close()
    slow.wait_stopped()
    assert "Events left unhandled at the stop" in caplog.text


def test_posts_whose_handlers_do_not_end_get_503_and_only_the_handlers_are_left(
    patient_stop: None, set_stop_waits: SetStopWaits
) -> None:
    set_stop_waits(0.05, 0.05)  # these handlers need all of that time
    slow = Slow(posts=3)
    slow.wait_stopped()
    wait_until(lambda: len(our_threads()) == 3)
    slow.close()
    assert slow.poster.statuses == [503] * 3


def our_threads() -> list[threading.Thread]:
    return [one for one in threading.enumerate() if one.name.startswith("onebot_simple")]


def test_the_threads_that_serve_are_not_called_handlers() -> None:
    with EventServer(port=0) as server, raw(server):
        wait_until(lambda: [one.name for one in our_threads()].count("onebot_simple server") == 2)
        [another] = [one.name for one in our_threads() if one.name != "onebot_simple server"]
        assert another == "onebot_simple clock"  # it looks for handlers that are slow


def test_a_route_that_streams_for_ever_ends_with_the_server() -> None:
    def ticks() -> Iterator[str]:
        while True:
            yield "tick"
            pause.wait(0.01)

    pause = threading.Event()
    with EventServer(port=0) as server:
        server.app.add_url_rule("/ticks", "ticks", lambda: Response(ticks()))
        with raw(server) as connection:
            connection.sendall(request(b"", start="GET /ticks HTTP/1.1"))
            assert b" 200 " in connection.recv(100)
            began = time.monotonic()
            server.stop()
            assert time.monotonic() - began < 10
            wait_until(lambda: not our_threads())


def test_a_handler_that_calls_again_and_again_ends_with_the_bot() -> None:
    api, ended = Api(), threading.Event()
    onebot = HttpApi(api)
    with HttpClient(onebot.url) as client, EventServer(port=0, api=client) as server:

        @server.on_message
        def nag(event: dict[str, Any]) -> None:
            with pytest.raises(NetworkError, match="the bot was stopped"):
                while not ended.is_set():
                    server.send_like(1)
            ended.set()

        post(server, message())
        api.wait_call("send_like")
        server.stop()
        ended_in_time = ended.wait(20)
        ended.set()
        assert ended_in_time
        server.send_like(1)  # outside of handlers, the client can be used as before
    onebot.close()


def test_a_view_may_stop_the_server_and_is_answered() -> None:
    with EventServer(port=0) as server:

        @server.app.route("/stop")
        def stop() -> str:
            server.stop()
            return "bye"

        began = time.monotonic()
        assert get(server, "/stop") == (200, None, b"bye")
        assert time.monotonic() - began < 10


def test_the_port_is_free_again_after_the_end() -> None:
    server = EventServer(port=free_port())
    for _ in range(3):
        with server, raw(server) as connection:
            connection.sendall(with_length(EVENT))
            assert answer_on(connection)[0] == 204
    with pytest.raises(ConnectionError), raw(server):
        pass


@pytest.mark.parametrize("coding", ["chunked", "gzip, chunked"])
@pytest.mark.parametrize(
    "sent", [b"", b"28e\r\n", b'28e\r\n{"post_type": "message"', b"5\r\nabcde"]
)
def test_a_chunk_that_is_cut_off_is_refused_at_once(
    server: EventServer, coding: str, sent: bytes
) -> None:
    head = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    for _ in range(3):
        with raw(server) as connection:
            connection.sendall(f"{head}Transfer-Encoding: {coding}\r\n\r\n".encode() + sent)
            connection.shutdown(socket.SHUT_WR)
            answer = b""
            while piece := connection.recv(10_000):
                answer += piece
        assert answer.startswith(b"HTTP/1.1 400 ")
    assert server.stats["events"] == 0
    assert post(server, message())[0] == 200


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("path", "onebot", "path must begin with /"),
        ("path", "//onebot", "hold none of //"),
        ("secret", 123, "secret must be a str"),
        ("host", "127.0.0.1:8080", r"write EventServer\("),
    ],
)
def test_what_was_changed_since_is_checked_at_the_start(name: str, value: Any, said: str) -> None:
    server = EventServer(port=0)
    setattr(server, name, value)
    with pytest.raises((ValueError, TypeError), match=said):
        server.start()


def test_a_path_that_was_changed_takes_events_with_a_slash_behind_it(server: EventServer) -> None:
    assert post(server, message())[0] == 200
    server.stop()
    server.path, server.port = "/new", 0
    server.start()
    assert post(server, message(), path="/new/")[0] == 200
    assert post(server, message(), path="/new")[0] == 200
    status, words = post_in_one_piece(server, "/")
    assert status == 404
    assert f"The address in NapCat must be {server.url}" in words.decode()


def test_an_answer_in_the_response_is_a_line_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with EventServer(port=0) as server, caplog.at_level("INFO", "onebot_simple"):
        server.on_message(lambda event: "how do you do")
        assert post(server, message(user_id=20002))[0] == 200
    assert "→ reply user_id=20002: how do you do" in caplog.text
