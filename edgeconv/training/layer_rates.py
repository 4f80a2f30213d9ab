"""Smaller learning rates for layers further from the head (Clark et al. 2020, as BEiT does it)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

_BLOCK = re.compile(r"block_(\d+)_")
"""How layers of a block are called, in MobileNetV2 as in the vision transformer."""


def rate_groups(model: Any, body: Sequence[Any], decay: float) -> list[tuple[float, list[Any]]]:
    """The variables that learn, by the share of the learning rate that they learn at.

    The head, and what follows the last block, has all of it; each block before that has ``decay``
    times the share of the next one; what comes before the first block has the least.

    Args:
        model: a ``tf_keras.Model``; layers that are not trainable are left out.
        body: its layers before the head.
        decay: 1 for the same rate everywhere.

    Returns:
        Pairs of share and variables, from the first layers to the last.
    """
    depths = _depths([layer.name for layer in body])
    most = max(depths.values(), default=0)
    groups: dict[float, list[Any]] = {}
    for layer in model.layers:
        share = decay ** (most - depths.get(layer.name, most))
        if layer.trainable_variables:
            groups.setdefault(share, []).extend(layer.trainable_variables)
    return list(groups.items())


def _depths(names: Sequence[str]) -> dict[str, int]:
    """How many blocks have begun where each layer stands; one more after the last of them."""
    blocks: list[str] = []
    depths, last = {}, -1
    for place, name in enumerate(names):
        found = _BLOCK.match(name)
        if found and found[1] not in blocks:
            blocks.append(found[1])
        if found:
            last = place
        depths[name] = len(blocks)
    for name in names[last + 1 :]:
        depths[name] = len(blocks) + 1
    return depths
