"""一条 WebSocket 连接：动作出去，响应按 echo 配对，事件进来。

One WebSocket connection: actions go out, responses are matched by echo, events come in.
"""

from __future__ import annotations

import secrets
import socket
import time
from collections import deque
from collections.abc import Callable
from copy import copy
from itertools import count
from queue import Empty, SimpleQueue
from typing import Any, TypeAlias

from .actions import Responses, from_json, to_json
from .addresses import Bilingual
from .errors import ApiTimeout, AuthenticationError, NetworkError, OneBotError, printable
from .waits import SLICE_SECONDS, next_of

TOKEN_REFUSED = 1403
UNSENT_SECONDS = 0.005  # how often a caller looks whether more can be sent
# bytes that the system is given at once. Windows takes a whole frame of any size, and then nothing
# until it is nearly sent, so that a slow peer would look like one that does not read.
PIECE = 128 * 1024
READS_NOTHING = ("对方不读我们发的东西", "it does not read what is sent")

Inbox: TypeAlias = SimpleQueue[dict[str, Any] | OneBotError]  # an error: the connection has ended

_call_numbers = count(1)  # of all calls in this process


class WsConnection:
    """The protocol on one open WebSocket, whichever side dialled.

    send: takes one text frame, from any thread, and sends what the system takes at once. flush:
    sends more of it, and returns whether something is left. If sending fails, whoever reads the
    connection calls close() soon. name: the other side, for errors. warn_dropped: logs what was
    dropped, once per kind, and perhaps what to do about it.
    """

    def __init__(
        self,
        send: Callable[[str], object],
        flush: Callable[[], bool],
        name: str,
        warn_dropped: Callable[..., None],
    ) -> None:
        self.name = name
        self.siblings = [self]  # all of the same account: a response may come on any of them
        self.received = 0  # how many events came
        self.filled: Inbox = SimpleQueue()  # where the last response was put
        self._send = send
        self._flush = flush
        self._warn_dropped = warn_dropped
        self._waiting: dict[str, Inbox] = {}  # where the responses to a call are put, by its echo
        self._random = secrets.token_hex(4)  # every echo ends with it: no other bot's is the same
        self._close_error: OneBotError | None = None  # why it is closed, once it is
        self._gave_up = False  # a call has failed, and its response may still come

    def call(
        self, action: str, params: dict[str, Any], timeout: float, cause: str = ""
    ) -> Responses:
        """Call an action, and yield its responses: a streaming action has several.

        timeout: seconds, for each of them. cause: what makes the call, for the echo.
        """
        deadline = time.monotonic() + timeout
        echo = f"{cause}:{next(_call_numbers)}:{self._random}".removeprefix(":")
        name, text = to_json(action, action), to_json(action, params)
        inbox: Inbox = SimpleQueue()
        self._waiting[echo] = inbox  # before it is sent: responses are fast
        try:
            if self._close_error is not None:  # close() came first, and did not see this call
                raise copy(self._close_error)
            while self._flush():  # what waits goes first: else the memory could fill with frames
                if time.monotonic() >= deadline:
                    raise self._too_late(action, timeout)
                time.sleep(UNSENT_SECONDS)
            self._send(f'{{"action":{name},"params":{text},"echo":{to_json(action, echo)}}}')
            while (response := self._next(inbox, deadline)) is not None:
                yield response
                if _is_last(action, response):
                    return
                deadline = time.monotonic() + timeout
            raise self._too_late(action, timeout)
        except (Exception, KeyboardInterrupt):
            self._gave_up = True
            raise
        finally:
            del self._waiting[echo]
            self.filled = SimpleQueue()  # so that what nobody took is not kept

    def _next(self, inbox: Inbox, deadline: float) -> dict[str, Any] | None:
        """The next response; None at the deadline."""
        pause = UNSENT_SECONDS
        while True:
            left = deadline - time.monotonic()
            try:
                response = next_of(inbox, max(0.0, min(left, pause)))
            except Empty:
                if left <= 0:
                    return None
                pause = UNSENT_SECONDS if self._flush() else SLICE_SECONDS
                continue
            if isinstance(response, OneBotError):
                raise response
            return response

    def _too_late(self, action: str, timeout: float) -> ApiTimeout:
        """The error for a call that was not answered in time."""
        advice = (
            "动作可能已经执行了：参数给全了吗？看看 OneBot 的日志。",
            "but the action may have been carried out: are all params there? See OneBot's log.",
        )
        if self._flush():
            advice = (
                "它可能没有发出去，或者没有发完：要发的太多、网络太慢，或者对方不读。",
                "perhaps it was not sent, or not whole: too much waits, or the line is slow, or "
                "nobody reads.",
            )
        return ApiTimeout(
            f"{self.name} 在 {timeout:g} 秒里没有回答 {action}，{advice[0]} "
            f"There was no response to {action} within {timeout:g} s from {self.name}, {advice[1]}"
        )

    def receive(self, frame: str | bytes | bytearray) -> dict[str, Any] | None:
        """Take one frame from the wire. Return the event, if it is one.

        AuthenticationError when it says that the access_token is wrong.
        """
        try:
            content = from_json(frame)
        except ValueError as error:
            self._warn_dropped("不是 JSON 对象的帧 a frame that is not a JSON object", error)
            return None
        if "post_type" in content:
            self.received += 1
            return content
        if "status" in content or "retcode" in content:
            self._receive_response(content)
        else:
            kind = "既不是事件也不是响应的帧 a frame that is neither event nor response"
            self._warn_dropped(kind, list(content)[:20])
        return None

    def _receive_response(self, response: dict[str, Any]) -> None:
        echo, inbox = response.get("echo"), None
        if echo is not None and echo != "":
            found = (one._waiting.get(echo) for one in self.siblings if isinstance(echo, str))
            inbox = next(filter(None, found), None)
        elif response.get("retcode") == TOKEN_REFUSED:
            raise AuthenticationError("the access_token was refused")
        elif len(only := self._waiting.copy()) == 1 and not self._gave_up:
            inbox = only.popitem()[1]  # a response without echo, which cannot be a late one
        if inbox is None:
            kind = "没有人（或不再有人）等的响应 a response that nobody waits for, or not any more"
            what = echo if isinstance(echo, str) else type(echo).__name__
            self._warn_dropped(kind, what, "来晚了？timeout= 写大些。 Late? Use a longer timeout=.")
            return
        inbox.put(response)
        self.filled = inbox

    def close(self, reason: OneBotError) -> None:
        """Free everybody who waits for an answer to a call of this connection."""
        self._close_error = self._close_error or reason
        for inbox in self._waiting.copy().values():
            inbox.put(copy(reason))  # each thread adds a traceback of its own to it


def _is_last(action: str, frame: dict[str, Any]) -> bool:
    if frame.get("status") == "failed" or action == "upload_file_stream":
        return True  # each call of an upload has exactly one answer
    data = frame.get("data")
    return not (isinstance(data, dict) and data.get("type") == "stream")


def send_at_once(sock: socket.socket, unsent: deque[memoryview]) -> bool:
    """Send what the system takes without waiting. Return whether it took something."""
    took_something = False
    try:
        while unsent:
            sent = sock.send(unsent[0][:PIECE])
            took_something = True
            unsent[0] = unsent[0][sent:]
            if not unsent[0]:
                unsent.popleft()
    except BlockingIOError:
        pass
    return took_something


def connection_lost(name: str, reason: Bilingual) -> NetworkError:
    """The error for a connection that ended by itself."""
    chinese, english = (printable(words).rstrip(".。") for words in reason)
    return NetworkError(
        f"和 {name} 的连接断开了：{chinese}。OneBot 还开着吗？动作可能已经执行了。 "
        f"The connection to {name} was lost: {english}. Is OneBot still running? "
        "An action may have been carried out."
    )


def bot_was_stopped(name: str) -> NetworkError:
    """The error for a connection that we closed because the bot is stopped."""
    return NetworkError(
        f"机器人停止了，和 {name} 的连接关闭了，动作可能已经执行了。 "
        f"The bot was stopped and left {name}; an action may have been carried out."
    )
