"""Arithmetic and comparison, value by value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from edgeconv.networks.onnx_to_tf.registry import operation
from edgeconv.networks.onnx_to_tf.values import Value, aligned, constant


def _binary(compute: Callable[[Any, Any], Any]) -> Callable[[Value, Value], Value]:
    def translated(a: Value, b: Value) -> Value:
        (left, right), order = aligned(a, b)
        return Value(compute(left, right), order)

    return translated


def _unary(name: str) -> Callable[[Value], Value]:
    def translated(x: Value) -> Value:
        import tensorflow as tf

        return x.like(getattr(tf.math, name)(x.tensor))

    return translated


def _compared(name: str) -> Callable[[Value, Value], Value]:
    def compute(left: Any, right: Any) -> Any:
        import tensorflow as tf

        return getattr(tf.math, name)(left, right)

    return _binary(compute)


operation("Add")(_binary(lambda a, b: a + b))
operation("Sub")(_binary(lambda a, b: a - b))
operation("Mul")(_binary(lambda a, b: a * b))
operation("Div")(_binary(lambda a, b: a / b))

for _onnx, _tf in {
    "Equal": "equal",
    "Greater": "greater",
    "GreaterOrEqual": "greater_equal",
    "Less": "less",
    "LessOrEqual": "less_equal",
    "And": "logical_and",
    "Or": "logical_or",
}.items():
    operation(_onnx)(_compared(_tf))

for _onnx, _tf in {
    "Abs": "abs",
    "Erf": "erf",
    "Exp": "exp",
    "Floor": "floor",
    "Log": "log",
    "Neg": "negative",
    "Not": "logical_not",
    "Sqrt": "sqrt",
}.items():
    operation(_onnx)(_unary(_tf))


@operation("Reciprocal")
def reciprocal(x: Value) -> Value:
    return x.like(np.float32(1) / x.tensor)


@operation("Pow")
def power(x: Value, exponent: Value) -> Value:
    import tensorflow as tf

    values = constant(exponent, "exponent") if exponent.is_constant else None
    if values is not None and values.size == 1 and values.ravel()[0] == 2:
        return x.like(tf.square(x.tensor))
    (base, raised), order = aligned(x, exponent)
    return Value(tf.pow(base, tf.cast(raised, base.dtype)), order)


@operation("Min")
def minimum(*values: Value) -> Value:
    import tensorflow as tf

    return _folded(values, tf.minimum)


@operation("Max")
def maximum(*values: Value) -> Value:
    import tensorflow as tf

    return _folded(values, tf.maximum)


@operation("Sum")
def total(*values: Value) -> Value:
    return _folded(values, lambda a, b: a + b)


@operation("Mean")
def mean(*values: Value) -> Value:
    added = _folded(values, lambda a, b: a + b)
    return added.like(added.tensor * np.float32(1 / len(values)))


def _folded(values: tuple[Value, ...], compute: Callable[[Any, Any], Any]) -> Value:
    folded = values[0]
    for value in values[1:]:
        folded = _binary(compute)(folded, value)
    return folded


@operation("Where")
def where(condition: Value, a: Value, b: Value) -> Value:
    import tensorflow as tf

    (chosen, left, right), order = aligned(condition, a, b)
    return Value(tf.where(chosen, left, right), order)
