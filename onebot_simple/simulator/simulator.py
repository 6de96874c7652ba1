"""The Simulator: a NapCat in memory, with a test API."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from ..segment import plain_text
from .acting import Acting
from .core import Core, Outgoing
from .gate import Gate
from .http_api import FILES
from .transports import Transports
from .wire import WireLog
from .world import Message, World


class Simulator(Acting):
    """内存里的 NapCat：一个小小的 QQ 世界，四种连接方式都能用。

    A NapCat in memory: a small QQ world behind all four transports of OneBot 11.

    The bot is 10001 (owner of the group), its friend Alice is 20001; group 30001 also has
    Bob 20002 (admin) and Carol 20003. Everything listens on 127.0.0.1 only.

    access_token: what bots must show; None asks for nothing.
    http_port, ws_port: 0 takes free ones; a taken one is an OSError at the start.
    message_format: "array" or "string", NapCat's messagePostFormat.
    report_self_message: whether what the bot sends comes back as message_sent.
    heart_interval: milliseconds between heartbeats; 0 is none.
    reconnect_interval: milliseconds between attempts of the reverse WebSocket.
    keep_alive: seconds after which idle HTTP connections are closed.
    max_frames: how many frames the log keeps.
    """

    def __init__(
        self,
        access_token: str | None = None,
        *,
        http_port: int = 0,
        ws_port: int = 0,
        message_format: str = "array",
        report_self_message: bool = False,
        heart_interval: int = 30_000,
        reconnect_interval: int = 5_000,
        keep_alive: float = 5.0,
        max_frames: int = 100_000,
    ) -> None:
        if message_format not in ("array", "string"):
            raise ValueError(f'message_format is "array" or "string", not {message_format!r}')
        self._access_token = access_token
        self.world = World(message_format, report_self_message)
        self._core = Core(access_token, self.world, heart_interval, max_frames)
        ports = (http_port, ws_port)
        self._transports = Transports(self._core, ports, keep_alive, reconnect_interval / 1000)
        self.world.listeners.append(self._core.publish)
        self.world.bot_sent = self._note_reply
        self.world.file_url = self._file_url

    # running

    def start(self) -> Simulator:
        """开始监听；端口被占用时抛出 OSError。

        Listen; OSError when a port is taken, and then nothing listens.
        """
        self._transports.start()
        return self

    def stop(self) -> None:
        """断开一切连接并停止；可以再次 start()。

        Close every connection and end every thread, within two seconds; may be started again.
        """
        self._transports.stop()

    def __enter__(self) -> Simulator:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    # addresses

    @property
    def http_url(self) -> str:
        """HTTP API 的地址。

        The address of the HTTP API, as http://127.0.0.1:PORT.
        """
        return self._transports.http.url

    @property
    def ws_url(self) -> str:
        """正向 WebSocket 的地址。

        The address of the WebSocket server, as ws://127.0.0.1:PORT.
        """
        return self._transports.ws.url

    def post_to(self, url: str, secret: str | None = None) -> None:
        """把事件 POST 到这个地址。

        Post every event to this URL, signed when there is a secret.
        """
        self._transports.post_to(url, secret)

    def connect_to(self, ws_url: str, access_token: str | None = None) -> None:
        """用反向 WebSocket 连接机器人的服务器。

        Connect to a bot's WebSocket server, again and again; access_token: the simulator's own
        unless given, "" for none.
        """
        token = self._access_token if access_token is None else access_token
        self._transports.connect_to(ws_url, token)

    def wait_connected(self, timeout: float = 3) -> None:
        """等待机器人连上。

        Wait up to timeout seconds until every post_to and connect_to target is there, or,
        where none was named, until somebody connected or called.
        """
        if not self._transports.wait_connected(timeout):
            raise AssertionError(
                f"nobody connected within {timeout} s. 没有机器人连上。\n" + self.wire.tail()
            )

    # what the bot did

    def wait_reply(self, timeout: float = 3) -> dict[str, Any]:
        """等机器人发出下一条消息。

        Wait for the bot's next message since the last send_*: {"text", "message", "message_id",
        "group_id" or None, "user_id" or None, "action"}. Each message is returned once.
        AssertionError when none comes within timeout seconds.
        """
        return self._core.journal.wait_reply(timeout)

    def wait_call(self, action: str, timeout: float = 3, **params: Any) -> dict[str, Any]:
        """等机器人调用某个动作；返回它的参数。

        Wait for a call with these parameters (others may be there too); returns all of them.
        Each call is returned once. AssertionError when none comes within timeout seconds.
        """
        return self._core.journal.wait_call(action, timeout, params)

    def expect_silence(self, seconds: float = 0.3) -> None:
        """确认机器人不说话。

        AssertionError when the bot sends a message within so many seconds, or did already.
        """
        self._core.journal.expect_silence(seconds)

    @property
    def calls(self) -> list[dict[str, Any]]:
        """机器人的每次调用，按顺序。

        Every call in order: {"action", "params", "retcode", "transport", ...}.
        """
        return self._core.journal.copy_of_calls()

    @property
    def frames(self) -> list[dict[str, Any]]:
        """经过线路的每一帧，按顺序；令牌已遮住。

        Every frame in order, tokens masked: {"id", "time", "transport", "direction", "kind",
        "head", "text", "answers", "ms", "message_id", ...}.
        """
        return self.wire.newest(self.wire.limit)

    # faults

    def fail(
        self,
        action: str = "*",
        retcode: int = 1200,
        times: int = 1,
        message: str = "simulated failure 模拟的失败",
    ) -> None:
        """让接下来的几次调用失败；"*" 是任何动作。

        Let the next calls of this action fail; "*" is any action.
        """
        self._core.faults.fail(action, retcode, times, message)

    def delay(self, seconds: float, times: int = 1) -> None:
        """接下来几次调用的回应迟到。

        Let the next answers come so many seconds late.
        """
        self._core.faults.delay(seconds, times)

    def swallow(self, times: int = 1) -> None:
        """接下来几次调用照做，但没有回应。

        Do what the next calls ask, and answer nothing.
        """
        self._core.faults.swallow(times)

    def refuse_token(self, times: int = 1) -> None:
        """接下来几次握手或 HTTP 调用当作令牌错误。

        Treat the token of the next handshakes or HTTP calls as wrong.
        """
        self._core.faults.refuse_token(times)

    def drop(self) -> None:
        """切断所有连接，不打招呼。

        Cut every connection without a word.
        """
        self._core.drop()

    def heartbeat(self, beats: bool) -> None:
        """心跳开或关。

        Let heartbeats come, or not.
        """
        self._core.hearts_beat = beats

    def send_raw(self, text: str) -> None:
        """向每个 WebSocket 发送任意文本，不必是 JSON。

        Send any text over every WebSocket, JSON or not.
        """
        self._core.journal.mark()
        for peer in self._core.peers:
            peer.put(Outgoing(text.encode("utf-8", "replace"), "raw"))

    def clear_faults(self) -> None:
        """忘掉还没用上的故障。

        Forget the faults that have not happened yet, and let the heart beat.
        """
        self._core.faults.clear()
        self._core.hearts_beat = True

    @property
    def pending_faults(self) -> dict[str, int]:
        """还没用上的故障各有几个。

        How many faults of each kind are still to come.
        """
        return self._core.faults.pending

    # for a page that shows it all

    @property
    def wire(self) -> WireLog:
        """帧的日志，可以等待新的帧。

        The frame log; wait_after(last_id, timeout) waits for new frames.
        """
        return self._core.log

    @property
    def gate(self) -> Gate:
        """单步模式的闸门。

        The gate of the step mode: close(), step(), open(), held.
        """
        return self._core.gate

    @property
    def lamps(self) -> dict[str, dict[str, Any]]:
        """四种连接方式各自连上了没有。

        Which transport is connected, and with whom: http_api, http_post, ws, ws_reverse.
        """
        return self._transports.lamps()

    # called by the world

    def _note_reply(self, message: Message, action: str) -> None:
        self._core.journal.add_reply(
            {
                "text": plain_text(message.segments),
                "message": message.segments,
                "message_id": message.message_id,
                "group_id": message.group_id,
                "user_id": message.peer_id or None,
                "action": action,
            }
        )

    def _file_url(self, file_id: str) -> str:
        base = self.http_url if self._transports.running else ""
        return f"{base}/{FILES}/{file_id.lstrip('/')}"
