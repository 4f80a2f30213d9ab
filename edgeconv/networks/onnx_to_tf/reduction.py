"""Reductions over axes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from edgeconv.networks.onnx_to_tf.registry import Made, operation
from edgeconv.networks.onnx_to_tf.values import Value, numbers


def without_axes(x: Value, axes: Sequence[int]) -> tuple[int, ...]:
    """The order of a tensor that has lost axes."""
    left = [axis for axis in x.order if axis not in {a % x.rank for a in axes}]
    ranks = {axis: place for place, axis in enumerate(sorted(left))}
    return tuple(ranks[axis] for axis in left)


def _reduction(compute: Callable[..., Any]) -> Callable[..., Made]:
    def translated(
        x: Value,
        axes_input: Value | None = None,
        *,
        axes: Sequence[int] | None = None,
        keepdims: int = 1,
        noop_with_empty_axes: int = 0,
    ) -> Value:
        """``axes`` became an input in opset 18 (ReduceSum: 13)."""
        named = list(axes or []) if axes_input is None else numbers(axes_input, "list of axes")
        if not named and noop_with_empty_axes:
            return x
        reduced = named or list(range(x.rank))
        places = sorted(x.position(axis) for axis in reduced)
        order = x.order if keepdims else without_axes(x, reduced)
        return Value(compute(x.tensor, places, bool(keepdims)), order)

    return translated


def _by(name: str) -> Callable[..., Any]:
    def compute(tensor: Any, places: Sequence[int], keepdims: bool) -> Any:
        import tensorflow as tf

        return getattr(tf, name)(tensor, places, keepdims=keepdims)

    return compute


def _norm(tensor: Any, places: Sequence[int], keepdims: bool) -> Any:
    import tensorflow as tf

    return tf.sqrt(tf.reduce_sum(tf.square(tensor), places, keepdims=keepdims))


operation("ReduceMean")(_reduction(_by("reduce_mean")))
operation("ReduceSum")(_reduction(_by("reduce_sum")))
operation("ReduceMax")(_reduction(_by("reduce_max")))
operation("ReduceMin")(_reduction(_by("reduce_min")))
operation("ReduceL2")(_reduction(_norm))
