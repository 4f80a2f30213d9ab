"""Matrix products and attention."""

from __future__ import annotations

import numpy as np

from edgeconv.runtimes.coreml_reference.element_types import ElementType
from edgeconv.runtimes.coreml_reference.onnx_graph import OnnxGraph, OnnxTensor
from edgeconv.runtimes.coreml_reference.onnx_operations.operations import translation


@translation("linear")
def linear(
    graph: OnnxGraph, x: OnnxTensor, weight: OnnxTensor, bias: OnnxTensor | None = None
) -> OnnxTensor:
    if x.rank == 2:
        return graph.node("Gemm", x, weight, bias, transB=1)
    product = graph.node("MatMul", x, _transposed(graph, weight))
    return product if bias is None else graph.node("Add", product, bias)


@translation("matmul")
def matmul(
    graph: OnnxGraph,
    x: OnnxTensor,
    y: OnnxTensor,
    *,
    transpose_x: bool = False,
    transpose_y: bool = False,
) -> OnnxTensor:
    left = _transposed(graph, x) if transpose_x else x
    right = _transposed(graph, y) if transpose_y else y
    return graph.node("MatMul", left, right)


@translation("einsum")
def einsum(graph: OnnxGraph, *values: OnnxTensor, equation: str) -> OnnxTensor:
    return graph.node("Einsum", *values, equation=equation)


@translation("scaled_dot_product_attention")
def scaled_dot_product_attention(
    graph: OnnxGraph,
    query: OnnxTensor,
    key: OnnxTensor,
    value: OnnxTensor,
    attn_mask: OnnxTensor | None = None,
) -> OnnxTensor:
    scale = graph.constant(1 / float(np.sqrt(graph.sizes(query)[-1])))
    scaled = graph.node("Mul", query, scale)
    similarity = graph.node("MatMul", scaled, _transposed(graph, key))
    if attn_mask is not None and _is_boolean(attn_mask):
        similarity = graph.node("Where", attn_mask, similarity, graph.constant(-np.inf))
    elif attn_mask is not None:
        similarity = graph.node("Add", similarity, attn_mask)
    return graph.node("MatMul", graph.node("Softmax", similarity, axis=-1), value)


def _is_boolean(mask: OnnxTensor) -> bool:
    if mask.constant is not None:
        return mask.constant.dtype == np.bool_
    return mask.type is not None and mask.type.element is ElementType.BOOL


def _transposed(graph: OnnxGraph, x: OnnxTensor) -> OnnxTensor:
    """``x`` with its last two axes exchanged."""
    if x.constant is not None:
        return graph.constant(x.constant.swapaxes(-1, -2))
    if x.rank is None:
        return graph.node("Einsum", x, equation="...ij->...ji")
    axes = list(range(x.rank))
    return graph.node("Transpose", x, perm=[*axes[:-2], axes[-1], axes[-2]])
