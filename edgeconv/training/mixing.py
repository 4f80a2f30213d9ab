"""Mixup (Zhang et al. 2018) and CutMix (Yun et al. 2019), one of the two a batch, as timm does.

Each picture is mixed with the one at the mirrored place of its batch: order is random anyway.
"""

from __future__ import annotations

import numpy as np
from numpy.random import RandomState
from numpy.typing import NDArray

from edgeconv.training.recipe import Mixing

Floats = NDArray[np.float32]


def mix(
    inputs: Floats, targets: Floats, options: Mixing, random: RandomState
) -> tuple[Floats, Floats]:
    """A batch whose pictures and labels are mixed in pairs.

    Args:
        inputs: (N, H, W, 3), or rows (N, length), which have no place to cut and get mixup alone.
        targets: (N, labels), shares of labels.
        options: the alphas.
        random: where the shares are drawn from.

    Returns:
        The same shapes; the arguments are unchanged.
    """
    cut = options.cutmix > 0 and inputs.ndim == 4
    if cut and options.mixup:
        cut = random.uniform() < options.switch_to_cutmix
    alpha = options.cutmix if cut else options.mixup
    if not alpha:
        return inputs, targets
    share = random.beta(alpha, alpha)
    if cut:
        mixed, share = _cut(inputs, share, random)
    else:
        mixed = _blend(inputs, share)
    return mixed, _blend(targets, share)


def _blend(values: Floats, share: float) -> Floats:
    blended: Floats = values * np.float32(share) + values[::-1] * np.float32(1 - share)
    return blended


def _cut(inputs: Floats, share: float, random: RandomState) -> tuple[Floats, float]:
    """A rectangle of the other picture; and the share that is left, which the edge may raise."""
    height, width = inputs.shape[1:3]
    side = np.sqrt(1 - share)
    rows, columns = (
        _around(random.randint(length), int(length * side), length) for length in (height, width)
    )
    mixed = inputs.copy()
    mixed[:, rows, columns] = inputs[::-1, rows, columns]
    area = (rows.stop - rows.start) * (columns.stop - columns.start)
    return mixed, 1 - area / (height * width)


def _around(middle: int, length: int, end: int) -> slice:
    return slice(max(0, middle - length // 2), min(end, middle + length // 2))
