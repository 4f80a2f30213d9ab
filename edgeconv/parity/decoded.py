"""A reference set as a model takes it, once for all artifacts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeconv.errors import InputError, UsageError
from edgeconv.inputs import load_input
from edgeconv.parity.reference_set import ReferenceSet
from edgeconv.progress import Progress
from edgeconv.spec import Embedding, Preprocessing


@dataclass(frozen=True)
class DecodedSet:
    """A reference set as a model takes it.

    ``inputs`` is (N, H, W, 3) uint8 RGB at the model's size, or (N, length) float32; ``skipped``
    gives name and reason of unreadable files, which have no row.
    """

    source: ReferenceSet
    preprocessing: Preprocessing | Embedding
    names: tuple[str, ...]
    inputs: NDArray[Any]
    skipped: Mapping[str, str]


def decode_set(
    pictures: ReferenceSet, preprocessing: Preprocessing | Embedding, progress: Progress
) -> DecodedSet:
    """Decode and resize every picture, or read every row; unreadable ones are skipped and named.

    Raises:
        UsageError: not one picture can be read.
    """
    progress.step(f"decoding the reference {preprocessing.noun}s", len(pictures.pictures))
    names, inputs, skipped = [], [], {}
    for picture in pictures.pictures:
        try:
            inputs.append(load_input(picture.read(), preprocessing, picture.name))
            names.append(picture.name)
        except InputError as error:
            skipped[picture.name] = error.message
        progress.advance()
    if not inputs:
        raise UsageError(
            f"not one {preprocessing.noun} of {pictures.name} can be read",
            got=[f"{name}: {reason}" for name, reason in skipped.items()][:5],
            do=f"give sound {preprocessing.noun}s with --images",
        )
    return DecodedSet(pictures, preprocessing, tuple(names), np.stack(inputs), skipped)
