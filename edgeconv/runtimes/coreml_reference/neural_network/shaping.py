"""Shapes, axes, copies and slices."""

from __future__ import annotations

from typing import Any

from edgeconv.runtimes.coreml_reference.neural_network.lowering import Lowered, Lowering, layer
from edgeconv.runtimes.coreml_reference.program import Operand


def _ints(values: Any) -> tuple[int, ...]:
    return tuple(int(value) for value in values)


def _flags(values: Any) -> tuple[bool, ...]:
    return tuple(bool(value) for value in values)


@layer("reshapeStatic")
def reshape_static(net: Lowering, params: Any, x: Operand) -> Lowered:
    """``ReshapeStaticLayerParams``."""
    shape = _ints(params.targetShape)
    return net.op("reshape", x=x, shape=shape, rank=len(shape))


@layer("rankPreservingReshape")
def rank_preserving_reshape(net: Lowering, params: Any, x: Operand) -> Lowered:
    """``RankPreservingReshapeLayerParams``: 0 keeps a size, -1 takes what is left."""
    return net.op("reshape", x=x, shape=_ints(params.targetShape))


@layer("reshape")
def reshape(net: Lowering, params: Any, x: Operand) -> Lowered:
    """``ReshapeLayerParams``, of the first Core ML: to ``(C, H, W)`` or ``(Seq, C, H, W)``."""
    shape = _ints(params.targetShape)
    if params.mode != 0:
        raise net.fault("reshapes with the channel last", "CHANNEL_LAST", "CHANNEL_FIRST")
    return net.op("reshape", x=x, shape=(1, *shape)[-4:], rank=4)


@layer("flatten")
def flatten(net: Lowering, params: Any, x: Operand) -> Lowered:
    """``FlattenLayerParams``: ``(N, C, H, W)`` to ``(N, C * H * W, 1, 1)``."""
    if params.mode == 1:
        x = net.op("transpose", x=x, perm=(0, 2, 3, 1))
    return net.op("reshape", x=x, shape=(0, -1, 1, 1), rank=4)


@layer("flattenTo2D")
def flatten_to_2d(net: Lowering, params: Any, x: Operand) -> Lowered:
    """``FlattenTo2DLayerParams``."""
    return net.op("flatten2d", x=x, axis=int(params.axis), rank=2)


@layer("transpose")
def transpose(net: Lowering, params: Any, x: Operand) -> Lowered:
    """``TransposeLayerParams``."""
    return net.op("transpose", x=x, perm=_ints(params.axes))


@layer("permute")
def permute(net: Lowering, params: Any, x: Operand) -> Lowered:
    """``PermuteLayerParams``: of ``(Seq, C, H, W)``."""
    return net.op("transpose", x=x, perm=_ints(params.axis))


@layer("expandDims")
def expand_dims(net: Lowering, params: Any, x: Operand) -> Lowered:
    """``ExpandDimsLayerParams``."""
    axes = _ints(params.axes)
    return net.op("expand_dims", x=x, axes=axes, rank=net.rank(x) + len(axes))


@layer("squeeze")
def squeeze(net: Lowering, params: Any, x: Operand) -> Lowered:
    """``SqueezeLayerParams`` with named axes."""
    if params.squeezeAll:
        raise net.fault("squeezes whatever is of size one", "squeezeAll", "named axes")
    axes = _ints(params.axes)
    if len(axes) < net.rank(x):
        return net.op("squeeze", x=x, axes=axes, rank=net.rank(x) - len(axes))
    # a NeuralNetwork has no scalars
    return net.op("reshape", x=x, shape=(1,), rank=1)


@layer("concat")
def concat(net: Lowering, params: Any, *inputs: Operand) -> Lowered:
    """``ConcatLayerParams``: along the channels, the third axis from the end."""
    if params.sequenceConcat:
        raise net.fault("joins sequences", "sequenceConcat", "channels")
    return net.op("concat", values=inputs, axis=-3, interleave=False)


@layer("concatND")
def concat_nd(net: Lowering, params: Any, *inputs: Operand) -> Lowered:
    """``ConcatNDLayerParams``."""
    axis, interleave = int(params.axis), bool(params.interleave)
    return net.op("concat", values=inputs, axis=axis, interleave=interleave)


@layer("stack")
def stack(net: Lowering, params: Any, *inputs: Operand) -> Lowered:
    """``StackLayerParams``."""
    return net.op("stack", values=inputs, axis=int(params.axis), rank=net.rank(inputs[0]) + 1)


@layer("split")
def split(net: Lowering, params: Any, x: Operand) -> Lowered:
    """``SplitLayerParams``: the channels into equal parts."""
    count = int(params.nOutputs)
    return net.ops("split", count, x=x, axis=-3, num_splits=count)


@layer("splitND")
def split_nd(net: Lowering, params: Any, x: Operand) -> Lowered:
    """``SplitNDLayerParams``: into equal parts, or parts of given sizes."""
    sizes = _ints(params.splitSizes)
    count = len(sizes) or int(params.numSplits)
    how: dict[str, Any] = {"split_sizes": sizes} if sizes else {"num_splits": count}
    return net.ops("split", count, x=x, axis=int(params.axis), **how)


@layer("tile")
def tile(net: Lowering, params: Any, x: Operand) -> Lowered:
    """``TileLayerParams``."""
    return net.op("tile", x=x, reps=_ints(params.reps))


@layer("reverse")
def reverse(net: Lowering, params: Any, x: Operand) -> Lowered:
    """``ReverseLayerParams``."""
    axes = tuple(axis for axis, reversed_ in enumerate(params.reverseDim) if reversed_)
    return net.op("reverse", x=x, axes=axes)


@layer("sliceStatic")
def slice_static(net: Lowering, params: Any, x: Operand) -> Lowered:
    """``SliceStaticLayerParams``."""
    squeezed = _flags(params.squeezeMasks) or (False,) * net.rank(x)
    return net.op(
        "slice_by_index",
        x=x,
        begin=_ints(params.beginIds),
        end=_ints(params.endIds),
        stride=_ints(params.strides),
        begin_mask=_flags(params.beginMasks) or (False,) * net.rank(x),
        end_mask=_flags(params.endMasks) or (False,) * net.rank(x),
        squeeze_mask=squeezed,
        rank=max(net.rank(x) - sum(squeezed), 1),
    )


@layer("slice")
def slice_(net: Lowering, params: Any, x: Operand) -> Lowered:
    """``SliceLayerParams``, of the first Core ML: along channel, height or width."""
    axis = (-3, -2, -1)[params.axis] % net.rank(x)
    whole = [axis != at for at in range(net.rank(x))]
    begin, end, stride = (
        tuple(default if skip else int(value) for skip in whole)
        for value, default in ((params.startIndex, 0), (params.endIndex, 0), (params.stride, 1))
    )
    return net.op(
        "slice_by_index",
        x=x,
        begin=begin,
        end=end,
        stride=stride,
        begin_mask=tuple(whole),
        end_mask=tuple(whole),
    )


@layer("gather")
def gather(net: Lowering, params: Any, x: Operand, indices: Operand) -> Lowered:
    """``GatherLayerParams``; the indices are floats in the file."""
    rank = net.rank(x) + net.rank(indices) - 1
    numbers = net.op("cast", x=indices, dtype="int32")
    return net.op("gather", x=x, indices=numbers, axis=int(params.axis), rank=rank)


@layer("gatherAlongAxis")
def gather_along_axis(net: Lowering, params: Any, x: Operand, indices: Operand) -> Lowered:
    """``GatherAlongAxisLayerParams``; the indices are floats in the file."""
    numbers = net.op("cast", x=indices, dtype="int32")
    return net.op("gather_along_axis", x=x, indices=numbers, axis=int(params.axis))


@layer("reorganizeData")
def reorganize_data(net: Lowering, params: Any, x: Operand) -> Lowered:
    """``ReorganizeDataLayerParams``."""
    kinds = (
        ("space_to_depth", "block_size"),
        ("depth_to_space", "block_size"),
        ("pixel_shuffle", "upscale_factor"),
    )
    kind, factor = kinds[params.mode]
    return net.op(kind, x=x, **{factor: int(params.blockSize)})


@layer("fillStatic")
def fill_static(net: Lowering, params: Any) -> Lowered:
    """``FillStaticLayerParams``."""
    shape = _ints(params.targetShape)
    return net.op("fill", shape=shape, value=float(params.value), rank=len(shape))


@layer("fillLike")
def fill_like(net: Lowering, params: Any, x: Operand) -> Lowered:
    """``FillLikeLayerParams``."""
    return net.op("fill_like", ref_tensor=x, value=float(params.value))


@layer("matrixBandPart")
def matrix_band_part(net: Lowering, params: Any, x: Operand) -> Lowered:
    """``MatrixBandPartLayerParams``."""
    return net.op("band_part", x=x, lower=int(params.numLower), upper=int(params.numUpper))
