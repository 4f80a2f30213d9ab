"""``max_pool``, ``avg_pool`` and ``l2_pool``, in one to three spatial dimensions."""

# numpy gives Any for arithmetic on arrays of any element type
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgeconv.runtimes.coreml_reference.element_types import Array
from edgeconv.runtimes.coreml_reference.numpy_operations.operations import operation
from edgeconv.runtimes.coreml_reference.numpy_operations.windows import (
    Pads,
    padded,
    spatial_pads,
    windows,
)


def _overhang(
    sizes: Sequence[int], kernel: Sequence[int], strides: Sequence[int], pads: Pads
) -> Pads:
    """What ``ceil_mode`` adds at the end, so that a last partial window fits.

    A window that would start in the padding at the end is dropped, as in PyTorch.
    """
    extra = []
    for size, k, stride, (low, high) in zip(sizes, kernel, strides, pads, strict=True):
        count = -(-(size + low + high - k) // stride) + 1
        if low + high > 0 and (count - 1) * stride >= size + low:
            count -= 1
        extra.append((0, max((count - 1) * stride + k - (size + low + high), 0)))
    return extra


class _Pool:
    """The windows of one pooling operation.

    Attributes:
        pads: the padding that the operation asks for.
        overhang: what ``ceil_mode`` adds to it.
    """

    def __init__(
        self,
        x: Array,
        kernel_sizes: Sequence[int],
        strides: Sequence[int],
        pad_type: str,
        pad: Sequence[int],
        ceil_mode: bool,
    ) -> None:
        rank = len(kernel_sizes)
        self.kernel = kernel_sizes
        self.strides = strides or (1,) * rank
        sizes = x.shape[2:]
        self.pads = spatial_pads(pad_type, pad or (0, 0) * rank, sizes, kernel_sizes, self.strides)
        self.overhang: Pads = (
            _overhang(sizes, kernel_sizes, self.strides, self.pads)
            if ceil_mode
            else [(0, 0)] * rank
        )
        self.kernel_axes = tuple(range(-rank, 0))

    def windows(self, x: Array, pad_value: float, overhang_value: float) -> Array:
        """``(N, C, *positions, *kernel)``."""
        whole = padded(padded(x, self.pads, pad_value), self.overhang, overhang_value)
        return windows(whole, self.kernel, self.strides, (1,) * len(self.kernel))


@operation("max_pool")
def max_pool(
    x: Array,
    *,
    kernel_sizes: tuple[int, ...],
    pad_type: str,
    strides: tuple[int, ...] = (),
    pad: tuple[int, ...] = (),
    ceil_mode: bool = False,
) -> Array:
    """The largest value of each window; padding never wins."""
    pool = _Pool(x, kernel_sizes, strides, pad_type, pad, ceil_mode)
    return pool.windows(x, -np.inf, -np.inf).max(pool.kernel_axes)


@operation("avg_pool")
def avg_pool(
    x: Array,
    *,
    kernel_sizes: tuple[int, ...],
    pad_type: str,
    strides: tuple[int, ...] = (),
    pad: tuple[int, ...] = (),
    exclude_padding_from_average: bool = False,
    ceil_mode: bool = False,
) -> Array:
    """The mean of each window. What ``ceil_mode`` adds never counts, as in PyTorch."""
    pool = _Pool(x, kernel_sizes, strides, pad_type, pad, ceil_mode)
    total = pool.windows(x, 0, 0).sum(pool.kernel_axes)
    padding_counts = 0 if exclude_padding_from_average else 1
    count = pool.windows(np.ones_like(x[:1, :1]), padding_counts, 0).sum(pool.kernel_axes)
    mean: Array = total / count
    return mean


@operation("l2_pool")
def l2_pool(
    x: Array,
    *,
    kernel_sizes: tuple[int, ...],
    pad_type: str,
    strides: tuple[int, ...] = (),
    pad: tuple[int, ...] = (),
    ceil_mode: bool = False,
) -> Array:
    """The Euclidean norm of each window."""
    pool = _Pool(x, kernel_sizes, strides, pad_type, pad, ceil_mode)
    return np.sqrt(np.square(pool.windows(x, 0, 0)).sum(pool.kernel_axes))
