"""Normalisations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from edgeconv.networks.onnx_to_tf.registry import operation
from edgeconv.networks.onnx_to_tf.values import Untranslatable, Value, constant, reshaped


@operation("BatchNormalization", ignoring={"momentum"})
def batch_normalization(
    x: Value,
    scale: Value,
    bias: Value,
    mean: Value,
    variance: Value,
    *,
    epsilon: float = 1e-5,
    training_mode: int = 0,
) -> Value:
    """One product and one sum, which converters fold into the convolution before it."""
    if training_mode:
        raise Untranslatable("it is in training mode")
    gamma, beta, middle, spread = (
        constant(value, "statistics").astype(np.float64) for value in (scale, bias, mean, variance)
    )
    factor = gamma / np.sqrt(spread + epsilon)
    return _scaled(
        x,
        factor.astype(np.float32),
        (beta - middle * factor).astype(np.float32),
        axis=1,
    )


@operation("LayerNormalization", ignoring={"stash_type"})
def layer_normalization(
    x: Value,
    scale: Value,
    bias: Value | None = None,
    *,
    axis: int = -1,
    epsilon: float = 1e-5,
) -> Value:
    if axis % x.rank != x.rank - 1:
        raise Untranslatable("it is over more than the last axis")
    normal = x.like(_normalised(x.tensor, [x.position(-1)], epsilon))
    shift = np.zeros(1, np.float32) if bias is None else constant(bias, "bias")
    return _scaled(normal, constant(scale, "scale"), shift, axis=-1)


@operation("InstanceNormalization")
def instance_normalization(x: Value, scale: Value, bias: Value, *, epsilon: float = 1e-5) -> Value:
    places = sorted(x.position(axis) for axis in range(2, x.rank))
    normal = x.like(_normalised(x.tensor, places, epsilon))
    return _scaled(normal, constant(scale, "scale"), constant(bias, "bias"), axis=1)


@operation("GroupNormalization", ignoring={"stash_type"})
def group_normalization(
    x: Value,
    scale: Value,
    bias: Value,
    *,
    epsilon: float = 1e-5,
    num_groups: int,
) -> Value:
    """Opset 18 has one scale a group, opset 21 one a channel."""
    channels = x.shape[1]
    grouped = reshaped(x.arranged(), (1, num_groups, -1))
    normal = Value.plain(reshaped(_normalised(grouped, [2], epsilon), x.shape))
    each = 1 if len(constant(scale, "scale")) == channels else channels // num_groups
    factors, shifts = (np.repeat(constant(v, "scale or bias"), each) for v in (scale, bias))
    return _scaled(normal, factors, shifts, axis=1)


def _normalised(tensor: Any, places: Sequence[int], epsilon: float) -> Any:
    """Mean 0 and variance 1 over stored axes."""
    import tensorflow as tf

    centred = tensor - tf.reduce_mean(tensor, places, keepdims=True)
    variance = tf.reduce_mean(tf.square(centred), places, keepdims=True)
    return centred * tf.math.rsqrt(variance + np.float32(epsilon))


def _scaled(x: Value, factor: Any, shift: Any, axis: int) -> Value:
    """``x * factor + shift``, both (length of the axis,)."""
    sides = [1] * x.rank
    sides[x.position(axis)] = -1
    return x.like(x.tensor * factor.reshape(sides) + shift.reshape(sides))
