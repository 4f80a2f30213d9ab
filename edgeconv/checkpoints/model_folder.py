"""A checkpoint that is a folder: its files by plain names, and none that lies outside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgeconv.checkpoints.strict_json import parse_object
from edgeconv.errors import CorruptCheckpoint, FileError, UnsafeCheckpoint
from edgeconv.files import inside

_LARGEST_JSON = 64 << 20


def member(folder: Path, name: str) -> Path:
    """One file of the folder.

    A link may lead to the folder's own files, or to those that the hub's cache keeps for it:
    ``models--owner--name/snapshots/<revision>`` is a folder of links into ``../../blobs``.

    Raises:
        UnsafeCheckpoint: the name has a path, or is a link out of the folder.
        CorruptCheckpoint: there is no such file.
    """
    try:
        file = inside(folder, name)
    except FileError as error:
        raise UnsafeCheckpoint(
            f"{folder.name} names a file outside its folder", got=name, expected="a plain file name"
        ) from error
    if not file.is_file():
        raise CorruptCheckpoint(
            f"a file of {folder.name} is missing", got=name, do="fetch the checkpoint again"
        )
    home = folder.resolve()
    homes = {home, home.parent.parent / "blobs"} if home.parent.name == "snapshots" else {home}
    if file.resolve().parent not in homes:
        raise UnsafeCheckpoint(
            f"a file of {folder.name} is a link out of its folder",
            got=f"{name} -> {file.resolve()}",
            do="copy the files themselves into one folder",
        )
    return file


def json_object(folder: Path, name: str) -> dict[str, Any]:
    """What one JSON file of the folder says.

    Raises:
        UnsafeCheckpoint: as :func:`member`.
        CorruptCheckpoint: it is missing, absurdly large, or no JSON object.
    """
    file = member(folder, name)
    if file.stat().st_size > _LARGEST_JSON:
        raise CorruptCheckpoint(f"{folder.name}/{name} is absurdly large")
    return parse_object(file.read_bytes(), f"{folder.name}/{name}")
