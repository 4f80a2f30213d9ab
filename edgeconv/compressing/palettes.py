"""Palettes: the few values that all weights of a tensor are chosen from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgeconv.quantising.gptq import Weights

Floats = NDArray[np.float64]

GROWTH = 5
"""Of so many entries, the one that leaves the largest error is split in each step."""

ROUNDS = 8
LAST_ROUNDS = 60


def learn_palette(values: Floats, importance: Floats, count: int) -> Floats:
    """At most ``count`` float16 values, ascending: weighted one-dimensional k-means.

    The palette grows from one entry: those whose values leave the largest error are split, and
    Lloyd's rounds follow (Linde, Buzo and Gray, 1980).

    Args:
        values: of any shape.
        importance: of the same shape, positive: how much the square of an error counts.
        count: of palette entries.
    """
    sums = _Sums(values.ravel(), importance.ravel())
    palette = sums.means(np.array([0, values.size]))
    while len(palette) < count:
        more = min(max(1, len(palette) // GROWTH), count - len(palette))
        split = sums.split(palette, more)
        if len(split) == len(palette):
            break
        palette = sums.settled(split, ROUNDS if len(split) < count else LAST_ROUNDS)
    return np.unique(palette.astype(np.float16)).astype(np.float64)


def nearest_in(palette: Floats, weights: Weights) -> Weights:
    """Each weight's nearest palette entry."""
    return palette[np.searchsorted(_borders(palette), weights)]


def _borders(palette: Floats) -> Floats:
    return (palette[1:] + palette[:-1]) / 2


class _Sums:
    """Ascending values with running sums: what any stretch of them weighs, in no time.

    A cluster is a stretch between two of ``edges``, which are places among the values.
    """

    def __init__(self, values: Floats, importance: Floats) -> None:
        order = np.argsort(values, kind="stable")
        self._values = values[order]
        powers = importance[order] * self._values ** np.arange(3)[:, None]
        self._running = np.concatenate([np.zeros((3, 1)), np.cumsum(powers, axis=1)], axis=1)

    def edges(self, palette: Floats) -> NDArray[np.intp]:
        """Where the values that are nearest to each entry begin and end."""
        inner = np.searchsorted(self._values, _borders(palette))
        return np.concatenate([[0], inner, [self._values.size]])

    def means(self, edges: NDArray[np.intp]) -> Floats:
        """Of each cluster that is not empty."""
        mass, moment, _ = np.diff(self._running[:, edges])
        return np.asarray(moment[mass > 0] / mass[mass > 0])

    def settled(self, palette: Floats, rounds: int) -> Floats:
        """The palette after Lloyd's rounds."""
        for _ in range(rounds):
            means = self.means(self.edges(palette))
            if np.array_equal(means, palette):
                break
            palette = means
        return palette

    def split(self, palette: Floats, more: int) -> Floats:
        """The palette with its ``more`` worst entries cut in two, where they can be."""
        edges = self.edges(palette)
        mass, moment, square = np.diff(self._running[:, edges])
        filled = mass > 0
        error = np.zeros(len(palette))
        error[filled] = square[filled] - moment[filled] ** 2 / mass[filled]
        apart = (
            self._values[np.maximum(edges[1:] - 1, 0)]
            > self._values[np.minimum(edges[:-1], self._values.size - 1)]
        )
        worst = [at for at in np.argsort(-error)[:more] if filled[at] and apart[at]]
        middles = [
            np.clip(np.searchsorted(self._values, palette[at]), edges[at] + 1, edges[at + 1] - 1)
            for at in worst
        ]
        return self.means(np.unique(np.concatenate([edges, np.array(middles, np.intp)])))
