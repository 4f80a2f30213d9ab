"""From a frozen tensorflow graph to TFLite by its converter, which never sees the large weights.

The converter copies every weight some ten times: 13 GB for CLIP ViT-L/14. The matrices that dense
layers multiply by go in as constants whose values are all one *mark*, which take four bytes there,
and are put into the finished file afterwards, rounded or quantised as the converter would have.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edgeconv.formats.tflite_flatbuffer import pack, unpack
from edgeconv.formats.tflite_inspect import dtype_of
from edgeconv.freezing import LARGE, LightGraph, Weight, light_graph
from edgeconv.networks import halved

if TYPE_CHECKING:
    from ai_edge_litert.schema_py_generated import ModelT, TensorT

MARKS = range(1025, 2048)
"""Float16 holds each of them, and none is another one times a power of two."""

LARGEST_INT8 = 127

LEAST_REACH = 5e-7
"""The converter gives channels of zeros a scale too."""

Configure = Callable[[Any], None]
"""Sets the precision of a ``TFLiteConverter``."""


def from_graph(function: Any, configure: Configure, large: int = LARGE) -> bytes:
    """The TFLite file of a frozen network.

    Args:
        function: its ``ConcreteFunction``.
        configure: sets the precision.
        large: matrices of so many values are kept from the converter.
    """
    graph = light_graph(function, large)
    marked = dict(zip(MARKS, graph.matrices(), strict=False))
    if marked:
        model = unpack(_converted(function, configure, _with_marks(graph, marked)))
        if _put_in(model, {mark: graph.weights[name] for mark, name in marked.items()}):
            return pack(model)
    # The converter does more to a matrix than to store it, and has to see it for that.
    return _converted(function, configure, graph.complete())


def _converted(function: Any, configure: Configure, graph_def: Any) -> bytes:
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_concrete_functions([function])
    # By itself it would freeze what is frozen, which takes longer than all the rest.
    converter._freeze_concrete_function = lambda: (
        graph_def,
        [tensor for tensor in function.inputs if tensor.dtype != tf.resource],
        function.outputs,
        function,
    )
    configure(converter)
    return bytes(converter.convert())


def _with_marks(graph: LightGraph, marked: Mapping[int, str]) -> Any:
    marks = {name: mark for mark, name in marked.items()}
    graph_def = graph.complete(apart_from=marks)
    for node in graph_def.node:
        if node.name in marks:
            node.op = "Const"
            tensor = node.attr["value"].tensor
            tensor.dtype = node.attr["dtype"].type
            tensor.tensor_shape.CopyFrom(node.attr.pop("shape").shape)
            tensor.float_val.append(marks[node.name])
    return graph_def


def _put_in(model: ModelT, weights: Mapping[int, Weight]) -> bool:
    """Put every matrix where its mark is; False, and nothing done, where one is not found."""
    from ai_edge_litert.schema_py_generated import BufferT

    tensors = {_mark(model, tensor): tensor for tensor in model.subgraphs[0].tensors}
    if not weights.keys() <= tensors.keys():
        return False
    taken = set()
    for mark, weight in weights.items():
        tensor = tensors[mark]
        if tensor.buffer in taken:  # quantised marks are the same bytes, and lie there once
            tensor.buffer = len(model.buffers)
            model.buffers.append(BufferT())
        taken.add(tensor.buffer)
        model.buffers[tensor.buffer].data = _stored(weight().T, tensor)
    return True


def _mark(model: ModelT, tensor: TensorT) -> float | None:
    """The one value that all of a stored matrix has; None where there are several."""
    content = model.buffers[tensor.buffer].data
    if content is None or len(tensor.shape) != 2:
        return None
    values = content.view(dtype_of(tensor))
    if values.min() != values.max():
        return None
    if values.dtype != np.int8:
        return float(values[0])
    return round(float(values[0]) * float(tensor.quantization.scale[0]), 1)


def _stored(matrix: NDArray[np.float32], tensor: TensorT) -> NDArray[np.uint8]:
    """The bytes of a matrix at the tensor's dtype, whose scales are set.

    Source: TFLite's quantisation specification: int8 by channel or as a whole, without -128,
    halves rounded away from zero.
    """
    dtype = np.dtype(dtype_of(tensor))
    if dtype != np.int8:
        rounded = halved(matrix) if dtype == np.float16 else matrix
        return _bytes(np.ascontiguousarray(rounded, dtype))
    by_channel = len(tensor.quantization.scale) > 1
    reach = np.abs(matrix).max(axis=1 if by_channel else None, keepdims=True)
    scale = np.maximum(reach.astype(np.float64), LEAST_REACH) / LARGEST_INT8
    tensor.quantization.scale = scale.astype(np.float32).reshape(-1)
    steps = matrix / scale
    return _bytes(np.copysign(np.floor(np.abs(steps) + 0.5), steps).astype(np.int8))


def _bytes(values: NDArray[Any]) -> NDArray[np.uint8]:
    content: NDArray[np.uint8] = values.reshape(-1).view(np.uint8)
    return content
