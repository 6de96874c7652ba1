"""The recipes of the course: what runs a bot for real takes them, and proxies carry the bot."""

from __future__ import annotations

import configparser
import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import requests
import trustme
from websocket import create_connection

from onebot_simple import EventServer, WsClient, WsServer
from onebot_simple.simulator import Simulator

from .lessons import LATE, free_port, running
from .peers import message, text_of, wait_until
from .test_readme import COURSE, ROOT, fenced
from .test_readme import running as program


def recipe(language: str) -> str:
    """The block in this language, which stands in both halves of the page."""
    blocks = fenced(language, COURSE)
    assert len(blocks) == 2 and len(set(blocks)) == 1
    return blocks[0]


@pytest.fixture
def qq() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator


def found(program: str) -> str:
    """Where the program is; without it the test is skipped, or fails where CI has it."""
    path = shutil.which(program, path=PATH)
    if path is None and os.environ.get("CI"):
        pytest.fail(f"{program} is missing")
    if path is None:
        pytest.skip(f"{program} is not here")
    return path


def test_the_systemd_unit_is_one(tmp_path: Path) -> None:
    parsed = configparser.ConfigParser()
    parsed.optionxform = str  # type: ignore[assignment,method-assign]
    parsed.read_string(recipe("ini"))
    assert parsed["Service"]["ExecStart"].endswith("python bot.py")


def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not here")
    unit = tmp_path / "bot.service"  # a python that is there, in place of that of the server
    unit.write_text(recipe("ini").replace("/opt/bot/.venv/bin/python", sys.executable))
    run = subprocess.run(
        [analyze, "verify", "--man=no", str(unit)], capture_output=True, encoding="utf-8"
    )
    assert (run.returncode, run.stderr) == (0, "")


def test_compose_takes_the_file(tmp_path: Path) -> None:
    for command in (["docker", "compose"], ["docker-compose"]):
        if (
            shutil.which(command[0])
            and not subprocess.run([*command, "version"], capture_output=True).returncode
        ):
            break
    else:
        pytest.skip("docker compose is not here")
    (tmp_path / "compose.yaml").write_text(recipe("yaml"))
    (tmp_path / "secrets.env").write_text("ONEBOT_TOKEN=t")
    run = subprocess.run(
        [*command, "-f", "compose.yaml", "config"],
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
    )
    assert run.returncode == 0, run.stderr
    assert "ONEBOT_TOKEN" in run.stdout


def test_the_compose_file_runs_what_the_course_says() -> None:
    text = recipe("yaml")
    assert re.findall(r"^  (\w+):$", text, re.M) == ["napcat", "bot"]
    assert "ONEBOT_URL: ws://napcat:3001" in text
    assert '- "127.0.0.1:6099:6099"' in text  # the WebUI is for this machine alone
    assert 'exec python bot.py"' in text  # so that the end of the container reaches the bot


def test_windows_starts_the_bot_in_its_folder() -> None:
    lines = recipe("bat").splitlines()
    start = ["cd /d C:\\bot", "set ONEBOT_TOKEN=abc", ".venv\\Scripts\\python.exe bot.py"]
    assert lines == [*start, "pause"]  # so that an error can be read


def test_the_second_account_of_lesson_14(tmp_path: Path) -> None:
    [second] = {block for block in fenced("python", COURSE) if block.startswith("# second.py")}
    port = free_port()
    script = tmp_path / "second.py"
    script.write_text(second.replace("8765", str(port)), encoding="utf-8")
    with Simulator() as qq, running("14_several_accounts.py", ONEBOT_PORT=str(port)) as bot:
        bot.wait_for("listening on")
        qq.connect_to(f"ws://127.0.0.1:{port}")
        with running(script) as account:
            bot.wait_for("10002 小号 second")
            bot.wait_for("10001 ")
            qq.send_private("/accounts")
            lines = qq.wait_reply()["text"].splitlines()
            assert sorted(lines) == ["10001: 1 个群 group(s)", "10002: 0 个群 group(s)"]
            if os.name != "nt":  # where terminate() is no Ctrl+C
                bot.end()
                assert account.process.wait(LATE) == 0
        assert "Traceback" not in account.output or os.name == "nt"


def test_the_types_of_events_are_only_for_editors(qq: Simulator) -> None:
    [source] = {block for block in fenced("python", COURSE) if "onebot_simple.typed" in block}
    with program(source, qq):
        qq.send_group("hi", user=20002)
        assert qq.wait_reply()["text"] == "你是 You are Bob"
        qq.join(20004)
        assert qq.wait_reply()["text"] == "欢迎 Welcome, 20004!"


@pytest.mark.skipif(os.name == "nt", reason="gunicorn is not for Windows")
def test_gunicorn_serves_with_many_processes(qq: Simulator) -> None:
    install, start = recipe("sh").splitlines()
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
            qq.wait_connected(LATE)
            for number in range(20):
                qq.send_private(f"{number}")
                assert qq.wait_reply(LATE)["text"] == f"echo: {number}"
        finally:
            process.terminate()


PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"])


class Proxy:
    """nginx or Caddy with the configuration of the course, before a server of ours."""

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
        site = recipe("nginx")
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
        site = recipe("caddyfile")
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
                wait_until(self.answers, LATE)
                yield
            finally:
                process.terminate()
                print(process.communicate(timeout=LATE)[1])

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
            timeout=LATE,
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
            url, json=message("hi"), verify=str(proxy.authority), timeout=LATE
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
    found(program)
    goes_through(Proxy(tmp_path), program)
