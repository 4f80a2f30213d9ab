"""Decoding a JPEG at a fraction of its size, where that changes no score that matters.

A JPEG stores blocks of 8 x 8 pixels as frequencies. libjpeg makes a half, a quarter or an eighth of
the picture from the lowest of them alone, in a third of the time (Pillow's ``draft``). What is left
is at least twice as large as the model takes it, and is resized as the contract says.

The tolerance of the file gate for float files is a multiple of rounding noise, which no other
decoder meets. So this is held to what people can bear: :data:`LARGEST_DIFFERENCE`, and no decision
that changes, on a sample of the very pictures that are to be scored.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from math import ceil
from random import Random
from typing import Any, NamedTuple, Protocol

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

AMPLE = (2, 4)
"""How many times larger than the model takes it a picture stays, at least: the first of these that
changes no score that matters."""

LARGEST_DIFFERENCE = 0.005

SAMPLE = 12
"""Pictures that are scored both ways..."""

LOOKED_AT = 96
"""...of so many, drawn from all the inputs, that are looked at."""

LARGEST_SAMPLED = 64 << 20
"""Bytes: the sample's files are kept in memory."""


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


def least_side(how: Preprocessing, ample: int) -> int:
    """The shorter side that every resize of the contract shrinks from, ``ample`` times over."""
    return ceil(ample * max(how.size) / how.resize.crop)


def measured(pieces: Sequence[Piece], reading: Reading, scores: Scores, policy: Policy) -> Decoding:
    """The smallest fraction at which JPEGs may be decoded, by trying it on a sample."""
    how = reading.how
    assert isinstance(how, Preprocessing)
    jpegs = _large_jpegs(pieces, reading, 2 * least_side(how, AMPLE[0]))
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        sample = [one for one in threads.map(partial(_decoded, how=how), jpegs) if one is not None]
        if not sample:
            return Decoding(None, "no large JPEG among those looked at")
        whole = scores(np.stack([one.pixels for one in sample]))
        for ample in AMPLE:
            least = least_side(how, ample)
            large = [place for place, one in enumerate(sample) if one.side >= 2 * least]
            if not large:
                break
            again = partial(load_pixels, preprocessing=how, least_side=least)
            scaled = threads.map(again, [sample[place].content for place in large])
            found = _compared(least, whole[large], scores(np.stack(list(scaled))), policy)
            if found.least_side is not None:
                break
    return found


def _compared(
    least: int, whole: NDArray[np.float32], scaled: NDArray[np.float32], policy: Policy
) -> Decoding:
    """What the scores of the sample say."""
    gaps = np.abs(whole - scaled).max(axis=1)
    difference = float(gaps.max())
    flips = sum(
        _decision(policy, a) != _decision(policy, b) for a, b in zip(whole, scaled, strict=True)
    )
    fits = difference <= LARGEST_DIFFERENCE and not flips
    return Decoding(
        least if fits else None,
        f"scores differ by {'at most' if fits else 'up to'} {difference:.2g} "
        f"({LARGEST_DIFFERENCE} is allowed), {flips} of {len(gaps)} decisions change",
        len(gaps),
        difference,
        float(gaps.mean()),
        flips,
    )


def _large_jpegs(pieces: Sequence[Piece], reading: Reading, side: int) -> Iterator[bytes]:
    """The sample: pictures that decoding at a fraction would change."""
    found = 0
    for piece in Random(0).sample(pieces, min(LOOKED_AT, len(pieces))):
        try:
            content = next(
                (one for _, one in contents(piece, reading) if isinstance(one, bytes)), b""
            )
            large = len(content) <= LARGEST_SAMPLED and _shorter_side(content) >= side
        except (InputError, FileError, OSError, ValueError, Image.DecompressionBombError):
            continue  # it will be a row with an error
        if large:
            yield content
            found += 1
        if found == SAMPLE:
            return


def _shorter_side(jpeg: bytes) -> int:
    with Image.open(io.BytesIO(jpeg), formats=("JPEG",)) as picture:
        return int(min(picture.size))


class _Decoded(NamedTuple):
    """One of the sample, decoded whole."""

    content: bytes
    side: int
    pixels: NDArray[np.uint8]


def _decoded(content: bytes, how: Preprocessing) -> _Decoded | None:
    try:
        return _Decoded(content, _shorter_side(content), load_pixels(content, how))
    except InputError:
        return None


def _decision(policy: Policy, scores: NDArray[np.float32]) -> tuple[str, bool]:
    judgement = policy.judge(dict(zip(policy.labels, scores.tolist(), strict=True)))
    return judgement.label, judgement.flagged
