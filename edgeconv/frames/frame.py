"""What a moving picture is made of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

LUMINANCE_SIZE = (64, 36)
"""Width and height of :meth:`Content.luminance`: enough to see a cut by."""


class Content(Protocol):
    """The pixels of one frame, converted when asked for: most frames are never judged."""

    def picture(self) -> Image.Image:
        """The whole frame: RGB, opaque, upright."""

    def luminance(self) -> NDArray[np.uint8]:
        """The frame in gray, much reduced: (36, 64), 0..255."""


@dataclass(frozen=True)
class Frame:
    """One frame on the screen from ``start`` to ``end``, in seconds from the first one's start.

    ``end`` is as the file says it; what is seen stays until the next frame. ``content`` is None
    where the frame could not be decoded.
    """

    start: float
    end: float
    content: Content | None


@dataclass(frozen=True)
class Moving:
    """An open animation or video.

    ``seconds`` is how long it says it is, None where it does not. ``frames`` come in order, their
    starts never falling; only the last few are in memory. Iterating raises :class:`ImageError`
    where the file breaks off, after all frames before the break.
    """

    seconds: float | None
    frames: Iterator[Frame]
