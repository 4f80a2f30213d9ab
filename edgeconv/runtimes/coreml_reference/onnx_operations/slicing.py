"""Slices."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgeconv.runtimes.coreml_reference.onnx_graph import OnnxGraph, OnnxTensor
from edgeconv.runtimes.coreml_reference.onnx_operations.operations import translation

_FAR = np.iinfo(np.int64).max


@translation("slice_by_index")
def slice_by_index(
    graph: OnnxGraph,
    x: OnnxTensor,
    *,
    begin: tuple[int, ...],
    end: tuple[int, ...],
    stride: tuple[int, ...] = (),
    begin_mask: tuple[bool, ...] = (),
    end_mask: tuple[bool, ...] = (),
    squeeze_mask: tuple[bool, ...] = (),
) -> OnnxTensor:
    rank = len(begin)
    nothing = (False,) * rank
    starts, stops, steps = [], [], []
    for first, last, step, from_edge, to_edge, squeezed in zip(
        begin,
        end,
        stride or (1,) * rank,
        begin_mask or nothing,
        end_mask or nothing,
        squeeze_mask or nothing,
        strict=True,
    ):
        if squeezed:
            starts.append(first)
            stops.append(_FAR if first == -1 else first + 1)
            steps.append(1)
            continue
        forward = step > 0
        starts.append((0 if forward else _FAR) if from_edge else first)
        stops.append((_FAR if forward else -_FAR) if to_edge else last)
        steps.append(step)
    axes = graph.constant(list(range(rank)))
    part = graph.node(
        "Slice", x, graph.constant(starts), graph.constant(stops), axes, graph.constant(steps)
    )
    gone = [axis for axis, squeezed in enumerate(squeeze_mask) if squeezed]
    return graph.node("Squeeze", part, graph.constant(gone)) if gone else part


@translation("slice_update")
def slice_update(
    graph: OnnxGraph,
    x: OnnxTensor,
    update: OnnxTensor,
    *,
    begin: tuple[int, ...],
    end: tuple[int, ...],
    stride: tuple[int, ...] = (),
    begin_mask: tuple[bool, ...] = (),
    end_mask: tuple[bool, ...] = (),
    squeeze_mask: tuple[bool, ...] = (),
) -> OnnxTensor:
    # slicing the flat places of x says which of them are replaced
    sizes = graph.sizes(x)
    places = graph.constant(np.arange(np.prod(sizes), dtype=np.int64).reshape(sizes))
    bounds: dict[str, Any] = {"begin": begin, "end": end, "stride": stride}
    masks: dict[str, Any] = {
        "begin_mask": begin_mask,
        "end_mask": end_mask,
        "squeeze_mask": squeeze_mask,
    }
    flat = graph.constant([-1])
    replaced = graph.node("Reshape", slice_by_index(graph, places, **bounds, **masks), flat)
    values = graph.node(
        "ScatterElements",
        graph.node("Reshape", x, flat),
        replaced,
        graph.node("Reshape", update, flat),
    )
    return graph.node("Reshape", values, graph.constant(sizes))


@translation("slice_by_size")
def slice_by_size(
    graph: OnnxGraph, x: OnnxTensor, *, begin: tuple[int, ...], size: tuple[int, ...]
) -> OnnxTensor:
    starts = [
        first + whole if first < 0 else first
        for first, whole in zip(begin, graph.sizes(x), strict=True)
    ]
    stops = [
        _FAR if count == -1 else first + count for first, count in zip(starts, size, strict=True)
    ]
    return graph.node("Slice", x, graph.constant(starts), graph.constant(stops))


@translation("crop")
def crop(
    graph: OnnxGraph, x: OnnxTensor, *, crop_height: tuple[int, ...], crop_width: tuple[int, ...]
) -> OnnxTensor:
    (top, bottom), (left, right) = crop_height, crop_width
    starts, stops = [top, left], [-bottom or _FAR, -right or _FAR]
    axes = graph.constant([-2, -1])
    return graph.node("Slice", x, graph.constant(starts), graph.constant(stops), axes)
