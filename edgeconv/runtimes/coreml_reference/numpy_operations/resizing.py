"""Resizing of the last two axes, or of those named (``image_resizing.py``)."""

# numpy gives Any for arithmetic on arrays of any element type
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import numpy as np

from edgeconv.runtimes.coreml_reference.element_types import Array
from edgeconv.runtimes.coreml_reference.numpy_operations.operations import operation
from edgeconv.runtimes.coreml_reference.registry import UnknownValue

SAMPLING_MODES = (
    "STRICT_ALIGN_CORNERS",
    "ALIGN_CORNERS",
    "DEFAULT",
    "OFFSET_CORNERS",
    "UNALIGN_CORNERS",
)


def _grid(size: int, target: int, sampling_mode: str) -> Array:
    """Where each of ``target`` samples lies among ``size`` values, clamped to them."""
    steps = np.arange(target, dtype=np.float64)
    if sampling_mode == "ALIGN_CORNERS" and target == 1:
        points = np.array([(size - 1) / 2])
    elif sampling_mode in {"STRICT_ALIGN_CORNERS", "ALIGN_CORNERS"}:
        points = steps * ((size - 1) / max(target - 1, 1))
    elif sampling_mode == "DEFAULT":
        points = steps * (size / target)
    elif sampling_mode == "OFFSET_CORNERS":
        delta = max(1, size - 1) / target
        points = (steps + 0.5) * delta
    elif sampling_mode == "UNALIGN_CORNERS":
        points = (steps + 0.5) * (size / target) - 0.5
    else:
        raise UnknownValue("sampling_mode", sampling_mode, *SAMPLING_MODES)
    return np.clip(points, 0, size - 1)


def _linear(x: Array, axis: int, target: int, sampling_mode: str) -> Array:
    points = _grid(x.shape[axis], target, sampling_mode)
    low = np.floor(points).astype(np.int64)
    high = np.minimum(low + 1, x.shape[axis] - 1)
    share = np.expand_dims(
        (points - low).astype(np.float32), [at for at in range(x.ndim) if at != axis % x.ndim]
    )
    return x.take(low, axis) * (1 - share) + x.take(high, axis) * share


def _nearest(x: Array, axis: int, target: int) -> Array:
    """The value under ``floor(i * size / target)``."""
    size = x.shape[axis]
    return x.take(np.arange(target) * size // target, axis)


@operation("resize_bilinear")
def resize_bilinear(
    x: Array,
    *,
    target_size_height: int = 1,
    target_size_width: int = 1,
    sampling_mode: str = "DEFAULT",
) -> Array:
    """Linear in both axes; where the samples lie is what ``sampling_mode`` says."""
    rows = _linear(x, -2, target_size_height, sampling_mode)
    return _linear(rows, -1, target_size_width, sampling_mode)


@operation("upsample_bilinear")
def upsample_bilinear(
    x: Array,
    *,
    scale_factor_height: float = 1,
    scale_factor_width: float = 1,
    align_corners: bool = True,
    half_pixel_centers: bool | None = None,
) -> Array:
    """Linear in both axes; without aligned corners, centres of pixels meet or, where
    ``half_pixel_centers`` is false, their first corners."""
    if align_corners:
        mode = "STRICT_ALIGN_CORNERS"
    else:
        mode = "DEFAULT" if half_pixel_centers is False else "UNALIGN_CORNERS"
    height, width = x.shape[-2:]
    return resize_bilinear(
        x,
        target_size_height=int(height * scale_factor_height),
        target_size_width=int(width * scale_factor_width),
        sampling_mode=mode,
    )


@operation("resize_nearest_neighbor")
def resize_nearest_neighbor(x: Array, *, target_size_height: int, target_size_width: int) -> Array:
    """The nearest value before each sample."""
    return _nearest(_nearest(x, -2, target_size_height), -1, target_size_width)


@operation("upsample_nearest_neighbor")
def upsample_nearest_neighbor(
    x: Array, *, scale_factor_height: float = 1, scale_factor_width: float = 1
) -> Array:
    """Values repeated."""
    height, width = x.shape[-2:]
    return resize_nearest_neighbor(
        x,
        target_size_height=int(height * scale_factor_height),
        target_size_width=int(width * scale_factor_width),
    )


@operation("resize")
def resize(
    x: Array,
    *,
    shape: tuple[int, ...],
    resized_dims: int,
    interpolation_mode: str = "LINEAR",
    sampling_mode: str = "DEFAULT",
) -> Array:
    """The last ``resized_dims`` axes to the sizes at the end of ``shape``; a 0 keeps the size."""
    y = x
    for axis in range(-resized_dims, 0):
        target = int(shape[axis]) or x.shape[axis]
        if interpolation_mode == "LINEAR":
            y = _linear(y, axis, target, sampling_mode)
        elif interpolation_mode != "NEAREST_NEIGHBOR":
            raise UnknownValue(
                "interpolation_mode", interpolation_mode, "LINEAR", "NEAREST_NEIGHBOR"
            )
        elif sampling_mode != "DEFAULT":
            raise UnknownValue("sampling_mode of NEAREST_NEIGHBOR", sampling_mode, "DEFAULT")
        else:
            y = _nearest(y, axis, target)
    return y
