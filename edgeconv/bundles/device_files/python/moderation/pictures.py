"""From an image file to the model's pixels, as the contract says and as edgeconv itself does it.

A stranger's file is met here: only formats that people send are opened, pixels are counted before
any is decoded, and a truncated file is an error.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from math import floor
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from moderation.bundle import BundleError

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")

MAX_PIXELS = 50_000_000
"""A larger picture is not decoded: this many take 150 MB, and some again while they are resized."""

MAX_SIDE = 65_535

_ORIENTATION = 274
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
_MOST_ENLARGED = 1 << 22
"""Up to so many pixels an enlarged picture is made whole before its middle is kept."""


def load_pixels(path: Path, taken: Mapping[str, Any]) -> np.ndarray:
    """Decode a picture and bring it to the model's size.

    Args:
        path: an image file.
        taken: the contract's ``input``.

    Returns:
        RGB pixels 0..255, uint8, (height, width, 3).

    Raises:
        BundleError: it cannot be read, is no whole picture, or is too large.
    """
    return resize(decode(path, taken), taken)


def decode(path: Path, taken: Mapping[str, Any]) -> Image.Image:
    """A picture at its own size: RGB, opaque, upright. Raises as :func:`load_pixels` does."""
    try:
        with warnings.catch_warnings(), Image.open(path, formats=FORMATS) as image:
            warnings.simplefilter("ignore")
            if image.width * image.height > MAX_PIXELS or max(image.size) > MAX_SIDE:
                raise BundleError(
                    f"{path} is too large: {image.width} x {image.height}, "
                    f"at most {MAX_PIXELS:,} pixels and {MAX_SIDE:,} along a side"
                )
            image.load()
            picture = _opaque(image, taken["background"])
            turn = _TURNS.get(_orientation(image)) if taken["exif"] == "apply" else None
            return picture if turn is None else picture.transpose(turn)
    except BundleError:
        raise
    except Exception as error:  # a decoder raises whatever a broken file leads it to
        raise BundleError(f"cannot decode {path}: {error}") from error


def resize(image: Image.Image, taken: Mapping[str, Any]) -> np.ndarray:
    """An RGB picture at the model's size: uint8, (height, width, 3)."""
    height, width = taken["size"]
    how = taken["resize"]
    if how["mode"] == "pad":
        scale = min(width / image.width, height / image.height)
        inner = max(1, round(image.width * scale)), max(1, round(image.height * scale))
        left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
        canvas = np.array(Image.new("RGB", (width, height), taken["background"]))
        canvas[top : top + inner[1], left : left + inner[0]] = _middle(image, inner, inner, how)
        return canvas
    return _middle(image, _scaled(image.size, (width, height), how), (width, height), how)


def as_tensor(pixels: np.ndarray, taken: Mapping[str, Any]) -> np.ndarray:
    """(height, width, 3) RGB pixels as the one batch entry that the model takes."""
    batch = pixels[None] if taken["colour"] == "RGB" else pixels[None, ..., ::-1]
    if taken["layout"] == "NCHW":
        batch = batch.transpose(0, 3, 1, 2)
    return np.ascontiguousarray(batch, dtype=taken["dtype"])


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # a damaged EXIF block says nothing, and the pixels are still good
        return 1


def _opaque(image: Image.Image, background: str) -> Image.Image:
    if image.mode in {"I", "F"} or image.mode.startswith("I;16"):
        image = _eight_bits(image)
    if image.mode not in {"LA", "La", "PA", "RGBA", "RGBa"} and "transparency" not in image.info:
        # No second copy of what may be the largest thing in memory.
        return image if image.mode == "RGB" else image.convert("RGB")
    layer = image.convert("RGBA")
    canvas = Image.new("RGB", image.size, background)
    canvas.paste(layer, mask=layer)
    return canvas


def _eight_bits(image: Image.Image) -> Image.Image:
    """Deep gray by its high byte, or by the smallest customary range that holds it."""
    gray = np.asarray(image)
    if image.mode.startswith("I;16"):
        eight = Image.fromarray((gray >> 8).astype(np.uint8))
        if "transparency" in image.info:
            opaque = (gray != image.info["transparency"]) * np.uint8(255)
            eight.putalpha(Image.fromarray(opaque))
        return eight
    if not np.isfinite(gray).all():
        raise ValueError("its pixels hold NaN or infinity")
    ranges = ([1.0] if image.mode == "F" else []) + [255.0, 65_535.0, 2.0**31 - 1]
    brightest = gray.max()
    white = next((top for top in ranges if brightest <= top), float(brightest))
    return Image.fromarray(np.clip(gray * (255 / white), 0, 255).astype(np.uint8))


def _scaled(
    source: tuple[int, int], size: tuple[int, int], how: Mapping[str, Any]
) -> tuple[int, int]:
    """Width and height of the whole picture before its middle is kept."""
    # A crop that is written as size / scaled may miss the quotient by a rounding.
    wanted = floor(size[0] / how["crop"] + 1e-6), floor(size[1] / how["crop"] + 1e-6)
    if how["mode"] == "stretch":
        return wanted
    if wanted[0] == wanted[1]:
        shorter = min(source)
        return wanted[0] * source[0] // shorter, wanted[0] * source[1] // shorter
    ratio = min(source[0] / wanted[0], source[1] / wanted[1])
    return round(source[0] / ratio), round(source[1] / ratio)


def _middle(
    image: Image.Image, scaled: tuple[int, int], kept: tuple[int, int], how: Mapping[str, Any]
) -> np.ndarray:
    """The middle, ``kept`` pixels, of the picture at ``scaled``."""
    left, top = (_margin(scaled[i] - kept[i], how["offset"]) for i in (0, 1))
    if not how["antialias"] and how["filter"] != "nearest":
        columns = _neighbours(image.width, scaled[0], left, kept[0], how["filter"])
        rows = _neighbours(image.height, scaled[1], top, kept[1], how["filter"])
        return _interpolated(image, columns, rows)
    resampling = _FILTERS[how["filter"]]
    enlarged = scaled[0] >= image.width and scaled[1] >= image.height
    if not enlarged or scaled[0] * scaled[1] <= _MOST_ENLARGED:
        whole = image.resize(scaled, resampling)
        return np.asarray(whole.crop((left, top, left + kept[0], top + kept[1])))
    # Pillow holds the box in float32: some pixels come out one level off.
    across, down = image.width / scaled[0], image.height / scaled[1]
    box = (left * across, top * down, (left + kept[0]) * across, (top + kept[1]) * down)
    return np.asarray(image.resize(kept, resampling, box))


def _margin(both: int, offset: str) -> int:
    return both // 2 if offset == "floor" else round(both / 2)


def _neighbours(
    source: int, scaled: int, start: int, count: int, kernel: str
) -> tuple[np.ndarray, np.ndarray]:
    """Which source pixels make each kept one, and their weights: both (count, taps)."""
    reach, weigh = _KERNELS[kernel]
    centres = (np.arange(start, start + count)[:, None] + 0.5) * (source / scaled)
    taps = np.floor(centres - 0.5).astype(np.int64) + np.arange(1 - reach, 1 + reach)
    weights = weigh(np.abs(taps - centres + 0.5))
    return taps.clip(0, source - 1), weights / weights.sum(axis=1, keepdims=True)


def _interpolated(
    image: Image.Image,
    columns: tuple[np.ndarray, np.ndarray],
    rows: tuple[np.ndarray, np.ndarray],
) -> np.ndarray:
    """Half-pixel centres, no antialiasing, rounded at the end."""
    left, top = int(columns[0].min()), int(rows[0].min())
    needed = image.crop((left, top, int(columns[0].max()) + 1, int(rows[0].max()) + 1))
    upright = _weighted(np.asarray(needed), rows[0] - top, rows[1])
    whole = _weighted(upright.swapaxes(0, 1), columns[0] - left, columns[1]).swapaxes(0, 1)
    rounded: np.ndarray = np.rint(whole).clip(0, 255).astype(np.uint8)
    return rounded


def _weighted(pixels: np.ndarray, taps: np.ndarray, weights: np.ndarray) -> np.ndarray:
    total: np.ndarray = np.zeros((len(taps), *pixels.shape[1:]))
    for tap in range(taps.shape[1]):
        total += pixels[taps[:, tap]] * weights[:, tap, None, None]
    return total


def _bicubic(x: np.ndarray) -> np.ndarray:
    """Keys' kernel with a = -0.5, term by term as Pillow has it."""
    near, far = (1.5 * x - 2.5) * x * x + 1, (((x - 5) * x + 8) * x - 4) * -0.5
    weights: np.ndarray = np.where(x < 1, near, far)
    return weights


_KERNELS: dict[str, tuple[int, Callable[[np.ndarray], np.ndarray]]] = {
    "bilinear": (1, lambda x: 1.0 - x),
    "bicubic": (2, _bicubic),
    "lanczos": (3, lambda x: np.sinc(x) * np.sinc(x / 3)),
}
