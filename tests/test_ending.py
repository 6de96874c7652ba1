"""Ctrl+C and SIGTERM end every kind of bot within two seconds, whatever it is doing."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress
from functools import wraps
from pathlib import Path
from typing import Any

import pytest

from .lessons import LATE, Running, free_port
from .peers import Api, ForwardWs, Poster, ReverseWs, message, wait_until

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals are sent as on POSIX")

BOT = """
import sys, time
from onebot_simple import EventServer, WsClient, WsServer

bot = {bot}

@bot.on_command("ask")
def ask(event):
    print("asking", flush=True)
    bot.ask(event)

@bot.on_command("sleep")
def sleep(event):
    time.sleep(0.2)

@bot.on_message
def echo(event):
    return "echo"

print("ready", flush=True)
bot.run()
print("ended", flush=True)
"""


def start(tmp_path: Path, bot: str) -> Running:
    script = tmp_path / "bot.py"
    script.write_text(BOT.format(bot=bot), encoding="utf-8")
    running = Running(script)
    running.wait_for("ready")
    return running


def end(running: Running, number: int) -> None:
    began = time.monotonic()
    running.process.send_signal(number)
    running.process.wait(10)
    seconds = time.monotonic() - began
    running.end()
    assert running.process.returncode == 0, running.output
    assert "ended" in running.output
    assert "Traceback" not in running.output
    if seconds >= 2 + 0.5 * (sys.gettrace() is not None):
        raise Late(f"it took {seconds:.2f} s")


class Late(AssertionError):
    """It ended as it should, but not in time."""


def with_both_signals(test: Callable[[Path, int], None]) -> Any:
    """With both signals. It may be late: other programs may need the machine as well."""

    @wraps(test)
    def again(tmp_path: Path, number: int) -> None:
        for _ in range(4):
            with suppress(Late):
                return test(tmp_path, number)
        return test(tmp_path, number)

    return pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])(again)


@with_both_signals
def test_while_idle(tmp_path: Path, number: int) -> None:
    for bot in ("EventServer(port=0)", "WsServer(port=0)"):
        running = start(tmp_path, bot)
        running.wait_for("listening on")
        end(running, number)


@with_both_signals
def test_while_waiting_to_connect_again(tmp_path: Path, number: int) -> None:
    running = start(tmp_path, f'WsClient("ws://127.0.0.1:{free_port()}")')
    running.wait_for("connection refused")
    end(running, number)


@with_both_signals
def test_in_the_middle_of_a_handshake(tmp_path: Path, number: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        running = start(tmp_path, f'WsClient("ws://127.0.0.1:{listener.getsockname()[1]}")')
        listener.settimeout(10)
        connection, _ = listener.accept()
        with connection:
            assert connection.recv(10)
            end(running, number)


@with_both_signals
def test_with_a_hundred_handlers_waiting(tmp_path: Path, number: int) -> None:
    with closing(ForwardWs(Api())) as peer:
        running = start(tmp_path, f'WsClient("{peer.url}")')
        wait_until(lambda: peer.sockets, LATE)
        for user in range(1, 101):
            peer.push(message("/ask", user_id=user))
        wait_until(lambda: running.output.count("asking") == 100, LATE)
        end(running, number)
        assert running.output.count("ask ended: 机器人停止了") > 90  # the last may be too late


@with_both_signals
def test_in_a_flood_of_events(tmp_path: Path, number: int) -> None:
    with closing(ForwardWs(Api())) as peer:
        running = start(tmp_path, f'WsClient("{peer.url}")')
        wait_until(lambda: peer.sockets, LATE)
        for user in range(1, 1201):
            peer.push(message("/sleep", user_id=user % 3 + 1))
        running.wait_for("events wait for their turn")
        end(running, number)
        assert "Events left unhandled at the stop" in running.output


@with_both_signals
def test_a_server_whose_peers_are_busy(tmp_path: Path, number: int) -> None:
    port = free_port()
    running = start(tmp_path, f"WsServer(port={port})")
    running.wait_for("listening on")
    with ExitStack() as peers:
        for self_id in range(1, 6):
            peer = ReverseWs(Api(), f"ws://127.0.0.1:{port}", self_id)
            peers.callback(peer.close)
            peer.push(message("/ask", self_id=self_id))
            peer.push(message("hi", user_id=50, self_id=self_id))
            peer.api.said(seconds=LATE)
        end(running, number)


@with_both_signals
def test_a_server_with_open_posts(tmp_path: Path, number: int) -> None:
    port = free_port()
    running = start(tmp_path, f"EventServer(port={port})")
    running.wait_for("listening on")
    with closing(Poster(Api(), port)) as poster:
        for user in range(1, 20):
            poster.push(message("/ask", user_id=user))
        running.wait_for("user_id=19")
        end(running, number)
