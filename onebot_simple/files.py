"""大文件：一块一块地上传到 OneBot，或者从 OneBot 下载到这里。

Large files, in chunks: up to OneBot, or from there down to here.

Source: NapCat, stream actions.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from hashlib import sha256
from itertools import count
from os import PathLike, fspath, urandom
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from .errors import ActionFailed, ApiNotAvailable, NetworkError

if TYPE_CHECKING:
    from . import typed

CallAction = Callable[..., Any]  # Actions.call_action
Progress = Callable[[int, int], object]  # called with the bytes that are done, and all of them

# OneBot does nothing else while it parses a frame, and a chunk must arrive within the timeout of
# one call. This is small enough for both, and large enough for few round trips.
CHUNK_BYTES = 256 * 1024
MAX_NAME_BYTES = 200  # file systems allow 255

_RESERVED = re.compile(r"(con(in\$|out\$)?|prn|aux|nul|(com|lpt)[0-9¹²³])\s*(\.|$)", re.IGNORECASE)

# Uploads that broke off: sha256 and name of the file, and its stream_id at OneBot.
_broken_off: dict[tuple[str, str], str] = {}


def upload(
    call_action: CallAction, path: str | PathLike[str], name: str | None, progress: Progress | None
) -> typed.UploadedFile:
    """Send a local file to OneBot. Returns what OneBot says of it, once that is checked."""
    path = Path(path)
    digest = sha256()
    with _explained(path), path.open("rb") as source:
        while piece := source.read(CHUNK_BYTES):
            digest.update(piece)
        size = source.tell()
    if not size:
        raise ValueError(
            f"文件是空的，不能上传：{path}。写完、关闭了吗？ "
            f"{path} is empty, nothing can be uploaded. Was it written and closed?"
        )
    file = {
        "filename": name or path.name,
        "file_size": size,
        "expected_sha256": digest.hexdigest(),
        "total_chunks": -(-size // CHUNK_BYTES),
    }
    done: typed.UploadedFile = _send(call_action, path, file, progress)
    if done.get("sha256") != file["expected_sha256"]:
        raise NetworkError(
            f"{path} 没有传完整：请再传一次。 {path} did not arrive whole, the SHA-256 is "
            f"{done.get('sha256')} there: upload it again."
        )
    return done


def _send(
    call_action: CallAction, path: Path, file: dict[str, Any], progress: Progress | None
) -> Any:
    """Send the chunks in their order, beginning where an earlier attempt broke off."""
    key = (file["expected_sha256"], file["filename"])
    known = _broken_off.pop(key, None)
    stream_id = known or urandom(16).hex()
    send = partial(call_action, "upload_file_stream", stream_id=stream_id)
    first = 0
    try:
        if known:
            with suppress(ActionFailed):  # OneBot has forgotten it, or it is complete
                received = _fields(send(verify_only=True)).get("received_chunks")
                first = received if isinstance(received, int) else 0
        with path.open("rb") as source:
            source.seek(first * CHUNK_BYTES)
            for index in range(first, file["total_chunks"]):
                data = b64encode(source.read(CHUNK_BYTES)).decode()
                begin = file if index == 0 else {}  # what a stream begins with
                send(chunk_index=index, chunk_data=data, **begin)
                if progress:
                    progress(min(source.tell(), file["file_size"]), file["file_size"])
        return _fields(send(is_complete=True))
    except (NetworkError, ApiNotAvailable):  # the connection was lost, or nobody is connected
        _broken_off[key] = stream_id
        raise


def _fields(data: object) -> dict[str, Any]:
    return data if isinstance(data, dict) else {}


def download(
    frames: Iterator[dict[str, Any]], to: str | PathLike[str], progress: Progress | None
) -> Path:
    """Write a file that comes in frames. Returns where it is now."""
    target = Path(to)
    is_folder = target.is_dir() or fspath(to).endswith(("/", "\\"))
    folder = target if is_folder else target.parent
    part = folder / f"download-{urandom(6).hex()}.part"
    with _explained(target):
        # This comes before OneBot begins to fetch the file. Unbuffered, write() meets a full disk.
        output = part.open("xb", buffering=0)
    try:
        with output:
            name = _receive(map(_fields, frames), output, target, progress)
        with _explained(target):
            return _moved(part, folder, safe_name(name)) if is_folder else part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _receive(
    frames: Iterator[dict[str, Any]], output: BinaryIO, target: Path, progress: Progress | None
) -> object:
    """Write the chunks and check that none is missing. Returns the name of the file."""
    info: dict[str, Any] = next(frames, {})
    size: Any = info.get("file_size")
    done = 0
    is_begun = info.get("data_type") == "file_info" and type(size) is int and size >= 0
    for index, frame in enumerate(frames if is_begun else ()):
        if frame.get("data_type") == "file_complete" and done == size == frame.get("total_bytes"):
            return info.get("file_name")
        if frame.get("data_type") != "file_chunk" or frame.get("index") != index:
            break
        try:
            data = b64decode(frame["data"])
        except (KeyError, TypeError, ValueError):
            break
        if done + len(data) > size:
            break
        done += len(data)
        with _explained(target):
            while data:  # write() may take only a part
                data = data[output.write(data) :]
        if progress:
            progress(done, size)
    raise NetworkError(
        "文件没有下载完整，什么也没有保存：请再下载一次。 The file did not arrive whole, only "
        f"{done} of {size} bytes came. Nothing was saved, download it again."
    )


def safe_name(name: object) -> str:
    """A name for the file that is safe on every system, whatever a stranger called it."""
    last = re.split(r"[/\\]", name if isinstance(name, str) else "")[-1]
    kept = "".join(c if c.isprintable() and c not in '<>:"|?*' else "_" for c in last).strip(". ")
    kept = kept.encode()[-MAX_NAME_BYTES:].decode(errors="ignore").strip(". ")  # with its ending
    return f"_{kept}" if _RESERVED.match(kept) else kept or "file"


def _moved(part: Path, folder: Path, name: str) -> Path:
    """Give the file a name that is free: what somebody sent replaces nothing."""
    wanted = folder / name
    for number in count(2):
        try:
            wanted.touch(exist_ok=False)
            break
        except FileExistsError:
            wanted = folder / f"{Path(name).stem} ({number}){Path(name).suffix}"
    try:
        return part.replace(wanted)
    except OSError:
        wanted.unlink()
        raise


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """An error of the disk says which file, and what to check."""
    try:
        yield
    except OSError as error:
        said = (
            "这个文件读不了或写不了：路径对吗？有权限吗？磁盘满了吗？ "
            f"{error.strerror}: is the path right, is it permitted, is the disk full?"
        )
        raise OSError(error.errno, said, str(path.absolute())) from None
