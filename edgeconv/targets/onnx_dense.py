"""Dense layers of an ONNX model, and their matrices as int8: a scale for each column.

Matrices are rounded one by one as they are written: whole tools hold several copies of all.
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

FLOAT, INT8 = 1, 3
"""``TensorProto.FLOAT`` and ``TensorProto.INT8``"""


def dense_layers(
    model: OnnxModel, stays_float32: Callable[[str], bool]
) -> tuple[list[Any], dict[str, Weight]]:
    """Nodes that multiply by a large stored matrix, and those matrices by name.

    Args:
        model: in float32.
        stays_float32: whether the node of that name is left alone.
    """
    matrices = _matrices(model)
    nodes = [
        node
        for node in model.proto.graph.node
        if _is_dense(node) and node.input[1] in matrices and not stays_float32(node.name)
    ]
    return nodes, {node.input[1]: matrices[node.input[1]] for node in nodes}


def with_integers(
    graph: Any, weights: Mapping[str, Weight], matrices: Mapping[str, Weight]
) -> dict[str, Weight]:
    """Replace matrices in a graph by ``<name>_int8`` and ``<name>_scale``.

    Returns:
        The weights that the graph then takes.
    """
    from onnx.helper import make_tensor_value_info
    from onnx.numpy_helper import from_array

    taken = {name for node in graph.node for name in node.input}
    replace(graph.initializer, [tensor for tensor in graph.initializer if tensor.name in taken])
    kept = {name: weight for name, weight in weights.items() if name in taken}
    for name in weights.keys() - kept.keys():
        replace(graph.input, [value for value in graph.input if value.name != name])
    for name, matrix in matrices.items():
        values = matrix()
        scale = column_scale(values)
        graph.initializer.append(from_array(scale, f"{name}_scale"))
        graph.input.append(make_tensor_value_info(f"{name}_int8", INT8, values.shape))
        kept[f"{name}_int8"] = partial(_integers, matrix, scale)
    return kept


def column_scale(matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    """What one step of each column's integers stands for: (columns,)."""
    reach = np.maximum(matrix.max(axis=0), -matrix.min(axis=0))
    return np.asarray(np.where(reach > 0, reach / LARGEST, 1), np.float32)


def replace(field: Any, values: list[Any]) -> None:
    """Give a repeated field of a proto other values."""
    del field[:]
    field.extend(values)


def _matrices(model: OnnxModel) -> dict[str, Weight]:
    """The constant float32 matrices that are large enough to be worth it."""
    from onnx import numpy_helper

    graph = model.proto.graph
    found: dict[str, Weight] = {
        tensor.name: partial(numpy_helper.to_array, tensor)
        for tensor in graph.initializer
        if tensor.data_type == FLOAT and _is_large_matrix(tensor.dims)
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


def _integers(matrix: Weight, scale: NDArray[np.float32]) -> NDArray[np.int8]:
    return np.rint(matrix() / scale).astype(np.int8)
