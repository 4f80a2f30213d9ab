"""Arithmetic, comparison and logic. Inside a NeuralNetwork all values are floats: what is true
is 1, what is false is 0."""

from __future__ import annotations

from functools import reduce
from typing import Any

from edgeconv.runtimes.coreml_reference.neural_network.lowering import (
    Layer,
    Lowered,
    Lowering,
    layer,
)
from edgeconv.runtimes.coreml_reference.program import Operand

_UNARY = {
    "ceil": "ceil",
    "floor": "floor",
    "sign": "sign",
    "round": "round",
    "exp2": "exp2",
    "sin": "sin",
    "cos": "cos",
    "tan": "tan",
    "asin": "asin",
    "acos": "acos",
    "atan": "atan",
    "sinh": "sinh",
    "cosh": "cosh",
    "tanh": "tanh",
    "atanh": "atanh",
    "erf": "erf",
    "copy": "identity",
}
_BINARY = {
    "modBroadcastable": "mod",
    "powBroadcastable": "pow",
    "divideBroadcastable": "real_div",
    "floorDivBroadcastable": "floor_div",
    "subtractBroadcastable": "sub",
    "addBroadcastable": "add",
    "multiplyBroadcastable": "mul",
    "maxBroadcastable": "maximum",
    "minBroadcastable": "minimum",
    "max": "maximum",
    "min": "minimum",
}
_COMPARISONS = {
    "equal": "equal",
    "notEqual": "not_equal",
    "lessThan": "less",
    "lessEqual": "less_equal",
    "greaterThan": "greater",
    "greaterEqual": "greater_equal",
}
_LOGICAL = {"logicalAnd": "logical_and", "logicalOr": "logical_or", "logicalXor": "logical_xor"}


def _unary(kind: str) -> Layer:
    return lambda net, _params, x: net.op(kind, x=x)


def _binary(kind: str) -> Layer:
    return lambda net, _params, *inputs: _folded(net, kind, inputs)


def _comparison(kind: str) -> Layer:
    def compare(net: Lowering, params: Any, x: Operand, y: Operand | None = None) -> Lowered:
        return _as_float(net, net.op(kind, x=x, y=float(params.alpha) if y is None else y))

    return compare


def _logical(kind: str) -> Layer:
    def combine(net: Lowering, _params: Any, x: Operand, y: Operand) -> Lowered:
        return _as_float(net, net.op(kind, x=as_bool(net, x), y=as_bool(net, y)))

    return combine


for _kinds, _lowering in (
    (_UNARY, _unary),
    (_BINARY, _binary),
    (_COMPARISONS, _comparison),
    (_LOGICAL, _logical),
):
    for _name, _operation in _kinds.items():
        layer(_name)(_lowering(_operation))


@layer("logicalNot")
def logical_not(net: Lowering, _params: Any, x: Operand) -> Lowered:
    """``LogicalNotLayerParams``."""
    return _as_float(net, net.op("logical_not", x=as_bool(net, x)))


@layer("whereBroadcastable")
def where(net: Lowering, _params: Any, condition: Operand, a: Operand, b: Operand) -> Lowered:
    """``WhereBroadcastableLayerParams``."""
    return net.op("select", cond=as_bool(net, condition), a=a, b=b)


@layer("clip")
def clip(net: Lowering, params: Any, x: Operand) -> Lowered:
    """``ClipLayerParams``."""
    return net.op("clip", x=x, alpha=float(params.minVal), beta=float(params.maxVal))


@layer("add")
def add(net: Lowering, params: Any, *inputs: Operand) -> Lowered:
    """``AddLayerParams``: of its inputs, or of one input and ``alpha``."""
    if len(inputs) == 1:
        return net.op("add", x=inputs[0], y=float(params.alpha))
    return _folded(net, "add", inputs)


@layer("multiply")
def multiply(net: Lowering, params: Any, *inputs: Operand) -> Lowered:
    """``MultiplyLayerParams``: of its inputs, or of one input and ``alpha``."""
    if len(inputs) == 1:
        return net.op("mul", x=inputs[0], y=float(params.alpha))
    return _folded(net, "mul", inputs)


@layer("average")
def average(net: Lowering, _params: Any, *inputs: Operand) -> Lowered:
    """``AverageLayerParams``."""
    return net.op("mul", x=_folded(net, "add", inputs), y=1 / len(inputs))


def as_bool(net: Lowering, x: Operand) -> Operand:
    """A float as a truth value."""
    return net.op("cast", x=x, dtype="bool")


def _as_float(net: Lowering, x: Operand) -> Lowered:
    return net.op("cast", x=x, dtype="fp32")


def _folded(net: Lowering, kind: str, inputs: tuple[Operand, ...]) -> Operand:
    return reduce(lambda x, y: net.op(kind, x=x, y=y), inputs)
