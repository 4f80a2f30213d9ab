"""What goes into a layer, in the float network and in the rounded one: means and mean products."""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeconv.quantising.fusing import is_convolution, is_depthwise, same_padding

POSITIONS = 1 << 14
"""Of all pictures together, evenly spread; more change nothing and cost time."""


class InputStatistics:
    """Moments of what a layer's weights are multiplied with.

    A group is a channel of a depthwise convolution; every other layer is one group. Inputs are the
    values under a filter, or of a row.
    """

    def __init__(self, layer: Any, pictures: int) -> None:
        self._layer = layer
        self._stride = _stride(layer, pictures)
        self._count = 0
        self._origins: tuple[Any, Any] | None = None
        self._sums: list[Any] = [0.0, 0.0, 0.0, 0.0]

    def add(self, exact: Any, rounded: Any) -> None:
        """Take in the same pictures twice: (N, height, width, channels), or (N, inputs)."""
        import tensorflow as tf

        x, y = (_inputs(self._layer, given, self._stride) for given in (exact, rounded))
        if self._origins is None:  # near the mean, where float32 loses nothing by squaring
            self._origins = tf.reduce_mean(x, 1, keepdims=True), tf.reduce_mean(y, 1, keepdims=True)
        self._count += x.shape[1]
        x, y = x - self._origins[0], y - self._origins[1]
        moments = (
            tf.reduce_sum(x, axis=1),
            tf.reduce_sum(y, axis=1),
            tf.matmul(x, y, transpose_a=True),
            tf.matmul(y, y, transpose_a=True),
        )
        self._sums = [
            total + np.float64(moment) for total, moment in zip(self._sums, moments, strict=True)
        ]

    @property
    def exact_mean(self) -> NDArray[np.float64]:
        """(groups, inputs) in the float network."""
        return self._mean(0)

    @property
    def rounded_mean(self) -> NDArray[np.float64]:
        """(groups, inputs) in the rounded network."""
        return self._mean(1)

    @property
    def across(self) -> NDArray[np.float64]:
        """(groups, inputs, inputs) covariances of float inputs with rounded ones."""
        return self._covariance(2, 0)

    @property
    def within(self) -> NDArray[np.float64]:
        """(groups, inputs, inputs) covariances of rounded inputs with each other."""
        return self._covariance(3, 1)

    def _mean(self, which: int) -> NDArray[np.float64]:
        assert self._origins is not None
        mean = self._sums[which] / self._count + np.float64(self._origins[which])[:, 0]
        return np.asarray(mean)

    def _covariance(self, products: int, first: int) -> NDArray[np.float64]:
        means = self._sums[first][:, :, None] * self._sums[1][:, None, :] / self._count**2
        return np.asarray(self._sums[products] / self._count - means)


def _stride(layer: Any, pictures: int) -> int:
    """Every how many positions, down and across, one is looked at."""
    if not is_convolution(layer):
        return 1
    _, height, width, _ = layer.output_shape
    return max(1, round(sqrt(pictures * height * width / POSITIONS)))


def _inputs(layer: Any, given: Any, stride: int) -> Any:
    """(groups, positions, inputs) float32."""
    import tensorflow as tf

    if not is_convolution(layer):
        return tf.reshape(given, (1, -1, given.shape[-1]))
    if layer.padding == "same":
        vertical, horizontal = same_padding(layer, *given.shape[1:3])
        given = tf.pad(given, ((0, 0), vertical, horizontal, (0, 0)))
    down, across = layer.strides
    start = stride // 2
    patches = tf.image.extract_patches(
        given[:, start * down :, start * across :],
        sizes=(1, *layer.kernel_size, 1),
        strides=(1, down * stride, across * stride, 1),
        rates=(1, *layer.dilation_rate, 1),
        padding="VALID",
    )
    if not is_depthwise(layer):
        return tf.reshape(patches, (1, -1, patches.shape[-1]))
    channels = given.shape[-1]
    return tf.transpose(tf.reshape(patches, (-1, np.prod(layer.kernel_size), channels)), (2, 0, 1))
