"""Types and constants of ``MIL.proto``: ``ValueType`` and ``Value``."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from edgeconv.errors import ArtifactError
from edgeconv.runtimes.coreml_reference.element_types import BY_MIL_NUMBER, Array, ElementType
from edgeconv.runtimes.coreml_reference.package import ModelFile
from edgeconv.runtimes.coreml_reference.packing import packed_size, unpack
from edgeconv.runtimes.coreml_reference.program import Constant, Shape, TensorType

_FIELDS = {
    ElementType.BOOL: "bools",
    ElementType.STRING: "strings",
    ElementType.FP32: "floats",
    ElementType.FP64: "doubles",
    ElementType.INT16: "ints",
    ElementType.UINT16: "ints",
    ElementType.INT32: "ints",
    ElementType.INT64: "longInts",
    ElementType.UINT64: "longInts",
}
"""Which field of ``TensorValue`` holds immediate values; types not listed lie in ``bytes``."""


def tensor_type(message: Any, file: ModelFile, name: str) -> TensorType:
    """The type that a ``ValueType`` message declares.

    Raises:
        ArtifactError: it is no tensor, or of an element type or rank that is not known.
    """
    if message.WhichOneof("type") != "tensorType":
        raise ArtifactError(
            f"{file.path}: {name!r} is not a tensor",
            got=message.WhichOneof("type") or "no type",
            expected="tensorType",
        )
    tensor = message.tensorType
    element = BY_MIL_NUMBER.get(tensor.dataType)
    if element is None:
        raise ArtifactError(
            f"{file.path}: {name!r} has an element type that is not known",
            got=f"DataType {tensor.dataType}",
            expected=[known.value for known in ElementType],
        )
    shape: Shape = tuple(
        dimension.constant.size if dimension.WhichOneof("dimension") == "constant" else None
        for dimension in tensor.dimensions
    )
    if tensor.rank != len(shape):
        raise ArtifactError(
            f"{file.path}: {name!r} declares a rank that is not that of its shape",
            got=f"rank {tensor.rank} with {len(shape)} dimensions",
        )
    return TensorType(element, shape)


def constant(message: Any, file: ModelFile, name: str) -> Constant:
    """The constant that a ``Value`` message holds; its data are read on first use.

    Raises:
        ArtifactError: the type is not known. Data are checked when they are read.
    """
    if message.type.WhichOneof("type") == "listType":
        return _list_constant(message, file, name)
    declared = tensor_type(message.type, file, name)
    shape = tuple(size for size in declared.shape if size is not None)
    if len(shape) != len(declared.shape):
        raise ArtifactError(
            f"{file.path}: the constant {name!r} has an open shape", got=str(declared)
        )
    kind = message.WhichOneof("value")
    if kind == "blobFileValue":
        blob = message.blobFileValue

        def read() -> Array:
            return file.weights(blob.fileName).read(blob.offset, declared.element, shape, name)

        return Constant(name, declared, declared.element.value, read)
    if kind != "immediateValue" or message.immediateValue.WhichOneof("value") != "tensor":
        raise ArtifactError(
            f"{file.path}: the constant {name!r} has no value that can be read",
            got=kind or "nothing",
            expected="a tensor, here or in the weight file",
        )
    tensor = message.immediateValue.tensor
    return Constant(
        name,
        declared,
        declared.element.value,
        lambda: _immediate(tensor, declared.element, shape, file, name),
    )


def _immediate(
    tensor: Any, element: ElementType, shape: tuple[int, ...], file: ModelFile, name: str
) -> Array:
    wanted_field = _FIELDS.get(element, "bytes")
    found_field = tensor.WhichOneof("value")
    if found_field != wanted_field:
        raise ArtifactError(
            f"{file.path}: the constant {name!r} keeps its values in the wrong field",
            got=found_field or "none",
            expected=f"{wanted_field} for {element.value}",
        )
    encoding = element.encoding
    count = math.prod(shape)
    values = getattr(tensor, wanted_field).values
    wanted = packed_size(count, encoding.bits) if wanted_field == "bytes" else count
    if len(values) != wanted:
        raise ArtifactError(
            f"{file.path}: the constant {name!r} has not as many values as it declares",
            got=f"{len(values)}",
            expected=f"{wanted} for {element.value}{list(shape)}",
        )
    if wanted_field != "bytes":
        try:
            return np.array(values, encoding.stored).reshape(shape)
        except OverflowError as error:
            raise ArtifactError(
                f"{file.path}: the constant {name!r} does not fit its type", got=str(error)
            ) from error
    if encoding.bits < 8:
        signed = encoding.stored.kind == "i"
        return unpack(values, encoding.bits, count, signed=signed).reshape(shape)
    return np.frombuffer(values, encoding.stored).reshape(shape)


def _list_constant(message: Any, file: ModelFile, name: str) -> Constant:
    """A list of scalars, for instance the labels that ``classify`` takes, as a vector."""
    items = [
        constant(item, file, f"{name}[{number}]")
        for number, item in enumerate(message.immediateValue.list.values)
    ]
    elements = {item.type.element for item in items}
    if len(elements) != 1 or any(item.type.shape for item in items):
        raise ArtifactError(
            f"{file.path}: the list {name!r} does not hold scalars of one type",
            got=sorted(str(item.type) for item in items)[:5],
        )
    declared = TensorType(elements.pop(), (len(items),))
    return Constant(
        name,
        declared,
        declared.element.value,
        lambda: np.array([item.stored[()] for item in items]),
    )
