"""一条 WebSocket 连接：动作出去，回答按 echo 配对，事件进来。

One WebSocket connection: actions go out, answers are matched by echo, events come in.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple, TypeAlias

from .actions import from_json, to_json
from .errors import ApiTimeout, AuthenticationError, NetworkError, OneBotError, printable

TOKEN_REFUSED = 1403
STREAM_BACKLOG = 64  # frames of a stream that may wait before the reader slows down
SLICE_SECONDS = 0.5  # Windows cannot interrupt a longer wait of the main thread

Answer: TypeAlias = dict[str, Any]

_call_numbers = count(1)  # of all calls in this process


class _Call(NamedTuple):
    """An action that was sent, and the place where its answers arrive."""

    connection: WsConnection
    action: str
    answers: SimpleQueue[Answer | OneBotError]  # an error: the connection has ended


class WsConnection:
    """The protocol on one open WebSocket, whichever side dialled.

    send: sends one text frame; it may be called from any thread. complain: says once per kind what
    was dropped. waiting: the calls that wait for an answer, by echo; several connections of one
    account share it, so that an answer may come on any of them. has_token: whether we gave a token.
    """

    def __init__(
        self,
        send: Callable[[str], object],
        address: str,
        complain: Callable[[str, object], None],
        *,
        waiting: dict[str, _Call] | None = None,
        has_token: bool = True,
    ) -> None:
        self.address = address
        self.received = 0  # how many events came
        self._send = send
        self._complain = complain
        self._waiting: dict[str, _Call] = {} if waiting is None else waiting
        self._has_token = has_token
        self._random = secrets.token_hex(4)  # nobody else's echo ends with it
        self._closed: OneBotError | None = None  # why, once it is
        self._abandoned = False  # whether a call was given up whose answer may still come

    def request(
        self, action: str, params: dict[str, Any] | None, timeout: float, origin: str = ""
    ) -> Answer:
        """Call an action and wait for its (first) answer. `origin` is for the echo."""
        with self._call(action, params or {}, origin) as call:
            return self._answer_to(call, timeout)

    def stream(
        self, action: str, params: dict[str, Any], timeout: float, origin: str = ""
    ) -> Iterator[Answer]:
        """Call a streaming action; each frame may take `timeout` seconds."""
        with self._call(action, params, origin) as call:
            while True:
                frame = self._answer_to(call, timeout)
                yield frame
                if _is_last(action, frame):
                    return

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

    def close(self, reason: OneBotError) -> None:
        """Free everybody who waits for an answer to a call of this connection."""
        self._closed = self._closed or reason
        for call in self._waiting.copy().values():
            if call.connection is self:
                call.answers.put(reason)

    @contextmanager
    def _call(self, action: str, params: dict[str, Any], origin: str) -> Iterator[_Call]:
        """Send a call; its answers are taken as long as the block runs."""
        if not isinstance(action, str):
            raise TypeError(
                f"动作的名字要写成字符串，不是 {action!r}。 "
                f"An action has a name, which is a str, not {action!r}."
            )
        echo = f"{next(_call_numbers)}:{self._random}"
        if origin:
            echo = f"{origin}:{echo}"
        name, text = to_json(action, action), to_json(action, params)
        call = _Call(self, action, SimpleQueue())
        self._waiting[echo] = call  # before it is sent: answers are fast
        try:
            if self._closed is not None:  # close() has not seen this call
                raise _again(self._closed)
            self._send(f'{{"action":{name},"params":{text},"echo":{to_json(action, echo)}}}')
            yield call
        except BaseException:
            self._abandoned = True
            raise
        finally:
            del self._waiting[echo]

    def _answer_to(self, call: _Call, timeout: float) -> Answer:
        deadline = time.monotonic() + timeout
        while (left := deadline - time.monotonic()) > 0:
            try:
                answer = call.answers.get(timeout=min(left, SLICE_SECONDS))
            except Empty:
                continue
            if isinstance(answer, OneBotError):
                raise _again(answer)
            return answer
        raise ApiTimeout(
            f"{self.address} 在 {timeout:g} 秒里没有回答 {call.action}，动作可能已经执行了："
            "参数给全了吗？先看 OneBot 的日志，不要马上重发。 "
            f"There was no answer to {call.action} within {timeout:g} s from {self.address}, but "
            "it may have been carried out: are all params there? See OneBot's log first."
        )

    def _receive_answer(self, answer: Answer) -> None:
        echo = answer.get("echo")
        if echo is not None and echo != "":
            call = self._waiting.get(echo) if isinstance(echo, str) else None
        elif answer.get("retcode") == TOKEN_REFUSED:
            raise token_refused(self.address, self._has_token)
        else:  # without an echo it belongs to the only call, if it cannot be a late one
            calls = list(self._waiting.copy().values())
            call = calls[0] if len(calls) == 1 and not self._abandoned else None
        if call is not None:
            call.answers.put(answer)
            if (
                call.answers.qsize() > STREAM_BACKLOG
            ):  # whoever saves a file is slower than the wire
                time.sleep(0.01)
        else:
            kind = "没有人（或不再有人）等的回答 an answer that nobody waits for, or not any more"
            self._complain(kind, echo if isinstance(echo, str) else type(echo).__name__)


def _is_last(action: str, frame: Answer) -> bool:
    if frame.get("status") == "failed" or action == "upload_file_stream":
        return True  # each call of an upload has exactly one answer
    data = frame.get("data")
    return not (isinstance(data, dict) and data.get("type") == "stream")


def _again(error: OneBotError) -> OneBotError:
    """A copy of the error: each thread that raises it adds its own traceback."""
    return type(error)(*error.args)


def token_refused(address: str, has_token: bool) -> AuthenticationError:
    chinese, english = "没有给", "wants an access_token, and none was given"
    if has_token:
        chinese, english = "不对", "refused the access_token"
    return AuthenticationError(
        f"{address} 拒绝了连接：access_token {chinese}。access_token= 要和 NapCat“网络配置”里"
        "这一项的 token 一模一样。 "
        f"{address} {english}: access_token= must be exactly the token of this server in NapCat's "
        "network settings."
    )


def connection_lost(address: str, reason: object, chinese: object = None) -> NetworkError:
    """The error for a connection that ended by itself; `chinese` is the reason in Chinese."""
    said = [printable(str(words)).rstrip(".。") for words in (chinese or reason, reason)]
    return NetworkError(
        f"和 {address} 的连接断开了：{said[0]}。OneBot 退出了，或者网络断了？动作可能已经执行了。 "
        f"The connection to {address} was lost: {said[1]}. Has OneBot ended, or has the network "
        "failed? An action may have been carried out all the same."
    )


def connection_ended(address: str) -> NetworkError:
    """The error for a connection that we closed because the bot is stopped."""
    return NetworkError(
        f"机器人停止了，和 {address} 的连接已经关闭：没有等到的动作可能已经执行了。 "
        f"The bot was stopped, and with it the connection to {address}: an action whose answer did "
        "not come may have been carried out."
    )
