"""Pictures on which decoders and classifiers part ways: 48 of them, each awkward in one thing."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.random import RandomState
from numpy.typing import NDArray
from PIL import ExifTags, Image

from edgeconv.parity.scenes import draw_scene

Encode = Callable[[], bytes]

_SIZE = (180, 240)
"""Height and width of what has no reason to be otherwise."""

_COLOURS = {
    "black": "#000000",
    "white": "#ffffff",
    "gray": "#808080",
    "red": "#ff0000",
    "green": "#00ff00",
    "blue": "#0000ff",
    "skin": "#d6a48a",
}


def awkward_pictures() -> dict[str, Encode]:
    """File name -> what makes its content."""
    pictures: dict[str, Encode] = {}
    for name, colour in _COLOURS.items():
        pictures[f"flat-{name}.png"] = partial(_flat, colour)
    pictures |= {
        "contrast-halves.png": lambda: _png(_halves()),
        "contrast-noise.png": lambda: _png(_noise()),
        "contrast-checkerboard.png": lambda: _png(_checks()),
        "contrast-rows.png": lambda: _png(np.repeat(_checks()[:, :1], 240, axis=1)),
        "contrast-columns.png": lambda: _png(np.repeat(_checks()[:1], 180, axis=0)),
        "contrast-faint.png": lambda: _png(_scene(1) // 32 + 112),
    }
    for orientation in range(2, 9):
        pictures[f"exif-{orientation}.jpg"] = partial(_turned, orientation, "JPEG")
    pictures |= {
        "exif-6.png": lambda: _turned(6, "PNG"),
        "exif-8.webp": lambda: _turned(8, "WEBP", lossless=True),
        "alpha-hidden-colour.png": lambda: _png(np.dstack([_scene(2), _discs()])),
        "alpha-half.png": lambda: _png(np.dstack([_scene(4), _scene(0)[..., 0]])),
        "alpha-all.png": lambda: _png(np.dstack([_scene(5), np.zeros(_SIZE, np.uint8)])),
        "alpha-gray.png": lambda: _png(np.dstack([_scene(6)[..., 1], _discs()])),
        "alpha-palette.png": lambda: _palette("PNG", transparency=bytes(range(0, 256, 4))),
        "alpha-key.png": lambda: _encoded(
            Image.fromarray(_scene(2) // 128 * 255), "PNG", transparency=(255, 255, 255)
        ),
        "alpha.webp": lambda: _encoded(
            Image.fromarray(np.dstack([_scene(12), _discs()])), "WEBP", lossless=True, exact=True
        ),
        "alpha.gif": lambda: _palette("GIF", transparency=0),
        "gray-1-bit.png": lambda: _encoded(Image.fromarray(_scene(2)).convert("1"), "PNG"),
        "gray-8-bit.png": lambda: _png(_scene(1)[..., 1]),
        "gray-16-bit.png": lambda: _png(_scene(2)[..., 1].astype(np.uint16) * 257),
        "gray-16-bit-dark.png": lambda: _png(_scene(3)[..., 1].astype(np.uint16) * 16),
        "gray.jpg": lambda: _encoded(Image.fromarray(_scene(0)[..., 1]), "JPEG"),
        "palette.png": lambda: _palette("PNG"),
        "palette-4-colours.png": lambda: _palette("PNG", colours=4),
        "palette.gif": lambda: _palette("GIF"),
        "animation.gif": lambda: _animated("GIF"),
        "animation.webp": lambda: _animated("WEBP", lossless=True),
        "cmyk.jpg": lambda: _encoded(Image.fromarray(_scene(9)).convert("CMYK"), "JPEG"),
        "cmyk.tif": lambda: _encoded(Image.fromarray(_scene(9)).convert("CMYK"), "TIFF"),
        "progressive.jpg": lambda: _encoded(Image.fromarray(_scene(10)), "JPEG", progressive=True),
        "quality-5.jpg": lambda: _encoded(Image.fromarray(_scene(11)), "JPEG", quality=5),
        "lossless.webp": lambda: _encoded(Image.fromarray(_scene(15)), "WEBP", lossless=True),
        "plain.bmp": lambda: _encoded(Image.fromarray(_scene(14)), "BMP"),
        "tiny-1x1.png": lambda: _png(_scene(0)[:1, :1]),
        "tiny-3x5.png": lambda: _png(_scene(3)[:5, :3]),
        "panorama-wide.png": lambda: _png(draw_scene(1, (40, 2000))),
        "panorama-high.png": lambda: _png(draw_scene(2, (2000, 40))),
    }
    return pictures


def _scene(number: int) -> NDArray[np.uint8]:
    return draw_scene(number, _SIZE)


def _halves() -> NDArray[np.uint8]:
    """Black on the left, white on the right."""
    return np.repeat(np.repeat(np.uint8([[0, 255]]), 120, axis=1), 180, axis=0)


def _noise() -> NDArray[np.uint8]:
    """Each channel of each pixel fully on or off."""
    return (RandomState(0).randint(0, 2, (*_SIZE, 3)) * 255).astype(np.uint8)


def _checks() -> NDArray[np.uint8]:
    """Black and white, one pixel each."""
    rows, columns = np.indices(_SIZE)
    return ((rows + columns) % 2 * 255).astype(np.uint8)


def _discs() -> NDArray[np.uint8]:
    """An opacity that is full in some discs, none between them, and soft at their edges."""
    rows, columns = (axis % 60 - 30 for axis in np.indices(_SIZE))
    return (3000 - 5 * (rows * rows + columns * columns)).clip(0, 255).astype(np.uint8)


def _flat(colour: str) -> bytes:
    return _encoded(Image.new("RGB", (64, 64), colour), "PNG")


def _turned(orientation: int, file_format: str, **options: Any) -> bytes:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    return _encoded(Image.fromarray(_scene(1)), file_format, exif=exif, **options)


def _palette(file_format: str, colours: int = 64, **options: Any) -> bytes:
    """A picture of few colours. Their choice is ours, as quantisers differ between releases."""
    steps = 4 if colours == 64 else 2
    red, green, blue = np.moveaxis(_scene(2) // (256 // steps), -1, 0)
    picture = Image.fromarray(((red * steps + green) * steps + blue) % colours, "P")
    picture.putpalette(
        [level * 255 // (steps - 1) for index in np.ndindex(steps, steps, steps) for level in index]
    )
    return _encoded(picture, file_format, **options)


def _animated(file_format: str, **options: Any) -> bytes:
    first, *others = (Image.fromarray(_scene(number)) for number in (4, 5, 6))
    return _encoded(
        first, file_format, save_all=True, append_images=others, duration=100, **options
    )


def _png(pixels: NDArray[np.uint8] | NDArray[np.uint16]) -> bytes:
    return _encoded(Image.fromarray(pixels), "PNG")


def _encoded(image: Image.Image, file_format: str, **options: Any) -> bytes:
    ...
