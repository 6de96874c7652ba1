"""The forward WebSocket: answers, events, and connections that break."""

from __future__ import annotations

import _thread
import contextlib
import json
import re
import socket
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

from onebot_simple import (
    ActionFailed,
    ActionNotFound,
    ApiTimeout,
    AuthenticationError,
    NetworkError,
    OneBotError,
    WsClient,
    segment,
)

from .conftest import SetGreetingWait, SetPauses, SetStopWaits
from .peers import Api, ForwardWs, connect_event, failed, free_port, message, ok, wait_until


@pytest.fixture
def peer() -> Iterator[ForwardWs]:
    one = ForwardWs(Api())
    yield one
    one.close()


@pytest.fixture(autouse=True)
def impatient(set_pauses: SetPauses, set_greeting_wait: SetGreetingWait) -> None:
    set_pauses(0.05, 0.2)
    set_greeting_wait(5)  # so that no greeting comes too late


class Scripted:
    """A WebSocket server that does with each connection what a function says."""

    def __init__(self, script: Any, check: Any = None) -> None:
        self.requests: list[Request] = []
        self.connections = 0

        def process(connection: ServerConnection, request: Request) -> Response | None:
            self.requests.append(request)
            answer: Response | None = check(connection) if check else None
            return answer

        def handler(connection: ServerConnection) -> None:
            self.connections += 1
            script(connection, self.connections)

        self.server = serve(
            handler, "127.0.0.1", 0, process_request=process, compression=None, close_timeout=0.2
        )
        self.url = f"ws://127.0.0.1:{self.server.socket.getsockname()[1]}"
        self.thread = threading.Thread(target=self.accept, daemon=True)
        self.thread.start()

    def accept(self) -> None:
        with contextlib.suppress(ValueError, OSError):  # the end came before the first look
            self.server.serve_forever()

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.thread.join()


def stay(connection: ServerConnection, number: int = 0) -> None:
    connection.send(json.dumps(connect_event()))
    for _ in connection:
        pass


# -- calls ----------------------------------------------------------------------------------------


def test_a_call_is_an_action_with_params_and_echo() -> None:
    frames: list[dict[str, Any]] = []

    def script(connection: ServerConnection, number: int) -> None:
        connection.send(json.dumps(connect_event()))
        for frame in connection:
            assert isinstance(frame, str)
            assert frame.isascii()
            frames.append(json.loads(frame))
            connection.send(json.dumps({**ok({"message_id": 1}), "echo": frames[-1]["echo"]}))

    with Scripted(script) as server:
        with WsClient(server.url + "/some/path?x=1", "tok") as bot:
            answer = bot.request("send_group_msg", {"group_id": 1, "message": "你好"})
        assert answer["data"] == {"message_id": 1}
        assert frames[0]["action"] == "send_group_msg"
        assert frames[0]["params"] == {"group_id": 1, "message": "你好"}
        headers = server.requests[0].headers
        assert headers["Authorization"] == "Bearer tok"
        assert "Origin" not in headers
        assert server.requests[0].path == "/some/path?x=1"


def test_answers_that_come_out_of_order_reach_the_right_threads(peer: ForwardWs) -> None:
    def late(params: dict[str, Any]) -> dict[str, Any]:
        time.sleep((params["message_id"] * 7919 % 13) / 1000)
        return ok(params["message_id"])

    peer.api.answers["get_msg"] = late
    wrong: list[int] = []

    def call(number: int) -> None:
        for step in range(20):
            wanted = number * 100 + step
            if bot.call_action("get_msg", message_id=wanted) != wanted:
                wrong.append(wanted)

    with WsClient(peer.url) as bot:
        threads = [threading.Thread(target=call, args=(number,)) for number in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    assert not wrong
    assert len(peer.api.calls) == 320


def test_failed_and_unknown_actions_raise(peer: ForwardWs) -> None:
    peer.api.answers["delete_msg"] = lambda params: failed(1200, "消息不存在")
    peer.api.answers["nope"] = lambda params: failed(1404, "不支持的API nope")
    with WsClient(peer.url) as bot:
        with pytest.raises(ActionFailed, match="delete_msg failed with retcode 1200"):
            bot.delete_msg(1)
        with pytest.raises(ActionNotFound, match="nope"):
            bot.call_action("nope")
        assert bot.request("nope")["retcode"] == 1404


def test_a_call_without_an_answer_ends_and_a_late_answer_confuses_nobody() -> None:
    late: list[tuple[ServerConnection, str]] = []

    def script(connection: ServerConnection, number: int) -> None:
        connection.send(json.dumps(connect_event()))
        for frame in connection:
            call = json.loads(frame)
            if call["action"] == "slow":
                late.append((connection, call["echo"]))
            else:
                connection.send(json.dumps({**ok("late"), "echo": late[0][1]}))
                connection.send(json.dumps({**ok("right"), "echo": call["echo"]}))

    with Scripted(script) as server, WsClient(server.url) as bot:
        with pytest.raises(ApiTimeout, match="no response to slow within 0.1 s"):
            bot.request("slow", timeout=0.1)
        assert bot.call_action("quick") == "right"


@pytest.mark.usefixtures("whole_ctrl_c")
@pytest.mark.parametrize("ended_by", [ApiTimeout, KeyboardInterrupt])
def test_a_late_answer_without_an_echo_goes_to_no_other_call(ended_by: Any) -> None:
    def script(connection: ServerConnection, number: int) -> None:
        connection.send(json.dumps(connect_event()))
        for frame in connection:
            call = json.loads(frame)
            if call["action"] != "slow":
                connection.send(json.dumps(ok("late")))
                connection.send(json.dumps({**ok("right"), "echo": call["echo"]}))
            elif ended_by is KeyboardInterrupt:
                # later: while it is still being sent, Ctrl+C ends the connection
                threading.Timer(1, _thread.interrupt_main).start()

    with Scripted(script) as server, WsClient(server.url) as bot:
        with pytest.raises(ended_by):
            bot.request("slow", timeout=0.1 if ended_by is ApiTimeout else 15)
        assert bot.call_action("quick") == "right"


def test_a_lost_connection_frees_every_waiting_caller_at_once() -> None:
    waiting = threading.Semaphore(0)
    gone = threading.Event()

    def script(connection: ServerConnection, number: int) -> None:
        connection.send(json.dumps(connect_event()))
        if number > 1:
            return
        for _ in connection:
            waiting.release()
            if gone.is_set():
                break

    errors: list[BaseException] = []

    def call() -> None:
        try:
            bot.call_action("never")
        except NetworkError as error:
            errors.append(error)

    with Scripted(script) as server, WsClient(server.url) as bot:
        threads = [threading.Thread(target=call) for _ in range(20)]
        for thread in threads:
            thread.start()
        for _ in threads:
            assert waiting.acquire(timeout=5)
        began = time.monotonic()
        gone.set()
        bot.stop()
        for thread in threads:
            thread.join(5)
        assert time.monotonic() - began < 5  # the timeout of a call is longer
        assert len(errors) == 20
        assert not any(isinstance(error, ApiTimeout) for error in errors)
        gone.set()


def test_a_stream_yields_frames_until_the_last(peer: ForwardWs) -> None:
    def script(connection: ServerConnection, number: int) -> None:
        connection.send(json.dumps(connect_event()))
        for frame in connection:
            call = json.loads(frame)
            kinds = ["stream", "stream", "response", "stream"]
            if call["action"] == "upload_file_stream":
                kinds = ["stream"]
            for step, kind in enumerate(kinds):
                data = {"type": kind, "step": step}
                connection.send(json.dumps({**ok(data), "echo": call["echo"]}))

    with Scripted(script) as server, WsClient(server.url) as bot:
        steps = [data["step"] for data in bot.stream_action("download_file_stream", file="x")]
        assert steps == [0, 1, 2]
        uploads = list(bot.stream_action("upload_file_stream", stream_id="s"))
        assert uploads == [{"type": "stream", "step": 0}]
        assert bot.call_action("upload_file_stream") == {"type": "stream", "step": 0}


# -- echoes ---------------------------------------------------------------------------------------


class Echoing(Scripted):
    """A OneBot that answers each call as `answers` says: a list of what stands in for the echo."""

    def __init__(self, answers: Callable[[str], list[Any]]) -> None:
        self.echoes: list[Any] = []

        def script(connection: ServerConnection, number: int) -> None:
            connection.send(json.dumps(connect_event()))
            for frame in connection:
                call = json.loads(frame)
                self.echoes.append(call["echo"])
                for echo in answers(call["action"]):
                    answer = ok(call["action"])
                    if echo != MISSING:
                        answer["echo"] = call["echo"] if echo == RIGHT else echo
                    connection.send(json.dumps(answer))

        super().__init__(script)


MISSING, RIGHT = "missing", "right"


def test_an_echo_is_a_string_that_is_no_number_and_different_in_every_call() -> None:
    with Echoing(lambda action: [RIGHT]) as server:
        for _ in range(2):
            with WsClient(server.url) as bot:
                for _ in range(50):
                    bot.call_action("x")
    assert len(set(server.echoes)) == 100
    for echo in server.echoes:
        assert isinstance(echo, str)
        number, random = echo.split(":")
        assert number.isdecimal() and len(random) == 8
        with pytest.raises(ValueError):
            float(echo)


def test_an_echo_names_the_event_and_the_handler_that_made_the_call() -> None:
    echoes: list[str] = []
    poke = {"post_type": "notice", "notice_type": "x", "self_id": 10001, "user_id": 1}

    def script(connection: ServerConnection, number: int) -> None:
        for event in (connect_event(), message("hi", message_id=555), poke):
            connection.send(json.dumps(event))
        for frame in connection:
            call = json.loads(frame)
            echoes.append(call["echo"])
            connection.send(json.dumps({**ok(None), "echo": call["echo"]}))

    with Scripted(script) as server:
        bot = WsClient(server.url)

        @bot.on_message
        def weather(event: Any) -> str:
            return "sunny"

        @bot.on_notice
        def poked(event: Any) -> None:
            bot.send_like(1)

        with bot:
            wait_until(lambda: len(echoes) == 2)
    named = {}
    for echo in echoes:
        origin, number, random = echo.rsplit(":", 2)
        event, handler = origin.split(":", 1)
        named[event], _, place = handler.rpartition("@")
        assert number.isdecimal() and len(random) == 8
        assert re.fullmatch(r"test_ws_client\.py:\d+", place)
    assert {event: name.rpartition(".")[2] for event, name in named.items()} == {
        "555": "weather",
        "e3": "poked",  # the third event of the connection
    }


@pytest.mark.parametrize("echo", [MISSING, None, ""])
def test_an_answer_without_echo_is_that_of_the_only_call(echo: Any) -> None:
    with Echoing(lambda action: [echo]) as server, WsClient(server.url, timeout=5) as bot:
        assert bot.call_action("x") == "x"
        assert bot.call_action("y") == "y"


def test_an_answer_without_echo_is_nobodys_when_several_calls_wait(
    caplog: pytest.LogCaptureFixture,
) -> None:
    both = threading.Barrier(2)
    came: list[str] = []

    def script(connection: ServerConnection, number: int) -> None:
        connection.send(json.dumps(connect_event()))
        calls = [json.loads(connection.recv()), json.loads(connection.recv())]
        for _ in range(3):
            connection.send(json.dumps(ok("whose?")))
        for call in calls:
            connection.send(json.dumps({**ok(call["action"]), "echo": call["echo"]}))
        for _ in connection:
            pass

    def ask(action: str) -> None:
        both.wait(5)
        came.append(bot.call_action(action))

    with Scripted(script) as server, WsClient(server.url) as bot:
        threads = [threading.Thread(target=ask, args=(name,)) for name in ("a", "b")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(5)
    assert sorted(came) == ["a", "b"]
    assert caplog.text.count("a response that nobody waits for") == 1


def test_an_answer_without_echo_may_be_a_late_one_and_is_not_given_to_the_next_call() -> None:
    def answers(action: str) -> list[Any]:
        return [] if action == "slow" else [MISSING, RIGHT] if action == "next" else [RIGHT]

    def script(connection: ServerConnection, number: int) -> None:
        connection.send(json.dumps(connect_event()))
        connection.recv()
        call = json.loads(connection.recv())
        connection.send(json.dumps(ok("of the slow one")))
        connection.send(json.dumps({**ok("right"), "echo": call["echo"]}))
        for _ in connection:
            pass

    with Scripted(script) as server, WsClient(server.url) as bot:
        with pytest.raises(ApiTimeout):
            bot.request("slow", timeout=0.05)
        assert bot.call_action("next") == "right"


@pytest.mark.parametrize("echo", [1, 1.5, True, ["x"], {"x": 1}, "1", "nobody's"])
def test_an_answer_with_another_echo_is_dropped_and_said_once(
    echo: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with Echoing(lambda action: [echo, echo, RIGHT, RIGHT]) as server, WsClient(server.url) as bot:
        assert bot.call_action("x") == "x"
        assert bot.call_action("y") == "y"
    assert caplog.text.count("a response that nobody waits for") == 1
    assert "Late? Use a longer timeout=" in caplog.text
    assert "could not be understood" not in caplog.text


# -- starting -------------------------------------------------------------------------------------


def test_nobody_listening_is_said_at_once_by_start() -> None:
    with pytest.raises(NetworkError, match="connection refused"):
        WsClient(f"ws://127.0.0.1:{free_port()}").start()


@contextlib.contextmanager
def resolving_to(*addresses: tuple[str, int]) -> Iterator[None]:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 0, "", address) for address in addresses]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
        yield


NOWHERE = ("255.255.255.255", 1)  # the system refuses to dial it


def test_an_address_that_cannot_be_dialled_does_not_hide_the_next(peer: ForwardWs) -> None:
    with resolving_to(NOWHERE, ("127.0.0.1", peer.port)), WsClient("ws://onebot:1") as bot:
        assert bot.get_status() == {"message_id": 1234}


def test_of_all_addresses_that_fail_the_most_telling_error_is_said() -> None:
    with (
        resolving_to(("127.0.0.1", free_port()), NOWHERE),
        pytest.raises(NetworkError, match="connection refused"),
    ):
        WsClient("ws://onebot:1").start()


def test_a_call_before_start_says_what_to_do() -> None:
    with pytest.raises(NetworkError, match="not started.*on_connect"):
        WsClient("ws://127.0.0.1:3001").get_status()


def test_a_call_after_a_start_that_failed_says_why_it_failed() -> None:
    bot = WsClient(f"ws://127.0.0.1:{free_port()}")
    for _ in range(2):
        with pytest.raises(NetworkError, match="connection refused"):
            bot.start()
        with pytest.raises(NetworkError, match="connection refused"):
            bot.get_status()


def refuse_as_napcat(connection: ServerConnection, number: int) -> None:
    words = {"message": "token验证失败", "wording": "token验证失败", "stream": "normal-action"}
    refused = {"status": "failed", "retcode": 1403, "data": None, "echo": None, **words}
    connection.send(json.dumps(refused, ensure_ascii=False))


REFUSALS: list[tuple[Any, Any]] = [
    (stay, lambda connection: connection.respond(401, "no")),
    (stay, lambda connection: connection.respond(403, "no")),
    (refuse_as_napcat, None),
]


@pytest.mark.parametrize(
    "token, chinese, english",
    [
        ("hush", "access_token 不对", "refused the access_token"),
        (None, "没有给", "none was given"),
        ("", "没有给", "none was given"),
    ],
)
@pytest.mark.parametrize("script, check", REFUSALS, ids=["401", "403", "1403"])
def test_a_refused_token_is_said_and_not_tried_again(
    script: Any, check: Any, token: str | None, chinese: str, english: str
) -> None:
    with Scripted(script, check) as server:
        for begin in (WsClient(server.url, token).start, WsClient(server.url, token).run):
            with pytest.raises(AuthenticationError) as caught:
                begin()
            said = str(caught.value)
            assert chinese in said and english in said and "hush" not in said
            assert said.index(chinese) < said.index(english)
        assert len(server.requests) == 2


def test_a_token_that_is_refused_later_ends_the_attempts(caplog: pytest.LogCaptureFixture) -> None:
    def first_only(connection: ServerConnection, number: int) -> None:
        if number > 1:
            refuse_as_napcat(connection, number)
            return
        connection.send(json.dumps(connect_event()))
        with contextlib.suppress(Exception):
            connection.recv()
        connection.socket.shutdown(socket.SHUT_RDWR)

    turns: list[str] = []
    with Scripted(first_only) as server:
        bot = WsClient(server.url, "hush")
        bot.on_connect(lambda self_id: turns.append("connected"))
        bot.on_disconnect(lambda self_id: turns.append("disconnected"))
        bot.start()
        with pytest.raises(NetworkError):
            bot.get_status()
        wait_until(lambda: "refused the access_token" in caplog.text)
        with pytest.raises(AuthenticationError, match="refused the access_token"):
            bot.get_status()
        with pytest.raises(AuthenticationError, match="refused the access_token"):
            next(bot.events())
        wait_until(lambda: len(turns) == 2)
        bot.stop()
        assert server.connections == 2
    assert turns == ["connected", "disconnected"]
    assert "hush" not in caplog.text


def test_a_redirect_is_not_followed_for_it_would_carry_the_token_away() -> None:
    def redirect(connection: ServerConnection) -> Response:
        response = connection.respond(302, "")
        response.headers["Location"] = elsewhere.url
        return response

    with Scripted(stay) as elsewhere, Scripted(stay, redirect) as server:
        with pytest.raises(NetworkError, match="redirect|302"):
            WsClient(server.url, "hush").start()
        assert len(server.requests) == 1 and not elsewhere.requests


def test_url_and_token_are_read_at_each_start(peer: ForwardWs) -> None:
    with Scripted(stay) as server:
        bot = WsClient("ws://127.0.0.1:1")
        bot.url, bot.access_token = server.url, "hush"
        with bot:
            assert server.requests[0].headers["Authorization"] == "Bearer hush"
        bot.url, bot.access_token = peer.url, None
        with bot:
            assert bot.get_status() == {"message_id": 1234}
        bot.url = "http://127.0.0.1:3000"
        with pytest.raises(ValueError, match="begins with http://"):
            bot.start()


@pytest.mark.parametrize("status", [200, 401, 404])
def test_the_port_of_napcats_webui_is_named_whatever_it_answers(status: int) -> None:
    def answer(connection: ServerConnection, request: Request) -> Response:
        return connection.respond(status, "WebUI")

    try:
        server = serve(stay, "127.0.0.1", 6099, process_request=answer)
    except OSError:
        pytest.skip("port 6099 is taken")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        with pytest.raises(NetworkError, match="6099 是 NapCat 的 Web.*6099 is the port of NapCat"):
            WsClient("ws://127.0.0.1:6099").start()
    finally:
        server.shutdown()
        thread.join(5)


def test_the_traceback_of_a_failure_ends_in_our_sentence_and_has_no_chain() -> None:
    def refuse(connection: ServerConnection) -> Response:
        return connection.respond(404, "no")

    def hang_up(connection: ServerConnection, number: int) -> None:
        connection.socket.shutdown(socket.SHUT_RDWR)

    with (
        Scripted(stay, refuse) as no_websocket,
        Scripted(refuse_as_napcat) as no_token,
        Scripted(hang_up) as gone,
    ):
        for url in ("ws://127.0.0.1:1", no_websocket.url, no_token.url, gone.url):
            with pytest.raises(OneBotError) as caught:
                WsClient(url).start()
            shown = "".join(traceback.format_exception(caught.value))
            assert shown.count("Traceback") == 1, shown


def test_another_http_answer_says_that_no_websocket_is_there() -> None:
    def refuse(connection: ServerConnection) -> Response:
        return connection.respond(404, "no")

    with (
        Scripted(stay, refuse) as server,
        pytest.raises(NetworkError, match="answered HTTP 404.*3001"),
    ):
        WsClient(server.url).start()


def test_start_needs_no_greeting(set_greeting_wait: SetGreetingWait) -> None:
    set_greeting_wait(0.1)

    def silent(connection: ServerConnection, number: int) -> None:
        for frame in connection:
            connection.send(json.dumps({**ok(1), "echo": json.loads(frame)["echo"]}))

    connected: list[Any] = []
    with Scripted(silent) as server:
        bot = WsClient(server.url + "/api")
        bot.on_connect(connected.append)
        with bot:
            assert bot.call_action("x") == 1
            wait_until(lambda: connected == [None])


def test_a_proxy_in_the_environment_does_not_catch_the_connection(
    peer: ForwardWs, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with WsClient(peer.url) as bot:
        assert bot.call_action("send_like", user_id=1) == {"message_id": 1234}


# -- staying connected ----------------------------------------------------------------------------


def test_run_keeps_trying_until_onebot_is_there(caplog: pytest.LogCaptureFixture) -> None:
    port = free_port()
    bot = WsClient(f"ws://127.0.0.1:{port}")
    connected = threading.Event()
    bot.on_connect(lambda self_id: connected.set())
    running = threading.Thread(target=bot.run)
    running.start()
    wait_until(lambda: "Trying again" in caplog.text)
    with pytest.raises(NetworkError, match="at the moment"):
        bot.get_status()
    peer = ForwardWs(Api(), port)
    assert connected.wait(5)
    bot.stop()
    running.join(5)
    peer.close()


def test_a_dropped_connection_is_made_again_and_events_go_on(
    set_stop_waits: SetStopWaits,
) -> None:
    set_stop_waits(10, 10)  # stop() waits for the last of the turns

    def drop_twice(connection: ServerConnection, number: int) -> None:
        connection.send(json.dumps(connect_event()))
        connection.send(json.dumps(message(f"event {number}")))
        if number < 3:
            connection.socket.shutdown(socket.SHUT_RDWR)
        for _ in connection:
            pass

    heard: list[str] = []
    turns: list[str] = []
    with Scripted(drop_twice) as server:
        bot = WsClient(server.url)
        bot.on_message(lambda event: heard.append(segment.plain_text(event)))
        bot.on_connect(lambda self_id: turns.append(f"+{self_id}"))
        bot.on_disconnect(lambda self_id: turns.append(f"-{self_id}"))
        with bot:
            wait_until(lambda: len(heard) == 3 and len(turns) == 5)
        assert heard == ["event 1", "event 2", "event 3"]
        assert turns == ["+10001", "-10001"] * 3


def test_a_silent_connection_is_given_up_and_made_again(caplog: pytest.LogCaptureFixture) -> None:
    """The first connection is a TCP peer that shakes hands and is never heard of again."""
    with Scripted(stay) as real, socket.create_server(("127.0.0.1", 0)) as listener:
        to = ("127.0.0.1", int(real.url.rpartition(":")[2]))
        frozen = threading.Event()

        def relay(one: socket.socket, other: socket.socket, freeze: bool) -> None:
            try:
                while data := one.recv(65536):
                    if freeze and frozen.is_set():
                        continue
                    other.sendall(data)
            except OSError:
                pass

        pairs: list[socket.socket] = []

        def accept() -> None:
            for number in range(2):
                one, _ = listener.accept()
                other = socket.create_connection(to)
                pairs.extend([one, other])
                for left, right in ((one, other), (other, one)):
                    args = (left, right, number == 0)
                    threading.Thread(target=relay, args=args, daemon=True).start()

        acceptor = threading.Thread(target=accept, daemon=True)
        acceptor.start()
        url = f"ws://127.0.0.1:{listener.getsockname()[1]}"
        with WsClient(url, ping_interval=0.2, ping_timeout=0.2):
            frozen.set()
            wait_until(lambda: real.connections == 2)
        assert "silent for 0.4 s" in caplog.text
        acceptor.join(5)
        for one in pairs:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()


def test_pings_keep_a_quiet_connection(peer: ForwardWs) -> None:
    with WsClient(peer.url, ping_interval=0.05, ping_timeout=1.5) as bot:
        disconnected = threading.Event()
        bot.on_disconnect(lambda self_id: disconnected.set())
        assert not disconnected.wait(1.8)  # longer than both
        assert bot.call_action("send_like", user_id=1) == {"message_id": 1234}


@pytest.mark.parametrize("scheme", ["ws", "wss"])
def test_a_handshake_that_never_ends_does_not_keep_stop_waiting(scheme: str) -> None:
    before = threading.active_count()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        bot = WsClient(f"{scheme}://127.0.0.1:{listener.getsockname()[1]}")
        running = threading.Thread(target=bot.run)
        running.start()
        silent, _ = listener.accept()
        assert silent.recv(1)
        began = time.monotonic()
        bot.stop()
        running.join(5)
        assert time.monotonic() - began < 5  # a handshake may take longer
        wait_until(lambda: threading.active_count() <= before)
        silent.close()


def test_stop_while_waiting_for_the_next_attempt_is_quick(
    set_pauses: SetPauses, caplog: pytest.LogCaptureFixture
) -> None:
    set_pauses(30, 60)
    bot = WsClient(f"ws://127.0.0.1:{free_port()}")
    running = threading.Thread(target=bot.run)
    running.start()
    wait_until(lambda: "Trying again" in caplog.text)
    began = time.monotonic()
    bot.stop()
    running.join(5)
    assert time.monotonic() - began < 5


def test_a_stopped_client_dials_no_more(
    set_pauses: SetPauses, caplog: pytest.LogCaptureFixture
) -> None:
    set_pauses(30, 60)
    before = threading.active_count()
    with Scripted(stay, lambda connection: connection.respond(503, "busy")) as server:
        bot = WsClient(server.url)
        running = threading.Thread(target=bot.run)
        running.start()
        wait_until(lambda: "Trying again" in caplog.text)
        bot.stop()
        running.join(5)
    wait_until(lambda: threading.active_count() <= before)
    assert len(server.requests) == 1


# -- bad input ------------------------------------------------------------------------------------


BAD_FRAMES: list[str | bytes] = [
    "{bad",
    "[]",
    "null",
    "",
    b"\xff\xfe",
    b"\x00\x01\x02",
    '{"neither": "event nor answer"}',
    '{"post_type": null}',
    '{"status": "ok", "retcode": 0, "data": 1, "echo": "nobody"}',
    '{"status": "ok", "retcode": 0, "data": 1, "echo": {"a": []}}',
    '{"status": "failed", "retcode": 1400, "data": null, "message": "x", "echo": null}',
    "[" * 100_000,
    '{"post_type":"message","n":NaN}',
    '{"post_type":"message","user_id":' + "1" * 5000 + "}",
    '{"post_type":"message","message_type":"private","user_id":1,"message":"\\ud800"}',
]


@pytest.mark.parametrize("bad", BAD_FRAMES, ids=lambda bad: repr(bad[:20]))
def test_a_bad_frame_is_dropped_and_nothing_else_is_lost(
    peer: ForwardWs, bad: str | bytes, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[str] = []
    with WsClient(peer.url) as bot:
        bot.on_message(lambda event: heard.append(segment.plain_text(event)))
        for _ in range(3):
            peer.push(bad)
        peer.push(message("after"))
        wait_until(lambda: "after" in heard)
        assert bot.call_action("send_like", user_id=1) == {"message_id": 1234}
    assert caplog.text.count("dropped ") <= 1
    assert "Traceback" not in caplog.text


def test_json_in_a_binary_frame_is_accepted(peer: ForwardWs) -> None:
    heard: list[str] = []
    with WsClient(peer.url) as bot:
        bot.on_message(lambda event: heard.append(segment.plain_text(event)))
        peer.push(json.dumps(message("binary")).encode())
        wait_until(lambda: heard == ["binary"])


def test_fragments_and_pings_in_between_make_one_frame(peer: ForwardWs) -> None:
    heard: list[str] = []
    with WsClient(peer.url) as bot:
        bot.on_message(lambda event: heard.append(segment.plain_text(event)))
        text = json.dumps(message("碎片"), ensure_ascii=False)
        wait_until(lambda: peer.sockets)
        socket_ = peer.sockets[0]
        assert isinstance(socket_, ServerConnection)
        socket_.send(iter([text[:50], text[50:51], text[51:]]))
        wait_until(lambda: heard == ["碎片"])


def test_an_action_has_a_name(peer: ForwardWs) -> None:
    wrong: Any
    with WsClient(peer.url) as bot:
        for wrong in (b"send_like", 5):
            with pytest.raises(TypeError, match="An action has a name"):
                bot.request(wrong)


def test_a_token_that_the_other_side_repeats_gets_into_no_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG")

    def repeat(connection: ServerConnection) -> Response:
        assert connection.request is not None
        return connection.respond(404, connection.request.headers["Authorization"])

    with Scripted(stay, repeat) as server:
        with pytest.raises(NetworkError) as caught:
            WsClient(server.url, "hush").start()
        assert "hush" not in str(caught.value)
    ours = [record for record in caplog.records if record.name == "onebot_simple"]
    assert ours and not any("hush" in record.getMessage() for record in ours)
    assert not any(record.exc_info for record in ours)
