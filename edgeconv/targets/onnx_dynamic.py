"""ONNX with int8 matrices, whose other factor is rounded to uint8 on the fly.

The graph is that of ONNX Runtime's ``quantize_dynamic``, which it fuses when it loads it:
``DynamicQuantizeLinear``, ``MatMulInteger``, and the product of both scales. Its tool holds several
copies of all weights while it works; here they are rounded one by one as they are written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeconv.formats.onnx_model import OnnxModel
from edgeconv.freezing import Weight

SMALLEST_MATRIX = 1 << 12
"""Values; to round fewer saves nothing, and the matrix that makes the scores is so small."""

LARGEST = 127
"""Of an int8 that is symmetric: -128 is not used."""

_FLOAT, _INT8 = 1, 3
"""``TensorProto.FLOAT`` and ``TensorProto.INT8``"""


def to_dynamic(model: OnnxModel, stays_float32: Callable[[str], bool]) -> OnnxModel:
    """A copy of a float32 model whose dense layers have int8 matrices, one scale a column.

    Args:
        model: it is left as it is.
        stays_float32: whether the node of that name is left alone.
    """
    proto = model.copied_proto()
    matrices = _matrices(model)
    nodes: list[Any] = []
    rounded: set[str] = set()
    used: dict[str, Weight] = {}
    for node in proto.graph.node:
        if not _is_dense(node) or node.input[1] not in matrices or stays_float32(node.name):
            nodes.append(node)
            continue
        given, matrix = node.input[:2]
        if given not in rounded:
            nodes.append(_rounding(given))
        rounded.add(given)
        nodes.extend(_integer_product(node))
        used[matrix] = matrices[matrix]
    _replace(proto.graph.node, nodes)
    return OnnxModel(proto, _with_integers(proto.graph, model.weights, used))


def _matrices(model: OnnxModel) -> dict[str, Weight]:
    """The constant float32 matrices that are large enough to be worth it."""
    from onnx import numpy_helper

    graph = model.proto.graph
    found: dict[str, Weight] = {
        tensor.name: partial(numpy_helper.to_array, tensor)
        for tensor in graph.initializer
        if tensor.data_type == _FLOAT and _is_large_matrix(tensor.dims)
    }
    for value in graph.input:
        sides = [side.dim_value for side in value.type.tensor_type.shape.dim]
        if value.name in model.weights and _is_large_matrix(sides):
            found[value.name] = model.weights[value.name]
    return found


def _is_large_matrix(sides: Any) -> bool:
    return len(sides) == 2 and prod(sides) >= SMALLEST_MATRIX


def _is_dense(node: Any) -> bool:
    """Whether a node is ``given @ matrix``, or the same plus a bias."""
    plain = {"alpha": 1.0, "beta": 1.0, "transA": 0, "transB": 0}
    return node.op_type == "MatMul" or (
        node.op_type == "Gemm"
        and all(
            (attribute.f or attribute.i) == plain[attribute.name] for attribute in node.attribute
        )
    )


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
        make_node("Cast", [integer], [in_float], f"{node.name}_cast", to=_FLOAT),
        make_node("Mul", [f"{given}_scale", f"{matrix}_scale"], [scale], f"{node.name}_scale"),
        make_node("Mul", [in_float, scale], [product], f"{node.name}_product"),
    ]
    if bias:
        nodes.append(make_node("Add", [product, *bias], [output], f"{node.name}_bias"))
    return nodes


def _with_integers(
    graph: Any, weights: Mapping[str, Weight], matrices: Mapping[str, Weight]
) -> dict[str, Weight]:
    """Replace matrices in a graph by integers and their scales; also the weights it then takes."""
    from onnx.helper import make_tensor_value_info
    from onnx.numpy_helper import from_array

    taken = {name for node in graph.node for name in node.input}
    _replace(graph.initializer, [tensor for tensor in graph.initializer if tensor.name in taken])
    kept = {name: weight for name, weight in weights.items() if name in taken}
    for name in weights.keys() - kept.keys():
        _replace(graph.input, [value for value in graph.input if value.name != name])
    for name, matrix in matrices.items():
        values = matrix()
        scale = _scale(values)
        graph.initializer.append(from_array(scale, f"{name}_scale"))
        graph.input.append(make_tensor_value_info(f"{name}_int8", _INT8, values.shape))
        kept[f"{name}_int8"] = partial(_integers, matrix, scale)
    return kept


def _scale(matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    """What one step of each column's integers stands for: (columns,)."""
    reach = np.maximum(matrix.max(axis=0), -matrix.min(axis=0))
    return np.asarray(np.where(reach > 0, reach / LARGEST, 1), np.float32)


def _integers(matrix: Weight, scale: NDArray[np.float32]) -> NDArray[np.int8]:
    return np.rint(matrix() / scale).astype(np.int8)


def _replace(field: Any, values: list[Any]) -> None:
    del field[:]
    field.extend(values)
