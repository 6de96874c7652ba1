"""一条 WebSocket 连接：动作出去，回答按 echo 配对，事件进来。

One WebSocket connection: actions go out, answers are matched by echo, events come in.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from itertools import count
from queue import Empty, SimpleQueue
from typing import Any

from .actions import from_json, to_json
from .errors import ApiTimeout, AuthenticationError, NetworkError, OneBotError, printable

log = logging.getLogger("onebot_simple")

TOKEN_REFUSED = 1403
SLICE_SECONDS = 0.5  # Windows cannot interrupt a longer wait of the main thread
STREAM_BACKLOG = 64  # frames of a stream that wait for its reader before the connection slows down

Answer = dict[str, Any]
Answers = SimpleQueue[Answer | None]  # None: the connection is gone

_echoes = count(1)  # of all connections: an answer that comes over the next one fits nobody


class WsConnection:
    """The protocol on one open WebSocket, whichever side dialled.

    `send` sends one text frame; it may be called from any thread.
    """

    def __init__(
        self,
        send: Callable[[str], object],
        address: str,
        complain: Callable[[str, object], None],
    ) -> None:
        self.address = address
        self._send = send
        self._complain = complain
        self._waiting: dict[str, Answers] = {}  # its single operations are atomic
        self.closed: OneBotError | None = None  # why, once it is
        self.pause = 0.0  # seconds for which who reads it should rest, for somebody to catch up

    def request(self, action: str, params: dict[str, Any] | None, timeout: float) -> Answer:
        """Call an action and wait for its (first) answer."""
        with _Call(self, action, params or {}, timeout) as call:
            return call.answer()

    def stream(self, action: str, params: dict[str, Any], timeout: float) -> Iterator[Answer]:
        """Call a streaming action; each frame may take `timeout` seconds."""
        with _Call(self, action, params, timeout) as call:
            while True:
                frame = call.answer()
                yield frame
                if _is_last(action, frame):
                    return

    def receive(self, frame: str | bytes | bytearray) -> dict[str, Any] | None:
        """Take one frame from the wire; the event, if it is one.

        AuthenticationError when it says that the access_token is wrong.
        """
        self.pause = 0.0
        try:
            content = from_json(frame)
        except ValueError as error:
            self._complain("a frame that is not a JSON object", error)
            return None
        if "post_type" in content:
            return content
        echo = content.get("echo")
        answers = self._waiting.get(echo) if isinstance(echo, str) else None
        if answers is not None:
            answers.put(content)
            backlog = answers.qsize() - STREAM_BACKLOG
            self.pause = min(max(backlog / 1000, 0.0), 0.02)  # no more: events must get by
        elif content.get("retcode") == TOKEN_REFUSED and not echo:
            raise token_refused(self.address)
        elif "status" in content or "retcode" in content:
            named = echo if isinstance(echo, (str, int)) else type(echo).__name__
            self._complain("an answer that nobody waits for, or not any more", f"echo {named}")
        else:
            self._complain("a frame that is neither event nor answer", list(content)[:20])
        return None

    def close(self, reason: OneBotError) -> None:
        """Free everybody who waits for an answer, now and later, with `reason`."""
        self.closed = self.closed or reason
        while self._waiting:
            try:
                self._waiting.popitem()[1].put(None)
            except KeyError:  # the caller was faster
                break

    def check_open(self) -> None:
        if self.closed is not None:
            raise type(self.closed)(*self.closed.args)


class _Call:
    """An action that was sent, and the place where its answers arrive."""

    def __init__(
        self, connection: WsConnection, action: str, params: dict[str, Any], timeout: float
    ) -> None:
        if not isinstance(action, str):
            raise TypeError(f"an action has a name, {action!r} is none. 动作的名字要写成字符串。")
        self._connection = connection
        self._action = action
        self._timeout = timeout
        self._echo = str(next(_echoes))
        self._answers: Answers = SimpleQueue()
        self._text = '{"action":%s,"params":%s,"echo":"%s"}' % (  # noqa: UP031 (braces)
            to_json(action, action),
            to_json(action, params),
            self._echo,
        )

    def __enter__(self) -> _Call:
        connection = self._connection
        connection._waiting[self._echo] = self._answers  # before it is sent: answers are fast
        try:
            connection.check_open()  # after it waits: whoever closes now will find it
            connection._send(self._text)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._connection._waiting.pop(self._echo, None)

    def answer(self) -> Answer:
        deadline = time.monotonic() + self._timeout
        while (left := deadline - time.monotonic()) > 0:
            try:
                answer = self._answers.get(timeout=min(left, SLICE_SECONDS))
            except Empty:
                continue
            if answer is None:
                self._connection.check_open()
                break
            return answer
        raise ApiTimeout(
            f"no answer to {self._action} within {self._timeout:g} s "
            f"from {self._connection.address}. "
            "没有等到回答：动作可能已经执行了，不要马上重发；参数都给了吗？看看 OneBot 的日志。"
        )


def _is_last(action: str, frame: Answer) -> bool:
    if frame.get("status") == "failed" or action == "upload_file_stream":
        return True  # each call of an upload has exactly one answer
    data = frame.get("data")
    return not (isinstance(data, dict) and data.get("type") == "stream")


def token_refused(address: str) -> AuthenticationError:
    return AuthenticationError(
        f"{address} refused the access_token. "
        "access_token 不对：和 NapCat“网络配置”里这一项的 token 要一模一样。"
    )


def connection_lost(address: str, reason: object) -> NetworkError:
    return NetworkError(
        f"the connection to {address} was lost: {printable(str(reason)).rstrip('.')}. "
        "连接断开了：OneBot 退出了，或者网络断了？动作可能已经执行了。"
    )
