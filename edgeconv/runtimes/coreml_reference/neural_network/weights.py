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
        ArtifactError: there are no values, or they are of a kind that is not known. Their number
            is checked when they are read.
    """
    count = math.prod(shape)
    if message.floatValue:
        decode, precision, element = _floats(message, shape, file, name), "fp32", ElementType.FP32
    elif message.float16Value:
        decode, precision, element = _halves(message, shape, file, name), "fp16", ElementType.FP16
    elif message.rawValue:
        bits = message.quantization.numberOfBits
        kind = message.quantization.WhichOneof("QuantizationType")
        if not 1 <= bits <= 8 or kind is None:
            raise _broken(file, name, f"{kind or 'no quantisation'} of {bits} bits")
        decode = _quantised(message, shape, file, name, channel_axis)
        linear = kind == "linearQuantization"
        precision = f"linear {bits} bit" if linear else f"palettised {bits} bit"
        element = ElementType.FP32
    else:
        raise _broken(file, name, "int8RawValue" if message.int8RawValue else f"none of {count}")
    example = np.empty(shape, np.bool_)
    arranged_shape = (arrange(example) if arrange else example).shape
    return Constant(
        name,
        TensorType(element, arranged_shape),
        precision,
        (lambda: np.ascontiguousarray(arrange(decode()))) if arrange else decode,
    )


def _floats(
    message: Any, shape: tuple[int, ...], file: ModelFile, name: str
) -> Callable[[], Array]:
    def decode() -> Array:
        values = np.array(message.floatValue, np.float32)
        return _shaped(values, shape, file, name)

    return decode


def _halves(
    message: Any, shape: tuple[int, ...], file: ModelFile, name: str
) -> Callable[[], Array]:
    def decode() -> Array:
        if len(message.float16Value) % 2:
            raise _broken(file, name, f"{len(message.float16Value)} bytes of float16")
        return _shaped(np.frombuffer(message.float16Value, np.float16), shape, file, name)

    return decode


def _quantised(
    message: Any, shape: tuple[int, ...], file: ModelFile, name: str, channel_axis: int
) -> Callable[[], Array]:
    def decode() -> Array:
        quantization = message.quantization
        bits, count = quantization.numberOfBits, math.prod(shape)
        if len(message.rawValue) != packed_size(count, bits):
            raise _broken(
                file,
                name,
                f"{len(message.rawValue)} bytes",
                f"{packed_size(count, bits)} for {count} values of {bits} bits",
            )
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


def _shaped(values: Array, shape: tuple[int, ...], file: ModelFile, name: str) -> Array:
    if values.size != math.prod(shape):
        raise _broken(file, name, f"{values.size} values", f"{math.prod(shape)} for {list(shape)}")
    return values.reshape(shape)


def _broken(file: ModelFile, name: str, got: str, expected: str | None = None) -> ArtifactError:
    return ArtifactError(
        f"{file.path}: the weights {name!r} cannot be read",
        got=got,
        expected=expected or "float32, float16, or 1 to 8 bits with scales or a table",
    )
