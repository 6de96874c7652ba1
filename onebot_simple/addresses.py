"""检查用户给的地址等，并把连不上的原因说清楚。

Checks addresses and the like, and says in plain words why a connection cannot be made.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import ssl
from functools import lru_cache
from typing import NamedTuple, TypeAlias
from urllib.parse import SplitResult, quote, unquote, urlsplit

from .errors import NetworkError, printable

WEBUI_PORT = 6099
OTHER_NAME = (62, 64)  # of OpenSSL: the host name, the IP address does not match
LONGEST_SECONDS = 7 * 24 * 3600  # sockets and locks take no time without end
OTHER_SCHEME = {"http": "ws", "https": "ws", "ws": "http", "wss": "http"}
FULL_WIDTH = re.compile("[\uff01-\uff5e\u3000\u3002]")  # what a Chinese keyboard types for : / .
HOST = re.compile(r"[\w.-]+|[0-9a-f:.]+(%[\w.-]+)?", re.ASCII)  # a name or IPv4, or IPv6
STRAY_PERCENT = re.compile("%(?![0-9a-fA-F]{2})")  # one that encodes nothing

Words: TypeAlias = tuple[str, str]  # the same in Chinese and in English

WEBUI_ADVICE: Words = (
    "6099 是 NapCat 的 WebUI 端口，不是 API 端口：在 WebUI 的“网络配置”里看真正的端口。",
    "6099 is the port of NapCat's WebUI, not of its API: its page 网络配置 shows the right one.",
)
NOT_FOR_LACK_OF_TLS = (ssl.SSLCertVerificationError, ConnectionRefusedError, socket.gaierror)


class Address(NamedTuple):
    """An address to dial. All of it is ASCII, and the access_token is taken out of it."""

    base: str  # such as "ws://127.0.0.1:3001/path"; it holds no secret, so it may be shown
    query: str  # what follows the base: "", or such as "?a=b"
    host: str
    port: int
    secure: bool  # whether TLS is wanted
    token: str | None  # the access_token that stood in the query

    @property
    def url(self) -> str:
        return self.base + self.query


def check_url(url: str, scheme: str) -> Address:
    """Take apart a URL that can be dialled; `scheme` is "http" or "ws".

    ValueError says what is wrong with it: every part is used, or refused.
    """
    if not isinstance(url, str):
        raise TypeError(f"地址要写成字符串，不是 {url!r}。 The address must be a str, not {url!r}.")
    text = url.strip()
    problem = _problem_of_text(text) or _problem_of_parts(text, scheme)
    if problem:
        said = without_secrets(text)
        example = f"{scheme}://127.0.0.1:{3000 if scheme == 'http' else 3001}"
        raise ValueError(
            f"地址“{said}”{problem[0]}，例如 {example}。 "
            f'The address "{said}" {problem[1]}, for example {example}.'
        )
    parts = urlsplit(text)
    host, secure = _host_in_ascii(parts), parts.scheme == scheme + "s"
    query, token = _take_token(parts.query)
    return Address(
        base=f"{parts.scheme}://{authority(host, parts.port)}{_in_ascii(parts.path)}",
        query=query,
        host=host,
        port=parts.port or (443 if secure else 80),
        secure=secure,
        token=check_token(token),
    )


def _problem_of_text(text: str) -> Words | None:
    """What keeps an address from being taken apart, and what to do about it."""
    before_path = re.match("[^/]*(//)?[^/?#]*", text)
    if "<" in text or ">" in text:
        return (
            "里还有占位符：把 <host>:<port> 换成真的地址",
            "still holds a placeholder: put a real address in place of <host>:<port>",
        )
    if before_path and (found := FULL_WIDTH.search(before_path.group())):
        sign = found.group()
        return (
            f"里有全角符号“{sign}”：用英文输入法输入",
            f'holds the full-width sign "{sign}": use ASCII',
        )
    if not text.isprintable():  # urlsplit() leaves some of these out without a word
        return "里有看不见的字符：重新输入一遍", "holds an invisible character: type it again"
    try:
        urlsplit(text).port  # noqa: B018
    except ValueError:  # its words may hold a piece of a password
        return (
            "的主机或端口写错了：端口是 1 到 65535 的数字，IPv6 地址放在 [] 里",
            "is not an address, its host or port is wrong: a port is a number from 1 to 65535, and "
            "an IPv6 address stands in []",
        )
    return None


def _problem_of_parts(text: str, scheme: str) -> Words | None:
    """Which part of an address cannot be used, and what to do about it."""
    parts = urlsplit(text)
    if OTHER_SCHEME.get(parts.scheme) == scheme:
        return (
            f"以 {parts.scheme}:// 开头，这里要用 {scheme}:// 或 {scheme}s://，端口也不同"
            "（NapCat 默认 HTTP 3000，WebSocket 3001）",
            f"begins with {parts.scheme}://, {scheme}:// or {scheme}s:// is needed here, with "
            "another port (NapCat's are 3000 and 3001)",
        )
    is_ours = parts.scheme in (scheme, scheme + "s")
    if not is_ours or parts.port == 0 or not HOST.fullmatch(_host_in_ascii(parts)):
        return (
            f"不是带主机的 {scheme}:// 地址：写完整",
            f"is not a {scheme}:// address with a host: write all of it",
        )
    if "@" in parts.netloc:
        return (
            "里有用户名或密码（@ 前面的部分）：去掉它，密钥写在 access_token= 里",
            "holds a user or a password (before the @): give the token as access_token= instead",
        )
    if "#" in text:
        return (
            "里有 #，它和后面的内容不会发给 OneBot：去掉它，密钥写在 access_token= 里",
            "holds a #, and neither it nor the rest would be sent: give the token as access_token=",
        )
    return None


def _host_in_ascii(parts: SplitResult) -> str:
    try:
        return (parts.hostname or "").encode("idna").decode()
    except UnicodeError:
        return ""


def _in_ascii(text: str) -> str:
    """A path or a query with everything percent-encoded that a URL cannot hold."""
    return quote(STRAY_PERCENT.sub("%25", text), safe="%/:?@!$&'()*+,;=~")


def _take_token(query: str) -> tuple[str, str | None]:
    """The query without its access_token, which must not get into errors and logs; the token."""
    token, kept = None, []
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        if unquote(name) == "access_token":
            token = unquote(value)  # a plus sign stays one: tokens hold more of them than blanks
        elif pair:
            kept.append(_in_ascii(pair))
    return ("?" + "&".join(kept) if kept else ""), token


def check_token(token: str | None, name: str = "access_token") -> str | None:
    """The token, if a header can carry it. `name` is what the user calls it."""
    if token is None:
        return None
    if not isinstance(token, str):
        raise TypeError(f"{name} 要写成字符串。 {name} must be a str.")
    if not token.isascii() or not token.isprintable() or token != token.strip():
        raise ValueError(
            f"{name} 里不能有中文、换行，首尾不能有空格：是不是复制多了？ "
            f"{name} may hold ASCII letters, digits and signs only, and no blank at its ends: "
            "was too much copied?"
        )
    return token


def check_seconds(value: float, name: str) -> float:
    """The value, if it is a time that one can wait."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not 0 < value <= LONGEST_SECONDS:
        raise ValueError(
            f"{name} 是秒数，要大于 0，最多一个星期，不能是 {value!r}。 "
            f"{name} must be a number of seconds above 0 and up to a week, not {value!r}."
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
            f"ca_file {path!r} 打不开，或者里面没有证书（{error}）：检查路径，格式要是 PEM。 "
            f"ca_file {path!r} cannot be used: {error}. Check the path; the format must be PEM."
        ) from None
    return path


def without_secrets(url: str) -> str:
    """The URL as it may be shown: without query, fragment, password and control characters."""
    # a password may hold any sign, so that nobody knows where it ends
    return "..." if "@" in url else re.split("[?#]", printable(url))[0]


def authority(host: str, port: int | None) -> str:
    """Host and port as they stand in a URL: an IPv6 address has brackets there."""
    host = f"[{host}]" if ":" in host else host
    return host if port is None else f"{host}:{port}"


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
    fact, (chinese, english) = _reason(error)
    parts, shown = urlsplit(url), without_secrets(url)
    if parts.port is None:
        chinese = f"地址里没有写端口，NapCat 的默认是 3000（HTTP）和 3001（WebSocket）。{chinese}"
        english = f"There is no port in the address, NapCat's are 3000 and 3001. {english}"
    if parts.scheme in ("wss", "https") and not isinstance(error, NOT_FOR_LACK_OF_TLS):
        plain = parts.scheme[:-1]
        chinese += f"如果对方没有开 TLS，就用 {plain}://。"
        english += f" If there is no TLS on the other side, use {plain}://."
    said = f"连不上 {shown}：{fact[0]}", f"Cannot connect to {shown}: {fact[1]}"
    return wrong_service(url, said, (chinese, english))


def wrong_service(url: str, fact: Words, advice: Words) -> NetworkError:
    """The error to raise when there is no OneBot at `url`, or not the one that was expected.

    On the port of NapCat's WebUI the advice is always to take another port.
    """
    if urlsplit(url).port == WEBUI_PORT:
        advice = WEBUI_ADVICE
    chinese, english = (printable(words).rstrip("。.") for words in fact)
    return NetworkError(f"{chinese}。{advice[0]} {english}. {advice[1]}")


def _reason(error: BaseException) -> tuple[Words, Words]:
    """Why a connection could not be made, and what to check."""
    if isinstance(error, ConnectionRefusedError):
        return ("对方拒绝连接", "connection refused"), (
            "NapCat（或练习场）启动了吗？网络配置里的这个服务器启用了吗？地址和端口对吗？"
            "NapCat 在 Docker 里时，端口映射了吗？",
            "Is NapCat (or the playground) running, is this server enabled in its network "
            "settings, are address and port right? If NapCat runs in Docker, is the port mapped?",
        )
    if isinstance(error, socket.gaierror):
        fact = "找不到这个主机名", "the host name does not resolve"
        return fact, ("写对了吗？网络和 DNS 正常吗？", "Is it right, do network and DNS work?")
    if isinstance(error, TimeoutError):
        fact = "等了很久没有回应", "no answer in time"
        return fact, ("地址和端口对吗？防火墙放行了吗？", "Are address, port and firewall right?")
    if isinstance(error, ssl.SSLCertVerificationError):
        return _certificate_reason(error)
    if isinstance(error, ConnectionError):
        fact = "连接马上被断开了", "the connection was closed at once"
        return fact, (
            "端口对吗？可能是别的程序。",
            "Is the port right? It may be another program's.",
        )
    words = str(error) or type(error).__name__
    fact = words, words
    if isinstance(error, ssl.SSLError):
        fact = f"TLS 失败（{error.reason or words}）", f"TLS failed ({error.reason or words})"
    return fact, ("检查地址、端口和网络。", "Check address, port and network.")


def _certificate_reason(error: ssl.SSLCertVerificationError) -> tuple[Words, Words]:
    words = error.verify_message
    if error.verify_code in OTHER_NAME:
        fact = f"证书是给别的名字的（{words}）", f"the certificate is for another name ({words})"
        return fact, ("地址里的主机名要和证书上的一样。", "Use the host name of the certificate.")
    return (f"证书不受信任（{words}）", f"the certificate is not trusted ({words})"), (
        "自签名证书：用 ca_file= 指定签发它的证书。",
        "If it is self-signed, give the certificate that signed it as ca_file=.",
    )
