"""ONNX in int8 for transformers: integer products with stored matrices, all else in float.

In uint8 throughout, a vision transformer answers near chance: residuals, normalisations and
attention need finer steps (PTQ4ViT: Yuan et al. 2022; FQ-ViT: Lin et al. 2022). Here the rows that
go into a dense layer are rounded to uint8 with a range from calibration pictures, its matrix to
int8 by column, its bias to int32, and what comes out is float32. ONNX Runtime makes one integer
operation of such a layer.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeconv.formats.onnx_model import OnnxModel
from edgeconv.targets.onnx_dense import column_scale, dense_layers, replace, with_integers

LARGEST_UINT8 = 255

Inputs = Mapping[str, NDArray[np.float32]]
"""Tensors of a model by name."""


def to_int8_dense(
    model: OnnxModel, calibration: Iterable[Inputs], stays_float32: Callable[[str], bool]
) -> OnnxModel:
    """A copy of a float32 model with integer dense layers, as QDQ.

    Args:
        model: it is left as it is.
        calibration: what the model takes.
        stays_float32: whether the node of that name is left alone.
    """
    dense, matrices = dense_layers(model, stays_float32)
    products = {node.output[0] for node in dense}
    ranges = _ranges(model, sorted({node.input[0] for node in dense}), calibration)
    columns = {name: column_scale(matrix()) for name, matrix in matrices.items()}
    proto = model.copied_proto()
    biases = {tensor.name: tensor for tensor in proto.graph.initializer}
    rounding = _Rounding(proto.graph)
    for node in list(proto.graph.node):
        if node.output[0] in products:
            given, matrix, *bias = node.input
            step, zero_point = _grid(*ranges[given])
            node.input[0] = rounding.of_rows(given, step, zero_point)
            node.input[1] = rounding.of_matrix(matrix, len(columns[matrix]))
            if bias:
                node.input[2] = rounding.of_bias(
                    node.output[0], biases[bias[0]], step * columns[matrix]
                )
        rounding.nodes.append(node)
    replace(proto.graph.node, rounding.nodes)
    return OnnxModel(proto, with_integers(proto.graph, model.weights, matrices))


class _Rounding:
    """Draws values rounded and read again, each once."""

    def __init__(self, graph: Any) -> None:
        self.nodes: list[Any] = []
        self._graph = graph
        self._drawn: set[str] = set()

    def of_rows(self, name: str, step: np.float32, zero_point: np.uint8) -> str:
        grid = [f"{name}_step", f"{name}_zero_point"]
        if name not in self._drawn:
            self._store(grid[0], step)
            self._store(grid[1], zero_point)
            self._draw("QuantizeLinear", [name, *grid], f"{name}_uint8")
        return self._read(name, [f"{name}_uint8", *grid])

    def of_matrix(self, name: str, columns: int) -> str:
        """:func:`with_integers` stores the integers and their scale."""
        if name not in self._drawn:
            self._store(f"{name}_zero_point", np.zeros(columns, np.int8))
        stored = [f"{name}_int8", f"{name}_scale", f"{name}_zero_point"]
        return self._read(name, stored, axis=1)

    def of_bias(self, product: str, tensor: Any, scale: NDArray[np.float32]) -> str:
        from onnx.numpy_helper import to_array

        name = f"{product}_bias"
        stored = [f"{name}_int32", f"{name}_scale", f"{name}_zero_point"]
        integers = np.rint(to_array(tensor) / scale.astype(np.float64))
        self._store(stored[0], np.clip(integers, -(2**31), 2**31 - 1).astype(np.int32))
        self._store(stored[1], scale)
        self._store(stored[2], np.zeros(len(scale), np.int32))
        return self._read(name, stored, axis=0)

    def _read(self, name: str, stored: Sequence[str], **axis: int) -> str:
        read = f"{name}_read"
        if name not in self._drawn:
            self._drawn.add(name)
            self._draw("DequantizeLinear", stored, read, **axis)
        return read

    def _draw(self, operation: str, inputs: Sequence[str], output: str, **axis: int) -> None:
        from onnx.helper import make_node

        self.nodes.append(make_node(operation, inputs, [output], output, **axis))

    def _store(self, name: str, values: Any) -> None:
        from onnx.numpy_helper import from_array

        self._graph.initializer.append(from_array(np.asarray(values), name))


def _grid(least: float, greatest: float) -> tuple[np.float32, np.uint8]:
    """Step and zero point of uint8 from ``least`` to ``greatest``; zero is on the grid."""
    least, greatest = min(least, 0.0), max(greatest, 0.0)
    step = np.float32((greatest - least) / LARGEST_UINT8 or 1)
    return step, np.uint8(np.clip(round(-least / float(step)), 0, LARGEST_UINT8))


def _ranges(
    model: OnnxModel, names: Sequence[str], calibration: Iterable[Inputs]
) -> dict[str, tuple[float, float]]:
    """The least and the greatest value that each tensor takes."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "watched.onnx"
        _watched(model, names).write(path)
        session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
        _, *found = zip(*(session.run(None, dict(inputs)) for inputs in calibration), strict=True)
    least, greatest = found[: len(names)], found[len(names) :]
    return {
        name: (float(np.min(low)), float(np.max(high)))
        for name, low, high in zip(names, least, greatest, strict=True)
    }


def _watched(model: OnnxModel, names: Sequence[str]) -> OnnxModel:
    """A copy that also gives the least value of each tensor, and then the greatest."""
    from onnx.helper import make_node, make_tensor_value_info

    proto = model.copied_proto()
    for operation in ("ReduceMin", "ReduceMax"):
        for name in names:
            output = f"{name}_{operation}"
            proto.graph.node.append(make_node(operation, [name], [output], output, keepdims=0))
            proto.graph.output.append(make_tensor_value_info(output, 1, []))
    return OnnxModel(proto, model.weights)
