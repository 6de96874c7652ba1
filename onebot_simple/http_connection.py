"""HttpClient 的连接：记得自己用过没有，回答必须按时到，可以中途放弃。

The connections of HttpClient: they know whether they were used before, let no answer drip, and can
be abandoned.
"""

from __future__ import annotations

import http.client
import io
import math
import time
from contextlib import suppress
from socket import SHUT_RDWR, socket
from threading import Thread, current_thread
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

# A server may close an idle connection at the moment when the next request is on its way to it.
# Only then, and only when not a byte of an answer has come, is a request sent a second time.


class Lost(ConnectionError):
    """The connection ended before an answer began."""


class AfterSending(Lost):
    """It was new: the request may have been carried out."""


class Stale(Lost):
    """It had carried answers before: the server had most likely closed it already."""


busy: set[_Watched] = set()  # the connections that carry a request, or are to carry its answer


class _Arriving(io.RawIOBase):
    """What comes in on a socket, until a deadline if there is one."""

    deadline = math.inf

    def __init__(self, sock: socket, raw: io.RawIOBase) -> None:
        self._sock, self._raw = sock, raw

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self.deadline < math.inf:
            left = self.deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError("timed out")
            self._sock.settimeout(left)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _TimelyResponse(http.client.HTTPResponse):
    """Its head, and later its body, must come in time as a whole, not only each byte of it."""

    def __init__(self, sock: socket, *args: Any, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        self._sock = sock
        self._arriving = _Arriving(sock, self.fp.detach())
        self.fp = io.BufferedReader(self._arriving)

    def begin(self) -> None:
        seconds = self._sock.gettimeout()
        self._arriving.deadline = time.monotonic() + (seconds or math.inf)
        super().begin()
        self._arriving.deadline = math.inf
        self._sock.settimeout(seconds)


class _Watched(HTTPConnection):
    response_class = _TimelyResponse
    answered = False
    user: Thread | None = None  # whose request it carries; None when that is to be abandoned

    def connect(self) -> None:
        self.answered = False
        super().connect()

    def request(self, *args: Any, **kwargs: Any) -> None:
        self.user = current_thread()
        busy.add(self)
        if self.sock is not None:  # the last answer may have left what remained of its time
            self.sock.settimeout(self.timeout)
        try:
            super().request(*args, **kwargs)
        except ConnectionError as error:
            if self.answered:
                raise Stale(str(error)) from error
            raise

    def getresponse(self) -> Any:
        try:
            if self.user is None:
                raise ConnectionAbortedError("abandoned")
            response = super().getresponse()
        except ConnectionError as error:  # among them RemoteDisconnected
            stale = self.answered and self.user is not None
            raise (Stale if stale else AfterSending)(str(error)) from error
        self.answered = True
        return response

    def close(self) -> None:
        busy.discard(self)
        super().close()

    def abandon(self, threads: set[Thread]) -> None:
        """Let the user wait no longer, if it is one of these."""
        if self.user in threads:
            self.user = None
            sock = self.sock
            if sock is not None:
                with suppress(OSError):
                    sock.shutdown(SHUT_RDWR)


class _WatchedTls(_Watched, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Watched

    def _put_conn(self, conn: Any) -> None:  # its answer has been read
        busy.discard(conn)
        super()._put_conn(conn)


class _TlsPool(_Pool, HTTPSConnectionPool):
    ConnectionCls = _WatchedTls


class Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}

    def close(self) -> None:
        pools = self.poolmanager.pools
        for key in list(pools.keys()):
            with suppress(KeyError):
                pools[key].close()  # the manager would leave that to the garbage collector
        super().close()

    def __enter__(self) -> Adapter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
