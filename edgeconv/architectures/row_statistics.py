"""What a perceptron over embeddings tells of the embeddings it was trained on."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeconv.architectures.lookup import BASE, LARGEST, LAYER
from edgeconv.generated_rows import RowStatistics, unknown_statistics

MILLION = 1e6


def row_statistics(model: Any, length: int) -> RowStatistics:
    """Mean, deviation and vocabularies, as they stand in the layer that encodes rows.

    Args:
        model: a ``tf_keras.Model`` as :mod:`edgeconv.architectures.embedding_mlp` builds it.
        length: of an embedding.
    """
    weights = {
        weight.name.removesuffix(":0").rpartition("/")[2]: weight.numpy()
        for layer in model.layers
        if layer.name == LAYER
        for weight in layer.weights
    }
    if not weights:
        return unknown_statistics(length)
    columns = [int(name.removeprefix("high_")) for name in weights if name.startswith("high_")]
    vocabularies = {
        column: _vocabulary(weights[f"high_{column}"], weights[f"low_{column}"])
        for column in columns
    }
    return RowStatistics(weights["mean"], weights["deviation"], vocabularies)


def _vocabulary(high: NDArray[Any], low: NDArray[Any]) -> NDArray[np.float32]:
    """The numbers of a table, without the entries to spare that training has left."""
    numbers: NDArray[np.float64] = high.astype(np.float64) * BASE + low
    found: NDArray[np.float64] = numbers[numbers < LARGEST] / MILLION
    return found.astype(np.float32)
