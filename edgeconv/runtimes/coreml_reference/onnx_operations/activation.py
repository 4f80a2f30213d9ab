"""Activations."""

from __future__ import annotations

from collections.abc import Callable

from edgeconv.runtimes.coreml_reference.onnx_graph import OnnxGraph, OnnxTensor
from edgeconv.runtimes.coreml_reference.onnx_operations.operations import translation
from edgeconv.runtimes.coreml_reference.registry import UnknownValue

_SINGLE_NODES = {
    "relu": "Relu",
    "sigmoid": "Sigmoid",
    "softplus": "Softplus",
    "softsign": "Softsign",
}


def _single_node(kind: str) -> Callable[..., OnnxTensor]:
    return lambda graph, x: graph.node(kind, x)


for _name, _kind in _SINGLE_NODES.items():
    translation(_name)(_single_node(_kind))


def _along_channels(graph: OnnxGraph, parameter: OnnxTensor, x: OnnxTensor) -> OnnxTensor:
    """``(C,)`` parameters as ``(C, 1, ...)``, which broadcasts along the second axis of ``x``."""
    trailing = len(graph.sizes(x)) - 2
    return graph.node("Reshape", parameter, graph.constant([-1] + [1] * trailing))


@translation("relu6")
def relu6(graph: OnnxGraph, x: OnnxTensor) -> OnnxTensor:
    return graph.node("Clip", x, graph.constant(0.0), graph.constant(6.0))


@translation("leaky_relu")
def leaky_relu(graph: OnnxGraph, x: OnnxTensor, *, alpha: float) -> OnnxTensor:
    return graph.node("LeakyRelu", x, alpha=alpha)


@translation("prelu")
def prelu(graph: OnnxGraph, x: OnnxTensor, alpha: OnnxTensor) -> OnnxTensor:
    return graph.node("PRelu", x, _along_channels(graph, alpha, x))


@translation("elu")
def elu(graph: OnnxGraph, x: OnnxTensor, *, alpha: float) -> OnnxTensor:
    return graph.node("Elu", x, alpha=alpha)


@translation("thresholded_relu")
def thresholded_relu(graph: OnnxGraph, x: OnnxTensor, *, alpha: float) -> OnnxTensor:
    # ONNX's ThresholdedRelu is zero at alpha itself, MIL's is not
    below = graph.node("Less", x, graph.constant(alpha))
    return graph.node("Where", below, graph.constant(0.0), x)


@translation("clamped_relu")
def clamped_relu(graph: OnnxGraph, x: OnnxTensor, *, alpha: float, beta: float) -> OnnxTensor:
    return graph.node("Min", leaky_relu(graph, x, alpha=alpha), graph.constant(beta))


@translation("linear_activation")
def linear_activation(
    graph: OnnxGraph, x: OnnxTensor, *, alpha: float, beta: float = 0.0
) -> OnnxTensor:
    scaled = graph.node("Mul", x, graph.constant(alpha))
    return graph.node("Add", scaled, graph.constant(beta)) if beta else scaled


@translation("sigmoid_hard")
def sigmoid_hard(graph: OnnxGraph, x: OnnxTensor, *, alpha: float, beta: float) -> OnnxTensor:
    return graph.node("HardSigmoid", x, alpha=alpha, beta=beta)


@translation("silu")
def silu(graph: OnnxGraph, x: OnnxTensor) -> OnnxTensor:
    return graph.node("Mul", x, graph.node("Sigmoid", x))


@translation("scaled_tanh")
def scaled_tanh(graph: OnnxGraph, x: OnnxTensor, *, alpha: float, beta: float) -> OnnxTensor:
    inner = graph.node("Tanh", graph.node("Mul", x, graph.constant(beta)))
    return graph.node("Mul", inner, graph.constant(alpha))


@translation("softplus_parametric")
def softplus_parametric(
    graph: OnnxGraph, x: OnnxTensor, alpha: OnnxTensor, beta: OnnxTensor
) -> OnnxTensor:
    inner = graph.node("Softplus", graph.node("Mul", x, _along_channels(graph, beta, x)))
    return graph.node("Mul", inner, _along_channels(graph, alpha, x))


@translation("softmax")
def softmax(graph: OnnxGraph, x: OnnxTensor, *, axis: int = -1) -> OnnxTensor:
    return graph.node("Softmax", x, axis=axis)


@translation("gelu")
def gelu(graph: OnnxGraph, x: OnnxTensor, *, mode: str = "EXACT") -> OnnxTensor:
    if mode == "EXACT":
        return graph.node("Gelu", x)
    if mode == "TANH_APPROXIMATION":
        return graph.node("Gelu", x, approximate="tanh")
    if mode == "SIGMOID_APPROXIMATION":
        gate = graph.node("Sigmoid", graph.node("Mul", x, graph.constant(1.702)))
        return graph.node("Mul", x, gate)
    raise UnknownValue("mode", mode, "EXACT", "TANH_APPROXIMATION", "SIGMOID_APPROXIMATION")
