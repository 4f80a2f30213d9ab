"""Learned positions for another image size, as the libraries that trained them make them.

Both use torch's ``interpolate``, which goes over rows and columns with Keys' cubic kernel (1981);
patches are squares that lie edge to edge (``align_corners=False``). Without antialiasing a = -0.75,
and the outermost patch is repeated; with it a = -0.5, and the kernel is widened when shrinking and
cut off at the edge.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil, isqrt
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from edgeconv.architectures.vit_options import options_of
from edgeconv.errors import CheckpointMismatch
from edgeconv.spec import ModelSpec

Grid = tuple[int, int]
"""Rows and columns of patches."""

Tensors: TypeAlias = Mapping[str, NDArray[np.float32]]

POSITIONS = "positions/positions"


def interpolate_positions(
    positions: NDArray[np.float32],
    from_grid: Grid,
    to_grid: Grid,
    *,
    class_token: bool,
    antialias: bool,
) -> NDArray[np.float32]:
    """Positions of one grid for another.

    Args:
        positions: (tokens, width), row by row; the class token's first, where there is one.
        from_grid: that they were learned for.
        to_grid: that they are wanted for.
        class_token: whether there is one; its position stays as it is.
        antialias: as timm (``resample_abs_pos_embed``); False is as transformers
            (``interpolate_pos_encoding``). They differ, enlarging too.

    Returns:
        float32 (tokens of ``to_grid``, width).

    Raises:
        CheckpointMismatch: there are more or fewer positions than ``from_grid`` has patches.
    """
    rows, columns = from_grid
    if len(positions) != rows * columns + class_token:
        raise CheckpointMismatch(
            "the positions are not those of the grid of patches",
            got=f"{len(positions)} positions",
            expected=f"{rows} x {columns}" + (" and a class token" if class_token else ""),
        )
    if from_grid == to_grid:
        return positions
    first, patches = np.split(positions, [int(class_token)])
    moved = np.einsum(
        "yi,xj,ijd->yxd",
        _weights(rows, to_grid[0], antialias),
        _weights(columns, to_grid[1], antialias),
        patches.reshape(rows, columns, -1),
        optimize=True,
    )
    return np.concatenate([first, moved.reshape(-1, positions.shape[1])]).astype(np.float32)


def moved(
    spec: ModelSpec, tensors: Tensors, learned_for: tuple[int, int] | None
) -> dict[str, NDArray[np.float32]]:
    """A checkpoint's tensors with its positions at the spec's size.

    Args:
        spec: of a ViT that says how to ``interpolate``.
        tensors: by ``layer/weight``.
        learned_for: the checkpoint's own picture size (height, width); None where it does not say,
            which means a square.

    Raises:
        CheckpointMismatch: the positions are not those of the size.
    """
    options, size = options_of(spec)
    positions = tensors[POSITIONS]
    side = isqrt(len(positions) - options.class_token)
    grid = options.grid(learned_for) if learned_for else (side, side)
    at_size = interpolate_positions(
        positions,
        grid,
        options.grid(size),
        class_token=options.class_token,
        antialias=options.interpolate == "timm",
    )
    return {**tensors, POSITIONS: at_size}


def _weights(source: int, target: int, antialias: bool) -> NDArray[np.float64]:
    """What each of the ``source`` places counts for in each of the ``target``: (target, source)."""
    step = source / target
    stretch = max(step, 1.0) if antialias else 1.0
    centres = (np.arange(target)[:, None] + 0.5) * step - 0.5
    reach = ceil(2 * stretch)
    taps = np.floor(centres).astype(int) + np.arange(-reach, reach + 1)
    found = _cubic(np.abs(taps - centres) / stretch, -0.5 if antialias else -0.75)
    inside = taps.clip(0, source - 1)
    if antialias:
        found = np.where(taps == inside, found, 0)
    weights: NDArray[np.float64] = np.zeros((target, source))
    np.add.at(weights, (np.arange(target)[:, None], inside), found)
    weights /= weights.sum(axis=1, keepdims=True)
    return weights


def _cubic(x: NDArray[np.float64], a: float) -> NDArray[np.float64]:
    """Keys' kernel at distances ``x``."""
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = a * (((x - 5) * x + 8) * x - 4)
    return np.where(x < 1, near, np.where(x < 2, far, 0))
