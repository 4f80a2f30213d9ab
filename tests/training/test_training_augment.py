"""Augmentation: within its bounds, and the same for the same seed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.random import RandomState

from edgeconv.generated import draw_pattern
from edgeconv.normalising import normalise
from edgeconv.spec import Input
from edgeconv.training.augment import augmentation
from edgeconv.training.recipe import Augment

PIXELS = Input(size=(32, 32), scale="1/255", mean=(0.4, 0.5, 0.6), std=(0.2, 0.25, 0.3))
NOTHING = Augment(rotation=0, shift=0, shear=0, zoom=0, channel_shift=0, flip=False)


def test_nothing_asked_for_changes_nothing() -> None:
    pixels = draw_pattern("Dots", 0.2, 1, (32, 48))
    changed = augmentation(NOTHING, PIXELS)(pixels, RandomState(0))
    assert changed.dtype == np.float32
    assert np.array_equal(changed, pixels)


def test_flipping_mirrors_about_half_of_the_pictures() -> None:
    pixels = draw_pattern("Dots", 0.2, 1, (32, 48))
    change, random = augmentation(NOTHING.model_copy(update={"flip": True}), PIXELS), RandomState(0)
    seen = [change(pixels, random) for _ in range(40)]
    mirrored = [np.array_equal(picture, pixels[:, ::-1]) for picture in seen]
    assert all(
        flip or np.array_equal(picture, pixels)
        for flip, picture in zip(mirrored, seen, strict=True)
    )
    assert 10 < sum(mirrored) < 30


def test_channel_shift_moves_colours_by_at_most_its_bound() -> None:
    pixels = np.full((32, 32, 3), 128, np.uint8)
    pixels[0, 0], pixels[1, 1] = 0, 255
    change = augmentation(NOTHING.model_copy(update={"channel_shift": 20}), PIXELS)
    moved = [change(pixels, RandomState(seed))[5, 5] - 128 for seed in range(30)]
    assert 10 < np.abs(moved).max() <= 20


def test_the_seeds_changes_keep_size_and_range() -> None:
    pixels = draw_pattern("Stripes", 0.2, 1, (40, 40))
    change, random = augmentation(Augment(), PIXELS), RandomState(0)
    for _ in range(20):
        changed = change(pixels, random)
        assert changed.shape == (40, 40, 3)
        assert 0 <= changed.min() <= changed.max() <= 255
        assert not np.array_equal(changed, pixels)


def test_jitter_changes_brightness_contrast_and_saturation_within_its_bound() -> None:
    pixels = np.full((8, 8, 3), (60, 120, 180), np.uint8)
    change = augmentation(NOTHING.model_copy(update={"colour_jitter": 0.2}), PIXELS)
    seen = np.stack([change(pixels, RandomState(seed))[0, 0] for seed in range(60)])
    # A plain picture has no contrast; brightness moves all channels, saturation their distances.
    assert seen.mean(axis=1).min() >= 0.79 * 120
    assert seen.mean(axis=1).max() <= 1.21 * 120
    assert np.ptp(seen.mean(axis=1)) > 20
    assert np.ptp((seen[:, 2] - seen[:, 0]) / seen.mean(axis=1)) > 0.2


def test_jitter_reaches_only_the_share_asked_for() -> None:
    pixels = np.full((8, 8, 3), (60, 120, 180), np.uint8)
    change = augmentation(
        NOTHING.model_copy(update={"colour_jitter": 0.2, "colour_jitter_of": 0.25}), PIXELS
    )
    changed = sum(
        not np.array_equal(change(pixels, RandomState(seed)), pixels) for seed in range(200)
    )
    assert 30 < changed < 70


def test_a_blur_takes_away_edges_and_no_light() -> None:
    pixels = np.zeros((40, 40, 3), np.uint8)
    pixels[:, 20:] = 200
    change = augmentation(NOTHING.model_copy(update={"blur_of": 0.5}), PIXELS)
    seen = [change(pixels, RandomState(seed)) for seed in range(60)]
    steepest = np.array([np.abs(np.diff(picture, axis=1)).max() for picture in seen])
    assert 15 < (steepest < 199).sum() < 45
    assert steepest.min() < 80
    assert all(abs(picture.mean() - 100) < 3 for picture in seen)


def test_what_is_erased_is_a_rectangle_of_noise_that_is_normal_once_normalised() -> None:
    pixels = np.full((60, 80, 3), 100, np.uint8)
    change = augmentation(NOTHING.model_copy(update={"erase_of": 0.5}), PIXELS)
    areas, noise = [], []
    for seed in range(200):
        changed = change(pixels, RandomState(seed))
        rows, columns = np.nonzero((changed != 100).any(axis=2))
        if not len(rows):
            continue
        assert (np.ptp(rows) + 1) * (np.ptp(columns) + 1) == len(rows)
        areas.append(len(rows) / (60 * 80))
        noise.append(normalise(changed, PIXELS)[rows, columns])
    assert 70 < len(areas) < 130
    assert 0.015 < min(areas) < 0.08
    assert 0.25 < max(areas) < 0.35
    drawn = np.concatenate(noise)
    assert np.allclose(drawn.mean(axis=0), 0, atol=0.02)
    assert np.allclose(drawn.std(axis=0), 1, atol=0.02)


def test_the_same_stream_gives_the_same_changes_in_any_thread() -> None:
    pixels = draw_pattern("Rings", 0.2, 1, (32, 32))
    change = augmentation(Augment(colour_jitter=0.3, blur_of=0.5, erase_of=0.5), PIXELS)
    alone = [change(pixels, RandomState([3, seed])) for seed in range(40)]
    with ThreadPoolExecutor(8) as pool:
        together = pool.map(lambda seed: change(pixels, RandomState([3, seed])), range(40))
        assert all(np.array_equal(*pair) for pair in zip(alone, together, strict=True))
