"""Listening sockets on loopback, and the rule that only loopback may talk to them."""

from __future__ import annotations

import ipaddress
import re
import socket
from urllib.parse import urlsplit

HOST = "127.0.0.1"
CONNECT_TIMEOUT = 0.5  # seconds; Windows refuses a closed port after two only


def listen(port: int) -> socket.socket:
    """Return a listening socket on 127.0.0.1; port 0 takes any free one."""
    try:
        return socket.create_server((HOST, port), backlog=128)
    except OverflowError as error:
        raise ValueError(
            f"端口号要在 0 到 65535 之间，不能是 {port}。"
            f" A port is a number from 0 to 65535, not {port}."
        ) from error
    except OSError as error:
        raise OSError(
            error.errno,
            f"端口 {port} 用不了：是不是已经有 NapCat、练习场或另一个模拟器在运行？"
            f" cannot listen on {HOST}:{port}: {error.strerror}. Is NapCat, a playground or"
            " another simulator running already?",
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
        shown = re.split("[?#]", url)[0]  # what follows may hold a token
        raise ValueError(
            f"地址要以 {schemes[0]}:// 开头，不能是 {shown!r}。"
            f" The address must begin with {schemes[0]}://: {shown!r} does not begin with it."
        )
    if not is_loopback(parts.hostname):
        raise ValueError(
            f"模拟器只连接本机，请写 127.0.0.1，不能是 {parts.hostname!r}。 the simulator connects"
            f" to this machine only: write 127.0.0.1, not {parts.hostname!r}."
        )
