"""Reductions (``iOS15/reduction.py``). Without ``axes`` they take them all."""

# numpy gives Any for arithmetic on arrays of any element type
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edgeconv.runtimes.coreml_reference.element_types import Array
from edgeconv.runtimes.coreml_reference.numpy_operations.operations import operation

_Reduction = Callable[[Array, "tuple[int, ...] | None"], Array]


def _log_sum_exp(x: Array, axes: tuple[int, ...] | None) -> Array:
    largest = x.max(axes, keepdims=True)
    return np.log(np.exp(x - largest).sum(axes, keepdims=True)) + largest


_KEEPING_DIMENSIONS: dict[str, _Reduction] = {
    "reduce_l1_norm": lambda x, axes: np.abs(x).sum(axes, keepdims=True),
    "reduce_l2_norm": lambda x, axes: np.sqrt(np.square(x).sum(axes, keepdims=True)),
    "reduce_log_sum": lambda x, axes: np.log(x.sum(axes, keepdims=True)),
    "reduce_log_sum_exp": _log_sum_exp,
    "reduce_max": lambda x, axes: x.max(axes, keepdims=True),
    "reduce_mean": lambda x, axes: x.mean(axes, keepdims=True),
    "reduce_min": lambda x, axes: x.min(axes, keepdims=True),
    "reduce_prod": lambda x, axes: x.prod(axes, keepdims=True),
    "reduce_sum": lambda x, axes: x.sum(axes, keepdims=True),
    "reduce_sum_square": lambda x, axes: np.square(x).sum(axes, keepdims=True),
}


def _implementation(reduction: _Reduction) -> Callable[..., Array]:
    def reduce(x: Array, *, axes: tuple[int, ...] | None = None, keep_dims: bool = False) -> Array:
        y = reduction(x, axes).astype(x.dtype, copy=False)
        return y if keep_dims else y.squeeze(axes)

    return reduce


for _name, _reduction in _KEEPING_DIMENSIONS.items():
    operation(_name)(_implementation(_reduction))


@operation("reduce_argmax", ignoring=["output_dtype"])
def reduce_argmax(x: Array, *, axis: int = -1, keep_dims: bool = False) -> Array:
    """Where the largest value lies; the first of equals. Integers are carried as int32."""
    return x.argmax(axis, keepdims=keep_dims).astype(np.int32)


@operation("reduce_argmin", ignoring=["output_dtype"])
def reduce_argmin(x: Array, *, axis: int = -1, keep_dims: bool = False) -> Array:
    """Where the smallest value lies; the first of equals. Integers are carried as int32."""
    return x.argmin(axis, keepdims=keep_dims).astype(np.int32)
