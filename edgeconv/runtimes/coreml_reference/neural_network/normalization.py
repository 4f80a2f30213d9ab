"""Normalisation layers, and ``scale`` and ``bias``."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgeconv.runtimes.coreml_reference.element_types import Array
from edgeconv.runtimes.coreml_reference.neural_network.lowering import Lowered, Lowering, layer
from edgeconv.runtimes.coreml_reference.program import Constant, Operand


@layer("batchnorm")
def batchnorm(net: Lowering, params: Any, x: Operand) -> Lowered:
    """``BatchnormLayerParams``: with stored statistics, or those of each instance."""
    if net.rank(x) != 4:
        raise net.fault("normalises channels", f"rank {net.rank(x)}", "rank 4")
    shape = (int(params.channels),)
    inputs: dict[str, Any] = {
        "gamma": net.weights(params.gamma, shape, "gamma"),
        "beta": net.weights(params.beta, shape, "beta"),
        "epsilon": float(params.epsilon) or 1e-5,
    }
    if params.instanceNormalization and params.computeMeanVar:
        return net.op("instance_norm", x=x, rank=4, **inputs)
    if params.instanceNormalization or params.computeMeanVar:
        raise net.fault(
            "computes its statistics in a way that the reference executor does not know",
            f"computeMeanVar {params.computeMeanVar}, "
            f"instanceNormalization {params.instanceNormalization}",
            "both or neither",
        )
    return net.op(
        "batch_norm",
        x=x,
        mean=net.weights(params.mean, shape, "mean"),
        variance=net.weights(params.variance, shape, "variance"),
        **inputs,
    )


@layer("mvn")
def mvn(net: Lowering, params: Any, x: Operand) -> Lowered:
    """``MeanVarianceNormalizeLayerParams``: over height and width, or channels too."""
    axes = (-3, -2, -1) if params.acrossChannels else (-2, -1)
    if params.normalizeVariance:
        return net.op("layer_norm", x=x, axes=axes, epsilon=float(params.epsilon) or 1e-5)
    return net.op("sub", x=x, y=net.op("reduce_mean", x=x, axes=axes, keep_dims=True))


@layer("layerNormalization")
def layer_normalization(net: Lowering, params: Any, x: Operand) -> Lowered:
    """``LayerNormalizationLayerParams``: over the last axes."""
    shape = tuple(int(size) for size in params.normalizedShape)
    return net.op(
        "layer_norm",
        x=x,
        axes=tuple(range(-len(shape), 0)),
        gamma=net.weights(params.gamma, shape, "gamma"),
        beta=net.weights(params.beta, shape, "beta"),
        epsilon=float(params.eps) or 1e-5,
    )


@layer("l2normalize")
def l2_normalize(net: Lowering, params: Any, x: Operand) -> Lowered:
    """``L2NormalizeLayerParams``: over channels, height and width."""
    return net.op("l2_norm", x=x, epsilon=float(params.epsilon) or 1e-6)


@layer("lrn")
def lrn(net: Lowering, params: Any, x: Operand) -> Lowered:
    """``LRNLayerParams``."""
    return net.op(
        "local_response_norm",
        x=x,
        size=int(params.localSize),
        alpha=float(params.alpha),
        beta=float(params.beta),
        k=float(params.k) or 1.0,
    )


@layer("scale")
def scale(net: Lowering, params: Any, x: Operand) -> Lowered:
    """``ScaleLayerParams``: times one value, one a channel, or one an element; and a bias."""
    scaled = net.op("mul", x=x, y=_along_channels(net, params.scale, params.shapeScale, "scale"))
    if not params.hasBias:
        return scaled
    return net.op("add", x=scaled, y=_along_channels(net, params.bias, params.shapeBias, "bias"))


@layer("bias")
def bias(net: Lowering, params: Any, x: Operand) -> Lowered:
    """``BiasLayerParams``."""
    return net.op("add", x=x, y=_along_channels(net, params.bias, params.shape, "bias"))


def _along_channels(net: Lowering, message: Any, sizes: Any, what: str) -> Constant:
    """A vector along the channels, the third axis from the end; ``(C, H, W)`` as it is."""

    def arranged(values: Array) -> Array:
        return np.reshape(values, (-1, 1, 1)) if values.ndim == 1 else values

    return net.weights(message, sizes, what, arrange=arranged)
