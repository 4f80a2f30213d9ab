"""Normalisation as the original does it, outside any graph."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeconv.spec import Embedding, Input


def normalise(inputs: NDArray[Any], how: Input | Embedding) -> NDArray[np.float32]:
    """RGB pixels 0..255, (..., 3), to what the model was trained on: float32, the same shape.

    Embeddings are taken as they are.
    """
    if isinstance(how, Embedding):
        return inputs.astype(np.float32, copy=False)
    mean, std = np.array(how.mean, np.float32), np.array(how.std, np.float32)
    normalised: NDArray[np.float32] = (
        inputs.astype(np.float32) * np.float32(how.scale) - mean
    ) / std
    return normalised
