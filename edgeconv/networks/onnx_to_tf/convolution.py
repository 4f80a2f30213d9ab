"""Convolutions of pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from edgeconv.networks.onnx_to_tf.padding import scheme, sides
from edgeconv.networks.onnx_to_tf.registry import operation
from edgeconv.networks.onnx_to_tf.values import CHANNELS_LAST, Untranslatable, Value, constant


@operation("Conv", ignoring={"kernel_shape"})
def convolution(
    x: Value,
    weights: Value,
    bias: Value | None = None,
    *,
    auto_pad: str = "NOTSET",
    dilations: Sequence[int] = (1, 1),
    group: int = 1,
    pads: Sequence[int] | None = None,
    strides: Sequence[int] = (1, 1),
) -> Value:
    import tensorflow as tf

    if x.rank != 4:
        raise Untranslatable(f"it is of {x.rank - 2} dimensions, not two")
    kernel = constant(weights, "kernel")
    channels, size = x.shape[1], x.shape[2:]
    window = [
        (side - 1) * apart + 1 for side, apart in zip(kernel.shape[2:], dilations, strict=True)
    ]
    around = sides(auto_pad, pads, size, window, strides)
    padding = scheme(around, size, window, strides)
    picture = x.arranged(CHANNELS_LAST)
    if padding is None:
        picture, padding = tf.pad(picture, [(0, 0), *around, (0, 0)]), "VALID"
    if group == channels and group > 1:
        made = _depthwise(picture, kernel, channels, strides, padding, dilations)
    else:
        filters = np.ascontiguousarray(kernel.transpose(2, 3, 1, 0))
        made = tf.nn.conv2d(picture, filters, list(strides), padding, dilations=list(dilations))
    if bias is not None:
        made = tf.nn.bias_add(made, constant(bias, "bias"))
    return Value(made, CHANNELS_LAST)


def _depthwise(
    picture: Any,
    kernel: Any,
    channels: int,
    strides: Sequence[int],
    padding: str,
    dilations: Sequence[int],
) -> Any:
    """Each channel by itself: (C * M, 1, h, w) of ONNX is (h, w, C, M) of tensorflow."""
    import tensorflow as tf

    multiplier = kernel.shape[0] // channels
    filters = kernel.reshape(channels, multiplier, *kernel.shape[2:]).transpose(2, 3, 0, 1)
    return tf.nn.depthwise_conv2d(
        picture,
        np.ascontiguousarray(filters),
        [1, *strides, 1],
        padding,
        dilations=list(dilations),
    )
