"""Bringing an RGB picture to a model's size: stretch, centre crop or pad, antialiased or not.

With ``antialias`` a filter widens when it shrinks a picture; that is Pillow's own ``resize``.
Without, it interpolates between neighbouring pixels only, at half-pixel centres, as most runtimes
do by default. On photographs the two differ by more than any conversion does.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edgeconv.spec import Preprocessing, Resize

Box = tuple[float, float, float, float]
"""Left, top, right and bottom, in pixels of the source."""

Weigh = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""What a neighbour counts for, by its distance in pixels."""

_FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


def resize(image: Image.Image, preprocessing: Preprocessing) -> NDArray[np.uint8]:
    """Bring an RGB picture to the model's size.

    ``stretch`` ignores the proportions. ``center_crop`` brings the shorter side to the size's and
    keeps the middle, with torchvision's rounding. ``pad`` fits the whole picture in and fills the
    rest with the background.

    Returns:
        RGB pixels 0..255, uint8, (height, width, 3).
    """
    height, width = preprocessing.size
    whole = (0.0, 0.0, float(image.width), float(image.height))
    how = preprocessing.resize
    if how.mode == "stretch":
        return _resample(image, (width, height), whole, how)
    if how.mode == "center_crop":
        return _resample(image, (width, height), _middle(image.size, (width, height)), how)
    scale = min(width / image.width, height / image.height)
    inner = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
    canvas = np.array(Image.new("RGB", (width, height), preprocessing.background))
    canvas[top : top + inner[1], left : left + inner[0]] = _resample(image, inner, whole, how)
    return canvas


def _middle(source: tuple[int, int], size: tuple[int, int]) -> Box:
    """The part of the source that scaling and then cropping to ``size`` keeps.

    Resampling that part gives the pixels of scaling the whole and cropping, but not its cost: a
    panorama's long side would grow without bound.
    """
    grow, shrink = max(zip(size, source, strict=True), key=lambda pair: pair[0] / pair[1])
    starts, stops = [], []
    for side, wanted in zip(source, size, strict=True):
        scaled = side * grow // shrink
        start = round((scaled - wanted) / 2)
        starts.append(start * side / scaled)
        stops.append((start + wanted) * side / scaled)
    return starts[0], starts[1], stops[0], stops[1]


def _resample(
    image: Image.Image, size: tuple[int, int], box: Box, how: Resize
) -> NDArray[np.uint8]:
    """The part ``box`` of a picture at ``size`` (width, height): uint8, (height, width, 3)."""
    if how.antialias or how.filter == "nearest":
        return np.asarray(image.resize(size, _FILTERS[how.filter], box), np.uint8)
    pixels = _interpolate_rows(np.asarray(image), size[1], box[1], box[3], how.filter)
    across = _interpolate_rows(pixels.swapaxes(0, 1), size[0], box[0], box[2], how.filter)
    upright: NDArray[np.float64] = np.rint(across.swapaxes(0, 1)).clip(0, 255)
    return upright.astype(np.uint8)


def _interpolate_rows(
    pixels: NDArray[np.uint8] | NDArray[np.float64],
    count: int,
    start: float,
    stop: float,
    kernel: str,
) -> NDArray[np.float64]:
    """``count`` rows at half-pixel centres between ``start`` and ``stop``; the edge is repeated."""
    reach, weigh = _KERNELS[kernel]
    centres = start + (np.arange(count) + 0.5) * ((stop - start) / count) - 0.5
    taps = np.floor(centres).astype(np.int64)[:, None] + np.arange(1 - reach, 1 + reach)
    weights = weigh(centres[:, None] - taps)
    weights /= weights.sum(axis=1, keepdims=True)
    rows = np.zeros((count, *pixels.shape[1:]))
    for tap, weight in zip(taps.T, weights.T, strict=True):
        rows += pixels[np.clip(tap, 0, len(pixels) - 1)] * weight[:, None, None]
    return rows


def _bilinear(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1.0 - np.abs(x)


def _bicubic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Keys' kernel with a = -0.5, as in Pillow's ``resize``."""
    x = np.abs(x)
    return np.where(x < 1, (1.5 * x - 2.5) * x * x + 1, ((-0.5 * x + 2.5) * x - 4) * x + 2)


def _lanczos(x: NDArray[np.float64]) -> NDArray[np.float64]:
    weights: NDArray[np.float64] = np.sinc(x) * np.sinc(x / 3)
    return weights


_KERNELS: dict[str, tuple[int, Weigh]] = {
    "bilinear": (1, _bilinear),
    "bicubic": (2, _bicubic),
    "lanczos": (3, _lanczos),
}
"""How many neighbours on each side an interpolation reads, and how it weighs them."""
