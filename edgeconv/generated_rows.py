"""Embeddings drawn as a model's own statistics say its training ones were."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

KNOWN_SHARE = 0.8
"""How many numbers of a column with a vocabulary are taken from it; the rest it does not know."""


@dataclass(frozen=True)
class RowStatistics:
    """What a model tells of its training embeddings.

    ``mean`` and ``deviation`` are (length,); ``vocabularies`` gives, for columns that are looked
    up in a table, all numbers that stand in it.
    """

    mean: NDArray[np.float32]
    deviation: NDArray[np.float32]
    vocabularies: Mapping[int, NDArray[np.float32]] = field(default_factory=dict)


def unknown_statistics(length: int) -> RowStatistics:
    """Those of a model that tells nothing: all directions are alike."""
    return RowStatistics(np.zeros(length, np.float32), np.ones(length, np.float32))


def draw_rows(statistics: RowStatistics, count: int, seed: int, *, unit: bool) -> NDArray[Any]:
    """Embeddings (count, length), float32, each number one of float16 as CLIP's usually are.

    Args:
        statistics: of the model.
        count: how many.
        seed: the same one gives the same rows.
        unit: whether rows have Euclidean norm one, as far as float16 can say.
    """
    generator = np.random.default_rng(seed)
    length = len(statistics.mean)
    rows = statistics.mean + statistics.deviation * generator.standard_normal((count, length))
    looked_up = list(statistics.vocabularies)
    for column, vocabulary in statistics.vocabularies.items():
        known = generator.random(count) < KNOWN_SHARE
        strange = generator.normal(vocabulary.mean(), vocabulary.std(), count)
        rows[:, column] = np.where(known, generator.choice(vocabulary, count), strange)
    if unit:
        others = np.setdiff1d(np.arange(length), looked_up)
        # What is looked up stays as it is: another number would not be found.
        room = 1 - (rows[:, looked_up] ** 2).sum(axis=1)
        rows[:, others] *= np.sqrt(np.maximum(room, 0) / (rows[:, others] ** 2).sum(axis=1))[
            :, None
        ]
    return rows.astype(np.float16).astype(np.float32)
