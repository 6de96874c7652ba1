"""Which .py files belong to a bot: those of its folder and of the folders in it."""

from __future__ import annotations

import os
from pathlib import Path

MAX_FILES = 500
MAX_DEPTH = 4  # folders within folders
Stamp = tuple[int, int]  # when it was written, and its size


def stamps(bot: Path) -> dict[str, Stamp]:
    """The stamp of the bot's file and of each .py of its folder, by the path in the folder.

    Hidden folders, virtual environments and installed packages are left out. At most MAX_FILES,
    the nearest first; a bot in the home folder must not have everything looked through.
    """
    found: dict[str, Stamp] = {}
    root = bot.resolve().parent
    _add(found, bot.resolve(), root)
    folders = [(root, 0)]
    while folders and len(found) < MAX_FILES:
        folder, depth = folders.pop(0)
        for entry in _entries(folder):
            if entry.name.endswith(".py"):
                _add(found, Path(entry.path), root)
            elif depth < MAX_DEPTH and len(folders) < MAX_FILES and _is_source(entry):
                folders.append((Path(entry.path), depth + 1))
    return found


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError:  # not ours to read, or just gone
        return []


def _is_source(entry: os.DirEntry[str]) -> bool:
    if entry.name.startswith(".") or entry.name in ("__pycache__", "node_modules", "site-packages"):
        return False
    return entry.is_dir(follow_symlinks=False) and not os.path.exists(
        os.path.join(entry.path, "pyvenv.cfg")
    )


def _add(found: dict[str, Stamp], file: Path, root: Path) -> None:
    try:
        status = file.stat()
    except OSError:  # an editor has it replaced by nothing for a moment
        return
    found[str(file.relative_to(root))] = (status.st_mtime_ns, status.st_size)
