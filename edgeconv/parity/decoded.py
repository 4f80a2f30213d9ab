"""A reference set brought to a model's size, once for all artifacts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgeconv.errors import ImageError, UsageError
from edgeconv.images import load_pixels
from edgeconv.parity.reference_set import ReferenceSet
from edgeconv.progress import Progress
from edgeconv.spec import Preprocessing


@dataclass(frozen=True)
class DecodedSet:
    """A reference set brought to a model's size.

    ``pixels`` is (N, H, W, 3) uint8 RGB; ``skipped`` gives name and reason of unreadable files,
    which have no row.
    """

    source: ReferenceSet
    preprocessing: Preprocessing
    names: tuple[str, ...]
    pixels: NDArray[np.uint8]
    skipped: Mapping[str, str]


def decode_set(
    pictures: ReferenceSet, preprocessing: Preprocessing, progress: Progress
) -> DecodedSet:
    """Decode and resize every picture; unreadable ones are skipped and named.

    Raises:
        UsageError: not one picture can be read.
    """
    progress.step("decoding the reference pictures", len(pictures.pictures))
    names, pixels, skipped = [], [], {}
    for picture in pictures.pictures:
        try:
            pixels.append(load_pixels(picture.read(), preprocessing, picture.name))
            names.append(picture.name)
        except ImageError as error:
            skipped[picture.name] = error.message
        progress.advance()
    if not pixels:
        raise UsageError(
            f"not one picture of {pictures.name} can be read",
            got=[f"{name}: {reason}" for name, reason in skipped.items()][:5],
            do="give a folder of photographs with --images",
        )
    return DecodedSet(pictures, preprocessing, tuple(names), np.stack(pixels), skipped)
