"""Convolution, pooling and padding layers."""

from __future__ import annotations

from typing import Any

from edgeconv.runtimes.coreml_reference.neural_network.lowering import Lowered, Lowering, layer
from edgeconv.runtimes.coreml_reference.program import Operand

_BOTTOM_RIGHT_HEAVY = 0
_POOLS = ("max_pool", "avg_pool", "l2_pool")
_GLOBAL_POOLS = ("reduce_max", "reduce_mean", "reduce_l2_norm")


def _pair(values: Any, default: int) -> tuple[int, int]:
    first, second = (int(value) for value in (values or (default, default)))
    return first, second


def _borders(amounts: Any) -> tuple[int, ...]:
    """Top, bottom, left, right; an empty message pads nothing."""
    edges = [(int(e.startEdgeSize), int(e.endEdgeSize)) for e in amounts.borderAmounts]
    (top, bottom), (left, right) = edges or [(0, 0), (0, 0)]
    return top, bottom, left, right


def _padding(params: Any, kind: str) -> dict[str, Any]:
    if kind == "same":
        heavy_end = params.same.asymmetryMode == _BOTTOM_RIGHT_HEAVY
        return {"pad_type": "same" if heavy_end else "same_lower"}
    return {"pad_type": "custom", "pad": _borders(getattr(params, kind).paddingAmounts)}


@layer("convolution")
def convolution(net: Lowering, params: Any, x: Operand) -> Lowered:
    """``ConvolutionLayerParams``; weights are ``(C_out, C_in / groups, H, W)``, those of a
    deconvolution ``(C_in, C_out / groups, H, W)``."""
    kernel = _pair(params.kernelSize, 3)
    groups = int(params.nGroups) or 1
    channels = (int(params.outputChannels), int(params.kernelChannels))
    if params.isDeconvolution:
        shape = (channels[1], channels[0] // groups, *kernel)
    else:
        shape = (*channels, *kernel)
    inputs: dict[str, Any] = {
        "x": x,
        "weight": net.weights(
            params.weights, shape, "weights", channel_axis=int(params.isDeconvolution)
        ),
        "strides": _pair(params.stride, 1),
        "dilations": _pair(params.dilationFactor, 1),
        "groups": groups,
        **_padding(params, params.WhichOneof("ConvolutionPaddingType") or "valid"),
    }
    if params.hasBias:
        inputs["bias"] = net.weights(params.bias, channels[:1], "bias")
    if not params.isDeconvolution:
        return net.op("conv", **inputs)
    if params.outputShape:
        inputs["output_shape"] = (1, channels[0], *_pair(params.outputShape, 0))
    return net.op("conv_transpose", **inputs)


@layer("pooling")
def pooling(net: Lowering, params: Any, x: Operand) -> Lowered:
    """``PoolingLayerParams``; ``includeLastPixel`` is MIL's ``ceil_mode``."""
    if params.globalPooling:
        return net.op(_GLOBAL_POOLS[params.type], x=x, axes=(-2, -1), keep_dims=True)
    inputs: dict[str, Any] = {
        "x": x,
        "kernel_sizes": _pair(params.kernelSize, 3),
        "strides": _pair(params.stride, 1),
    }
    kind = params.WhichOneof("PoolingPaddingType") or "valid"
    if kind == "includeLastPixel":
        vertical, horizontal = _pair(params.includeLastPixel.paddingAmounts, 0)
        inputs |= {
            "pad_type": "custom",
            "pad": (vertical, vertical, horizontal, horizontal),
            "ceil_mode": True,
        }
    else:
        inputs |= _padding(params, kind)
    if _POOLS[params.type] == "avg_pool":
        inputs["exclude_padding_from_average"] = bool(params.avgPoolExcludePadding)
    return net.op(_POOLS[params.type], **inputs)


@layer("padding")
def padding(net: Lowering, params: Any, x: Operand) -> Lowered:
    """``PaddingLayerParams``: the last two axes."""
    kind = params.WhichOneof("PaddingType") or "constant"
    modes = {"constant": "constant", "reflection": "reflect", "replication": "replicate"}
    return net.op(
        "pad",
        x=x,
        pad=_borders(params.paddingAmounts),
        mode=modes[kind],
        constant_val=float(params.constant.value),
    )


@layer("constantPad")
def constant_pad(net: Lowering, params: Any, x: Operand) -> Lowered:
    """``ConstantPaddingLayerParams``: every axis, by amounts or up to a given size."""
    if params.padToGivenOutputSizeMode:
        raise net.fault("pads up to a given size", "padToGivenOutputSizeMode", "amounts")
    amounts = tuple(int(amount) for amount in params.padAmounts)
    return net.op("pad", x=x, pad=amounts, mode="constant", constant_val=float(params.value))


@layer("upsample")
def upsample(net: Lowering, params: Any, x: Operand) -> Lowered:
    """``UpsampleLayerParams``: the last two axes, by whole or fractional factors."""
    height, width = (
        [float(factor) for factor in params.fractionalScalingFactor]
        or [float(factor) for factor in params.scalingFactor]
        or [1.0, 1.0]
    )
    factors: dict[str, Any] = {"scale_factor_height": height, "scale_factor_width": width}
    if params.mode == 0:
        return net.op("upsample_nearest_neighbor", x=x, **factors)
    align = {0: (False, False), 1: (True, False), 2: (False, True)}
    corners, centres = align[params.linearUpsampleMode]
    return net.op(
        "upsample_bilinear", x=x, align_corners=corners, half_pixel_centers=centres, **factors
    )


@layer("resizeBilinear")
def resize_bilinear(net: Lowering, params: Any, x: Operand) -> Lowered:
    """``ResizeBilinearLayerParams``: the last two axes, to a given size."""
    modes = ("STRICT_ALIGN_CORNERS", "ALIGN_CORNERS", "DEFAULT", "OFFSET_CORNERS")
    height, width = _pair(params.targetSize, 1)
    return net.op(
        "resize_bilinear",
        x=x,
        target_size_height=height,
        target_size_width=width,
        sampling_mode=modes[params.mode.samplingMethod],
    )


@layer("crop")
def crop(net: Lowering, params: Any, x: Operand) -> Lowered:
    """``CropLayerParams`` with amounts: the last two axes."""
    top, bottom, left, right = _borders(params.cropAmounts)
    return net.op("crop", x=x, crop_height=(top, bottom), crop_width=(left, right))
