"""检查用户给的地址等，并把连不上的原因说清楚。

Checks addresses and the like, and says in plain words why a connection cannot be made.
"""

from __future__ import annotations

import errno
import ipaddress
import logging
import re
import socket
import ssl
from functools import lru_cache
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

from .errors import NetworkError, printable

log = logging.getLogger("onebot_simple")

WEBUI_PORT = 6099
OTHER_NAME = (62, 64)  # of OpenSSL: the host name, the IP address does not match
LONGEST_SECONDS = 7 * 24 * 3600  # sockets and locks take no time without end
NAPCAT_PORTS = {3000: "HTTP", 3001: "WebSocket"}
HOST_NAME = re.compile(r"[^\s:/?#@<>\[\]()\x00-\x1f：]+")


def check_url(url: str, scheme: str) -> SplitResult:
    """The parts of a URL that is fit to be dialled; `scheme` is "http" or "ws".

    ValueError says what is wrong with it.
    """
    if not isinstance(url, str):
        raise TypeError(f"the address must be a str, not {url!r}. 地址要写成字符串。")
    other = {"http": "ws", "ws": "http"}[scheme]
    said = f'"{without_secrets(url)}"'
    if "<" in url or ">" in url:
        raise ValueError(
            f"{said} still holds a placeholder. "
            f"请把 <host>:<port> 换成真的地址，例如 {scheme}://127.0.0.1:{_usual_port(scheme)}。"
        )
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError as error:
        raise ValueError(f"{said} is not an address: {error}. 地址写错了，检查端口号。") from error
    if parts.scheme in (other, other + "s"):
        raise ValueError(
            f"{said} begins with {parts.scheme}://, {scheme}:// or {scheme}s:// is needed here. "
            "HttpClient 用 http://，WsClient 用 ws://，端口也不同（NapCat 默认 3000 和 3001）。"
        )
    if parts.scheme not in (scheme, scheme + "s") or not parts.hostname or port == 0:
        raise ValueError(
            f"{said} is not a {scheme}:// address with a host. "
            f"地址要像 {scheme}://127.0.0.1:{_usual_port(scheme)} 这样写。"
        )
    return parts


def _usual_port(scheme: str) -> int:
    return 3000 if scheme == "http" else 3001


def check_token(token: str | None) -> str | None:
    """The token, if a header can carry it."""
    if token is None:
        return None
    if not isinstance(token, str):
        raise TypeError("access_token must be a str. access_token 要写成字符串。")
    if not token.isascii() or not token.isprintable() or token != token.strip():
        raise ValueError(
            "access_token may hold ASCII letters, digits and signs only. "
            "access_token 里不能有中文、换行，首尾不能有空格：是不是复制多了？"
        )
    return token


def take_token(query: str) -> tuple[str, str | None]:
    """A query without its access_token, which urllib3 would put into its errors and its log; and
    the token."""
    pairs = parse_qsl(query, keep_blank_values=True)
    tokens = [value for name, value in pairs if name == "access_token"]
    if not tokens:
        return query, None
    return urlencode([pair for pair in pairs if pair[0] != "access_token"]), tokens[-1]


def check_seconds(value: float, name: str) -> float:
    """The value, if it is a time that one can wait."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not 0 < value <= LONGEST_SECONDS:
        raise ValueError(
            f"{name} must be a number of seconds above 0 and up to {LONGEST_SECONDS} (a week), "
            f"not {value!r}. 单位是秒，最长一个星期。"
        )
    return value


def check_ca_file(path: str | None) -> str | None:
    """The path, if a file with certificates is there."""
    if path is None:
        return None
    try:
        ssl.create_default_context(cafile=path)
    except (OSError, TypeError) as error:
        raise ValueError(
            f"ca_file {path!r} cannot be used: {error}. 证书文件打不开：检查路径，格式要是 PEM。"
        ) from error
    return path


def without_secrets(url: str) -> str:
    """The URL as it may be shown: without query, password, fragment and control characters."""
    address = printable(url.split("?")[0].split("#")[0])
    scheme, separator, rest = address.partition("://")
    return scheme + separator + rest.rpartition("@")[2] if separator else address


def authority(host: str, port: int) -> str:
    """Host and port as they stand in a URL: an IPv6 address has brackets there."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def is_loopback(host: str) -> bool:
    """Whether only this machine is meant by `host`."""
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


@lru_cache(16)  # asked for each event, and it is always the same
def names_this_machine(host: str) -> bool:
    """Whether a Host header names this machine; the name of a web page that was pointed here
    (DNS rebinding) does not."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    return is_loopback(name) or name == "host.docker.internal"  # Docker's, from the inside


def cannot_connect(url: str, error: BaseException) -> NetworkError:
    """The error to raise when dialling `url` failed with `error`."""
    reason, advice = _reason(error)
    parts = urlsplit(url)
    if parts.port == WEBUI_PORT:
        advice = (
            "6099 是 NapCat 的 WebUI 端口，不是 API 端口：在 WebUI 的“网络配置”里看真正的端口。"
        )
    if parts.port is None:
        advice = "地址里没有写端口，NapCat 的默认是 :3000（HTTP）和 :3001（WebSocket）。" + advice
    if parts.scheme in ("wss", "https") and isinstance(error, (ssl.SSLError, ConnectionError)):
        advice += "如果对方没有开 TLS，就用 ws:// 或 http://。"
    said = printable(reason).rstrip(".")
    return NetworkError(f"cannot connect to {without_secrets(url)}: {said}. 连不上：{advice}")


def _reason(error: BaseException) -> tuple[str, str]:
    if isinstance(error, ConnectionRefusedError):
        return "connection refused", (
            "NapCat（或练习场）启动了吗？网络配置里的这个服务器启用了吗？地址和端口对吗？"
            "NapCat 在 Docker 里时，端口映射了吗？"
        )
    if isinstance(error, socket.gaierror):
        return "the host name does not resolve", "检查主机名有没有写错，网络和 DNS 正常吗？"
    if isinstance(error, TimeoutError):
        return "no answer in time", "检查地址和端口，以及防火墙、安全组有没有放行。"
    if isinstance(error, ssl.SSLCertVerificationError):
        if error.verify_code in OTHER_NAME:
            return f"the certificate is for another name ({error.verify_message})", (
                "地址里的主机名要和证书上的一样：换成证书上的那个名字。"
            )
        return f"the certificate is not trusted ({error.verify_message})", (
            "自签名证书不被信任：用 ca_file= 指定签发它的证书，或者换成受信任的证书。"
        )
    if isinstance(error, ssl.SSLError):
        return f"TLS failed ({error.reason or error})", "对方可能没有开 TLS，或者端口不对。"
    if isinstance(error, ConnectionError):
        return "the connection was closed at once", "端口对吗？这个端口上可能是别的程序。"
    return str(error) or type(error).__name__, "检查地址、端口和网络。"


def check_host(host: object, kind: str = "WsServer") -> str:
    """The host, if it is one to listen at; else an error that shows how to call `kind`."""
    if isinstance(host, str):
        bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
        if _is_ip(bare) or (HOST_NAME.fullmatch(host) and not host.isdecimal()):
            return bare
    call = f"{kind}({_right_arguments(host)})"
    error = ValueError if isinstance(host, str) else TypeError
    raise error(
        f"host 只写在哪里监听（主机），端口另外写：请写成 {call}。 host is only the address "
        f"to listen at, and the port is an argument of its own: write {call}."
    )


def _right_arguments(host: object) -> str:
    """The arguments that were meant by what was given as the host."""
    if isinstance(host, int) or (isinstance(host, str) and host.isdecimal()):
        return f"port={host}" if not isinstance(host, bool) else "port=8765"
    text = host.replace("：", ":") if isinstance(host, str) else ""
    try:
        parts = urlsplit(text if "://" in text else f"//{text}")
        name, port = parts.hostname or "", parts.port
    except ValueError:
        name, port = "", None
    if not _is_ip(name) and not HOST_NAME.fullmatch(name):
        name = "127.0.0.1"
    return f'"{name}"' if port is None else f'"{name}", {port}'


def _is_ip(host: str) -> bool:
    try:
        return bool(ipaddress.ip_address(host))
    except ValueError:
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
    address = _address_of_this_machine() if is_everywhere(host) else None
    if address is None:
        return url
    elsewhere = url.replace("//127.0.0.1:", f"//{address}:", 1)
    return f"{url} （别的机器 / from other machines: {elsewhere}）"


def _address_of_this_machine() -> str | None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing, but chooses our end of the way
        except OSError:
            return None
        address: str = probe.getsockname()[0]
    return address


def listen(host: str, port: int, backlog: int) -> socket.socket:
    """A listening socket, or the NetworkError that says why there is none.

    The host "::" stands for both families, IPv4 and IPv6, where the system can do that.
    """
    check_port(port)
    is_ipv6 = ":" in host
    both = is_ipv6 and is_everywhere(host) and socket.has_dualstack_ipv6()
    try:
        return socket.create_server(
            (host, port),
            family=socket.AF_INET6 if is_ipv6 else socket.AF_INET,
            backlog=backlog,
            dualstack_ipv6=both,
        )
    except (OSError, UnicodeError) as error:  # UnicodeError: a name with a part that is too long
        log.debug("listen() failed", exc_info=True)
        raise _cannot_listen(host, port, error) from None


def _cannot_listen(host: str, port: int, error: OSError | UnicodeError) -> NetworkError:
    at = authority(host, port)
    number = error.errno if isinstance(error, OSError) else None
    if number == errno.EADDRINUSE:
        chinese, english = _port_in_use(port)
    elif number == errno.EACCES:
        chinese = "没有权限。换一个 1024 以上的端口"
        english = "not allowed. Use a port above 1024"
    else:
        chinese = "这台机器上没有这个地址。host 写 127.0.0.1（只给本机）或 0.0.0.0（也给别的机器）"
        english = (
            "this machine has no such address. Use the host 127.0.0.1 (for this machine only) "
            "or 0.0.0.0 (for other machines, too)"
        )
    return NetworkError(f"无法在 {at} 监听：{chinese}。 Cannot listen on {at}: {english}.")


def _port_in_use(port: int) -> tuple[str, str]:
    if port in NAPCAT_PORTS:
        return (
            f"端口被占用。{port} 是 NapCat 自己的默认端口，请换一个",
            f"the port is already in use. {port} is NapCat's own default port, use another one",
        )
    return (
        "端口被占用。关掉占用它的程序（也许是上一次没退出的机器人），或者换一个端口",
        "the port is already in use. End the program that uses it (perhaps a bot that you "
        "started before), or use another port",
    )
