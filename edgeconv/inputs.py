"""From a file to what a model takes: pixels of a picture, or a row of numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from edgeconv.embeddings import checked, read_rows
from edgeconv.errors import EmbeddingError
from edgeconv.images import load_pixels
from edgeconv.spec import Embedding, Preprocessing


def load_input(
    source: Path | bytes, how: Preprocessing | Embedding, name: str | None = None
) -> NDArray[Any]:
    """Read one picture, or one embedding.

    Args:
        source: an image file or a ``.npy`` file of one row, or its content.
        how: what the model takes.
        name: what errors call it; a file's own path by default.

    Returns:
        uint8 RGB pixels (H, W, 3), or a float32 row (length,).

    Raises:
        ImageError: as :func:`edgeconv.images.load_pixels`.
        EmbeddingError: as :func:`edgeconv.embeddings.read_rows`, or there are several rows.
    """
    if isinstance(how, Preprocessing):
        return load_pixels(source, how, name)
    name = name or (str(source) if isinstance(source, Path) else "the embedding")
    rows = read_rows(source, how, name)
    if len(rows) != 1:
        raise EmbeddingError(f"{name} holds {len(rows)} rows", expected="one")
    return checked(rows[0], how, name)
