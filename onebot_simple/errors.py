"""所有会抛出的错误，每一个都说清楚发生了什么、该检查什么。

Every error that is raised; each says what happened and what to check.
"""

from __future__ import annotations

import re
from typing import Any

UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


class OneBotError(Exception):
    """本库所有错误的父类。

    The parent of every error of this library.
    """


class NetworkError(OneBotError):
    """没有连上，或者等待的时候断线了。

    No connection, or the connection was lost while waiting.
    """


class ApiTimeout(NetworkError, TimeoutError):
    """在规定时间里没有等到回答；动作仍有可能已经执行。

    No answer in time; the action may still have been carried out.
    """


class AuthenticationError(OneBotError):
    """access_token 或 secret 不对。

    The access_token or the secret is wrong.
    """


class ApiNotAvailable(OneBotError):
    """没有可以调用 API 的对象：没有机器人连接、连接了好几个、或 EventServer 没有 api=。

    Nothing to call: no bot is connected, several are and none was named, or there is no api=.
    """


class WaitTimeout(OneBotError, TimeoutError):
    """ask() 或 wait_for() 没有等到。

    ask() or wait_for() waited in vain.
    """


class ActionFailed(OneBotError):
    """OneBot 回答了 ``"status": "failed"``。

    OneBot answered ``"status": "failed"``.

    Attributes: ``action`` (str), ``retcode`` (int), ``message`` (str, OneBot's own words),
    ``response`` (dict, the whole answer).
    """

    def __init__(self, action: str, response: dict[str, Any]) -> None:
        super().__init__(action, response)
        self.action = action
        self.response = response
        self.retcode = response.get("retcode")
        self.message = str(
            response.get("message") or response.get("wording") or response.get("msg") or ""
        )

    def __str__(self) -> str:
        said = f": {printable(self.message)}" if self.message else ""
        return f"{self.action} failed with retcode {self.retcode}{said}. {self._advice()}"

    def _advice(self) -> str:
        if self.retcode in (1200, 200) and "timeout" in self.message.lower():
            return "消息可能已经发出，也可能被风控拦下：先看看聊天窗口，不要马上重发。"
        if "sha256" in self.message.lower():
            return "传过去的内容和文件不一样：上传的时候文件被改动了吗？再传一次。"
        if self.retcode in (100, 400, 1400):
            return "参数不对：检查每个参数的名字和类型。"
        return "OneBot 没有完成这个动作：检查参数、机器人的权限，以及 OneBot 自己的日志。"


class ActionNotFound(ActionFailed):
    """对方的 OneBot 实现不认识这个动作。

    The OneBot implementation does not know this action.
    """

    def _advice(self) -> str:
        if self.action in ("upload_file_stream", "download_file_stream"):
            return (
                "Only NapCat has streams; elsewhere send a pathlib.Path or bytes of up to 30 MiB "
                "in a segment, or call upload_group_file with a path on OneBot's machine. "
                "对方没有流式传输（NapCat 才有）：30 MiB 以内的文件直接放进消息段，"
                "更大的用 upload_group_file，写 OneBot 所在机器上的路径。"
            )
        return "对方不认识这个动作：检查名字有没有拼错，或者换一个支持它的 OneBot 实现。"


def failure(action: str, response: dict[str, Any]) -> ActionFailed:
    """The exception that a failed response stands for."""
    unknown = response.get("retcode") in (404, 1404) or str(
        response.get("message") or ""
    ).lower().startswith("不支持的api")  # NapCat over HTTP says it only in words, with retcode 200
    return (ActionNotFound if unknown else ActionFailed)(action, response)


def printable(text: str) -> str:
    """Without what would break a log line or a terminal: control characters, lone surrogates."""
    return UNPRINTABLE.sub(lambda found: ascii(found.group())[1:-1], text)
