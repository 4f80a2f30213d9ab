"""Quantised activations."""

from __future__ import annotations

import numpy as np

from edgeconv.runtimes.coreml_reference.onnx_graph import OnnxGraph, OnnxTensor
from edgeconv.runtimes.coreml_reference.onnx_operations.operations import translation
from edgeconv.runtimes.coreml_reference.registry import UnknownValue


@translation("quantize")
def quantize(
    graph: OnnxGraph,
    input: OnnxTensor,  # noqa: A002 - the parameter's name in MIL
    scale: OnnxTensor,
    zero_point: OnnxTensor | None = None,
    *,
    output_dtype: str,
    axis: int | None = None,
) -> OnnxTensor:
    if output_dtype not in {"int8", "uint8"}:
        raise UnknownValue("output_dtype", output_dtype, "int8", "uint8")
    zero = zero_point or graph.constant(np.zeros(graph.sizes(scale), output_dtype))
    return graph.node("QuantizeLinear", input, scale, zero, **_along(axis))


@translation("dequantize")
def dequantize(
    graph: OnnxGraph,
    input: OnnxTensor,  # noqa: A002 - the parameter's name in MIL
    scale: OnnxTensor,
    zero_point: OnnxTensor | None = None,
    *,
    axis: int | None = None,
) -> OnnxTensor:
    return graph.node("DequantizeLinear", input, scale, zero_point, **_along(axis))


def _along(axis: int | None) -> dict[str, int]:
    return {} if axis is None else {"axis": axis}
