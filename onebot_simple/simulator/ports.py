"""Listening sockets on loopback, and the rule that only loopback may talk to them."""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit

HOST = "127.0.0.1"


def listen(port: int) -> socket.socket:
    """Return a listening socket on 127.0.0.1; port 0 takes any free one."""
    try:
        return socket.create_server((HOST, port), backlog=128)
    except OverflowError as error:
        raise ValueError(f"port {port} is not in 0..65535. 端口号要在 0 到 65535 之间。") from error
    except OSError as error:
        raise OSError(
            error.errno,
            f"cannot listen on {HOST}:{port}: {error.strerror}."
            f" 端口 {port} 用不了：是不是已经有 NapCat、练习场或另一个模拟器在运行？",
        ) from error


def free_or_zero(port: int) -> int:
    """Return the port if it can be listened on now, else 0 (any free one)."""
    try:
        listen(port).close()
    except OSError:
        return 0
    return port


def is_loopback(host: str | None) -> bool:
    if host is None:
        return False
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def may_enter(host: str | None, origin: str | None) -> bool:
    """Whether a request with these headers came for loopback and from no foreign web page."""
    try:
        host_allowed = not host or is_loopback(urlsplit(f"//{host}").hostname)
        origin_allowed = not origin or is_loopback(urlsplit(origin).hostname)
    except ValueError:
        return False
    return host_allowed and origin_allowed


def require_loopback(url: str, schemes: tuple[str, ...]) -> None:
    parts = urlsplit(url)
    if parts.scheme not in schemes:
        raise ValueError(f"{url!r} does not begin with {schemes[0]}://. 地址的开头不对。")
    if not is_loopback(parts.hostname):
        raise ValueError(
            f"the simulator connects to this machine only, not to {parts.hostname!r}."
            " 模拟器只连接本机，请写 127.0.0.1。"
        )
