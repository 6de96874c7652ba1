"""服务器在哪里监听，监听不了的话是为什么。

Where a server listens, and in plain words why it cannot.
"""

from __future__ import annotations

import errno
import re
import socket
import time
from contextlib import suppress

from .addresses import HOST, Bilingual, authority, is_loopback
from .errors import NetworkError
from .logs import log

SAID_AGAIN_SECONDS = 60
# an address holds a host and perhaps a port
ADDRESS = re.compile(r"(?:\w+://)?(?:[^/]*@)?\[?([0-9a-f:.]+(?=\])|[\w.-]+)?\]?(?::(\d+))?")


def check_host(host: object, kind: str) -> str:
    """The host, if it is one to listen at; else an error that shows how to call `kind`."""
    text = str(host) if isinstance(host, (str, int)) else ""
    bare = text.strip("[]")
    if isinstance(host, str) and not host.isdecimal() and HOST.fullmatch(bare):
        return bare
    meant, port = ADDRESS.findall(text.replace("：", ":"))[0]  # maybe it is a whole address
    arguments = f'"{meant or "127.0.0.1"}"' + (f", {port}" if port else "")
    if meant.isdecimal():
        arguments = f"port={meant}"
    error = ValueError if isinstance(host, str) else TypeError
    raise error(
        f"host 只写在哪里监听（主机），端口另外写：请写成 {kind}({arguments})。 host is only the "
        f"address to listen at, and the port is an argument of its own: write {kind}({arguments})."
    )


def check_port(port: object) -> int:
    """The port, if it is one; 0 lets the system choose."""
    if type(port) is not int or not 0 <= port <= 65535:
        raise ValueError(
            f"port 要写成 0 到 65535 的整数（不加引号），不能是 {port!r}。 "
            f"port must be a number from 0 to 65535 (an int, without quotes), not {port!r}."
        )
    return port


def is_everywhere(host: str) -> bool:
    """Whether a server at `host` listens on all addresses of this machine."""
    return host in ("0.0.0.0", "::")


def to_dial(host: str, port: int) -> str:
    """Host and port in the URL of a server that listens at `host`: nobody can dial 0.0.0.0."""
    return authority("127.0.0.1" if is_everywhere(host) else host, port)


def announce(url: str, host: str, secret: str | None, what: str) -> None:
    """Log where a server listens, and warn if the network can reach it while there is no `secret`.

    what: the name of the secret, "secret" or "access_token"."""
    if not secret and not is_loopback(host):
        log.warning(
            f"{url} 对网络开放，任何人都能冒充 OneBot：请设置 {what}。 "
            f"{url} is open to the network, and anybody can pretend to be OneBot: set {what}."
        )
    elsewhere = ""
    if is_everywhere(host):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, suppress(OSError):
            probe.connect(("192.0.2.1", 9))  # sends nothing, but chooses our end of the way
            there = url.replace("127.0.0.1", probe.getsockname()[0], 1)
            elsewhere = f" （别的机器 / from other machines: {there}）"
    log.info(f"在 {url}{elsewhere} 等待 OneBot。 listening on {url}")


def listen(host: str, port: int, backlog: int = 512) -> socket.socket:
    """A listening socket, or the NetworkError that says why there is none.

    The host "::" stands for both families, IPv4 and IPv6, where the system can do that.
    """
    check_port(port)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    both = host == "::" and socket.has_dualstack_ipv6()
    try:
        return socket.create_server(
            (host, port), family=family, backlog=backlog, dualstack_ipv6=both
        )
    except (OSError, UnicodeError) as error:  # UnicodeError: a name with a part that is too long
        log.debug("listen() failed", exc_info=True)
        at, (chinese, english) = authority(host, port), _reason(port, getattr(error, "errno", 0))
        raise NetworkError(
            f"无法在 {at} 监听：{chinese}。 Cannot listen on {at}: {english}."
        ) from None


def _reason(port: int, number: int) -> Bilingual:
    if number == errno.EACCES:
        return (
            "没有权限，或者系统保留了它，或者别的程序独占着它。换一个 1024 以上的端口",
            "not allowed, or the system or another program keeps it for itself. Use another port, "
            "above 1024",
        )
    if number != errno.EADDRINUSE:
        return (
            "这台机器上没有这个地址。host 写 127.0.0.1（只给本机）或 0.0.0.0（也给别的机器）",
            "this machine has no such address. Use the host 127.0.0.1, or 0.0.0.0 for others, too",
        )
    chinese, english = "端口被占用。", "the port is already in use."
    if port in (3000, 3001):
        chinese += f"{port} 是 NapCat 自己的默认端口。"
        english += f" {port} is NapCat's own default port."
    return (
        f"{chinese}关掉占用它的程序（也许是上一次没退出的机器人），或者换一个端口",
        f"{english} End its program (perhaps an earlier bot), or use another port",
    )


def warn_of_refusal(refusals: dict[str, float], peer: str, reason: Bilingual) -> None:
    """Log why somebody may not come in: once a minute for each peer and reason.

    refusals: what was logged, and when. The peer may choose what stands behind the first comma of
    the reason, so only the words before it count.
    """
    (chinese, english), now = reason, time.monotonic()
    for key, then in list(refusals.items()):
        if now - then > SAID_AGAIN_SECONDS:
            refusals.pop(key, None)
    key = f"{peer}: {english.partition(',')[0]}"
    if key not in refusals:
        refusals[key] = now
        log.warning(
            f"拒绝了来自 {peer} 的连接：{chinese}。 refused a connection from {peer}: {english}."
        )
