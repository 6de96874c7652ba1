"""调用动作：Actions 是 HttpClient 和每一种机器人共有的部分。

Calling actions: what HttpClient and every kind of bot have in common.
"""

from __future__ import annotations

import json
import logging
from abc import abstractmethod
from collections.abc import Generator, Iterator
from contextlib import closing
from os import PathLike
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias, overload

from .. import files
from ..errors import failure, is_failed, printable
from ..logs import log
from ..segment import check, media
from .arguments import checked, one_of
from .standard import StandardActions

if TYPE_CHECKING:
    from .. import typed

Responses: TypeAlias = Generator[dict[str, Any], None, None]  # those to a call, in order

# mypy: disable-error-code="no-any-return"
# what a result holds is known from the documentation, not from call_action()


@checked
class Actions(StandardActions):
    """能调用动作的东西：HttpClient 和每一种机器人。

    What actions can be called on: HttpClient and every kind of bot.
    """

    def request(
        self, action: str, params: dict[str, Any] | None = None, *, timeout: float | None = None
    ) -> dict[str, Any]:
        """调用一个动作，原样返回整个响应，例如 ``{"status": "ok", "retcode": 0, "data": ...}``。

        Calls an action and returns the whole response, as the documentation prints it.

        timeout: seconds. Does not raise on ``failed``. Errors: NetworkError, ApiTimeout,
        AuthenticationError, ApiNotAvailable.
        """
        with closing(self._call(action, params or {}, timeout)) as responses:
            return next(responses)

    @abstractmethod
    def _call(self, action: str, params: dict[str, Any], timeout: float | None = None) -> Responses:
        """Call an action, and yield its responses whole: a streaming action has several.

        timeout: seconds for each of them; None: the client's or bot's own.
        """

    def call_action(self, action: str, /, **params: Any) -> Any:
        """按名字调用任何动作，返回回答里的 data；值是 None 的参数不发送。

        Calls any action by its name and returns the response's data; a param that is None is not
        sent. A pathlib.Path or bytes is read and sent as base64://.

        Errors: those of `request()`; ActionFailed; TypeError for a param that cannot be sent.
        """
        given = _given(action, params)
        if log.isEnabledFor(logging.INFO) and ("message" in given or "messages" in given):
            log.info("%s", line_of(action, given))
        response = self.request(action, given)
        if is_failed(response):
            raise failure(action, response)
        return response.get("data")

    def stream_action(self, action: str, /, **params: Any) -> Iterator[dict[str, Any]]:
        """调用流式动作，一帧一帧地给出 data。

        Calls a streaming action and yields the data of each frame.

        Errors: ActionFailed when a frame is no success. Source: NapCat, stream actions.
        """
        for frame in self._call(action, _given(action, params)):
            if is_failed(frame):
                raise failure(action, frame)
            yield frame.get("data") or {}

    # -- 大文件 / large files ----------

    def upload_file(
        self,
        path: str | PathLike[str],
        *,
        name: str | None = None,
        progress: files.Progress | None = None,
    ) -> typed.UploadedFile:
        """把这台机器上的文件（多大都行）一块一块地传到 OneBot 那台机器上。

        Uploads a file of this machine, however large, to OneBot's machine, in chunks.

        path: the file here. name: what it is called there; two files of one name replace each
        other. progress: called as ``progress(done_bytes, total_bytes)`` after each chunk.
        Returns {"file_path": str, "file_size": int, "sha256": str, ...}, checked against the file;
        file_path is for ``upload_group_file(file=...)`` or a segment, within five minutes.
        If a NetworkError ends it, call it again within ten minutes: it continues where it stopped.
        Errors: ActionNotFound where there are no streams; those of `call_action()`; OSError when
        the file cannot be read, ValueError when it is empty.
        来源 Source: NapCat，upload_file_stream。
        """
        return files.upload(self.call_action, path, name, progress)

    @overload
    def download_file(
        self, file: str, *, to: str | PathLike[str], progress: files.Progress | None = None
    ) -> Path: ...
    @overload
    def download_file(
        self,
        *,
        url: str | None = None,
        base64: str | None = None,
        name: str | None = None,
        headers: str | list[str] | None = None,
        thread_count: int | None = None,
    ) -> typed.DownloadedFile: ...
    def download_file(
        self,
        file: str | None = None,
        *,
        to: str | PathLike[str] | None = None,
        progress: files.Progress | None = None,
        url: str | None = None,
        base64: str | None = None,
        name: str | None = None,
        headers: str | list[str] | None = None,
        thread_count: int | None = None,
    ) -> Any:
        """有 to：把收到的文件（多大都行）存到这台机器上；没有 to：让 OneBot 下载一个网址。

        With `to`, saves a received file on this machine, whatever its size. Without it, OneBot
        downloads a URL.

        file: the file_id or file of a received segment. to: a file, which is replaced, or a
        folder, where it gets its own name made safe, and a number if there is one of that name.
        progress: called as ``progress(done_bytes, total_bytes)`` after each chunk.
        Returns the pathlib.Path; the file is there whole or not at all. OneBot first fetches the
        file itself: for large ones, give the client or bot a longer timeout.
        url, base64, name, headers, thread_count: of OneBot's own action; returns {"file": str}, a
        path on OneBot's machine.
        Errors: those of `upload_file()`; OSError when the file cannot be written.
        来源 Source: NapCat，download_file_stream；NapCat、go-cqhttp，download_file。
        """
        if (file is None) != (to is None):
            raise TypeError(
                'download_file() 存到这里写 (file_id, to="文件夹")，让 OneBot 下载写 (url=...)。 '
                'download_file() takes a received file and to=, as in (file_id, to="folder"), or '
                "url= for OneBot to fetch."
            )
        if to is not None:
            frames = self.stream_action("download_file_stream", file=file)
            return files.download(frames, to, progress)
        one_of("download_file", url=url, base64=base64)
        more = {"name": name, "headers": headers, "thread_count": thread_count}
        return self.call_action("download_file", url=url, base64=base64, **more)


def _given(action: str, params: dict[str, Any]) -> dict[str, Any]:
    """The params that were given. A pathlib.Path or bytes is read here and becomes base64://."""
    for name in ("message", "messages"):
        content = params.get(name)
        if not isinstance(content, (str, NoneType)):
            segments = check(content, f"{action}: {name}")
            params[name] = segments if isinstance(content, list) else content
    return {
        name: media(value) if isinstance(value, (bytes, PathLike)) else value
        for name, value in params.items()
        if value is not None
    }


def line_of(action: str, params: dict[str, Any]) -> str:
    """A message or another answer that goes out, in one printable line of the log."""
    chat = "".join(f" {name}={params[name]}" for name in params if name.endswith("_id"))
    content = params.get("message", params.get("messages"))
    if content is None:
        others = (name for name in params if not name.endswith("_id"))
        content = " ".join(f"{name}={params[name]}" for name in others)
    parts = content if isinstance(content, list) else [content]
    words = "".join(map(_shown, parts))
    return printable(f"→ {action}{chat}{words and ': '}{words}"[:300])


def _shown(part: Any) -> str:
    """The words of a text, else what kind of segment it is."""
    if isinstance(part, str):
        return part
    return str(part["data"].get("text", "")) if part["type"] == "text" else f"[{part['type']}]"


def to_json(action: str, params: Any) -> str:
    """The params as JSON, in ASCII, because NapCat breaks large raw UTF-8."""
    if not isinstance(action, str):
        raise TypeError(f"动作的名字是字符串，不是 {action!r}。 An action has a name, a str.")
    try:
        return _encoder.encode(params)
    except (TypeError, ValueError, RecursionError) as error:
        given = params if isinstance(params, dict) else {"params": params}
        for name in given if len(given) > 1 else ():
            to_json(action, {name: given[name]})  # the one that cannot be sent is named below
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else error
        name = next(iter(given))
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(
            f"{action}：参数 {name} 不能变成 JSON：只能用字符串、数字、True/False、列表和 dict。 "
            f"{action}: {name} cannot be sent as JSON: {reason}. "
            "Use only str, numbers, True/False, lists and dicts."
        ) from None


def from_json(data: str | bytes | bytearray) -> dict[str, Any]:
    """The JSON object that came over the wire; ValueError when it is none."""
    try:
        text = (data.encode() if isinstance(data, str) else data).decode()
        text = text.removeprefix("\ufeff").strip(" \t\r\n")  # raw_decode() takes no white space
        content, end = _decoder.raw_decode(text)
        if end < len(text) or not isinstance(content, dict):
            raise ValueError("JSON, but not one object")
        # Refuse an event with half a character. A response with one is kept: a caller waits for it.
        # (Most frames hold no backslash, and the search for a single one is ten times as fast.)
        if "\\" in text and ("\\ud" in text or "\\uD" in text) and "post_type" in content:
            json.dumps(content, ensure_ascii=False).encode()
    except UnicodeError:
        raise ValueError("not UTF-8, or a lone surrogate") from None
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return content


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_encoder = json.JSONEncoder(separators=(",", ":"), allow_nan=False)
_decoder = json.JSONDecoder(parse_constant=_refuse_constant)
