"""Secrets are compared in constant time at every entrance, and as bytes, which may be any."""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable
from contextlib import suppress
from http.client import HTTPConnection
from typing import Any

import pytest
from websocket import WebSocketException, create_connection

from onebot_simple import AuthenticationError, EventServer, HttpClient, WsClient, WsServer
from onebot_simple.playground.bot_process import BotProcess
from onebot_simple.playground.deeds import Deeds
from onebot_simple.playground.feed import Feed
from onebot_simple.playground.page_server import PageServer
from onebot_simple.simulator import Simulator

from .peers import Api, Poster, message

SECRET = "s3cret"
Compared = list[tuple[Any, Any]]


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> Compared:
    """What was compared in constant time."""
    pairs: Compared = []
    compare = hmac.compare_digest

    def noting(one: Any, other: Any) -> bool:
        pairs.append((one, other))
        return compare(one, other)

    monkeypatch.setattr(hmac, "compare_digest", noting)
    return pairs


def event_server() -> str:
    with EventServer(port=0, secret=SECRET) as server:
        body = json.dumps(message()).encode()
        Poster(Api(), server.port).post(body, {"x-signature": "sha1=wrong"})
    return "sha1=" + hmac.new(SECRET.encode(), body, "sha1").hexdigest()


def ws_server() -> str:
    with WsServer(port=0, access_token=SECRET) as server, suppress(WebSocketException):
        create_connection(server.url, header=["Authorization: Bearer wrong"])
    return SECRET


def simulator_http() -> str:
    with (
        Simulator(access_token=SECRET) as qq,
        HttpClient(qq.http_url, "wrong") as client,
        pytest.raises(AuthenticationError),
    ):
        client.request("get_status")
    return SECRET


def simulator_websocket() -> str:
    with Simulator(access_token=SECRET) as qq, pytest.raises(AuthenticationError):
        WsClient(qq.ws_url, "wrong").run()  # start() would wait for the refusal a moment only
    return SECRET


def playground_page() -> str:
    with Simulator() as qq:
        bot = BotProcess(None, {}, print)
        feed = Feed(qq, bot, False)
        page = PageServer(feed, Deeds(qq, feed, bot), 0)
        page.start()
        connection = HTTPConnection("127.0.0.1", page.port, timeout=30)
        connection.request("GET", "/?token=wrong")
        assert connection.getresponse().status == 403
        connection.close()
        page.stop()
    return page.link.partition("token=")[2]


@pytest.mark.parametrize(
    "entrance", [event_server, ws_server, simulator_http, simulator_websocket, playground_page]
)
def test_a_secret_is_compared_in_constant_time(
    entrance: Callable[[], str], compared: Compared
) -> None:
    secret = entrance().encode()
    assert secret in [pair[1] for pair in compared]
