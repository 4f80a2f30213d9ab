"""Windows over the spatial axes of a tensor: what convolution and pooling have in common."""

# numpy gives Any for arithmetic on arrays of any element type
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgeconv.runtimes.coreml_reference.element_types import Array
from edgeconv.runtimes.coreml_reference.registry import UnknownValue

Pads = list[tuple[int, int]]
"""How much is added before and after each spatial axis."""


def spatial_pads(
    pad_type: str,
    pad: Sequence[int],
    sizes: Sequence[int],
    extents: Sequence[int],
    strides: Sequence[int],
) -> Pads:
    """The padding that a ``pad_type`` means.

    Args:
        pad_type: ``valid``, ``custom``, ``same`` (odd row at the end) or ``same_lower`` (at the
            start). Both give ``ceil(size / stride)`` outputs.
        pad: for ``custom``: before and after each spatial axis in turn.
        sizes: of the input, along each spatial axis.
        extents: of the kernel, dilation included.
        strides: of the window.
    """
    if pad_type == "valid":
        return [(0, 0)] * len(sizes)
    if pad_type == "custom":
        return list(zip(pad[0::2], pad[1::2], strict=True))
    if pad_type not in {"same", "same_lower"}:
        raise UnknownValue("pad_type", pad_type, "valid", "custom", "same", "same_lower")
    pads = []
    for size, extent, stride in zip(sizes, extents, strides, strict=True):
        total = max((-(-size // stride) - 1) * stride + extent - size, 0)
        less = total // 2
        pads.append((less, total - less) if pad_type == "same" else (total - less, less))
    return pads


def padded(x: Array, pads: Pads, value: float) -> Array:
    """``x`` with its spatial axes padded by a constant."""
    return np.pad(x, [(0, 0), (0, 0), *pads], constant_values=value)


def windows(
    x: Array, kernel: Sequence[int], strides: Sequence[int], dilations: Sequence[int]
) -> Array:
    """Every position of the window.

    Args:
        x: ``(N, C, *spatial)``, padded already.

    Returns:
        ``(N, C, *positions, *kernel)``, a view.
    """
    spatial = tuple(range(2, x.ndim))
    extents = tuple((k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True))
    view = np.lib.stride_tricks.sliding_window_view(x, extents, spatial)
    steps = [slice(None, None, step) for step in (*strides, *dilations)]
    index = (slice(None), slice(None), *steps)
    return view[index]
