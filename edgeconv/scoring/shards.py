"""WebDataset shards: tar files of pictures. Names of members are keys; nothing is written by them.

A damaged shard gives the members before the damage, and one more input that says what is wrong.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from typing import BinaryIO

from edgeconv.errors import FileError, UnreadableImage
from edgeconv.images import IMAGE_SUFFIXES
from edgeconv.scoring.chunks import Piece
from edgeconv.scoring.location import Location

SUFFIXES = (".tar",)

RUN = 64
"""Members of one piece: few enough to balance, enough that a plan of millions stays small."""

_DAMAGED = -1
"""A piece that stands for the end of a damaged shard."""


def survey(shard: Location) -> Iterator[Piece]:
    """Its pictures, in runs; only headers are read."""
    first, start, count = 0, 0, 0
    try:
        with shard.open() as stream, tarfile.open(fileobj=stream, mode="r:") as archive:
            for member in archive:
                if not _is_input(member):
                    continue
                if count - start == RUN:
                    yield Piece(shard.name, start, count, first)
                    start = count
                if count == start:
                    first = member.offset
                count += 1
            whole = _ends_well(stream, archive.offset)
    except (tarfile.TarError, FileError, EOFError, ValueError):
        whole = False
    if count > start:
        yield Piece(shard.name, start, count, first)
    if not whole:
        yield Piece(shard.name, count, count + 1, _DAMAGED)


def read(piece: Piece, largest: int) -> Iterator[tuple[str, bytes | UnreadableImage]]:
    """Name and content of each picture of a piece, or why it has none.

    Args:
        piece: from :func:`survey`.
        largest: bytes that a picture may have.
    """
    if piece.at == _DAMAGED:
        yield (
            piece.file,
            UnreadableImage(
                f"{piece.file} is damaged",
                got=f"no whole tar file: {piece.start} pictures could be told apart",
                do="fetch it again",
            ),
        )
        return
    left = piece.count
    with Location(piece.file).open() as stream:
        stream.seek(piece.at)
        with tarfile.open(fileobj=stream, mode="r:") as archive:
            for member in archive:
                if _is_input(member):
                    left -= 1
                    key = f"{piece.file}[{member.name}]"
                    yield key, _content(archive, member, key, largest)
                if not left:
                    return


def _is_input(member: tarfile.TarInfo) -> bool:
    name = member.name.rpartition("/")[2]
    return not member.isdir() and name[:1] != "." and name.lower().endswith(IMAGE_SUFFIXES)


def _content(
    archive: tarfile.TarFile, member: tarfile.TarInfo, key: str, largest: int
) -> bytes | UnreadableImage:
    if not member.isreg():
        return UnreadableImage(f"{key} is no file", got="a link or a device")
    if member.size > largest:
        return UnreadableImage(f"{key} is too large", got=f"{member.size:,} bytes")
    stream = archive.extractfile(member)
    assert stream is not None
    try:
        return stream.read()
    except tarfile.TarError as error:
        return UnreadableImage(f"{key} is cut off", got=str(error))


def _ends_well(stream: BinaryIO, offset: int) -> bool:
    """Whether a block of zeros stands where the members end: a cut file just stops."""
    stream.seek(offset)
    block = stream.read(tarfile.BLOCKSIZE)
    return len(block) == tarfile.BLOCKSIZE and not any(block)
