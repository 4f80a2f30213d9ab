"""Elementwise arithmetic, comparison, logic and casts."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from onnx import helper

from edgeconv.runtimes.coreml_reference.element_types import ElementType
from edgeconv.runtimes.coreml_reference.onnx_graph import OnnxGraph, OnnxTensor
from edgeconv.runtimes.coreml_reference.onnx_operations.operations import translation
from edgeconv.runtimes.coreml_reference.registry import UnknownValue

_UNARY = {
    "abs": "Abs",
    "acos": "Acos",
    "asin": "Asin",
    "atan": "Atan",
    "atanh": "Atanh",
    "ceil": "Ceil",
    "cos": "Cos",
    "cosh": "Cosh",
    "erf": "Erf",
    "exp": "Exp",
    "floor": "Floor",
    "identity": "Identity",
    "logical_not": "Not",
    "round": "Round",
    "sign": "Sign",
    "sin": "Sin",
    "sinh": "Sinh",
    "sqrt": "Sqrt",
    "tan": "Tan",
    "tanh": "Tanh",
}

_BINARY = {
    "add": "Add",
    "equal": "Equal",
    "greater": "Greater",
    "greater_equal": "GreaterOrEqual",
    "less": "Less",
    "less_equal": "LessOrEqual",
    "logical_and": "And",
    "logical_or": "Or",
    "logical_xor": "Xor",
    "maximum": "Max",
    "minimum": "Min",
    "mul": "Mul",
    "pow": "Pow",
    "real_div": "Div",
    "sub": "Sub",
}


def _unary(kind: str) -> Callable[..., OnnxTensor]:
    return lambda graph, x: graph.node(kind, x)


def _binary(kind: str) -> Callable[..., OnnxTensor]:
    return lambda graph, x, y: graph.node(kind, x, y)


for _name, _kind in _UNARY.items():
    translation(_name)(_unary(_kind))
for _name, _kind in _BINARY.items():
    translation(_name)(_binary(_kind))


def is_integer(*tensors: OnnxTensor) -> bool:
    """Whether any of the tensors is known to hold integers."""
    return any(
        tensor.constant.dtype.kind in "iu"
        if tensor.constant is not None
        else tensor.type is not None and tensor.type.element.encoding.carrier.kind in "iu"
        for tensor in tensors
    )


@translation("not_equal")
def not_equal(graph: OnnxGraph, x: OnnxTensor, y: OnnxTensor) -> OnnxTensor:
    return graph.node("Not", graph.node("Equal", x, y))


@translation("square")
def square(graph: OnnxGraph, x: OnnxTensor) -> OnnxTensor:
    return graph.node("Mul", x, x)


@translation("exp2")
def exp2(graph: OnnxGraph, x: OnnxTensor) -> OnnxTensor:
    return graph.node("Pow", graph.constant(2.0), x)


@translation("floor_div")
def floor_div(graph: OnnxGraph, x: OnnxTensor, y: OnnxTensor) -> OnnxTensor:
    if is_integer(x, y):
        # ONNX divides integers towards zero; taking the remainder off first makes it exact
        return graph.node("Div", graph.node("Sub", x, graph.node("Mod", x, y)), y)
    return graph.node("Floor", graph.node("Div", x, y))


@translation("mod")
def mod(graph: OnnxGraph, x: OnnxTensor, y: OnnxTensor) -> OnnxTensor:
    if is_integer(x, y):
        return graph.node("Mod", x, y)
    # for floats ONNX has only the remainder with the sign of x
    return graph.node("Sub", x, graph.node("Mul", floor_div(graph, x, y), y))


@translation("inverse")
def inverse(graph: OnnxGraph, x: OnnxTensor, *, epsilon: float = 1e-4) -> OnnxTensor:
    return graph.node("Reciprocal", graph.node("Add", x, graph.constant(epsilon)))


@translation("log")
def log(graph: OnnxGraph, x: OnnxTensor, *, epsilon: float = 1e-45) -> OnnxTensor:
    return graph.node("Log", graph.node("Add", x, graph.constant(epsilon)))


@translation("rsqrt")
def rsqrt(graph: OnnxGraph, x: OnnxTensor, *, epsilon: float = 1e-12) -> OnnxTensor:
    root = graph.node("Sqrt", graph.node("Add", x, graph.constant(epsilon)))
    return graph.node("Reciprocal", root)


@translation("threshold")
def threshold(graph: OnnxGraph, x: OnnxTensor, *, alpha: float) -> OnnxTensor:
    return graph.node("Max", x, _like(graph, x, alpha))


@translation("clip")
def clip(graph: OnnxGraph, x: OnnxTensor, *, alpha: float, beta: float) -> OnnxTensor:
    return graph.node("Clip", x, _like(graph, x, alpha), _like(graph, x, beta))


@translation("cast")
def cast(graph: OnnxGraph, x: OnnxTensor, *, dtype: str) -> OnnxTensor:
    castable = [element.value for element in ElementType if element is not ElementType.STRING]
    if dtype not in castable:
        raise UnknownValue("dtype", dtype, *castable)
    carrier = ElementType(dtype).encoding.carrier
    if x.type is not None and x.type.element.encoding.carrier == carrier:
        return x
    return graph.node("Cast", x, to=helper.np_dtype_to_tensor_dtype(carrier))


@translation("select")
def select(graph: OnnxGraph, cond: OnnxTensor, a: OnnxTensor, b: OnnxTensor) -> OnnxTensor:
    return graph.node("Where", cond, a, b)


def _like(graph: OnnxGraph, x: OnnxTensor, value: float) -> OnnxTensor:
    """A scalar in the carrier type of ``x``."""
    return graph.constant(np.array(value, np.int32 if is_integer(x) else np.float32))
