"""Inputs of the small program that is compressed."""

from __future__ import annotations

from typing import Any

import numpy as np

SIDE = 12


def pictures(seed: int, count: int) -> list[dict[str, Any]]:
    """Smooth ones: neighbouring pixels go together, as in photographs."""
    rng = np.random.default_rng(seed)
    steps = rng.normal(0, 1, (count, 1, 3, SIDE, SIDE)).cumsum(axis=-1).cumsum(axis=-2) / 6
    return [{"x": one.astype(np.float32)} for one in steps]
