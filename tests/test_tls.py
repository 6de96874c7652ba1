"""wss:// and https:// are verified, with the system's authorities or with an own one."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import requests
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from websockets.sync.server import ServerConnection, serve

from onebot_simple import HttpClient, NetworkError, WsClient, segment

from .peers import Api, HttpApi, connect_event, message, ok, wait_until
from .test_reconnecting import RawServer, frame, handshake_answer, send_too_much


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def context(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    return context


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> str:
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


@pytest.fixture
def wss(context: ssl.SSLContext) -> Iterator[str]:
    def handler(connection: ServerConnection) -> None:
        connection.send(json.dumps(connect_event()))
        for call in connection:
            connection.send(json.dumps({**ok(1), "echo": json.loads(call)["echo"]}))

    server = serve(handler, "127.0.0.1", 0, ssl=context, compression=None)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"wss://localhost:{server.socket.getsockname()[1]}"
    server.shutdown()
    thread.join()


@pytest.fixture
def https(context: ssl.SSLContext) -> Iterator[str]:
    server = HttpApi(Api())
    plain = server.server.get_request

    def secured() -> tuple[Any, Any]:
        connection, address = plain()
        return context.wrap_socket(connection, server_side=True), address

    server.server.get_request = secured  # type: ignore[method-assign]
    yield server.url.replace("http://127.0.0.1", "https://localhost")
    server.close()


def test_wss_works_with_an_own_authority(wss: str, ca_file: str) -> None:
    with WsClient(wss, ca_file=ca_file) as bot:
        assert bot.call_action("x") == 1


def test_https_works_with_an_own_authority(https: str, ca_file: str) -> None:
    with HttpClient(https, ca_file=ca_file) as client:
        assert client.call_action("x") == {"message_id": 1234}


def test_a_client_that_is_sent_to_https_later_verifies_as_strictly(
    https: str, ca_file: str
) -> None:
    with HttpClient("http://127.0.0.1:3000", ca_file=ca_file) as client:
        client.api_root = https
        assert client.get_login_info()
    with HttpClient("http://127.0.0.1:3000") as client:
        client.api_root = https
        with pytest.raises(NetworkError, match="is not trusted"):
            client.get_login_info()


def test_a_certificate_that_nobody_vouches_for_is_refused(wss: str, https: str) -> None:
    with pytest.raises(NetworkError, match="certificate is not trusted.*ca_file="):
        WsClient(wss).start()
    with (
        HttpClient(https) as client,
        pytest.raises(NetworkError, match="certificate is not trusted.*ca_file="),
    ):
        client.call_action("x")


def test_https_trusts_what_wss_trusts(
    wss: str, https: str, ca_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", ca_file)  # which only requests would look at
    monkeypatch.setattr(requests.adapters, "DEFAULT_CA_BUNDLE_PATH", ca_file)  # its own ones
    for url in (wss, https):
        with pytest.raises(NetworkError, match="certificate is not trusted"):
            dial(url)
    monkeypatch.setenv("SSL_CERT_FILE", ca_file)  # with this the system trusts it
    for url in (wss, https):
        dial(url)


def plain_authority(context: ssl.SSLContext, folder: Path) -> str:
    """An authority with no more in its certificate than `openssl req -x509` writes into one. The
    server gets a certificate from it."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(timezone.utc)

    def certificate(name: str, extension: x509.ExtensionType) -> bytes:
        issuer, subject = (
            x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, one)]) for one in ("school", name)
        )
        days = now - timedelta(1), now + timedelta(1)
        parts = issuer, subject, key.public_key(), x509.random_serial_number(), *days
        builder = x509.CertificateBuilder(*parts).add_extension(extension, critical=True)
        return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)

    own = certificate("localhost", x509.SubjectAlternativeName([x509.DNSName("localhost")]))
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "server.pem").write_bytes(private + own)
    context.load_cert_chain(folder / "server.pem")
    path = folder / "school.pem"
    path.write_bytes(certificate("school", x509.BasicConstraints(ca=True, path_length=None)))
    return str(path)


def signed_authority(context: ssl.SSLContext, folder: Path) -> str:
    """An authority that another one has signed, which is in no file."""
    authority = trustme.CA().create_child_ca()
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(str(folder / "school.pem"))
    return str(folder / "school.pem")


@pytest.mark.parametrize("make", [plain_authority, signed_authority])
def test_an_own_authority_is_trusted_as_it_is(
    make: Callable[[ssl.SSLContext, Path], str],
    context: ssl.SSLContext,
    wss: str,
    https: str,
    tmp_path: Path,
) -> None:
    ca_file = make(context, tmp_path)
    for url in (wss, https):
        dial(url, ca_file)


def test_a_call_may_cross_what_tls_says_after_the_handshake(wss: str, ca_file: str) -> None:
    for _ in range(200):
        with WsClient(wss, ca_file=ca_file) as bot:
            assert bot.call_action("x") == 1


@contextmanager
def tls_listener(context: ssl.SSLContext) -> Iterator[int]:
    """The port of a server that does nothing but shake hands, once."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def shake_hands() -> None:
            connection, _ = listener.accept()
            with connection, suppress(OSError):
                context.wrap_socket(connection, server_side=True).close()

        thread = threading.Thread(target=shake_hands, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(5)


def dial(url: str, ca_file: str | None = None) -> None:
    if url.startswith("wss"):
        with WsClient(url, ca_file=ca_file):
            pass
    else:
        with HttpClient(url, ca_file=ca_file) as client:
            client.request("x")


@pytest.mark.parametrize("scheme", ["wss", "https"])
@pytest.mark.parametrize(
    ("certified", "host"), [("elsewhere.example", "localhost"), ("localhost", "127.0.0.1")]
)
def test_a_certificate_for_another_name_is_refused(
    authority: trustme.CA, ca_file: str, scheme: str, certified: str, host: str
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(certified).configure_cert(context)
    with (
        tls_listener(context) as port,
        pytest.raises(NetworkError, match=f"主机名要和证书上的一样.*not valid for '{host}'"),
    ):
        dial(f"{scheme}://{host}:{port}", ca_file)


@pytest.mark.parametrize("scheme", ["wss", "https"])
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_tls_before_1_2_is_refused(context: ssl.SSLContext, ca_file: str, scheme: str) -> None:
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with tls_listener(context) as port, pytest.raises(NetworkError, match="TLS failed.*VERSION"):
        dial(f"{scheme}://localhost:{port}", ca_file)


def test_tls_where_there_is_none_is_said_so() -> None:
    server = HttpApi(Api())
    with (
        HttpClient(server.url.replace("http:", "https:")) as client,
        pytest.raises(NetworkError, match="没有开 TLS"),
    ):
        client.call_action("x")
    with pytest.raises(NetworkError, match="没有开 TLS"):
        WsClient(server.url.replace("http:", "wss:")).start()
    server.close()


def test_a_ca_file_that_is_none_is_refused_at_once(tmp_path: Path) -> None:
    nonsense = tmp_path / "ca.pem"
    nonsense.write_text("not a certificate")
    for path in (str(nonsense), str(tmp_path / "absent.pem")):
        with pytest.raises(ValueError, match="ca_file"):
            WsClient("wss://x", ca_file=path)
        with pytest.raises(ValueError, match="ca_file"):
            HttpClient("https://x", ca_file=path)


def test_large_frames_cross_tls_in_both_directions_at_once(wss: str, ca_file: str) -> None:
    """OpenSSL loses the connection when one thread reads while another writes."""
    wrong: list[object] = []

    def call(size: int) -> None:
        for _ in range(5):
            if bot.call_action("x", text="x" * size) != 1:
                wrong.append(size)

    with WsClient(wss, ca_file=ca_file) as bot:
        threads = [threading.Thread(target=call, args=(10**power,)) for power in (1, 3, 5, 6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert not wrong
        assert bot.stats["reconnects"] == 0


def test_a_sender_that_is_stuck_keeps_no_event_away(context: ssl.SSLContext, ca_file: str) -> None:
    over = threading.Event()

    def script(plain: socket.socket, number: int) -> None:
        with context.wrap_socket(plain, server_side=True) as connection:
            connection.sendall(handshake_answer(connection) + frame(message("hi")))
            connection.recv(1)  # it is being sent, and the rest is never read
            connection.sendall(frame(message("still here")))
            over.wait(40)

    heard: list[str] = []
    with RawServer(script) as server:
        bot = WsClient(server.url.replace("ws://127.0.0.1", "wss://localhost"), ca_file=ca_file)
        bot.on_message(lambda event: heard.append(segment.plain_text(event)))
        sender = threading.Thread(target=send_too_much, args=(bot,))
        with bot:
            wait_until(lambda: heard)
            sender.start()
            wait_until(lambda: heard == ["hi", "still here"], 30)  # encrypting takes time
            assert sender.is_alive()
        sender.join(5)
        assert not sender.is_alive()
        over.set()


def test_what_breaks_tls_ends_calls_with_an_error_of_ours(
    context: ssl.SSLContext, ca_file: str
) -> None:
    def script(plain: socket.socket, number: int) -> None:
        connection = context.wrap_socket(plain, server_side=True)
        connection.sendall(handshake_answer(connection) + frame(message("hi")))
        connection.recv(1)
        with socket.socket(fileno=connection.detach()) as bare:
            bare.sendall(b"this is no TLS" * 100)
            while bare.recv(65536):
                pass

    with RawServer(script) as server:
        bot = WsClient(server.url.replace("ws://127.0.0.1", "wss://localhost"), ca_file=ca_file)
        with bot:
            until = time.monotonic() + 1
            while time.monotonic() < until:
                with pytest.raises(NetworkError):
                    bot.request("get_status", timeout=1)


def test_a_goodbye_of_tls_is_said_in_both_languages(
    context: ssl.SSLContext, ca_file: str, caplog: pytest.LogCaptureFixture
) -> None:
    heard = threading.Event()

    def script(plain: socket.socket, number: int) -> None:
        with context.wrap_socket(plain, server_side=True) as connection:
            connection.sendall(handshake_answer(connection) + frame(message("hi")))
            assert heard.wait(10)
            with suppress(OSError):
                connection.unwrap()

    with RawServer(script) as server:
        bot = WsClient(server.url.replace("ws://127.0.0.1", "wss://localhost"), ca_file=ca_file)
        bot.on_message(lambda event: heard.set())
        with bot:
            wait_until(lambda: "连接断开了：对方关闭了它。" in caplog.text)
            assert "was lost: the other side closed it." in caplog.text
