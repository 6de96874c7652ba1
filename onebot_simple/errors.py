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
    """access_token 或 secret 不对，或者没有给。

    The access_token or the secret is wrong, or none was given.
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
    """OneBot 没有做成这个动作：回答里的 status 不是 ok，或者 retcode 不是 0。

    OneBot did not carry out the action: the response's status is not ok, or its retcode not 0.

    Attributes: ``action`` (str), ``retcode`` (int), ``message`` (str, OneBot's own words),
    ``response`` (dict, the whole response).
    """

    def __init__(self, action: str, response: dict[str, Any]) -> None:
        super().__init__(action, response)
        self.action = action
        self.response = response
        self.retcode = response.get("retcode")
        words = (response.get(name) for name in ("message", "wording", "msg"))
        self.message = str(next(filter(None, words), ""))

    def __str__(self) -> str:
        words = printable(self.message).rstrip("。. ")
        chinese, english = self._advice()
        return (
            f"{self.action} 失败了，retcode {self.retcode}{words and '：' + words}。{chinese} "
            f"{self.action} failed with retcode {self.retcode}{words and ': ' + words}. {english}"
        )

    def _advice(self) -> tuple[str, str]:
        """What to check, in Chinese and in English."""
        words = self.message.lower()
        if "timeout" in words:
            return (
                "QQ 没有及时回答，动作可能已经执行了，消息也可能被风控拦下：先看看，不要马上重发。",
                "QQ did not answer in time. The action may have been carried out, or QQ's risk "
                "control may have blocked the message: look at the chat before you send it again.",
            )
        if "sha256" in words:
            return "文件被改动了吗？再传一次。", "Upload it again: was it changed meanwhile?"
        if self.retcode in (100, 400, 1400):
            return "参数不对：检查名字和类型。", "The params are wrong: check names and types."
        return (
            "检查参数、机器人的权限，以及 OneBot 的日志。",
            "Check the params, the bot's rights, and OneBot's log.",
        )


class ActionNotFound(ActionFailed):
    """对方的 OneBot 实现不认识这个动作。

    The OneBot implementation does not know this action.
    """

    def _advice(self) -> tuple[str, str]:
        if self.action in ("upload_file_stream", "download_file_stream"):
            return (
                "对方没有流式传输（NapCat 才有）：30 MiB 以内放进消息段，或用 upload_group_file，"
                "写 OneBot 那台机器上的路径。",
                "Only NapCat has streams: put up to 30 MiB into a segment, or use "
                "upload_group_file with a path on OneBot's machine.",
            )
        return (
            "对方不认识这个动作：名字拼错了吗？不然，换一个支持它的 OneBot 实现。",
            "OneBot does not know this action: check the spelling, or use a OneBot implementation "
            "that has it.",
        )


def is_failed(response: dict[str, Any]) -> bool:
    """Whether a response says that the action was not carried out.

    A success has the status "ok" or "async" (or none) and the retcode 0 or 1 (or none). A response
    with neither says nothing, so it is no success.
    """
    status, retcode = response.get("status"), response.get("retcode")
    if status is None and retcode is None:
        return True
    return status not in ("ok", "async", None) or retcode not in (0, 1, None)


def failure(action: str, response: dict[str, Any]) -> ActionFailed:
    """The exception that a failed response stands for."""
    failed = ActionFailed(action, response)
    # NapCat over HTTP says it only in words, with retcode 200.
    unknown = failed.retcode in (404, 1404) or failed.message.lower().startswith("不支持的api")
    return ActionNotFound(action, response) if unknown else failed


def printable(text: str) -> str:
    """The text with everything escaped that would break a log line or a terminal."""
    return UNPRINTABLE.sub(lambda found: ascii(found.group())[1:-1], text)
