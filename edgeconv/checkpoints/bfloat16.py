"""bfloat16, which numpy does not know: the upper half of a float32."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def widened(bits: NDArray[Any]) -> NDArray[np.float32]:
    """The values of bfloat16 numbers given as unsigned 16-bit patterns, exactly."""
    return (bits.astype(np.uint32) << 16).view(np.float32)
