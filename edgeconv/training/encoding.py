"""What a head over embeddings takes from its training rows before it learns: see ``lookup``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeconv.architectures.lookup import LARGEST, LAYER, digits
from edgeconv.datasets.splits import Split

CHUNK = 4096
SMALLEST_DEVIATION = 1e-7
"""As Keras' ``Normalization``: a column that never varies is not divided by zero."""

MILLION = 1e6


def fit_encoding(model: Any, train: Split) -> None:
    """Set tables, means and deviations of a model from its training rows; without any, nothing.

    A table gets the most frequent numbers of its column, the most frequent first, as AutoKeras
    fills it; entries to spare get a number that no row of norm one holds.

    Args:
        model: a ``tf_keras.Model`` over embeddings.
        train: its rows; unreadable ones are left out.
    """
    layer = next((layer for layer in model.layers if layer.name == LAYER), None)
    if layer is None:
        return
    weights = {one.name.removesuffix(":0").rpartition("/")[2]: one for one in layer.weights}
    for name, weight in weights.items():
        if name.startswith("high_"):
            column = int(name.removeprefix("high_"))
            high, low = _table(train, column, weight.shape[0])
            weight.assign(high.astype(np.int32))
            weights[f"low_{column}"].assign(low.astype(np.int32))
    weights["mean"].assign(np.zeros(weights["mean"].shape))
    weights["deviation"].assign(np.ones(weights["deviation"].shape))
    count, total, squares = 0, 0.0, 0.0
    for rows in _chunks(train):
        encoded = np.asarray(layer(rows), np.float64)
        count += len(encoded)
        total = total + encoded.sum(axis=0)
        squares = squares + (encoded**2).sum(axis=0)
    mean = total / count
    weights["mean"].assign(mean)
    variance = np.maximum(squares / count - mean**2, 0)
    weights["deviation"].assign(np.maximum(np.sqrt(variance), SMALLEST_DEVIATION))


def _table(
    train: Split, column: int, entries: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    seen: Counter[int] = Counter()
    for rows in _chunks(train):
        seen.update(np.rint(rows[:, column].astype(np.float64) * MILLION).astype(int).tolist())
    found = np.full(entries, LARGEST)
    kept = [number for number, _ in seen.most_common(entries)]
    found[: len(kept)] = kept
    return digits(found)


def _chunks(train: Split) -> Iterator[NDArray[np.float32]]:
    for start in range(0, len(train.labels), CHUNK):
        read = (
            train.inputs(index, epoch=0)
            for index in range(start, min(start + CHUNK, len(train.labels)))
        )
        rows = [row for row in read if row is not None]
        if rows:
            yield np.stack(rows)
