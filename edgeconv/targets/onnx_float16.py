"""ONNX in float16, but for the operations that must stay in float32.

ONNX Runtime's own converter can leave nodes out, yet rounds every tensor between two of them to
float16 and back. So those nodes are cut out, the rest is converted, and both are joined.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeconv.formats.onnx_model import OnnxModel
from edgeconv.freezing import Weight

_FLOAT32 = "float32_"
"""Goes before the name of a constant of a float32 node: the rest may have it in float16."""


def to_float16(model: OnnxModel, stays_float32: Callable[[str], bool]) -> OnnxModel:
    """A float16 copy of a float32 model; inputs and outputs stay float32.

    Args:
        model: it is left as it is.
        stays_float32: whether the node of that name computes in float32.

    Returns:
        A model with its nodes in order, and the types of all values stated.
    """
    from onnx.shape_inference import infer_shapes
    from onnxruntime.transformers.float16 import convert_float_to_float16
    from onnxruntime.transformers.onnx_model import OnnxModel as OrtModel

    whole = infer_shapes(model.proto)
    kept = [node for node in whole.graph.node if stays_float32(node.name)]
    converted = _without(whole, kept) if kept else whole
    keep_types = [
        value.name
        for value in (*converted.graph.input, *converted.graph.output)
        if value.name not in model.weights
    ]
    converted = convert_float_to_float16(converted, keep_io_types=keep_types)
    weights: dict[str, Weight] = {
        value.name: _halved(model.weights[value.name])
        for value in converted.graph.input
        if value.name in model.weights
    }
    if kept:
        weights.update(_join(converted.graph, kept, infer_shapes(model.proto).graph, model))
    OrtModel.graph_topological_sort(converted.graph)  # the casts were appended at the end
    return OnnxModel(converted, weights)


def _without(whole: Any, nodes: list[Any]) -> Any:
    """A model without some nodes: what they make goes in, and what they take comes out."""
    rest = type(whole)()
    rest.CopyFrom(whole)
    graph, left_out = rest.graph, {node.output[0] for node in nodes}
    _keep(graph.node, lambda node: node.output[0] not in left_out)
    taken, made = _taken(graph.node), _made(graph.node)
    given = _made(nodes) | {value.name for value in graph.input}
    wanted = _taken(nodes) | {value.name for value in graph.output}
    values = [*graph.value_info, *graph.input, *graph.output]
    inputs = [value for value in values if value.name in given & taken]
    outputs = [value for value in values if value.name in wanted & made]
    _keep(graph.initializer, lambda tensor: tensor.name in taken)
    _keep(graph.value_info, lambda value: value.name in made)
    _replace(graph.input, inputs)
    _replace(graph.output, outputs)
    return rest


def _join(graph: Any, nodes: list[Any], whole: Any, model: OnnxModel) -> dict[str, Weight]:
    """Put float32 nodes into a float16 graph, with constants of their own; also their weights."""
    constants = {tensor.name: tensor for tensor in whole.initializer}
    inputs = {value.name: value for value in whole.input}
    graph.node.extend(nodes)
    joined = list(graph.node)[-len(nodes) :]
    own = [n for n in dict.fromkeys(_in_order(joined)) if n in constants or n in model.weights]
    for node in joined:
        node.input[:] = [_FLOAT32 + name if name in own else name for name in node.input]
    for name in own:
        if name in constants:
            graph.initializer.add().CopyFrom(constants[name])
            graph.initializer[-1].name = _FLOAT32 + name
    halved = {value.name: value for value in graph.input if value.name in model.weights}
    _replace(graph.input, [v for v in whole.input if v.name not in model.weights])
    graph.input.extend(halved.values())
    for name in own:
        if name in model.weights:
            graph.input.add().CopyFrom(inputs[name])
            graph.input[-1].name = _FLOAT32 + name
    _replace(graph.output, whole.output)
    return {_FLOAT32 + name: model.weights[name] for name in own if name in model.weights}


def _halved(weight: Weight) -> Weight:
    """The weight as ONNX Runtime's converter rounds it, ten times as fast.

    What is beyond float16 becomes its largest, and what is not zero its smallest at least.
    """

    def halved() -> NDArray[np.float16]:
        values, limits = weight(), np.finfo(np.float16)
        rounded = np.clip(values, limits.min, limits.max).astype(np.float16)
        lost = (rounded == 0) & (values != 0)
        rounded[lost] = np.copysign(limits.smallest_subnormal, values[lost])
        return rounded

    return halved


def _in_order(nodes: Iterable[Any]) -> list[str]:
    return [name for node in nodes for name in node.input]


def _taken(nodes: Iterable[Any]) -> set[str]:
    return set(_in_order(nodes))


def _made(nodes: Iterable[Any]) -> set[str]:
    return {name for node in nodes for name in node.output}


def _keep(field: Any, wanted: Callable[[Any], bool]) -> None:
    _replace(field, [value for value in field if wanted(value)])


def _replace(field: Any, values: Iterable[Any]) -> None:
    kept = list(values)
    del field[:]
    field.extend(kept)
