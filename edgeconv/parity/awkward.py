"""Pictures on which decoders and classifiers part ways: each is awkward in one thing.

Flat and extreme ones, every EXIF orientation, colour hidden under transparency, deep gray, CMYK,
palettes, animations, a single pixel, panoramas.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.random import RandomState
from numpy.typing import NDArray
from PIL import ExifTags, Image

from edgeconv.parity.scenes import draw_scene

_SIZE = (180, 240)
"""Height and width of all that are awkward in something else."""


class Drawing(NamedTuple):
    """A picture to be drawn and saved: the suffix of its name is the format, ``options`` are
    those of Pillow's ``save``."""

    name: str
    draw: Callable[[], Image.Image]
    options: Mapping[str, Any] = MappingProxyType({})


def awkward_drawings() -> tuple[Drawing, ...]:
    """All of them, not drawn yet."""
    return (
        *(Drawing(f"flat-{name}.png", partial(_flat, name)) for name in _FLAT),
        Drawing("contrast-halves.png", _halves),
        Drawing("contrast-noise.png", _noise),
        Drawing("contrast-checks.png", _checks),
        Drawing("contrast-rows.png", partial(_checks, columns=False)),
        Drawing("contrast-columns.png", partial(_checks, rows=False)),
        Drawing("contrast-faint.png", _faint),
        *(
            Drawing(f"exif-{orientation}.jpg", partial(_scene, 1), _exif(orientation))
            for orientation in range(2, 9)
        ),
        Drawing("exif-6.png", partial(_scene, 1), _exif(6)),
        Drawing("exif-8.webp", partial(_scene, 1), {"lossless": True, **_exif(8)}),
        Drawing("alpha-hidden-colour.png", partial(_under_discs, 2, "RGBA")),
        Drawing("alpha-hidden-colour.webp", partial(_under_discs, 9, "RGBA"), _EXACT),
        Drawing("alpha-gray.png", partial(_under_discs, 14, "LA")),
        Drawing("alpha-nothing-else.png", partial(Image.new, "RGBA", _SIZE, (214, 164, 138, 0))),
        Drawing("alpha-key.png", partial(_few_colours, "RGB"), {"transparency": (255, 85, 170)}),
        Drawing("alpha-palette.png", partial(_few_colours, "P"), {"transparency": _FADING}),
        Drawing("alpha-palette.gif", partial(_few_colours, "P"), {"transparency": 54}),
        Drawing("gray-1-bit.png", partial(_scene, 2, "1")),
        Drawing("gray-8-bit.png", partial(_scene, 1, "L")),
        Drawing("gray-8-bit.jpg", partial(_scene, 9, "L")),
        Drawing("gray-16-bit.png", partial(_deep_gray, 2, white=65_535)),
        Drawing("gray-16-bit-dark.png", partial(_deep_gray, 10, white=9_000)),
        Drawing("gray-16-bit.tif", partial(_deep_gray, 18, white=65_535)),
        Drawing("palette.png", partial(_few_colours, "P")),
        Drawing("palette.gif", partial(_few_colours, "P")),
        Drawing("animation.gif", partial(_few_colours, "P"), _animation("P")),
        Drawing("animation.webp", partial(_scene, 4), {"lossless": True, **_animation("RGB")}),
        Drawing("cmyk.jpg", partial(_scene, 9, "CMYK")),
        Drawing("cmyk.tif", partial(_scene, 17, "CMYK")),
        Drawing("progressive.jpg", partial(_scene, 10), {"progressive": True}),
        Drawing("quality-5.jpg", partial(_scene, 18), {"quality": 5}),
        Drawing("lossless.webp", partial(_scene, 15), {"lossless": True}),
        Drawing("plain.bmp", partial(_scene, 23)),
        Drawing("tiny-1x1.png", partial(Image.new, "RGB", (1, 1), (180, 120, 90))),
        Drawing("tiny-3x5.png", partial(_sized, 3, (5, 3))),
        Drawing("panorama-wide.png", partial(_sized, 1, (40, 2000))),
        Drawing("panorama-high.png", partial(_sized, 2, (2000, 40))),
    )


_FLAT = {
    "black": "#000000",
    "white": "#ffffff",
    "gray": "#808080",
    "red": "#ff0000",
    "green": "#00ff00",
    "blue": "#0000ff",
}

_FADING = bytes(range(0, 256, 4))
"""One opacity for each of 64 colours."""

_EXACT = {"lossless": True, "exact": True}
"""WebP drops the colour under full transparency unless told not to."""


def _exif(orientation: int) -> dict[str, Any]:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    return {"exif": exif}


def _animation(mode: str) -> dict[str, Any]:
    """Two more frames, black and white: whoever shows one of them has not shown the first."""
    height, width = _SIZE
    others = [
        Image.new("RGB", (width, height), colour).convert(mode) for colour in ("#000", "#fff")
    ]
    return {"save_all": True, "append_images": others, "duration": 100}


def _flat(name: str) -> Image.Image:
    return Image.new("RGB", (64, 64), _FLAT[name])


def _halves() -> Image.Image:
    """Black on the left, white on the right."""
    pixels = np.zeros(_SIZE, np.uint8)
    pixels[:, _SIZE[1] // 2 :] = 255
    return Image.fromarray(pixels)


def _noise() -> Image.Image:
    """Each channel of each pixel fully on or off."""
    on = RandomState(0).randint(0, 2, (*_SIZE, 3))
    return Image.fromarray((on * 255).astype(np.uint8))


def _checks(rows: bool = True, columns: bool = True) -> Image.Image:
    """Black and white, one pixel each."""
    down, right = np.indices(_SIZE)
    return Image.fromarray(((down * rows + right * columns) % 2 * 255).astype(np.uint8))


def _faint() -> Image.Image:
    """A scene in eight neighbouring levels."""
    return Image.fromarray(draw_scene(1, _SIZE) // 32 + np.uint8(112))


def _scene(number: int, mode: str = "RGB") -> Image.Image:
    return _sized(number, _SIZE).convert(mode)


def _sized(number: int, size: tuple[int, int]) -> Image.Image:
    return Image.fromarray(draw_scene(number, size))


def _under_discs(number: int, mode: str) -> Image.Image:
    """A scene that shows in soft-edged discs only; the rest of it is hidden, not gone."""
    down, right = (axis % 60 - 30 for axis in np.indices(_SIZE))
    opacity = (3000 - 5 * (down * down + right * right)).clip(0, 255).astype(np.uint8)
    picture = _scene(number, mode)
    picture.putalpha(Image.fromarray(opacity))
    return picture


def _deep_gray(number: int, white: int) -> Image.Image:
    """16-bit gray up to ``white``."""
    gray = np.asarray(_scene(number, "L")).astype(np.uint32) * white // 255
    return Image.fromarray(gray.astype(np.uint16))


def _few_colours(mode: str) -> Image.Image:
    """A scene in 64 colours. They are set here, since quantisers differ between releases."""
    steps: NDArray[np.uint8] = draw_scene(2, _SIZE) // np.uint8(64)
    red, green, blue = np.moveaxis(steps, -1, 0)
    picture = Image.fromarray(red * 16 + green * 4 + blue)
    picture.putpalette([step * 85 for colour in np.ndindex(4, 4, 4) for step in colour])
    return picture.convert(mode)
