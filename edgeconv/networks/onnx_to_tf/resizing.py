"""Resizing of feature maps."""

from __future__ import annotations

import numpy as np

from edgeconv.networks.onnx_to_tf.registry import operation
from edgeconv.networks.onnx_to_tf.values import (
    CHANNELS_LAST,
    Untranslatable,
    Value,
    constant,
    numbers,
)

_KNOWN = {
    ("nearest", "asymmetric", "floor"): "nearest",
    ("linear", "half_pixel", "round_prefer_floor"): "linear",
    ("linear", "pytorch_half_pixel", "round_prefer_floor"): "linear",
}
"""(mode, coordinates, rounding) that tensorflow has, of the ways that ONNX can say."""


@operation("Resize", ignoring={"cubic_coeff_a"})
def resize(
    x: Value,
    _region: Value | None = None,
    scales: Value | None = None,
    sizes: Value | None = None,
    *,
    coordinate_transformation_mode: str = "half_pixel",
    mode: str = "nearest",
    nearest_mode: str = "round_prefer_floor",
) -> Value:
    import tensorflow as tf

    rounding = nearest_mode if mode == "nearest" else "round_prefer_floor"
    how = _KNOWN.get((mode, coordinate_transformation_mode, rounding))
    if how is None or x.rank != 4:
        raise Untranslatable(f"it is {mode}, {coordinate_transformation_mode}, {nearest_mode}")
    if sizes is not None:
        wanted = numbers(sizes, "size")
    else:
        factors = constant(scales, "scale")
        wanted = [int(np.floor(side * f)) for side, f in zip(x.shape, factors, strict=True)]
    if tuple(wanted[:2]) != x.shape[:2]:
        raise Untranslatable("it resizes more than height and width")
    picture = x.arranged(CHANNELS_LAST)
    if how == "nearest":
        made = tf.compat.v1.image.resize_nearest_neighbor(picture, wanted[2:])
    else:
        made = tf.compat.v1.image.resize_bilinear(picture, wanted[2:], half_pixel_centers=True)
    return Value(made, CHANNELS_LAST)
