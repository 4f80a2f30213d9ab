"""Reductions."""

from __future__ import annotations

from collections.abc import Callable

from onnx import TensorProto

from edgeconv.runtimes.coreml_reference.onnx_graph import OnnxGraph, OnnxTensor
from edgeconv.runtimes.coreml_reference.onnx_operations.operations import translation

_KINDS = {
    "reduce_l1_norm": "ReduceL1",
    "reduce_l2_norm": "ReduceL2",
    "reduce_log_sum": "ReduceLogSum",
    "reduce_log_sum_exp": "ReduceLogSumExp",
    "reduce_max": "ReduceMax",
    "reduce_mean": "ReduceMean",
    "reduce_min": "ReduceMin",
    "reduce_prod": "ReduceProd",
    "reduce_sum": "ReduceSum",
    "reduce_sum_square": "ReduceSumSquare",
}


def _implementation(kind: str) -> Callable[..., OnnxTensor]:
    def reduce(
        graph: OnnxGraph,
        x: OnnxTensor,
        *,
        axes: tuple[int, ...] | None = None,
        keep_dims: bool = False,
    ) -> OnnxTensor:
        over = None if axes is None else graph.constant(axes)
        return graph.node(kind, x, over, keepdims=int(keep_dims))

    return reduce


for _name, _kind in _KINDS.items():
    translation(_name)(_implementation(_kind))


@translation("reduce_argmax", ignoring=["output_dtype"])
def reduce_argmax(
    graph: OnnxGraph,
    x: OnnxTensor,
    *,
    axis: int = -1,
    keep_dims: bool = False,
) -> OnnxTensor:
    return to_int32(graph, graph.node("ArgMax", x, axis=axis, keepdims=int(keep_dims)))


@translation("reduce_argmin", ignoring=["output_dtype"])
def reduce_argmin(
    graph: OnnxGraph,
    x: OnnxTensor,
    *,
    axis: int = -1,
    keep_dims: bool = False,
) -> OnnxTensor:
    return to_int32(graph, graph.node("ArgMin", x, axis=axis, keepdims=int(keep_dims)))


def to_int32(graph: OnnxGraph, indices: OnnxTensor) -> OnnxTensor:
    """ONNX gives int64 indices; MIL's integers are carried as int32."""
    return graph.node("Cast", indices, to=TensorProto.INT32)
