"""What goes into a layer, in the float program and in the compressed one."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from edgeconv.compressing.layers import Layer
from edgeconv.quantising.gptq import Weights
from edgeconv.runtimes.coreml_reference.element_types import Array

RIDGE = 1e-2
"""Of the inputs' mean variance: how much it costs to move a weight that no input asks about."""


class InputStatistics:
    """Moments of a layer's inputs x in the float program and y in the compressed one.

    Attributes:
        exact_mean: (groups, inputs) mean of x.
        rounded_mean: (groups, inputs) mean of y.
        metric: (groups, inputs, inputs) covariance of y and a little of all, so that it is
            positive definite: how much an error of the weights counts.
    """

    def __init__(self, layer: Layer, pairs: Iterable[tuple[Array, Array]]) -> None:
        count, sums = 0, [np.float64(0)] * 4
        for exact, rounded in pairs:
            x = layer.inputs(exact)
            y = x if rounded is exact else layer.inputs(rounded)
            count += x.shape[1]
            found = (x.sum(axis=1), y.sum(axis=1), x.swapaxes(1, 2) @ y, y.swapaxes(1, 2) @ y)
            sums = [total + np.float64(one) for total, one in zip(sums, found, strict=True)]
        x_mean, y_mean, across, within = (np.asarray(total) / count for total in sums)
        self.exact_mean, self.rounded_mean = x_mean, y_mean
        self._across = across - x_mean[:, :, None] * y_mean[:, None, :]
        covariance = within - y_mean[:, :, None] * y_mean[:, None, :]
        variance = np.diagonal(covariance, axis1=1, axis2=2).mean(axis=1)
        # what float32 leaves of a channel that is dead or constant
        least = 1e-3 * np.square(y_mean).mean(axis=1) + 1e-9
        self._ridge = (RIDGE * (np.maximum(variance, 0) + least))[:, None, None]
        self.metric: NDArray[np.float64] = covariance + self._ridge * np.eye(covariance.shape[-1])

    def fitted(self, rows: Weights) -> Weights:
        """The weights that make of y what these make of x: ridge regression onto the float layer's
        results (asymmetric reconstruction: Nagel et al. 2020, section 3.3)."""
        wanted = rows @ self._across + self._ridge * rows
        return np.asarray(np.linalg.solve(self.metric, wanted.swapaxes(1, 2)).swapaxes(1, 2))

    def shift(self, rows: Weights, made: Weights) -> NDArray[np.float64]:
        """(outputs,) what the mean of the results loses when ``made`` takes the place of ``rows``
        (bias correction: Nagel et al. 2019, section 4.2)."""
        before = np.einsum("gri,gi->gr", rows, self.exact_mean)
        return np.asarray(before - np.einsum("gri,gi->gr", made, self.rounded_mean)).ravel()
