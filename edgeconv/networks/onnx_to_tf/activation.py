"""Activations."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgeconv.networks.onnx_to_tf.registry import operation
from edgeconv.networks.onnx_to_tf.values import Untranslatable, Value, aligned, constant


@operation("Relu")
def relu(x: Value) -> Value:
    import tensorflow as tf

    return x.like(tf.nn.relu(x.tensor))


@operation("LeakyRelu")
def leaky_relu(x: Value, *, alpha: float = 0.01) -> Value:
    import tensorflow as tf

    return x.like(tf.nn.leaky_relu(x.tensor, alpha))


@operation("PRelu")
def p_relu(x: Value, slope: Value) -> Value:
    import tensorflow as tf

    (tensor, slopes), order = aligned(x, slope)
    return Value(tf.nn.relu(tensor) - slopes * tf.nn.relu(-tensor), order)


@operation("Elu")
def elu(x: Value, *, alpha: float = 1.0) -> Value:
    import tensorflow as tf

    if alpha == 1:
        return x.like(tf.nn.elu(x.tensor))
    return x.like(tf.nn.relu(x.tensor) + alpha * (tf.exp(tf.minimum(x.tensor, 0.0)) - 1))


@operation("Sigmoid")
def sigmoid(x: Value) -> Value:
    import tensorflow as tf

    return x.like(tf.sigmoid(x.tensor))


@operation("Tanh")
def tanh(x: Value) -> Value:
    import tensorflow as tf

    return x.like(tf.tanh(x.tensor))


@operation("HardSigmoid")
def hard_sigmoid(x: Value, *, alpha: float = 0.2, beta: float = 0.5) -> Value:
    return x.like(_hard_sigmoid(x.tensor, alpha, beta))


@operation("HardSwish")
def hard_swish(x: Value) -> Value:
    return x.like(x.tensor * _hard_sigmoid(x.tensor, 1 / 6, 0.5))


def _hard_sigmoid(x: Any, alpha: float, beta: float) -> Any:
    """``clip(alpha x + beta, 0, 1)``, by a ReLU6, which every target fuses."""
    import tensorflow as tf

    return tf.nn.relu6(x * np.float32(6 * alpha) + np.float32(6 * beta)) * np.float32(1 / 6)


@operation("Softplus")
def softplus(x: Value) -> Value:
    import tensorflow as tf

    return x.like(tf.math.softplus(x.tensor))


@operation("Mish")
def mish(x: Value) -> Value:
    import tensorflow as tf

    return x.like(x.tensor * tf.tanh(tf.math.softplus(x.tensor)))


@operation("Swish")
def swish(x: Value, *, alpha: float = 1.0) -> Value:
    import tensorflow as tf

    return x.like(x.tensor * tf.sigmoid(x.tensor if alpha == 1 else alpha * x.tensor))


@operation("Gelu")
def gelu(x: Value, *, approximate: str = "none") -> Value:
    """In the one form that TFLite and Core ML fuse."""
    import tensorflow as tf

    if approximate == "tanh":
        return x.like(tf.nn.gelu(x.tensor, approximate=True))
    scaled = x.tensor * np.float32(0.70710678)
    return x.like(np.float32(0.5) * x.tensor * (np.float32(1) + tf.math.erf(scaled)))


@operation("Clip")
def clip(x: Value, low: Value | None = None, high: Value | None = None) -> Value:
    import tensorflow as tf

    smallest = -np.inf if low is None else float(constant(low, "lower bound"))
    largest = np.inf if high is None else float(constant(high, "upper bound"))
    if smallest == 0 and largest == 6:
        return x.like(tf.nn.relu6(x.tensor))
    tensor = x.tensor
    if smallest == 0:
        tensor = tf.nn.relu(tensor)
    elif smallest > np.finfo(np.float32).min:
        tensor = tf.maximum(tensor, np.float32(smallest))
    if largest < np.finfo(np.float32).max:
        tensor = tf.minimum(tensor, np.float32(largest))
    return x.like(tensor)


@operation("Softmax")
def softmax(x: Value, *, axis: int = -1) -> Value:
    """tensorflow's lower forms know the last axis only."""
    import tensorflow as tf

    position = x.position(axis)
    if position == x.rank - 1:
        return x.like(tf.nn.softmax(x.tensor))
    order = (*(a for a in x.order if a != axis % x.rank), axis % x.rank)
    return Value(tf.nn.softmax(x.arranged(order)), order)


@operation("LogSoftmax")
def log_softmax(x: Value, *, axis: int = -1) -> Value:
    import tensorflow as tf

    if x.position(axis) != x.rank - 1:
        raise Untranslatable("its axis is not the last one")
    return x.like(tf.nn.log_softmax(x.tensor))
