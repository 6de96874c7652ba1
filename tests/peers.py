"""Hand-written OneBot implementations: what crosses the wire, and nothing of the library."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from socket import SHUT_RDWR, create_server
from typing import Any

from websocket import WebSocket, WebSocketException, create_connection
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import Server, ServerConnection, serve

Json = dict[str, Any]
DEADLINE = 15.0  # seconds; only a failure takes so long, or a busy machine
GONE = (ConnectionClosed, WebSocketException, OSError)


def wait_until(condition: Callable[[], Any], seconds: float = DEADLINE) -> Any:
    """The first true value of `condition`; an AssertionError when there is none in time."""
    deadline = time.perf_counter() + seconds  # the other clock may be put forward
    while not (value := condition()):
        assert time.perf_counter() < deadline, "waited in vain"
        time.sleep(0.002)
    return value


_ports = count(10_000 + os.getpid() % 130 * 150)  # other processes of the suite begin elsewhere


def free_port() -> int:
    """A port that nobody has, and that the system does not give to anybody meanwhile."""
    while True:
        port = next(_ports)
        with suppress(OSError), create_server(("127.0.0.1", port)):
            return port


def message(
    text: Any = "hi", user_id: int = 20002, group_id: int | None = None, **more: Any
) -> Json:
    """A message event as NapCat sends it."""
    parts = text if isinstance(text, list) else [{"type": "text", "data": {"text": text}}]
    event: Json = {
        "time": 1700000000,
        "self_id": 10001,
        "post_type": "message",
        "message_type": "group" if group_id else "private",
        "sub_type": "normal" if group_id else "friend",
        "message_id": 555,
        "user_id": user_id,
        "message": parts,
        "raw_message": text if isinstance(text, str) else "",
        "font": 14,
        "sender": {"user_id": user_id, "nickname": "Ann", "card": ""},
    }
    if group_id:
        event["group_id"] = group_id
    return {**event, **more}


def connect_event(self_id: int = 10001) -> Json:
    return {
        "time": 1700000000,
        "self_id": self_id,
        "post_type": "meta_event",
        "meta_event_type": "lifecycle",
        "sub_type": "connect",
    }


def ok(data: Any) -> Json:
    return {"status": "ok", "retcode": 0, "data": data, "message": "", "wording": ""}


def failed(retcode: int, words: str) -> Json:
    return {
        "status": "failed",
        "retcode": retcode,
        "data": None,
        "message": words,
        "wording": words,
    }


class Api:
    """Answers actions, and remembers them."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Json]] = []
        self.changed = threading.Condition()  # guards calls
        self.answers: dict[str, Callable[[Json], Json | None]] = {}

    def answer(self, action: str, params: Json) -> Json | None:
        with self.changed:
            self.calls.append((action, params))
            self.changed.notify_all()
        if action in self.answers:
            return self.answers[action](params)
        return ok({"message_id": 1234})

    def wait_call(self, action: str, number: int = 1, seconds: float = DEADLINE) -> Json:
        """The params of the n-th call of `action`."""

        def found() -> list[Json]:
            return [params for name, params in self.calls if name == action]

        with self.changed:
            in_time = self.changed.wait_for(lambda: len(found()) >= number, seconds)
            assert in_time, f"no call of {action}, only {self.calls[-10:]}"
            return found()[number - 1]

    def said(self, number: int = 1, seconds: float = DEADLINE) -> str:
        """The text of the n-th message that was sent, by whatever action."""
        senders = ("send_msg", "send_group_msg", "send_private_msg")

        def found() -> list[str]:
            return [text_of(params["message"]) for name, params in self.calls if name in senders]

        with self.changed:
            in_time = self.changed.wait_for(lambda: len(found()) >= number, seconds)
            assert in_time, f"message {number} never came, only {found()}"
            return found()[number - 1]

    def all_said(self) -> list[str]:
        with self.changed:
            return [text_of(params["message"]) for _, params in self.calls if "message" in params]


def text_of(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "".join(part["data"].get("text", "") for part in content if part["type"] == "text")


class HttpApi:
    """OneBot's HTTP server, with keep-alive."""

    def __init__(self, api: Api, token: str | None = None) -> None:
        class Requests(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 10
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if token and self.headers.get("Authorization") != f"Bearer {token}":
                    return self.reply(403, {"message": "token verify failed!"})
                answer = api.answer(self.path.strip("/"), json.loads(body))
                if answer is None:
                    answer = failed(200, "swallowed")
                return self.reply(200, answer)

            def reply(self, status: int, content: Json) -> None:
                data = json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: Any) -> None:
                pass

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *_: Any) -> None:
                pass

        self.server = Quiet(("127.0.0.1", 0), Requests)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


class WsPeer:
    """OneBot behind a WebSocket, whichever side dials."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.sockets: list[ServerConnection | WebSocket] = []
        self.joined = threading.Condition()  # guards sockets

    def serve(self, socket: ServerConnection | WebSocket) -> None:
        try:
            with self.joined:  # whoever pushes after the greeting must not find an older socket
                socket.send(json.dumps(connect_event()))
                self.sockets.append(socket)
                self.joined.notify_all()
            for frame in socket:
                if not frame:  # what websocket-client returns at the end
                    break
                call = json.loads(frame)
                threading.Thread(target=self.answer, args=(socket, call), daemon=True).start()
        except GONE:
            pass

    def answer(self, socket: ServerConnection | WebSocket, call: Json) -> None:
        answer = self.api.answer(call["action"], call.get("params") or {})
        if answer is not None:
            with suppress(*GONE):
                socket.send(json.dumps({**answer, "echo": call.get("echo")}))

    def push(self, event: Json | str | bytes) -> None:
        with self.joined:
            assert self.joined.wait_for(lambda: self.sockets, DEADLINE), "nobody connected"
            socket = self.sockets[-1]
        socket.send(json.dumps(event) if isinstance(event, dict) else event)


class ForwardWs(WsPeer):
    """OneBot's WebSocket server."""

    def __init__(self, api: Api, port: int = 0) -> None:
        super().__init__(api)
        self.server: Server = serve(self.serve, "127.0.0.1", port, compression=None)
        self.port = self.server.socket.getsockname()[1]
        self.url = f"ws://127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self.accept, daemon=True)
        self.thread.start()

    def accept(self) -> None:
        with suppress(ValueError, OSError):  # close() came before the first look
            self.server.serve_forever()

    def close(self) -> None:
        for socket in self.sockets:
            socket.close()
        self.server.shutdown()
        self.thread.join()


class ReverseWs(WsPeer):
    """OneBot's WebSocket client, with the headers of NapCat."""

    def __init__(
        self, api: Api, url: str, self_id: int | None = 10001, role: str = "Universal"
    ) -> None:
        super().__init__(api)
        headers = ["Authorization: Bearer ", f"x-client-role: {role}", "User-Agent: OneBot/11"]
        headers += [f"X-Self-ID: {self_id}"] if self_id else []
        self.socket = create_connection(url, header=headers, suppress_origin=True, timeout=40)
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self) -> None:
        self.serve(self.socket)
        self.hang_up()

    def hang_up(self) -> None:
        with suppress(OSError, AttributeError):
            self.socket.sock.shutdown(SHUT_RDWR)  # type: ignore[union-attr]

    def close(self) -> None:
        self.hang_up()
        self.thread.join()
        self.socket.shutdown()  # type: ignore[no-untyped-call]


class Poster:
    """OneBot's HTTP client: posts events as NapCat does, chunked; answers become calls."""

    def __init__(self, api: Api, port: int, path: str = "/") -> None:
        self.api = api
        self.port = port
        self.path = path
        self.threads: list[threading.Thread] = []
        self.statuses: list[int] = []

    def post(
        self, event: Json | str | bytes, headers: dict[str, str] | None = None
    ) -> tuple[int, bytes]:
        body = json.dumps(event).encode() if isinstance(event, dict) else event
        data = body.encode() if isinstance(body, str) else body
        connection = HTTPConnection("127.0.0.1", self.port, timeout=40)
        try:
            all_headers = {"content-type": "application/json", "x-self-id": "10001"}
            all_headers.update(headers or {})
            connection.request("POST", self.path, [data], all_headers, encode_chunked=True)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def push(self, event: Json | str | bytes) -> None:
        """Post the event from a thread of its own, as NapCat does."""
        arrived = threading.Event()
        thread = threading.Thread(target=self._push, args=(event, arrived), daemon=True)
        self.threads.append(thread)
        thread.start()

    def _push(self, event: Json | str | bytes, arrived: threading.Event) -> None:
        try:
            status, body = self.post(event)
        except OSError:
            return
        self.statuses.append(status)
        if body and status == 200 and isinstance(event, dict):
            self._carry_out(event, json.loads(body))

    def _carry_out(self, event: Json, operation: Json) -> None:
        target: Json = {key: event[key] for key in ("group_id", "user_id") if key in event}
        if "reply" in operation:
            target |= {"message": operation["reply"], "operation": operation}
            self.api.answer("send_msg", target)
        if "approve" in operation:
            self.api.answer(f"set_{event['request_type']}_add_request", {**operation})

    def close(self) -> None:
        for thread in self.threads:
            thread.join(DEADLINE)
