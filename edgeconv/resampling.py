"""Scaling a picture and keeping a part of it, pixel for pixel as scaling the whole would give it.

Pillow makes the pixels, antialiased. Where enlarging would make the whole far larger than what is
kept of it (a panorama one pixel high, brought to 224), only that part is computed, in Pillow's own
arithmetic: first across, then down, weights of 22 bits, pixels of 8 bits in between (its
``Resample.c``, and for the nearest pixel ``ImagingScaleAffine`` of ``Geometry.c``). Pillow's
``resize`` with a ``box`` is no way there: it holds the box in float32, and some pixels come out one
off.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edgeconv.spec import Resize

Floats = NDArray[np.float64]

WHOLE = 1 << 22
"""Up to so many pixels an enlarged picture is made whole."""

_BITS = 22
"""Fraction bits of Pillow's weights for 8-bit pixels."""

_PILLOWS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


@dataclass(frozen=True)
class Side:
    """A side of ``source`` pixels, scaled to ``scaled``; ``count`` from ``start`` on are kept."""

    source: int
    scaled: int
    start: int
    count: int

    @property
    def stop(self) -> int:
        """Behind the last pixel that is kept."""
        return self.start + self.count

    @property
    def centres(self) -> Floats:
        """Where the kept pixels' centres lie in the source, whose first pixel spans 0 to 1."""
        kept = np.arange(self.start, self.stop, dtype=np.float64)
        return (kept + 0.5) * (self.source / self.scaled)


def resample(image: Image.Image, across: Side, down: Side, how: Resize) -> NDArray[np.uint8]:
    """The kept part of a scaled RGB picture: uint8, (down.count, across.count, 3).

    Without antialiasing a filter reads the nearest pixels only, repeats those at the edge, and is
    rounded once.
    """
    if not how.antialias and how.filter != "nearest":
        return _interpolate(image, across, down, _KERNELS[how.filter])
    # Shrinking, Pillow may go down first (13.0), and the whole is no larger than the picture.
    enlarged = across.scaled >= across.source and down.scaled >= down.source
    if not enlarged or across.scaled * down.scaled <= WHOLE:
        whole = image.resize((across.scaled, down.scaled), _PILLOWS[how.filter])
        return np.asarray(whole.crop((across.start, down.start, across.stop, down.stop)))
    if how.filter == "nearest":
        return np.asarray(image)[np.ix_(_nearest(down), _nearest(across))]
    return _as_pillow(image, across, down, _KERNELS[how.filter])


@dataclass(frozen=True)
class Kernel:
    """What a neighbour counts for by its distance in pixels, which is ``reach`` at the most."""

    reach: int
    weigh: Callable[[Floats], Floats]


@dataclass(frozen=True)
class _Neighbours:
    """Which source pixels make each pixel, and their weights: both (count, taps)."""

    taps: NDArray[np.int64]
    weights: Floats

    def from_first(self) -> tuple[_Neighbours, int, int]:
        """The same, counted from the first source pixel in use; that one, and behind the last."""
        first, last = int(self.taps.min()), int(self.taps.max())
        return _Neighbours(self.taps - first, self.weights), first, last + 1

    def sum(self, pixels: NDArray[Any], weights: NDArray[Any], start: Any) -> NDArray[Any]:
        """``start`` and the weighted rows of ``pixels``, in the type of ``weights``."""
        total = np.full((len(self.taps), *pixels.shape[1:]), start, weights.dtype)
        for tap, weight in zip(self.taps.T, weights.T, strict=True):
            total += pixels[tap] * weight[:, None, None]
        return total


def _neighbours(side: Side, kernel: Kernel, repeat_edge: bool) -> _Neighbours:
    """Those within the kernel's reach. Weights sum to one, at an edge that is not repeated too."""
    centres = side.centres[:, None]
    near = np.arange(1 - kernel.reach, 1 + kernel.reach)
    taps = np.floor(centres - 0.5).astype(np.int64) + near
    weights = kernel.weigh(np.abs(taps - centres + 0.5))
    inside = taps.clip(0, side.source - 1)
    if not repeat_edge:
        weights = np.where(taps == inside, weights, 0)
    return _Neighbours(inside, weights / weights.sum(axis=1, keepdims=True))


def _interpolate(image: Image.Image, across: Side, down: Side, kernel: Kernel) -> NDArray[np.uint8]:
    """Half-pixel centres, no antialiasing, rounded at the end."""
    pixels, columns, rows = _needed(image, across, down, kernel, repeat_edge=True)
    upright = rows.sum(pixels, rows.weights, 0.0)
    whole = columns.sum(upright.swapaxes(0, 1), columns.weights, 0.0).swapaxes(0, 1)
    rounded: NDArray[np.uint8] = np.rint(whole).clip(0, 255).astype(np.uint8)
    return rounded


def _as_pillow(image: Image.Image, across: Side, down: Side, kernel: Kernel) -> NDArray[np.uint8]:
    """What Pillow's ``resize``, enlarging the whole, has at the kept pixels."""
    pixels, columns, rows = _needed(image, across, down, kernel, repeat_edge=False)
    return _fixed_point(_fixed_point(pixels.swapaxes(0, 1), columns).swapaxes(0, 1), rows)


def _needed(
    image: Image.Image, across: Side, down: Side, kernel: Kernel, repeat_edge: bool
) -> tuple[NDArray[np.uint8], _Neighbours, _Neighbours]:
    """The pixels that any kept one is made of, and how, across and down."""
    columns, left, right = _neighbours(across, kernel, repeat_edge).from_first()
    rows, top, bottom = _neighbours(down, kernel, repeat_edge).from_first()
    return np.asarray(image.crop((left, top, right, bottom))), columns, rows


def _fixed_point(pixels: NDArray[np.uint8], neighbours: _Neighbours) -> NDArray[np.uint8]:
    """One of Pillow's two passes, over the first axis."""
    scaled = neighbours.weights * (1 << _BITS)
    weights = np.trunc(scaled + np.where(scaled < 0, -0.5, 0.5)).astype(np.int32)
    total = neighbours.sum(pixels, weights, 1 << (_BITS - 1)) >> _BITS
    rounded: NDArray[np.uint8] = total.clip(0, 255).astype(np.uint8)
    return rounded


def _nearest(side: Side) -> NDArray[np.int64]:
    """The source pixel of each kept one; Pillow adds step to step, and so do its roundings."""
    steps = np.full(side.stop, side.source / side.scaled)
    steps[0] /= 2
    return np.add.accumulate(steps, out=steps)[side.start :].astype(np.int64)


def _bilinear(x: Floats) -> Floats:
    return 1.0 - x


def _bicubic(x: Floats) -> Floats:
    """Keys' kernel with a = -0.5, term by term as Pillow has it."""
    near, far = (1.5 * x - 2.5) * x * x + 1, (((x - 5) * x + 8) * x - 4) * -0.5
    return np.where(x < 1, near, far)


def _lanczos(x: Floats) -> Floats:
    weights: Floats = np.sinc(x) * np.sinc(x / 3)
    return weights


_KERNELS = {
    "bilinear": Kernel(1, _bilinear),
    "bicubic": Kernel(2, _bicubic),
    "lanczos": Kernel(3, _lanczos),
}
