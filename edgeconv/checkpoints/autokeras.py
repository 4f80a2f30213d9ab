"""The graph that AutoKeras 1.0 saves for rows of numbers, as LAION's safety heads over CLIP.

Columns that it took for text go through vocabularies, then every column is normalised, then come
dense layers with ReLU and one number under a sigmoid. Each operation is checked on the way: a graph
that computes anything else is not taken for this one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeconv.checkpoints.checkpoint import Declared
from edgeconv.checkpoints.saved_graph import SavedGraph, Unexpected, Value
from edgeconv.checkpoints.tensor_bundle import TensorBundle
from edgeconv.spec import Embedding, Output

_MOST_LAYERS = 100
_PRINTED = re.compile(rb"-?[0-9]+\.[0-9]{6}")

Tensors = dict[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Perceptron:
    """Tensors under the names of :mod:`edgeconv.architectures.embedding_mlp`, and what they are."""

    tensors: Tensors
    declared: Declared


@dataclass(frozen=True)
class _Dense:
    kernel: NDArray[np.float32]
    bias: NDArray[np.float32]


def perceptron(graph: SavedGraph, variables: TensorBundle) -> Perceptron:
    """Read the perceptron out of a graph.

    Raises:
        Unexpected: the graph computes something else.
        CorruptCheckpoint: a variable is missing or damaged.
    """
    (score,) = graph.output.made_by("Sigmoid", 1)
    layers, standardised = _dense_layers(score, variables)
    encoded, mean, deviation = _standardisation(standardised, variables)
    vocabularies = _vocabularies(encoded, graph)
    length = len(encoded.inputs) - 1
    hidden = [layer.bias.size for layer in layers[:-1]]
    shapes = [layer.kernel.shape for layer in layers]
    wanted = list(zip([length, *hidden], [*hidden, 1], strict=True))
    if shapes != wanted or {mean.shape, deviation.shape} != {(length,)}:
        raise Unexpected(f"kernels {shapes} for rows of {length}")
    return Perceptron(
        _tensors(layers, mean, deviation, vocabularies),
        Declared(
            {
                "kind": "embedding_mlp",
                "hidden": hidden,
                "standardise": True,
                "tables": {column: len(keys) for column, keys in vocabularies.items()},
            },
            input=Embedding(length=length),
            output=Output(kind="sigmoid"),
        ),
    )


def _tensors(
    layers: list[_Dense],
    mean: NDArray[np.float32],
    deviation: NDArray[np.float32],
    vocabularies: dict[int, NDArray[np.int64]],
) -> Tensors:
    from edgeconv.architectures.lookup import digits

    tensors = {"encoding/mean": mean, "encoding/deviation": deviation}
    for column, millionths in vocabularies.items():
        high, low = digits(millionths)
        tensors |= {f"encoding/high_{column}": high, f"encoding/low_{column}": low}
    for number, layer in enumerate(layers):
        name = f"dense_{number}" if number < len(layers) - 1 else "scores"
        tensors |= {f"{name}/kernel": layer.kernel, f"{name}/bias": layer.bias}
    return tensors


def _dense_layers(score: Value, variables: TensorBundle) -> tuple[list[_Dense], Value]:
    """The dense layers, first one first, and what goes into them."""
    layers: list[_Dense] = []
    value = score
    for _ in range(_MOST_LAYERS):
        product, bias = value.made_by("BiasAdd", 2)
        value, kernel = product.made_by("MatMul", 2)
        layers.insert(0, _Dense(_weights(kernel, variables), _weights(bias, variables)))
        if value.kind != "Relu":
            return layers, value
        (value,) = value.made_by("Relu", 1)
    raise Unexpected(f"more than {_MOST_LAYERS} dense layers")


def _standardisation(
    value: Value, variables: TensorBundle
) -> tuple[Value, NDArray[np.float32], NDArray[np.float32]]:
    """What is standardised, by which mean and which deviation: ``(x - mean) / max(sqrt(v), e)``."""
    centred, deviation = value.made_by("RealDiv", 2)
    encoded, mean = centred.made_by("Sub", 2)
    root, least = deviation.made_by("Maximum", 2)
    (variance,) = root.made_by("Sqrt", 1)
    smallest = _weights(least, variables)
    if smallest.shape:
        raise Unexpected(f"{least.what} where one number is expected")
    with np.errstate(invalid="ignore"):
        found = np.maximum(np.sqrt(_weights(variance, variables)), smallest)
    return encoded, _weights(mean, variables).ravel(), found.ravel()


def _weights(value: Value, variables: TensorBundle) -> NDArray[np.float32]:
    """A float32 constant, or the value of a variable."""
    if value.kind == "Const":
        found = value.constant()
    else:
        (handle,) = value.made_by("ReadVariableOp", 1)
        if handle.kind != "VarHandleOp":
            raise Unexpected(f"{handle.what} where a variable is expected")
        found = variables.variable(handle.node.attr["shared_name"].s.decode(errors="replace"))
    if found.dtype != np.float32:
        raise Unexpected(f"{value.what} of {found.dtype} where weights are expected")
    return found


def _vocabularies(encoded: Value, graph: SavedGraph) -> dict[int, NDArray[np.int64]]:
    """Column -> the numbers of its vocabulary in order, in millionths."""
    *columns, axis = encoded.inputs
    encoded.made_by("ConcatV2", len(columns) + 1)
    if axis.constant().tolist() not in (1, -1) or not columns:
        raise Unexpected(f"{encoded.what} along another axis than the columns")
    row = _row(graph)
    found = {}
    for number, column in enumerate(columns):
        if column.kind == "SelectV2":
            _check_plain(column, row, number, len(columns))
        else:
            found[number] = _vocabulary(column, row, number, len(columns), graph)
    return found


def _row(graph: SavedGraph) -> Value:
    """The placeholder that the row comes in by."""
    given = graph.input
    if given.kind != "Placeholder":
        raise Unexpected(f"{given.what} where the input is expected")
    return given


def _check_column(value: Value, row: Value, number: int, count: int) -> None:
    """That this is one column of the row: ``split(cast(row), [1] * count)[number]``."""
    from tensorflow.core.framework import types_pb2

    floats, sizes, axis = value.made_by("SplitV", 3)
    if floats.kind == "Cast":
        (floats,) = floats.made_by("Cast", 1, DstT=types_pb2.DT_FLOAT)
    ones = sizes.constant()
    if not floats.same_as(row) or value.port != number:
        raise Unexpected(f"{value.what} where column {number} of the input is expected")
    if ones.tolist() != [1] * count or axis.constant().tolist() not in (1, -1):
        raise Unexpected(f"{value.what} into other parts than single columns")


def _check_plain(value: Value, row: Value, number: int, count: int) -> None:
    """That a column is taken as it is, and NaN as 0."""
    unknown, zero, plain = value.made_by("SelectV2", 3)
    (questioned,) = unknown.made_by("IsNan", 1)
    (shaped,) = zero.made_by("ZerosLike", 1)
    if not plain.same_as(questioned) or not plain.same_as(shaped):
        raise Unexpected(f"{value.what} of different columns")
    _check_column(plain, row, number, count)


def _vocabulary(
    value: Value, row: Value, number: int, count: int, graph: SavedGraph
) -> NDArray[np.int64]:
    """The vocabulary that a column is looked up in, once it is printed."""
    from tensorflow.core.framework import types_pb2

    (position,) = value.made_by("Cast", 1, DstT=types_pb2.DT_FLOAT)
    table, text, unknown = position.made_by("LookupTableFindV2", 3)
    (printed,) = text.made_by("AsString", 1, T=types_pb2.DT_FLOAT)
    _check_column(printed, row, number, count)
    if unknown.constant().tolist() != 0:
        raise Unexpected(f"{position.what} with another position than 0 for unknown text")
    keys, positions = _filling(table, graph)
    if positions.tolist() != list(range(1, len(keys) + 1)):
        raise Unexpected(f"the vocabulary of column {number} is not in order")
    return _millionths(keys, number)


def _filling(table: Value, graph: SavedGraph) -> tuple[list[Any], NDArray[Any]]:
    """Keys and values that a table is filled with when the model is loaded."""
    name = table.node.attr["shared_name"].s
    if table.kind != "HashTableV2" or not name:
        raise Unexpected(f"{table.what} where a table is expected")
    found = [
        (keys, values)
        for fill in graph.initialised_by("LookupTableImportV2")
        for filled, keys, values in [fill.made_by("LookupTableImportV2", 3)]
        if filled.kind == "HashTableV2" and filled.node.attr["shared_name"].s == name
    ]
    if len(found) != 1:
        raise Unexpected(f"{table.what}, which is filled {len(found)} times")
    keys, values = found[0]
    return keys.constant().tolist(), values.constant()


def _millionths(keys: list[Any], column: int) -> NDArray[np.int64]:
    """Printed numbers as whole ones. The two zeros, 0.000000 and -0.000000, would be one."""
    from edgeconv.architectures.lookup import LARGEST

    if not all(isinstance(key, bytes) and _PRINTED.fullmatch(key) for key in keys):
        raise Unexpected(f"the vocabulary of column {column} holds other text than numbers")
    numbers = [int(key.replace(b".", b"")) for key in keys]
    if 0 in numbers or len(set(numbers)) != len(numbers) or max(map(abs, numbers)) > LARGEST:
        raise Unexpected(f"the vocabulary of column {column} holds zero, one number twice, or more")
    return np.array(numbers, np.int64)
