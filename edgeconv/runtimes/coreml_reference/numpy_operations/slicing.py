"""Slices (``slice_by_index``, ``slice_by_size``, ``slice_update``, ``crop``)."""

# numpy gives Any for arithmetic on arrays of any element type
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import numpy as np

from edgeconv.runtimes.coreml_reference.element_types import Array
from edgeconv.runtimes.coreml_reference.numpy_operations.operations import operation


def _slices(
    x: Array,
    begin: tuple[int, ...],
    end: tuple[int, ...],
    stride: tuple[int, ...],
    begin_mask: tuple[bool, ...],
    end_mask: tuple[bool, ...],
    squeeze_mask: tuple[bool, ...],
) -> tuple[slice | int, ...]:
    """One slice an axis; a masked bound is open, a squeezed axis is a single index."""
    nothing = (False,) * x.ndim
    rows = zip(
        begin,
        end,
        stride or (1,) * x.ndim,
        begin_mask or nothing,
        end_mask or nothing,
        squeeze_mask or nothing,
        strict=True,
    )
    slices: list[slice | int] = [
        first if squeezed else slice(None if from_edge else first, None if to_edge else last, step)
        for first, last, step, from_edge, to_edge, squeezed in rows
    ]
    if len(slices) != x.ndim:
        raise ValueError(f"{len(slices)} slices for a tensor of rank {x.ndim}")
    return tuple(slices)


@operation("slice_by_index")
def slice_by_index(
    x: Array,
    *,
    begin: tuple[int, ...],
    end: tuple[int, ...],
    stride: tuple[int, ...] = (),
    begin_mask: tuple[bool, ...] = (),
    end_mask: tuple[bool, ...] = (),
    squeeze_mask: tuple[bool, ...] = (),
) -> Array:
    """``x[begin:end:stride]`` along each axis."""
    part = x[_slices(x, begin, end, stride, begin_mask, end_mask, squeeze_mask)]
    return np.asarray(part, x.dtype)


@operation("slice_by_size")
def slice_by_size(x: Array, *, begin: tuple[int, ...], size: tuple[int, ...]) -> Array:
    """``size`` values from ``begin`` along each axis; a size of -1 takes the rest."""
    part = x
    for axis, (first, count) in enumerate(zip(begin, size, strict=True)):
        start = first + x.shape[axis] if first < 0 else first
        stop = x.shape[axis] if count == -1 else start + count
        if not 0 <= start <= stop <= x.shape[axis]:
            raise ValueError(f"{start}:{stop} of an axis of {x.shape[axis]}")
        part = part.take(np.arange(start, stop), axis)
    return part


@operation("slice_update")
def slice_update(
    x: Array,
    update: Array,
    *,
    begin: tuple[int, ...],
    end: tuple[int, ...],
    stride: tuple[int, ...] = (),
    begin_mask: tuple[bool, ...] = (),
    end_mask: tuple[bool, ...] = (),
    squeeze_mask: tuple[bool, ...] = (),
) -> Array:
    """``x`` with the slice replaced by ``update``."""
    y = x.copy()
    y[_slices(x, begin, end, stride, begin_mask, end_mask, squeeze_mask)] = update
    return y


@operation("crop")
def crop(x: Array, *, crop_height: tuple[int, ...], crop_width: tuple[int, ...]) -> Array:
    """Rows and columns taken off the last two axes, at their start and end."""
    height, width = x.shape[-2:]
    (top, bottom), (left, right) = crop_height, crop_width
    return x[..., top : height - bottom, left : width - right]
