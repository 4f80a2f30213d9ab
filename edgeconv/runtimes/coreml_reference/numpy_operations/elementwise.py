"""Elementwise arithmetic, comparison, logic and casts (``elementwise_unary``, ``_binary``)."""

# numpy gives Any for arithmetic on arrays of any element type
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from edgeconv.runtimes.coreml_reference.element_types import Array, ElementType
from edgeconv.runtimes.coreml_reference.numpy_operations.operations import operation
from edgeconv.runtimes.coreml_reference.registry import UnknownValue

_UNARY: dict[str, Any] = {
    "abs": np.abs,
    "acos": np.arccos,
    "asin": np.arcsin,
    "atan": np.arctan,
    "atanh": np.arctanh,
    "ceil": np.ceil,
    "cos": np.cos,
    "cosh": np.cosh,
    "exp": np.exp,
    "exp2": np.exp2,
    "floor": np.floor,
    "logical_not": np.logical_not,
    "round": np.round,
    "sign": np.sign,
    "sin": np.sin,
    "sinh": np.sinh,
    "sqrt": np.sqrt,
    "square": np.square,
    "tan": np.tan,
    "tanh": np.tanh,
}

_BINARY: dict[str, Any] = {
    "add": np.add,
    "equal": np.equal,
    "floor_div": np.floor_divide,
    "greater": np.greater,
    "greater_equal": np.greater_equal,
    "less": np.less,
    "less_equal": np.less_equal,
    "logical_and": np.logical_and,
    "logical_or": np.logical_or,
    "logical_xor": np.logical_xor,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "mod": np.mod,
    "mul": np.multiply,
    "not_equal": np.not_equal,
    "pow": np.power,
    "real_div": np.true_divide,
    "sub": np.subtract,
}


def _unary(ufunc: Callable[[Array], Array]) -> Callable[[Array], Array]:
    def apply(x: Array) -> Array:
        return ufunc(x)

    return apply


def _binary(ufunc: Callable[[Array, Array], Array]) -> Callable[[Array, Array], Array]:
    def apply(x: Array, y: Array) -> Array:
        return ufunc(x, y)

    return apply


for _name, _ufunc in _UNARY.items():
    operation(_name)(_unary(_ufunc))
for _name, _ufunc in _BINARY.items():
    operation(_name)(_binary(_ufunc))


@operation("erf")
def erf(x: Array) -> Array:
    """The Gauss error function."""
    from scipy.special import erf as error_function

    values: Array = error_function(x)
    return values


@operation("inverse")
def inverse(x: Array, *, epsilon: float = 1e-4) -> Array:
    """``1 / (x + epsilon)``."""
    return np.reciprocal(x + np.float32(epsilon))


@operation("log")
def log(x: Array, *, epsilon: float = 1e-45) -> Array:
    """``log(x + epsilon)``."""
    return np.log(x + np.float32(epsilon))


@operation("rsqrt")
def rsqrt(x: Array, *, epsilon: float = 1e-12) -> Array:
    """``1 / sqrt(x + epsilon)``."""
    return np.reciprocal(np.sqrt(x + np.float32(epsilon)))


@operation("threshold")
def threshold(x: Array, *, alpha: float) -> Array:
    """``max(x, alpha)``."""
    return np.maximum(x, alpha)


@operation("clip")
def clip(x: Array, *, alpha: float, beta: float) -> Array:
    """``min(max(x, alpha), beta)``."""
    return np.minimum(np.maximum(x, alpha), beta)


@operation("cast")
def cast(x: Array, *, dtype: str) -> Array:
    """Floats become integers by truncation; to and from fp16 only the ``fp16`` mode rounds."""
    castable = [element.value for element in ElementType if element is not ElementType.STRING]
    if dtype not in castable:
        raise UnknownValue("dtype", dtype, *castable)
    return x.astype(ElementType(dtype).encoding.carrier)


@operation("select")
def select(cond: Array, a: Array, b: Array) -> Array:
    """``a`` where ``cond``, else ``b``."""
    return np.where(cond, a, b)


@operation("identity")
def identity(x: Array) -> Array:
    """``x``."""
    return x
