"""Rounds weights to int8 so that what they make of typical inputs changes least.

To round each weight to its nearest integer is best for no input in particular (AdaRound: Nagel et
al. 2020, equation 7). On depthwise filters, whose inputs are neighbouring pixels and nearly equal,
:mod:`~edgeconv.quantising.gptq` keeps the sum of each filter.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from edgeconv.quantising.gptq import Turns, Weights, mean_squares

LARGEST = 127
"""Of an int8 that is symmetric: -128 is not used."""

FILTER = 64
"""Weights, at most, for which to try a grid costs nothing."""

TRIES_OF_FILTERS, TRIES = 12, 4
"""How many grids are tried. The sum of a filter can be no nearer than its grid lets it be, half a
step off at worst; among many grids one fits."""


def round_weights(weights: Weights, metric: NDArray[np.float64]) -> Weights:
    """The nearest weights, as ``metric`` measures distance, that lie on a grid for each row.

    Every converter finds the same grid again: it takes ``max |w| / 127`` as the step, and here some
    weight of each row is just 127 steps.

    Args:
        weights: (groups, rows, inputs).
        metric: (groups, inputs, inputs), positive definite: mean products of the inputs.

    Returns:
        (groups, rows, inputs) integers times a step for each row.
    """
    reach = np.abs(weights).max(axis=-1, keepdims=True)
    reach[reach == 0] = 1
    step = reach / LARGEST
    best: Weights = np.round(weights / step) * step
    least = _distance(best - weights, metric)
    # What may be clipped comes early too.
    turns = Turns.of(metric, mean_squares(metric) * np.abs(weights).max(axis=1))
    tries = TRIES_OF_FILTERS if weights.shape[-1] <= FILTER else TRIES
    for beyond in np.arange(tries) / tries:  # how far the largest weight is beyond the grid's end
        step = reach / (LARGEST + beyond)
        tried = turns.rounded(weights, partial(nearest_steps, step=step[..., 0]))
        distance = _distance(tried - weights, metric)
        better = (distance < least) & reaches_the_end(tried, step[..., 0])
        best[better], least[better] = tried[better], distance[better]
    return best


def nearest_steps(weights: Weights, step: NDArray[np.float64]) -> Weights:
    """The nearest whole steps, of which int8 holds 127 either way."""
    return np.asarray(np.clip(np.round(weights / step), -LARGEST, LARGEST) * step)


def reaches_the_end(weights: Weights, step: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(groups, rows): whether some weight is 127 steps, so that converters find the step again."""
    return np.asarray(np.abs(weights).max(axis=-1) > (LARGEST - 0.5) * step)


def _distance(error: NDArray[np.float64], metric: NDArray[np.float64]) -> NDArray[np.float64]:
    """(groups, rows) mean squares of what the errors make of the inputs."""
    distance: NDArray[np.float64] = np.sum((error @ metric) * error, axis=-1)
    return distance
