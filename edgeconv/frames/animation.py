"""Animated GIF, WebP and PNG, decoded by Pillow: every frame composited with those before it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edgeconv.errors import ImageError, ImageTooLarge
from edgeconv.frames.frame import LUMINANCE_SIZE, Frame, Moving
from edgeconv.images import on_background, open_stream, pillow_errors, refuse_too_large

FORMATS = ("GIF", "PNG", "WEBP")
"""The formats that may move, by Pillow's names. The pages of a TIFF are no animation."""

MAX_FRAMES = 100_000
"""An animation is judged up to this frame."""

MAX_TOTAL_PIXELS = 1 << 33
"""An animation is judged until so many pixels are decoded: an hour of GIF at 480 x 360, 13 frames
a second."""

SHORTEST = 0.02
"""Frames that are to last less than this many seconds..."""

UNHURRIED = 0.1
"""...last this many, as browsers have it."""


class Still:
    """A :class:`Content` whose pixels are there."""

    def __init__(self, picture: Image.Image) -> None:
        self._picture = picture

    def picture(self) -> Image.Image:
        return self._picture

    def luminance(self) -> NDArray[np.uint8]:
        small = self._picture.resize(LUMINANCE_SIZE, Image.Resampling.NEAREST)
        return np.asarray(small.convert("L"))


_SIGNATURES = ((0, b"GIF8"), (0, b"\x89PNG"), (8, b"WEBP"))
"""Where, and by which bytes, they are known."""


def may_move(start: bytes) -> bool:
    """Whether a file whose first 16 bytes these are is of a format that may move."""
    return any(start[offset:].startswith(signature) for offset, signature in _SIGNATURES)


@contextmanager
def open_animation(source: Path | bytes, background: str, name: str) -> Iterator[Moving | None]:
    """Open a picture file that moves; None for one that does not, or that cannot be opened.

    Args:
        source: the file, or its content.
        background: what shows through transparency, ``#rrggbb``.
        name: what errors call it.
    """
    with open_stream(source, name) as stream:
        image = _opened(stream, name)
        yield None if image is None else Moving(None, _frames(image, background, name))


def _opened(stream: BinaryIO, name: str) -> Image.Image | None:
    try:
        with pillow_errors(name):
            image = Image.open(stream, formats=FORMATS)
            refuse_too_large(image.size, name)
            return image if _moves(image) else None
    except ImageError:
        return None  # read as a still picture, it will say what is wrong with it


def _moves(image: Image.Image) -> bool:
    try:
        return bool(getattr(image, "is_animated", False))
    except Exception:  # its second frame is broken, so there is one
        return True


def _frames(image: Image.Image, background: str, name: str) -> Iterator[Frame]:
    start = 0.0
    allowed = min(MAX_FRAMES, MAX_TOTAL_PIXELS // (image.width * image.height))
    for number in count():
        if number == allowed:
            raise ImageTooLarge(
                f"{name} is judged up to {start:.1f} s only",
                got=f"more than {allowed:,} frames of {image.width:,} x {image.height:,} pixels",
                expected=f"at most {MAX_FRAMES:,} frames, and {MAX_TOTAL_PIXELS:,} pixels in all",
            )
        picture = _frame(image, number, background, name)
        if picture is None:
            return
        end = start + _duration(image)
        yield Frame(start, end, Still(picture))
        start = end


def _frame(image: Image.Image, number: int, background: str, name: str) -> Image.Image | None:
    """Frame ``number`` as RGB, or None behind the last one."""
    with pillow_errors(name):
        try:
            image.seek(number)
        except EOFError:
            return None
        image.load()
        return on_background(image, background)


def _duration(image: Image.Image) -> float:
    """How long the frame that was loaded last stays, in seconds."""
    seconds = float(image.info.get("duration", 0)) / 1000
    return seconds if seconds >= SHORTEST else UNHURRIED
