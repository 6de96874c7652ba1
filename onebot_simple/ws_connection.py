"""一条 WebSocket 连接：动作出去，回答按 echo 配对，事件进来。

One WebSocket connection: actions go out, answers are matched by echo, events come in.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from copy import copy
from itertools import count
from queue import Empty, SimpleQueue
from typing import Any, TypeAlias

from .actions import Stream, from_json, to_json
from .addresses import Words
from .errors import ApiTimeout, AuthenticationError, NetworkError, OneBotError, printable
from .waits import SLICE_SECONDS

TOKEN_REFUSED = 1403
READS_NOTHING = ("对方不读我们发的东西", "it does not read what is sent")

Answers: TypeAlias = SimpleQueue[dict[str, Any] | OneBotError]  # an error: the connection has ended

_call_numbers = count(1)  # of all calls in this process


class WsConnection:
    """The protocol on one open WebSocket, whichever side dialled.

    send: sends one text frame, from any thread; when it cannot, close() is called soon.
    complain: says once per kind what was dropped.
    """

    def __init__(
        self, send: Callable[[str], object], address: str, complain: Callable[[str, object], None]
    ) -> None:
        self.address = address
        self.siblings = [self]  # all of the same account: an answer may come on any of them
        self.received = 0  # how many events came
        self.backlog = 0  # how many answers to the same call have not been taken yet
        self._send = send
        self._complain = complain
        self._waiting: dict[str, Answers] = {}  # where the answers to a call are put, by its echo
        self._random = secrets.token_hex(4)  # every echo ends with it: no other bot's is the same
        self._closed: OneBotError | None = None  # why, once it is
        self._gave_up = False  # a call has failed, and its answer may still come

    def stream(
        self, action: str, params: dict[str, Any], timeout: float, origin: str = ""
    ) -> Stream:
        """Call an action and yield its answers: a streaming action has several.

        timeout: seconds, for each answer. origin: what makes the call, for the echo.
        """
        echo = f"{origin}:{next(_call_numbers)}:{self._random}".removeprefix(":")
        name, text = to_json(action, action), to_json(action, params)
        answers: Answers = SimpleQueue()
        self._waiting[echo] = answers  # before it is sent: answers are fast
        try:
            if self._closed is not None:  # close() came first, and did not see this call
                raise copy(self._closed)
            self._send(f'{{"action":{name},"params":{text},"echo":{to_json(action, echo)}}}')
            while True:
                answer = self._next(answers, action, timeout)
                yield answer
                if _is_last(action, answer):
                    break
        except (Exception, KeyboardInterrupt):
            self._gave_up = True
            raise
        finally:
            del self._waiting[echo]

    def _next(self, answers: Answers, action: str, timeout: float) -> dict[str, Any]:
        deadline = time.monotonic() + timeout
        while (left := deadline - time.monotonic()) > 0:
            try:
                answer = answers.get(timeout=min(left, SLICE_SECONDS))
            except Empty:
                continue
            if isinstance(answer, OneBotError):
                raise answer
            return answer
        raise ApiTimeout(
            f"{self.address} 在 {timeout:g} 秒里没有回答 {action}，动作可能已经执行了："
            "参数给全了吗？看看 OneBot 的日志。 "
            f"There was no answer to {action} within {timeout:g} s from {self.address}, but it may "
            "have been carried out: are all params there? See OneBot's log."
        )

    def receive(self, frame: str | bytes | bytearray) -> dict[str, Any] | None:
        """Take one frame from the wire. Return the event, if it is one.

        AuthenticationError when it says that the access_token is wrong.
        """
        try:
            content = from_json(frame)
        except ValueError as error:
            self._complain("不是 JSON 对象的帧 a frame that is not a JSON object", error)
            return None
        if "post_type" in content:
            self.received += 1
            return content
        if "status" in content or "retcode" in content:
            self._receive_answer(content)
        else:
            kind = "既不是事件也不是回答的帧 a frame that is neither event nor answer"
            self._complain(kind, list(content)[:20])
        return None

    def _receive_answer(self, answer: dict[str, Any]) -> None:
        echo, answers = answer.get("echo"), None
        if echo is not None and echo != "":
            found = (one._waiting.get(echo) for one in self.siblings if isinstance(echo, str))
            answers = next(filter(None, found), None)
        elif answer.get("retcode") == TOKEN_REFUSED:
            raise AuthenticationError("the access_token was refused")
        elif len(only := self._waiting.copy()) == 1 and not self._gave_up:
            answers = only.popitem()[1]  # an answer without echo, which cannot be a late one
        if answers is None:
            kind = "没有人（或不再有人）等的回答 an answer that nobody waits for, or not any more"
            self._complain(kind, echo if isinstance(echo, str) else type(echo).__name__)
            return
        answers.put(answer)
        self.backlog = answers.qsize()

    def close(self, reason: OneBotError) -> None:
        """Free everybody who waits for an answer to a call of this connection."""
        self._closed = self._closed or reason
        for answers in self._waiting.copy().values():
            answers.put(copy(reason))  # each thread adds a traceback of its own to it


def _is_last(action: str, frame: dict[str, Any]) -> bool:
    if frame.get("status") == "failed" or action == "upload_file_stream":
        return True  # each call of an upload has exactly one answer
    data = frame.get("data")
    return not (isinstance(data, dict) and data.get("type") == "stream")


def connection_lost(address: str, reason: Words) -> NetworkError:
    """The error for a connection that ended by itself."""
    chinese, english = (printable(words).rstrip(".。") for words in reason)
    return NetworkError(
        f"和 {address} 的连接断开了：{chinese}。OneBot 还开着吗？动作可能已经执行了。 "
        f"The connection to {address} was lost: {english}. Is OneBot still running? "
        "An action may have been carried out."
    )


def connection_ended(address: str) -> NetworkError:
    """The error for a connection that we closed because the bot is stopped."""
    return NetworkError(
        f"机器人停止了，和 {address} 的连接关闭了，动作可能已经执行了。 "
        f"The bot was stopped and left {address}; an action may have been carried out."
    )
