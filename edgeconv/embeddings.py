"""Embeddings from ``.npy`` files: a row of numbers each, checked before a model sees them."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeconv.errors import EmbeddingError
from edgeconv.spec import Embedding

SUFFIX = ".npy"

LARGEST_GAP_FROM_ONE = 1e-2
"""How far the norm of a row may be from one: float16 rows stray by a thousandth."""


def find_row_files(paths: Iterable[Path]) -> list[Path]:
    """The ``.npy`` files among files and folders; a folder is searched to its depths, by name."""
    return [
        file
        for path in paths
        for file in (sorted(path.rglob(f"*{SUFFIX}")) if path.is_dir() else [path])
    ]


def read_rows(source: Path | bytes, expected: Embedding, name: str) -> NDArray[np.float32]:
    """All rows of a file; float16 and float64 ones are brought to float32.

    Args:
        source: a ``.npy`` file, or its content.
        expected: what the model takes.
        name: what errors call the file.

    Returns:
        (N, length) float32. What the numbers are is still to be checked: :func:`checked`.

    Raises:
        EmbeddingError: it is no ``.npy`` file of floats, (N, length) or (length,).
    """
    try:
        stream = io.BytesIO(source) if isinstance(source, bytes) else source.open("rb")
        with stream:
            rows = np.lib.format.read_array(stream, allow_pickle=False)
    except Exception as error:  # a broken header leads numpy's reader to raise whatever it may
        raise _unreadable(name, error) from error
    refuse_other_rows(rows, expected, name)
    with np.errstate(over="ignore", invalid="ignore"):
        return rows.reshape(-1, expected.length).astype(np.float32)


def mapped_rows(file: Path, expected: Embedding) -> NDArray[Any]:
    """All rows of a file as they lie on the disk, (N, length); read as they are used.

    Raises:
        EmbeddingError: as :func:`read_rows`.
    """
    try:
        rows = np.lib.format.open_memmap(file, mode="r")
    except Exception as error:  # as above
        raise _unreadable(str(file), error) from error
    refuse_other_rows(rows, expected, str(file))
    return rows.reshape(-1, expected.length)


def _unreadable(name: str, error: Exception) -> EmbeddingError:
    return EmbeddingError(
        f"cannot read {name}",
        got=str(error),
        expected=f"a {SUFFIX} file of float16, float32 or float64",
    )


def refuse_other_rows(rows: Any, expected: Embedding, name: str) -> None:
    """Rows must be an array of floats, (N, length) or (length,).

    Raises:
        EmbeddingError: they are not.
    """
    if not isinstance(rows, np.ndarray) or rows.dtype.kind != "f":
        raise EmbeddingError(
            f"{name} holds no embeddings",
            got=str(getattr(rows, "dtype", "an archive of several arrays")),
            expected="one array of float16, float32 or float64",
        )
    if rows.ndim not in {1, 2} or rows.shape[-1] != expected.length:
        made_by = f", made by {expected.made_by}" if expected.made_by else ""
        raise EmbeddingError(
            f"{name} holds embeddings of another shape",
            got=str(rows.shape),
            expected=f"(N, {expected.length}){made_by}",
        )


def checked(row: NDArray[np.float32], expected: Embedding, name: str) -> NDArray[np.float32]:
    """The row itself, (length,), once it is found to be what the model takes.

    Raises:
        EmbeddingError: it holds NaN or infinity, or its norm is not one where it should be.
    """
    if not np.isfinite(row).all():
        raise EmbeddingError(f"{name} holds NaN or infinity", expected="finite numbers")
    norm = float(np.linalg.norm(row))
    if expected.unit and abs(norm - 1) > LARGEST_GAP_FROM_ONE:
        raise EmbeddingError(
            f"{name} is not of norm one",
            got=f"norm {norm:.4g}",
            expected="rows divided by their Euclidean norm, as the model was trained on",
            do="divide each row by its norm",
        )
    return row


def as_file(row: NDArray[np.float32]) -> bytes:
    """One row as the content of a ``.npy`` file."""
    stream = io.BytesIO()
    np.save(stream, row, allow_pickle=False)
    return stream.getvalue()
