"""命令行：python -m onebot_simple playground ……

The command line. Each command is a function `run(options)` in a module that is loaded only when
its command is given.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module


def main(arguments: Sequence[str] | None = None) -> int:
    """执行一条命令，返回退出码。

    Carry out one command. Returns the exit code: 0 is fine, 1 failed, 2 badly asked.
    """
    for stream in (sys.stdout, sys.stderr):  # a GBK console must not fail at an emoji
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    options = _parser().parse_args(arguments)
    code: int = import_module(options.module, "onebot_simple").run(options)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m onebot_simple",
        description="OneBot 11 的小工具。Small tools for OneBot 11.",
    )
    commands = parser.add_subparsers(title="命令 commands", metavar="COMMAND", required=True)
    _add_playground(commands)
    return parser


def _add_playground(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    words = "不用 QQ 账号，在网页上和机器人聊天。Chat with a bot on a web page; no QQ account."
    command = commands.add_parser("playground", help=words, description=words)
    command.set_defaults(module=".simulator.playground")
    command.add_argument(
        "bot", nargs="?", help="你的机器人文件，默认是回声机器人 your bot's file (an echo bot)"
    )
    command.add_argument(
        "--token", help="access_token；也是推送的 secret also signs the pushed events"
    )
    for name, default, words in (
        ("--http-port", 3000, "HTTP API 的端口 port of the HTTP API"),
        ("--ws-port", 3001, "WebSocket 的端口 port of the WebSocket server"),
        ("--page-port", 8000, "网页的端口 port of the page"),
    ):
        command.add_argument(
            name, type=_port, default=default, metavar="PORT", help=f"{words} ({default})"
        )
    for name, url, words in (
        ("--post-url", "http://127.0.0.1:8080/", "把事件 POST 到这里 events are posted here"),
        ("--reverse-url", "ws://127.0.0.1:8765", "反向 WebSocket 连到这里 dialled by us"),
    ):
        command.add_argument(name, default=url, metavar="URL", help=f"{words} ({url})")
    command.add_argument(
        "--no-browser", action="store_true", help="不打开浏览器 do not open the browser"
    )


def _port(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"{text!r}: 端口是 0 到 65535 的数字 a port is a number")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
