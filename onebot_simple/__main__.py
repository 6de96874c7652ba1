"""命令行：python -m onebot_simple playground ……

The command line. Each command is a function `run(options)` in a module that is loaded only when
its command is given.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import NoReturn, TypeAlias

from .addresses import check_seconds, check_token, check_url, without_secrets

SECRETS = ("--token", "--url", "--post-url", "--reverse-url")  # options that may hold one

Commands: TypeAlias = "argparse._SubParsersAction[_Parser]"

EXAMPLES = """\
例如 for example:
  python -m onebot_simple playground      先从这里开始  begin here
  python -m onebot_simple call --help     每条命令都有帮助  each command has its help
"""
CALL_EXAMPLES = """\
例如 for example:
  call get_login_info
  call send_private_msg user_id=20001 message=你好
  call send_group_msg group_id=30001 message="[CQ:at,qq=20002] hi" --url ws://127.0.0.1:3001

值是 JSON（10001、true、null、[...]、{...}、"007"）就按 JSON 读，否则是文字；message=123 也是文字。
A value that is valid JSON (10001, true, "007" ...) is read as JSON; anything else is text, and
message=123 is text, too.
Windows 的 cmd 只认双引号，里面的双引号写成 \\"。
In the cmd of Windows, use double quotes only, and write \\" for one inside.

退出码 exit code: 0 成功 done, 1 失败或没有连上 failed or not connected, 2 命令写错了 wrong command
"""
LISTEN_EXAMPLES = """\
例如 for example:
  listen ws://127.0.0.1:3001              我们去连 OneBot  we connect to OneBot
  listen --reverse ws://127.0.0.1:8765    OneBot 来连我们  OneBot connects to us
  listen http://127.0.0.1:8080/           OneBot 推送给我们  OneBot posts to us
  listen --json | jq .raw_message
  listen --save day.jsonl                 存下来，以后重放  keep it, to replay it later:
                                          playground bot.py --replay day.jsonl

Ctrl+C 结束 ends it.
"""
DOCTOR_EXAMPLES = """\
例如 for example:
  doctor http://127.0.0.1:3000            我们去调用 OneBot  we call OneBot
  doctor ws://127.0.0.1:3001              我们去连 OneBot  we connect to OneBot
  doctor --reverse ws://127.0.0.1:8765    OneBot 来连我们  OneBot connects to us
  doctor --reverse http://127.0.0.1:8080/ OneBot 推送给我们  OneBot posts to us

退出码 exit code: 0 一切正常 all is well, 1 有问题 something is wrong
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """执行一条命令，返回退出码。

    Carry out one command. Returns the exit code: 0 is fine, 1 failed, 2 the command is wrong.
    """
    for stream in (sys.stdout, sys.stderr):  # a GBK console must not fail at an emoji
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    options = _parsed(arguments)
    if options.module is None:
        _parser().print_help()
        return 0
    try:
        code: int = import_module(options.module, "onebot_simple").run(options)
    except KeyboardInterrupt:
        return 130  # as a shell counts it
    return code


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = _parser()
    options, more = parser.parse_known_args(arguments)
    # argparse does not find the params that stand behind an option
    if more and (not hasattr(options, "params") or any(word.startswith("-") for word in more)):
        parser.error(_unrecognized(more))
    for word in more:
        try:
            options.params.append(_param(word))
        except argparse.ArgumentTypeError as error:
            parser.error(str(error))
    return options


def _unrecognized(words: list[str]) -> str:
    """Name the options, and nothing else: any other word may be a secret."""
    names = [_name_of(word) for word in words if word.startswith("-")]
    if not names:
        return f"多出 {len(words)} 个词。 Words that do not belong here: {len(words)}"
    return f"不认识 unrecognized: {' '.join(names)}"


def _name_of(option: str) -> str:
    """An option without its value, which may follow without a `=`."""
    if not option.startswith("--"):
        return option[:2]
    known = next((name for name in SECRETS if option.startswith(name)), option)
    return known.partition("=")[0]


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """End with argparse's own words, which are English, and with ours."""
        self.print_usage(sys.stderr)
        words = (
            "命令写错了，加上 --help 看用法。 The command is wrong; --help shows how to write it"
        )
        self.exit(2, f"{words}: {message}\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m onebot_simple",
        description="OneBot 11 的小工具。Small tools for OneBot 11.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--version", action="version", version=_version(), help="版本 the version of the library"
    )
    parser.set_defaults(module=None)
    commands = parser.add_subparsers(title="命令 commands", metavar="COMMAND")
    _add_playground(commands)
    _add_call(commands)
    _add_listen(commands)
    _add_doctor(commands)
    return parser


def _version() -> str:
    try:
        return f"onebot-simple {version('onebot-simple')}"
    except PackageNotFoundError:  # a copied folder
        return "onebot-simple，没有安装，版本不明 not installed, so the version is not known"


def _add_playground(commands: Commands) -> None:
    words = "不用 QQ 账号，在网页上和机器人聊天。Chat with a bot on a web page; no QQ account."
    command = commands.add_parser("playground", help=words, description=words)
    command.set_defaults(module=".playground.playground")
    command.add_argument(
        "bot",
        nargs="?",
        help="你的机器人文件，默认是回声机器人 your bot's file; by default the echo bot",
    )
    command.add_argument(
        "--token",
        help="access_token；也是推送的 secret access_token, also the secret of pushed events",
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
        (
            "--reverse-url",
            "ws://127.0.0.1:8765",
            "反向 WebSocket 连到这里 the reverse WebSocket connects here",
        ),
    ):
        command.add_argument(name, default=url, metavar="URL", help=f"{words} ({url})")
    command.add_argument(
        "--replay",
        metavar="day.jsonl",
        help="重放一份日志（listen --save 保存的） push the events of a saved log",
    )
    command.add_argument(
        "--no-browser", action="store_true", help="不打开浏览器 do not open the browser"
    )


def _add_call(commands: Commands) -> None:
    words = "调用一个动作，打印整个响应。Call an action and print the whole response."
    command = _add_command(commands, "call", words, CALL_EXAMPLES)
    command.add_argument(
        "action", metavar="ACTION", help="动作的名字 the name of the action, such as get_login_info"
    )
    command.add_argument(
        "params",
        nargs="*",
        default=[],
        type=_param,
        metavar="key=value",
        help="参数 the action's params",
    )
    command.add_argument(
        "--url",
        type=_url,
        default=os.environ.get("ONEBOT_URL") or "http://127.0.0.1:3000",
        help="http:// 或 ws:// 地址，默认 ONEBOT_URL 或 http://127.0.0.1:3000 "
        "where OneBot is; by default ONEBOT_URL, else http://127.0.0.1:3000",
    )


def _add_listen(commands: Commands) -> None:
    words = "打印收到的事件，一行一个。Print the events that come, a line each."
    command = _add_command(commands, "listen", words, LISTEN_EXAMPLES)
    command.add_argument(
        "url",
        nargs="?",
        type=_url,
        metavar="URL",
        help="默认 ONEBOT_URL（如果是 ws://）或 ws://127.0.0.1:3001；加 --reverse 时 "
        "ws://127.0.0.1:8765 by default ONEBOT_URL if it is ws://, else ws://127.0.0.1:3001; with "
        "--reverse, ws://127.0.0.1:8765",
    )
    _add_reverse(command)
    command.add_argument(
        "--json", action="store_true", help="原样的 JSON，一行一个 the JSON as it came, a line each"
    )
    command.add_argument(
        "--save",
        metavar="day.jsonl",
        help="把事件接着存进这个文件（JSON Lines，不含 token） "
        "append the events to this file, as JSON Lines without tokens",
    )
    forward = os.environ.get("ONEBOT_URL", "")
    command.set_defaults(onebot_url=forward if forward.lower().startswith("ws") else None)


def _add_doctor(commands: Commands) -> None:
    words = "找出为什么连不上，该改哪里。Find out why it does not connect, and what to change."
    command = _add_command(commands, "doctor", words, DOCTOR_EXAMPLES)
    command.add_argument(
        "url",
        nargs="?",
        metavar="URL",
        help="默认 ONEBOT_URL 或 ws://127.0.0.1:3001；加 --reverse 时 ws://127.0.0.1:8765 "
        "by default ONEBOT_URL, else ws://127.0.0.1:3001; with --reverse, ws://127.0.0.1:8765",
    )
    _add_reverse(command)
    command.add_argument(
        "--wait",
        type=_seconds,
        metavar="SECONDS",
        help="等对方多久，默认 5 秒，加 --reverse 时 30 秒 how long to wait for the other side",
    )
    command.set_defaults(onebot_url=os.environ.get("ONEBOT_URL"))


def _add_command(
    commands: Commands, name: str, words: str, examples: str
) -> argparse.ArgumentParser:
    command = commands.add_parser(
        name,
        help=words,
        description=words,
        epilog=examples,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.set_defaults(module=f".tools.{name}")
    command.add_argument(
        "--token",
        type=_token,
        default=os.environ.get("ONEBOT_TOKEN"),
        help="access_token（推送的 secret），默认 ONEBOT_TOKEN by default ONEBOT_TOKEN",
    )
    return command


def _add_reverse(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--reverse",
        action="store_true",
        help="反向：OneBot 来连我们，URL 就是 NapCat 里填的地址 "
        "OneBot connects to us; URL is the address that you fill in in NapCat",
    )


def _param(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(
            f"{text!r} 不是 key=value（有空格的值要加双引号） "
            "is not key=value (quote a value that has spaces)"
        )
    return name, value


def _url(text: str) -> str:
    if "://" not in text:
        shown = without_secrets(text)
        raise argparse.ArgumentTypeError(
            f"{shown!r}: 写成 http://127.0.0.1:3000 或 ws://127.0.0.1:3001 这样的地址 "
            "write an address such as http://127.0.0.1:3000 or ws://127.0.0.1:3001"
        )
    try:
        check_url(text, "ws" if text.lower().startswith("ws") else "http")
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text


def _token(text: str) -> str | None:
    try:
        return check_token(text)
    except ValueError as error:  # which does not show the token
        raise argparse.ArgumentTypeError(str(error)) from error


def _seconds(text: str) -> float:
    try:
        return float(check_seconds(float(text), "--wait"))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _port(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text) <= 65535):
        raise argparse.ArgumentTypeError(
            f"{text!r}: 端口是 0 到 65535 的数字 a port is a number from 0 to 65535"
        )
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
