"""Ranges of 8-bit activations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from edgeconv.runtimes.coreml_reference.element_types import Array

STEPS = 255


def range_of(values: Sequence[Array]) -> dict[str, float]:
    """``rmin`` and ``rmax``: the least and the greatest value.

    Narrower ranges, by percentile or least mean square error, were no better on MobileNetV2.
    """
    return {
        "rmin": min(float(value.min()) for value in values),
        "rmax": max(float(value.max()) for value in values),
    }


def with_steps(value: Array, ends: Mapping[str, float]) -> Array:
    """A value on the 256 steps of a range, as ``quantize`` with a zero point gives it."""
    low, high = min(ends["rmin"], 0.0), max(ends["rmax"], 0.0)
    step = (high - low) / STEPS or 1.0
    zero = np.round(-low / step)
    whole = np.clip(np.round(value / step) + zero, 0, STEPS)
    return np.asarray((whole - zero) * step, value.dtype)
