"""What a TFLite file really is, read from the finished flatbuffer: never what was asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from math import prod
from typing import TYPE_CHECKING

from edgeconv.contract import Precision
from edgeconv.errors import ArtifactError
from edgeconv.formats.tflite_flatbuffer import unpack

if TYPE_CHECKING:
    from ai_edge_litert.schema_py_generated import ModelT, OperatorT, SubGraphT, TensorT

FLOATS = frozenset({"float16", "bfloat16", "float32", "float64"})

LARGEST_TRIVIAL_CONSTANT = 4
"""Values: a mean or a scale, at most one a channel of the picture, is no weight."""

MOVES_DATA = frozenset(
    {
        "BATCH_TO_SPACE_ND",
        "BITCAST",
        "BROADCAST_ARGS",
        "BROADCAST_TO",
        "CAST",
        "CONCATENATION",
        "DENSIFY",
        "DEPTH_TO_SPACE",
        "DEQUANTIZE",
        "EXPAND_DIMS",
        "FILL",
        "GATHER",
        "GATHER_ND",
        "MIRROR_PAD",
        "PACK",
        "PAD",
        "PADV2",
        "QUANTIZE",
        "RANK",
        "RESHAPE",
        "REVERSE_V2",
        "SHAPE",
        "SLICE",
        "SPACE_TO_BATCH_ND",
        "SPACE_TO_DEPTH",
        "SPLIT",
        "SPLIT_V",
        "SQUEEZE",
        "STRIDED_SLICE",
        "TILE",
        "TRANSPOSE",
        "UNPACK",
        "ZEROS_LIKE",
    }
)
"""Operators that only move values, or change how they are written down. All others compute."""

MULTIPLIES = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV"})
"""Operators that multiply by weights, their second input."""


@dataclass(frozen=True)
class Quantisation:
    """An integer ``q`` stands for ``(q - zero_point) * scale``."""

    scale: float
    zero_point: int


@dataclass(frozen=True)
class IoQuantisation:
    """How input and output are quantised; None where they are float."""

    input: Quantisation | None
    output: Quantisation | None


def read_precision(model: bytes, *, asked: str) -> Precision:
    """What the file holds.

    - Weights are constants of a float type, and integers with a scale (an int32 bias is one);
      shapes and axes are not. Weights stored as float16 are float16, though a DEQUANTIZE hands
      them on as float32.
    - The activation type is the one in which most values flow out of computing operators.
    - An operator computes in float when its result is float. The hybrid operators of a dynamic
      range file are such: they multiply int8 weights, by activations that they round on the fly,
      but every value that flows between operators is float. Such a file is known by its int8
      ``weight_type`` beside a float32 ``activation_type``; its products count as integer.

    Raises:
        ArtifactError: this is no TFLite model, or it holds no weights or computes nothing.
    """
    unpacked = unpack(model)
    weights = Counter[str]()
    for tensor in _weights(unpacked):
        weights[dtype_of(tensor)] += _values(tensor)
    results = [_results(graph, operator) for graph, operator in _computing(unpacked)]
    if not weights or not results:
        raise ArtifactError(
            "a TFLite model that classifies nothing",
            got=f"{weights.total()} weights, {len(results)} operators that compute",
        )
    activations = Counter[str]()
    for tensor in (tensor for tensors in results for tensor in tensors):
        activations[dtype_of(tensor)] += _values(tensor)
    in_float = sum(any(dtype_of(tensor) in FLOATS for tensor in tensors) for tensors in results)
    return Precision(
        asked=asked,
        weight_type=_dominant(weights),
        activation_type=_dominant(activations),
        weights={kind: round(weights[kind] / weights.total(), 4) for kind in sorted(weights)},
        float_ops=round(in_float / len(results), 4),
        float_products=round(_float_products(unpacked), 4),
    )


def io_quantisation(model: bytes) -> IoQuantisation:
    """How the first input and the first output of a file are quantised.

    Raises:
        ArtifactError: this is no TFLite model.
    """
    graph = unpack(model).subgraphs[0]
    return IoQuantisation(
        input=quantisation_of(graph.tensors[graph.inputs[0]]),
        output=quantisation_of(graph.tensors[graph.outputs[0]]),
    )


def score_step(model: bytes) -> float | None:
    """The smallest difference that the first output can express; None where it is float throughout.

    A float output that comes straight out of a DEQUANTIZE is as coarse as the integers before it.

    Raises:
        ArtifactError: this is no TFLite model.
    """
    unpacked = unpack(model)
    graph = unpacked.subgraphs[0]
    output = graph.outputs[0]
    for operator in graph.operators:
        if output in operator.outputs and _operator_name(unpacked, operator) == "DEQUANTIZE":
            output = operator.inputs[0]
    quantised = quantisation_of(graph.tensors[output])
    return quantised.scale if quantised else None


def quantisation_of(tensor: TensorT) -> Quantisation | None:
    """How a tensor is quantised; None where it is float."""
    if not _is_quantised(tensor):
        return None
    return Quantisation(float(tensor.quantization.scale[0]), int(tensor.quantization.zeroPoint[0]))


def _is_quantised(tensor: TensorT) -> bool:
    return (
        dtype_of(tensor) not in FLOATS
        and tensor.quantization is not None
        and tensor.quantization.scale is not None
    )


def _weights(model: ModelT) -> Iterator[TensorT]:
    """Constants that are weights, each buffer once."""
    seen: set[int] = set()
    for graph in model.subgraphs:
        for tensor in graph.tensors:
            if (
                model.buffers[tensor.buffer].data is not None
                and tensor.buffer not in seen
                and (dtype_of(tensor) in FLOATS or _is_quantised(tensor))
                and _values(tensor) > LARGEST_TRIVIAL_CONSTANT
            ):
                seen.add(tensor.buffer)
                yield tensor


def _computing(model: ModelT) -> Iterator[tuple[SubGraphT, OperatorT]]:
    for graph in model.subgraphs:
        for operator in graph.operators:
            if _operator_name(model, operator) not in MOVES_DATA:
                yield graph, operator


def _float_products(model: ModelT) -> float:
    """The share of weights that are multiplied in float: stored so, or handed on so."""
    multiplied = Counter[bool]()
    for graph, operator in _computing(model):
        if _operator_name(model, operator) in MULTIPLIES:
            weights = graph.tensors[operator.inputs[1]]
            multiplied[dtype_of(weights) in FLOATS] += _values(weights)
    return multiplied[True] / multiplied.total() if multiplied else 1.0


def _operator_name(model: ModelT, operator: OperatorT) -> str | None:
    code = model.operatorCodes[operator.opcodeIndex]
    # Codes above 127 stand in the newer of the two fields, and 127 in the older.
    return _operator_names().get(max(code.builtinCode, code.deprecatedBuiltinCode))


def _results(graph: SubGraphT, operator: OperatorT) -> list[TensorT]:
    return [graph.tensors[index] for index in operator.outputs]


def _values(tensor: TensorT) -> int:
    return prod(map(int, tensor.shape)) if tensor.shape is not None else 1


def _dominant(counts: Counter[str]) -> str:
    return min(counts, key=lambda kind: (-counts[kind], kind))


def dtype_of(tensor: TensorT) -> str:
    """The element type of a tensor, as numpy names it."""
    return _type_names()[tensor.type]


@cache
def _type_names() -> dict[int, str]:
    from ai_edge_litert.schema_py_generated import TensorType

    return {number: name.lower() for name, number in vars(TensorType).items() if name.isupper()}


@cache
def _operator_names() -> dict[int, str]:
    from ai_edge_litert.schema_py_generated import BuiltinOperator

    return {number: name for name, number in vars(BuiltinOperator).items() if name.isupper()}
