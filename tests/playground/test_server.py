"""The page's server: who may come in, and what it hands out."""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any

import pytest
from websocket import create_connection

from onebot_simple.playground.bot_process import BotProcess
from onebot_simple.playground.deeds import Deeds
from onebot_simple.playground.feed import Feed
from onebot_simple.playground.page_server import PageServer
from onebot_simple.simulator import Simulator

from ..peers import wait_until

PAGE = Path(__file__).parents[2] / "onebot_simple" / "playground" / "page"
HELLO = {
    "chat": "p20001",
    "user": 20001,
    "message": [{"type": "text", "data": {"text": "你好"}}],
}


class Visitor:
    """Sends what it is told to, as no browser would."""

    def __init__(self, simulator: Simulator, server: PageServer) -> None:
        self.simulator = simulator
        self.port = server.port
        self.link = server.link
        self.token = server.link.partition("token=")[2]
        self.origin = f"http://127.0.0.1:{self.port}"
        self.cookie = f"playground_{self.port}={self.token}"

    def ask(self, method: str, path: str, /, **headers: str | None) -> HTTPResponse:
        """Header names with _ for -; None leaves one out. "body" is the body."""
        body = headers.pop("body", None) or ""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=5)
        connection.putrequest(method, path, skip_host=True)
        for name, value in {"Host": f"127.0.0.1:{self.port}", **headers}.items():
            if value is not None:
                connection.putheader(name.replace("_", "-"), value)
        if method == "POST":
            connection.putheader("Content-Length", str(len(body.encode())))
        connection.endheaders(body.encode())
        return connection.getresponse()

    def do(self, name: str, wanted: Any, **headers: str | None) -> tuple[int, str]:
        """As the page does it, but for these headers."""
        usual: dict[str, str | None] = {
            "Origin": self.origin,
            "Content_Type": "application/json",
            "Cookie": self.cookie,
        }
        with self.ask(
            "POST", f"/do/{name}", body=json.dumps(wanted), **{**usual, **headers}
        ) as answer:
            return answer.status, answer.read().decode()

    def get_log(self) -> list[str]:
        return self.get("/log.jsonl", Cookie=self.cookie)[1].splitlines()

    def get(self, path: str, **headers: str | None) -> tuple[int, str]:
        with self.ask("GET", path, **headers) as answer:
            return answer.status, answer.read().decode()


@pytest.fixture
def visitor() -> Iterator[Visitor]:
    with Simulator() as simulator:
        bot = BotProcess(None, {}, print)
        feed = Feed(simulator, bot, False)
        server = PageServer(feed, Deeds(simulator, feed, bot), 0)
        server.start()
        yield Visitor(simulator, server)
        server.stop()


def test_the_link_opens_the_page_and_leaves_a_cookie_that_scripts_cannot_read(
    visitor: Visitor,
) -> None:
    with visitor.ask("GET", "/?token=" + visitor.token) as answer:
        assert answer.status == 200
        cookie = answer.headers["Set-Cookie"]
        assert "HttpOnly" in cookie and "SameSite=Strict" in cookie
        assert cookie.startswith(visitor.cookie)
    assert visitor.get("/", Cookie=visitor.cookie)[0] == 200


@pytest.mark.parametrize("path", ["/?token={}", "/script.js", "/missing", "/events"])
def test_every_answer_carries_the_headers_that_keep_others_out(visitor: Visitor, path: str) -> None:
    with visitor.ask("GET", path.format(visitor.token)) as answer:
        policy = answer.headers["Content-Security-Policy"]
        for rule in (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self'",
            "connect-src 'self'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
            "form-action 'none'",
        ):
            assert rule in policy.split("; ")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "path", ["/", "/?token=wrong", "/?token=", "/events", "/log.jsonl", "/file/1"]
)
def test_without_the_token_there_is_nothing_but_a_hint(visitor: Visitor, path: str) -> None:
    status, text = visitor.get(path, Cookie="playground_1=x")
    assert status == 403
    assert "链接" in text


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "evil.example:8000", "", None])
@pytest.mark.parametrize("path", ["/", "/script.js", "/events"])
def test_another_host_is_refused(visitor: Visitor, path: str, host: str | None) -> None:
    assert visitor.get(path, Host=host, Cookie=visitor.cookie)[0] in (400, 403)


def test_localhost_is_the_same_machine(visitor: Visitor) -> None:
    name = f"localhost:{visitor.port}"
    assert visitor.get("/", Host=name, Cookie=visitor.cookie)[0] == 200
    assert visitor.do("say", HELLO, Host=name, Origin=f"http://{name}")[0] == 200


@pytest.mark.parametrize(
    "origin", [None, "null", "http://evil.example", "http://127.0.0.1", "https://127.0.0.1:{port}"]
)
def test_only_our_exact_origin_may_write(visitor: Visitor, origin: str | None) -> None:
    given = origin and origin.format(port=visitor.port)
    assert visitor.do("say", HELLO, Origin=given)[0] == 403
    assert not visitor.simulator.world.messages


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded"])
def test_what_a_foreign_form_could_send_is_no_way_to_write(
    visitor: Visitor, kind: str | None
) -> None:
    assert visitor.do("say", HELLO, Content_Type=kind)[0] == 415
    assert not visitor.simulator.world.messages


@pytest.mark.parametrize("cookie", [None, "playground_{port}=wrong", "other={token}"])
def test_a_write_needs_the_token(visitor: Visitor, cookie: str | None) -> None:
    given = cookie and cookie.format(port=visitor.port, token=visitor.token)
    assert visitor.do("say", HELLO, Cookie=given)[0] == 403
    assert visitor.do(f"say?token={visitor.token}", HELLO, Cookie=None)[0] == 403
    assert not visitor.simulator.world.messages


def test_the_page_itself_may_write(visitor: Visitor) -> None:
    assert visitor.do("say", HELLO)[0] == 200
    [message] = visitor.simulator.world.messages.values()
    assert message.segments == [{"type": "text", "data": {"text": "你好"}}]


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("say", {**HELLO, "chat": "x1"}),
        ("say", {**HELLO, "user": "nobody"}),
        ("say", {**HELLO, "user": 99999, "chat": "g30001"}),
        ("say", {**HELLO, "message": []}),
        ("say", {**HELLO, "message": [{"type": "node", "data": {}}]}),
        ("say", {**HELLO, "message": [{"type": "image", "data": {"file": "/etc/passwd"}}]}),
        ("say", {**HELLO, "message": "text"}),
        ("say", {"chat": "p20001"}),
        ("recall", {"message_id": 5}),
        ("leave", {"chat": "g30001", "user": 10001}),
        ("ban", {"chat": "g30001", "user": 20002, "operator": 20003, "on": True}),
    ],
)
def test_what_cannot_be_done_is_answered_with_the_reason(
    visitor: Visitor, name: str, wanted: dict[str, Any]
) -> None:
    status, text = visitor.do(name, wanted)
    assert status in (200, 400)
    assert json.loads(text)["error"]


@pytest.mark.parametrize("name", ["_next_user", "_bot", "__init__", "__eq__", "missing"])
def test_only_deeds_can_be_asked_for(visitor: Visitor, name: str) -> None:
    status, text = visitor.do(name, {})
    assert status == 400
    assert "There is no such deed." in text


@pytest.mark.parametrize("body", ["[1, 2]", "5", "", "{", "[" * 100_000, "\x00", "NaN"])
def test_a_body_that_is_no_object_is_refused(visitor: Visitor, body: str) -> None:
    usual = {"Origin": visitor.origin, "Content_Type": "application/json"}
    with visitor.ask("POST", "/do/say", body=body, Cookie=visitor.cookie, **usual) as answer:
        assert answer.status == 400


@pytest.mark.parametrize("path", ["/wire.py", "/../setup.cfg", "/%2e%2e/wire.py", "/do/say"])
def test_only_the_files_of_the_page_are_handed_out(visitor: Visitor, path: str) -> None:
    assert visitor.get(path, Cookie=visitor.cookie)[0] in (404, 405)


def updates(answer: HTTPResponse) -> Iterator[tuple[str, dict[str, Any]]]:
    """The id and the data of each event of the stream."""
    number = ""
    while line := answer.readline().decode().strip("\n"):
        if line.startswith("id: "):
            number = line[4:]
        elif line.startswith("data: "):
            yield number, json.loads(line[6:])
            assert answer.readline() == b"\n"


def test_the_stream_goes_on_where_the_last_one_ended(visitor: Visitor) -> None:
    visitor.do("say", HELLO)
    with visitor.ask("GET", "/events", Cookie=visitor.cookie) as answer:
        number, update = next(updates(answer))
        assert [item["segments"][0]["data"]["text"] for item in update["items"]] == ["你好"]
        assert update["state"]["lamps"]["ws"]["connected"] is False
    visitor.do("poke", {"chat": "p20001", "user": 20001})
    with visitor.ask("GET", "/events", Cookie=visitor.cookie, Last_Event_ID=number) as answer:
        _, update = next(updates(answer))
        assert [item["kind"] for item in update["items"]] == ["notice"]


@pytest.mark.parametrize("number", ["x", "1", "1.2.3", "a.1.2.3", "-1.5", "9e9.1", "²."])
def test_a_strange_last_event_id_means_everything(visitor: Visitor, number: str) -> None:
    visitor.do("say", HELLO)
    given = number.encode().decode("latin-1")
    with visitor.ask("GET", "/events", Cookie=visitor.cookie, Last_Event_ID=given) as answer:
        assert len(next(updates(answer))[1]["items"]) == 1


DOT = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8"
    "z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
)


def send_file(visitor: Visitor, kind: str, content: bytes, name: str = "") -> str:
    """The path under which the page finds it."""
    source = f"data:;base64,{b64encode(content).decode()}"
    if kind == "image":
        source = source.replace("data:", "data:image/png")
    part = {"type": kind, "data": {"file": source, "name": name or "x"}}
    assert visitor.do("say", {**HELLO, "message": [part]})[0] == 200
    with visitor.ask("GET", "/events", Cookie=visitor.cookie) as answer:
        return str(next(updates(answer))[1]["items"][-1]["segments"][0]["shown"])


def test_a_picture_of_any_size_is_served_by_the_page_itself(visitor: Visitor) -> None:
    for content in (b64decode(DOT), b64decode(DOT) + bytes(5_000_000)):
        path = send_file(visitor, "image", content)
        with visitor.ask("GET", path, Cookie=visitor.cookie) as answer:
            assert answer.headers["Content-Type"] == "image/png"
            assert answer.read() == content


def test_there_is_no_test_of_a_chat_in_which_nothing_has_happened(visitor: Visitor) -> None:
    _, answer = visitor.do("as_test", {"chat": "p20001"})
    assert "say something first" in json.loads(answer)["error"]
    visitor.do("say", HELLO)
    assert "send_private" in json.loads(visitor.do("as_test", {"chat": "p20001"})[1])["result"]


def test_the_files_of_messages_are_for_the_page_only(visitor: Visitor) -> None:
    path = send_file(visitor, "image", b64decode(DOT))
    assert visitor.get(path)[0] == 403
    assert visitor.get(path, Cookie=visitor.cookie, Host="evil.example")[0] == 403
    assert visitor.get("/file/missing", Cookie=visitor.cookie)[0] == 404


def test_a_file_that_could_be_a_page_is_only_downloaded(visitor: Visitor) -> None:
    path = send_file(visitor, "file", b"<script>alert(1)</script>", "页面.html")
    with visitor.ask("GET", path, Cookie=visitor.cookie) as answer:
        assert answer.headers["Content-Type"] == "application/octet-stream"
        assert answer.headers["Content-Disposition"].startswith("attachment")


def test_the_saved_log_is_replayed_as_it_was_and_holds_no_token(visitor: Visitor) -> None:
    url = visitor.simulator.ws_url + "/?access_token=geheim"
    socket = create_connection(url, suppress_origin=True, timeout=5)
    try:
        assert "lifecycle" in str(socket.recv())
        visitor.do("say", HELLO)
        wait_until(lambda: '"raw_message": "你好"' in visitor.get_log()[-1])
    finally:
        socket.close()
    lines = visitor.get_log()
    assert "geheim" not in "".join(lines)
    assert {json.loads(line)["direction"] for line in lines} == {"in"}
    events = visitor.simulator.replay_lines(lines)
    assert [event["post_type"] for event in events] == ["meta_event", "message"]


def test_the_page_is_small_and_stands_alone() -> None:
    files = sorted(PAGE.iterdir())
    assert sum(file.stat().st_size for file in files) < 150 * 1024
    for file in files:
        text = file.read_text(encoding="utf-8")
        assert "//" not in re.sub(r"(^|\s)// .*", "", text), file.name
        for dangerous in ("innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval("):
            assert dangerous not in text, file.name


def test_every_word_that_the_page_asks_for_is_in_the_dictionary() -> None:
    words = set(re.findall(r'^\t"?([\w.]+)"?: \["', (PAGE / "words.js").read_text("utf-8"), re.M))
    asked = set(re.findall(r'data-[tlhp]="(\w+)"', (PAGE / "index.html").read_text("utf-8")))
    for file in PAGE.glob("*.js"):
        asked |= set(re.findall(r'\bt\("(\w+)"', file.read_text("utf-8")))
    assert asked and asked <= words


def test_the_modules_of_the_page_import_each_other_without_a_circle() -> None:
    imports = {
        file.name: set(re.findall(r'from "\./([\w.]+)"', file.read_text("utf-8")))
        for file in PAGE.glob("*.js")
    }
    while free := [name for name, needed in imports.items() if not needed & imports.keys()]:
        for name in free:
            del imports[name]
    assert not imports
