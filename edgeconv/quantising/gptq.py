"""Moves weights to allowed values one input after the other, each making up for those before it.

GPTQ (Frantar et al. 2022, algorithm 1), after optimal brain surgery: what a weight loses is taken
over by the weights of inputs that go together with its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Weights = NDArray[np.float64]
"""(groups, rows, inputs): a group is a channel of a depthwise convolution, or all of a layer."""

Nearest = Callable[[Weights], Weights]
"""The nearest allowed values to (groups, rows) weights of one input."""

TOGETHER = 32
"""Inputs after which the weights further on are brought up to date: it saves memory traffic."""


@dataclass(frozen=True)
class Turns:
    """The order in which inputs are rounded, and what each hands on to those after it.

    ``order`` is (groups, inputs), ``factor`` (groups, inputs, inputs) the upper factor of the
    inverse of the inputs' mean products in that order.
    """

    order: NDArray[np.intp]
    factor: NDArray[np.float64]

    @classmethod
    def of(cls, metric: NDArray[np.float64], importance: NDArray[np.float64]) -> Turns:
        """What matters most comes first: others can still make up for it.

        Args:
            metric: (groups, inputs, inputs), positive definite: mean products of the inputs.
            importance: (groups, inputs).
        """
        order = np.argsort(-importance, axis=-1, kind="stable")
        rows = np.take_along_axis(metric, order[:, :, None], axis=1)
        inverse = np.linalg.inv(np.take_along_axis(rows, order[:, None, :], axis=2))
        return cls(order, np.linalg.cholesky(inverse).swapaxes(-2, -1))

    def rounded(self, weights: Weights, nearest: Nearest) -> Weights:
        """Allowed values whose products with the inputs are close to those of the weights."""
        factor = self.factor
        free = np.take_along_axis(weights, self.order[:, None, :], axis=2)
        made = np.empty_like(free)
        for start in range(0, free.shape[-1], TOGETHER):
            stop = min(start + TOGETHER, free.shape[-1])
            losses = np.empty((*free.shape[:2], stop - start))
            for at in range(start, stop):
                made[:, :, at] = nearest(free[:, :, at])
                loss = (free[:, :, at] - made[:, :, at]) / factor[:, at, at, None]
                free[:, :, at + 1 : stop] -= loss[:, :, None] * factor[:, None, at, at + 1 : stop]
                losses[:, :, at - start] = loss
            free[:, :, stop:] -= losses @ factor[:, start:stop, stop:]
        back = np.argsort(self.order, axis=-1, kind="stable")
        return np.take_along_axis(made, back[:, None, :], axis=2)


def mean_squares(metric: NDArray[np.float64]) -> NDArray[np.float64]:
    """(groups, inputs) of a matrix of mean products."""
    found: NDArray[np.float64] = np.diagonal(metric, axis1=-2, axis2=-1)
    return found
