"""The element types of Core ML, as files store them and as the executors carry them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class Encoding:
    """How values of one element type are written.

    Attributes:
        mil: ``DataType`` number in ``MIL.proto``.
        blob: ``BlobDataType`` number in ``weight.bin``, where such values can lie there.
        bits: bits a value takes in ``weight.bin``.
        stored: numpy type of the values as stored; types under 8 bits are widened to 8.
        carrier: numpy type in which executors compute with them.
    """

    mil: int
    blob: int | None
    bits: int
    stored: np.dtype[Any]
    carrier: np.dtype[Any]


def _encoding(mil: int, blob: int | None, bits: int, stored: type, carrier: type) -> Encoding:
    return Encoding(mil, blob, bits, np.dtype(stored), np.dtype(carrier))


class ElementType(Enum):
    """An element type, under the name that MIL operations give it in ``dtype`` attributes.

    Floats are carried as float32, so that ``exact`` arithmetic never rounds; integers from 16
    bits on as int32, because that is the one wider integer ONNX Runtime has every kernel for.
    """

    BOOL = "bool"
    STRING = "string"
    FP16 = "fp16"
    FP32 = "fp32"
    FP64 = "fp64"
    INT4 = "int4"
    INT8 = "int8"
    INT16 = "int16"
    INT32 = "int32"
    INT64 = "int64"
    UINT1 = "uint1"
    UINT2 = "uint2"
    UINT3 = "uint3"
    UINT4 = "uint4"
    UINT6 = "uint6"
    UINT8 = "uint8"
    UINT16 = "uint16"
    UINT32 = "uint32"
    UINT64 = "uint64"

    @property
    def encoding(self) -> Encoding:
        """How values of this type are stored and carried."""
        return _ENCODINGS[self]

    @property
    def is_float(self) -> bool:
        """Whether arithmetic on this type rounds."""
        return self in {ElementType.FP16, ElementType.FP32, ElementType.FP64}


_ENCODINGS = {
    ElementType.BOOL: _encoding(1, None, 8, np.bool_, np.bool_),
    ElementType.STRING: _encoding(2, None, 0, np.str_, np.str_),
    ElementType.FP16: _encoding(10, 1, 16, np.float16, np.float32),
    ElementType.FP32: _encoding(11, 2, 32, np.float32, np.float32),
    ElementType.FP64: _encoding(12, None, 64, np.float64, np.float32),
    ElementType.INT4: _encoding(25, 8, 4, np.int8, np.int8),
    ElementType.INT8: _encoding(21, 4, 8, np.int8, np.int8),
    ElementType.INT16: _encoding(22, 6, 16, np.int16, np.int32),
    ElementType.INT32: _encoding(23, 14, 32, np.int32, np.int32),
    ElementType.INT64: _encoding(24, None, 64, np.int64, np.int32),
    ElementType.UINT1: _encoding(37, 9, 1, np.uint8, np.uint8),
    ElementType.UINT2: _encoding(36, 10, 2, np.uint8, np.uint8),
    ElementType.UINT3: _encoding(39, 12, 3, np.uint8, np.uint8),
    ElementType.UINT4: _encoding(35, 11, 4, np.uint8, np.uint8),
    ElementType.UINT6: _encoding(38, 13, 6, np.uint8, np.uint8),
    ElementType.UINT8: _encoding(31, 3, 8, np.uint8, np.uint8),
    ElementType.UINT16: _encoding(32, 7, 16, np.uint16, np.int32),
    ElementType.UINT32: _encoding(33, 15, 32, np.uint32, np.int32),
    ElementType.UINT64: _encoding(34, None, 64, np.uint64, np.int32),
}

BY_MIL_NUMBER = {encoding.mil: element for element, encoding in _ENCODINGS.items()}
