"""Pooling of pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeconv.networks.onnx_to_tf.padding import Sides, scheme, sides
from edgeconv.networks.onnx_to_tf.registry import operation
from edgeconv.networks.onnx_to_tf.values import CHANNELS_LAST, Untranslatable, Value


@operation("MaxPool", ignoring={"storage_order"})
def max_pool(
    x: Value,
    *,
    auto_pad: str = "NOTSET",
    ceil_mode: int = 0,
    dilations: Sequence[int] = (1, 1),
    kernel_shape: Sequence[int],
    pads: Sequence[int] | None = None,
    strides: Sequence[int] = (1, 1),
) -> Value:
    import tensorflow as tf

    if set(dilations) != {1}:
        raise Untranslatable(f"it is dilated by {list(dilations)}")
    size = x.shape[2:]
    around = sides(auto_pad, pads, size, kernel_shape, strides, ceil_mode=bool(ceil_mode))
    padding = scheme(around, size, kernel_shape, strides)
    picture = x.arranged(CHANNELS_LAST)
    if padding is None:
        picture, padding = _padded_for_max(picture, around, kernel_shape), "VALID"
    return Value(
        tf.nn.max_pool2d(picture, list(kernel_shape), list(strides), padding), CHANNELS_LAST
    )


def _padded_for_max(picture: Any, around: Sides, window: Sequence[int]) -> Any:
    """A border that never is the largest of a window.

    Mirrored pixels stand in the window themselves where the border is narrower than half of it, so
    they change no maximum. A border of the lowest number would do too, but it would become the
    range that integer files are calibrated to.
    """
    import tensorflow as tf

    mirrored = all(2 * max(pads) < side for pads, side in zip(around, window, strict=True))
    wide = all(max(pads) < side for pads, side in zip(around, picture.shape[1:3], strict=True))
    paddings = [(0, 0), *around, (0, 0)]
    if mirrored and wide:
        return tf.pad(picture, paddings, mode="REFLECT")
    return tf.pad(picture, paddings, constant_values=np.finfo(np.float32).min)


@operation("AveragePool")
def average_pool(
    x: Value,
    *,
    auto_pad: str = "NOTSET",
    ceil_mode: int = 0,
    count_include_pad: int = 0,
    dilations: Sequence[int] = (1, 1),
    kernel_shape: Sequence[int],
    pads: Sequence[int] | None = None,
    strides: Sequence[int] = (1, 1),
) -> Value:
    import tensorflow as tf

    if set(dilations) != {1}:
        raise Untranslatable(f"it is dilated by {list(dilations)}")
    size = x.shape[2:]
    stated = sides(auto_pad, pads, size, kernel_shape, strides)
    around = sides(auto_pad, pads, size, kernel_shape, strides, ceil_mode=bool(ceil_mode))
    picture = x.arranged(CHANNELS_LAST)
    padding = scheme(around, size, kernel_shape, strides)
    if padding is None or (padding == "SAME" and count_include_pad):
        picture = tf.pad(picture, [(0, 0), *around, (0, 0)])
        pooled = tf.nn.avg_pool2d(picture, list(kernel_shape), list(strides), "VALID")
        counted = stated if count_include_pad else ((0, 0), (0, 0))
        shares = _shares(size, around, counted, kernel_shape, strides)
        return Value(pooled if (shares == 1).all() else pooled * shares, CHANNELS_LAST)
    pooled = tf.nn.avg_pool2d(picture, list(kernel_shape), list(strides), padding)
    return Value(pooled, CHANNELS_LAST)


def _shares(
    size: Sequence[int],
    around: Sides,
    counted: Sides,
    window: Sequence[int],
    strides: Sequence[int],
) -> Any:
    """By what an average over whole windows is multiplied to be one over what counts in them.

    Returns:
        float32 (1, rows, columns, 1).
    """
    along: list[NDArray[np.float32]] = []
    for side, pads, counts, length, stride in zip(
        size, around, counted, window, strides, strict=True
    ):
        places = np.zeros(side + sum(pads), np.float32)
        places[pads[0] - counts[0] : pads[0] + side + counts[1]] = 1
        starts = range(0, len(places) - length + 1, stride)
        counts_in = [max(1, places[start : start + length].sum()) for start in starts]
        along.append(np.float32(length) / np.array(counts_in, np.float32))
    rows, columns = along
    return (rows[:, None] * columns)[None, :, :, None]


@operation("GlobalAveragePool")
def global_average_pool(x: Value) -> Value:
    import tensorflow as tf

    places = sorted(x.position(axis) for axis in range(2, x.rank))
    return x.like(tf.reduce_mean(x.tensor, places, keepdims=True))


@operation("GlobalMaxPool")
def global_max_pool(x: Value) -> Value:
    import tensorflow as tf

    places = sorted(x.position(axis) for axis in range(2, x.rank))
    return x.like(tf.reduce_max(x.tensor, places, keepdims=True))
