"""Raw callers of the simulator, without the library: they send any text and see every answer."""

from __future__ import annotations

import json
from http.client import HTTPConnection, HTTPResponse
from typing import Any

from websocket import create_connection

from onebot_simple.simulator import Simulator

Json = dict[str, Any]


class Caller:
    """Calls actions; FAILED and REFUSED are the retcodes of its transport."""

    FAILED: int  # the action did not succeed
    REFUSED: int  # its parameters are wrong
    UNKNOWN: int  # there is no such action

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: object) -> None: ...

    def call(self, action: str, /, **params: Any) -> Json:
        """The whole answer."""
        raise NotImplementedError

    def data(self, action: str, /, **params: Any) -> Any:
        answer = self.call(action, **params)
        assert answer["status"] == "ok", answer
        return answer.get("data")

    def message(self, sent: Json) -> list[Json]:
        """The segments of what was sent."""
        segments: list[Json] = self.data("get_msg", message_id=sent["message_id"])["message"]
        return segments

    def kinds(self, sent: Json) -> list[str]:
        return [segment["type"] for segment in self.message(sent)]

    @property
    def notes(self) -> list[str]:
        """What the simulator says about what NapCat does, in English."""
        return [frame["note"]["en"] for frame in self.simulator.frames if frame["note"]]


class HttpCaller(Caller):
    FAILED, REFUSED, UNKNOWN = 200, 400, 200

    def __enter__(self) -> HttpCaller:
        port = int(self.simulator.http_url.rpartition(":")[2])
        self._connection = HTTPConnection("127.0.0.1", port, timeout=5)
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def call(self, action: str, /, **params: Any) -> Json:
        answer: Json = json.loads(self.post(action, json.dumps(params))[1])
        return answer

    def post(self, path: str, body: str, **headers: str) -> tuple[int, str]:
        answer, text = self.ask("POST", path, body, **headers)
        return answer.status, text

    def get(self, path: str) -> Json:
        answer: Json = json.loads(self.ask("GET", path)[1])
        return answer

    def ask(
        self, method: str, path: str, body: str = "", **headers: str
    ) -> tuple[HTTPResponse, str]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        data = body.encode() if body else None
        self._connection.request(method, f"/{path}", data, named)
        answer = self._connection.getresponse()
        return answer, answer.read().decode()


class WsCaller(Caller):
    FAILED, REFUSED, UNKNOWN = 1200, 1400, 1404

    def __enter__(self) -> WsCaller:
        self._socket = create_connection(
            self.simulator.ws_url + "/api", suppress_origin=True, timeout=5
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close(timeout=1)
        self._socket.shutdown()  # type: ignore[no-untyped-call]

    def call(self, action: str, /, **params: Any) -> Json:
        return self.say(json.dumps({"action": action, "params": params, "echo": "e"}))

    def say(self, text: str) -> Json:
        """Send any text; the next answer."""
        self._socket.send(text)
        return self.hear()

    def hear(self) -> Json:
        answer: Json = json.loads(self._socket.recv())
        return answer

    def is_silent_after(self, text: str) -> bool:
        """Whether this text gets no answer: the next call is answered first."""
        self._socket.send(text)
        return bool(self.say('{"action": "get_status", "echo": "next"}')["echo"] == "next")
