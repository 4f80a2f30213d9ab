"""Pictures of a chunk: fetched, decoded and brought to the model's size."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from edgeconv.errors import EdgeconvError, FileError, InputError, UnreadableImage
from edgeconv.images import load_pixels
from edgeconv.scoring import shards, tables
from edgeconv.scoring.batches import Batch
from edgeconv.scoring.chunks import Chunk, Piece
from edgeconv.scoring.columns import texts
from edgeconv.scoring.inputs import Reading
from edgeconv.scoring.location import Location
from edgeconv.scoring.names import error_text
from edgeconv.spec import Preprocessing

AT_ONCE = 16
"""Pictures of a batch."""

LARGEST_FILE = 512 << 20
"""Bytes: a larger file is no picture, and would fill the memory."""

Content = bytes | EdgeconvError
"""A picture's file, or why it cannot be had."""


def contents(piece: Piece, reading: Reading) -> Iterator[tuple[str, Content]]:
    """Key and file content of each picture of a piece.

    Raises:
        InputError, FileError: the rest of the piece cannot be read.
    """
    name = piece.file.lower()
    if name.endswith(shards.SUFFIXES):
        yield from shards.read(piece, LARGEST_FILE)
    elif name.endswith(tables.SUFFIXES):
        for keys, column in tables.read(piece, reading.columns, rows=False, at_once=AT_ONCE):
            for key, cell in zip(keys.to_pylist(), column, strict=True):
                content = cell.as_py()
                yield key, UnreadableImage(f"{key} is empty") if content is None else content
    else:
        yield piece.file, _file(Location(piece.file))


def batches(chunk: Chunk, reading: Reading, least_side: int | None) -> Iterator[Batch]:
    """All pictures of a chunk, each once, in order."""
    assert isinstance(reading.how, Preprocessing)
    held = _Held(reading.how, least_side)
    for piece in chunk.pieces:
        for key, content in _complete(piece, reading):
            held.add(key, content)
            if len(held.keys) == AT_ONCE:
                yield held.batch()
                held = _Held(reading.how, least_side)
    if held.keys:
        yield held.batch()


class _Held:
    """A batch in the making."""

    def __init__(self, how: Preprocessing, least_side: int | None) -> None:
        self._how = how
        self._least_side = least_side
        self.keys: list[str] = []
        self._pixels: list[np.ndarray] = []
        self._places: list[int] = []
        self._errors: dict[int, str] = {}

    def add(self, key: str, content: Content) -> None:
        place = len(self.keys)
        self.keys.append(key)
        try:
            if isinstance(content, EdgeconvError):
                raise content
            self._pixels.append(load_pixels(content, self._how, key, self._least_side))
            self._places.append(place)
        except (InputError, FileError) as error:
            self._errors[place] = error_text(error)

    def batch(self) -> Batch:
        given = (
            np.stack(self._pixels) if self._pixels else np.empty((0, *self._how.size, 3), np.uint8)
        )
        places = np.array(self._places, np.int64)
        return Batch(texts(self.keys), given, places, self._errors)


def _complete(piece: Piece, reading: Reading) -> Iterator[tuple[str, Content]]:
    """As :func:`contents`, but always as many as were listed: what is not there is an error."""
    found = 0
    error: EdgeconvError = UnreadableImage(
        f"{piece.file} holds fewer pictures than when it was listed"
    )
    try:
        for key, content in contents(piece, reading):
            yield key, content
            found += 1
    except (InputError, FileError) as raised:
        error = raised
    for place in range(piece.start + found, piece.stop):
        yield f"{piece.file}[{place}]", error


def _file(location: Location) -> Content:
    try:
        with location.open() as stream:
            content = stream.read(LARGEST_FILE + 1)
    except FileError as error:
        return error
    if len(content) > LARGEST_FILE:
        return UnreadableImage(f"{location.name} is too large", expected=f"{LARGEST_FILE:,} bytes")
    return content
