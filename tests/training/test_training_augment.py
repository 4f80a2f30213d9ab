"""Augmentation: within its bounds, and the same for the same seed."""

from __future__ import annotations

import numpy as np
from numpy.random import RandomState

from edgeconv.generated import draw_pattern
from edgeconv.training.augment import augmentation
from edgeconv.training.recipe import Augment

NOTHING = Augment(rotation=0, shift=0, shear=0, zoom=0, channel_shift=0, flip=False)


def test_nothing_asked_for_changes_nothing() -> None:
    pixels = draw_pattern("Dots", 0.2, 1, (32, 48))
    changed = augmentation(NOTHING, RandomState(0))(pixels)
    assert changed.dtype == np.float32
    assert np.array_equal(changed, pixels)


def test_flipping_mirrors_about_half_of_the_pictures() -> None:
    pixels = draw_pattern("Dots", 0.2, 1, (32, 48))
    change = augmentation(NOTHING.model_copy(update={"flip": True}), RandomState(0))
    seen = [change(pixels) for _ in range(40)]
    mirrored = [np.array_equal(picture, pixels[:, ::-1]) for picture in seen]
    assert all(
        flip or np.array_equal(picture, pixels)
        for flip, picture in zip(mirrored, seen, strict=True)
    )
    assert 10 < sum(mirrored) < 30


def test_channel_shift_moves_colours_by_at_most_its_bound() -> None:
    pixels = np.full((32, 32, 3), 128, np.uint8)
    pixels[0, 0], pixels[1, 1] = 0, 255
    change = augmentation(NOTHING.model_copy(update={"channel_shift": 20}), RandomState(0))
    moved = [change(pixels)[5, 5] - 128 for _ in range(30)]
    assert 10 < np.abs(moved).max() <= 20


def test_the_seeds_changes_keep_size_and_range() -> None:
    pixels = draw_pattern("Stripes", 0.2, 1, (40, 40))
    change = augmentation(Augment(), RandomState(0))
    for _ in range(20):
        changed = change(pixels)
        assert changed.shape == (40, 40, 3)
        assert 0 <= changed.min() <= changed.max() <= 255
        assert not np.array_equal(changed, pixels)


def test_the_same_stream_gives_the_same_changes() -> None:
    pixels = draw_pattern("Rings", 0.2, 1, (32, 32))
    one, other = (augmentation(Augment(), RandomState([3, 1])) for _ in range(2))
    assert all(np.array_equal(one(pixels), other(pixels)) for _ in range(5))
