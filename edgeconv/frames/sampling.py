"""Which frames are judged: what is on the screen at even intervals, or what begins a scene."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edgeconv.errors import ImageError, ImageTooLarge
from edgeconv.frames.frame import Content, Frame

MAX_SAMPLES = 200_000
"""A file is judged up to so many instants, 27 hours at two a second: broken clocks leap."""

_Shares = NDArray[np.float64]

CUT = 0.3
"""A new scene begins where, over the blocks of a frame, the distribution of luminance differs by
this share of the pixels. Between any two of 40 photographs it is 0.41 to 0.94; under a pan by 3 %
of the width 0.07 to 0.13, under noise of 6 levels 0.03 to 0.11."""

BLOCKS = (4, 4)
"""Rows and columns of them. Of whole frames some photographs differ by no more than 0.13."""

LEVELS = 16
"""Of luminance; each is 16 values wide."""

LONGEST_SCENE = 4.0
"""A scene is looked at again after this many seconds: a histogram does not see everything."""


@dataclass(frozen=True)
class Sample:
    """What is on the screen at ``t`` seconds; ``content`` is None where it cannot be decoded.

    The same object comes again as long as the frame stays: it need not be judged twice.
    """

    t: float
    content: Content | None


class Sampling:
    """Samples at 0, ``interval``, 2 ``interval``, ... seconds: what a viewer sees then.

    Iterating raises what breaks the frames off, after the samples before the break; ``seconds`` is
    then how far they went.
    """

    def __init__(self, frames: Iterable[Frame], interval: float) -> None:
        self._frames = frames
        self._interval = interval
        self.seconds = 0.0

    def __iter__(self) -> Iterator[Sample]:
        frames = iter(self._frames)
        held: Frame | None = None
        broken: ImageError | None = None
        number = 0
        while True:
            try:
                frame = next(frames, None)
            except ImageError as error:
                frame, broken = None, error
            until = frame.start if frame else self.seconds
            while held is not None and (t := number * self._interval) < until:
                if number == MAX_SAMPLES:
                    raise _too_long(t)
                yield Sample(t, held.content)
                number += 1
            if frame is None:
                break
            held = frame
            self.seconds = max(self.seconds, frame.end)
        if broken:
            raise broken


def by_scene(frames: Iterable[Frame]) -> Iterator[Frame]:
    """The same frames, each with the content of the one that its scene began with.

    A scene ends with a cut, seen by how luminance is distributed, or after
    :data:`LONGEST_SCENE` seconds. Sampled, a scene is judged once.
    """
    scene: Frame | None = None
    levels: _Shares = np.zeros(0)
    for frame in frames:
        if frame.content is None:
            yield frame
            continue
        seen = _shares(frame.content.luminance())
        if (
            scene is None
            or frame.start - scene.start >= LONGEST_SCENE
            or np.abs(seen - levels).sum() / 2 > CUT
        ):
            scene, levels = frame, seen
        yield replace(frame, content=scene.content)


def _shares(luminance: NDArray[np.uint8]) -> _Shares:
    """(blocks x levels,): the share of all pixels in each block and at each level; sums to one."""
    down, across = (
        np.arange(side) * blocks // side
        for side, blocks in zip(luminance.shape, BLOCKS, strict=True)
    )
    block = down[:, None] * BLOCKS[1] + across
    level = luminance // (256 // LEVELS)
    cells = BLOCKS[0] * BLOCKS[1] * LEVELS
    return np.bincount((block * LEVELS + level).ravel(), minlength=cells) / luminance.size


def _too_long(t: float) -> ImageTooLarge:
    return ImageTooLarge(
        f"judged up to {t:.1f} s only",
        got="a longer file, or one whose clock leaps",
        expected=f"at most {MAX_SAMPLES:,} instants",
        do="cut it, or judge fewer frames a second",
    )
