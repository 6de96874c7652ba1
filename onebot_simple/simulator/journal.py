"""What the bot did: its calls and the messages that it sent, and waiting for the next.

Where NapCat does with a call what a beginner would not expect (a face that it drops, a missing
`enable` that demotes), the call has notes: `{"zh": sentence, "en": sentence}` each. In the frame
log every note is a frame of its own, between the call and its answer: `kind` is "note", `answers`
is the id of the call's frame, `note` is that dict (None in all other frames), `text` is both
sentences. Nothing crossed the wire for it.
"""

from __future__ import annotations

import threading
from typing import Any

from .wire import TO_BOT, Frame, WireLog


class Journal:
    def __init__(self, log: WireLog) -> None:
        self._log = log
        self.calls: list[dict[str, Any]] = []
        self.replies: list[dict[str, Any]] = []
        self._next_reply = 0  # replies before this were returned, or came before the last send
        self._next_call = 0  # calls before this came before the last send
        self._returned_calls: set[int] = set()
        # guards the fields above; notified of every call and reply
        self._changed = threading.Condition()

    def mark(self) -> None:
        """From here on the waits look; taken before the event leaves, for bots are fast."""
        with self._changed:
            self._next_reply = len(self.replies)
            self._next_call = len(self.calls)
            self._returned_calls.clear()

    def add_note(self, transport: str, connection: int, frame: int, note: dict[str, str]) -> None:
        """Put a note about the frame with this id into the frame log."""
        text = f"{note['zh']} {note['en']}".encode()
        written = Frame(transport, TO_BOT, connection, "note", text, answers=frame, note=note)
        self._log.add(written)

    def add_call(self, call: dict[str, Any]) -> None:
        for note in call["notes"]:
            self.add_note(call["transport"], call["connection"], call["frame"], note)
        with self._changed:
            self.calls.append(call)
            self._changed.notify_all()

    def add_reply(self, reply: dict[str, Any]) -> None:
        with self._changed:
            self.replies.append(reply)
            self._changed.notify_all()

    def wait_reply(self, timeout: float) -> dict[str, Any]:
        with self._changed:
            came = self._changed.wait_for(lambda: len(self.replies) > self._next_reply, timeout)
            if came:
                self._next_reply += 1
                return dict(self.replies[self._next_reply - 1])
        raise AssertionError(
            f"the bot sent no message within {timeout} s. 机器人没有回复。\n" + self._log.tail()
        )

    def wait_call(self, action: str, timeout: float, wanted: dict[str, Any]) -> dict[str, Any]:
        with self._changed:
            self._changed.wait_for(lambda: self._find(action, wanted) is not None, timeout)
            found = self._find(action, wanted)
            if found is not None:
                self._returned_calls.add(found)
                return dict(self.calls[found]["params"])
        details = "".join(f", {name}={value!r}" for name, value in wanted.items())
        raise AssertionError(
            f"the bot did not call {action}{details} within {timeout} s. 机器人没有调用它。\n"
            + self._log.tail()
        )

    def _find(self, action: str, wanted: dict[str, Any]) -> int | None:
        for index in range(self._next_call, len(self.calls)):
            call = self.calls[index]
            if index not in self._returned_calls and call["action"] == action:
                params = call["params"] if isinstance(call["params"], dict) else {}
                if all(_same(params.get(name), value) for name, value in wanted.items()):
                    return index
        return None

    def expect_silence(self, seconds: float) -> None:
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.replies) > self._next_reply, seconds):
                return
            text = self.replies[self._next_reply]["text"]
        raise AssertionError(
            f"expected silence, but the bot sent {text!r}. 机器人不该说话。\n" + self._log.tail()
        )

    def copy_of_calls(self) -> list[dict[str, Any]]:
        with self._changed:
            return [dict(call) for call in self.calls]


def _same(sent: Any, wanted: Any) -> bool:
    # ids may come as numbers or as strings
    return bool(sent == wanted) or (type(sent) in (int, str) and str(sent) == str(wanted))
