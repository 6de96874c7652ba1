"""The causes of calls with the bots of this package: exact where there is an echo."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from onebot_simple import WsClient, WsServer
from onebot_simple.simulator import Simulator

BOB, CAROL = 20002, 20003
Maker = Callable[[], "WsClient | WsServer"]
each_bot = pytest.mark.parametrize(
    "make", [lambda: WsClient("ws://127.0.0.1:3001"), WsServer], ids=["ws_client", "ws_server"]
)


@each_bot
def test_a_slow_answer_leads_to_the_message_it_answers(make: Maker) -> None:
    bot = make()

    @bot.on_command("order")
    def order(event: dict[str, Any]) -> str:
        return f"{bot.ask(event, 'what?')}, then"

    with Simulator(bot) as qq:
        first = qq.send_group("/order", user=CAROL)["message_id"]
        assert qq.wait_reply()["text"] == "what?"
        qq.send_group("tea", user=BOB)
        second = qq.send_group("noodles", user=CAROL)["message_id"]
        assert qq.wait_reply()["text"] == "noodles, then"
        causes = [call["cause"] for call in qq.calls]
        assert [cause["message_id"] for cause in causes] == [first, second]
        for cause in causes:
            assert cause["handler"] == "order"
            assert cause["at"].startswith("test_causes_of_bots.py:")
            assert cause["probably"] is False


@each_bot
def test_a_poke_leads_to_its_own_event(make: Maker) -> None:
    bot = make()
    bot.on("notice.notify.poke")(lambda event: "ouch")
    with Simulator(bot) as qq:
        for user in (BOB, CAROL, BOB):
            qq.poke(user)
        for _ in range(3):
            qq.wait_call("send_msg")
        pokes = [frame["id"] for frame in qq.frames if "poke" in frame["text"]]
        assert [call["cause"]["frame"] for call in qq.calls] == pokes
