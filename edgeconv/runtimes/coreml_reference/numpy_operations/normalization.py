"""Normalisations (``iOS15/normalization.py``)."""

# numpy gives Any for arithmetic on arrays of any element type
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import numpy as np

from edgeconv.runtimes.coreml_reference.element_types import Array
from edgeconv.runtimes.coreml_reference.numpy_operations.operations import operation


def _per_channel(parameter: Array | None, x: Array, default: float) -> Array:
    values = np.array([default], np.float32) if parameter is None else parameter
    return values.reshape(1, -1, *(1,) * (x.ndim - 2))


@operation("batch_norm")
def batch_norm(
    x: Array,
    mean: Array,
    variance: Array,
    gamma: Array | None = None,
    beta: Array | None = None,
    *,
    epsilon: float = 1e-5,
) -> Array:
    """``gamma * (x - mean) / sqrt(variance + epsilon) + beta``, per channel (axis 1)."""
    deviation = np.sqrt(_per_channel(variance, x, 1) + np.float32(epsilon))
    normal = (x - _per_channel(mean, x, 0)) / deviation
    return normal * _per_channel(gamma, x, 1) + _per_channel(beta, x, 0)


@operation("instance_norm")
def instance_norm(
    x: Array, gamma: Array | None = None, beta: Array | None = None, *, epsilon: float = 1e-5
) -> Array:
    """Normalise each channel of each item by its own mean and variance."""
    normal = _standardised(x, tuple(range(2, x.ndim)), epsilon)
    return normal * _per_channel(gamma, x, 1) + _per_channel(beta, x, 0)


@operation("layer_norm")
def layer_norm(
    x: Array,
    gamma: Array | None = None,
    beta: Array | None = None,
    *,
    axes: tuple[int, ...] = (),
    epsilon: float = 1e-5,
) -> Array:
    """Normalise over ``axes``, or over all; ``gamma`` and ``beta`` have the shape of those axes."""
    chosen = sorted({axis % x.ndim for axis in axes} or range(x.ndim))
    shape = [size if axis in chosen else 1 for axis, size in enumerate(x.shape)]
    normal = _standardised(x, tuple(chosen), epsilon)
    scaled = normal if gamma is None else normal * gamma.reshape(shape)
    return scaled if beta is None else scaled + beta.reshape(shape)


@operation("l2_norm")
def l2_norm(x: Array, *, epsilon: float = 1e-6) -> Array:
    """``x / sqrt(sum(x ** 2) + epsilon)`` over the last three axes."""
    return x / np.sqrt(np.square(x).sum((-3, -2, -1), keepdims=True) + np.float32(epsilon))


@operation("local_response_norm")
def local_response_norm(
    x: Array, *, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Array:
    """``x / (k + alpha / size * sum(x ** 2)) ** beta``, summed over ``size`` nearby channels."""
    before = (size - 1) // 2
    around = [(0, 0), (before, size - 1 - before), *[(0, 0)] * (x.ndim - 2)]
    squares = np.lib.stride_tricks.sliding_window_view(np.pad(np.square(x), around), size, 1)
    y: Array = x / (k + alpha / size * squares.sum(-1)) ** np.float32(beta)
    return y


def _standardised(x: Array, axes: tuple[int, ...], epsilon: float) -> Array:
    centred = x - x.mean(axes, keepdims=True)
    variance = np.square(centred).mean(axes, keepdims=True)
    normal: Array = centred / np.sqrt(variance + np.float32(epsilon))
    return normal
