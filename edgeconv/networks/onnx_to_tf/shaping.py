"""Operations that give the same values another shape or type."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgeconv.networks.onnx_to_tf.reduction import without_axes
from edgeconv.networks.onnx_to_tf.registry import operation
from edgeconv.networks.onnx_to_tf.values import Value, numbers, reshaped


@operation("Identity", "Dropout", ignoring={"seed"})
def identity(x: Value, *_: Value | None) -> Value:
    """Dropout is nothing when nobody trains."""
    return x


@operation("Cast", ignoring={"saturate"})
def cast(x: Value, *, to: int) -> Value:
    """Between floats of different widths nothing is to be done: all are float32 here."""
    import onnx
    import tensorflow as tf

    wanted = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(to))
    kind = np.float32 if wanted.kind == "f" else wanted
    return x.like(x.tensor.astype(kind) if x.is_constant else tf.cast(x.tensor, kind))


@operation("Transpose")
def transpose(x: Value, *, perm: Sequence[int] = ()) -> Value:
    """Nothing is computed: the axes only have other numbers from here on."""
    turned = list(perm) or list(reversed(range(x.rank)))
    return Value(x.tensor, tuple(turned.index(axis) for axis in x.order))


@operation("Reshape")
def reshape(x: Value, shape: Value, *, allowzero: int = 0) -> Value:
    wanted = numbers(shape, "shape")
    if not allowzero:
        wanted = [x.shape[place] if side == 0 else side for place, side in enumerate(wanted)]
    return _reshaped(x, wanted)


@operation("Flatten")
def flatten(x: Value, *, axis: int = 1) -> Value:
    split = axis % x.rank if axis != x.rank else axis
    return _reshaped(x, [int(np.prod(x.shape[:split])), -1])


def _reshaped(x: Value, wanted: Sequence[int]) -> Value:
    """In ONNX's order, unless the reshape keeps apart what is stored apart."""
    known = int(np.prod([side for side in wanted if side != -1]))
    total = int(np.prod(x.shape))
    shape = [total // known if side == -1 else int(side) for side in wanted]
    groups = _groups(x.shape, shape)
    sequence = None if groups is None else _in_storage(x, groups)
    if groups is None or sequence is None:
        return Value.plain(reshaped(x.arranged(), shape))
    order = tuple(axis for group in sequence for axis in groups[group][1])
    return Value(reshaped(x.tensor, [shape[axis] for axis in order]), order)


Group = tuple[list[int], list[int]]
"""Axes before a reshape, and the axes after it that hold the same values."""


def _groups(before: Sequence[int], after: Sequence[int]) -> list[Group] | None:
    """The finest groups of neighbouring axes that a reshape maps onto each other."""
    if 0 in before or 0 in after:
        return None
    groups: list[Group] = []
    i = j = 0
    while i < len(before) or j < len(after):
        old, new = [i] if i < len(before) else [], [j] if j < len(after) else []
        left = before[i] if old else 1
        right = after[j] if new else 1
        i, j = i + len(old), j + len(new)
        while left != right:
            if left < right:
                old, left, i = [*old, i], left * before[i], i + 1
            else:
                new, right, j = [*new, j], right * after[j], j + 1
        groups.append((old, new))
    return groups


def _in_storage(x: Value, groups: Sequence[Group]) -> list[int] | None:
    """The groups in the order in which they are stored, or None where one is torn apart.

    Axes of length 1 may be anywhere: they hold no values apart.
    """
    of_axis = {axis: number for number, (old, _) in enumerate(groups) for axis in old}
    long = [axis for axis in x.order if x.shape[axis] != 1]
    sequence: list[int] = []
    for axis, previous in zip(long, [None, *long], strict=False):
        number = of_axis[axis]
        if not sequence or sequence[-1] != number:
            if number in sequence:
                return None
            sequence.append(number)
        elif previous is not None and axis < previous:
            return None
    short = [number for number in range(len(groups)) if number not in sequence]
    return [*short, *sequence]


@operation("Squeeze")
def squeeze(x: Value, axes: Value | None = None) -> Value:
    named = numbers(axes, "list of axes") if axes is not None else []
    removed = [axis % x.rank for axis in named] or [a for a, s in enumerate(x.shape) if s == 1]
    order = without_axes(x, removed)
    left = [side for axis, side in enumerate(x.shape) if axis not in removed]
    return Value(reshaped(x.tensor, [left[axis] for axis in order]), order)


@operation("Unsqueeze")
def unsqueeze(x: Value, axes: Value) -> Value:
    """The new axes are stored first: their place does not matter."""
    named = numbers(axes, "list of axes")
    rank = x.rank + len(named)
    added = sorted(axis % rank for axis in named)
    old = [axis for axis in range(rank) if axis not in added]
    order = (*added, *(old[axis] for axis in x.order))
    sides = [1] * len(added) + [int(side) for side in x.tensor.shape]
    return Value(reshaped(x.tensor, sides), order)


@operation("Expand")
def expand(x: Value, shape: Value) -> Value:
    import tensorflow as tf

    wanted = numbers(shape, "shape")
    widened = x.with_rank(max(x.rank, len(wanted)))
    sides = np.broadcast_shapes(widened.shape, tuple(wanted))
    return widened.like(tf.broadcast_to(widened.tensor, widened.stored(sides)))
