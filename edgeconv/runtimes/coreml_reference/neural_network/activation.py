"""Activation layers, and ``unary`` functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from edgeconv.runtimes.coreml_reference.element_types import Array
from edgeconv.runtimes.coreml_reference.neural_network.lowering import Lowered, Lowering, layer
from edgeconv.runtimes.coreml_reference.program import Constant, Operand

_WITHOUT_PARAMETERS = {
    "ReLU": "relu",
    "tanh": "tanh",
    "sigmoid": "sigmoid",
    "softsign": "softsign",
    "softplus": "softplus",
}
_WITH_ALPHA = {"leakyReLU": "leaky_relu", "thresholdedReLU": "thresholded_relu", "ELU": "elu"}
_WITH_ALPHA_AND_BETA = {
    "linear": "linear_activation",
    "scaledTanh": "scaled_tanh",
    "sigmoidHard": "sigmoid_hard",
}


@layer("activation")
def activation(net: Lowering, params: Any, x: Operand) -> Lowered:
    """``ActivationParams``."""
    kind: str = params.WhichOneof("NonlinearityType") or ""
    values: Any = getattr(params, kind, None)
    if kind in _WITHOUT_PARAMETERS:
        return net.op(_WITHOUT_PARAMETERS[kind], x=x)
    if kind in _WITH_ALPHA:
        return net.op(_WITH_ALPHA[kind], x=x, alpha=float(values.alpha))
    if kind in _WITH_ALPHA_AND_BETA:
        return net.op(
            _WITH_ALPHA_AND_BETA[kind], x=x, alpha=float(values.alpha), beta=float(values.beta)
        )
    if kind == "PReLU":
        # relu(x) - alpha * relu(-x): MIL's prelu has another channel axis
        falling = net.op("relu", x=net.op("linear_activation", x=x, alpha=-1.0, beta=0.0))
        scaled = net.op("mul", x=falling, y=_per_channel(net, values.alpha, "alpha"))
        return net.op("sub", x=net.op("relu", x=x), y=scaled)
    if kind == "parametricSoftplus":
        inner = net.op("mul", x=x, y=_per_channel(net, values.beta, "beta"))
        outer = net.op("softplus", x=inner)
        return net.op("mul", x=outer, y=_per_channel(net, values.alpha, "alpha"))
    raise net.fault("has an activation that the reference executor does not know", kind or "none")


@layer("clampedReLU")
def clamped_relu(net: Lowering, params: Any, x: Operand) -> Lowered:
    """``ClampedReLULayerParams``."""
    return net.op("clamped_relu", x=x, alpha=float(params.alpha), beta=float(params.beta))


@layer("gelu")
def gelu(net: Lowering, params: Any, x: Operand) -> Lowered:
    """``GeluLayerParams``."""
    modes = ("EXACT", "TANH_APPROXIMATION", "SIGMOID_APPROXIMATION")
    return net.op("gelu", x=x, mode=modes[params.mode])


@layer("softmax")
def softmax(net: Lowering, _params: Any, x: Operand) -> Lowered:
    """``SoftmaxLayerParams``: over the channels, the third axis from the end."""
    if net.rank(x) < 3:
        raise net.fault("takes a softmax over channels", f"rank {net.rank(x)}", "rank 3 to 5")
    return net.op("softmax", x=x, axis=-3)


@layer("softmaxND")
def softmax_nd(net: Lowering, params: Any, x: Operand) -> Lowered:
    """``SoftmaxNDLayerParams``."""
    return net.op("softmax", x=x, axis=int(params.axis))


@layer("unary")
def unary(net: Lowering, params: Any, x: Operand) -> Lowered:
    """``UnaryFunctionLayerParams``: a function of ``scale * x + shift``."""
    if params.scale != 1 or params.shift != 0:
        scale, shift = float(params.scale), float(params.shift)
        x = net.op("linear_activation", x=x, alpha=scale, beta=shift)
    return _UNARY[int(params.type)](net, params, x)


_UNARY: tuple[Callable[[Lowering, Any, Operand], Lowered], ...] = (
    lambda net, _params, x: net.op("sqrt", x=x),
    lambda net, params, x: net.op("rsqrt", x=x, epsilon=float(params.epsilon)),
    lambda net, params, x: net.op("inverse", x=x, epsilon=float(params.epsilon)),
    lambda net, params, x: net.op("pow", x=x, y=float(params.alpha)),
    lambda net, _params, x: net.op("exp", x=x),
    lambda net, _params, x: net.op("log", x=x, epsilon=0.0),
    lambda net, _params, x: net.op("abs", x=x),
    lambda net, params, x: net.op("threshold", x=x, alpha=float(params.alpha)),
)
"""In the order of ``UnaryFunctionLayerParams.Operation``."""


def _per_channel(net: Lowering, message: Any, what: str) -> Constant:
    """``(C, 1, 1)``, which broadcasts along the third axis from the end."""
    count = len(message.floatValue) or len(message.float16Value) // 2

    def along_channels(values: Array) -> Array:
        return np.reshape(values, (-1, 1, 1))

    return net.weights(message, (count,), what, arrange=along_channels)
