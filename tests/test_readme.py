"""What the README says is so: its programs run, its commands are ones, its tables are whole."""

from __future__ import annotations

import configparser
import inspect
import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import requests
import trustme
from websocket import create_connection

import onebot_simple
from onebot_simple import EventServer, HttpClient, WsClient, WsServer, segment, simulator
from onebot_simple.__main__ import _parser, main
from onebot_simple.simulator import Simulator

from .peers import message, text_of, wait_until
from .test_examples import free_port

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
CHINESE, _, ENGLISH = README.partition("\n# English\n")


def fenced(language: str, text: str = README) -> list[str]:
    fences = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.S | re.M)
    return [content for name, content in fences if name == language]


BLOCKS = fenced("python", CHINESE)


def test_both_languages_show_the_same_programs() -> None:
    assert fenced("python", ENGLISH) == BLOCKS


# -- the programs -----------------------------------------------------------------------------


@pytest.fixture
def qq() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator


def at_home(source: str, qq: Simulator) -> str:
    """The program, dialling the simulator in place of NapCat's usual ports."""
    return source.replace("ws://127.0.0.1:3001", qq.ws_url).replace(
        "http://127.0.0.1:3000", qq.http_url
    )


@contextmanager
def running(source: str, qq: Simulator) -> Iterator[None]:
    """The program on a thread of its own, connected to the simulator."""
    names: dict[str, Any] = {"__name__": "__main__"}
    code = compile(at_home(source, qq), "README.md", "exec")
    thread = threading.Thread(target=exec, args=(code, names), daemon=True)
    thread.start()
    try:
        qq.wait_connected(5)
        yield
    finally:
        names["bot"].stop()
        thread.join(5)
    assert not thread.is_alive()


def the_first_bot(source: str, qq: Simulator) -> None:
    assert len(list(filter(None, source.splitlines()))) < 10
    with running(source, qq):
        qq.send_private("/hello")
        assert qq.wait_reply()["text"] == "你叫什么名字？ Your name?"
        qq.send_private("Alice")
        assert qq.wait_reply()["text"] == "你好 Hello, Alice!"


def the_bot_of_the_first_steps(source: str, qq: Simulator) -> None:
    with running(source, qq):
        qq.send_private("/add 1 2 3")
        assert qq.wait_reply()["text"] == "6"
        qq.send_private("/add x")
        assert qq.wait_reply()["text"] == "echo: /add x"


def the_test_of_the_first_steps(source: str, qq: Simulator) -> None:
    folder = Path.cwd()
    [bot] = [block for block in BLOCKS if block.startswith("# bot.py")]
    for name, text in (("bot.py", bot), ("test_bot.py", source)):
        text = text.replace("3001", str(free_port_of(qq)))
        (folder / name).write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"]
    run = subprocess.run(command, capture_output=True, encoding="utf-8", cwd=folder)
    assert "2 passed" in run.stdout, run.stdout + run.stderr


def free_port_of(qq: Simulator, found: list[int] = []) -> int:  # noqa: B006 (one for both files)
    found += [] if found else [free_port()]
    return found[0]


def test_the_lesson_on_tests_needs_no_more_than_pytest() -> None:
    command = [sys.executable, "-m", "pytest", "-p", "no:timeout", "examples/16_test_a_bot.py"]
    run = subprocess.run(command, capture_output=True, encoding="utf-8", cwd=ROOT)
    assert run.returncode == 0, run.stdout + run.stderr


def the_calls(source: str, qq: Simulator) -> None:
    path = Path("calls.py")
    path.write_text(at_home(source, qq), encoding="utf-8")
    run = subprocess.run(
        [sys.executable, str(path)],
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONUTF8": "1"},
    )
    assert run.returncode == 0, run.stderr
    assert "'status': 'ok', 'retcode': 0, 'data': {'message_id': " in run.stdout
    assert "get_msg failed with retcode" in run.stdout
    names = [call["action"] for call in qq.calls]
    assert names == ["send_private_msg", "send_private_msg", "delete_msg", "send_like", "get_msg"]


def the_conversation(source: str, qq: Simulator) -> None:
    with running(source, qq):
        qq.send_group("/order", user=20002)
        assert qq.wait_reply()["text"] == "想吃什么？ What to eat?"
        qq.send_group("面", user=20002)
        assert qq.wait_reply()["text"] == "大份还是小份？ Large or small?"
        qq.send_group("大份", user=20002)
        assert qq.wait_reply()["text"] == "大份 面，马上来！ Coming!"


def the_segments(source: str, qq: Simulator) -> None:
    Path("card.png").write_bytes(b"\x89PNG not much of a picture")
    with running(source, qq):
        qq.send_group("/card", user=20003)
        kinds = [part["type"] for part in qq.wait_reply()["message"]]
        assert kinds == ["at", "text", "image"]
        said = qq.send_group([segment.image(b"x"), segment.image(b"y")], user=20003)["message_id"]
        reply = qq.wait_reply()
        assert reply["text"] == "2 张图片 pictures"
        assert reply["message"][0] == {"type": "reply", "data": {"id": str(said)}}


def the_files(source: str, qq: Simulator) -> None:
    Path("lesson.mp4").write_bytes(bytes(300_000))
    with running(source, qq):
        qq.send_private("/video")
        [part] = qq.wait_reply()["message"]
        assert (part["type"], part["data"]["file_size"]) == ("file", "300000")
        qq.send_private(segment.file(b"homework", name="homework.txt"))
        assert qq.wait_reply()["text"] == "saved: homework.txt"
        assert Path("downloads/homework.txt").read_bytes() == b"homework"


def the_types(source: str, qq: Simulator) -> None:
    with running(source, qq):
        qq.send_group("hi", user=20002)
        assert qq.wait_reply()["text"] == "你是 You are Bob"
        qq.join(20004)
        assert qq.wait_reply()["text"] == "欢迎 Welcome, 20004!"


def the_simulator(source: str, qq: Simulator) -> None:
    exec(compile(source, "README.md", "exec"), {})


PROGRAMS: dict[str, Callable[[str, Simulator], None]] = {
    '你好 Hello, {name}!"\n\n\nbot.run()': the_first_bot,
    "# bot.py": the_bot_of_the_first_steps,
    "# test_bot.py": the_test_of_the_first_steps,
    "client.request(": the_calls,
    "WaitTimeout": the_conversation,
    "card.png": the_segments,
    "upload_file": the_files,
    "onebot_simple.typed": the_types,
    'Simulator(access_token="t")': the_simulator,
}


@pytest.mark.parametrize("marker", PROGRAMS, ids=[run.__name__ for run in PROGRAMS.values()])
def test_a_program_does_what_it_shows(
    marker: str, qq: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    [source] = [block for block in BLOCKS if marker in block]
    PROGRAMS[marker](source, qq)


def test_no_program_is_left_out() -> None:
    for block in BLOCKS:
        assert sum(marker in block for marker in PROGRAMS) == 1, block


# -- commands and configurations --------------------------------------------------------------


def commands() -> list[str]:
    lines = [line for block in fenced("") for line in block.splitlines()]
    lines += re.findall(r"`(python -m onebot_simple [^`]+)`", README)
    return sorted({line for line in lines if line.startswith("python ")})


def test_each_command_is_one() -> None:
    by_hand = {"python -m pip install .", 'python -m pip install -e ".[test]" && python -m pytest'}
    found = commands()
    assert by_hand <= set(found)
    assert {shlex.split(line)[3] for line in found if "onebot_simple" in line} == {
        "playground",
        "doctor",
        "call",
        "listen",
    }
    for line in set(found) - by_hand:
        _parser().parse_args(shlex.split(line)[3:])  # ends the test when it is badly asked


def test_the_calls_of_the_command_line_are_answered(
    qq: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONEBOT_URL", qq.http_url)
    calls = [line for line in commands() if " call " in line]
    assert len(calls) >= 2
    for line in calls:
        assert main(shlex.split(at_home(line, qq))[3:]) == 0, line


def test_the_doctor_says_what_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    [shown] = fenced("text")
    with Simulator(access_token="right") as qq:
        assert main(["doctor", qq.ws_url, "--token", "TOKEN"]) == 1
        port = qq.ws_url.rpartition(":")[2]
    assert capsys.readouterr().out == shown.replace("3001", port)


def test_the_systemd_unit_is_one() -> None:
    [unit] = fenced("ini")
    parsed = configparser.ConfigParser()
    parsed.optionxform = str  # type: ignore[assignment,method-assign]
    parsed.read_string(unit)
    assert parsed["Service"]["ExecStart"].endswith("python bot.py")


@pytest.mark.skipif(os.name == "nt", reason="gunicorn is not for Windows")
def test_gunicorn_serves_with_many_processes(qq: Simulator) -> None:
    [block] = fenced("sh")
    install, start = block.splitlines()
    assert install == "python -m pip install gunicorn"
    port = free_port()
    command = shlex.split(start.replace("8080", str(port)))
    with subprocess.Popen(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        env={**os.environ, "ONEBOT_URL": qq.http_url},
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            qq.post_to(f"http://127.0.0.1:{port}/")
            qq.wait_connected(20)
            for number in range(20):
                qq.send_private(f"{number}")
                assert qq.wait_reply(20)["text"] == f"echo: {number}"
        finally:
            process.terminate()


PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"])


class Proxy:
    """nginx or Caddy with the README's configuration, before a server of ours."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        authority = trustme.CA()
        self.authority = folder / "ca.pem"
        authority.cert_pem.write_to_path(str(self.authority))
        certificate = authority.issue_cert("localhost")
        self.pem, self.key = folder / "site.pem", folder / "site.key"
        certificate.cert_chain_pems[0].write_to_path(str(self.pem))
        certificate.private_key_pem.write_to_path(str(self.key))

    def nginx(self, backend: int) -> list[str]:
        [site] = fenced("nginx")
        site = site.replace("443", f"127.0.0.1:{self.port}").replace("8765", str(backend))
        site = site.replace("/etc/ssl/bot.example.com.pem", str(self.pem))
        site = site.replace("/etc/ssl/bot.example.com.key", str(self.key))
        paths = "".join(
            f"{kind}_temp_path {self.folder}/{kind};"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        config = self.folder / "nginx.conf"
        config.write_text(
            f"daemon off; pid {self.folder}/pid; error_log stderr; events {{}}\n"
            f"http {{ access_log off; {paths}\n{site} }}"
        )
        return ["nginx", "-e", "stderr", "-c", str(config)]

    def caddy(self, backend: int) -> list[str]:
        [site] = fenced("caddyfile")
        site = site.replace("8765", str(backend)).replace(
            "bot.example.com {", f"https://localhost:{self.port} {{\ntls {self.pem} {self.key}\n"
        )
        config = self.folder / "Caddyfile"
        config.write_text("{\nadmin off\nauto_https disable_redirects\n}\n" + site)
        return ["caddy", "run", "--adapter", "caddyfile", "--config", str(config)]

    @contextmanager
    def before(self, backend: int, program: str) -> Iterator[None]:
        command = getattr(self, program)(backend)
        with subprocess.Popen(
            command,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            env={**os.environ, "PATH": PATH, "HOME": str(self.folder)},
        ) as process:
            try:
                wait_until(self.answers)
                yield
            finally:
                process.terminate()
                print(process.communicate(timeout=10)[1])

    def answers(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False


def the_server_that_onebot_dials(proxy: Proxy, program: str) -> None:
    with WsServer(port=0) as server, proxy.before(server.port, program):
        server.on_message(lambda event: "over TLS")
        socket = create_connection(
            f"wss://localhost:{proxy.port}",
            sslopt={"ca_certs": str(proxy.authority)},
            suppress_origin=True,
            timeout=5,
        )
        socket.send(json.dumps(message("hi")))
        call = json.loads(socket.recv())
        assert text_of(call["params"]["message"]) == "over TLS"
        socket.close()


def the_server_that_events_are_pushed_to(proxy: Proxy, program: str) -> None:
    with EventServer(port=0) as server, proxy.before(server.port, program):
        server.on_message(lambda event: "over TLS")
        url = f"https://localhost:{proxy.port}/"
        with requests.post(
            url, json=message("hi"), verify=str(proxy.authority), timeout=5
        ) as answer:
            assert text_of(answer.json()["reply"]) == "over TLS"


def the_client_of_a_distant_onebot(proxy: Proxy, program: str) -> None:
    with Simulator() as qq:
        port = int(qq.ws_url.rpartition(":")[2])
        bot = WsClient(f"wss://localhost:{proxy.port}", ca_file=str(proxy.authority))
        with proxy.before(port, program), bot:
            assert bot.get_login_info()["user_id"] == 10001


@pytest.mark.parametrize("program", ["nginx", "caddy"])
@pytest.mark.parametrize(
    "goes_through",
    [
        the_server_that_onebot_dials,
        the_server_that_events_are_pushed_to,
        the_client_of_a_distant_onebot,
    ],
)
def test_the_proxies_carry(
    goes_through: Callable[[Proxy, str], None], program: str, tmp_path: Path
) -> None:
    if shutil.which(program, path=PATH) is None:
        if os.environ.get("CI"):
            pytest.fail(f"{program} is missing")
        pytest.skip(f"{program} is not here")
    goes_through(Proxy(tmp_path), program)


# -- tables and links -------------------------------------------------------------------------

TABLE = README.split("## 所有的类和方法 Classes and methods")[1].split("\n## ")[0]


def public(thing: type) -> set[str]:
    return {name for name in dir(thing) if not name.startswith("_")}


def test_the_table_names_every_class_method_and_action() -> None:
    named = set(re.findall(r"[A-Za-z]\w+", " ".join(re.findall(r"`([^`]+)`", TABLE))))
    expected = set(onebot_simple.__all__) | public(Simulator) | SEGMENTS
    for kind in (HttpClient, EventServer, WsClient, WsServer):
        expected |= public(kind)
    assert expected - named <= FOR_THE_PAGE


FOR_THE_PAGE = {"world", "wire", "gate", "lamps", "clear_faults", "pending_faults"}
SEGMENTS = {
    name
    for name, thing in vars(segment).items()
    if inspect.isfunction(thing) and thing.__module__ == segment.__name__ and name[0] != "_"
}


WRITTEN = re.findall(r"`(\w+)(\([^`]*\))`", TABLE)


@pytest.mark.parametrize(("name", "parameters"), WRITTEN, ids=[name for name, _ in WRITTEN])
def test_the_table_shows_how_a_thing_is_called(name: str, parameters: str) -> None:
    kinds = (HttpClient, EventServer, WsClient, WsServer, Simulator)
    found = [getattr(owner, name, None) for owner in (onebot_simple, simulator, segment, *kinds)]
    assert parameters.replace('"', "'") in [made_by(thing) for thing in found if callable(thing)]


def made_by(thing: Callable[..., Any]) -> str:
    """The signature without self and types."""
    bare = [
        one.replace(annotation=inspect.Parameter.empty)
        for one in inspect.signature(thing).parameters.values()
        if one.name != "self"
    ]
    return str(inspect.Signature(bare))


def anchor(heading: str) -> str:
    words = re.sub(r"[^\w\- ]", "", heading.strip().lower())
    return words.replace(" ", "-")


def test_each_link_leads_somewhere() -> None:
    outside_code = re.sub(r"^```.*?^```", "", README, flags=re.S | re.M)
    anchors = {anchor(heading) for heading in re.findall(r"^#+ (.+)$", outside_code, re.M)}
    links = re.findall(r"\]\(([^)]+)\)", outside_code)
    assert links
    for link in links:
        if link.startswith("#"):
            assert link[1:] in anchors, link
        elif not link.startswith("https://"):
            assert (ROOT / link).exists(), link


def test_every_lesson_is_in_the_table() -> None:
    for path in sorted((ROOT / "examples").glob("[0-9]*.py")):
        assert f"[{path.stem}](examples/{path.name})" in README
