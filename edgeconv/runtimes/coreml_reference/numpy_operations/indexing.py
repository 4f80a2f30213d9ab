"""Gathering, sorting and what is made of indices (``scatter_gather.py`` and others)."""

# numpy gives Any for arithmetic on arrays of any element type
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import numpy as np

from edgeconv.runtimes.coreml_reference.element_types import Array
from edgeconv.runtimes.coreml_reference.numpy_operations.operations import operation


@operation("gather", ignoring=["validate_indices"])
def gather(
    x: Array,
    indices: Array,
    *,
    axis: int = 0,
    batch_dims: int = 0,
) -> Array:
    """``x`` at ``indices`` along ``axis``; the first ``batch_dims`` axes are shared."""
    if batch_dims == 0:
        return np.take(x, indices, axis)
    along = axis % x.ndim
    return np.stack(
        [
            gather(item, chosen, axis=along - 1, batch_dims=batch_dims - 1)
            for item, chosen in zip(x, indices, strict=True)
        ]
    )


@operation("gather_along_axis", ignoring=["validate_indices"])
def gather_along_axis(x: Array, indices: Array, *, axis: int = 0) -> Array:
    """``indices`` has the shape of the result: one index a value."""
    return np.take_along_axis(x, indices, axis)


@operation("gather_nd", ignoring=["validate_indices"])
def gather_nd(x: Array, indices: Array, *, batch_dims: int = 0) -> Array:
    """The last axis of ``indices`` holds coordinates; the first ``batch_dims`` axes are shared."""
    if batch_dims == 0:
        return x[tuple(np.moveaxis(indices, -1, 0))]
    return np.stack(
        [
            gather_nd(item, chosen, batch_dims=batch_dims - 1)
            for item, chosen in zip(x, indices, strict=True)
        ]
    )


@operation("argsort")
def argsort(x: Array, *, axis: int = -1, ascending: bool = False) -> Array:
    """The order of the values; of equals the first comes first."""
    return np.argsort(x if ascending else -x, axis, kind="stable").astype(np.int32)


@operation("topk", ignoring=["sort", "output_indices_dtype"])
def topk(
    x: Array,
    *,
    k: int = 1,
    axis: int = -1,
    ascending: bool = False,
    return_indices: bool = True,
) -> tuple[Array, ...]:
    """The ``k`` largest values, or smallest where ``ascending``, and where they lie.

    Without ``sort`` any order may come, also the sorted one.
    """
    order = np.take(argsort(x, axis=axis, ascending=ascending), np.arange(k), axis)
    values = np.take_along_axis(x, order, axis)
    return (values, order) if return_indices else (values,)


@operation("cumsum")
def cumsum(x: Array, *, axis: int = 0, exclusive: bool = False, reverse: bool = False) -> Array:
    """Running sums; ``exclusive`` leaves the value itself out."""
    ahead = np.flip(x, axis) if reverse else x
    sums = np.cumsum(ahead, axis, dtype=x.dtype)
    if exclusive:
        sums = sums - ahead
    return np.flip(sums, axis) if reverse else sums


@operation("one_hot")
def one_hot(
    indices: Array,
    *,
    one_hot_vector_size: int,
    axis: int = -1,
    on_value: float = 1,
    off_value: float = 0,
) -> Array:
    """``on_value`` at each index along a new axis, ``off_value`` elsewhere."""
    dtype = np.int32 if isinstance(on_value, int) else np.float32
    chosen = indices[..., np.newaxis] == np.arange(one_hot_vector_size)
    return np.moveaxis(np.where(chosen, dtype(on_value), dtype(off_value)), -1, axis)


@operation("band_part")
def band_part(x: Array, *, lower: int = -1, upper: int = -1) -> Array:
    """Zero outside the band around the diagonal; a negative bound keeps that side whole."""
    rows, columns = x.shape[-2:]
    below = np.arange(rows)[:, np.newaxis] - np.arange(columns)
    kept = ((lower < 0) | (below <= lower)) & ((upper < 0) | (-below <= upper))
    return np.where(kept, x, x.dtype.type(0))


@operation("range_1d")
def range_1d(*, start: float, end: float, step: float) -> Array:
    """``start``, ``start + step``, ... before ``end``."""
    return np.arange(start, end, step).astype(np.int32 if isinstance(start, int) else np.float32)


@operation("non_zero")
def non_zero(x: Array) -> Array:
    """The coordinates of the values that are not zero, one row each."""
    return np.argwhere(x).astype(np.int32)
