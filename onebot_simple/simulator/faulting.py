"""Faults that a test asks for, as methods of the Simulator."""

from __future__ import annotations

from typing import Any

from .core import Core, Outgoing
from .names import checked_action, checked_count, checked_seconds, checked_text


class Faulting:
    """要求的故障：每个都有次数，没有一个是随机的。

    Faults on request: each is counted, none is random.
    """

    _core: Core

    def fail(
        self,
        action: str = "*",
        retcode: int = 1200,
        times: int = 1,
        message: str = "模拟的失败 simulated failure",
    ) -> None:
        """让接下来的几次调用失败；"*" 是任何动作。

        Let the next calls of this action fail; "*" is any action.
        """
        if action != "*":
            checked_action(action)
        if isinstance(retcode, bool) or not isinstance(retcode, int):
            raise TypeError(
                f"retcode 是整数，不能是 {retcode!r}。 retcode is an int, not {retcode!r}."
            )
        checked_text(message, "message")
        self._core.faults.fail(action, retcode, checked_count(times, "times"), message)

    def delay(self, seconds: float, times: int = 1) -> None:
        """接下来几次调用的回应迟到。

        Let the next answers come so many seconds late.
        """
        checked_seconds(seconds, "seconds")
        self._core.faults.delay(seconds, checked_count(times, "times"))

    def swallow(self, times: int = 1) -> None:
        """接下来几次调用照做，但没有回应。

        Do what the next calls ask, and answer nothing.
        """
        self._core.faults.swallow(checked_count(times, "times"))

    def refuse_token(self, times: int = 1) -> None:
        """接下来几次握手或 HTTP 调用当作令牌错误。

        Treat the token of the next handshakes or HTTP calls as wrong.
        """
        self._core.faults.refuse_token(checked_count(times, "times"))

    def drop(self) -> None:
        """切断所有连接，不打招呼。

        Cut every connection without a word.
        """
        self._core.drop()

    def heartbeat(self, beats: bool) -> None:
        """心跳开或关。

        Let heartbeats come, or not.
        """
        self._core.hearts_beat = bool(beats)

    def send_raw(self, text: str) -> None:
        """向每个 WebSocket 发送任意文本，不必是 JSON。

        Send any text over every WebSocket, JSON or not.
        """
        data = checked_text(text, "text").encode("utf-8", "replace")
        for peer in self._core.peers:
            peer.put(Outgoing(data, "raw"))

    def clear_faults(self) -> None:
        """忘掉还没用上的故障，心跳恢复。

        Forget the faults that have not happened yet, and let the heart beat.
        """
        self._core.faults.clear()
        self._core.hearts_beat = True

    @property
    def pending_faults(self) -> dict[str, Any]:
        """还没用上的故障各有几个。

        How many faults of each kind are still to come.
        """
        return self._core.faults.pending
