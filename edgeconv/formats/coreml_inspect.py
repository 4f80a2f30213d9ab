"""What precision a Core ML file really has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from math import prod
from pathlib import Path
from typing import Any

from edgeconv.contract import Precision
from edgeconv.formats.coreml_file import load_proto
from edgeconv.formats.coreml_messages import message_module

TRIVIAL = 2
"""Constants with fewer values are scalars and flags, not weights; int32 ones are shapes."""

MOVES_DATA = frozenset(
    {"cast", "classify", "concat", "const", "dequantize", "expand_dims", "gather", "identity",
     "pad", "quantize", "reshape", "slice_by_index", "slice_by_size", "split", "squeeze",
     "stack", "transpose"}
)  # fmt: skip

ACTIVATIONS = frozenset({"leaky_relu", "relu", "relu6", "sigmoid", "tanh"})
"""What a device computes together with the operation before."""


DEPLOYMENT_TARGETS = {
    1: "iOS 11, macOS 10.13",
    2: "iOS 11.2, macOS 10.13.2",
    3: "iOS 12, macOS 10.14",
    4: "iOS 13, macOS 10.15",
    5: "iOS 14, macOS 11",
    6: "iOS 15, macOS 12",
    7: "iOS 16, macOS 13",
    8: "iOS 17, macOS 14",
    9: "iOS 18, macOS 15",
    10: "iOS 26, macOS 26",
}
"""The first systems that take each specification version."""


def read_precision(path: Path, asked: str) -> Precision:
    """Weights by stored type, activation type, and the share of operations left in float.

    Args:
        path: a finished ``.mlmodel`` or ``.mlpackage``.
        asked: the precision that was asked for, kept beside what was found.
    """
    proto = load_proto(path)
    kind = proto.WhichOneof("Type")
    if kind == "mlProgram":
        operations = list(_operations(proto.mlProgram))
        weights = _program_weights(operations)
        activations = _program_activations(operations)
    else:
        weights = _network_weights(getattr(proto, kind))
        # A neural network names no activation types; Core ML computes it in float.
        activations = Counter({"float32": 1})
    total = sum(weights.values()) or 1
    in_float = sum(count for name, count in activations.items() if name.startswith("float"))
    return Precision(
        asked=asked,
        weight_type=max(weights, key=lambda name: weights[name], default="none"),
        activation_type=max(activations, key=lambda name: activations[name], default="none"),
        weights={name: round(count / total, 4) for name, count in sorted(weights.items())},
        float_ops=round(in_float / max(1, sum(activations.values())), 4),
        needs=DEPLOYMENT_TARGETS.get(proto.specificationVersion),
    )


def _operations(program: Any) -> Iterator[Any]:
    for function in program.functions.values():
        yield from function.block_specializations[function.opset].operations


def _type_name(data_type: int) -> str:
    """``FLOAT16`` of MIL.proto's ``DataType`` as ``float16``."""
    return str(message_module("MIL_pb2").DataType.Name(data_type)).lower()


def _size(tensor_type: Any) -> int:
    return prod(dimension.constant.size for dimension in tensor_type.dimensions)


def _program_weights(operations: list[Any]) -> Counter[str]:
    constants = {
        operation.outputs[0].name: operation.attributes["val"]
        for operation in operations
        if operation.type == "const"
    }
    found: Counter[str] = Counter()
    for operation in operations:
        if not operation.type.startswith("constexpr_"):
            continue
        parts = dict(operation.attributes)
        for name, given in operation.inputs.items():
            # From iOS 18 on, what they are made of are constants of their own.
            parts[name] = constants.pop(given.arguments[0].name, None)
        if operation.type == "constexpr_lut_to_dense":
            found[_palette(parts["lut"])] += _size(operation.outputs[0].type.tensorType)
        else:
            _count(filter(None, parts.values()), found)
    _count(constants.values(), found)
    return found


def _count(values: Iterable[Any], found: Counter[str]) -> None:
    for value in values:
        tensor = value.type.tensorType
        name = _type_name(tensor.dataType)
        if _size(tensor) >= TRIVIAL and name not in {"int32", "bool", "string"}:
            found[name] += _size(tensor)


def _palette(table: Any) -> str:
    """``palette4`` for a table of 16 values: until iOS 17 a vector, then (..., 16, 1)."""
    sizes = [dimension.constant.size for dimension in table.type.tensorType.dimensions]
    return f"palette{(sizes[-2] if len(sizes) > 1 else sizes[0]).bit_length() - 1}"


def _program_activations(operations: list[Any]) -> Counter[str]:
    """How many operations give results of each type: of 8 bits where they are rounded at once."""
    readers: dict[str, list[Any]] = {}
    for operation in operations:
        for given in operation.inputs.values():
            for argument in given.arguments:
                readers.setdefault(argument.name, []).append(operation)
    found: Counter[str] = Counter()
    for operation in operations:
        if operation.type not in MOVES_DATA and not operation.type.startswith("constexpr_"):
            found[_result_type(operation, readers)] += 1
    return found


def _result_type(operation: Any, readers: Mapping[str, list[Any]]) -> str:
    (result, *_) = operation.outputs
    after = readers.get(result.name, [])
    while len(after) == 1 and after[0].type in ACTIVATIONS:
        after = readers.get(after[0].outputs[0].name, [])
    if after and all(reader.type == "quantize" for reader in after):
        return _type_name(after[0].outputs[0].type.tensorType.dataType)
    return _type_name(result.type.tensorType.dataType)


def _network_weights(network: Any) -> Counter[str]:
    found: Counter[str] = Counter()
    for layer in network.layers:
        for weight in _weight_params(layer):
            found["float32"] += len(weight.floatValue)
            found["float16"] += len(weight.float16Value) // 2
            if weight.quantization.numberOfBits:
                bits = weight.quantization.numberOfBits
                found[f"uint{bits}"] += len(weight.rawValue) * 8 // bits
    return +found


def _weight_params(message: Any) -> Iterator[Any]:
    """Every ``WeightParams`` below a layer, wherever its kind keeps them."""
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        is_list = not hasattr(value, "ListFields")
        for child in value if is_list else [value]:
            if not hasattr(child, "ListFields"):
                continue
            if field.message_type.name == "WeightParams":
                yield child
            else:
                yield from _weight_params(child)
