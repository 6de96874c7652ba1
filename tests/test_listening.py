"""Where a server listens: what is refused where it is written, and what is said of it."""

from __future__ import annotations

import errno
import logging
import socket
from typing import Any

import pytest

from onebot_simple import EventServer, NetworkError, WsServer

Server = EventServer | WsServer


@pytest.fixture(params=[EventServer, WsServer])
def kind(request: pytest.FixtureRequest) -> type[Server]:
    chosen: type[Server] = request.param
    return chosen


@pytest.mark.parametrize(
    ("host", "call"),
    [
        (8765, "(port=8765)"),
        ("8765", "(port=8765)"),
        ("ws://127.0.0.1:8765", '("127.0.0.1", 8765)'),
        ("http://127.0.0.1:8080/onebot", '("127.0.0.1", 8080)'),
        ("0.0.0.0:8765", '("0.0.0.0", 8765)'),
        ("127.0.0.1：8765", '("127.0.0.1", 8765)'),
        ("[::1]:8765", '("::1", 8765)'),
        ("ws://<host>:<port>", '("127.0.0.1")'),
        ("ws://me:s3cret@bot.example:1/?access_token=s3cret", '("bot.example", 1)'),
        ("", '("127.0.0.1")'),
        (None, '("127.0.0.1")'),
    ],
)
def test_what_is_no_host_is_refused_with_the_right_call(
    kind: type[Server], host: Any, call: str
) -> None:
    with pytest.raises((TypeError, ValueError)) as refused:
        kind(host)
    chinese, _, english = str(refused.value).partition(" host is only ")
    assert f"请写成 {kind.__name__}{call}。" in chinese
    assert english.endswith(f"write {kind.__name__}{call}.")
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize("port", ["8765", None, -1, 70000, True, 80.0])
def test_what_is_no_port_is_refused_where_it_is_written(kind: type[Server], port: Any) -> None:
    with pytest.raises(ValueError, match=r"port 要写成.*port must be a number from 0 to 65535"):
        kind(port=port)


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "//127.0.0.1:1234"),
        ("localhost", "//localhost:1234"),
        ("0.0.0.0", "//127.0.0.1:1234"),
        ("::", "//127.0.0.1:1234"),
        ("[::]", "//127.0.0.1:1234"),
        ("::1", "//[::1]:1234"),
        ("bot.example", "//bot.example:1234"),
    ],
)
def test_the_url_is_the_one_to_fill_in(kind: type[Server], host: str, url: str) -> None:
    assert kind(host, 1234).url.rstrip("/").endswith(url)


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_one_that_listens_everywhere_tells_how_others_reach_it(
    kind: type[Server], host: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine is on no network")
        ours = probe.getsockname()[0]
    with kind(host, 0) as server:
        assert f"//{ours}:{server.port}" in caplog.text
        assert host + "]:" not in caplog.text and "0.0.0.0:" not in caplog.text


def test_both_families_reach_a_server_at_the_ipv6_address_of_everything(
    kind: type[Server],
) -> None:
    if not socket.has_dualstack_ipv6():
        pytest.skip("this system serves one family at a time")
    with kind("::", 0) as server:
        for address in ("127.0.0.1", "::1"):
            socket.create_connection((address, server.port), timeout=5).close()


def test_a_port_that_is_taken_is_named_with_what_to_do(kind: type[Server]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(NetworkError) as error:
            kind(port=port).start()
    said = str(error.value)
    assert f"无法在 127.0.0.1:{port} 监听：端口被占用。关掉占用它的程序" in said
    assert f"Cannot listen on 127.0.0.1:{port}: the port is already in use. End" in said
    assert error.value.__suppress_context__


@pytest.mark.parametrize("port", [3000, 3001])
def test_a_port_of_napcats_own_is_named_as_such(
    kind: type[Server], port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def taken(*_: Any, **__: Any) -> socket.socket:
        raise OSError(errno.EADDRINUSE, "as if NapCat ran here")

    monkeypatch.setattr(socket, "create_server", taken)
    with pytest.raises(NetworkError, match=f"{port} 是 NapCat 自己.*{port} is NapCat's own"):
        kind(port=port).start()


@pytest.mark.parametrize("host", ["203.0.113.1", "no-such-host.invalid", "x" * 70, "a..b"])
def test_an_address_that_is_not_ours_is_said_to_be_none(kind: type[Server], host: str) -> None:
    with pytest.raises(NetworkError, match=r"这台机器上没有这个地址.*no such address. Use the"):
        kind(host, 0).start()
