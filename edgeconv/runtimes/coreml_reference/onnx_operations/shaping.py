"""Shapes, axes and copies."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto

from edgeconv.runtimes.coreml_reference.onnx_graph import OnnxGraph, OnnxTensor
from edgeconv.runtimes.coreml_reference.onnx_operations.operations import translation
from edgeconv.runtimes.coreml_reference.registry import UnknownValue

_INT64_MAX = np.iinfo(np.int64).max


@translation("reshape")
def reshape(graph: OnnxGraph, x: OnnxTensor, shape: OnnxTensor) -> OnnxTensor:
    if shape.constant is None:
        return graph.node("Reshape", x, graph.node("Cast", shape, to=TensorProto.INT64))
    wanted = [int(size) for size in shape.constant]
    if 0 in wanted:
        # ONNX counts the axis of a 0 from the left, MIL from the right
        sizes = graph.sizes(x)
        lead = len(wanted) - len(sizes)
        kept = [1] * lead + list(sizes[max(-lead, 0) :])
        wanted = [size or keep for size, keep in zip(wanted, kept, strict=True)]
    return graph.node("Reshape", x, graph.constant(wanted))


@translation("flatten2d")
def flatten2d(graph: OnnxGraph, x: OnnxTensor, *, axis: int = 1) -> OnnxTensor:
    return graph.node("Flatten", x, axis=axis)


@translation("transpose")
def transpose(graph: OnnxGraph, x: OnnxTensor, *, perm: tuple[int, ...]) -> OnnxTensor:
    return graph.node("Transpose", x, perm=[axis % len(perm) for axis in perm])


@translation("expand_dims")
def expand_dims(graph: OnnxGraph, x: OnnxTensor, *, axes: tuple[int, ...]) -> OnnxTensor:
    return graph.node("Unsqueeze", x, graph.constant(axes))


@translation("squeeze")
def squeeze(graph: OnnxGraph, x: OnnxTensor, *, axes: tuple[int, ...] | None = None) -> OnnxTensor:
    return graph.node("Squeeze", x, None if axes is None else graph.constant(axes))


@translation("shape")
def shape(graph: OnnxGraph, x: OnnxTensor) -> OnnxTensor:
    return graph.node("Cast", graph.node("Shape", x), to=TensorProto.INT32)


@translation("concat")
def concat(
    graph: OnnxGraph, *values: OnnxTensor, axis: int, interleave: bool = False
) -> OnnxTensor:
    if not interleave:
        return graph.node("Concat", *values, axis=axis)
    sizes = list(graph.sizes(values[0]))
    along = axis % len(sizes)
    sizes[along] *= len(values)
    stacked = stack(graph, *values, axis=along + 1)
    return graph.node("Reshape", stacked, graph.constant(sizes))


@translation("stack")
def stack(graph: OnnxGraph, *values: OnnxTensor, axis: int) -> OnnxTensor:
    at = graph.constant([axis])
    return graph.node(
        "Concat", *(graph.node("Unsqueeze", value, at) for value in values), axis=axis
    )


@translation("split")
def split(
    graph: OnnxGraph,
    x: OnnxTensor,
    *,
    axis: int,
    num_splits: int = 0,
    split_sizes: tuple[int, ...] = (),
) -> tuple[OnnxTensor, ...]:
    if split_sizes:
        sizes = graph.constant(split_sizes)
        return graph.nodes("Split", x, sizes, outputs=len(split_sizes), axis=axis)
    return graph.nodes("Split", x, outputs=num_splits, axis=axis, num_outputs=num_splits)


@translation("tile")
def tile(graph: OnnxGraph, x: OnnxTensor, *, reps: tuple[int, ...]) -> OnnxTensor:
    return graph.node("Tile", x, graph.constant(reps))


@translation("reverse")
def reverse(graph: OnnxGraph, x: OnnxTensor, *, axes: tuple[int, ...] | None = None) -> OnnxTensor:
    along = tuple(range(len(graph.sizes(x)))) if axes is None else axes
    last, before_first, back = (
        graph.constant([bound] * len(along)) for bound in (-1, -_INT64_MAX, -1)
    )
    return graph.node("Slice", x, last, before_first, graph.constant(along), back)


@translation("pad")
def pad(
    graph: OnnxGraph,
    x: OnnxTensor,
    *,
    pad: tuple[int, ...],
    mode: str = "constant",
    constant_val: float = 0.0,
) -> OnnxTensor:
    modes = {"constant": "constant", "reflect": "reflect", "replicate": "edge"}
    if mode not in modes:
        raise UnknownValue("mode", mode, *modes)
    if len(pad) % 2 or min(pad, default=0) < 0:
        raise ValueError(f"pad {pad}")
    amounts = graph.constant([*pad[0::2], *pad[1::2]])
    axes = graph.constant(list(range(-(len(pad) // 2), 0)))
    value = graph.constant(float(constant_val)) if mode == "constant" else None
    return graph.node("Pad", x, amounts, value, axes, mode=modes[mode])


@translation("fill")
def fill(graph: OnnxGraph, *, shape: tuple[int, ...], value: float = 0.0) -> OnnxTensor:
    return graph.node("Expand", _scalar(graph, value), graph.constant(shape))


@translation("fill_like")
def fill_like(graph: OnnxGraph, ref_tensor: OnnxTensor, *, value: float = 0.0) -> OnnxTensor:
    return graph.node("Expand", _scalar(graph, value), graph.node("Shape", ref_tensor))


@translation("depth_to_space")
def depth_to_space(graph: OnnxGraph, x: OnnxTensor, *, block_size: int) -> OnnxTensor:
    return graph.node("DepthToSpace", x, blocksize=block_size, mode="DCR")


@translation("space_to_depth")
def space_to_depth(graph: OnnxGraph, x: OnnxTensor, *, block_size: int) -> OnnxTensor:
    return graph.node("SpaceToDepth", x, blocksize=block_size)


@translation("pixel_shuffle")
def pixel_shuffle(graph: OnnxGraph, x: OnnxTensor, *, upscale_factor: int) -> OnnxTensor:
    return graph.node("DepthToSpace", x, blocksize=upscale_factor, mode="CRD")


@translation("pixel_unshuffle")
def pixel_unshuffle(graph: OnnxGraph, x: OnnxTensor, *, downscale_factor: int) -> OnnxTensor:
    n, c, h, w = graph.sizes(x)
    r = downscale_factor
    blocks = graph.node("Reshape", x, graph.constant([n, c, h // r, r, w // r, r]))
    ordered = graph.node("Transpose", blocks, perm=[0, 1, 3, 5, 2, 4])
    return graph.node("Reshape", ordered, graph.constant([n, c * r * r, h // r, w // r]))


def _scalar(graph: OnnxGraph, value: float) -> OnnxTensor:
    return graph.constant(np.array(value, np.int32 if isinstance(value, int) else np.float32))
