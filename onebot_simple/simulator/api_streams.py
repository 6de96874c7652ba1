"""Streaming actions: files in chunks, down and up."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from .messages import find_file
from .registry import Streamed, action
from .schema import Params
from .world import Failure, StoredFile, World

CHUNK = 64 * 1024
_DOWNLOAD = "file file_id chunk_size:number=0"


@action("download_file_stream", _DOWNLOAD, streams=True)
def download_file_stream(world: World, params: Params) -> Any:
    return Streamed(_chunks(world, params, {}))


@action("download_file_image_stream", _DOWNLOAD, streams=True)
def download_file_image_stream(world: World, params: Params) -> Any:
    return Streamed(_chunks(world, params, {"width": 0, "height": 0}))


@action("download_file_record_stream", _DOWNLOAD + " out_format", streams=True)
def download_file_record_stream(world: World, params: Params) -> Any:
    extra = {"out_format": params["out_format"]} if params["out_format"] else {}
    return Streamed(_chunks(world, params, extra))


def _chunks(world: World, params: Params, extra: dict[str, Any]) -> Iterator[dict[str, Any]]:
    with world.lock:
        file = find_file(world, params["file"]) or find_file(world, params["file_id"])
    if file is None:
        raise Failure(
            "Download failed: file not found · 没有这个文件：检查名字或 file_id。"
            " There is no such file: check its name or file_id."
        )
    content, chunk_size = file.content, int(params["chunk_size"]) or CHUNK
    if chunk_size < 1:
        raise Failure("chunk_size 不能是负数。 chunk_size must not be negative.")
    info = {"file_name": file.name, "file_size": len(content), "chunk_size": chunk_size}
    yield {"type": "stream", "data_type": "file_info", **info, **extra}
    starts = range(0, len(content), chunk_size)
    for index, start in enumerate(starts):
        yield _chunk(index, content[start : start + chunk_size], start, len(content))
    yield {
        "type": "response",
        "data_type": "file_complete",
        "total_chunks": len(starts),
        "total_bytes": len(content),
        "message": "Download completed",
    }


def _chunk(index: int, part: bytes, start: int, total: int) -> dict[str, Any]:
    encoded = base64.b64encode(part).decode()
    return {
        "type": "stream",
        "data_type": "file_chunk",
        "index": index,
        "data": encoded,
        "size": len(part),
        "progress": round((start + len(part)) / total * 100),
        "base64_size": len(encoded),
    }


@action("test_download_stream", "error:boolean=false", streams=True)
def test_download_stream(world: World, params: Params) -> Any:
    return Streamed(_test_frames(params["error"]))


def _test_frames(error: bool) -> Iterator[dict[str, Any]]:
    for index in range(10):
        yield {"type": "stream", "data_type": "data_chunk", "data": f"Index-> {index + 1}"}
    if error:
        raise Failure("This is a test error")
    yield {"type": "response", "data_type": "data_complete", "data": "Stream transmission complete"}


@dataclass
class Upload:
    total_chunks: int
    filename: str
    expected_sha256: str | None  # like the others, of the first call only
    chunks: dict[int, bytes] = field(default_factory=dict)


@action(
    "upload_file_stream",
    "stream_id! chunk_data chunk_index:number total_chunks:number file_size:number"
    " expected_sha256 is_complete:boolean filename reset:boolean verify_only:boolean"
    " file_retention:number=300000",
    streams=True,
)
def upload_file_stream(world: World, params: Params) -> Any:
    return Streamed(_received(world, params), whole=False)


def _received(world: World, params: Params) -> Iterator[dict[str, Any]]:
    with world.lock:
        yield _take_chunk(world, params)


def _take_chunk(world: World, params: Params) -> dict[str, Any]:
    stream_id = params["stream_id"]
    if params["reset"]:
        world.uploads.pop(stream_id, None)
        raise Failure("Stream reset completed")
    upload = world.uploads.get(stream_id)
    if params["verify_only"]:
        if upload is None:
            raise Failure("Stream not found")
        return _progress(stream_id, upload, "stream", "file_created")
    if upload is None:
        upload = world.uploads[stream_id] = _new_upload(params)
    if params["chunk_data"] and params["chunk_index"] is not None:
        status = _keep_chunk(upload, int(params["chunk_index"]), params["chunk_data"])
        return _progress(stream_id, upload, "stream", status)
    if params["is_complete"] or len(upload.chunks) == upload.total_chunks:
        return _complete(world, stream_id, upload)
    return _progress(stream_id, upload, "stream", "file_created")


def _new_upload(params: Params) -> Upload:
    if not params["total_chunks"] or params["total_chunks"] < 1:
        raise Failure(
            "total_chunks required for new stream · 第一次调用要有 total_chunks。"
            " The first call needs total_chunks."
        )
    expected = params["expected_sha256"]
    return Upload(int(params["total_chunks"]), params["filename"] or "file", expected)


def _keep_chunk(upload: Upload, index: int, encoded: str) -> str:
    if not 0 <= index < upload.total_chunks:
        raise Failure(f"Invalid chunk index: {index}")
    if index in upload.chunks:  # a second time, after an answer that got lost: it changes nothing
        return "file_created"
    try:
        upload.chunks[index] = base64.b64decode(encoded)
    except (binascii.Error, ValueError) as error:
        raise Failure(f"base64 解不开：{error} Cannot decode the base64: {error}") from error
    return "chunk_received"


def _progress(stream_id: str, upload: Upload, kind: str, status: str) -> dict[str, Any]:
    return {
        "type": kind,
        "stream_id": stream_id,
        "status": status,
        "received_chunks": len(upload.chunks),
        "total_chunks": upload.total_chunks,
    }


def _complete(world: World, stream_id: str, upload: Upload) -> dict[str, Any]:
    missing = next((i for i in range(upload.total_chunks) if i not in upload.chunks), None)
    if missing is not None:
        raise Failure(f"Missing memory chunk {missing}")
    content = b"".join(upload.chunks[index] for index in range(upload.total_chunks))
    digest = hashlib.sha256(content).hexdigest()
    expected = upload.expected_sha256
    if expected and expected != digest:
        raise Failure(f"SHA256 mismatch. Expected: {expected}, Got: {digest}")
    del world.uploads[stream_id]
    temporary = f"upload-{world.count('upload')}-{upload.filename.rpartition('/')[2]}"
    world.files[temporary] = StoredFile(temporary, temporary, content)
    answer = _progress(stream_id, upload, "response", "file_complete")
    answer.update(file_path=f"/simulator/{temporary}", file_size=len(content))
    if expected:
        answer["sha256"] = digest
    return answer
