"""Whose a connection is: twins, takeovers, strangers, and which account a call goes to."""

from __future__ import annotations

import itertools
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from socket import SHUT_RDWR
from typing import Any

import pytest
from websocket import WebSocket, WebSocketException, create_connection

from onebot_simple import ApiNotAvailable, NetworkError, WsServer, segment

from .peers import Api, ReverseWs, connect_event, message, ok, wait_until

TWICE = "account 10001 is connected twice"


class Scene:
    """A server that remembers what it heard, and in which order accounts came and went."""

    def __init__(self) -> None:
        self.server = WsServer(port=0)
        self.heard: list[str] = []
        self.turns: list[str] = []
        self.server.on_message(lambda event: self.heard.append(segment.plain_text(event)))
        self.server.on_connect(lambda self_id: self.turns.append(f"+{self_id}"))
        self.server.on_disconnect(lambda self_id: self.turns.append(f"-{self_id}"))
        self.peers: list[ReverseWs] = []

    def join(self, self_id: int | None = 10001, role: str = "Universal") -> ReverseWs:
        peer = ReverseWs(Api(), self.server.url, self_id, role)
        self.peers.append(peer)
        wait_until(lambda: peer.sockets)
        return peer

    def stranger(self) -> WebSocket:
        return create_connection(self.server.url, suppress_origin=True, timeout=5)

    def hears(self, peer: ReverseWs, text: str) -> bool:
        """Whether an event of this connection reaches the handlers."""
        peer.push(message(text))
        other = self.join(77777)  # it is read after what came before it
        other.push(message(f"after {text}"))  # of the same chat, so that it is handled after it
        wait_until(lambda: f"after {text}" in self.heard)
        other.close()
        wait_until(lambda: 77777 not in self.server.bots)
        return text in self.heard


@pytest.fixture
def scene() -> Iterator[Scene]:
    one = Scene()
    with one.server:
        yield one
        for peer in one.peers:
            peer.close()


def of(scene: Scene, self_id: int = 10001) -> list[str]:
    """How the account came and went; the newest turn may be a moment late."""
    return [turn for turn in scene.turns if turn.endswith(str(self_id))]


# -- several connections of one account -----------------------------------------------------------


def test_the_newest_connection_carries_calls_and_events_and_the_older_one_is_kept(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    first = scene.join()
    second = scene.join()
    wait_until(lambda: TWICE in caplog.text)
    assert scene.server.call_action("send_like", user_id=1) == {"message_id": 1234}
    assert second.api.calls and not first.api.calls
    assert scene.hears(second, "from the newest")
    assert not scene.hears(first, "from the older one")
    assert first.thread.is_alive()
    assert list(scene.server.bots) == [10001]


@pytest.mark.parametrize("politely", [True, False])
def test_an_older_connection_takes_over_when_the_newest_ends(scene: Scene, politely: bool) -> None:
    first, second = scene.join(), scene.join()
    if politely:
        second.socket.send_close()
    else:
        second.hang_up()
    second.thread.join(5)
    wait_until(lambda: scene.hears(first, f"from the older one {time.monotonic()}"))
    assert scene.server.call_action("send_like", user_id=1) == {"message_id": 1234}
    assert first.api.calls
    wait_until(lambda: of(scene) == ["+10001"])


def test_on_connect_and_on_disconnect_come_when_the_account_comes_and_goes(scene: Scene) -> None:
    first, second = scene.join(), scene.join()
    wait_until(lambda: of(scene) == ["+10001"])
    first.close()
    third = scene.join()
    second.close()
    scene.hears(third, "still here")
    assert of(scene) == ["+10001"]
    third.close()
    wait_until(lambda: of(scene) == ["+10001", "-10001"])
    scene.join()
    wait_until(lambda: of(scene) == ["+10001", "-10001", "+10001"])


def test_an_answer_may_come_on_another_connection_of_the_account(scene: Scene) -> None:
    first = scene.join()
    first.api.answers["slow"] = lambda params: None
    second = scene.join()
    second.api.answers["slow"] = lambda params: None
    answers: list[Any] = []
    calling = threading.Thread(target=lambda: answers.append(scene.server.request("slow")))
    echoes: list[str] = []
    real = second.answer

    def answer(socket: Any, call: dict[str, Any]) -> None:
        echoes.append(call["echo"])
        real(socket, call)

    second.answer = answer  # type: ignore[method-assign]
    wait_until(lambda: 10001 in scene.server.bots)
    calling.start()
    wait_until(lambda: echoes)
    stranger = scene.join(10002)
    stranger.push(json.dumps({**ok("forged"), "echo": echoes[0]}))  # of another account: it is none
    first.push(json.dumps({**ok("real"), "echo": echoes[0]}))
    calling.join(5)
    assert [answer["data"] for answer in answers] == ["real"]


def test_calls_of_a_connection_that_ends_are_freed_although_another_one_is_there(
    scene: Scene,
) -> None:
    first, second = scene.join(), scene.join()
    second.api.answers["slow"] = lambda params: None
    errors: list[Exception] = []

    def call() -> None:
        try:
            scene.server.call_action("slow")
        except NetworkError as error:
            errors.append(error)

    calling = threading.Thread(target=call)
    calling.start()
    second.api.wait_call("slow")
    second.hang_up()
    calling.join(5)  # less than the timeout of the call
    assert "对方没有告别就断开了" in str(errors[0])
    assert "cut off without a goodbye" in str(errors[0])
    assert scene.server.call_action("quick") == {"message_id": 1234}
    assert scene.hears(first, "from the one that is left")


def test_a_call_waits_on_when_another_connection_of_the_account_ends(scene: Scene) -> None:
    first, second = scene.join(), scene.join()
    second.api.answers["slow"] = lambda params: ok("late") if released.wait(20) else None
    released = threading.Event()
    answers: list[Any] = []
    calling = threading.Thread(target=lambda: answers.append(scene.server.call_action("slow")))
    calling.start()
    second.api.wait_call("slow")
    first.close()
    scene.hears(scene.join(), "read after that")
    assert calling.is_alive()
    released.set()
    calling.join(5)
    assert answers == ["late"]


def test_it_is_said_once_that_an_account_is_connected_twice(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(4):
        scene.join()
    wait_until(lambda: TWICE in caplog.text)
    scene.hears(scene.join(), "x")
    assert caplog.text.count(TWICE) == 1
    assert caplog.text.count("账号 10001 连了两次") == 1
    for peer in scene.peers:
        peer.close()
    wait_until(lambda: not scene.server.bots)
    scene.join()
    scene.join()
    wait_until(lambda: caplog.text.count(TWICE) == 2)


def test_of_more_than_eight_connections_of_an_account_the_oldest_goes(scene: Scene) -> None:
    eight = [scene.join() for _ in range(8)]
    scene.hears(eight[-1], "the eighth")
    scene.hears(scene.join(role="Event"), "of another kind")
    assert all(peer.thread.is_alive() for peer in eight)
    ninth = scene.join()
    eight[0].thread.join(5)
    assert not eight[0].thread.is_alive()
    assert scene.hears(ninth, "the ninth")
    assert all(peer.thread.is_alive() for peer in eight[1:])
    wait_until(lambda: of(scene) == ["+10001"])


def test_an_api_and_an_event_connection_make_one_account_that_is_not_there_twice(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    scene.server.on_command("hi")(lambda event: "hi")
    event = scene.join(role="Event")
    wait_until(lambda: scene.server.bots)
    with pytest.raises(NetworkError, match="只连了 Event.*only an Event connection"):
        scene.server.send_like(1)
    assert scene.hears(event, "actions cannot be called yet")
    assert of(scene) == []
    api = scene.join(role="API")
    scene.server.wait_connected(5)
    event.push(message("/hi"))
    assert api.api.said() == "hi"
    assert not scene.hears(api, "an event on the connection for actions")
    assert list(scene.server.bots) == [10001]
    api.close()
    wait_until(lambda: not api.thread.is_alive())
    assert scene.hears(event, "two")
    wait_until(lambda: of(scene) == ["+10001"])
    before = scene.server.stats["reconnects"]
    again = scene.join(role="API")
    scene.server.wait_connected(5)
    assert scene.server.stats["reconnects"] == before + 1
    assert TWICE not in caplog.text
    again.close()
    event.close()
    wait_until(lambda: of(scene) == ["+10001", "-10001"])


def test_an_account_that_could_never_be_called_neither_comes_nor_goes(scene: Scene) -> None:
    event = scene.join(role="Event")
    wait_until(lambda: scene.server.bots)
    event.close()
    wait_until(lambda: not scene.server.bots)
    scene.join()
    wait_until(lambda: of(scene) == ["+10001"])


def test_each_role_has_its_newest_connection(scene: Scene) -> None:
    universal = scene.join()
    event = scene.join(role="Event")
    assert scene.hears(event, "from Event")
    assert not scene.hears(universal, "from Universal")
    assert scene.server.call_action("send_like", user_id=1) == {"message_id": 1234}
    assert universal.api.calls and not event.api.calls
    event.close()
    wait_until(lambda: scene.hears(universal, f"again {time.monotonic()}"))


class NapCat:
    """NapCat's "WebSocket client" as of 4.18.19, when its address is changed in the settings.

    It says goodbye to the old connection and opens the new one at the same moment. When the old
    one has closed, it forgets the current one, which stays open, and dials again. Events and
    answers go to the current connection only.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.is_over = False
        self.dialled = 0
        self.current: WebSocket | None = None
        self.sockets: list[WebSocket] = []
        self.threads: list[threading.Thread] = []
        self.dialling = threading.Lock()  # the newest that it has dialled is the current one
        self.dial()

    def dial(self) -> None:
        with self.dialling:
            self.current = None  # it is being opened, so nothing can be sent
            self.dialled += 1
            socket: WebSocket = create_connection(
                self.url, header=["X-Self-ID: 10001"], suppress_origin=True, timeout=20
            )
            self.current = socket
        self.sockets.append(socket)
        socket.send(json.dumps(connect_event()))
        thread = threading.Thread(target=self.read, args=(socket,), daemon=True)
        self.threads.append(thread)
        thread.start()

    def read(self, socket: WebSocket) -> None:
        try:
            while text := socket.recv():
                answer = {**ok({"message_id": 1}), "echo": json.loads(text)["echo"]}
                if self.current:
                    self.current.send(json.dumps(answer))
        except (WebSocketException, OSError):
            pass
        self.current = None
        time.sleep(0.05)  # reconnectInterval
        if not self.is_over:
            self.dial()

    def change_address(self, *, goodbye_first: bool) -> None:
        old = self.current
        assert old
        if goodbye_first:
            old.send_close()
        self.dial()
        if not goodbye_first:
            old.send_close()

    def say(self, text: str) -> None:
        wait_until(lambda: self.current).send(json.dumps(message(text)))

    def close(self) -> None:
        self.is_over = True
        for socket in self.sockets:
            if socket.sock:
                with suppress(OSError):
                    socket.sock.shutdown(SHUT_RDWR)
        for thread in self.threads:
            thread.join(5)
        for socket in self.sockets:
            socket.shutdown()  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("goodbye_first", [True, False])
def test_a_napcat_whose_address_was_changed_finds_peace_and_no_event_is_lost(
    scene: Scene, caplog: pytest.LogCaptureFixture, goodbye_first: bool
) -> None:
    napcat = NapCat(scene.server.url)
    scene.server.wait_connected(5)
    napcat.say("before")
    wait_until(lambda: scene.heard == ["before"])
    napcat.change_address(goodbye_first=goodbye_first)
    wait_until(lambda: napcat.dialled == 3 and napcat.current)
    for number in range(10):
        napcat.say(f"after {number}")
        wait_until(lambda: len(scene.heard) == number + 2)  # noqa: B023 (it is called at once)
        assert scene.server.send_private_msg(20001, "hi") == {"message_id": 1}
        time.sleep(0.02)  # several times reconnectInterval
    assert scene.heard == ["before", *(f"after {number}" for number in range(10))]
    assert napcat.dialled == 3
    assert caplog.text.count(TWICE) == 1
    if not goodbye_first:  # else it may have been gone for a moment
        wait_until(lambda: of(scene) == ["+10001"])
    napcat.close()


# -- strangers ------------------------------------------------------------------------------------


def test_a_stranger_that_says_nothing_is_not_waited_for_but_can_be_called(scene: Scene) -> None:
    stranger = scene.stranger()
    with pytest.raises(ApiNotAvailable, match=r"没有账号连上来.*no account connected"):
        scene.server.wait_connected(0.2)
    assert scene.server.bots == {}
    calling = threading.Thread(target=lambda: scene.server.get_status())
    calling.start()
    call = json.loads(stranger.recv())
    assert call["action"] == "get_status"
    stranger.send(json.dumps({**ok({"online": True}), "echo": call["echo"]}))
    calling.join(5)
    stranger.shutdown()  # type: ignore[no-untyped-call]


def test_a_stranger_takes_no_call_of_an_account_and_makes_none_ambiguous(scene: Scene) -> None:
    before = scene.stranger()
    peer = scene.join()
    scene.server.wait_connected(5)
    after = scene.stranger()
    for number in range(3):
        assert scene.server.call_action("send_like", user_id=number) == {"message_id": 1234}
    assert len(peer.api.calls) == 3
    for stranger in (before, after):
        stranger.shutdown()  # type: ignore[no-untyped-call]


def test_the_first_event_says_whose_a_stranger_is(scene: Scene) -> None:
    stranger = scene.stranger()
    answers: list[Any] = []
    calling = threading.Thread(target=lambda: answers.append(scene.server.get_status()))
    calling.start()
    call = json.loads(stranger.recv())
    stranger.send(json.dumps(message("hi")))
    wait_until(lambda: list(scene.server.bots) == [10001])
    stranger.send(json.dumps({**ok({"online": True}), "echo": call["echo"]}))
    calling.join(5)
    assert answers == [{"online": True}]
    wait_until(lambda: scene.heard == ["hi"])
    wait_until(lambda: of(scene) == ["+10001"])
    stranger.shutdown()  # type: ignore[no-untyped-call]
    wait_until(lambda: of(scene) == ["+10001", "-10001"])
    with pytest.raises(ApiNotAvailable, match="connected: none"):
        scene.server.get_status()


def test_a_stranger_may_turn_out_to_be_the_second_of_an_account(scene: Scene) -> None:
    first = scene.join()
    stranger = scene.stranger()
    stranger.send(json.dumps(message("hi")))
    wait_until(lambda: scene.heard == ["hi"])
    assert not scene.hears(first, "from the older one")
    wait_until(lambda: of(scene) == ["+10001"])
    stranger.shutdown()  # type: ignore[no-untyped-call]


def test_events_without_a_self_id_are_answered_on_the_only_connection(scene: Scene) -> None:
    scene.server.on_message(lambda event: "hello")
    stranger = scene.stranger()
    event = message()
    del event["self_id"]
    stranger.send(json.dumps(event))
    call = json.loads(stranger.recv())
    assert call["action"] == "send_msg"
    assert segment.plain_text(call["params"]["message"]) == "hello"
    assert scene.server.bots == {}
    stranger.shutdown()  # type: ignore[no-untyped-call]


def test_an_event_without_a_self_id_is_answered_by_the_account_of_its_connection(
    scene: Scene,
) -> None:
    scene.server.on_message(lambda event: "hello")
    first, second = scene.join(10001), scene.join(10002)
    wait_until(lambda: len(scene.server.bots) == 2)
    event = message()
    del event["self_id"]
    second.push(event)
    assert second.api.said() == "hello"
    assert not first.api.calls


# -- which account a call goes to -----------------------------------------------------------------


REQUEST = {"post_type": "request", "request_type": "friend", "user_id": 5, "flag": "f"}


def what_is_sent(server: WsServer, event: dict[str, Any]) -> dict[str, Callable[[], object]]:
    request = {**REQUEST, "self_id": event["self_id"]}
    return {
        "send_msg": lambda: server.send(event, "x"),
        "approve": lambda: server.approve(request),
        "reject": lambda: server.reject(request),
        "ask": lambda: server.ask(event, "who?", timeout=0.01),
    }


@pytest.mark.parametrize("what", ["send_msg", "approve", "reject", "ask"])
@pytest.mark.parametrize("where", ["a handler of the other account", "a timer"])
def test_what_is_given_an_event_goes_through_the_account_of_that_event(
    scene: Scene, what: str, where: str
) -> None:
    one, two = scene.join(10001), scene.join(10002)
    wait_until(lambda: len(scene.server.bots) == 2)
    send = what_is_sent(scene.server, {**message("hi", user_id=5), "self_id": 10002})[what]
    if where == "a timer":
        timer = threading.Timer(0.01, lambda: _quietly(send))
        timer.start()
        timer.join(5)
    else:
        scene.server.on_command("go")(lambda event: _quietly(send))
        one.push(message("/go"))
    wait_until(lambda: two.api.calls)
    assert not one.api.calls


def _quietly(send: Callable[[], object]) -> None:
    with suppress(TimeoutError):  # of ask(), which nobody answers
        send()


def test_an_event_from_wait_for_is_answered_by_its_account(scene: Scene) -> None:
    one, two = scene.join(10001), scene.join(10002)
    wait_until(lambda: len(scene.server.bots) == 2)
    events: list[Any] = []

    def wait() -> None:
        events.append(scene.server.wait_for(lambda event: event.get("user_id") == 7, timeout=5))

    waiting = threading.Thread(target=wait)
    waiting.start()

    def until_it_came() -> bool:
        two.push({**message("hi", user_id=7), "self_id": 10002})
        return bool(events)

    wait_until(until_it_came)
    waiting.join(5)
    scene.server.send(events[0], "hello")
    assert two.api.said() == "hello"
    assert not one.api.calls


def test_the_condition_of_a_wait_calls_the_account_of_the_event_beside_a_loop_too(
    scene: Scene,
) -> None:
    first, second = scene.join(10001), scene.join(10002)
    wait_until(lambda: len(scene.server.bots) == 2)
    asked: list[int] = []

    def wants(event: dict[str, Any]) -> bool:
        if event.get("raw_message") == "hi":
            scene.server.call_action("get_status", asked_for=event["self_id"])
            asked.append(event["self_id"])
        return event.get("raw_message") == "enough"

    waiting = threading.Thread(target=lambda: scene.server.wait_for(wants, timeout=30))
    waiting.start()
    loop = scene.server.events()
    peers = itertools.cycle([(first, 10001), (second, 10002)])
    while len(asked) < 4:  # the wait may begin after the first messages
        peer, self_id = next(peers)
        peer.push({**message("hi"), "self_id": self_id})
        while next(loop)["post_type"] != "message":
            pass
    first.push(message("enough"))
    waiting.join(5)
    loop.close()
    for peer, self_id in ((first, 10001), (second, 10002)):
        assert [params["asked_for"] for _, params in peer.api.calls] == [self_id] * 2


def test_without_an_event_the_only_account_is_called_or_the_error_lists_them(scene: Scene) -> None:
    with pytest.raises(ApiNotAvailable, match=r"没有账号连着.*connected: none"):
        scene.server.get_status()
    scene.join(10002)
    scene.server.wait_connected(5)
    assert scene.server.call_action("x") == {"message_id": 1234}
    scene.join(10001)
    wait_until(lambda: len(scene.server.bots) == 2)
    with pytest.raises(
        ApiNotAvailable, match=r"不清楚是哪一个账号.*not clear which.*connected: 10001, 10002"
    ):
        scene.server.get_status()
    assert scene.server.bot(10001).call_action("x") == {"message_id": 1234}


def test_an_event_of_an_account_that_is_not_here_is_answered_by_nobody_else(scene: Scene) -> None:
    peer = scene.join(10001)
    scene.server.wait_connected(5)
    with pytest.raises(NetworkError, match=r"账号 10002 现在没有连着.*connected: 10001"):
        scene.server.send({**message(), "self_id": 10002}, "x")
    assert not peer.api.calls


def test_looking_an_account_up_costs_the_same_however_many_there_are(scene: Scene) -> None:
    def seconds() -> float:
        began = time.perf_counter()
        for _ in range(2000):
            scene.server.bot(10001)
        return time.perf_counter() - began

    scene.join(10001)
    scene.server.wait_connected(5)
    few = min(seconds() for _ in range(20))
    sockets = [
        create_connection(
            scene.server.url, header=[f"X-Self-ID: {number}"], suppress_origin=True, timeout=5
        )
        for number in range(1, 200)
    ]
    wait_until(lambda: len(scene.turns) == 200, 20)  # the handlers have nothing more to do
    many = min(seconds() for _ in range(20))
    for socket in sockets:
        socket.shutdown()  # type: ignore[no-untyped-call]
    assert many < 3 * few


def test_each_connection_and_its_end_is_a_line_with_the_reason_in_both_languages(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    first = scene.join(None)
    wait_until(lambda: scene.server.bots)
    second = scene.join()
    wait_until(lambda: TWICE in caplog.text)
    second.close()
    wait_until(lambda: caplog.text.count("disconnected") == 1)
    first.socket.send_close(1000, b"bye")
    wait_until(lambda: caplog.text.count("disconnected") == 2)
    lines = [record.getMessage() for record in caplog.records if "127.0.0.1" in record.getMessage()]
    assert lines == [
        "已连接，还不知道是哪个账号 connected, account not known yet: OneBot ? (127.0.0.1)",
        "已连接 connected: OneBot 10001 (127.0.0.1)",
        "已连接 connected: OneBot 10001 (127.0.0.1)",
        "OneBot 10001 (127.0.0.1) 断开了：对方没有告别就断开了。 "
        "OneBot 10001 (127.0.0.1) disconnected: cut off without a goodbye.",
        "OneBot 10001 (127.0.0.1) 断开了：OneBot 关闭了它（1000 (OK) bye）。 "
        "OneBot 10001 (127.0.0.1) disconnected: OneBot closed it (1000 (OK) bye).",
    ]
