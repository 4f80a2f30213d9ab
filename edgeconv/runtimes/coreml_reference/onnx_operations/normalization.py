"""Normalisations."""

from __future__ import annotations

import numpy as np

from edgeconv.runtimes.coreml_reference.onnx_graph import OnnxGraph, OnnxTensor
from edgeconv.runtimes.coreml_reference.onnx_operations.operations import translation


def _or_default(
    graph: OnnxGraph, parameter: OnnxTensor | None, shape: tuple[int, ...], value: float
) -> OnnxTensor:
    return parameter or graph.constant(np.full(shape, value, np.float32))


@translation("batch_norm")
def batch_norm(
    graph: OnnxGraph,
    x: OnnxTensor,
    mean: OnnxTensor,
    variance: OnnxTensor,
    gamma: OnnxTensor | None = None,
    beta: OnnxTensor | None = None,
    *,
    epsilon: float = 1e-5,
) -> OnnxTensor:
    channels = graph.sizes(mean)
    return graph.node(
        "BatchNormalization",
        x,
        _or_default(graph, gamma, channels, 1),
        _or_default(graph, beta, channels, 0),
        mean,
        variance,
        epsilon=epsilon,
    )


@translation("instance_norm")
def instance_norm(
    graph: OnnxGraph,
    x: OnnxTensor,
    gamma: OnnxTensor | None = None,
    beta: OnnxTensor | None = None,
    *,
    epsilon: float = 1e-5,
) -> OnnxTensor:
    stated = gamma or beta
    channels = graph.sizes(x)[1:2] if stated is None else graph.sizes(stated)
    return graph.node(
        "InstanceNormalization",
        x,
        _or_default(graph, gamma, channels, 1),
        _or_default(graph, beta, channels, 0),
        epsilon=epsilon,
    )


@translation("layer_norm")
def layer_norm(
    graph: OnnxGraph,
    x: OnnxTensor,
    gamma: OnnxTensor | None = None,
    beta: OnnxTensor | None = None,
    *,
    axes: tuple[int, ...] = (),
    epsilon: float = 1e-5,
) -> OnnxTensor:
    sizes = graph.sizes(x)
    rank = len(sizes)
    chosen = sorted({axis % rank for axis in axes} or range(rank))
    if chosen == list(range(chosen[0], rank)):
        scale = _or_default(graph, gamma, sizes[chosen[0] :], 1)
        return graph.node("LayerNormalization", x, scale, beta, axis=chosen[0], epsilon=epsilon)
    # ONNX's own layer norm covers trailing axes only
    over = graph.constant(chosen)
    centred = graph.node("Sub", x, graph.node("ReduceMean", x, over))
    variance = graph.node("ReduceMean", graph.node("Mul", centred, centred), over)
    deviation = graph.node("Sqrt", graph.node("Add", variance, graph.constant(epsilon)))
    y = graph.node("Div", centred, deviation)
    shape = graph.constant([size if axis in chosen else 1 for axis, size in enumerate(sizes)])
    if gamma is not None:
        y = graph.node("Mul", y, graph.node("Reshape", gamma, shape))
    if beta is not None:
        y = graph.node("Add", y, graph.node("Reshape", beta, shape))
    return y


@translation("l2_norm")
def l2_norm(graph: OnnxGraph, x: OnnxTensor, *, epsilon: float = 1e-6) -> OnnxTensor:
    squares = graph.node("ReduceSumSquare", x, graph.constant([-3, -2, -1]))
    norm = graph.node("Sqrt", graph.node("Add", squares, graph.constant(epsilon)))
    return graph.node("Div", x, norm)


@translation("local_response_norm")
def local_response_norm(
    graph: OnnxGraph,
    x: OnnxTensor,
    *,
    size: int,
    alpha: float = 1e-4,
    beta: float = 0.75,
    k: float = 1.0,
) -> OnnxTensor:
    # a mean over channels as if they were an image: ONNX Runtime's LRN crashes on an even size
    spatial = [0] * (len(graph.sizes(x)) - 2)
    before = (size - 1) // 2
    squares = graph.node("Unsqueeze", graph.node("Mul", x, x), graph.constant([1]))
    means = graph.node(
        "AveragePool",
        squares,
        kernel_shape=[size, *(1 for _ in spatial)],
        pads=[before, *spatial, size - 1 - before, *spatial],
        count_include_pad=1,
    )
    scaled = graph.node(
        "Mul", graph.node("Squeeze", means, graph.constant([1])), graph.constant(alpha)
    )
    divisor = graph.node("Pow", graph.node("Add", scaled, graph.constant(k)), graph.constant(beta))
    return graph.node("Div", x, divisor)
