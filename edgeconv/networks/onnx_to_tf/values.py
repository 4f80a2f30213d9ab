"""Tensors with the order in which their axes are stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Order = tuple[int, ...]

CHANNELS_LAST: Order = (0, 2, 3, 1)
"""A picture that ONNX means as (N, C, H, W), stored as (N, H, W, C)."""


class Untranslatable(Exception):
    """An operation, or a use of one, that has no translation here; the message says which."""


@dataclass(frozen=True)
class Value:
    """One ONNX tensor: axis ``order[k]`` of it is axis ``k`` of ``tensor``.

    ``tensor`` is a numpy array for a constant, else a tensorflow tensor of static shape.
    """

    tensor: Any
    order: Order

    @classmethod
    def plain(cls, tensor: Any) -> Value:
        """A tensor whose axes are stored as ONNX means them."""
        return cls(tensor, tuple(range(len(tensor.shape))))

    @property
    def is_constant(self) -> bool:
        return isinstance(self.tensor, np.ndarray)

    @property
    def rank(self) -> int:
        return len(self.order)

    @property
    def shape(self) -> tuple[int, ...]:
        """As ONNX means it."""
        stored = tuple(int(side) for side in self.tensor.shape)
        return tuple(stored[self.position(axis)] for axis in range(self.rank))

    def position(self, axis: int) -> int:
        """Where an ONNX axis is stored; negative axes count from the end."""
        return self.order.index(axis % self.rank)

    def stored(self, by_axis: Sequence[Any]) -> list[Any]:
        """One thing an axis, from the order of ONNX to the one of storage."""
        return [by_axis[axis] for axis in self.order]

    def arranged(self, order: Order | None = None) -> Any:
        """The tensor with its axes stored in ``order``; by default as ONNX means them."""
        import tensorflow as tf

        wanted = tuple(range(self.rank)) if order is None else order
        if wanted == self.order:
            return self.tensor
        permutation = [self.order.index(axis) for axis in wanted]
        if self.is_constant:
            return np.ascontiguousarray(self.tensor.transpose(permutation))
        sides = [int(self.tensor.shape[place]) for place in permutation]
        if _long_axes(self, self.order) == _long_axes(self, wanted):
            return tf.reshape(self.tensor, sides)
        return tf.transpose(self.tensor, permutation)

    def like(self, tensor: Any) -> Value:
        """Another tensor whose axes are stored in the same order."""
        return Value(tensor, self.order)

    def with_rank(self, rank: int) -> Value:
        """The same with axes of length 1 put before it, as ONNX broadcasts."""
        added = rank - self.rank
        if not added:
            return self
        sides = [1] * added + [int(side) for side in self.tensor.shape]
        return Value(
            reshaped(self.tensor, sides),
            (*range(added), *(axis + added for axis in self.order)),
        )


def _long_axes(value: Value, order: Order) -> list[int]:
    shape = value.shape
    return [axis for axis in order if shape[axis] != 1]


def reshaped(tensor: Any, sides: Sequence[int]) -> Any:
    """A constant or a tensorflow tensor in another shape of as many values."""
    import tensorflow as tf

    sides = [int(side) for side in sides]
    return tensor.reshape(sides) if isinstance(tensor, np.ndarray) else tf.reshape(tensor, sides)


def aligned(*values: Value) -> tuple[list[Any], Order]:
    """Tensors that broadcast against each other, and the order they share.

    It is the order of the largest that is computed, so that at most small ones are transposed.
    """
    rank = max(value.rank for value in values)
    widened = [value.with_rank(rank) for value in values]
    leading = max(
        widened, key=lambda value: (not value.is_constant, np.prod(value.shape, dtype=np.int64))
    )
    return [value.arranged(leading.order) for value in widened], leading.order


def numbers(value: Value | None, what: str) -> list[int]:
    """The integers of a constant.

    Raises:
        Untranslatable: they are computed from the picture.
    """
    return [int(number) for number in constant(value, what).ravel()]


def constant(value: Value | None, what: str) -> NDArray[Any]:
    """A constant as ONNX means it.

    Raises:
        Untranslatable: it is computed from the picture, or missing.
    """
    if value is None or not value.is_constant:
        raise Untranslatable(f"its {what} is not a constant")
    return np.asarray(value.arranged())
