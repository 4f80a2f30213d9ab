"""Which pictures look alike: the difference hash (Krawetz 2013), along rows and columns.

Each bit says whether brightness rises from one cell of a coarse grid to the next. Another size,
format or quality of the same picture changes few of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

SIDE = 8
BITS = 2 * SIDE * SIDE

NEAR = 12
"""Bits that two pictures may differ in and still look alike. Of 55,000 pairs of different
photographs none was nearer (``tests/training/test_perceptual_hash.py``)."""

PLAIN = 6
"""A hash with fewer bits set, or unset, belongs to a picture with nothing in it."""

CHUNK = 256


def difference_hash(picture: Any) -> NDArray[np.uint8]:
    """The hash of a ``PIL.Image``: :data:`BITS` bits, packed into bytes."""
    from PIL import Image

    # Shrunk in two steps: what is coarse needs no exact filter over a large picture.
    small = picture.convert("L").resize((SIDE + 1, SIDE + 1), Image.Resampling.BOX)
    cells = np.asarray(small, np.int16)
    along_rows = cells[:SIDE, 1:] > cells[:SIDE, :-1]
    along_columns = cells[1:, :SIDE] > cells[:-1, :SIDE]
    return np.packbits(np.stack([along_rows, along_columns]))


def near_pairs(some: NDArray[np.uint8], others: NDArray[np.uint8]) -> Iterator[tuple[int, int]]:
    """For each of some hashes the nearest of the others, where that one is near.

    Args:
        some: (N, bytes).
        others: (M, bytes).

    Yields:
        Indices in ``some`` and in ``others``. Pictures with nothing in them are like no other.
    """
    counts = np.bitwise_count(some).sum(axis=1)
    told = (counts >= PLAIN) & (counts <= BITS - PLAIN)
    for start in range(0, len(some), CHUNK):
        part = some[start : start + CHUNK]
        differ = np.bitwise_count(part[:, None] ^ others[None]).sum(axis=2)
        nearest = differ.argmin(axis=1)
        for number, other in enumerate(nearest):
            if told[start + number] and differ[number, other] <= NEAR:
                yield start + number, int(other)
