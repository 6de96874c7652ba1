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

from .errors import AuthenticationError, NetworkError, printable

WEBUI_PORT = 6099
LONGEST_SECONDS = 7 * 24 * 3600  # the system refuses timeouts that are much longer
# what a Chinese keyboard types for : / . where only ASCII may stand, in front of the path
FULL_WIDTH = re.compile("[^/]*(?://)?[^/?#]*?([\uff01-\uff5e\u3000\u3002])")
# a name or an IPv4 address, or an IPv6 one
HOST = re.compile(r"[\w.-]+|[0-9a-f]*:[0-9a-f]*:[0-9a-f:.]*(%[\w.-]+)?", re.IGNORECASE)

Bilingual: TypeAlias = tuple[str, str]  # the same in Chinese and in English

# Why a connection could not be made. The first kind of error that fits counts, and {} is what the
# system says of it.
REASONS: dict[type[BaseException], Bilingual] = {
    ConnectionRefusedError: (
        "对方拒绝连接。NapCat（或练习场）启动了吗？网络配置里的这个服务器启用了吗？"
        "地址和端口对吗？NapCat 在 Docker 里时，端口映射了吗？",
        "connection refused. Is NapCat (or the playground) running, is this server enabled in its "
        "network settings, are address and port right? In Docker, is the port mapped?",
    ),
    socket.gaierror: (
        "找不到这个主机名。写对了吗？网络和 DNS 正常吗？",
        "the host name does not resolve. Is it right, do network and DNS work?",
    ),
    TimeoutError: (
        "等了很久没有回应。地址和端口对吗？防火墙放行了吗？",
        "no response in time. Are address, port and firewall right?",
    ),
    ssl.SSLCertVerificationError: (
        "证书不受信任（{}）。主机名要和证书上的一样；自签名的，用 ca_file= 给出证书。",
        "the certificate is not trusted ({}). The host name must be the one in it. If it is "
        "self-signed, give the certificate that signed it as ca_file=.",
    ),
    ssl.SSLError: (
        "TLS 失败（{}）。端口对吗？对方没有开 TLS 的话，用 http:// 或 ws://。",
        "TLS failed ({}). Is the port right? Without TLS on the other side, use http:// or ws://.",
    ),
    ConnectionError: (
        "连接马上被断开了。端口对吗？对方没有开 TLS 的话，用 http:// 或 ws://。",
        "the connection was closed at once. Is the port right? Without TLS, use http:// or ws://.",
    ),
    BaseException: ("{}。检查地址、端口和网络。", "{}. Check address, port and network."),
}


class Address(NamedTuple):
    """An address to dial. All of it is ASCII, and the access_token is taken out of it."""

    base: str  # such as "ws://127.0.0.1:3001/path"; it holds no secret, so it may be shown
    query: str  # what follows the base: "", or such as "?a=b"
    host: str
    port: int
    secure: bool  # whether TLS is wanted
    token: str | None  # the access_token that stood in the query


def check_url(url: str, scheme: str) -> Address:
    """Take apart a URL that can be dialled; `scheme` is "http" or "ws".

    ValueError says what is wrong with it: every part is used, or refused.
    """
    if not isinstance(url, str):
        kind = type(url).__name__  # and not the value, which may hold a token
        raise TypeError(f"地址要写成字符串，不是 {kind}。 The address must be a str, not {kind}.")
    return _taken_apart(url.strip(), scheme)


@lru_cache(64)  # HttpClient asks again for each call
def _taken_apart(text: str, scheme: str) -> Address:
    problem = _problem(text, scheme)
    if problem:
        example = "http://127.0.0.1:3000" if scheme == "http" else "ws://127.0.0.1:3001"
        shown = without_secrets(text)
        raise ValueError(
            f"地址“{shown}”{problem[0]}，例如 {example}。 "
            f'The address "{shown}" {problem[1]}, for example {example}.'
        )
    parts = urlsplit(text)
    host, secure = _host_in(parts), parts.scheme == scheme + "s"
    base = f"{parts.scheme}://{authority(host, parts.port)}{_in_ascii(parts.path)}"
    query, token = _take_token(parts.query)
    port = parts.port or (443 if secure else 80)
    return Address(base, query, host, port, secure, check_token(token))


def _problem(text: str, scheme: str) -> Bilingual | None:
    """What is wrong with an address, and what to do about it; None when it is fine."""
    if any(sign in text.partition("?")[0] for sign in ("<", ">", "你的", "YOUR_")):
        return "里还有占位符：换成真的", "still holds a placeholder: put a real address there"
    if sign := FULL_WIDTH.match(text):
        return (
            f"里有全角符号“{sign[1]}”：改成半角",
            f'holds the full-width character "{sign[1]}": type the half-width one',
        )
    if not text.isprintable():  # urlsplit() leaves some of these out without a word
        return "里有看不见的字符：重新输入一遍", "holds an invisible character: type it again"
    try:
        parts, port = urlsplit(text), urlsplit(text).port
    except ValueError:  # its words may hold a piece of a password
        return (
            "的主机或端口写错了：端口最大 65535，IPv6 地址放在 [] 里",
            "has a wrong host or port: a port is at most 65535, and an IPv6 address goes in []",
        )
    is_ours = parts.scheme in (scheme, scheme + "s")
    if parts.scheme in ("http", "https", "ws", "wss") and not is_ours:
        return (
            f"以 {parts.scheme}:// 开头，要用 {scheme}://，端口也不同（NapCat 是 3000 和 3001）",
            f"begins with {parts.scheme}://, but {scheme}:// is needed here, with another port "
            "(NapCat's are 3000 and 3001)",
        )
    if parts.netloc.endswith(":"):
        return "的冒号后面没有端口", "has no port behind its colon"
    if not is_ours or port == 0 or not _host_in(parts):
        return f"不是带主机的 {scheme}:// 地址", f"is no {scheme}:// address with a host"
    if "access_token" in parts.path:
        return "里 access_token= 前面少了 ?", "has no ? in front of access_token="
    if "@" in parts.netloc or "#" in text:
        return (
            "里有用户名、密码（@）或 #：密钥要写在 access_token= 里",
            "holds a user, a password (@) or a #: give the token as access_token= instead",
        )
    return None


def _host_in(parts: SplitResult) -> str:
    """The host in ASCII; "" when there is none that DNS could know."""
    try:
        host = (parts.hostname or "").encode("idna").decode()
    except UnicodeError:
        return ""
    return host if HOST.fullmatch(host) else ""


def _in_ascii(text: str) -> str:
    """A path or a query with everything percent-encoded that a URL cannot hold."""
    stray_percent = "%(?![0-9a-fA-F]{2})"  # one that encodes nothing
    return quote(re.sub(stray_percent, "%25", text), safe="%/:?@!$&'()*+,;=~")


def _take_token(query: str) -> tuple[str, str | None]:
    """The query without its access_token, which must not get into errors and logs; the token."""
    tokens = re.findall("(?i)(?:^|&)access_token=([^&]*)", query)
    kept = re.sub("(?i)(^|&)access_token=[^&]*", "", query).strip("&")
    # unquote() leaves a plus sign alone: tokens may hold one
    return (f"?{_in_ascii(kept)}" if kept else ""), (unquote(tokens[-1]) if tokens else None)


def check_token(token: str | None, name: str = "access_token") -> str | None:
    """The token, if a header can carry it. `name` is what the user calls it."""
    if token is None:
        return None
    if not isinstance(token, str):
        raise TypeError(f"{name} 要写成字符串，加上引号。 {name} must be a str: put it in quotes.")
    if not token.isascii() or not token.isprintable() or token != token.strip():
        raise ValueError(
            f"{name} 里不能有中文、换行，首尾不能有空格：换成你的了吗？是不是复制多了？ "
            f"{name} must be ASCII, without line breaks or blanks around it: is it yours, and not "
            "the example's? Was too much copied?"
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
    try:
        if path is not None:
            ssl.create_default_context(cafile=path)
    except (OSError, TypeError) as error:
        raise ValueError(
            f"ca_file {path!r} 打不开，或者里面没有证书（{error}）：要一个 PEM 文件。 "
            f"ca_file {path!r} cannot be used: {error}. It must be a PEM file."
        ) from None
    return path


def tls_context(ca_file: str | None) -> ssl.SSLContext:
    """What verifies a server's certificate, with the system's authorities or with those of a file.

    Whoever stands in the file is trusted, in every Python.
    """
    context = ssl.create_default_context(cafile=ca_file)
    if ca_file:
        # Python 3.13 would refuse an authority that `openssl req -x509` has made
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        # Python before 3.13 would refuse one that another authority has signed
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def without_secrets(url: str) -> str:
    """The URL as it may be shown: without query, fragment, password and control characters."""
    # nobody knows where a password ends: it may hold any sign
    return "..." if "@" in url else re.split("[?#？＃]|access_token", printable(url))[0]


def authority(host: str, port: int | None) -> str:
    """Host and port as they stand in a URL: an IPv6 address has brackets there."""
    host = f"[{host}]" if ":" in host else host
    return host if port is None else f"{host}:{port}"


def is_loopback(host: str) -> bool:
    """Whether only this machine is meant by `host`."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost"


@lru_cache(64)  # EventServer asks for each event
def names_this_machine(host: str) -> bool:
    """Whether a Host header names this machine; the name of a web page that was pointed here
    (DNS rebinding) does not."""
    name = re.sub(r":\d+$", "", host.lower())
    return is_loopback(name) or name == "host.docker.internal"  # as Docker calls it, from inside


def cannot_connect(url: str, error: BaseException) -> NetworkError:
    """The error to raise when dialling `url`, the base of an Address, failed with `error`."""
    said = getattr(error, "verify_message", "") or getattr(error, "reason", "") or str(error)
    said = said.rstrip(".。")
    reason = next(reason for kind, reason in REASONS.items() if isinstance(error, kind))
    chinese, english = (words.format(said or type(error).__name__) for words in reason)
    if urlsplit(url).hostname in ("0.0.0.0", "::"):
        chinese += "这样的主机只用来监听：这里写 127.0.0.1，或者 OneBot 那台机器的地址。"
        english += " Such a host is for listening only: write 127.0.0.1, or where OneBot is."
    if urlsplit(url).port is None:
        chinese += "地址里没有写端口：NapCat 的是 3000（HTTP）和 3001（WebSocket）。"
        english += " There is no port in the address: NapCat's are 3000 and 3001."
    return wrong_service(url, (f"连不上 {url}", f"Cannot connect to {url}"), (chinese, english))


def wrong_service(
    url: str, fact: Bilingual, advice: Bilingual, kind: type[NetworkError] = NetworkError
) -> NetworkError:
    """The error to raise when there is no OneBot at `url`, or not the one that was expected."""
    if urlsplit(url).port == WEBUI_PORT:
        advice = (
            "6099 是 NapCat 的 WebUI 端口，不是 API 端口：在 WebUI 的“网络配置”里看真正的端口。",
            "6099 is the port of NapCat's WebUI, not of its API: look up the API's port in the "
            "WebUI, under 网络配置 (network settings).",
        )
    return kind(printable(f"{fact[0]}：{advice[0]} {fact[1]}: {advice[1]}"))


def token_refused(at: str, has_token: bool) -> AuthenticationError:
    """The error to raise when OneBot refused our access_token, or there is none."""
    chinese, english = "没有给", "wants an access_token, and none was given"
    if has_token:
        chinese, english = "不对", "refused the access_token"
    return AuthenticationError(
        f"{at} 拒绝了我们：access_token {chinese}。要和 NapCat“网络配置”里的 token 一模一样。 "
        f"{at} {english}: it must be exactly the token of this server in NapCat's network settings."
    )
