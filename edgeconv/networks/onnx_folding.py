"""Computes once what an ONNX graph would compute anew for every picture from constants alone.

A graph that was exported for any batch or size works its shapes out at run time. Once the input is
fixed these are constants, and the arithmetic on them would only stand in the way of converters.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_NOT_FOLDED = frozenset({"If", "Loop", "Scan", "RandomNormal", "RandomUniform", "Multinomial"})

_LARGEST = 1 << 26
"""Values of a folded tensor; a graph may spell out in a few bytes what fills the memory."""


def fold_constants(model: Any) -> None:
    """Replace what depends on constants alone by its value.

    The values are ONNX Runtime's, so folding changes no score.

    Args:
        model: an ``onnx.ModelProto`` of fixed input shape; changed in place.
    """
    while folded := _fold_once(model):
        _replace(model.graph, folded)


def _fold_once(model: Any) -> dict[str, NDArray[Any]]:
    """The values of all nodes that read constants, or the shape of something of a known one."""
    shapes = _static_shapes(model)
    values = {
        node.output[0]: np.array(shapes[node.input[0]], np.int64)[_part(node)]
        for node in model.graph.node
        if node.op_type == "Shape" and node.input[0] in shapes
    }
    constants = {tensor.name for tensor in model.graph.initializer}
    ready = []
    for node in model.graph.node:
        if (
            node.op_type not in _NOT_FOLDED
            and node.op_type != "Shape"
            and all(not name or name in constants for name in node.input)
            and all(np.prod(shapes.get(name, (np.inf,))) <= _LARGEST for name in node.output)
        ):
            ready.append(node)
            constants.update(node.output)
    return {**values, **_computed(model, ready)}


def _part(node: Any) -> slice:
    limits = {attribute.name: attribute.i for attribute in node.attribute}
    return slice(limits.get("start"), limits.get("end"))


def _static_shapes(model: Any) -> dict[str, tuple[int, ...]]:
    """The shapes of all tensors that shape inference can tell whole."""
    import onnx

    inferred = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    found = {}
    for value in (*inferred.input, *inferred.value_info, *inferred.output):
        sides = value.type.tensor_type.shape.dim
        if value.type.tensor_type.HasField("shape") and all(s.HasField("dim_value") for s in sides):
            found[value.name] = tuple(side.dim_value for side in sides)
    return found


def _computed(model: Any, nodes: list[Any]) -> dict[str, NDArray[Any]]:
    """What nodes that read constants alone give, by name."""
    import onnx
    import onnxruntime

    if not nodes:
        return {}
    read = {name for node in nodes for name in node.input}
    made = [name for node in nodes for name in node.output if name]
    graph = onnx.helper.make_graph(
        nodes,
        "constants",
        [],
        [onnx.ValueInfoProto(name=name) for name in made],
        [tensor for tensor in model.graph.initializer if tensor.name in read],
    )
    part = onnx.helper.make_model(
        graph, opset_imports=model.opset_import, ir_version=model.ir_version
    )
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(part.SerializeToString(), options)
        return dict(zip(made, session.run(made, {}), strict=True))
    except Exception:  # what cannot be computed now is left to be computed later
        return {}


def _replace(graph: Any, values: dict[str, NDArray[Any]]) -> None:
    """Put constants in the place of the nodes that computed them."""
    import onnx

    kept = [node for node in graph.node if not set(filter(None, node.output)) <= set(values)]
    del graph.node[:]
    graph.node.extend(kept)
    graph.initializer.extend(
        onnx.numpy_helper.from_array(np.asarray(value), name) for name, value in values.items()
    )


def drop_unread(graph: Any) -> None:
    """Drop the nodes and constants of a graph that no output depends on."""
    read = {value.name for value in graph.output}
    kept = []
    for node in reversed(graph.node):
        if read & set(node.output):
            kept.append(node)
            read.update(node.input)
            read.update(_read_inside(node))
    constants = [tensor for tensor in graph.initializer if tensor.name in read]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(reversed(kept))
    graph.initializer.extend(constants)


def _read_inside(node: Any) -> set[str]:
    """What the bodies of a branch or a loop may read from around it."""
    bodies = [b for attribute in node.attribute for b in (attribute.g, *attribute.graphs)]
    names: set[str] = set()
    for body in bodies:
        names.update(value.name for value in body.output)
        for inner in body.node:
            names.update(inner.input)
            names |= _read_inside(inner)
    return names
