"""A conversation of the page as a pytest function, which runs against the simulator."""

from __future__ import annotations

import builtins
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..segment import plain_text
from ..simulator.world import BOT, GROUP

Item = dict[str, Any]
Call = dict[str, Any]
CHANGING = ("message_id", "flag", "file", "message", "messages", "echo")  # other in every run
MADE = re.compile(r"^(\w+)\s*(?::[^=\n]+)?=\s*(?:WsClient|WsServer|EventServer)\(", re.MULTILINE)
MAX_DATA = 2_000  # characters of a segment's value: more than that is a file


def as_test(file: Path, items: list[Item], calls: list[Call], names: dict[int, str]) -> str:
    """The source of a test: who said what, and what the bot answered and called, in order.

    items: of one chat. calls: of the same chat, without those that sent a message. names: the
    nicknames of people that a fresh simulator does not know.
    """
    source = file.read_text(encoding="utf-8", errors="replace")
    steps = sorted(
        [(item["time"], item) for item in items] + [(call["time"], call) for call in calls],
        key=lambda step: step[0],
    )
    script = _Script([step for _, step in steps], names)
    body = "\n".join(f"        {line}" for line in script.lines) or "        pass"
    title = re.sub(r"\W", "_", file.stem).strip("_") or "bot"
    head = "\n".join(_imports(file, source))
    hint = f"# 存在 {file.name} 旁边 save it beside: test_{title}.py   运行 run: python -m pytest"
    return f"{hint}\n{head}\n\n\ndef test_{title}():\n    with Simulator(bot) as qq:\n{body}\n"


def _imports(file: Path, source: str) -> Iterable[str]:
    found = MADE.search(source)
    bot = found[1] if found else "bot"
    runs = re.search(rf"^{bot}\s*\.\s*run\(", source, re.MULTILINE)
    ours = file.name == "echo_bot.py" and file.parent == Path(__file__).parent
    importable = ours or file.stem.isidentifier()
    if not importable:
        yield "import runpy\nfrom pathlib import Path\n"
    if runs:
        yield "import onebot_simple"
    yield "from onebot_simple.simulator import Simulator"
    if runs:
        yield (
            f"\n# {file.name} 的末尾是 {bot}.run()，导入时不能停在那里。"
            " It ends in run(), and an import must not wait there."
            "\n# 更好的是在那里写 better write there, instead of these lines:"
            f'\n# if __name__ == "__main__":\n#     {bot}.run()'
            "\nfor kind in (onebot_simple.WsClient, onebot_simple.WsServer,"
            " onebot_simple.EventServer):\n    kind.run = lambda self: None"
        )
    if not importable:
        yield f'bot = runpy.run_path(str(Path(__file__).with_name("{file.name}")))["{bot}"]'
    else:
        module = "onebot_simple.playground.echo_bot" if ours else file.stem
        late = "  # noqa: E402" if runs else ""
        yield f"from {module} import {bot}{'' if bot == 'bot' else ' as bot'}{late}"


class _Script:
    """The lines inside the `with`."""

    def __init__(self, steps: list[dict[str, Any]], names: dict[int, str]) -> None:
        self.lines: list[str] = []
        self._names = names
        self._quoted = {_quoted(step) for step in steps} | {_recalled(step) for step in steps}
        self._variables: dict[int, str] = {}  # by message_id: who says it later needs it
        self._asked: set[int] = set()  # who asked to be let in
        for user in _speakers(steps):
            if user in names:
                self.lines.append(f"qq.add_person({user}, {names[user]!r})")
        for step in steps:
            self._add(step)

    def _add(self, step: dict[str, Any]) -> None:
        if "action" in step and "params" in step:
            self._called(step)
        elif step["kind"] == "message" and step["user_id"] == BOT:
            self._answered(step)
        elif step["kind"] == "message":
            self._said(step)
        elif step["kind"] == "request":
            self._asks(step["event"])
        elif step["kind"] == "notice":
            self._noticed(step["event"])
        elif step["kind"] == "error":
            kind = step["error"]["type"]
            self.lines.append(f"qq.expect_error({kind if hasattr(builtins, kind) else ''})")

    def _keep(self, message_id: int, line: str) -> str:
        """A message that is spoken of later gets a name."""
        if message_id not in self._quoted:
            return line
        self._variables[message_id] = name = f"message{len(self._variables) + 1}"
        return f"{name} = {line}"

    def _said(self, item: Item) -> None:
        quoted = self._variables.get(_quoted(item) or 0)
        parts = [part for part in item["segments"] if not (quoted and part["type"] == "reply")]
        at_bot = ""
        if len(parts) > 1 and parts[0] == {"type": "at", "data": {"qq": str(BOT)}}:
            at_bot, parts = ", at_bot=True", parts[1:]
        words: Any = [_literal(part) for part in parts]
        if all(part["type"] == "text" for part in parts):
            words = "".join(part["data"]["text"] for part in parts)
        reply = f', reply_to={quoted}["message_id"]' if quoted else ""
        where, chat = ("group", item["chat"][1:]) if item["chat"][0] == "g" else ("private", "")
        group = f", group={chat}" if chat and int(chat) != GROUP else ""
        call = f"qq.send_{where}({words!r}, user={item['user_id']}{group}{at_bot}{reply})"
        self.lines.append(self._keep(item["message_id"], call))

    def _answered(self, item: Item) -> None:
        text = plain_text([part for part in item["segments"] if part["type"] != "reply"])
        where = f"{'group' if item['chat'][0] == 'g' else 'user'}={item['chat'][1:]}"
        call = self._keep(item["message_id"], f"qq.wait_reply({where})")
        if call.startswith("qq."):
            self.lines.append(f'assert {call}["text"] == {text!r}')
        else:
            self.lines += [call, f'assert {call.partition(" ")[0]}["text"] == {text!r}']

    def _called(self, call: Call) -> None:
        params = call["params"] if isinstance(call["params"], dict) else {}
        kept = {
            name: value
            for name, value in params.items()
            if name not in CHANGING and isinstance(value, str | int | float | bool)
        }
        more = f", params={kept!r}" if kept else ""
        self.lines.append(f"qq.wait_call({call['action']!r}{more})")

    def _asks(self, event: dict[str, Any]) -> None:
        user, comment = event["user_id"], event["comment"]
        self._asked.add(user)
        name = f", nickname={self._names[user]!r}" if user in self._names else ""
        if event["request_type"] == "friend":
            self.lines.append(f"qq.friend_request({user}, {comment!r}{name})")
        else:
            details = f"{user}, {comment!r}, {event['sub_type']!r}, {event['group_id']}{name}"
            self.lines.append(f"qq.group_request({details})")

    def _noticed(self, event: dict[str, Any]) -> None:
        kind, user = event["notice_type"], event.get("user_id")
        group = event.get("group_id")
        if kind == "notify" and event.get("sub_type") == "poke" and user != BOT:
            where = "" if group == GROUP else f", group={group}"
            self.lines.append(f"qq.poke({user}, {event['target_id']}{where})")
        elif kind == "group_increase" and user not in self._asked and user != BOT:
            name = f", {self._names[user]!r}" if user in self._names else ""
            self.lines.append(f"qq.join({user}{name}, group={group})")
        elif kind == "group_decrease" and event.get("sub_type") == "leave" and user != BOT:
            self.lines.append(f"qq.leave({user}, group={group})")
        elif kind in ("group_recall", "friend_recall") and event.get("operator_id", user) != BOT:
            said = self._variables.get(event["message_id"])
            operator = event.get("operator_id")
            by = f", {operator}" if operator and operator != user else ""
            if said:
                self.lines.append(f'qq.recall({said}["message_id"]{by})')


def _quoted(step: dict[str, Any]) -> int | None:
    """The message that this one answers."""
    for part in step.get("segments", ()):
        if part["type"] == "reply" and str(part["data"].get("id", "")).lstrip("-").isdigit():
            return int(part["data"]["id"])
    return None


def _recalled(step: dict[str, Any]) -> int | None:
    return step["event"].get("message_id") if step.get("kind") == "notice" else None


def _speakers(steps: list[dict[str, Any]]) -> list[int]:
    """Who says or does something without having come or asked before."""
    came: list[int] = []
    found: list[int] = []
    for step in steps:
        event = step.get("event", {})
        user = event.get("user_id") or step.get("user_id")
        if step.get("kind") == "request" or event.get("notice_type") == "group_increase":
            came.append(user or 0)
        elif user and user not in came and user not in found:
            found.append(user)
    return found


def _literal(segment: dict[str, Any]) -> dict[str, Any]:
    """A segment as it was said; of a file nothing but its name is of use."""
    data = {
        name: value
        for name, value in segment["data"].items()
        if name not in ("url", "file_size") and len(str(value)) <= MAX_DATA
    }
    return {"type": segment["type"], "data": data}
