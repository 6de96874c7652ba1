"""The lamps: which transport is connected, and with whom."""

from __future__ import annotations

import pytest

from onebot_simple import EventServer
from onebot_simple.simulator import Simulator

from ..peers import wait_until


@pytest.mark.parametrize(("secret", "is_on"), [("right", True), ("wrong", False)])
def test_a_url_that_refuses_the_events_is_not_connected(secret: str, is_on: bool) -> None:
    with EventServer(port=0, secret=secret) as bot, Simulator() as qq:
        qq.post_to(bot.url, "right")
        qq.send_private("hi")
        wait_until(lambda: qq.lamps["http_post"]["targets"][0]["status"])
        assert qq.lamps["http_post"]["connected"] is is_on
        assert qq.lamps["http_post"]["targets"][0]["connected"] is is_on
