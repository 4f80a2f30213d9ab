"""Inputs to try a model with."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeconv.spec import Embedding, Preprocessing


def noise(how: Preprocessing | Embedding, count: int) -> NDArray[Any]:
    """(count, H, W, 3) uint8 pixels, or (count, length) float32 rows of norm one."""
    random = np.random.default_rng(0)
    if isinstance(how, Preprocessing):
        return random.integers(0, 256, (count, *how.size, 3)).astype(np.uint8)
    rows = random.normal(size=(count, how.length))
    unit: NDArray[Any] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit.astype(np.float32)
