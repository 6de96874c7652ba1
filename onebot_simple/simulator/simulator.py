"""The Simulator: a NapCat in memory, with a test API."""

from __future__ import annotations

from contextlib import ExitStack
from types import TracebackType
from typing import Any

from ..segment import plain_text
from .acting import Acting
from .core import Core
from .expecting import Expecting
from .faulting import Faulting
from .gate import Gate
from .hosting import HostedBot, MistakeWatch
from .http_api import FILES
from .transports import Transports
from .wire import WireLog
from .world import Message, World

# unittest cuts a traceback where this name is found: so it ends in the line of the test
__unittest = True
CONNECT_SECONDS = 5.0  # for a bot that was given
SETTLE_SECONDS = 1.0  # for it to receive the last events of a test


class Simulator(Acting, Expecting, Faulting):
    """内存里的 NapCat：一个小小的 QQ 世界，四种连接方式都能用。

    A NapCat in memory: a small QQ world behind all four transports of OneBot 11.

    The bot is 10001 (owner of the group), its friend Alice is 20001; group 30001 also has
    Bob 20002 (admin) and Carol 20003. Everything listens on 127.0.0.1 only.

    bot: a bot of any class that is not started. It is given the simulator's addresses and free
    ports, started and connected, and left as it was at the end; a handler of it that raises
    fails the test then. access_token: what bots must show; None asks for nothing, or for what
    the given bot shows.
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
        bot: Any = None,
        *,
        access_token: str | None = None,
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
            raise ValueError(
                f"message_format 是 array 或 string，不能是 {message_format!r}。"
                f" message_format is array or string, not {message_format!r}."
            )
        self._hosted = None if bot is None else HostedBot(bot)
        if self._hosted and access_token is None:
            access_token = self._hosted.token
        self._access_token = access_token
        self.world = World(message_format, report_self_message)
        self._core = Core(access_token, self.world, heart_interval, max_frames)
        self._watch = MistakeWatch(bot, self._core.journal)
        ports = (http_port, ws_port)
        self._transports = Transports(self._core, ports, keep_alive, reconnect_interval / 1000)
        self.world.listeners.append(self._core.publish)
        self.world.bot_sent = self._note_reply
        self.world.file_url = self._file_url

    # running

    def start(self) -> Simulator:
        """开始监听，并启动机器人；端口被占用时抛出 OSError。

        Listen, and start the bot; OSError when a port is taken, and then nothing listens.
        """
        if self._transports.running:
            return self
        if self._hosted:
            self._hosted.require_stopped()
        with ExitStack() as undone:  # in case that the bot does not start
            undone.callback(self.stop)
            self._core.begin_anew()
            self._watch.start()
            self._transports.start()
            if self._hosted:
                self._connect(self._hosted)
            undone.pop_all()
        return self

    def _connect(self, hosted: HostedBot) -> None:
        hosted.start(self.http_url, self.ws_url)
        if hosted.receives == "post":
            self._transports.post_to(hosted.url, hosted.secret, for_good=False)
        elif hosted.receives == "reverse":
            self._transports.connect_to(hosted.url, self._access_token, for_good=False)
        if hosted.receives:
            self.wait_connected(CONNECT_SECONDS)
            hosted.wait_connected(CONNECT_SECONDS)

    def stop(self) -> None:
        """停止机器人，断开一切连接；可以再次 start()。

        Stop the bot, close every connection and end every thread, within a few seconds. May be
        started again: the calls, frames and errors then begin anew, the world goes on.
        """
        try:
            if self._hosted:
                self._hosted.stop()
        finally:
            self._transports.stop()
            self._watch.stop()

    def __enter__(self) -> Simulator:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        __tracebackhide__ = True
        if self._hosted and error is None:
            self._core.settle(SETTLE_SECONDS)  # a handler may still fail at the last event
        self.stop()
        failure = self._unexpected() if self._hosted and error is None else None
        if failure is not None:
            raise failure

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
        __tracebackhide__ = True
        if not self._transports.wait_connected(timeout):
            raise self._failed(
                f"{timeout:g} 秒内没有机器人连上。", f"nobody connected within {timeout:g} s."
            )

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
