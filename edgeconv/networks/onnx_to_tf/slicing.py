"""Joining tensors, and taking parts of them."""

from __future__ import annotations

import numpy as np

from edgeconv.networks.onnx_to_tf.reduction import without_axes
from edgeconv.networks.onnx_to_tf.registry import operation
from edgeconv.networks.onnx_to_tf.values import Untranslatable, Value, constant, numbers, reshaped


@operation("Concat")
def concat(*values: Value, axis: int) -> Value:
    """In the order of the largest that is computed."""
    import tensorflow as tf

    leading = max(values, key=lambda value: (not value.is_constant, np.prod(value.shape)))
    tensors = [value.arranged(leading.order) for value in values]
    return leading.like(tf.concat(tensors, leading.position(axis)))


@operation("Split")
def split(
    x: Value,
    lengths: Value | None = None,
    *,
    axis: int = 0,
    num_outputs: int,
) -> tuple[Value, ...]:
    import tensorflow as tf

    length, place = x.shape[axis], x.position(axis)
    if lengths is not None:
        parts = numbers(lengths, "split")
    else:
        each = -(-length // num_outputs)
        parts = [min(each, length - each * number) for number in range(num_outputs)]
    return tuple(x.like(part) for part in tf.split(x.tensor, parts, place))


@operation("Slice")
def slice_(
    x: Value,
    starts: Value,
    ends: Value,
    axes: Value | None = None,
    steps: Value | None = None,
) -> Value:
    first, last = numbers(starts, "start"), numbers(ends, "end")
    along = numbers(axes, "list of axes") if axes is not None else list(range(len(first)))
    each = numbers(steps, "step") if steps is not None else [1] * len(first)
    taken = [slice(None)] * x.rank
    for axis, start, end, step in zip(along, first, last, each, strict=True):
        if step < 1:
            raise Untranslatable("it goes backwards")
        taken[axis % x.rank] = slice(*slice(start, end, step).indices(x.shape[axis]))
    return x.like(x.tensor[tuple(x.stored(taken))])


@operation("Gather")
def gather(x: Value, indices: Value, *, axis: int = 0) -> Value:
    import tensorflow as tf

    chosen = constant(indices, "index") % x.shape[axis]
    if x.rank == 1 and np.array_equal(chosen.ravel(), np.arange(x.shape[0])):
        return Value.plain(reshaped(x.tensor, chosen.shape))  # torch's as_strided, mostly
    place = x.position(axis)
    if chosen.ndim == 0:
        taken = [slice(None)] * x.rank
        tensor = x.tensor[tuple(int(chosen) if p == place else s for p, s in enumerate(taken))]
        return Value(tensor, without_axes(x, [axis]))
    if chosen.ndim > 1:
        raise Untranslatable(f"its indices are of rank {chosen.ndim}")
    return x.like(tf.gather(x.tensor, chosen, axis=place))


@operation("Pad")
def pad(
    x: Value,
    pads: Value,
    fill: Value | None = None,
    axes: Value | None = None,
    *,
    mode: str = "constant",
) -> Value:
    import tensorflow as tf

    if mode not in {"constant", "reflect"}:
        raise Untranslatable(f"its mode is {mode}")
    named = numbers(axes, "list of axes") if axes is not None else list(range(x.rank))
    given = numbers(pads, "width")
    around = [(0, 0)] * x.rank
    for number, axis in enumerate(named):
        around[axis % x.rank] = (given[number], given[number + len(named)])
    if min(min(pair) for pair in around) < 0:
        raise Untranslatable("it cuts away, where it should add")
    if mode == "reflect":
        return x.like(tf.pad(x.tensor, x.stored(around), mode="REFLECT"))
    value = 0.0 if fill is None else float(constant(fill, "value").ravel()[0])
    return x.like(tf.pad(x.tensor, x.stored(around), constant_values=value))


@operation("Tile")
def tile(x: Value, repeats: Value) -> Value:
    import tensorflow as tf

    return x.like(tf.tile(x.tensor, x.stored(numbers(repeats, "repeats"))))
