"""The bots and the simulator together: what a bot does to a small world, on every transport."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from onebot_simple import (
    ActionFailed,
    ActionNotFound,
    ApiTimeout,
    AuthenticationError,
    EventServer,
    HttpClient,
    NetworkError,
    WsClient,
    WsServer,
    segment,
)
from onebot_simple.simulator import Simulator

from .conftest import CALLING, TRANSPORTS, AnyBot, SetPauses
from .lessons import LATE
from .peers import wait_until


class Scene:
    """A bot in a small QQ world. Handlers are added before `go()`."""

    def __init__(self, transport: str) -> None:
        self.client = HttpClient("http://127.0.0.1:3000", "s3cret", timeout=5)
        self.bot = self._bot(transport)
        self.qq = Simulator(self.bot, access_token="s3cret", reconnect_interval=50)

    def _bot(self, transport: str) -> AnyBot:
        if transport == "ws_client":
            return WsClient("ws://127.0.0.1:3001", "s3cret", timeout=5)
        if transport == "ws_server":
            return WsServer(access_token="s3cret", timeout=5)
        return EventServer(secret="s3cret", api=self.client if transport == "http_api" else None)

    def go(self) -> None:
        self.qq.start()

    def close(self) -> None:
        self.qq.stop()
        self.client.close()


@pytest.fixture(params=TRANSPORTS)
def scene(request: pytest.FixtureRequest) -> Iterator[Scene]:
    one = Scene(request.param)
    yield one
    one.close()


@pytest.fixture(params=CALLING)
def calling(request: pytest.FixtureRequest) -> Iterator[Scene]:
    one = Scene(request.param)
    yield one
    one.close()


def test_an_echo_bot_echoes_in_the_group_and_in_private(scene: Scene) -> None:
    scene.bot.on_message(lambda event: "echo: " + segment.plain_text(event))
    scene.go()
    scene.qq.send_group("hi", user=20002, at_bot=True)
    reply = scene.qq.wait_reply(LATE)
    assert (reply["text"], reply["group_id"], reply["user_id"]) == ("echo: hi", 30001, None)
    scene.qq.send_private("[CQ:face,id=1]")
    reply = scene.qq.wait_reply(LATE)
    assert (reply["text"], reply["group_id"]) == ("echo: [CQ:face,id=1]", None)
    scene.qq.expect_silence(0.1)


def test_a_friend_request_is_approved_by_a_return_value(scene: Scene) -> None:
    scene.bot.on("request.friend")(lambda event: {"approve": True})
    befriended: list[int] = []
    scene.bot.on("notice.friend_add")(lambda event: befriended.append(event["user_id"]))
    scene.go()
    scene.qq.friend_request(20005)
    wait_until(lambda: befriended == [20005])


def test_a_conversation_with_ask(calling: Scene) -> None:
    @calling.bot.on_command("name")
    def name(event: dict[str, Any]) -> str:
        return "hello " + calling.bot.ask(event, "who?")

    calling.go()
    calling.qq.send_group("/name", user=20003)
    assert calling.qq.wait_reply(LATE)["text"] == "who?"
    calling.qq.send_group("not me", user=20002)
    calling.qq.expect_silence(0.1)
    calling.qq.send_group("Carol", user=20003)
    assert calling.qq.wait_reply(LATE)["text"] == "hello Carol"


def test_a_ban_mutes_and_is_noticed(calling: Scene) -> None:
    noticed: list[dict[str, Any]] = []

    @calling.bot.on_command("ban")
    def ban(event: dict[str, Any], args: str) -> str:
        calling.bot.set_group_ban(event["group_id"], int(args), duration=60)
        return "done"

    calling.bot.on("notice.group_ban")(noticed.append)
    calling.go()
    calling.qq.send_group("/ban 20003", user=20002)
    assert calling.qq.wait_call("set_group_ban", LATE, user_id=20003)["duration"] == 60
    assert calling.qq.wait_reply(LATE)["text"] == "done"
    wait_until(lambda: [event["user_id"] for event in noticed] == [20003])


def test_moderation_by_return_value(calling: Scene) -> None:
    calling.bot.on_group_message(lambda event: {"reply": "out", "delete": True, "kick": True})
    calling.go()
    said = calling.qq.send_group("spam", user=20003)["message_id"]
    assert calling.qq.wait_reply(LATE)["text"] == "out"
    assert calling.qq.wait_call("delete_msg", LATE)["message_id"] == said
    calling.qq.wait_call("set_group_kick", LATE, user_id=20003)
    wait_until(lambda: len(calling.bot.get_group_member_list(30001)) == 3)
    with pytest.raises(ActionFailed):
        calling.bot.get_msg(said)


def test_an_unknown_action_is_action_not_found(calling: Scene) -> None:
    calling.go()
    with pytest.raises(ActionNotFound, match="did you mean"):
        calling.bot.call_action("get_mesg")


def test_a_failed_action_tells_retcode_and_words(calling: Scene) -> None:
    calling.go()
    calling.qq.fail("get_status", retcode=1200, message="Timeout: NTEvent sendMsg")
    with pytest.raises(ActionFailed, match="不要马上重发"):
        calling.bot.get_status()
    assert calling.bot.get_status()["online"] is True


def test_a_swallowed_call_times_out_and_the_next_one_is_answered(calling: Scene) -> None:
    calling.go()
    calling.qq.swallow()
    with pytest.raises(ApiTimeout):
        calling.bot.request("get_status", timeout=0.2)
    assert calling.bot.get_status()["online"] is True


def test_a_large_message_arrives_whole(calling: Scene) -> None:
    calling.bot.on_message(lambda event: segment.plain_text(event))
    calling.go()
    words = "很长的消息😀" * 50_000
    calling.qq.send_private(words)
    assert calling.qq.wait_reply(LATE)["text"] == words


def test_a_file_comes_down_in_a_stream(calling: Scene) -> None:
    calling.go()
    sent = calling.bot.upload_private_file(user_id=20001, file=b"x" * 200_000, name="a.bin")
    frames = list(calling.bot.download_file_stream(file_id=sent["file_id"]))
    assert frames[0]["data_type"] == "file_info"
    assert frames[-1]["data_type"] == "file_complete"
    assert sum(frame["data_type"] == "file_chunk" for frame in frames) > 1


@pytest.mark.parametrize("transport", ["ws_client", "ws_server"])
def test_a_dropped_bot_comes_back(transport: str, set_pauses: SetPauses) -> None:
    set_pauses(0.05, 0.2)
    scene = Scene(transport)
    scene.bot.on_message(lambda event: "still here")
    scene.go()
    scene.qq.drop()
    scene.qq.wait_connected(LATE)
    scene.qq.send_private("hello?")
    assert scene.qq.wait_reply(LATE)["text"] == "still here"
    assert scene.bot.stats["reconnects"] == 1
    scene.close()


def test_a_wrong_token_is_refused_everywhere(caplog: pytest.LogCaptureFixture) -> None:
    with Simulator(access_token="right") as qq:
        with pytest.raises(AuthenticationError):
            WsClient(qq.ws_url, "wrong").start()
        with HttpClient(qq.http_url, "wrong") as client, pytest.raises(AuthenticationError):
            client.get_status()
        with EventServer(port=0, secret="other") as server:
            came_in: list[dict[str, Any]] = []
            server.on_message(came_in.append)
            qq.post_to(server.url, secret="right")
            qq.send_private("hi")
            wait_until(lambda: "X-Signature is wrong" in caplog.text)
            qq.expect_silence(0.2)
            assert not came_in
        with WsServer(port=0, access_token="other") as reverse:
            qq.connect_to(reverse.url, access_token="right")
            with pytest.raises(Exception, match="no account connected"):
                reverse.wait_connected(0.3)


@pytest.mark.parametrize("transport", ["ws_client", "ws_server"])
def test_a_call_is_freed_when_the_connection_drops(transport: str) -> None:
    scene = Scene(transport)
    scene.go()
    scene.qq.delay(5)

    def drop() -> None:
        scene.qq.wait_call("get_status", LATE)
        scene.qq.drop()

    dropping = threading.Thread(target=drop)
    dropping.start()
    with pytest.raises(NetworkError, match="was lost"):
        scene.bot.get_status()
    dropping.join()
    scene.close()


def test_who_has_the_answer_finds_its_call_as_well(scene: Scene) -> None:
    scene.bot.on_message(lambda event: "hi")
    scene.go()
    for number in range(1, 101):
        scene.qq.send_private("hello")
        scene.qq.wait_reply(LATE)
        assert len(scene.qq.calls) == number
