"""From the `message` parameter to segments, and from a segment to a stored file."""

from __future__ import annotations

import base64
import hashlib
import os.path
import re
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from ..segment import from_cq
from .registry import NoReply, note
from .schema import as_text
from .world import Failure, Segments, StoredFile, World

MEDIA = {"image": "jpg", "record": "amr", "video": "mp4", "file": "bin"}
URL = ("http://", "https://")


def parse_message(world: World, message: Any, auto_escape: bool = False) -> Segments:
    """Return a list of segments, whichever of the forms NapCat takes was given."""
    if isinstance(message, str):
        if auto_escape:
            return [{"type": "text", "data": {"text": message}}]
        return list(from_cq(message))
    items = message if isinstance(message, list) else [message]
    if None in items:
        note(
            world,
            "没有 message（缺少或是 null）：NapCat 检查参数时就出错，WebSocket 上不会有回应。",
            "There is no message (it is missing or null): NapCat fails while it checks the"
            " parameters, and over WebSocket nothing is answered.",
        )
        raise NoReply("TypeError: Cannot read properties of null (reading 'type')")
    return [item if isinstance(item, dict) else {} for item in items]


# media


def media(world: World, kind: str, data: dict[str, Any]) -> dict[str, Any]:
    """Content that came inside the message is kept; nothing is fetched, no file is read."""
    source = source_of(data)
    content = inline_content(source)
    if content is None:
        known = known_file(world, source)
        content = known.content if known else b""
    name = data.get("name") if isinstance(data.get("name"), str) else None
    stored = keep_file(world, kind, content, name, source)
    link = source if source.startswith(URL) else world.file_url(stored.file_id)
    received = {"file": stored.name, "url": link, "file_size": str(len(stored.content))}
    if kind == "image":
        summary = as_text(data.get("summary") or "")
        return {"summary": summary, "file": stored.name, "sub_type": 0, **received}
    if kind == "file":
        received["file_id"] = stored.file_id
    return received


def source_of(data: dict[str, Any]) -> str:
    given = (data.get(name) for name in ("url", "file", "path"))
    source = next((one for one in given if isinstance(one, str) and one.strip()), None)
    if source is None:
        raise Failure("文件消息缺少参数 · 没有 file。 There is no file.")
    return source


def require_source(world: World, source: str) -> None:
    """Fail as NapCat does where there is nothing to send. A URL may be one that is dead."""
    if source.startswith((*URL, "base64://", "data:")) or known_file(world, source):
        return
    if not _is_local_file(source):
        raise Failure(
            f"文件处理失败: 识别URL失败, uri= {source[:200]} · 它不是存在的文件、网址或 base64。"
            '本地文件请用 Path("cat.png") 或绝对路径。 It is no file that exists, no URL and no'
            ' base64: for a local file use Path("cat.png") or an absolute path.'
        )


def _is_local_file(source: str) -> bool:
    path = source
    if source.startswith("file:"):
        if urlsplit(source).netloc not in ("", "localhost"):
            return False
        path = url2pathname(urlsplit(source).path)
    # not a name on another machine: looking there would send it this user's name
    on_this_machine = not path.startswith(("\\\\", "//"))
    return on_this_machine and os.path.isabs(path) and os.path.isfile(path)


def inline_content(source: str) -> bytes | None:
    """Decode `base64://...` and `data:...;base64,...`; None for any other source."""
    if source.startswith("base64://"):
        encoded = source[len("base64://") :]
    elif source.startswith("data:") and ";base64," in source:
        encoded = source.partition(";base64,")[2]
    else:
        return None
    # as Node reads it: what does not belong there is skipped, and the end may be missing
    digits = re.sub(r"[^A-Za-z0-9+/]", "", encoded.replace("-", "+").replace("_", "/"))
    if len(digits) % 4 == 1:
        digits = digits[:-1]
    return base64.b64decode(digits + "=" * (-len(digits) % 4))


def keep_file(world: World, kind: str, content: bytes, name: str | None, source: str) -> StoredFile:
    digest = hashlib.md5(content or source.encode("utf-8", "replace"), usedforsecurity=False)
    file_id = digest.hexdigest().upper()
    stored = StoredFile(file_id, name or f"{file_id}.{MEDIA.get(kind, 'bin')}", content)
    world.files[file_id] = stored
    return stored


def known_file(world: World, source: str) -> StoredFile | None:
    """A file that came before, by its name, or by a path or a URL of the simulator's own."""
    if "/simulator" in source:
        return find_file(world, source.rpartition("/")[2])
    return None if source.startswith(URL) else find_file(world, source)


def find_file(world: World, name: str | None) -> StoredFile | None:
    if not name:
        return None
    if name in world.files:
        return world.files[name]
    in_groups = [file for group in world.groups.values() for file in group.files.values()]
    for file in [*world.files.values(), *in_groups]:
        if name in (file.file_id, file.name):
            return file
    return None
