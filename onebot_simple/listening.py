"""服务器在哪里监听，监听不了的话是为什么。

Where a server listens, and in plain words why it cannot.
"""

from __future__ import annotations

import errno
import ipaddress
import logging
import re
import socket
import time
from contextlib import suppress
from urllib.parse import urlsplit

from .addresses import Words, authority
from .errors import NetworkError

log = logging.getLogger("onebot_simple")

NAPCAT_PORTS = (3000, 3001)
SAID_AGAIN_SECONDS = 60  # how often a warning comes again
HOST_NAME = re.compile(r"[^\s:/?#@<>\[\]()\x00-\x1f：]+")


def check_host(host: object, kind: str = "WsServer") -> str:
    """The host, if it is one to listen at; else an error that shows how to call `kind`."""
    if isinstance(host, str) and not host.isdecimal():
        bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
        if _is_ip(bare) or HOST_NAME.fullmatch(host):
            return bare
    call = f"{kind}({_right_arguments(host)})"
    error = ValueError if isinstance(host, str) else TypeError
    raise error(
        f"host 只写在哪里监听（主机），端口另外写：请写成 {call}。 host is only the address "
        f"to listen at, and the port is an argument of its own: write {call}."
    )


def _right_arguments(host: object) -> str:
    """The arguments that were meant by what was given as the host."""
    text = str(host).replace("：", ":") if isinstance(host, (str, int)) else ""
    if text.isdecimal():
        return f"port={text}"
    name, port = "", None
    with suppress(ValueError):
        parts = urlsplit(text if "://" in text else f"//{text}")
        name, port = parts.hostname or "", parts.port
    if not _is_ip(name) and not HOST_NAME.fullmatch(name):
        name = "127.0.0.1"
    return f'"{name}"' if port is None else f'"{name}", {port}'


def _is_ip(host: str) -> bool:
    with suppress(ValueError):
        return bool(ipaddress.ip_address(host))
    return False


def check_port(port: object) -> int:
    """The port, if it is one; 0 lets the system choose."""
    if isinstance(port, bool) or not isinstance(port, int) or not 0 <= port <= 65535:
        raise ValueError(
            f"port 要写成 0 到 65535 的整数（不加引号），不能是 {port!r}。 "
            f"port must be a number from 0 to 65535 (an int, without quotes), not {port!r}."
        )
    return port


def is_everywhere(host: str) -> bool:
    """Whether a server at `host` listens on all addresses of this machine."""
    return _is_ip(host) and ipaddress.ip_address(host).is_unspecified


def host_to_dial(host: str) -> str:
    """The host in the URL of a server that listens at `host`: nobody can dial 0.0.0.0."""
    return "127.0.0.1" if is_everywhere(host) else host


def where_it_listens(url: str, host: str) -> str:
    """The URL for the log, with the one for other machines if they can reach a server at `host`."""
    if is_everywhere(host):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, suppress(OSError):
            probe.connect(("192.0.2.1", 9))  # sends nothing, but chooses our end of the way
            elsewhere = url.replace("127.0.0.1", probe.getsockname()[0], 1)
            return f"{url} （别的机器 / from other machines: {elsewhere}）"
    return url


def listen(host: str, port: int, backlog: int) -> socket.socket:
    """A listening socket, or the NetworkError that says why there is none.

    The host "::" stands for both families, IPv4 and IPv6, where the system can do that.
    """
    check_port(port)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    both = family == socket.AF_INET6 and is_everywhere(host) and socket.has_dualstack_ipv6()
    try:
        return socket.create_server(
            (host, port), family=family, backlog=backlog, dualstack_ipv6=both
        )
    except (OSError, UnicodeError) as error:  # UnicodeError: a name with a part that is too long
        log.debug("listen() failed", exc_info=True)
        at, (chinese, english) = authority(host, port), _reason(port, error)
        raise NetworkError(
            f"无法在 {at} 监听：{chinese}。 Cannot listen on {at}: {english}."
        ) from None


def _reason(port: int, error: OSError | UnicodeError) -> Words:
    number = error.errno if isinstance(error, OSError) else None
    if number == errno.EACCES:
        return "没有权限。换一个 1024 以上的端口", "not allowed. Use a port above 1024"
    if number != errno.EADDRINUSE:
        return (
            "这台机器上没有这个地址。host 写 127.0.0.1（只给本机）或 0.0.0.0（也给别的机器）",
            "this machine has no such address. Use the host 127.0.0.1, or 0.0.0.0 for others, too",
        )
    if port in NAPCAT_PORTS:
        return (
            f"端口被占用。{port} 是 NapCat 自己的默认端口，请换一个",
            f"the port is already in use. {port} is NapCat's own default port, use another one",
        )
    return (
        "端口被占用。关掉占用它的程序（也许是上一次没退出的机器人），或者换一个端口",
        "the port is already in use. End its program (perhaps an earlier bot), or use another port",
    )


def warn_once_a_minute(said: dict[str, float], line: str) -> None:
    """Log a warning, unless it was logged less than a minute ago. `said`: what was, and when."""
    now = time.monotonic()
    for old, then in list(said.items()):
        if now - then > SAID_AGAIN_SECONDS:
            said.pop(old, None)
    if said.setdefault(line, now) == now:
        log.warning(line)
