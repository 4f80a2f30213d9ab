"""Zip archives from strangers: names that stay inside, and no more bytes than were stored."""

from __future__ import annotations

import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from edgeconv.errors import CorruptCheckpoint, UnsafeCheckpoint

_LARGEST_RATIO = 100
_SMALL = 1 << 20


@contextmanager
def opened(path: Path, where: str) -> Iterator[zipfile.ZipFile]:
    """An archive whose names were checked, open for reading.

    Args:
        path: the archive.
        where: the checkpoint, for the errors.

    Raises:
        UnsafeCheckpoint: a name leads out of the archive, or is a link.
        CorruptCheckpoint: it is no zip archive, is damaged, or holds a name twice; also for damage
            that shows inside the block.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            _check_names(archive, where)
            yield archive
    except (
        zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError
    ) as error:  # fmt: skip
        raise CorruptCheckpoint(
            f"{where} is no sound zip archive",
            got=str(error),
            do="it may be truncated: copy or download it again",
        ) from error


def names(path: Path) -> list[str]:
    """The names in a zip archive; none where it is no archive, or a broken one."""
    if not zipfile.is_zipfile(path):
        return []
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.namelist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError):
        return []


def content(archive: zipfile.ZipFile, name: str, where: str, largest: int) -> bytes:
    """The bytes of one member.

    Args:
        archive: as :func:`opened` gives it.
        name: the member.
        where: the checkpoint, for the errors.
        largest: how many bytes it may have.

    Raises:
        CorruptCheckpoint: there is no such member, it claims far more bytes than were stored or
            more than ``largest``, or has another length than it claims.
    """
    try:
        member = archive.getinfo(name)
    except KeyError as error:
        raise CorruptCheckpoint(
            f"{name} is missing in {where}",
            got=", ".join(archive.namelist()[:10]) or "an empty archive",
        ) from error
    size, packed = member.file_size, member.compress_size
    if size > largest or size > max(_SMALL, packed * _LARGEST_RATIO):
        raise CorruptCheckpoint(
            f"{where} claims an absurd size", got=f"{name}: {size:,} bytes from {packed:,}"
        )
    with archive.open(member) as stream:
        # One byte more than declared, so that a lie about the size shows.
        data = stream.read(size + 1)
    if len(data) != size:
        raise CorruptCheckpoint(f"{name} in {where} is not as long as the archive says")
    return data


def _check_names(archive: zipfile.ZipFile, where: str) -> None:
    seen = set()
    for member in archive.infolist():
        # The name as it stands in the file: zipfile itself cuts names at a NUL.
        name = member.orig_filename
        path = PurePosixPath(name)
        linked = stat.S_ISLNK(member.external_attr >> 16)
        if path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name or linked:
            raise UnsafeCheckpoint(
                f"{where} holds a name that leads out of the archive; nothing was unpacked",
                got=f"{name!r}{' (a link)' if linked else ''}",
            )
        if name in seen:
            raise CorruptCheckpoint(f"{where} holds {name!r} twice")
        seen.add(name)
