"""ONNX with int8 matrices, whose other factor is rounded to uint8 on the fly.

The graph is that of ONNX Runtime's ``quantize_dynamic``, which it fuses when it loads it:
``DynamicQuantizeLinear``, ``MatMulInteger``, and the product of both scales.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from edgeconv.formats.onnx_model import OnnxModel
from edgeconv.targets.onnx_dense import FLOAT, dense_layers, replace, with_integers


def to_dynamic(model: OnnxModel, stays_float32: Callable[[str], bool]) -> OnnxModel:
    """A copy of a float32 model whose dense layers have int8 matrices, one scale a column.

    Args:
        model: it is left as it is.
        stays_float32: whether the node of that name is left alone.
    """
    proto = model.copied_proto()
    dense, matrices = dense_layers(OnnxModel(proto, model.weights), stays_float32)
    products = {node.output[0] for node in dense}
    nodes: list[Any] = []
    rounded: set[str] = set()
    for node in proto.graph.node:
        if node.output[0] not in products:
            nodes.append(node)
            continue
        given = node.input[0]
        if given not in rounded:
            nodes.append(_rounding(given))
        rounded.add(given)
        nodes.extend(_integer_product(node))
    replace(proto.graph.node, nodes)
    return OnnxModel(proto, with_integers(proto.graph, model.weights, matrices))


def _rounding(given: str) -> Any:
    from onnx.helper import make_node

    outputs = [f"{given}_{what}" for what in ("uint8", "scale", "zero_point")]
    return make_node("DynamicQuantizeLinear", [given], outputs, f"{given}_rounding")


def _integer_product(node: Any) -> list[Any]:
    """The nodes that stand for a dense layer, its given factor rounded already."""
    from onnx.helper import make_node

    given, matrix, *bias = node.input
    (output,) = node.output
    integer, in_float, scale = (f"{output}_{what}" for what in ("int32", "float", "scale"))
    product = f"{output}_product" if bias else output
    nodes = [
        make_node(
            "MatMulInteger",
            [f"{given}_uint8", f"{matrix}_int8", f"{given}_zero_point"],
            [integer],
            f"{node.name}_integer",
        ),
        make_node("Cast", [integer], [in_float], f"{node.name}_cast", to=FLOAT),
        make_node("Mul", [f"{given}_scale", f"{matrix}_scale"], [scale], f"{node.name}_scale"),
        make_node("Mul", [in_float, scale], [product], f"{node.name}_product"),
    ]
    if bias:
        nodes.append(make_node("Add", [product, *bias], [output], f"{node.name}_bias"))
    return nodes
