"""``.npy`` files of embeddings, read a stretch of rows at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgeconv.embeddings import SUFFIX
from edgeconv.errors import EmbeddingError, FileError
from edgeconv.scoring.chunks import Piece
from edgeconv.scoring.location import Location
from edgeconv.spec import Embedding

SUFFIXES = (SUFFIX,)

PIECE = 4096
"""Rows of one piece."""


class _Header(NamedTuple):
    rows: int
    length: int
    dtype: np.dtype[Any]
    offset: int


def survey(file: Location, expected: Embedding) -> list[Piece]:
    """Its rows, in stretches; one piece for a file that is not what the model takes."""
    try:
        with file.open() as stream:
            rows = _header(stream, file, expected).rows
    except (EmbeddingError, FileError):
        return [Piece(file.name)]
    return [Piece(file.name, at, min(at + PIECE, rows)) for at in range(0, rows, PIECE)]


def read(piece: Piece, expected: Embedding, at_once: int) -> Iterator[NDArray[np.float32]]:
    """(N, length) float32, ``at_once`` rows at a time; what the numbers are is still to be checked.

    Raises:
        EmbeddingError: it is no ``.npy`` file of floats of that length, or it is cut off.
        FileError: it cannot be read.
    """
    file = Location(piece.file)
    with file.open() as stream:
        header = _header(stream, file, expected)
        row_bytes = header.length * header.dtype.itemsize
        stream.seek(header.offset + piece.start * row_bytes)
        for start in range(piece.start, piece.stop, at_once):
            wanted = min(at_once, piece.stop - start) * row_bytes
            content = stream.read(wanted)
            if len(content) != wanted:
                raise _unfit(file, "fewer rows than when it was listed")
            rows = np.frombuffer(content, header.dtype).reshape(-1, header.length)
            with np.errstate(over="ignore"):
                given = rows.astype(np.float32, copy=False)
            yield given


def _header(stream: BinaryIO, file: Location, expected: Embedding) -> _Header:
    try:
        version = np.lib.format.read_magic(stream)
        reading = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }
        if version not in reading:
            raise ValueError(f"version {version} of the format")
        shape, by_columns, dtype = reading[version](stream)
    except (ValueError, EOFError) as error:
        raise _unfit(file, str(error)) from error
    if dtype.kind != "f" or (by_columns and len(shape) > 1):
        raise _unfit(file, f"{dtype}{', column by column' if by_columns else ''}")
    rows, length = (1, *shape) if len(shape) == 1 else (shape or (0, 0))[:2]
    if len(shape) not in {1, 2} or length != expected.length:
        raise _unfit(file, f"shape {shape}")
    offset = stream.tell()
    if file.size() < offset + rows * length * dtype.itemsize:
        raise _unfit(file, f"{file.size():,} bytes: it is cut off")
    return _Header(rows, length, dtype, offset)


def _unfit(file: Location, got: str) -> EmbeddingError:
    return EmbeddingError(
        f"cannot read {file.name}",
        got=got,
        expected=f"a {SUFFIX} file of float16, float32 or float64, row by row",
    )
