"""Quantised activations (``iOS17/quantization_ops.py``)."""

# numpy gives Any for arithmetic on arrays of any element type
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import numpy as np

from edgeconv.runtimes.coreml_reference.element_types import Array
from edgeconv.runtimes.coreml_reference.numpy_operations.operations import operation
from edgeconv.runtimes.coreml_reference.registry import UnknownValue


def _aligned(parameter: Array, x: Array, axis: int | None) -> Array:
    """A scalar as it is; a vector along ``axis``."""
    if parameter.ndim == 0:
        return parameter
    if axis is None:
        raise ValueError("a vector of scales without an axis")
    return np.expand_dims(parameter, [at for at in range(x.ndim) if at != axis % x.ndim])


@operation("quantize")
def quantize(
    input: Array,  # noqa: A002 - the parameter's name in MIL
    scale: Array,
    zero_point: Array | None = None,
    *,
    output_dtype: str,
    axis: int | None = None,
) -> Array:
    """``clip(round(input / scale) + zero_point)``."""
    if output_dtype not in {"int8", "uint8"}:
        raise UnknownValue("output_dtype", output_dtype, "int8", "uint8")
    limits = np.iinfo(output_dtype)
    steps = np.round(input / _aligned(scale, input, axis))
    if zero_point is not None:
        steps = steps + _aligned(zero_point, input, axis).astype(np.float32)
    return np.clip(steps, limits.min, limits.max).astype(output_dtype)


@operation("dequantize")
def dequantize(
    input: Array,  # noqa: A002 - the parameter's name in MIL
    scale: Array,
    zero_point: Array | None = None,
    *,
    axis: int | None = None,
) -> Array:
    """``scale * (input - zero_point)``."""
    steps = input.astype(np.float32)
    if zero_point is not None:
        steps = steps - _aligned(zero_point, input, axis).astype(np.float32)
    return steps * _aligned(scale, input, axis)
