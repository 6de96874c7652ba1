"""stop(), from wherever and whenever: quick, quiet, complete, and not for ever."""

from __future__ import annotations

import _thread
import logging
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from onebot_simple import (
    EventServer,
    NetworkError,
    OneBotError,
    WaitTimeout,
    WsClient,
    WsServer,
)

from .conftest import AnyBot, SetStopWaits, Stage
from .peers import Api, ForwardWs, message, ok, wait_until


@pytest.fixture(autouse=True)
def impatient(set_stop_waits: SetStopWaits) -> None:
    """Stop sooner than usual, where it is not asked whether that is in time."""
    set_stop_waits(0.2, 0.3)


def wait_until_it_stops(bot: AnyBot) -> None:
    """Wait until stop() has begun, which is when an event that nobody hears is refused."""
    wait_until(lambda: not bot.handle({"post_type": "notice"}), 20)


@contextmanager
def quickly(seconds: float = 5) -> Iterator[None]:
    """Not after the 20 s or more that something else takes. test_ending.py asks for 2 s."""
    began = time.monotonic()
    yield
    assert time.monotonic() - began < seconds


def handler_threads() -> list[threading.Thread]:
    return [one for one in threading.enumerate() if one.name == "onebot_simple handler"]


def hang(stage: Stage, release: threading.Event) -> None:
    """Let OneBot answer the action "hang" only when it is released."""

    def answer(params: dict[str, Any]) -> dict[str, Any]:
        release.wait(20)
        return ok(None)

    stage.api.answers["hang"] = answer


def test_a_hundred_handlers_in_calls_that_nobody_answers_end_with_a_line_each(
    ws_stage: Stage, caplog: pytest.LogCaptureFixture, set_stop_waits: SetStopWaits
) -> None:
    stage, release = ws_stage, threading.Event()
    caplog.set_level(logging.INFO)
    set_stop_waits(0.2, 10)
    hang(stage, release)
    stage.bot.on_message(lambda event: stage.bot.call_action("hang"))
    stage.go()
    for user in range(1, 101):
        stage.push(message(user_id=user))
    stage.api.wait_call("hang", 100, seconds=20)
    with quickly():
        stage.bot.stop()
    release.set()
    wait_until(lambda: not handler_threads())
    assert len(stage.api.calls) == 100  # none was sent again
    assert caplog.text.count("<lambda> ended: ") == 100
    assert "Traceback" not in caplog.text
    assert "Still running" not in caplog.text


def test_a_handler_that_tries_again_and_again_ends_too(ws_stage: Stage) -> None:
    stage, release = ws_stage, threading.Event()
    hang(stage, release)
    tries: list[OneBotError] = []

    @stage.bot.on_message
    def stubborn(event: dict[str, Any]) -> None:
        for action in (lambda: stage.bot.call_action("hang"), lambda: stage.bot.ask(event)) * 5:
            try:
                action()
            except OneBotError as error:
                tries.append(error)

    stage.go()
    stage.push(message())
    stage.api.wait_call("hang")
    with quickly():
        stage.bot.stop()
    release.set()
    wait_until(lambda: len(tries) == 10)
    assert all(isinstance(error, NetworkError) for error in tries)


@pytest.mark.parametrize("transport", ["ws_client", "ws_server"])
def test_stop_in_the_middle_of_a_stream(transport: Any, caplog: pytest.LogCaptureFixture) -> None:
    stage = Stage(transport)
    frames: list[Any] = []
    stage.api.answers["download"] = lambda params: ok({"type": "stream", "step": 0})

    @stage.bot.on_message
    def download(event: dict[str, Any]) -> None:
        for frame in stage.bot.stream_action("download"):
            frames.append(frame)

    stage.go()
    stage.push(message())
    wait_until(lambda: frames)
    with quickly():
        stage.bot.stop()
    wait_until(lambda: not handler_threads())
    assert "Traceback" not in caplog.text
    stage.close()


def test_a_handler_inside_an_http_call_ends_with_that_call() -> None:
    """stop() does not wait for it, and no call is torn off that OneBot may be carrying out."""
    stage, release, answered = Stage("http_api"), threading.Event(), threading.Event()
    hang(stage, release)

    @stage.bot.on_message
    def call(event: dict[str, Any]) -> None:
        stage.bot.call_action("hang")
        answered.set()

    stage.go()
    stage.push(message())
    stage.api.wait_call("hang")
    with quickly():
        stage.bot.stop()
    assert handler_threads()
    release.set()
    assert answered.wait(5)
    wait_until(lambda: not handler_threads())
    stage.close()


def test_what_was_received_is_handled_before_the_end_and_the_rest_is_counted(
    stage: Stage, caplog: pytest.LogCaptureFixture, set_stop_waits: SetStopWaits
) -> None:
    """A handler that does not return is left behind; nobody else has to suffer."""
    set_stop_waits(1.5, 0.1)
    entered, handled = list[int](), list[int]()
    release, stopping = threading.Event(), threading.Event()

    @stage.bot.on_message
    def slow(event: dict[str, Any]) -> None:
        entered.append(event["user_id"])
        if event["user_id"] == 1:
            release.wait(20)
        stopping.wait(20)  # so that all that follow still wait for their turn
        handled.append(event["user_id"])

    def watch() -> None:
        wait_until_it_stops(stage.bot)
        stopping.set()

    stage.go()
    for _ in range(5):
        stage.push(message(user_id=1))
    wait_until(lambda: entered == [1] and stage.bot.stats["queued"] == 4)
    for _ in range(20):
        stage.push(message(user_id=2))
    wait_until(lambda: entered == [1, 2] and stage.bot.stats["queued"] == 4 + 19)
    assert not handled
    watching = threading.Thread(target=watch)
    watching.start()
    with quickly():
        stage.bot.stop()
    watching.join()
    assert handled.count(2) == 20
    # 4 of user 1, and that of watch()
    assert "Events left unhandled at the stop: 5." in caplog.text
    assert "Still running: slow@" in caplog.text
    release.set()
    wait_until(lambda: not handler_threads())
    assert handled.count(1) == 1


@pytest.mark.usefixtures("patient_stop")
def test_stop_from_two_threads_returns_to_both_when_it_is_done(stage: Stage) -> None:
    entered, handled = threading.Event(), list[bool]()

    @stage.bot.on_message
    def slow(event: dict[str, Any]) -> None:
        entered.set()
        time.sleep(0.3)
        handled.append(True)

    stage.go()
    stage.push(message())
    assert entered.wait(5)
    finished: list[bool] = []

    def stop() -> None:
        stage.bot.stop()
        finished.append(bool(handled))

    stopping = [threading.Thread(target=stop) for _ in range(4)]
    with quickly():
        for thread in stopping:
            thread.start()
        for thread in stopping:
            thread.join(5)
    assert finished == [True] * 4
    assert not handler_threads()


@pytest.mark.usefixtures("patient_stop")
def test_answers_that_are_being_made_when_stop_begins_go_out(stage: Stage) -> None:
    entered = threading.Event()

    @stage.bot.on_message
    def slow(event: dict[str, Any]) -> str:
        entered.set()
        time.sleep(0.2)
        return "made in time"

    stage.go()
    stage.push(message())
    assert entered.wait(5)
    with quickly():
        stage.bot.stop()
    assert stage.api.said() == "made in time"


@pytest.mark.usefixtures("patient_stop")
def test_stop_waits_no_longer_than_the_handlers_need(stage: Stage) -> None:
    entered = threading.Event()

    @stage.bot.on_message
    def slow(event: dict[str, Any]) -> None:
        entered.set()
        time.sleep(0.2)

    stage.go()
    stage.push(message())
    assert entered.wait(5)
    with quickly():
        stage.bot.stop()


def test_a_start_waits_for_a_stop_that_takes_long(set_stop_waits: SetStopWaits) -> None:
    set_stop_waits(2.6, 0.3)
    entered, release = threading.Event(), threading.Event()
    bot = EventServer(port=0)

    @bot.on_message
    def slow(event: dict[str, Any]) -> None:
        entered.set()
        release.wait(5)

    bot.start()
    assert bot.handle(message()) and entered.wait(5)
    stopping = threading.Thread(target=bot.stop)
    stopping.start()
    wait_until_it_stops(bot)
    bot.start()
    assert bot.handle(message(user_id=3))
    release.set()
    bot.stop()
    stopping.join()


def test_start_right_after_stop_again_and_again(stage: Stage) -> None:
    heard: list[int] = []
    stage.bot.on_message(lambda event: heard.append(event["user_id"]))
    for life in range(1, 6):
        stage.go()
        stage.push(message(user_id=life))
        wait_until(lambda life=life: heard[-1:] == [life])  # type: ignore[misc]
        stage.bot.stop()
    assert heard == [1, 2, 3, 4, 5]


def test_starts_and_stops_from_many_threads_end_in_a_bot_that_works(stage: Stage) -> None:
    heard: list[Any] = []
    stage.bot.on_message(heard.append)

    def churn(number: int) -> None:
        for step in range(6):
            with suppress(NetworkError):  # stopped in the middle of its start
                (stage.bot.stop if (number + step) % 2 else stage.bot.start)()

    threads = [threading.Thread(target=churn, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    stage.bot.stop()
    if isinstance(stage.bot, WsClient):  # a OneBot which no earlier connection reaches late
        stage.peer = ForwardWs(stage.api)
        stage.closing.append(stage.peer)
        stage.bot.url = stage.peer.url
    stage.go()
    stage.push(message())
    wait_until(lambda: heard)
    stage.bot.stop()
    assert len(heard) == 1


@pytest.mark.parametrize("kind", [EventServer, WsServer])
def test_stop_in_the_middle_of_start_leaves_nobody_listening(
    kind: type[EventServer | WsServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    listening: list[socket.socket] = []
    bot = kind(port=0)

    def listen_and_stop(*args: Any, **options: Any) -> socket.socket:
        listening.append(create_server(*args, **options))
        bot.stop()
        return listening[0]

    create_server = socket.create_server
    with monkeypatch.context() as patch:
        patch.setattr(socket, "create_server", listen_and_stop)
        bot.start()
    with pytest.raises(RuntimeError, match="not started"):
        bot.events()
    with socket.socket() as late:
        assert late.connect_ex(("127.0.0.1", bot.port)) != 0
    with bot, socket.socket() as late:
        assert late.connect_ex(("127.0.0.1", bot.port)) == 0


def test_waiting_on_a_stopped_bot_is_over_at_once(stage: Stage) -> None:
    stage.go()
    stage.bot.stop()
    with quickly(), pytest.raises(NetworkError, match="was stopped"):
        stage.bot.wait_for(lambda event: True, timeout=30)


def test_a_handler_of_connections_ends_as_quietly_as_any_other(
    calling_stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    stage = calling_stage
    if stage.transport == "http_api":
        pytest.skip("there is no connection to be told of")
    caplog.set_level(logging.INFO)
    waited = threading.Event()

    @stage.bot.on_connect
    def ready(self_id: int) -> None:
        with pytest.raises(WaitTimeout):
            stage.bot.wait_for(lambda event: False, timeout=0.01)
        waited.set()
        stage.bot.wait_for(lambda event: False)

    @stage.bot.on_connect
    def impatient(self_id: int) -> None:
        stage.bot.wait_for(lambda event: False, timeout=0.01)

    stage.go()
    assert waited.wait(5)
    stage.bot.stop()
    wait_until(lambda: "ready ended: 机器人停止了" in caplog.text)
    assert "Traceback" not in caplog.text


@pytest.mark.usefixtures("whole_ctrl_c")
def test_a_second_ctrl_c_at_the_end_of_a_with_prints_no_traceback(
    set_stop_waits: SetStopWaits,
) -> None:
    set_stop_waits(10, 0.3)  # stop() must be there to be interrupted
    release, interrupted = threading.Event(), threading.Event()

    def interrupt() -> None:
        wait_until_it_waits(bot)
        interrupted.set()
        _thread.interrupt_main()

    with WsServer(port=0) as bot:
        bot.on_message(lambda event: release.wait(20))
        bot.handle(message("hi"))
        threading.Thread(target=interrupt).start()
    assert interrupted.is_set()
    release.set()


def wait_until_it_waits(bot: WsClient | WsServer) -> None:
    """Wait until stop() waits for a handler: Ctrl+C ends the tests when it comes before that."""
    wait_until_it_stops(bot)
    time.sleep(0.2)


@pytest.mark.usefixtures("whole_ctrl_c")
def test_a_second_ctrl_c_ends_the_stop_and_the_bot_can_be_started_again(
    set_stop_waits: SetStopWaits, caplog: pytest.LogCaptureFixture
) -> None:
    set_stop_waits(10, 0.3)  # run() must be there to be interrupted
    peer, heard, release = ForwardWs(Api()), [], threading.Event()
    bot = WsClient(peer.url)

    @bot.on_command("interrupt")
    def interrupt_twice(event: dict[str, Any]) -> str:
        _thread.interrupt_main()
        wait_until_it_waits(bot)
        _thread.interrupt_main()
        release.wait(0.5)
        return ""

    @bot.on_message
    def hear(event: dict[str, Any]) -> None:
        heard.append(event["raw_message"])

    def push() -> None:
        wait_until(lambda: peer.sockets)
        peer.push(message("/interrupt"))

    pushing = threading.Thread(target=push)
    pushing.start()
    bot.run()
    pushing.join(5)
    with pytest.raises(RuntimeError, match="not started"):
        bot.events()
    release.set()
    bot.start()
    wait_until(lambda: len(peer.sockets) == 2)
    peer.push(message("again", user_id=7))
    wait_until(lambda: heard)
    bot.stop()
    assert heard == ["again"]
    peer.close()
    assert "Traceback" not in caplog.text


def test_a_handler_that_outlives_the_end_keeps_its_turn_and_ends_quietly(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    """Two of one chat: one is stuck, the other waits. Both end after the next start."""
    release = {"ask": threading.Event(), "stuck": threading.Event()}
    waiting, running, handled = threading.Event(), 0, list[Any]()

    @stage.bot.on_message
    def handle(event: dict[str, Any]) -> None:
        nonlocal running
        word = event["raw_message"]
        try:
            if word == "ask":
                waiting.set()
                stage.bot.ask(event, timeout=60)
        finally:
            running += 1
            if word in release:
                release[word].wait(20)
            running -= 1
        handled.append(word)

    @stage.bot.on_message
    def next_one(event: dict[str, Any]) -> None:
        handled.append(f"next after {event['raw_message']}")

    stage.go()
    stage.push(message("ask", group_id=1))
    assert waiting.wait(5)
    stage.push(message("stuck", group_id=1, user_id=7))
    wait_until(lambda: running)
    with quickly():
        stage.bot.stop()
    wait_until(lambda: running == 2)
    stage.go()
    stage.push(message("new", group_id=1, user_id=8))
    wait_until(lambda: stage.bot.stats["queued"] == 1)
    release["stuck"].set()
    wait_until(lambda: handled == ["stuck", "next after stuck"])
    stage.push(message("elsewhere", group_id=2))
    wait_until(lambda: handled[-1:] == ["next after elsewhere"])
    assert "new" not in handled  # the one that asked has the turn, too
    release["ask"].set()
    wait_until(lambda: handled[4:] == ["new", "next after new"])
    assert "Traceback" not in caplog.text


@pytest.mark.usefixtures("whole_ctrl_c")
def test_after_a_second_ctrl_c_an_old_wait_takes_nothing_from_the_next_start(
    set_stop_waits: SetStopWaits,
) -> None:
    set_stop_waits(10, 0.3)  # stop() must be there to be interrupted
    bot, release = WsServer(port=0), threading.Event()
    waits, heard = list[str](), list[Any]()

    @bot.on_message
    def handle(event: dict[str, Any]) -> None:
        if event["raw_message"] == "stuck":
            release.wait(20)
        heard.append(event["raw_message"])

    def wait() -> None:
        try:
            bot.wait_for(lambda event: event["raw_message"] == "hello", timeout=30)
        except NetworkError as error:
            waits.append(str(error))

    bot.start()
    waiter = threading.Thread(target=wait)
    waiter.start()
    bot.handle(message("stuck"))

    def interrupt() -> None:
        wait_until_it_waits(bot)
        signal.raise_signal(signal.SIGINT)

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        bot.stop()
    waiter.join(5)
    assert "stopped while waiting" in waits[0]
    release.set()
    with bot:
        bot.handle(message("hello", user_id=9))
        wait_until(lambda: "hello" in heard)


def test_sigterm_is_the_programs_again_after_run() -> None:
    bot = WsServer(port=0)
    bot.every(0.1)(bot.stop)  # begins when the bot has started
    bot.run()
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
