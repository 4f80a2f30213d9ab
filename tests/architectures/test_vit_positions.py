"""Positions moved to another grid; `test_vit_originals.py` holds them to the libraries' own."""

from __future__ import annotations

import numpy as np
import pytest

from edgeconv.architectures.vit_positions import Grid, interpolate_positions
from edgeconv.errors import CheckpointMismatch

GENERATOR = np.random.default_rng(0)
POSITIONS = GENERATOR.normal(size=(1 + 4 * 6, 8)).astype(np.float32)


@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize("grid", [(8, 12), (2, 3), (5, 2)])
def test_the_class_token_stays_and_a_plain_colour_stays_plain(grid: Grid, antialias: bool) -> None:
    plain = POSITIONS.copy()
    plain[1:] = 0.75
    moved = interpolate_positions(plain, (4, 6), grid, class_token=True, antialias=antialias)
    assert moved.shape == (1 + grid[0] * grid[1], 8)
    assert moved.dtype == np.float32
    np.testing.assert_array_equal(moved[0], plain[0])
    np.testing.assert_allclose(moved[1:], 0.75, atol=1e-6)


def test_rows_are_not_columns() -> None:
    ramp = np.repeat(np.arange(4, dtype=np.float32), 6)[:, None]
    moved = interpolate_positions(ramp, (4, 6), (8, 6), class_token=False, antialias=False)
    rows = moved.reshape(8, 6)
    assert np.ptp(rows, axis=1).max() < 1e-6
    assert (np.diff(rows[:, 0]) > 0).all()


def test_the_same_grid_changes_nothing() -> None:
    moved = interpolate_positions(POSITIONS, (4, 6), (4, 6), class_token=True, antialias=True)
    np.testing.assert_array_equal(moved, POSITIONS)


def test_positions_of_another_grid_are_refused() -> None:
    with pytest.raises(CheckpointMismatch, match="4 x 6 and a class token"):
        interpolate_positions(POSITIONS[1:], (4, 6), (8, 8), class_token=True, antialias=False)
