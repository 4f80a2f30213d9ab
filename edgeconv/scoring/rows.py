"""Embeddings of a chunk: read and checked, a stretch of rows at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeconv.embeddings import LARGEST_GAP_FROM_ONE, checked
from edgeconv.errors import EmbeddingError, FileError, InputError
from edgeconv.scoring import arrays, tables
from edgeconv.scoring.batches import Batch
from edgeconv.scoring.chunks import Chunk
from edgeconv.scoring.columns import places_in, values
from edgeconv.scoring.inputs import Reading
from edgeconv.scoring.names import error_text
from edgeconv.spec import Embedding

AT_ONCE = 2048
"""Rows of a batch."""


def batches(chunk: Chunk, reading: Reading) -> Iterator[Batch]:
    """All rows of a chunk, each once, in order."""
    assert isinstance(reading.how, Embedding)
    for piece in chunk.pieces:
        found = piece.start
        try:
            if piece.file.lower().endswith(tables.SUFFIXES):
                for keys, column in tables.read(piece, reading.columns, rows=True, at_once=AT_ONCE):
                    yield _from_column(keys, column, reading.how)
                    found += len(keys)
            else:
                keys = places_in(piece.file, piece.start, piece.stop)
                for rows in arrays.read(piece, reading.how, AT_ONCE):
                    named = keys[found - piece.start :][: len(rows)]
                    yield _checked(named, rows, np.arange(len(rows)), {}, reading.how)
                    found += len(rows)
        except (InputError, FileError) as error:
            keys = places_in(piece.file, found, piece.stop)
            yield _without_rows(
                keys, dict.fromkeys(range(len(keys)), error_text(error)), reading.how
            )


def _from_column(keys: Any, column: Any, how: Embedding) -> Batch:
    """A pyarrow column of lists; empty and misshapen ones are errors."""
    from pyarrow import compute

    lengths = compute.fill_null(compute.list_value_length(column), -1).to_numpy(
        zero_copy_only=False
    )
    places = np.flatnonzero(lengths == how.length)
    errors = {
        int(place): f"{keys[place]} is empty"
        if lengths[place] < 0
        else f"{keys[place]} has {lengths[place]} numbers, the model takes {how.length}"
        for place in np.flatnonzero(lengths != how.length)
    }
    if not len(places):
        return _without_rows(keys, errors, how)
    flat = (column.take(values(places)) if errors else column).flatten()
    with np.errstate(over="ignore"):
        rows = flat.to_numpy(zero_copy_only=False).astype(np.float32, copy=False)
    return _checked(keys, rows.reshape(-1, how.length), places, errors, how)


def _checked(
    keys: Any,
    rows: NDArray[np.float32],
    places: NDArray[Any],
    errors: dict[int, str],
    how: Embedding,
) -> Batch:
    """The rows that :func:`edgeconv.embeddings.checked` lets pass."""
    with np.errstate(over="ignore", invalid="ignore"):
        norms = np.sqrt(np.vecdot(rows, rows))
    suspect = ~np.isfinite(norms)
    if how.unit:
        suspect |= ~(np.abs(norms - 1) < LARGEST_GAP_FROM_ONE * 0.99)
    sound = np.ones(len(rows), bool)
    for index in np.flatnonzero(suspect):
        place = int(places[index])
        try:
            checked(rows[index], how, str(keys[place]))
        except EmbeddingError as error:
            errors[place] = error_text(error)
            sound[index] = False
    if sound.all():
        return Batch(keys, rows, places, errors)
    return Batch(keys, rows[sound], places[sound], errors)


def _without_rows(keys: Any, errors: dict[int, str], how: Embedding) -> Batch:
    return Batch(keys, np.empty((0, how.length), np.float32), np.empty(0, np.int64), errors)
