"""The fuzzers of the simulator and of the playground's page."""

from __future__ import annotations

import json
import random
from typing import Any

from websocket import ABNF, create_connection

from onebot_simple.playground.bot_process import BotProcess
from onebot_simple.playground.deeds import Deeds
from onebot_simple.playground.feed import Feed
from onebot_simple.playground.page_server import PageServer
from onebot_simple.simulator import Simulator

from .fuzz_inputs import SCALARS, Finds, Inputs
from .fuzz_wires import bytes_to, exchange


def simulator_websocket(chance: random.Random, count: int, finds: Finds) -> None:
    """Calls of every kind to the simulator; after each batch an honest one is answered."""
    inputs = Inputs(chance)
    finds.expected = ("the simulator could not",)
    with Simulator(max_frames=100) as qq:
        peer = create_connection(qq.ws_url, suppress_origin=True, timeout=10)
        while finds.inputs < count:
            batch = [inputs.text(_call(inputs)) for _ in range(50)]
            batch = [data for data in batch if b"bot_exit" not in data]
            finds.inputs += 50
            try:
                for data in batch:
                    peer.send(data, ABNF.OPCODE_TEXT)
                peer.send(json.dumps({"action": "get_status", "echo": f"after {finds.inputs}"}))
                while json.loads(peer.recv()).get("echo") != f"after {finds.inputs}":
                    pass
            except Exception as error:
                finds.add(error, batch)
                peer = create_connection(qq.ws_url, suppress_origin=True, timeout=10)
        peer.shutdown()  # type: ignore[no-untyped-call]


ACTIONS = (
    *("send_msg", "send_group_msg", "get_msg", "delete_msg", "get_group_info", "set_group_ban"),
    *("get_file", "send_group_forward_msg", "upload_group_file", "get_image", "set_group_card"),
    *("upload_file_stream", "download_file_stream", ".handle_quick_operation", "get_record"),
    *("get_group_msg_history", "set_group_add_request", "get_forward_msg", "can_send_image"),
)
PARAMS = (
    "group_id",
    "user_id",
    "message_id",
    "message",
    "file",
    "name",
    "count",
    "duration",
    "card",
)


def _call(inputs: Inputs) -> Any:
    chance = inputs.chance
    params: dict[str, Any] = {"group_id": 30001, "user_id": 20001, "message": "hi", "id": 1}
    for _ in range(chance.randrange(3)):
        params[chance.choice(PARAMS)] = inputs.value()
    if chance.random() < 0.3:
        part = {"type": chance.choice(["text", "image", "json", "node", "contact"])}
        params["message"] = params["messages"] = [{**part, "data": inputs.value()}]
    content = {"action": chance.choice(ACTIONS), "params": params, "echo": 1}
    if chance.random() < 0.3:
        content[chance.choice(["action", "params", "echo"])] = inputs.value()
    return content if chance.random() < 0.95 else chance.choice(SCALARS)


def simulator_http(chance: random.Random, count: int, finds: Finds) -> None:
    inputs = Inputs(chance)
    finds.expected = ("the simulator could not",)
    with Simulator(max_frames=100) as qq:
        port = int(qq.http_url.rpartition(":")[2])

        def make() -> list[bytes]:
            if chance.random() < 0.5:
                return [inputs.request() for _ in range(chance.choice([1, 1, 2]))]
            call, body = chance.choice(ACTIONS), inputs.text(_call(inputs))
            head = f"POST /{call} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}"
            return [head.encode() + b"\r\n\r\n" + body]

        def alive() -> bool:
            answer = exchange(port, [b"POST /get_status HTTP/1.1\r\nConnection: close\r\n\r\n"])
            return answer.startswith(b"HTTP/1.1 200")

        bytes_to(port, make, count, finds, alive)


DEEDS = (
    *("say", "recall", "poke", "join", "leave", "ban", "friend_request", "group_request"),
    *("delay", "fail", "swallow", "heartbeat", "step", "release", "clear_faults", "_bot", "x"),
)


def playground_page(chance: random.Random, count: int, finds: Finds) -> None:
    """Requests of somebody who has the link, and of others."""
    inputs = Inputs(chance)
    with Simulator(max_frames=100) as qq:
        bot = BotProcess(None, {}, lambda line: None)
        feed = Feed(qq, bot, False)
        page = PageServer(feed, Deeds(qq, feed, bot), 0)
        page.start()
        here, target = page.link.removeprefix("http://").split("/", 1)
        token = target.partition("=")[2]

        def make() -> list[bytes]:
            if chance.random() < 0.4:
                return [inputs.request()]
            wanted: Any = {"chat": "g30001", "user": 20002, "on": True, "message_id": 1}
            wanted["message"] = [{"type": "text", "data": {"text": "hi"}}]
            for _ in range(chance.randrange(3)):
                inputs.spoil(wanted)
            body = inputs.text(wanted)
            head = f"POST /do/{chance.choice(DEEDS)} HTTP/1.1\r\nHost: {here}\r\n"
            head += f"Origin: http://{here}\r\nCookie: playground_{page.port}={token}\r\n"
            head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
            return [head.encode() + body]

        def alive() -> bool:
            asked = f"GET /{target} HTTP/1.1\r\nHost: {here}\r\n\r\n"
            return b" 200 " in exchange(page.port, [asked.encode()])[:20]

        bytes_to(page.port, make, count, finds, alive)
        page.stop()
