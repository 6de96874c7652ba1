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
    "6099 is the port of NapCat's WebUI, not of its API: the page 网络配置 (network "
    "settings) of the WebUI shows the right one.",
)


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
    try:
        return _taken_apart(text, scheme)
    except _Refused as refused:
        said = without_secrets(text)
        example = f"{scheme}://127.0.0.1:{3000 if scheme == 'http' else 3001}"
        chinese, english = refused.words
        raise ValueError(
            f"地址“{said}”{chinese}，例如 {example}。 "
            f'The address "{said}" {english}, for example {example}.'
        ) from None


class _Refused(Exception):
    """What is wrong with an address, and what to do about it."""

    def __init__(self, chinese: str, english: str) -> None:
        super().__init__(chinese, english)
        self.words = chinese, english


def _taken_apart(text: str, scheme: str) -> Address:
    _refuse_characters(text)
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:  # its words may hold a piece of a password
        raise _Refused(
            "的主机或端口写错了：端口是 1 到 65535 的数字，IPv6 地址放在 [] 里",
            "is not an address, its host or port is wrong: a port is a number from 1 to 65535, and "
            "an IPv6 address stands in []",
        ) from None
    _refuse_parts(parts, text, scheme)
    host = _host_in_ascii(parts)
    if not HOST.fullmatch(host) or port == 0:
        raise _no_address(scheme)
    secure = parts.scheme == scheme + "s"
    place = (f"[{host}]" if ":" in host else host) + (f":{port}" if port else "")
    query, token = _take_token(parts.query)
    return Address(
        base=f"{parts.scheme}://{place}{_in_ascii(parts.path)}",
        query=query,
        host=host,
        port=port or (443 if secure else 80),
        secure=secure,
        token=check_token(token),
    )


def _refuse_characters(text: str) -> None:
    if "<" in text or ">" in text:
        raise _Refused(
            "里还有占位符：把 <host>:<port> 换成真的地址",
            "still holds a placeholder: put a real address in place of <host>:<port>",
        )
    before_path = re.match("[^/]*(//)?[^/?#]*", text)
    if before_path and (found := FULL_WIDTH.search(before_path.group())):
        raise _Refused(
            f"里有全角符号“{found.group()}”：用英文输入法重新输入",
            f'holds the full-width sign "{found.group()}": type it with an English keyboard',
        )
    if not text.isprintable():  # urlsplit() leaves some of these out without a word
        raise _Refused(
            "里有看不见的字符（例如换行）：重新输入一遍",
            "holds an invisible character, such as a line break: type it again",
        )


def _refuse_parts(parts: SplitResult, text: str, scheme: str) -> None:
    if OTHER_SCHEME.get(parts.scheme) == scheme:
        raise _Refused(
            f"以 {parts.scheme}:// 开头，这里要用 {scheme}:// 或 {scheme}s://：HttpClient 用 http://，"
            "WsClient 用 ws://，端口也不同（NapCat 默认 3000 和 3001）",
            f"begins with {parts.scheme}://, {scheme}:// or {scheme}s:// is needed here: "
            "HttpClient takes http://, WsClient takes ws://, on another port (NapCat's are 3000 "
            "and 3001)",
        )
    if parts.scheme not in (scheme, scheme + "s") or not parts.hostname:
        raise _no_address(scheme)
    if "@" in parts.netloc:
        raise _Refused(
            "里有用户名或密码（@ 前面的部分），OneBot 没有这些：去掉它，密钥写在 access_token= 里",
            "holds a user or a password (what stands before the @), and OneBot knows neither: "
            "remove it, and give the token as access_token=",
        )
    if "#" in text:
        raise _Refused(
            "里有 #，它和后面的内容不会发给 OneBot：去掉它；如果它是密钥的一部分，"
            "密钥写在 access_token= 里",
            "holds a #, and neither it nor what follows would be sent to OneBot: remove it; if it "
            "belongs to the token, give the token as access_token=",
        )


def _no_address(scheme: str) -> _Refused:
    return _Refused(
        f"不是带主机的 {scheme}:// 地址：写完整",
        f"is not a {scheme}:// address with a host: write all of it",
    )


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
            f"{name} 是秒数，要大于 0，最多 {LONGEST_SECONDS}（一个星期），不能是 {value!r}。 "
            f"{name} must be a number of seconds above 0 and up to {LONGEST_SECONDS} (a week), "
            f"not {value!r}."
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
    """The URL as it may be shown: without query, password, fragment and control characters."""
    scheme, separator, rest = printable(url).partition("://")
    if not separator:
        scheme, rest = "", scheme
    shown = re.split("[?#]", rest)[0]
    if "@" in rest[len(shown) :]:  # the ? or # may stand in a password, which begins with a colon
        shown = shown.partition(":")[0]
    return scheme + separator + shown.rpartition("@")[2]


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
    fact, advice = _reason(error)
    parts = urlsplit(url)
    if parts.port is None:
        advice = (
            "地址里没有写端口，NapCat 的默认是 :3000（HTTP）和 :3001（WebSocket）。" + advice[0],
            "There is no port in the address, NapCat's are :3000 (HTTP) and :3001 (WebSocket). "
            + advice[1],
        )
    if parts.scheme in ("wss", "https") and _may_lack_tls(error):
        plain = parts.scheme[:-1]
        advice = (
            advice[0] + f"如果对方没有开 TLS，就用 {plain}://。",
            advice[1] + f" If there is no TLS on the other side, use {plain}://.",
        )
    shown = without_secrets(url)
    return wrong_service(
        url, (f"连不上 {shown}：{fact[0]}", f"Cannot connect to {shown}: {fact[1]}"), advice
    )


def _may_lack_tls(error: BaseException) -> bool:
    """Whether the other side may be one that knows nothing of TLS."""
    knows_or_is_not_there = (ssl.SSLCertVerificationError, ConnectionRefusedError, socket.gaierror)
    answers = (ssl.SSLError, ConnectionError, TimeoutError)
    return isinstance(error, answers) and not isinstance(error, knows_or_is_not_there)


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
        return ("找不到这个主机名", "the host name does not resolve"), (
            "检查主机名有没有写错，网络和 DNS 正常吗？",
            "Is it spelled right, do the network and DNS work?",
        )
    if isinstance(error, TimeoutError):
        return ("等了很久没有回应", "no answer in time"), (
            "检查地址和端口，以及防火墙、安全组有没有放行。",
            "Check address and port, and whether a firewall lets it through.",
        )
    if isinstance(error, ssl.SSLError):
        return _tls_reason(error)
    if isinstance(error, ConnectionError):
        return ("连接马上被断开了", "the connection was closed at once"), (
            "端口对吗？这个端口上可能是别的程序。",
            "Is the port right? It may be another program's.",
        )
    words = str(error) or type(error).__name__
    return (words, words), ("检查地址、端口和网络。", "Check address, port and network.")


def _tls_reason(error: ssl.SSLError) -> tuple[Words, Words]:
    if not isinstance(error, ssl.SSLCertVerificationError):
        words = error.reason or str(error)
        return (f"TLS 失败（{words}）", f"TLS failed ({words})"), (
            "对方可能没有开 TLS，或者端口不对。",
            "The other side may have no TLS, or the port is wrong.",
        )
    words = error.verify_message
    if error.verify_code in OTHER_NAME:
        return (
            f"证书是给别的名字的（{words}）",
            f"the certificate is for another name ({words})",
        ), (
            "地址里的主机名要和证书上的一样：换成证书上的那个名字。",
            "The host in the address must be the name in the certificate: use that name.",
        )
    return (f"证书不受信任（{words}）", f"the certificate is not trusted ({words})"), (
        "自签名证书：用 ca_file= 指定签发它的证书，或者换成受信任的证书。",
        "If it is self-signed, give the certificate that signed it as ca_file=, or get one that is "
        "trusted.",
    )
