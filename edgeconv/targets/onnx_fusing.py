"""Puts together in ONNX what tensorflow takes apart: layer normalisation, and the exact GELU.

``LayerNormalization`` (opset 17) computes its statistics in float32 whatever its input is, and
keeps epsilon as a float32 attribute: 1e-12, as Hugging Face has it, is zero in float16. ONNX has no
``Gelu`` before opset 20, but ONNX Runtime fuses one way of writing it: with a division by sqrt(2).
"""

from __future__ import annotations

from collections.abc import Iterator
from math import isclose, sqrt
from typing import Any, NamedTuple

import numpy as np

from edgeconv.formats.onnx_model import OnnxModel
from edgeconv.targets.onnx_graph import Graph

FLOAT32 = 1
"""``TensorProto.FLOAT``"""


class _Normalised(NamedTuple):
    """``(source - mean) / sqrt(variance + eps) * gamma + beta`` over the last axis."""

    source: str
    gamma: str
    beta: str
    eps: float


def fuse(model: OnnxModel) -> None:
    """Fuse all layer normalisations and spell all exact GELUs, in the model's own proto."""
    import onnx

    graph = model.proto.graph
    _fuse_layer_norms(graph, Graph(onnx.shape_inference.infer_shapes(model.proto).graph))
    _spell_gelus(graph, Graph(graph))


def _fuse_layer_norms(graph: Any, view: Graph) -> None:
    import onnx

    fused = {node.output[0]: found for node in graph.node if (found := _layer_norm(view, node))}
    if not fused:
        return
    nodes = []
    for node in graph.node:
        found = fused.get(node.output[0])
        if found is None:
            nodes.append(node)
            continue
        nodes.append(
            onnx.helper.make_node(
                "LayerNormalization",
                [found.source, found.gamma, found.beta],
                [node.output[0]],
                node.name,
                axis=-1,
                epsilon=found.eps,
                stash_type=FLOAT32,
            )
        )
    _replace_nodes(graph, nodes)


def _layer_norm(view: Graph, add: Any) -> _Normalised | None:
    """The normalisation that an Add ends: ``x * scale + (beta - mean * scale)``."""
    if add.op_type != "Add":
        return None
    for scaled, shift in _either_way(add.input):
        product, difference = view.producer(scaled, "Mul"), view.producer(shift, "Sub")
        if product is None or difference is None:
            continue
        beta, shifted = difference.input
        mean_product = view.producer(shifted, "Mul")
        if mean_product is None or not view.is_constant(beta):
            continue
        for source, scale in _either_way(product.input):
            for mean, same in _either_way(mean_product.input):
                if scale == same and (found := _scale(view, scale, source, mean)):
                    return _Normalised(source, found[0], beta, found[1])
    return None


def _scale(view: Graph, scale: str, source: str, mean: str) -> tuple[str, float] | None:
    """Gamma and epsilon of ``gamma / sqrt(variance + eps)``, if these are the source's moments."""
    product = view.producer(scale, "Mul")
    if product is None or not _is_mean(view, mean, source):
        return None
    for root, gamma in _either_way(product.input):
        inverse = view.producer(root, "Reciprocal")
        square_root = inverse and view.producer(inverse.input[0], "Sqrt")
        total = square_root and view.producer(square_root.input[0], "Add")
        if not total or not view.is_constant(gamma):
            continue
        for variance, eps in _either_way(total.input):
            value = view.scalar(eps)
            if value is not None and _is_variance(view, variance, source, mean):
                return gamma, value
    return None


def _is_variance(view: Graph, variance: str, source: str, mean: str) -> bool:
    average = view.producer(variance, "ReduceMean")
    square = average and view.producer(average.input[0], "Mul")
    if not square or square.input[0] != square.input[1]:
        return False
    difference = view.producer(square.input[0], "Sub")
    return (
        difference is not None
        and list(difference.input) == [source, mean]
        and _is_mean(view, variance, square.output[0])
    )


def _is_mean(view: Graph, mean: str, source: str) -> bool:
    """Whether a value is the mean of another over the last axis, which is kept."""
    average = view.producer(mean, "ReduceMean")
    if average is None or average.input[0] != source:
        return False
    attributes = {attribute.name: attribute for attribute in average.attribute}
    axes = list(attributes["axes"].ints) if "axes" in attributes else []
    kept = attributes["keepdims"].i if "keepdims" in attributes else 1
    rank = view.rank(source)
    return bool(kept) and (axes == [-1] or (rank is not None and axes == [rank - 1]))


def _spell_gelus(graph: Any, view: Graph) -> None:
    """``erf(x * sqrt(1/2))`` as ``erf(x / sqrt(2))``."""
    import onnx

    root_of_two = "sqrt_2"
    spelt = False
    for node in graph.node:
        product = view.producer(node.input[0], "Mul") if node.op_type == "Erf" else None
        if product is None or view.consumers(product.output[0]) != 1:
            continue
        for source, factor in _either_way(product.input):
            value = view.scalar(factor)
            if value is not None and isclose(value, sqrt(0.5), rel_tol=1e-6):
                product.op_type = "Div"
                product.input[:] = [source, root_of_two]
                spelt = True
                break
    if spelt:
        graph.initializer.append(
            onnx.numpy_helper.from_array(np.array(sqrt(2), np.float32), root_of_two)
        )
        _replace_nodes(graph, list(graph.node))


def _either_way(pair: Any) -> Iterator[tuple[str, str]]:
    """Two factors or terms, in both orders."""
    first, second = pair
    yield first, second
    yield second, first


def _replace_nodes(graph: Any, nodes: list[Any]) -> None:
    """Give a graph other nodes, without those and the constants that nothing needs any more."""
    needed = {value.name for value in graph.output}
    kept = []
    for node in reversed(nodes):
        if needed.isdisjoint(node.output):
            continue
        needed.update(node.input)
        kept.append(node)
    del graph.node[:]
    graph.node.extend(reversed(kept))
    constants = [tensor for tensor in graph.initializer if tensor.name in needed]
    del graph.initializer[:]
    graph.initializer.extend(constants)
