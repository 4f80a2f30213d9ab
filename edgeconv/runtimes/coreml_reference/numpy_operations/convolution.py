"""``conv`` and ``conv_transpose``, in one to three spatial dimensions."""

# numpy gives Any for arithmetic on arrays of any element type
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

from edgeconv.runtimes.coreml_reference.element_types import Array
from edgeconv.runtimes.coreml_reference.numpy_operations.operations import operation
from edgeconv.runtimes.coreml_reference.numpy_operations.windows import (
    padded,
    spatial_pads,
    windows,
)
from edgeconv.runtimes.coreml_reference.registry import UnknownValue


@operation("conv")
def conv(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    *,
    strides: tuple[int, ...] = (),
    pad_type: str = "valid",
    pad: tuple[int, ...] = (),
    dilations: tuple[int, ...] = (),
    groups: int = 1,
) -> Array:
    """Convolution as one matrix product a group.

    Args:
        x: ``(N, C_in, *spatial)``.
        weight: ``(C_out, C_in / groups, *kernel)``.
        bias: ``(C_out,)``.
    """
    kernel = weight.shape[2:]
    ones = (1,) * len(kernel)
    strides, dilations = strides or ones, dilations or ones
    extents = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    pads = spatial_pads(pad_type, pad or (0, 0) * len(kernel), x.shape[2:], extents, strides)
    view = windows(padded(x, pads, 0), kernel, strides, dilations)
    batch, channels = x.shape[:2]
    positions = view.shape[2 : 2 + len(kernel)]
    if channels != weight.shape[1] * groups or weight.shape[0] % groups:
        raise ValueError(f"{channels} channels in {groups} groups for weights {weight.shape}")

    rank = len(kernel)
    patches = np.moveaxis(view, range(2, 2 + rank), range(-rank, 0))
    columns = patches.reshape(batch, groups, -1, int(np.prod(positions)))
    rows = weight.reshape(groups, weight.shape[0] // groups, -1)
    y = (rows @ columns).reshape(batch, weight.shape[0], *positions)
    return y if bias is None else y + bias.reshape(-1, *ones)


@operation("conv_transpose")
def conv_transpose(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    *,
    pad: tuple[int, ...] = (),
    output_shape: tuple[int, ...] = (),
    pad_type: str = "valid",
    strides: tuple[int, ...] = (),
    dilations: tuple[int, ...] = (),
    groups: int = 1,
) -> Array:
    """Transposed convolution: every input value adds its scaled kernel to the output.

    Args:
        x: ``(N, C_in, *spatial)``.
        weight: ``(C_in, C_out / groups, *kernel)``.
        bias: ``(C_out,)``.
        output_shape: ``(N, C_out, *spatial)``, where padding leaves it open.
    """
    kernel = weight.shape[2:]
    ones = (1,) * len(kernel)
    strides, dilations = strides or ones, dilations or ones
    batch, channels, *sizes = x.shape
    if channels != weight.shape[0] or channels % groups:
        raise ValueError(f"{channels} channels in {groups} groups for weights {weight.shape}")
    full = [
        (size - 1) * stride + (k - 1) * dilation + 1
        for size, stride, k, dilation in zip(sizes, strides, kernel, dilations, strict=True)
    ]
    wanted = list(output_shape[2:])
    if pad_type == "same":
        wanted = wanted or [size * stride for size, stride in zip(sizes, strides, strict=True)]
        before = [max(f - w, 0) // 2 for f, w in zip(full, wanted, strict=True)]
    elif pad_type in {"valid", "custom"}:
        pads = pad if pad_type == "custom" and pad else (0, 0) * len(kernel)
        before = list(pads[0::2])
        wanted = wanted or [
            f - low - high for f, low, high in zip(full, pads[0::2], pads[1::2], strict=True)
        ]
    else:
        raise UnknownValue("pad_type", pad_type, "valid", "custom", "same")

    room = [max(f, low + w) for f, low, w in zip(full, before, wanted, strict=True)]
    per_group = weight.shape[1]
    canvas = np.zeros((batch, groups, per_group, *room), np.float32)
    grouped = x.reshape(batch, groups, channels // groups, -1)
    kernels = weight.reshape(groups, channels // groups, per_group, *kernel)
    whole = (slice(None),) * 3
    for tap in product(*map(range, kernel)):
        at_tap: Any = (*whole, *tap)
        spread = kernels[at_tap].swapaxes(1, 2) @ grouped
        reached = tuple(
            slice(t * d, t * d + (size - 1) * stride + 1, stride)
            for t, d, size, stride in zip(tap, dilations, sizes, strides, strict=True)
        )
        canvas[whole + reached] += spread.reshape(batch, groups, per_group, *sizes)
    cut = tuple(slice(low, low + w) for low, w in zip(before, wanted, strict=True))
    y = canvas[whole + cut]
    y = y.reshape(batch, groups * per_group, *wanted)
    return y if bias is None else y + bias.reshape(-1, *ones)
