"""``WeightParams`` of ``NeuralNetwork.proto``: float32, float16, and quantised to 1 to 8 bits."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from edgeconv.errors import ArtifactError
from edgeconv.runtimes.coreml_reference.element_types import Array, ElementType
from edgeconv.runtimes.coreml_reference.package import ModelFile
from edgeconv.runtimes.coreml_reference.packing import packed_size, unpack_msb_first
from edgeconv.runtimes.coreml_reference.program import Constant, TensorType


def weights(
    message: Any,
    shape: tuple[int, ...],
    file: ModelFile,
    name: str,
    *,
    channel_axis: int = 0,
    arrange: Callable[[Array], Array] | None = None,
) -> Constant:
    """Weights as a constant, decoded on first use.

    Args:
        message: the ``WeightParams``.
        shape: in which the values are stored.
        file: for errors.
        name: of the layer's parameter, for errors.
        channel_axis: along which scales of a linear quantisation run, where there are several.
        arrange: brings the values to the arrangement that the lowered operation wants.

    Raises:
        ArtifactError: there are not as many values as the shape holds, or they are of a kind that
            is not known.
    """
    count = math.prod(shape)
    quantization = message.quantization
    element = ElementType.FP32
    if message.floatValue:
        _expect(len(message.floatValue), count, "values", file, name)
        precision = "fp32"
        decode = _floats(message, shape)
    elif message.float16Value:
        _expect(len(message.float16Value), 2 * count, "bytes", file, name)
        precision, element = "fp16", ElementType.FP16
        decode = _halves(message, shape)
    elif message.rawValue and 1 <= quantization.numberOfBits <= 8:
        bits = quantization.numberOfBits
        _expect(len(message.rawValue), packed_size(count, bits), "bytes", file, name)
        linear = quantization.WhichOneof("QuantizationType") == "linearQuantization"
        precision = f"linear {bits} bit" if linear else f"palettised {bits} bit"
        decode = _quantised(message, shape, file, name, channel_axis)
    else:
        raise _broken(
            file,
            name,
            "int8RawValue" if message.int8RawValue else "no values",
            "float32, float16, or 1 to 8 bits with scales or a table",
        )
    example = np.empty(shape, np.bool_)
    arranged_shape = (arrange(example) if arrange else example).shape
    return Constant(
        name,
        TensorType(element, arranged_shape),
        precision,
        (lambda: np.ascontiguousarray(arrange(decode()))) if arrange else decode,
    )


def _floats(message: Any, shape: tuple[int, ...]) -> Callable[[], Array]:
    return lambda: np.array(message.floatValue, np.float32).reshape(shape)


def _halves(message: Any, shape: tuple[int, ...]) -> Callable[[], Array]:
    return lambda: np.frombuffer(message.float16Value, np.float16).reshape(shape)


def _quantised(
    message: Any, shape: tuple[int, ...], file: ModelFile, name: str, channel_axis: int
) -> Callable[[], Array]:
    def decode() -> Array:
        quantization = message.quantization
        bits, count = quantization.numberOfBits, math.prod(shape)
        steps = unpack_msb_first(message.rawValue, bits, count).reshape(shape)
        if quantization.WhichOneof("QuantizationType") == "lookupTableQuantization":
            table = np.array(quantization.lookupTableQuantization.floatValue, np.float32)
            if len(table) != 1 << bits:
                raise _broken(file, name, f"a table of {len(table)}", f"{1 << bits} values")
            return table[steps]
        linear = quantization.linearQuantization
        scale, bias = (
            _per_channel(values, shape, channel_axis, file, name)
            for values in (linear.scale, linear.bias)
        )
        # coremltools multiplies in double precision and stores the result as float32
        return (steps * scale + bias).astype(np.float32)

    return decode


def _per_channel(
    values: Any, shape: tuple[int, ...], axis: int, file: ModelFile, name: str
) -> Array:
    parameters = np.array(values, np.float64)
    if len(parameters) == 1:
        return parameters
    if len(parameters) != shape[axis]:
        raise _broken(file, name, f"{len(parameters)} scales", f"1 or {shape[axis]}")
    return parameters.reshape([-1 if at == axis else 1 for at in range(len(shape))])


def _expect(got: int, expected: int, what: str, file: ModelFile, name: str) -> None:
    if got != expected:
        raise _broken(file, name, f"{got} {what}", f"{expected} {what}")


def _broken(file: ModelFile, name: str, got: str, expected: str) -> ArtifactError:
    return ArtifactError(
        f"{file.path}: the weights {name!r} cannot be read", got=got, expected=expected
    )
