"""Actions on files: of messages, of groups, sent in private."""

from __future__ import annotations

import time
from typing import Any

from . import events
from .messages import find_file, inline_content, known_file, require_source
from .registry import action
from .schema import Params
from .sending import check_group_speech, check_private_speech
from .world import BOT, Failure, Group, StoredFile, World


def content_of(world: World, source: str) -> bytes:
    """The bytes that an upload names; nothing is fetched, no file of this machine is read."""
    content = inline_content(source)
    if content is not None:
        return content
    require_source(world, source)
    known = known_file(world, source)
    return known.content if known else b""


def _no_file(name: str | None) -> Failure:
    return Failure(
        f"file not found · 没有文件 {name}：检查名字或 file_id。"
        f" There is no file {name}: check its name or file_id."
    )


def _asked(world: World, params: Params) -> StoredFile:
    found = find_file(world, params["file"]) or find_file(world, params["file_id"])
    if found is None:
        raise _no_file(params["file"] or params["file_id"])
    return found


@action("get_file get_image", "file file_id")
def get_file(world: World, params: Params) -> Any:
    found = _asked(world, params)
    return {
        "file": f"/simulator/{found.name}",
        "url": world.file_url(found.file_id),
        "file_size": str(len(found.content)),
        "file_name": found.name,
    }


_FORMATS = ("mp3", "amr", "wma", "m4a", "spx", "ogg", "wav", "flac")


@action("get_record", "file file_id out_format!")
def get_record(world: World, params: Params) -> Any:
    if params["out_format"] not in _FORMATS:
        raise Failure(f"转换失败 · out_format 只能是 must be one of: {' '.join(_FORMATS)}")
    answer = get_file(world, params)
    answer["file"] += f".{params['out_format']}"
    return answer


def _stored(world: World, name: str, content: bytes, folder: str = "/") -> StoredFile:
    file_id = f"/file-{world.count('file')}"
    return StoredFile(file_id, name, content, BOT, folder, int(time.time()))


@action("upload_group_file", "group_id:id! file! name! folder folder_id upload_file:boolean=true")
def upload_group_file(world: World, params: Params) -> Any:
    group = world.group(params["group_id"])
    check_group_speech(world, group.group_id)
    folder = params["folder_id"] or params["folder"] or "/"
    file = _stored(world, params["name"], content_of(world, params["file"]), folder)
    group.files[file.file_id] = file
    _file_message(world, file, "upload_group_file", group_id=group.group_id)
    world.publish(events.group_upload(group.group_id, BOT, file))
    return {"file_id": file.file_id}


@action("upload_private_file", "user_id:id! file! name! upload_file:boolean=true")
def upload_private_file(world: World, params: Params) -> Any:
    check_private_speech(world, params["user_id"])
    file = _stored(world, params["name"], content_of(world, params["file"]))
    world.files[file.file_id] = file
    _file_message(world, file, "upload_private_file", user_id=params["user_id"])
    return {"file_id": file.file_id}


def file_segment(world: World, file: StoredFile) -> dict[str, Any]:
    data = {"file": file.name, "file_id": file.file_id, "file_size": str(len(file.content))}
    return {"type": "file", "data": {**data, "url": world.file_url(file.file_id)}}


def _file_message(
    world: World, file: StoredFile, name: str, group_id: int | None = None, user_id: int = 0
) -> None:
    segments = [file_segment(world, file)]
    message = world.store(BOT, segments, group_id=group_id, peer_id=user_id)
    world.bot_sent(message, name)
    if world.report_self_message:
        world.publish(events.message_event(world, message))


def _group_file(world: World, group: Group, file: StoredFile) -> dict[str, Any]:
    return {
        "group_id": group.group_id,
        "file_id": file.file_id,
        "file_name": file.name,
        "busid": 102,
        "file_size": len(file.content),
        "size": len(file.content),
        "upload_time": file.upload_time,
        "dead_time": 0,
        "modify_time": file.upload_time,
        "download_times": 0,
        "uploader": file.uploader,
        "uploader_name": world.known_person(file.uploader).nickname,
    }


def _folder(world: World, group: Group, folder_id: str, name: str) -> dict[str, Any]:
    return {
        "group_id": group.group_id,
        "folder_id": folder_id,
        "folder": folder_id,
        "folder_name": name,
        "create_time": 0,
        "creator": BOT,
        "creator_name": world.known_person(BOT).nickname,
        "total_file_count": sum(file.folder == folder_id for file in group.files.values()),
    }


def _listing(world: World, group: Group, folder: str) -> dict[str, Any]:
    files = [_group_file(world, group, f) for f in group.files.values() if f.folder == folder]
    folders = group.folders.items() if folder == "/" else ()
    return {"files": files, "folders": [_folder(world, group, *item) for item in folders]}


@action("get_group_root_files", "group_id:id! file_count:numeric=50")
def get_group_root_files(world: World, params: Params) -> Any:
    return _listing(world, world.group(params["group_id"]), "/")


@action("get_group_files_by_folder", "group_id:id! folder_id folder file_count:numeric=50")
def get_group_files_by_folder(world: World, params: Params) -> Any:
    group = world.group(params["group_id"])
    return _listing(world, group, params["folder_id"] or params["folder"] or "/")


@action("get_group_file_system_info", "group_id:id!")
def get_group_file_system_info(world: World, params: Params) -> Any:
    files = world.group(params["group_id"]).files.values()
    used = sum(len(file.content) for file in files)
    return {
        "file_count": len(files),
        "limit_count": 10_000,
        "used_space": used,
        "total_space": 10 * 1024**3,
    }


def _in_group(world: World, params: Params) -> tuple[Group, StoredFile]:
    group = world.group(params["group_id"])
    file = group.files.get(params["file_id"])
    if file is None:
        raise _no_file(params["file_id"])
    return group, file


@action("get_group_file_url", "group_id:id! file_id!")
def get_group_file_url(world: World, params: Params) -> Any:
    return {"url": world.file_url(_in_group(world, params)[1].file_id)}


@action("get_private_file_url", "file_id!")
def get_private_file_url(world: World, params: Params) -> Any:
    file = world.files.get(params["file_id"])
    if file is None:
        raise _no_file(params["file_id"])
    return {"url": world.file_url(file.file_id)}


@action("delete_group_file", "group_id:id! file_id!")
def delete_group_file(world: World, params: Params) -> Any:
    group, file = _in_group(world, params)
    if file.uploader != BOT:
        world.require_power(group)
    del group.files[file.file_id]
    return {"result": 0, "errMsg": ""}


@action("create_group_file_folder", "group_id:id! folder_name name")
def create_group_file_folder(world: World, params: Params) -> Any:
    group = world.group(params["group_id"])
    name = params["folder_name"] or params["name"]
    if not name or name in group.folders.values():
        raise Failure(
            "文件夹的名字是空的，或者已经有了：换一个。"
            " The folder's name is empty or taken: choose another."
        )
    folder_id = f"/folder-{world.count('folder')}"
    group.folders[folder_id] = name
    item = {"folderInfo": {"folderId": folder_id, "folderName": name}}
    return {"result": {"retCode": 0, "retMsg": "ok"}, "groupItem": item}


@action("delete_group_folder", "group_id:id! folder_id folder")
def delete_group_folder(world: World, params: Params) -> Any:
    group = world.group(params["group_id"])
    folder_id = params["folder_id"] or params["folder"]
    if group.folders.pop(folder_id or "", None) is None:
        raise Failure(f"没有文件夹 {folder_id}。 There is no folder {folder_id}.")
    group.files = {key: f for key, f in group.files.items() if f.folder != folder_id}
    return {"retCode": 0, "retMsg": "ok"}
