"""What crosses the simulator's wires, seen by raw peers: it must look like NapCat."""

from __future__ import annotations

import hmac
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from websocket import WebSocket, WebSocketBadStatusException, create_connection
from websockets.sync.client import connect
from websockets.sync.connection import Connection
from websockets.sync.server import ServerConnection, serve

from onebot_simple import EventServer, WsServer
from onebot_simple.simulator import Simulator

Json = dict[str, Any]


@pytest.fixture
def qq() -> Iterator[Simulator]:
    with Simulator(access_token="s3cret", reconnect_interval=100) as one:
        yield one


@contextmanager
def dial(
    qq: Simulator, path: str = "/", token: str | None = "s3cret", **more: Any
) -> Iterator[WebSocket]:
    header = [f"Authorization: Bearer {token}"] if token is not None else []
    socket_ = create_connection(
        qq.ws_url + path, header=header, suppress_origin="origin" not in more, timeout=5, **more
    )
    try:
        yield socket_
    finally:
        socket_.close(timeout=1)
        socket_.shutdown()  # type: ignore[no-untyped-call]  # after a close frame, too


def receive(socket_: WebSocket) -> Json:
    content: Json = json.loads(socket_.recv())
    return content


def ask(socket_: WebSocket, action: str, params: Any = None, **more: Any) -> Json:
    """Call, and skip events until the answer."""
    socket_.send(json.dumps({"action": action, "params": params or {}, "echo": "e", **more}))
    while "post_type" in (content := receive(socket_)):
        pass
    return content


def http(
    qq: Simulator,
    action: str,
    body: Any = None,
    method: str = "POST",
    headers: dict[str, str] | None = None,
) -> tuple[int, Any]:
    connection = HTTPConnection("127.0.0.1", int(qq.http_url.rpartition(":")[2]), timeout=5)
    data = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
    all_headers = {"Authorization": "Bearer s3cret", "Content-Type": "application/json"}
    connection.request(method, f"/{action}", data, all_headers | (headers or {}))
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    try:
        return answer.status, json.loads(text)
    except ValueError:
        return answer.status, text


# -- forward WebSocket ----------------------------------------------------------------------------


def test_the_first_frame_is_the_lifecycle(qq: Simulator) -> None:
    with dial(qq, "/any/path") as bot:
        first = receive(bot)
        assert first["meta_event_type"] == "lifecycle"
        assert (first["sub_type"], first["self_id"]) == ("connect", 10001)


def test_a_wrong_token_is_told_in_a_frame_and_then_the_line_is_closed(qq: Simulator) -> None:
    for token in ("wrong", None):
        with dial(qq, token=token) as bot:
            refused = receive(bot)
            assert (refused["status"], refused["retcode"], refused["echo"]) == (
                "failed",
                1403,
                None,
            )
            assert bot.recv() == ""
    with dial(qq, "/?access_token=s3cret", token=None) as bot:
        assert receive(bot)["post_type"] == "meta_event"


def test_the_api_path_has_no_events(qq: Simulator) -> None:
    with dial(qq, "/api") as api, dial(qq, "/event") as event:
        receive(event)
        for _ in range(2):  # at the second time, there was a message that it could have heard
            api.send(json.dumps({"action": "get_login_info", "echo": 1}))
            assert receive(api)["data"]["user_id"] == 10001
            qq.send_private("hi")
            assert receive(event)["post_type"] == "message"


@pytest.mark.parametrize("echo", ["text", 5, 1.5, True, ["list"], {"a": {"b": None}}, ""])
def test_an_echo_of_any_type_comes_back(qq: Simulator, echo: Any) -> None:
    with dial(qq) as bot:
        answer = ask(bot, "get_status", echo=echo)
        assert answer["echo"] == echo
        assert type(answer["echo"]) is type(echo)


def test_a_missing_echo_comes_back_empty(qq: Simulator) -> None:
    with dial(qq, "/api") as bot:
        bot.send('{"action": "get_status"}')
        assert receive(bot)["echo"] == ""


def test_an_echo_of_any_depth_leaves_the_connection_alive(qq: Simulator) -> None:
    with dial(qq) as bot:
        receive(bot)
        for depth in range(900, 1010):
            bot.send(f'{{"action": "get_status", "echo": {"[" * depth}{"]" * depth}}}')
            answer = bot.recv()  # as text: the depth may be too much for this test, too
            assert '"retcode": 0' in answer or '"retcode": 1400' in answer


@pytest.mark.parametrize("bad", ["{bad", "{'a': True}", "[1,,2]", "null", "", "\x00"])
def test_bad_json_is_1400(qq: Simulator, bad: str) -> None:
    with dial(qq, "/api") as bot:
        bot.send(bad)
        answer = receive(bot)
        assert (answer["status"], answer["retcode"], answer["echo"]) == ("failed", 1400, None)


def test_heartbeats_come_in_milliseconds() -> None:
    with Simulator(heart_interval=50) as qq, dial(qq, token=None) as bot:
        receive(bot)
        beat = receive(bot)
        assert (beat["meta_event_type"], beat["interval"]) == ("heartbeat", 50)
        assert beat["status"]["online"] is True


def test_messages_may_come_as_strings() -> None:
    with Simulator(message_format="string") as qq, dial(qq, token=None) as bot:
        receive(bot)
        qq.send_group("a[b]", at_bot=True)
        event = receive(bot)
        assert event["message_format"] == "string"
        assert event["message"] == event["raw_message"] == "[CQ:at,qq=10001]a&#91;b&#93;"


def test_foreign_pages_and_foreign_hosts_are_refused(qq: Simulator) -> None:
    for more in ({"origin": "http://evil.example"}, {"host": "evil.example"}):
        with pytest.raises(WebSocketBadStatusException), dial(qq, **more):
            pass
    assert http(qq, "get_status", headers={"Host": "evil.example"})[0] == 403
    assert http(qq, "get_status", headers={"Origin": "http://evil.example"})[0] == 403
    assert http(qq, "get_status", headers={"Origin": "http://127.0.0.1:5"})[0] == 200


# -- HTTP API -------------------------------------------------------------------------------------


def test_http_takes_ids_and_booleans_in_any_form(qq: Simulator) -> None:
    for user in (20001, "20001"):
        status, answer = http(qq, "get_stranger_info", {"user_id": user, "no_cache": "true"})
        assert (status, answer["status"], answer["data"]["nickname"]) == (200, "ok", "Alice")
    assert http(qq, "get_stranger_info?user_id=20002", method="GET")[1]["data"]["user_id"] == 20002
    mixed = http(qq, "get_stranger_info?user_id=20003", {"user_id": 20001})[1]
    assert mixed["data"]["user_id"] == 20003  # the query wins


def test_http_errors_are_napcats(qq: Simulator) -> None:
    assert http(qq, "get_status", b"{bad")[0] == 400
    status, answer = http(qq, "get_status", headers={"Authorization": "Bearer wrong"})
    assert (status, answer) == (403, {"message": "token verify failed!"})
    status, answer = http(qq, "no_such_action", {})
    assert (status, answer["status"], answer["retcode"]) == (200, "failed", 200)
    assert answer["message"].startswith("不支持的Api no_such_action")
    status, answer = http(qq, "get_msg", {"message_id": 1})
    assert (status, answer["retcode"]) == (200, 200)
    status, answer = http(qq, "get_msg", {})
    assert (status, answer["retcode"]) == (200, 400)
    assert http(qq, "")[1]["message"] == "NapCat4 Is Running"


def test_a_target_that_is_none_is_refused_over_http(qq: Simulator) -> None:
    address = ("127.0.0.1", int(qq.http_url.rpartition(":")[2]))
    with socket.create_connection(address, timeout=5) as connection:
        connection.sendall(b"POST http://[ HTTP/1.1\r\n\r\n")
        assert connection.recv(4096).startswith(b"HTTP/1.1 400 ")


def test_http_keeps_connections_and_takes_chunks(qq: Simulator) -> None:
    connection = HTTPConnection("127.0.0.1", int(qq.http_url.rpartition(":")[2]), timeout=5)
    for _ in range(3):
        body = [b'{"user_', b'id": 20001}']
        connection.request(
            "POST",
            "/get_stranger_info",
            iter(body),
            {"Authorization": "Bearer s3cret"},
            encode_chunked=True,
        )
        answer = connection.getresponse()
        assert json.loads(answer.read())["data"]["nickname"] == "Alice"
        assert not answer.will_close
    connection.close()


# -- events that are posted -----------------------------------------------------------------------


class Receiver:
    """A server that takes posted events, and answers what it is told."""

    def __init__(self, answer: bytes = b"", status: int = 204) -> None:
        posts: list[tuple[dict[str, str], bytes]] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                data = b""
                while size := int(self.rfile.readline(), 16):
                    data += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                posts.append((dict(self.headers.items()), data))
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: Any) -> None:
                pass

        self.posts = posts
        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/events"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Receiver:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def until(condition: Any) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.002)


def test_events_are_posted_in_chunks_with_napcats_headers(qq: Simulator) -> None:
    with Receiver() as receiver:
        qq.post_to(receiver.url, secret="sign")
        qq.send_private("hi")
        until(lambda: receiver.posts)
        headers, body = receiver.posts[0]
        assert headers["Transfer-Encoding"] == "chunked"
        assert headers["x-self-id"] == "10001"
        assert headers["x-signature"] == "sha1=" + hmac.new(b"sign", body, "sha1").hexdigest()
        assert not {"Content-Length", "User-Agent", "Authorization"} & set(headers)
        assert json.loads(body)["raw_message"] == "hi"


def test_a_quick_operation_quotes_in_groups_and_deletes_nothing(qq: Simulator) -> None:
    operation = {"reply": "yes", "delete": True, "kick": True, "ban": True}
    with Receiver(json.dumps(operation).encode(), 200) as receiver:
        qq.post_to(receiver.url)
        said = qq.send_group("hi", user=20003)["message_id"]
        reply = qq.wait_reply()
        assert reply["message"][0] == {"type": "reply", "data": {"id": str(said)}}
        assert reply["text"] == "yes"
        qq.send_private("hi")
        assert [part["type"] for part in qq.wait_reply()["message"]] == ["text"]
        assert http(qq, "get_msg", {"message_id": said})[1]["status"] == "ok"


# -- reverse WebSocket ----------------------------------------------------------------------------


def test_the_reverse_handshake_has_napcats_headers_and_comes_again() -> None:
    requests: list[Any] = []
    greetings: list[Json] = []

    def handler(connection: ServerConnection) -> None:
        assert connection.request
        requests.append(connection.request)
        greetings.append(json.loads(connection.recv()))
        if len(requests) == 1:
            connection.socket.shutdown(socket.SHUT_RDWR)
        else:
            for _ in connection:
                pass

    with serve(handler, "127.0.0.1", 0) as server, Simulator(reconnect_interval=50) as qq:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        qq.connect_to(f"ws://127.0.0.1:{server.socket.getsockname()[1]}/onebot?x=1")
        until(lambda: len(greetings) == 2)
    thread.join()
    assert [event["sub_type"] for event in greetings] == ["connect", "connect"]
    headers = requests[0].headers
    assert requests[0].path == "/onebot?x=1"
    assert headers["X-Self-ID"] == "10001"
    assert headers["Authorization"].rstrip() == "Bearer"
    assert headers["x-client-role"] == "Universal"
    assert headers["User-Agent"] == "OneBot/11"
    assert "Origin" not in headers
    assert "Sec-WebSocket-Extensions" not in headers


def test_a_reverse_connection_bears_silence() -> None:
    with Simulator() as qq, WsServer(port=0) as server:
        qq.connect_to(server.url)
        qq.wait_connected(5)
        qq.expect_silence(2.5)  # longer than a handshake may take
        assert server.bot(10001).get_login_info()["user_id"] == 10001


def test_a_default_timeout_that_the_bot_has_set_is_not_the_simulators() -> None:
    bot = EventServer(port=0)

    @bot.on_message
    def think(event: Json) -> str:
        threading.Event().wait(1)  # longer than the timeout
        return "done"

    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(0.3)
    try:
        with Simulator(bot) as qq, closing(create_connection(qq.ws_url, timeout=15)) as ws:
            ws.recv()  # the greeting
            qq.send_private("hi")
            ws.recv()
            assert qq.wait_reply(15)["text"] == "done"
            ws.send(json.dumps({"action": "get_login_info"}))
            assert json.loads(ws.recv())["status"] == "ok"
    finally:
        socket.setdefaulttimeout(before)


def test_pings_are_answered_while_many_calls_are_held() -> None:
    answered: list[bool] = []

    def hold(connection: Connection) -> None:
        one.gate.close()
        for _ in range(100):
            connection.send('{"action": "get_status"}')
        assert one.gate.wait_held(1, 15)
        came = connection.ping().wait(15)
        one.gate.open()
        for _ in range(101):  # the greeting, and what the calls are answered
            connection.recv(15)
        answered.append(came)

    with Simulator() as one, connect(one.ws_url) as forward:
        hold(forward)
    with serve(hold, "127.0.0.1", 0) as server, Simulator() as one:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        one.connect_to(f"ws://127.0.0.1:{server.socket.getsockname()[1]}")
        until(lambda: len(answered) == 2)
    thread.join()
    assert answered == [True, True]


# -- running --------------------------------------------------------------------------------------


def test_a_taken_port_is_an_os_error_and_nothing_is_left(qq: Simulator) -> None:
    port = int(qq.http_url.rpartition(":")[2])
    with pytest.raises(OSError, match=str(port)):
        Simulator(http_port=port).start()


def test_twenty_starts_and_stops_leave_no_thread() -> None:
    before = threading.active_count()
    simulator = Simulator()
    for _ in range(20):
        with simulator, dial(simulator, token=None) as bot:
            receive(bot)
    until(lambda: threading.active_count() <= before)


@pytest.mark.parametrize("token", ["s3cret-and-long", "q7~"])
def test_tokens_are_masked_in_the_frames(token: str) -> None:
    with Simulator(access_token=token) as qq:
        with dial(qq, f"/?access_token={token}", token) as bot:
            receive(bot)
        http(qq, f"get_status?access_token={token}", headers={"Authorization": f"Token {token}"})
        assert token not in json.dumps(qq.frames)
        assert any("Authorization: Bearer ***" in frame["head"] for frame in qq.frames)


@pytest.mark.parametrize("host", ["192.0.2.1", "qq.example", "0.0.0.0", "localhost.example"])
def test_the_simulator_connects_to_this_machine_only(host: str) -> None:
    qq = Simulator()
    with pytest.raises(ValueError, match="this machine only"):
        qq.post_to(f"http://{host}:8080/")
    with pytest.raises(ValueError, match="this machine only"):
        qq.connect_to(f"ws://{host}:8765/")
