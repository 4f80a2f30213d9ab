"""Activations (``iOS15/activation.py`` and ``iOS17/activation.py``)."""

# numpy gives Any for arithmetic on arrays of any element type
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import numpy as np

from edgeconv.runtimes.coreml_reference.element_types import Array
from edgeconv.runtimes.coreml_reference.numpy_operations.elementwise import erf
from edgeconv.runtimes.coreml_reference.numpy_operations.operations import operation
from edgeconv.runtimes.coreml_reference.registry import UnknownValue


def _along_channels(parameter: Array, x: Array) -> Array:
    """``(C,)`` parameters shaped so that they broadcast along the second axis of ``x``."""
    return parameter.reshape(1, -1, *(1,) * (x.ndim - 2))


@operation("relu")
def relu(x: Array) -> Array:
    """``max(x, 0)``."""
    return np.maximum(x, 0)


@operation("relu6")
def relu6(x: Array) -> Array:
    """``min(max(x, 0), 6)``."""
    return np.minimum(np.maximum(x, 0), 6)


@operation("leaky_relu")
def leaky_relu(x: Array, *, alpha: float) -> Array:
    """``x``, times ``alpha`` where negative."""
    return np.where(x < 0, x * alpha, x)


@operation("prelu")
def prelu(x: Array, alpha: Array) -> Array:
    """``x``, times its channel's ``alpha`` where negative."""
    return np.where(x < 0, x * _along_channels(alpha, x), x)


@operation("elu")
def elu(x: Array, *, alpha: float) -> Array:
    """``x``, or ``alpha * (exp(x) - 1)`` where negative."""
    return np.where(x < 0, alpha * np.expm1(np.minimum(x, 0)), x)


@operation("thresholded_relu")
def thresholded_relu(x: Array, *, alpha: float) -> Array:
    """``x`` where it reaches ``alpha``, else 0."""
    return np.where(x < alpha, 0, x)


@operation("clamped_relu")
def clamped_relu(x: Array, *, alpha: float, beta: float) -> Array:
    """``min(x, beta)``, with ``x`` times ``alpha`` where negative."""
    return np.minimum(np.where(x < 0, x * alpha, x), beta)


@operation("linear_activation")
def linear_activation(x: Array, *, alpha: float, beta: float = 0.0) -> Array:
    """``alpha * x + beta``."""
    return alpha * x + beta


@operation("sigmoid")
def sigmoid(x: Array) -> Array:
    """``1 / (1 + exp(-x))``."""
    return 1 / (1 + np.exp(-x))


@operation("sigmoid_hard")
def sigmoid_hard(x: Array, *, alpha: float, beta: float) -> Array:
    """``min(max(alpha * x + beta, 0), 1)``."""
    return np.minimum(np.maximum(alpha * x + beta, 0), 1)


@operation("silu")
def silu(x: Array) -> Array:
    """``x * sigmoid(x)``."""
    return x * sigmoid(x)


@operation("scaled_tanh")
def scaled_tanh(x: Array, *, alpha: float, beta: float) -> Array:
    """``alpha * tanh(beta * x)``."""
    return alpha * np.tanh(beta * x)


@operation("softsign")
def softsign(x: Array) -> Array:
    """``x / (1 + |x|)``."""
    return x / (1 + np.abs(x))


@operation("softplus")
def softplus(x: Array) -> Array:
    """``log(1 + exp(x))``, written so that it does not overflow."""
    return np.log1p(np.exp(-np.abs(x))) + np.maximum(x, 0)


@operation("softplus_parametric")
def softplus_parametric(x: Array, alpha: Array, beta: Array) -> Array:
    """``alpha * log(1 + exp(beta * x))``, per channel."""
    return _along_channels(alpha, x) * softplus(_along_channels(beta, x) * x)


@operation("softmax")
def softmax(x: Array, *, axis: int = -1) -> Array:
    """``exp(x) / sum(exp(x))`` along ``axis``."""
    powers = np.exp(x - x.max(axis, keepdims=True))
    quotients: Array = powers / powers.sum(axis, keepdims=True)
    return quotients


@operation("gelu")
def gelu(x: Array, *, mode: str = "EXACT") -> Array:
    """The Gaussian error linear unit, exact or by one of two approximations."""
    if mode == "EXACT":
        return 0.5 * x * (1 + erf(x / np.sqrt(np.float32(2))))
    if mode == "TANH_APPROXIMATION":
        return 0.5 * x * (1 + np.tanh(np.sqrt(np.float32(2 / np.pi)) * (x + 0.044715 * x**3)))
    if mode == "SIGMOID_APPROXIMATION":
        return x * sigmoid(1.702 * x)
    raise UnknownValue("mode", mode, "EXACT", "TANH_APPROXIMATION", "SIGMOID_APPROXIMATION")
