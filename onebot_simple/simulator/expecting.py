"""What a test asks about the bot, as methods of the Simulator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .core import Core
from .journal import Mistake, differences
from .json_text import InvalidJson, encode
from .names import checked_action, checked_number, checked_seconds
from .readable import plain
from .world import Failure

# unittest cuts a traceback where this name is found: so it ends in the line of the test
__unittest = True


class Expecting:
    """测试对机器人的期待；不满足时是 AssertionError，第一行说哪里不同，最后是最近十帧。

    What a test expects of the bot. Each wait fails with an AssertionError that begins with what
    differs and ends with the last ten frames. Every reply and every call is given out once, the
    oldest first; nothing that is unread gets lost. A message is a reply and a call: once a test
    has taken it as the one, and lets people do something more, the other is over, too.
    """

    _core: Core

    def wait_reply(
        self, timeout: float = 3, *, user: int | None = None, group: int | None = None
    ) -> dict[str, Any]:
        """等机器人发出下一条消息。

        Wait for the bot's next message: {"text", "message", "message_id", "group_id" or None,
        "user_id" or None, "action"}.

        timeout: seconds. user, group: only one that went to this person in private, or into
        this group.
        """
        __tracebackhide__ = True
        for value, name in ((user, "user"), (group, "group")):
            if value is not None:
                checked_number(value, name)
        reply = self._core.journal.take_reply(checked_seconds(timeout, "timeout"), user, group)
        if reply is None:
            raise self._failed(*self._no_reply(timeout, user, group))
        return reply

    def wait_call(
        self,
        action: str,
        /,
        timeout: float = 3,
        *,
        params: dict[str, Any] | None = None,
        **more: Any,
    ) -> dict[str, Any]:
        """等机器人调用某个动作；返回它的参数。

        Wait for a call with these parameters (others may be there too); returns all of them.

        timeout: seconds. params: parameters that cannot be written as keywords here, such as
        one named timeout. A number equals its text, and a message of segments its plain text.
        """
        __tracebackhide__ = True
        checked_action(action)
        checked_seconds(timeout, "timeout")
        wanted = {**(params or {}), **more}
        call = self._core.journal.take_call(action, timeout, wanted)
        if call is None:
            raise self._failed(*self._no_call(action, timeout, wanted))
        sent = call["params"]
        return dict(sent) if isinstance(sent, dict) else {}

    def expect_silence(self, seconds: float = 0.3) -> None:
        """确认机器人不说话，以前也没有说过没被读过的话。

        The bot sends no message within so many seconds, and has sent none that is unread.
        """
        __tracebackhide__ = True
        reply = self._core.journal.unread_reply(checked_seconds(seconds, "seconds"))
        if reply is not None:
            text, (where, there) = plain(reply["text"]), _place(reply)
            raise self._failed(
                f"机器人不该说话，却{where}说了 {text}。",
                f"The bot was to be silent, but said {text} {there}.",
            )

    def expect_no_call(
        self,
        action: str,
        /,
        seconds: float = 0.3,
        *,
        params: dict[str, Any] | None = None,
        **more: Any,
    ) -> None:
        """确认机器人不调用某个动作（带这些参数），以前也没有未读的调用。

        The bot does not call the action (with these parameters) within so many seconds, and has
        not, apart from calls and replies that were returned by a wait.
        """
        __tracebackhide__ = True
        checked_action(action)
        checked_seconds(seconds, "seconds")
        wanted = {**(params or {}), **more}
        call = self._core.journal.unread_call(action, seconds, wanted)
        if call is not None:
            sent = plain(call["params"])
            raise self._failed(
                f"机器人不该调用 {action}，却调用了，参数 {sent}。",
                f"The bot was not to call {action}, but did, with {sent}.",
            )

    def expect_error(
        self, kind: type[BaseException] = Exception, timeout: float = 3
    ) -> BaseException:
        """等处理函数出错，并返回那个错误；不等它，出错的测试会在 with 的结尾失败。

        Wait until a handler raises an error of this kind, and return it. A handler that raises
        when nobody expects it fails the test at the end of the `with Simulator(bot)`.
        """
        __tracebackhide__ = True
        if not isinstance(kind, type) or not issubclass(kind, BaseException):
            raise TypeError(
                f"expect_error 要一个错误的类，例如 ValueError，不能是 {kind!r}。"
                f" expect_error takes a class of errors such as ValueError, not {kind!r}."
            )
        seconds = checked_seconds(timeout, "timeout")
        error = self._core.journal.take_mistake(kind, seconds)
        if error is None:
            name, others = kind.__name__, self._core.journal.mistakes
            chinese, english = f"没有处理函数抛出 {name}", f"No handler raised {name}"
            if others:
                raise self._failed(f"{chinese}。", f"{english}: {others[0]}", others[0].traceback)
            raise self._failed(f"{seconds:g} 秒内{chinese}。", f"{english} within {seconds:g} s.")
        return error

    def answer(self, action: str, data: Any) -> None:
        """由测试来回答一个动作：data 是回答的数据，或由参数算出数据的函数。

        Answer an action with data of one's own, from now on.

        data: what the call returns, or a function that takes the params (a dict) and returns
        it; Failure("...") raised in it makes the call fail.
        """
        checked_action(action)
        if not callable(data):
            _checked_json(action, data)
        self._core.api.answers[action] = self._answering(action, data)

    def _answering(self, action: str, data: Any) -> Callable[[dict[str, Any]], Any]:
        def given(params: dict[str, Any]) -> Any:
            if not callable(data):
                return data
            try:
                return _checked_json(action, data(params))
            except Failure:
                raise
            except Exception as error:  # the test's own function must not look like NapCat's
                mistake = Mistake(error, f"answer({action!r})", "", f"{error!r}\n")
                self._core.journal.add_mistake(mistake)
                raise Failure(f"answer({action!r}): {error!r}") from error

        return given

    @property
    def calls(self) -> list[dict[str, Any]]:
        """机器人的每次调用，按顺序。

        Every call in order, the newest 10,000: {"action", "params", "retcode", "time",
        "transport", "connection", "frame", "cause", "notes" (what NapCat would do)}.
        """
        return self._core.journal.calls

    @property
    def frames(self) -> list[dict[str, Any]]:
        """经过线路的每一帧，按顺序；令牌已遮住。

        Every frame in order, tokens masked: {"id", "time", "transport", "direction" (to_bot or
        from_bot), "connection", "kind", "head", "text", "answers", "ms", "message_id", "cause",
        ...}.

        The cause of a call is None (the bot's own accord) or {"frame" and "message_id" of the
        event, "handler", "at" ("bot.py:28"), "ms" (from the event to the call), "probably"}.
        "probably" is True where it is a guess, since nothing told it (HTTP, other libraries).
        """
        return self._core.log.newest(self._core.log.limit)

    # what a failed expectation says

    def _no_reply(self, timeout: float, user: int | None, group: int | None) -> tuple[str, str]:
        other = self._core.journal.unread_reply()
        if other is not None:
            text, (where, there) = plain(other["text"]), _place(other)
            wanted, desired = _place({"user_id": user, "group_id": group})
            return (
                f"机器人{where}说了 {text}，不是{wanted}。",
                f"The bot said {text} {there}, not {desired}.",
            )
        return (
            f"机器人在 {timeout:g} 秒内没有回复。",
            f"The bot sent no message within {timeout:g} s.{self._mistaken()}",
        )

    def _no_call(self, action: str, timeout: float, wanted: dict[str, Any]) -> tuple[str, str]:
        calls = self._core.journal.calls_of(action)
        differing = [differences(call["params"], wanted) for call in calls]
        differing = sorted((found for found in differing if found), key=len)
        if differing:
            chinese = [
                f"{name} 是 {sent}，不是 {value}" if sent else f"没有 {name}"
                for name, sent, value in differing[0]
            ]
            english = [
                f"{name}={sent}, not {value}" if sent else f"no {name}"
                for name, sent, value in differing[0]
            ]
            return (
                f"调用 {action} 时 {'；'.join(chinese)}。",
                f"{action} was called with {'; '.join(english)}",
            )
        return (
            f"机器人在 {timeout:g} 秒内没有调用 {action}。",
            f"The bot did not call {action} within {timeout:g} s.{self._mistaken()}",
        )

    def _mistaken(self) -> str:
        mistakes = self._core.journal.mistakes
        return f" {mistakes[0]}" if mistakes else ""

    def _failed(self, chinese: str, english: str, details: str = "") -> AssertionError:
        frames = f"最近的帧 the last frames:\n{self._core.log.tail()}"
        return AssertionError(f"{chinese} {english}".strip() + f"\n{details}{frames}")

    def _unexpected(self) -> AssertionError | None:
        """What is to be said when a handler raised and nobody expected it."""
        mistakes = self._core.journal.mistakes
        if not mistakes:
            return None
        more = len(mistakes) - 1
        others = f"还有 {more} 个错误。 {more} more." if more else ""
        return self._failed(str(mistakes[0]), others, mistakes[0].traceback)


def _place(reply: dict[str, Any]) -> tuple[str, str]:
    if reply["group_id"] is not None:
        return f"在群 {reply['group_id']} 里", f"in group {reply['group_id']}"
    return f"对 {reply['user_id']} ", f"to {reply['user_id']}"


def _checked_json(action: str, data: Any) -> Any:
    try:
        encode(data)
    except (TypeError, InvalidJson) as error:
        raise ValueError(
            f"{action} 的回答不能写成 JSON：{error}。"
            f" The answer to {action} cannot be written as JSON: {error}."
        ) from None
    return data
