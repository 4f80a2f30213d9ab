"""Decoding a JPEG at a fraction of its size, where that changes no score that matters.

A JPEG stores blocks of 8 x 8 pixels as frequencies. libjpeg makes a half, a quarter or an eighth of
the picture from the lowest of them alone, in a third of the time (Pillow's ``draft``). What is left
is at least :data:`AMPLE` times as large as the model takes it, and is resized as the contract says.

The tolerance of the file gate for float files is a multiple of rounding noise, which no other
decoder meets. So this is held to what people can bear: :data:`LARGEST_DIFFERENCE`, and no decision
that changes, on a sample of the very pictures that are to be scored.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from math import ceil
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edgeconv.errors import FileError, InputError
from edgeconv.images import load_pixels
from edgeconv.policy import Policy
from edgeconv.scoring.chunks import Piece
from edgeconv.scoring.inputs import Reading
from edgeconv.scoring.pictures import contents
from edgeconv.spec import Preprocessing

AMPLE = 2
"""How many times larger than the model takes it a picture stays."""

LARGEST_DIFFERENCE = 0.005

SAMPLE = 12
"""Pictures that are scored both ways..."""

LOOKED_AT = 96
"""...of so many, evenly spread over the inputs, that are looked at."""


class Scores(Protocol):
    def __call__(self, given: NDArray[Any]) -> NDArray[np.float32]: ...


@dataclass(frozen=True)
class Decoding:
    """How JPEGs are decoded, and why.

    ``least_side`` is None where they are decoded whole. ``difference`` is the largest one of any
    score, over ``sample`` pictures that were scored both ways, and ``mean_difference`` the mean of
    each picture's largest; ``flips`` of them were decided otherwise.
    """

    least_side: int | None
    why: str
    sample: int = 0
    difference: float | None = None
    mean_difference: float | None = None
    flips: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


EXACT = Decoding(None, "asked for")


def least_side(how: Preprocessing) -> int:
    """The shorter side that every resize of the contract shrinks from, :data:`AMPLE` times over."""
    return ceil(AMPLE * max(how.size) / how.resize.crop)


def measured(pieces: Sequence[Piece], reading: Reading, scores: Scores, policy: Policy) -> Decoding:
    """Whether JPEGs may be decoded at a fraction, by trying it on a sample."""
    assert isinstance(reading.how, Preprocessing)
    least = least_side(reading.how)
    pairs = list(_both_ways(_large_jpegs(pieces, reading, least), reading.how, least))
    if not pairs:
        return Decoding(None, "no large JPEG among those looked at")
    whole, scaled = (scores(np.stack(side)) for side in zip(*pairs, strict=True))
    gaps = np.abs(whole - scaled).max(axis=1)
    difference = float(gaps.max())
    flips = sum(
        _decision(policy, a) != _decision(policy, b) for a, b in zip(whole, scaled, strict=True)
    )
    fits = difference <= LARGEST_DIFFERENCE and not flips
    return Decoding(
        least if fits else None,
        f"scores differ by {'at most' if fits else 'up to'} {difference:.2g} "
        f"({LARGEST_DIFFERENCE} is allowed), {flips} of {len(pairs)} decisions change",
        len(pairs),
        difference,
        float(gaps.mean()),
        flips,
    )


def _large_jpegs(pieces: Sequence[Piece], reading: Reading, least: int) -> Iterator[bytes]:
    """The sample: pictures that decoding at a fraction would change."""
    found = 0
    step = max(1, len(pieces) // LOOKED_AT)
    for piece in pieces[::step][:LOOKED_AT]:
        try:
            content = next(
                (one for _, one in contents(piece, reading) if isinstance(one, bytes)), b""
            )
            with Image.open(io.BytesIO(content), formats=("JPEG",)) as picture:
                large = min(picture.size) >= 2 * least
        except (InputError, FileError, OSError, ValueError, Image.DecompressionBombError):
            continue  # it will be a row with an error
        if large:
            yield content
            found += 1
        if found == SAMPLE:
            return


def _both_ways(
    jpegs: Iterator[bytes], how: Preprocessing, least: int
) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    for content in jpegs:
        try:
            yield load_pixels(content, how), load_pixels(content, how, least_side=least)
        except InputError:
            continue


def _decision(policy: Policy, scores: NDArray[np.float32]) -> tuple[str, bool]:
    judgement = policy.judge(dict(zip(policy.labels, scores.tolist(), strict=True)))
    return judgement.label, judgement.flagged
