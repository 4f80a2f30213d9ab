"""Rounds weights to int8 so that what they make of typical inputs changes least.

To round each weight to its nearest integer is best for no input in particular. Here weights are
rounded one after the other, and each takes what error it leaves out on those still free, as far as
their inputs go together (GPTQ: Frantar et al. 2022, after optimal brain surgery; the objective is
AdaRound's: Nagel et al. 2020, equation 7). On depthwise filters, whose inputs are neighbouring
pixels and nearly equal, that keeps the sum of each filter.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LARGEST = 127
"""Of an int8 that is symmetric: -128 is not used."""

FILTER = 64
"""Weights, at most, for which to try a grid costs nothing."""

TRIES_OF_FILTERS, TRIES = 12, 4
"""How many grids are tried. The sum of a filter can be no nearer than its grid lets it be, half a
step off at worst; among many grids one fits."""

BLOCK = 32
"""Inputs whose errors are handed on to all later ones at once."""


def round_weights(weights: NDArray[np.float64], metric: NDArray[np.float64]) -> NDArray[np.float64]:
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
    best: NDArray[np.float64] = np.round(weights / step) * step
    least = _distance(best - weights, metric)
    order, factor = _factorised(weights, metric)
    tries = TRIES_OF_FILTERS if weights.shape[-1] <= FILTER else TRIES
    for beyond in np.arange(tries) / tries:  # how far the largest weight is beyond the grid's end
        step = reach / (LARGEST + beyond)
        integers = _in_sequence(weights, step, order, factor)
        tried = integers * step
        distance = _distance(tried - weights, metric)
        better = (distance < least) & (np.abs(integers).max(axis=-1) == LARGEST)
        best[better], least[better] = tried[better], distance[better]
    return best


def _distance(error: NDArray[np.float64], metric: NDArray[np.float64]) -> NDArray[np.float64]:
    """(groups, rows) mean squares of what the errors make of the inputs."""
    distance: NDArray[np.float64] = np.sum((error @ metric) * error, axis=-1)
    return distance


def _factorised(
    weights: NDArray[np.float64], metric: NDArray[np.float64]
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Orders (groups, inputs), and upper factors of the inverse in that order.

    What matters most comes first, and what may be clipped: others can still make up for it.
    """
    weight = np.diagonal(metric, axis1=-2, axis2=-1) * np.abs(weights).max(axis=1)
    order = np.argsort(-weight, axis=-1, kind="stable")
    rows = np.take_along_axis(metric, order[:, :, None], axis=1)
    inverse = np.linalg.inv(np.take_along_axis(rows, order[:, None, :], axis=2))
    return order, np.linalg.cholesky(inverse).swapaxes(-2, -1)


def _in_sequence(
    weights: NDArray[np.float64],
    step: NDArray[np.float64],
    order: NDArray[np.intp],
    factor: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Integers (groups, rows, inputs) by one pass over the inputs."""
    free = np.take_along_axis(weights, order[:, None, :], axis=2)
    integers = np.empty_like(free)
    left = np.empty_like(free)
    inputs = free.shape[-1]
    for start in range(0, inputs, BLOCK):
        end = min(start + BLOCK, inputs)
        for place in range(start, end):
            current = free[:, :, place, None]
            rounded = np.clip(np.round(current / step), -LARGEST, LARGEST)
            error = (current - rounded * step) / factor[:, None, place, place, None]
            integers[:, :, place, None], left[:, :, place, None] = rounded, error
            free[:, :, place + 1 : end] -= error * factor[:, None, place, place + 1 : end]
        free[:, :, end:] -= left[:, :, start:end] @ factor[:, start:end, end:]
    back = np.argsort(order, axis=-1, kind="stable")
    return np.take_along_axis(integers, back[:, None, :], axis=2)
