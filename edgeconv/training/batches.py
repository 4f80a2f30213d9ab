"""Pictures as a model takes them: in batches, normalised, with one-hot labels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from edgeconv.normalising import normalise
from edgeconv.spec import ModelSpec
from edgeconv.training.data import Split

Floats = NDArray[np.float32]


def batches(
    split: Split,
    spec: ModelSpec,
    order: Sequence[int] | NDArray[np.intp],
    size: int,
    *,
    epoch: int = 0,
    change: Callable[[NDArray[np.uint8]], Floats] | None = None,
) -> Iterator[tuple[Floats, Floats]]:
    """Batches of pictures; those that cannot be decoded are left out.

    Args:
        split: where they come from.
        spec: its input says how pixels are normalised, its labels how many columns there are.
        order: indices of the pictures, as they shall come.
        size: pictures a batch; fewer in the last one and where some cannot be decoded.
        epoch: which drawing of a generated picture.
        change: the augmentation of one picture, uint8 pixels to float32 pixels 0..255.

    Yields:
        Normalised pixels (N, H, W, 3) and one-hot labels (N, labels), both float32.
    """
    one_hot = np.eye(len(spec.labels), dtype=np.float32)
    for start in range(0, len(order), size):
        pictures, labels = [], []
        for index in order[start : start + size]:
            pixels = split.pixels(index, epoch)
            if pixels is not None:
                pictures.append(change(pixels) if change else pixels.astype(np.float32))
                labels.append(split.labels[index])
        if pictures:
            yield normalise(np.stack(pictures), spec.pictures), one_hot[labels]
