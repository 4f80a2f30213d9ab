"""What precision an ONNX file really has."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

import numpy as np

from edgeconv.contract import Precision

MOVES_DATA = frozenset(
    {"Cast", "Concat", "Constant", "DequantizeLinear", "Flatten", "Gather", "Identity", "Pad",
     "QuantizeLinear", "Reshape", "Slice", "Split", "Squeeze", "Transpose", "Unsqueeze"}
)  # fmt: skip
"""Operations that compute no new value, and so have no precision of their own."""

FLOAT_PRODUCTS = ("Conv", "Gemm", "MatMul")
WEIGHTS_PLACE = {
    **dict.fromkeys((*FLOAT_PRODUCTS, "ConvInteger", "MatMulInteger"), 1),
    **dict.fromkeys(("QLinearConv", "QLinearMatMul"), 3),
}
"""Which input holds the weights, of the operations that multiply by such."""

CLAMPS = frozenset({"Clip", "Relu"})
"""Runtimes fold these into the rounding of the operation before them."""

WIDE_INTEGERS = frozenset({"int32", "int64"})


def read_precision(model: Any, asked: str) -> Precision:
    """Weights by stored type, activation type, and the share of operations left in float.

    An operation computes in integers when all it reads comes out of a DequantizeLinear and all it
    writes goes into a QuantizeLinear, or it is an integer operator itself: that is the pattern
    that runtimes fuse (ONNX Runtime, "Quantize ONNX models", QDQ format).

    Args:
        model: an ``onnx.ModelProto``; its initializers may be hollow.
        asked: the precision that was asked for, kept beside what was found.
    """
    weights = _weights_by_type(model.graph)
    total = sum(weights.values()) or 1
    computing = [n for n in model.graph.node if n.op_type not in MOVES_DATA | CLAMPS]
    in_float = len(computing) - _count_in_integers(model.graph, computing)
    return Precision(
        asked=asked,
        weight_type=max(weights, key=lambda name: weights[name], default="none"),
        activation_type=_activation_type(model.graph, mostly_integer=in_float * 2 < len(computing)),
        weights={name: round(count / total, 4) for name, count in sorted(weights.items())},
        float_ops=round(in_float / max(1, len(computing)), 4),
        float_products=round(_float_products(model.graph), 4),
    )


def _weights_by_type(graph: Any) -> Counter[str]:
    """Values of constants with two or more elements.

    Wide integers are none: they are shapes, axes, keys of tables, and the biases of integer files.
    """
    found: Counter[str] = Counter()
    for tensor in graph.initializer:
        values = int(np.prod(tensor.dims))
        if values > 1 and (name := _type_name(tensor.data_type)) not in WIDE_INTEGERS:
            found[name] += values
    return found


def _count_in_integers(graph: Any, computing: list[Any]) -> int:
    producer = {name: node for node in graph.node for name in node.output}
    consumers: defaultdict[str, list[Any]] = defaultdict(list)
    for node in graph.node:
        for name in node.input:
            consumers[name].append(node)

    def was_quantised(name: str) -> bool:
        return name in producer and producer[name].op_type == "DequantizeLinear"

    def will_be_quantised(name: str) -> bool:
        return bool(consumers[name]) and all(
            node.op_type == "QuantizeLinear"
            or (node.op_type in CLAMPS and will_be_quantised(node.output[0]))
            for node in consumers[name]
        )

    return sum(
        node.op_type.startswith(("QLinear", "MatMulInteger", "ConvInteger"))
        or (
            all(was_quantised(name) for name in node.input if name)
            and all(will_be_quantised(name) for name in node.output)
        )
        for node in computing
    )


def _float_products(graph: Any) -> float:
    """The share of weights that are multiplied in float."""
    values = {tensor.name: int(np.prod(tensor.dims)) for tensor in graph.initializer}
    read = {node.output[0]: node for node in graph.node if node.op_type == "DequantizeLinear"}
    multiplied = Counter[bool]()
    for node in graph.node:
        if node.op_type in WEIGHTS_PLACE:
            name = node.input[WEIGHTS_PLACE[node.op_type]]
            in_float = node.op_type in FLOAT_PRODUCTS and not (
                name in read and node.input[0] in read
            )
            stored = read[name].input[0] if name in read else name
            multiplied[in_float] += values.get(stored, 0)
    return multiplied[True] / multiplied.total() if multiplied.total() else 1.0


def _activation_type(graph: Any, *, mostly_integer: bool) -> str:
    """The type in which most activations travel: of zero points, or else of the matrices."""
    stored = {tensor.name: tensor.data_type for tensor in graph.initializer}
    if mostly_integer:
        types = [
            stored[node.input[2]]
            for node in graph.node
            if node.op_type == "QuantizeLinear" and node.input[2:] and node.input[2] in stored
        ]
    else:
        types = [tensor.data_type for tensor in graph.initializer if len(tensor.dims) > 1]
        types = [t for t in types if _type_name(t).startswith("float")]
    return _type_name(Counter(types).most_common(1)[0][0]) if types else "float32"


def _type_name(data_type: int) -> str:
    import onnx

    return str(np.dtype(onnx.helper.tensor_dtype_to_np_dtype(data_type)).name)
