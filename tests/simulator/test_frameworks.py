"""Frameworks that others wrote take the simulator for a OneBot implementation."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from onebot_simple.simulator import Simulator

from ..peers import wait_until
from ..test_examples import free_port

PEERS = Path(__file__).parent / "peers"
LATE = 20  # seconds after which even a busy machine should have done it


@contextmanager
def process(script: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    one = subprocess.Popen(
        [sys.executable, str(PEERS / script), *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield one
    finally:
        one.kill()
        one.wait(10)


def talk(qq: Simulator) -> None:
    """What any framework must get right."""
    qq.send_private("hello")
    reply = qq.wait_reply(LATE)
    assert reply["text"].endswith("hello")
    assert reply["user_id"] == 20001
    qq.send_group("in the group", user=20003)
    reply = qq.wait_reply(LATE)
    assert (reply["text"], reply["group_id"]) == ("in the group", 30001)
    qq.send_group("look", user=20002, at_bot=True)
    assert qq.wait_reply(LATE)["text"] == "to me: look"


def test_nonebot2_over_the_forward_websocket() -> None:
    with (
        Simulator(access_token="s3cret") as qq,
        process("nonebot_bot.py", qq.ws_url, "s3cret"),
    ):
        qq.wait_connected(LATE)
        talk(qq)
        qq.send_private("unknown action")
        assert qq.wait_reply(LATE)["text"] == "ActionFailed 1404"
        qq.send_group("members", user=20002)
        assert {"Alice", "Bob", "Carol"} <= set(qq.wait_reply(LATE)["text"].split())


def test_nonebot2_with_a_wrong_token_is_refused() -> None:
    with (
        Simulator(access_token="s3cret") as qq,
        process("nonebot_bot.py", qq.ws_url, "wrong"),
    ):
        wait_until(lambda: any('"retcode": 1403' in frame["text"] for frame in qq.frames), LATE)
        qq.send_private("hello")
        qq.expect_silence(0.3)


def test_aiocqhttp_over_the_reverse_websocket() -> None:
    port = free_port()
    with (
        Simulator(access_token="s3cret", reconnect_interval=100) as qq,
        process("aiocqhttp_bot.py", str(port), "s3cret", ""),
    ):
        qq.connect_to(f"ws://127.0.0.1:{port}/ws/")
        qq.wait_connected(LATE)
        talk(qq)
        qq.send_private("unknown action")
        assert qq.wait_reply(LATE)["text"] == "ActionFailed 1404"
        qq.send_private("who")
        assert qq.wait_reply(LATE)["text"] == "I am 10001"


def test_aiocqhttp_over_http_in_both_directions() -> None:
    port = free_port()
    with (
        Simulator(access_token="s3cret") as qq,
        process("aiocqhttp_bot.py", str(port), "s3cret", "sign", qq.http_url),
    ):
        qq.post_to(f"http://127.0.0.1:{port}/", secret="sign")
        qq.wait_connected(LATE)
        talk(qq)
        qq.send_private("unknown action")
        assert qq.wait_reply(LATE)["text"] == "ActionFailed 200"
        qq.send_private("who")
        assert qq.wait_reply(LATE)["text"] == "I am 10001"


@pytest.mark.parametrize(("secret", "status"), [("wrong", "403"), (None, "401")])
def test_aiocqhttp_refuses_a_wrong_signature(secret: str | None, status: str) -> None:
    port = free_port()
    with (
        Simulator(access_token="s3cret") as qq,
        process("aiocqhttp_bot.py", str(port), "s3cret", "sign", qq.http_url),
    ):
        qq.post_to(f"http://127.0.0.1:{port}/", secret=secret)
        qq.wait_connected(LATE)
        qq.send_private("hello")
        wait_until(
            lambda: any(
                frame["transport"] == "http_post" and frame["head"].startswith(f"HTTP/1.1 {status}")
                for frame in qq.frames
            ),
            LATE,
        )
        qq.expect_silence(0.3)


def test_aiocqhttp_refuses_a_wrong_token_of_the_reverse_websocket() -> None:
    port = free_port()
    with (
        Simulator(access_token="wrong", reconnect_interval=100) as qq,
        process("aiocqhttp_bot.py", str(port), "s3cret", ""),
    ):
        qq.connect_to(f"ws://127.0.0.1:{port}/ws/")
        wait_until(lambda: any(" 40" in frame["head"].split("\n")[0] for frame in qq.frames), LATE)
        with pytest.raises(AssertionError, match="nobody connected"):
            qq.wait_connected(0.1)
