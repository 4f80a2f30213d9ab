"""``max_pool``, ``avg_pool`` and ``l2_pool``."""

from __future__ import annotations

from edgeconv.runtimes.coreml_reference.onnx_graph import OnnxGraph, OnnxTensor
from edgeconv.runtimes.coreml_reference.onnx_operations.operations import translation
from edgeconv.runtimes.coreml_reference.onnx_operations.padding import given, padding_attributes


@translation("max_pool")
def max_pool(
    graph: OnnxGraph,
    x: OnnxTensor,
    *,
    kernel_sizes: tuple[int, ...],
    pad_type: str,
    strides: tuple[int, ...] = (),
    pad: tuple[int, ...] = (),
    ceil_mode: bool = False,
) -> OnnxTensor:
    return graph.node(
        "MaxPool",
        x,
        kernel_shape=list(kernel_sizes),
        ceil_mode=int(ceil_mode),
        **given(strides=strides),
        **padding_attributes(pad_type, pad),
    )


@translation("avg_pool")
def avg_pool(
    graph: OnnxGraph,
    x: OnnxTensor,
    *,
    kernel_sizes: tuple[int, ...],
    pad_type: str,
    strides: tuple[int, ...] = (),
    pad: tuple[int, ...] = (),
    exclude_padding_from_average: bool = False,
    ceil_mode: bool = False,
) -> OnnxTensor:
    return graph.node(
        "AveragePool",
        x,
        kernel_shape=list(kernel_sizes),
        ceil_mode=int(ceil_mode),
        count_include_pad=int(not exclude_padding_from_average),
        **given(strides=strides),
        **padding_attributes(pad_type, pad),
    )


@translation("l2_pool")
def l2_pool(
    graph: OnnxGraph,
    x: OnnxTensor,
    *,
    kernel_sizes: tuple[int, ...],
    pad_type: str,
    strides: tuple[int, ...] = (),
    pad: tuple[int, ...] = (),
    ceil_mode: bool = False,
) -> OnnxTensor:
    return graph.node(
        "LpPool",
        x,
        p=2,
        kernel_shape=list(kernel_sizes),
        ceil_mode=int(ceil_mode),
        **given(strides=strides),
        **padding_attributes(pad_type, pad),
    )
