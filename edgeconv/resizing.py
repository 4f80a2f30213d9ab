"""Bringing an RGB picture to a model's size: stretch, centre crop or pad, antialiased or not.

With ``antialias`` a filter widens when it shrinks a picture; that is Pillow's own ``resize``.
Without, it interpolates between neighbouring pixels only, at half-pixel centres, as most runtimes
do by default. On photographs the two differ by more than any conversion does.
"""

from __future__ import annotations

from math import floor

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edgeconv.resampling import Side, resample
from edgeconv.spec import Preprocessing, Resize

Size = tuple[int, int]
"""Width and height in pixels, in Pillow's order."""


def resize(image: Image.Image, preprocessing: Preprocessing) -> NDArray[np.uint8]:
    """Bring an RGB picture to the model's size.

    ``stretch`` ignores the proportions; ``center_crop`` keeps them and loses what is too much of
    the longer side. Both scale to ``size / crop`` and keep the middle. ``pad`` fits the whole
    picture in and fills the rest with the background.

    The pixels are those of torchvision, timm and the Hugging Face processors on Pillow pictures,
    one for one: timm's ``crop_mode`` ``squash`` is ``stretch`` and its ``center`` is
    ``center_crop``, ``crop_pct`` is ``crop``. ``tests/test_original_processors.py`` holds them to
    each other.

    Returns:
        RGB pixels 0..255, uint8, (height, width, 3).
    """
    height, width = preprocessing.size
    how = preprocessing.resize
    if how.mode == "pad":
        return _pad(image, (width, height), how, preprocessing.background)
    return _scale_and_keep(image, _scaled(image.size, (width, height), how), (width, height), how)


def _scale_and_keep(image: Image.Image, scaled: Size, kept: Size, how: Resize) -> NDArray[np.uint8]:
    """The middle, ``kept`` pixels, of the picture at ``scaled``."""
    across, down = (
        Side(source, whole, _margin(whole - count, how), count)
        for source, whole, count in zip(image.size, scaled, kept, strict=True)
    )
    return resample(image, across, down, how)


def _scaled(source: Size, size: Size, how: Resize) -> Size:
    """What the whole picture is scaled to before the middle is kept.

    Where height and width differ, a centre crop's longer side is rounded, as timm's
    ``ResizeKeepRatio`` does, and not rounded down, as torchvision's ``Resize``.
    """
    # A crop that is written as size / scaled may miss the quotient by a rounding.
    wanted = floor(size[0] / how.crop + 1e-6), floor(size[1] / how.crop + 1e-6)
    if how.mode == "stretch":
        return wanted
    if wanted[0] == wanted[1]:
        shorter = min(source)
        return wanted[0] * source[0] // shorter, wanted[0] * source[1] // shorter
    ratio = min(source[0] / wanted[0], source[1] / wanted[1])
    return round(source[0] / ratio), round(source[1] / ratio)


def _margin(both: int, how: Resize) -> int:
    """What is cut off at the start, of what is cut off at start and end."""
    return both // 2 if how.offset == "floor" else round(both / 2)


def _pad(image: Image.Image, size: Size, how: Resize, background: str) -> NDArray[np.uint8]:
    """The whole picture in the middle of the background."""
    scale = min(size[0] / image.width, size[1] / image.height)
    inner = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    left, top = (size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2
    canvas = np.array(Image.new("RGB", size, background))
    canvas[top : top + inner[1], left : left + inner[0]] = _scale_and_keep(image, inner, inner, how)
    return canvas
