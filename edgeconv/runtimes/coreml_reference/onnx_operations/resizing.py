"""Resizing of the last two axes, or of those named."""

from __future__ import annotations

import numpy as np

from edgeconv.runtimes.coreml_reference.element_types import Array
from edgeconv.runtimes.coreml_reference.onnx_graph import OnnxGraph, OnnxTensor
from edgeconv.runtimes.coreml_reference.onnx_operations.operations import translation
from edgeconv.runtimes.coreml_reference.registry import UnknownValue

_TRANSFORMATIONS = {
    "STRICT_ALIGN_CORNERS": "align_corners",
    "ALIGN_CORNERS": "align_corners",
    "DEFAULT": "asymmetric",
    "UNALIGN_CORNERS": "half_pixel",
}


def _linear(
    graph: OnnxGraph, x: OnnxTensor, axis: int, size: int, target: int, sampling_mode: str
) -> OnnxTensor:
    """One axis, ``axis`` counted from the end."""
    if sampling_mode == "OFFSET_CORNERS":
        return _offset_corners(graph, x, axis, size, target)
    if sampling_mode not in _TRANSFORMATIONS:
        raise UnknownValue("sampling_mode", sampling_mode, *_TRANSFORMATIONS, "OFFSET_CORNERS")
    transformation = _TRANSFORMATIONS[sampling_mode]
    if sampling_mode == "ALIGN_CORNERS" and target == 1:
        transformation = "half_pixel"  # a single sample lies in the middle
    return _resize(graph, x, axis, target, mode="linear", transformation=transformation)


def _nearest(graph: OnnxGraph, x: OnnxTensor, axis: int, target: int) -> OnnxTensor:
    return _resize(graph, x, axis, target, mode="nearest", transformation="asymmetric")


def _resize(
    graph: OnnxGraph, x: OnnxTensor, axis: int, target: int, *, mode: str, transformation: str
) -> OnnxTensor:
    return graph.node(
        "Resize",
        x,
        None,
        None,
        graph.constant([target]),
        axes=[axis],
        mode=mode,
        nearest_mode="floor",
        coordinate_transformation_mode=transformation,
    )


def _offset_corners(
    graph: OnnxGraph, x: OnnxTensor, axis: int, size: int, target: int
) -> OnnxTensor:
    """ONNX has no such sampling: a matrix of interpolation weights does it."""
    step = max(1, size - 1) / target
    points = np.clip((np.arange(target) + 0.5) * step, 0, size - 1)
    weights: Array = np.maximum(1 - np.abs(points[:, None] - np.arange(size)), 0)
    if axis == -2:
        return graph.node("MatMul", graph.constant(weights.astype(np.float32)), x)
    return graph.node("MatMul", x, graph.constant(weights.T.astype(np.float32)))


@translation("resize_bilinear")
def resize_bilinear(
    graph: OnnxGraph,
    x: OnnxTensor,
    *,
    target_size_height: int = 1,
    target_size_width: int = 1,
    sampling_mode: str = "DEFAULT",
) -> OnnxTensor:
    height, width = graph.sizes(x)[-2:]
    rows = _linear(graph, x, -2, height, target_size_height, sampling_mode)
    return _linear(graph, rows, -1, width, target_size_width, sampling_mode)


@translation("upsample_bilinear")
def upsample_bilinear(
    graph: OnnxGraph,
    x: OnnxTensor,
    *,
    scale_factor_height: float = 1,
    scale_factor_width: float = 1,
    align_corners: bool = True,
    half_pixel_centers: bool | None = None,
) -> OnnxTensor:
    height, width = graph.sizes(x)[-2:]
    if align_corners:
        mode = "STRICT_ALIGN_CORNERS"
    else:
        mode = "DEFAULT" if half_pixel_centers is False else "UNALIGN_CORNERS"
    return resize_bilinear(
        graph,
        x,
        target_size_height=int(height * scale_factor_height),
        target_size_width=int(width * scale_factor_width),
        sampling_mode=mode,
    )


@translation("resize_nearest_neighbor")
def resize_nearest_neighbor(
    graph: OnnxGraph, x: OnnxTensor, *, target_size_height: int, target_size_width: int
) -> OnnxTensor:
    return _nearest(graph, _nearest(graph, x, -2, target_size_height), -1, target_size_width)


@translation("upsample_nearest_neighbor")
def upsample_nearest_neighbor(
    graph: OnnxGraph,
    x: OnnxTensor,
    *,
    scale_factor_height: float = 1,
    scale_factor_width: float = 1,
) -> OnnxTensor:
    height, width = graph.sizes(x)[-2:]
    return resize_nearest_neighbor(
        graph,
        x,
        target_size_height=int(height * scale_factor_height),
        target_size_width=int(width * scale_factor_width),
    )


@translation("resize")
def resize(
    graph: OnnxGraph,
    x: OnnxTensor,
    *,
    shape: tuple[int, ...],
    resized_dims: int,
    interpolation_mode: str = "LINEAR",
    sampling_mode: str = "DEFAULT",
) -> OnnxTensor:
    y = x
    for axis in range(-resized_dims, 0):
        size = graph.sizes(x)[axis]
        target = shape[axis] or size
        if interpolation_mode == "LINEAR":
            y = _linear(graph, y, axis, size, target, sampling_mode)
        elif interpolation_mode != "NEAREST_NEIGHBOR":
            raise UnknownValue(
                "interpolation_mode", interpolation_mode, "LINEAR", "NEAREST_NEIGHBOR"
            )
        elif sampling_mode != "DEFAULT":
            raise UnknownValue("sampling_mode of NEAREST_NEIGHBOR", sampling_mode, "DEFAULT")
        else:
            y = _nearest(graph, y, axis, target)
    return y
