"""What the bot did: its calls, the messages that it sent and its errors; and waiting for them.

Where NapCat does with a call what a beginner would not expect (a face that it drops, a missing
`enable` that demotes), the call has notes: `{"zh": sentence, "en": sentence}` each. In the frame
log every note is a frame of its own, between the call and its answer: `kind` is "note", `answers`
is the id of the call's frame, `note` is that dict (None in all other frames), `text` is both
sentences. Nothing crossed the wire for it.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ..segment import plain_text
from .readable import plain
from .wire import TO_BOT, Frame, WireLog
from .world import Newest

KEPT = 10_000  # of each kind; on a page that runs for days nobody takes them


@dataclass(eq=False)
class Deed:
    """A call, or a message that was sent: the same thing seen from two sides."""

    content: dict[str, Any]
    taken: bool = False  # given out by a wait
    others: list[Deed] = field(default_factory=list)  # the messages of a call, the call of one

    @property
    def known(self) -> bool:
        """Whether a test has seen it, from either side."""
        return self.taken or any(other.taken for other in self.others)


@dataclass(eq=False)
class Mistake:
    """A handler that raised."""

    error: BaseException
    handler: str
    at: str  # bot.py:6, or nothing
    traceback: str

    def __str__(self) -> str:
        # once for both languages, since the words of the error may be long
        words = f"{type(self.error).__name__}: {self.error}"
        where = f" ({self.at})" if self.at else ""
        return f"{self.handler} 出错了：{self.handler} raised {words}{where}"


class Journal:
    def __init__(self, log: WireLog) -> None:
        self.log = log
        self._calls: deque[Deed] = deque(maxlen=KEPT)
        self._unread_calls: Newest[Deed, None] = Newest(KEPT)
        self._unread_replies: Newest[Deed, None] = Newest(KEPT)
        self._seen: list[Deed] = []  # in this step, from their other side
        self._mistakes: deque[Mistake] = deque(maxlen=100)  # those that nobody expected
        self._during = (
            threading.local()
        )  # .replies: what the call that this thread carries out said
        # guards the fields above; notified of every call, reply and error
        self._changed = threading.Condition()

    def clear(self) -> None:
        with self._changed:
            for kept in (self._calls, self._unread_calls, self._unread_replies, self._mistakes):
                kept.clear()

    def next_step(self) -> None:
        """Somebody does something: what the test has seen is over, from its other side, too.

        A test may look at a message as a reply and as a call. Once it goes on, wait_call() means
        a newer call than the one whose message wait_reply() has returned. What nobody has seen
        stays.
        """
        with self._changed:
            for deed in self._seen:
                self._unread_calls.pop(deed, None)
                self._unread_replies.pop(deed, None)
            self._seen.clear()

    def add_reply(self, reply: dict[str, Any]) -> None:
        self._said().append(Deed(reply))  # it is given out with its call

    def add_note(self, transport: str, connection: int, frame: int, note: dict[str, str]) -> None:
        """Put a note about the frame with this id into the frame log."""
        text = f"{note['zh']} {note['en']}".encode("utf-8", "replace")
        written = Frame(transport, TO_BOT, connection, "note", text, answers=frame, note=note)
        self.log.add(written)

    def add_call(self, call: dict[str, Any]) -> None:
        for note in call["notes"]:
            self.add_note(call["transport"], call["connection"], call["frame"], note)
        deed = Deed({**call, "cause": self.log.cause_of(call["frame"])}, others=self._said())
        self._during.replies = []
        with self._changed:
            for reply in deed.others:
                reply.others.append(deed)
                self._unread_replies[reply] = None
            self._calls.append(deed)
            self._unread_calls[deed] = None
            self._changed.notify_all()

    def _said(self) -> list[Deed]:
        """The messages of the call that this thread is carrying out."""
        if not hasattr(self._during, "replies"):
            self._during.replies = []
        replies: list[Deed] = self._during.replies
        return replies

    def add_mistake(self, mistake: Mistake) -> None:
        with self._changed:
            self._mistakes.append(mistake)
            self._changed.notify_all()

    @property
    def calls(self) -> list[dict[str, Any]]:
        with self._changed:
            return [dict(deed.content) for deed in self._calls]

    # waiting: each returns None, or what is wrong

    def take_reply(
        self, timeout: float, user: int | None, group: int | None
    ) -> dict[str, Any] | None:
        def wanted(reply: dict[str, Any]) -> bool:
            return user in (None, reply["user_id"]) and group in (None, reply["group_id"])

        return self._take(self._unread_replies, wanted, timeout)

    def take_call(
        self, action: str, timeout: float, params: dict[str, Any]
    ) -> dict[str, Any] | None:
        return self._take(
            self._unread_calls,
            lambda call: call["action"] == action and not differences(call["params"], params),
            timeout,
        )

    def _take(
        self, unread: Newest[Deed, None], wanted: Callable[[dict[str, Any]], bool], timeout: float
    ) -> dict[str, Any] | None:
        def found() -> Deed | None:
            return next((deed for deed in unread if wanted(deed.content)), None)

        with self._changed:
            self._changed.wait_for(found, timeout)
            deed = found()
            if deed is None:
                return None
            deed.taken = True
            del unread[deed]
            self._seen += deed.others
            return dict(deed.content)

    def unread_reply(self, timeout: float = 0) -> dict[str, Any] | None:
        """A message that nobody has taken, of the past or of the next seconds."""
        return self._unknown(self._unread_replies, lambda reply: True, timeout)

    def unread_call(
        self, action: str, timeout: float = 0, params: dict[str, Any] | None = None
    ) -> dict[str, Any] | None:
        return self._unknown(
            self._unread_calls,
            lambda call: call["action"] == action and not differences(call["params"], params or {}),
            timeout,
        )

    def _unknown(
        self, unread: Newest[Deed, None], wanted: Callable[[dict[str, Any]], bool], timeout: float
    ) -> dict[str, Any] | None:
        def found() -> Deed | None:
            return next((d for d in unread if not d.known and wanted(d.content)), None)

        with self._changed:
            self._changed.wait_for(found, timeout)
            deed = found()
            return dict(deed.content) if deed else None

    def calls_of(self, action: str) -> list[dict[str, Any]]:
        """The calls of an action that nobody has taken."""
        with self._changed:
            return [d.content for d in self._unread_calls if d.content["action"] == action]

    # errors of handlers

    @property
    def mistakes(self) -> list[Mistake]:
        with self._changed:
            return list(self._mistakes)

    def take_mistake(self, kind: type[BaseException], timeout: float) -> BaseException | None:
        def found() -> Mistake | None:
            return next((m for m in self._mistakes if isinstance(m.error, kind)), None)

        with self._changed:
            self._changed.wait_for(found, timeout)
            mistake = found()
            if mistake is None:
                return None
            self._mistakes.remove(mistake)
            return mistake.error


def differences(sent: Any, wanted: dict[str, Any]) -> list[tuple[str, str, str]]:
    """What differs in the parameters of a call: name, what was sent, what was wanted."""
    given = sent if isinstance(sent, dict) else {}
    return [
        (name, plain(given[name]) if name in given else "", plain(value))
        for name, value in wanted.items()
        if name not in given or not _same(given[name], value)
    ]


def _same(sent: Any, wanted: Any) -> bool:
    if type(sent) is type(wanted) or isinstance(sent, bool) or isinstance(wanted, bool):
        return bool(sent == wanted)
    if isinstance(sent, list) and isinstance(wanted, str):  # a message of segments
        try:
            return plain_text(sent) == wanted
        except TypeError:
            return False
    # ids may come as numbers or as strings
    return bool(sent == wanted) or str(sent) == str(wanted)
