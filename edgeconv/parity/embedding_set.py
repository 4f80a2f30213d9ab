"""The embeddings that parity is judged on, where a model takes no pictures."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgeconv.embeddings import as_file, find_row_files, read_rows
from edgeconv.errors import EmbeddingError, UsageError
from edgeconv.parity.reference_set import GENERATED, ReferencePicture, ReferenceSet
from edgeconv.spec import Embedding

EMBEDDINGS = 1000
"""How many rows are drawn: they cost little, and bound the flip rate at 0.3 %."""

GOLDEN_ROWS = 4
"""They lie in the contract number by number, so they are few."""

REFERENCE_SEED = 1
CALIBRATION_SEED = 2


def embedding_set(rows: NDArray[np.float32]) -> ReferenceSet:
    """Rows (N, length) as a reference set, each a file of its own."""
    return ReferenceSet(GENERATED, tuple(_pictures(rows, "row")))


def embeddings_in(place: Path, expected: Embedding) -> ReferenceSet:
    """The rows of a ``.npy`` file, or of those in a folder.

    Raises:
        UsageError: there is no such file or folder, or no ``.npy`` file in it.
        EmbeddingError: a file holds no such embeddings.
    """
    files = find_row_files([place])
    if not files or not place.exists():
        raise UsageError(
            f"no embeddings in {place}",
            got="a folder without any" if place.is_dir() else "no file or folder of that name",
            expected=f"a .npy file of (N, {expected.length}), or a folder with such files",
        )
    named = [file.relative_to(place).as_posix() if place.is_dir() else file.name for file in files]
    return ReferenceSet(
        str(place),
        tuple(
            picture
            for file, name in zip(files, named, strict=True)
            for picture in _pictures(read_rows(file, expected, str(file)), name)
        ),
    )


def golden_rows(rows: NDArray[np.float32]) -> list[tuple[str, NDArray[np.float32]]]:
    """Name and content of the few rows that artifacts carry, with the scores they gave."""
    named = zip(embedding_set(rows).pictures, rows, strict=True)
    return [(picture.name, row) for picture, row in named][:GOLDEN_ROWS]


def _pictures(rows: NDArray[np.float32], name: str) -> Iterator[ReferencePicture]:
    if not len(rows):
        raise EmbeddingError(f"{name} holds no row", expected="at least one")
    width = len(str(len(rows) - 1))
    for number, row in enumerate(rows):
        yield ReferencePicture(f"{name}[{number:0{width}d}]", partial(as_file, row), is_row=True)
