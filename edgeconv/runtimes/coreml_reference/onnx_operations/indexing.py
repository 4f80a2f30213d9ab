"""Gathering, sorting and what is made of indices."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto

from edgeconv.runtimes.coreml_reference.onnx_graph import OnnxGraph, OnnxTensor
from edgeconv.runtimes.coreml_reference.onnx_operations.operations import translation
from edgeconv.runtimes.coreml_reference.onnx_operations.reduction import to_int32


@translation("gather", ignoring=["validate_indices"])
def gather(
    graph: OnnxGraph,
    x: OnnxTensor,
    indices: OnnxTensor,
    *,
    axis: int = 0,
    batch_dims: int = 0,
) -> OnnxTensor:
    if batch_dims == 0:
        return graph.node("Gather", x, indices, axis=axis)
    # GatherND shares leading axes but takes the axis right after them: bring it there, and back
    rank, index_rank = len(graph.sizes(x)), len(graph.sizes(indices))
    along = axis % rank
    between = list(range(batch_dims, along))
    order = [*range(batch_dims), along, *between, *range(along + 1, rank)]
    near = graph.node("Transpose", x, perm=order)
    coordinates = graph.node("Unsqueeze", _int64(graph, indices), graph.constant([-1]))
    found = graph.node("GatherND", near, coordinates, batch_dims=batch_dims)
    moved = list(range(index_rank, index_rank + len(between)))
    rest = list(range(index_rank + len(between), index_rank + rank - batch_dims - 1))
    back = [*range(batch_dims), *moved, *range(batch_dims, index_rank), *rest]
    return graph.node("Transpose", found, perm=back)


@translation("gather_along_axis", ignoring=["validate_indices"])
def gather_along_axis(
    graph: OnnxGraph,
    x: OnnxTensor,
    indices: OnnxTensor,
    *,
    axis: int = 0,
) -> OnnxTensor:
    return graph.node("GatherElements", x, indices, axis=axis)


@translation("gather_nd", ignoring=["validate_indices"])
def gather_nd(
    graph: OnnxGraph,
    x: OnnxTensor,
    indices: OnnxTensor,
    *,
    batch_dims: int = 0,
) -> OnnxTensor:
    return graph.node("GatherND", x, _int64(graph, indices), batch_dims=batch_dims)


@translation("argsort")
def argsort(
    graph: OnnxGraph, x: OnnxTensor, *, axis: int = -1, ascending: bool = False
) -> OnnxTensor:
    return topk(graph, x, k=graph.sizes(x)[axis], axis=axis, ascending=ascending)[1]


@translation("topk", ignoring=["sort", "output_indices_dtype"])
def topk(
    graph: OnnxGraph,
    x: OnnxTensor,
    *,
    k: int = 1,
    axis: int = -1,
    ascending: bool = False,
    return_indices: bool = True,
) -> tuple[OnnxTensor, ...]:
    values, order = graph.nodes(
        "TopK", x, graph.constant([k]), outputs=2, axis=axis, largest=int(not ascending), sorted=1
    )
    return (values, to_int32(graph, order)) if return_indices else (values,)


@translation("cumsum")
def cumsum(
    graph: OnnxGraph,
    x: OnnxTensor,
    *,
    axis: int = 0,
    exclusive: bool = False,
    reverse: bool = False,
) -> OnnxTensor:
    along = graph.constant(np.array(axis, np.int64))
    return graph.node("CumSum", x, along, exclusive=int(exclusive), reverse=int(reverse))


@translation("one_hot")
def one_hot(
    graph: OnnxGraph,
    indices: OnnxTensor,
    *,
    one_hot_vector_size: int,
    axis: int = -1,
    on_value: float = 1,
    off_value: float = 0,
) -> OnnxTensor:
    # equality rather than OneHot, which would count negative indices from the end
    kind = np.int32 if isinstance(on_value, int) else np.float32
    rank = len(graph.sizes(indices)) + 1
    classes = [1] * rank
    classes[axis] = one_hot_vector_size
    numbers = graph.constant(np.arange(one_hot_vector_size, dtype=np.int32).reshape(classes))
    chosen = graph.node("Equal", graph.node("Unsqueeze", indices, graph.constant([axis])), numbers)
    on, off = (graph.constant(np.array(value, kind)) for value in (on_value, off_value))
    return graph.node("Where", chosen, on, off)


@translation("band_part")
def band_part(graph: OnnxGraph, x: OnnxTensor, *, lower: int = -1, upper: int = -1) -> OnnxTensor:
    y = x
    if upper >= 0:
        y = graph.node("Trilu", y, graph.constant(np.array(upper, np.int64)), upper=0)
    if lower >= 0:
        y = graph.node("Trilu", y, graph.constant(np.array(-lower, np.int64)), upper=1)
    return y


@translation("range_1d")
def range_1d(graph: OnnxGraph, *, start: float, end: float, step: float) -> OnnxTensor:
    kind = np.int32 if isinstance(start, int) else np.float32
    return graph.node("Range", *(graph.constant(np.array(v, kind)) for v in (start, end, step)))


@translation("non_zero")
def non_zero(graph: OnnxGraph, x: OnnxTensor) -> OnnxTensor:
    return to_int32(graph, graph.node("Transpose", graph.node("NonZero", x), perm=[1, 0]))


def _int64(graph: OnnxGraph, indices: OnnxTensor) -> OnnxTensor:
    return graph.node("Cast", indices, to=TensorProto.INT64)
