"""Calling OneBot's HTTP API, against servers that behave and servers that do not."""

from __future__ import annotations

import gzip
import json
import logging
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from onebot_simple import (
    ActionFailed,
    ActionNotFound,
    ApiTimeout,
    AuthenticationError,
    HttpClient,
    NetworkError,
    OneBotError,
    segment,
)

from .peers import Api, HttpApi, failed, free_port, ok


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture
def client(api: Api) -> Iterator[HttpClient]:
    server = HttpApi(api)
    with HttpClient(server.url) as one:
        yield one
    server.close()


Script = Callable[[socket.socket, int], None]


@contextmanager
def raw_server(script: Script, port: int = 0) -> Iterator[str]:
    """A server that does with each connection (numbered from 0) what `script` says.

    When the test is done with it, every request that was sent is still read.
    """
    listener = socket.create_server(("127.0.0.1", port))
    threads: list[threading.Thread] = []
    open_sockets: list[socket.socket] = []
    last = socket.socket()
    last.bind(("127.0.0.1", 0))

    def one(connection: socket.socket, number: int) -> None:
        with connection, suppress(OSError):
            script(connection, number)

    def accept() -> None:
        for number in count():
            connection, address = listener.accept()
            if address == last.getsockname():  # whoever came before it has been taken
                connection.close()
                return
            connection.settimeout(20)
            open_sockets.append(connection)
            threads.append(threading.Thread(target=one, args=(connection, number), daemon=True))
            threads[-1].start()

    acceptor = threading.Thread(target=accept, daemon=True)
    acceptor.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        last.connect(listener.getsockname())
        acceptor.join()
        last.close()
        listener.close()
        for connection in open_sockets:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join(5)


def read_request(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            raise ConnectionError
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    fields = head.lower().split(b"\r\n")
    length = next((int(f[15:]) for f in fields if f.startswith(b"content-length:")), 0)
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def action_of(request: bytes) -> str:
    return request.split(b" ")[1].decode().strip("/")


def http(body: Any, status: str = "200 OK", *headers: str) -> bytes:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(data)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + data


# -- what the documentation shows -----------------------------------------------------------------


def test_request_returns_the_whole_answer_as_the_documentation_prints_it() -> None:
    seen: list[bytes] = []

    def documented(connection: socket.socket, number: int) -> None:
        seen.append(read_request(connection))
        connection.sendall(http({"status": "ok", "retcode": 0, "data": {"message_id": 1234}}))

    with raw_server(documented) as url, HttpClient(url) as client:
        params = {"user_id": 123456789, "message": "你好，NapCatQQ！"}
        answer = client.request("send_private_msg", params)
    assert answer == {"status": "ok", "retcode": 0, "data": {"message_id": 1234}}
    head, _, body = seen[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /send_private_msg HTTP/1.1\r\n")
    assert b"content-type: application/json" in head.lower()
    assert body.isascii()  # NapCat breaks large raw UTF-8
    assert json.loads(body) == params


def test_action_methods_return_the_data(client: HttpClient, api: Api) -> None:
    api.answers["get_login_info"] = lambda params: ok({"user_id": 10001, "nickname": "Bot"})
    assert client.get_login_info() == {"user_id": 10001, "nickname": "Bot"}
    assert client.send_private_msg(user_id=1, message="hi") == {"message_id": 1234}
    assert api.calls[-1][1] == {"user_id": 1, "message": "hi", "auto_escape": False}
    assert client.call_action("made_up", answer=42, nothing=None) == {"message_id": 1234}
    assert api.calls[-1] == ("made_up", {"answer": 42})


def test_no_str_makes_the_library_read_a_file(client: HttpClient, api: Api, tmp_path: Path) -> None:
    here = tmp_path / "secret.txt"
    here.write_text("what a stranger must not get")
    received = json.loads(json.dumps({"type": "image", "data": {"file": str(here)}}))
    client.send_group_msg(1, [received, str(here)])
    client.call_action("upload_group_file", group_id=1, file=str(here), name=here.as_uri())
    assert api.wait_call("send_group_msg")["message"] == [received, segment.text(str(here))]
    assert api.wait_call("upload_group_file")["file"] == str(here)


def test_request_does_not_raise_on_failed_but_the_methods_do(client: HttpClient, api: Api) -> None:
    api.answers["delete_msg"] = lambda params: failed(200, "消息不存在")
    assert client.request("delete_msg", {"message_id": 1})["status"] == "failed"
    with pytest.raises(ActionFailed, match="delete_msg failed with retcode 200: 消息不存在"):
        client.delete_msg(1)


def test_an_unknown_action_of_napcat_is_action_not_found(client: HttpClient, api: Api) -> None:
    api.answers["nope"] = lambda params: failed(200, "不支持的Api nope")
    with pytest.raises(ActionNotFound):
        client.call_action("nope")


def test_data_may_be_absent(client: HttpClient, api: Api) -> None:
    api.answers["set_restart"] = lambda params: {"status": "ok", "retcode": 0}
    assert client.call_action("set_restart") is None


def test_the_token_goes_into_the_header_and_a_wrong_one_is_an_error(api: Api) -> None:
    server = HttpApi(api, token="secret-1")
    with HttpClient(server.url, "secret-1") as client:
        assert client.call_action("send_like", user_id=1) == {"message_id": 1234}
    with HttpClient(server.url, "secret-2") as client:
        with pytest.raises(AuthenticationError, match="refused the access_token") as caught:
            client.request("send_like", {"user_id": 1})
        assert "secret" not in str(caught.value)
    with (
        HttpClient(server.url) as client,
        pytest.raises(AuthenticationError, match="access_token 没有给.*none was given"),
    ):
        client.send_like(1)
    server.close()


def test_a_path_and_a_query_in_the_address_are_kept(api: Api) -> None:
    server = HttpApi(api)
    with HttpClient(server.url + "/bots/one/?who=%2F&x=") as client:
        client.request("get_status")
    assert api.calls[0][0] == "bots/one/get_status?who=%2F&x="
    server.close()


@pytest.mark.parametrize("query", ["access_token=s3cret-t", "a=1&access_token=s3cret-t&b=2"])
def test_a_token_in_the_address_goes_into_the_header_and_into_no_log_or_traceback(
    api: Api, query: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server = HttpApi(api, "s3cret-t")
    with HttpClient(f"{server.url}?{query}") as client:
        client.request("get_status")
        assert "s3cret" not in api.calls[0][0]
        server.close()
        client.close()
        with pytest.raises(NetworkError) as caught:
            client.request("get_status")
    shown = "".join(traceback.format_exception(caught.value)) + repr(client)
    assert "s3cret" not in shown + caplog.text


def test_address_token_and_timeout_may_change_between_two_calls(api: Api) -> None:
    first, second = HttpApi(Api()), HttpApi(api, "s3cret")
    with HttpClient(first.url) as client:
        client.get_status()
        client.api_root, client.access_token = second.url, "s3cret"
        client.get_status()
        client.api_root, client.access_token = f"{second.url}/x/?a=b&access_token=s3cret", None
        client.get_status()
        client.api_root = "ws://127.0.0.1:3001"
        with pytest.raises(ValueError, match="begins with ws://"):
            client.get_status()
        client.timeout = -1
        with pytest.raises(ValueError, match="timeout"):
            client.get_status()
    assert [name for name, _ in api.calls] == ["get_status", "x/get_status?a=b"]
    first.close()
    second.close()


@pytest.mark.parametrize("status", ["404 Not Found", "400 Bad Request", "406 Not Acceptable"])
def test_an_http_error_of_the_standard_becomes_a_failed_answer(status: str) -> None:
    def refuse(connection: socket.socket, number: int) -> None:
        read_request(connection)
        connection.sendall(http(b"no such thing", status))

    with raw_server(refuse) as url, HttpClient(url) as client:
        answer = client.request("nope")
    assert answer["status"] == "failed"
    assert answer["retcode"] == int(status[:3])
    assert answer["message"] == "no such thing"


def test_a_page_that_repeats_our_token_does_not_bring_it_into_the_error() -> None:
    def echo(connection: socket.socket, number: int) -> None:
        sent = next(line for line in read_request(connection).splitlines() if b"s3cret" in line)
        connection.sendall(http(b"no rights: " + sent, "404 Not Found"))

    with raw_server(echo) as url, HttpClient(url, "s3cret") as client:
        message = client.request("nope")["message"]
    assert message == "no rights: Authorization: Bearer ..."


# -- threads --------------------------------------------------------------------------------------


def test_sixteen_threads_get_their_own_answers(client: HttpClient, api: Api) -> None:
    api.answers["get_msg"] = lambda params: ok({"message_id": params["message_id"]})
    wrong: list[Any] = []

    def call(number: int) -> None:
        for step in range(25):
            wanted = number * 1000 + step
            if client.get_msg(wanted)["message_id"] != wanted:
                wrong.append(wanted)

    threads = [threading.Thread(target=call, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not wrong
    assert len(api.calls) == 400


# -- connections that break -----------------------------------------------------------------------


def test_an_idle_connection_that_the_server_has_closed_is_replaced_unnoticed() -> None:
    received: list[str] = []
    closed = threading.Event()

    def one_answer_each(connection: socket.socket, number: int) -> None:
        received.append(action_of(read_request(connection)))
        connection.sendall(http(ok(number)))  # it promises to keep the connection
        connection.close()
        closed.set()

    with raw_server(one_answer_each) as url, HttpClient(url) as client:
        assert client.call_action("a") == 0
        assert closed.wait(5)
        assert client.call_action("b") == 1
    assert received == ["a", "b"]


def test_a_call_is_sent_once_also_when_its_kept_connection_dies_under_it() -> None:
    received: list[tuple[int, str]] = []

    def close_on_the_second(connection: socket.socket, number: int) -> None:
        received.append((number, action_of(read_request(connection))))
        connection.sendall(http(ok(number)))
        received.append((number, action_of(read_request(connection))))

    with raw_server(close_on_the_second) as url, HttpClient(url) as client:
        assert client.call_action("a") == 0
        with pytest.raises(NetworkError, match="动作可能已经执行了.*may have been carried out"):
            client.send_group_msg(1, "hi")
        assert client.call_action("c") == 1  # and the next call works again
    assert received == [(0, "a"), (0, "send_group_msg"), (1, "c")]


def test_a_fresh_connection_that_breaks_is_not_tried_again() -> None:
    requests: list[bytes] = []

    def hang_up(connection: socket.socket, number: int) -> None:
        requests.append(read_request(connection))

    with (
        raw_server(hang_up) as url,
        HttpClient(url) as client,
        pytest.raises(NetworkError, match="closed the connection without a response"),
    ):
        client.send_like(1)
    assert len(requests) == 1


def test_a_reused_connection_that_breaks_within_an_answer_is_not_tried_again() -> None:
    requests: list[int] = []

    def script(connection: socket.socket, number: int) -> None:
        while True:
            read_request(connection)
            requests.append(number)
            if len(requests) == 1:
                connection.sendall(http(ok(0)))
            else:
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
                return

    with raw_server(script) as url, HttpClient(url) as client:
        client.call_action("a")
        with pytest.raises(NetworkError):
            client.call_action("b")
    assert requests == [0, 0]


def test_no_answer_in_time_is_a_timeout_and_nothing_is_sent_again() -> None:
    requests: list[bytes] = []
    done = threading.Event()

    def silent(connection: socket.socket, number: int) -> None:
        requests.append(read_request(connection))
        done.wait(20)

    with raw_server(silent) as url, HttpClient(url, timeout=30) as client:
        began = time.monotonic()
        with pytest.raises(ApiTimeout, match="no response to send_like within 0.2 s") as caught:
            client.request("send_like", {"user_id": 1}, timeout=0.2)
        assert time.monotonic() - began < 10
        assert isinstance(caught.value, TimeoutError)
        done.set()
    assert len(requests) == 1


DRIPPING = {
    "body": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    "counted body": (b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b" "),
    "body without length": (b"HTTP/1.1 200 OK\r\n\r\n", b" "),
}


@pytest.mark.parametrize(("start", "drop"), DRIPPING.values(), ids=DRIPPING)
def test_an_answer_that_drips_ends_at_the_timeout(start: bytes, drop: bytes) -> None:
    done = threading.Event()

    def drip(connection: socket.socket, number: int) -> None:
        read_request(connection)
        connection.sendall(start)
        for _ in range(400):
            if not done.wait(0.05):
                connection.sendall(drop)

    with raw_server(drip) as url, HttpClient(url) as client:
        began = time.monotonic()
        with pytest.raises(ApiTimeout):
            client.request("get_status", timeout=0.3)
        assert time.monotonic() - began < 10
        done.set()


def test_an_answer_that_falls_silent_ends_at_the_timeout_and_not_one_timeout_later() -> None:
    done = threading.Event()

    def fall_silent(connection: socket.socket, number: int) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n")
        done.wait(1.8)
        connection.sendall(b"{")
        done.wait(20)

    with raw_server(fall_silent) as url, HttpClient(url, timeout=2) as client:
        began = time.monotonic()
        with pytest.raises(ApiTimeout):
            client.get_status()
        assert time.monotonic() - began < 3.6
        done.set()


def test_nobody_listening_is_said_with_what_to_check() -> None:
    with (
        HttpClient(f"http://127.0.0.1:{free_port()}") as client,
        pytest.raises(NetworkError, match="NapCat（或练习场）启动了吗.*connection refused"),
    ):
        client.get_status()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems take more than they listen for")
def test_who_never_takes_the_connection_has_got_no_action() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, ExitStack() as waiting:
        for _ in range(4):
            one = waiting.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        url = f"http://127.0.0.1:{full.getsockname()[1]}"
        with (
            HttpClient(url, timeout=0.2) as client,
            pytest.raises(NetworkError, match="Cannot connect .*: no response in time") as caught,
        ):
            client.get_status()
    assert not isinstance(caught.value, ApiTimeout)
    assert "carried out" not in str(caught.value)


def test_a_host_that_does_not_exist_is_said_so() -> None:
    with (
        HttpClient("http://no-such-host.invalid:3000") as client,
        pytest.raises(NetworkError, match="the host name does not resolve"),
    ):
        client.get_status()


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (http(b"<html>WebUI</html>"), "6099"),
        (http([1, 2]), "HTTP 200, not with a OneBot response"),
        (http(b"bad gateway", "502 Bad Gateway"), "HTTP 502"),
        (http(b"", "302 Found", "Location: https://x.example/?token=t"), "https://x.example/"),
        (http(b"", "302 Found", "Location: http://x/\x1b]0;forged\x07"), "http://x/\\x1b]0;forged"),
        (http(b"", "302 Found", "Location: http://[/"), "without a response"),
        (http(b"", "426 Upgrade Required"), "WebSocket"),
        (http(b"<!doctype html><title>404</title>", "404 Not Found"), "is the port right?"),
    ],
)
def test_what_is_not_onebot_is_said_so(answer: bytes, said: str) -> None:
    def other(connection: socket.socket, number: int) -> None:
        read_request(connection)
        connection.sendall(answer)

    with raw_server(other) as url, HttpClient(url) as client:
        with pytest.raises(NetworkError) as caught:
            client.get_status()
        assert said in str(caught.value)
        assert str(caught.value).isprintable()
        assert "token=t" not in str(caught.value)


def test_an_answer_of_more_than_256_mib_is_cut_off() -> None:
    packed = gzip.compress(bytes(257 * 1024 * 1024), 1)

    def bomb(connection: socket.socket, number: int) -> None:
        read_request(connection)
        connection.sendall(http(packed, "200 OK", "Content-Encoding: gzip"))

    with (
        raw_server(bomb) as url,
        HttpClient(url, timeout=50) as client,
        pytest.raises(NetworkError, match="超过了 268435456 字节.*more than 268435456 bytes"),
    ):
        client.request("x")


def test_a_connection_whose_answer_cannot_be_unpacked_is_closed() -> None:
    closed = threading.Event()

    def garbled(connection: socket.socket, number: int) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\nno gzip")
        connection.shutdown(socket.SHUT_WR)
        if connection.recv(1) == b"":
            closed.set()

    with raw_server(garbled) as url, HttpClient(url) as client:
        with pytest.raises(NetworkError) as caught:
            client.request("x")
        assert closed.wait(20), caught  # while the error, and all that it holds, is alive


def test_what_is_not_even_http_is_said_so() -> None:
    def other(connection: socket.socket, number: int) -> None:
        connection.recv(1000)
        connection.sendall(b"SSH-2.0-OpenSSH_9\r\n")

    with raw_server(other) as url, HttpClient(url) as client, pytest.raises(NetworkError):
        client.get_status()


def test_a_proxy_in_the_environment_does_not_catch_the_call(
    client: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert client.call_action("send_like", user_id=1) == {"message_id": 1234}


def test_cookies_are_neither_kept_nor_sent() -> None:
    heads: list[bytes] = []

    def baker(connection: socket.socket, number: int) -> None:
        for _ in range(2):
            heads.append(read_request(connection).lower())
            connection.sendall(http(ok(1), "200 OK", "Set-Cookie: a=b; Path=/"))

    with raw_server(baker) as url, HttpClient(url) as client:
        client.request("x")
        client.request("x")
    assert len(heads) == 2
    assert b"cookie" not in heads[1]


def test_a_redirect_is_not_followed_nor_is_its_body_read() -> None:
    heads: list[bytes] = []

    def elsewhere(connection: socket.socket, number: int) -> None:
        heads.append(read_request(connection))
        connection.sendall(b"HTTP/1.1 307 x\r\nLocation: /y\r\nContent-Length: 9999\r\n\r\n")
        connection.recv(1)

    with (
        raw_server(elsewhere) as url,
        HttpClient(url, "t0ken", timeout=0.2) as client,
        pytest.raises(ApiTimeout),
    ):
        client.request("x")
    assert len(heads) == 1


SILENT, REFUSING, GONE, WEB_PAGE = 0, 1, 2, 3


@pytest.mark.parametrize(
    ("trouble", "chinese", "english"),
    [
        (SILENT, "秒里没有等到", "There was no response to get_status within 0.2 s"),
        (REFUSING, "access_token 没有给", "none was given"),
        (GONE, "就断开了连接", "closed the connection without a response"),
        (WEB_PAGE, "不是 OneBot 的回答", "not with a OneBot response"),
    ],
)
def test_an_error_says_all_in_two_languages_and_its_traceback_ends_in_ours(
    trouble: int, chinese: str, english: str
) -> None:
    def server(connection: socket.socket, number: int) -> None:
        read_request(connection)
        if trouble == SILENT:
            connection.recv(1)
        elif trouble != GONE:
            connection.sendall(http(b"<html>", "403 x" if trouble == REFUSING else "200 OK"))

    with (
        raw_server(server) as url,
        HttpClient(url, timeout=0.2 if trouble == SILENT else 30) as client,
        pytest.raises(OneBotError, match=f"{chinese}.*{english}") as caught,
    ):
        client.get_status()
    shown = "".join(traceback.format_exception(caught.value))
    assert shown.count("Traceback (most recent call last)") == 1
    assert "urllib3" not in shown


@pytest.mark.parametrize("status", ["200 OK", "403 Forbidden", "404 Not Found", ""])
def test_the_port_of_napcats_web_page_is_named_whatever_it_answers(status: str) -> None:
    def webui(connection: socket.socket, number: int) -> None:
        read_request(connection)
        if status:  # else it hangs up without a word
            connection.sendall(http({"code": -1, "message": "Unauthorized"}, status))

    with ExitStack() as closing:
        try:
            url = closing.enter_context(raw_server(webui, 6099))
        except OSError:
            pytest.skip("somebody listens on port 6099")
        client = closing.enter_context(HttpClient(url))
        said = "6099 是 NapCat 的 WebUI.*6099 is the port of NapCat's"
        with pytest.raises(NetworkError, match=said):
            client.get_status()


# -- streams --------------------------------------------------------------------------------------


def frames(*datas: dict[str, Any]) -> list[bytes]:
    texts = [json.dumps({**ok(data), "stream": "stream-action"}) for data in datas]
    return [text.encode() + b"\r\n\r\n" for text in texts]


def chunked(piece: bytes) -> bytes:
    return f"{len(piece):x}\r\n".encode() + piece + b"\r\n"


HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def test_a_stream_yields_the_data_of_each_frame() -> None:
    datas: list[dict[str, Any]] = [
        {"type": "stream", "n": 1},
        {"type": "stream", "n": 2},
        {"type": "response"},
    ]

    def stream(connection: socket.socket, number: int) -> None:
        read_request(connection)
        whole = b"".join(frames(*datas))
        middle = whole.index(b"\r\n\r\n") + 2  # of what ends a frame
        connection.sendall(HEAD + chunked(whole[:30]) + chunked(whole[30:middle]))
        connection.sendall(chunked(whole[middle:]))
        connection.sendall(b"0\r\n\r\n")

    with raw_server(stream) as url, HttpClient(url) as client:
        assert list(client.stream_action("download_file_stream", file="x")) == datas


def test_a_stream_may_take_longer_than_the_timeout_of_each_frame() -> None:
    pause = threading.Event()

    def stream(connection: socket.socket, number: int) -> None:
        read_request(connection)
        connection.sendall(HEAD)
        for frame in frames(*({"n": number} for number in range(17))):
            connection.sendall(chunked(frame))
            pause.wait(0.1)
        connection.sendall(b"0\r\n\r\n")

    with raw_server(stream) as url, HttpClient(url, timeout=1.5) as client:
        assert len(list(client.stream_action("download_file_stream", file="x"))) == 17


def test_a_frame_of_a_stream_that_drips_ends_at_the_timeout() -> None:
    done = threading.Event()

    def stream(connection: socket.socket, number: int) -> None:
        read_request(connection)
        connection.sendall(HEAD + chunked(frames({"n": 1})[0]))
        while not done.wait(0.05):
            connection.sendall(chunked(b" "))

    with raw_server(stream) as url, HttpClient(url, timeout=1.5) as client:
        received = client.stream_action("download_file_stream", file="x")
        assert next(received) == {"n": 1}
        began = time.monotonic()
        with pytest.raises(ApiTimeout):
            next(received)
        assert time.monotonic() - began < 10
        done.set()


def test_a_long_frame_of_a_stream_comes_whole_and_fast() -> None:
    datas: list[dict[str, Any]] = [{"type": "stream", "data": "x" * 30_000_000}, {"n": 2}]

    def stream(connection: socket.socket, number: int) -> None:
        read_request(connection)
        connection.sendall(HEAD)
        for frame in frames(*datas):
            connection.sendall(chunked(frame))
        connection.sendall(b"0\r\n\r\n")

    with raw_server(stream) as url, HttpClient(url) as client:
        began = time.thread_time()
        assert list(client.stream_action("download_file_stream", file="x")) == datas
        assert time.thread_time() - began < 1


def test_a_stream_that_is_left_early_leaves_the_client_usable(api: Api) -> None:
    def stream(connection: socket.socket, number: int) -> None:
        read_request(connection)
        if number:
            connection.sendall(http(ok("next")))
        else:
            connection.sendall(HEAD + chunked(frames({"n": 1})[0]))
            connection.recv(1)

    with raw_server(stream) as url, HttpClient(url) as client:
        for data in client.stream_action("download_file_stream", file="x"):
            assert data == {"n": 1}
            break
        assert client.call_action("x") == "next"


def test_a_failed_frame_of_a_stream_raises() -> None:
    def stream(connection: socket.socket, number: int) -> None:
        read_request(connection)
        bad = json.dumps(failed(200, "gone")).encode() + b"\r\n\r\n"
        connection.sendall(HEAD + chunked(frames({"type": "stream"})[0] + bad) + b"0\r\n\r\n")

    with raw_server(stream) as url, HttpClient(url) as client:
        received = client.stream_action("download_file_stream", file="x")
        assert next(received) == {"type": "stream"}
        with pytest.raises(ActionFailed, match="gone"):
            next(received)


@pytest.mark.parametrize(
    ("status", "error"), [("401 Unauthorized", AuthenticationError), ("200 OK", NetworkError)]
)
def test_an_empty_answer_to_a_streaming_action_is_an_error(
    status: str, error: type[Exception]
) -> None:
    def empty(connection: socket.socket, number: int) -> None:
        read_request(connection)
        connection.sendall(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())

    with raw_server(empty) as url, HttpClient(url) as client, pytest.raises(error):
        list(client.stream_action("download_file_stream", file="x"))


def test_request_returns_the_first_frame_of_a_stream() -> None:
    def stream(connection: socket.socket, number: int) -> None:
        read_request(connection)
        connection.sendall(HEAD + chunked(b"".join(frames({"n": 1}, {"n": 2}))) + b"0\r\n\r\n")

    with raw_server(stream) as url, HttpClient(url) as client:
        assert client.request("upload_file_stream")["data"] == {"n": 1}


# -- wrong arguments ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://<host>:<port>", "placeholder"),
        ("ws://127.0.0.1:3001", "begins with ws://"),
        ("127.0.0.1:3000", "is no http:// address"),
        ("http://", "is no http:// address"),
        ("http://127.0.0.1:99999", "has a wrong host or port"),
        ("http://127.0.0.1:0", "is no http:// address"),
        ("ftp://x", "is no http:// address"),
    ],
)
def test_a_wrong_address_is_refused_at_once(url: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        HttpClient(url)


def test_wrong_arguments_are_refused_at_once(client: HttpClient) -> None:
    with pytest.raises(TypeError):
        HttpClient(3000)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="access_token"):
        HttpClient("http://x", "令牌")
    with pytest.raises(ValueError, match="access_token"):
        HttpClient("http://x", "a\r\nX: y")
    for wrong in (0, -1, float("nan"), True, "5", float("inf"), 1e10, 10**400):
        with pytest.raises(ValueError, match="timeout"):
            HttpClient("http://x", timeout=wrong)  # type: ignore[arg-type]
    with pytest.raises((TypeError, ValueError), match="message"):
        client.send_private_msg(1, {1, 2})  # type: ignore[arg-type]
    with pytest.raises((TypeError, ValueError), match="duration"):
        client.set_group_ban(1, 2, duration=float("nan"))  # type: ignore[arg-type]


def test_what_the_caller_is_handling_is_not_taken_for_the_reason() -> None:
    def hang_up() -> None:
        with listener.accept()[0] as connection:
            connection.recv(10_000)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        for outside in (FileNotFoundError("no such file"), TimeoutError()):
            peer = threading.Thread(target=hang_up)
            peer.start()
            client = HttpClient(f"http://127.0.0.1:{listener.getsockname()[1]}")
            try:
                raise outside
            except OSError:
                with pytest.raises(NetworkError, match="may have been carried out") as caught:
                    client.request("send_msg")
            assert not isinstance(caught.value, ApiTimeout)
            peer.join(5)


@pytest.mark.parametrize("action", [5, b"send_msg"])
def test_an_action_has_a_name(client: HttpClient, api: Api, action: Any) -> None:
    with pytest.raises(TypeError, match=r"动作的名字是字符串.*An action has a name"):
        client.request(action)
    assert not api.calls
