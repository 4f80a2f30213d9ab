"""Mixup and CutMix: what the papers say of a batch and its labels."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.random import RandomState

from edgeconv.training.mixing import mix
from edgeconv.training.recipe import Mixing

LABELS = np.eye(4, dtype=np.float32)


def pictures() -> np.ndarray:
    """Four plain pictures of 0, 1, 2 and 3."""
    return np.broadcast_to(np.arange(4.0).reshape(4, 1, 1, 1), (4, 16, 20, 3)).astype(np.float32)


def test_mixup_blends_pictures_and_labels_by_the_same_share() -> None:
    mixed, targets = mix(pictures(), LABELS, Mixing(mixup=0.4), RandomState(3))
    share = targets[0, 0]
    assert 0 < share < 1
    assert targets[0] == pytest.approx([share, 0, 0, 1 - share], abs=1e-6)
    assert mixed[0] == pytest.approx(3 * (1 - share), abs=1e-5)
    assert mixed[2] == pytest.approx(2 * share + 1 * (1 - share), abs=1e-5)


def test_cutmix_puts_in_as_much_of_the_other_picture_as_of_its_label() -> None:
    for seed in range(30):
        mixed, targets = mix(pictures(), LABELS, Mixing(cutmix=1.0), RandomState(seed))
        assert set(np.unique(mixed[0])) <= {0.0, 3.0}
        assert targets[0, 0] == pytest.approx((mixed[0] == 0).mean(), abs=1e-6)
        assert targets[1, 1] == pytest.approx((mixed[1] == 1).mean(), abs=1e-6)
        rows, columns = np.nonzero(mixed[0, :, :, 0])
        if len(rows):
            area = (np.ptp(rows) + 1) * (np.ptp(columns) + 1)
            assert area == len(rows), "what was put in is a rectangle"


def test_one_of_the_two_a_batch_by_the_share_asked_for() -> None:
    options = Mixing(mixup=0.5, cutmix=0.5, switch_to_cutmix=0.25)
    cut = 0
    for seed in range(400):
        mixed, _ = mix(pictures(), LABELS, options, RandomState(seed))
        cut += set(np.unique(mixed)) <= {0.0, 1.0, 2.0, 3.0}
    assert 60 < cut < 150


def test_the_shares_are_those_of_the_beta_distribution() -> None:
    shares = np.array(
        [
            mix(pictures(), LABELS, Mixing(mixup=0.3), RandomState(seed))[1][0, 0]
            for seed in range(1000)
        ]
    )
    assert shares.mean() == pytest.approx(0.5, abs=0.05)
    assert shares.var() == pytest.approx(0.25 / (2 * 0.3 + 1), abs=0.02)


def test_rows_have_no_place_to_cut() -> None:
    rows = np.arange(8, dtype=np.float32).reshape(4, 2)
    same, targets = mix(rows, LABELS, Mixing(cutmix=1.0), RandomState(0))
    assert np.array_equal(same, rows)
    assert np.array_equal(targets, LABELS)


def test_the_batch_itself_is_left_as_it_was() -> None:
    before, labels = pictures(), LABELS.copy()
    mix(before, labels, Mixing(mixup=1.0, cutmix=1.0), RandomState(0))
    assert np.array_equal(before, pictures())
    assert np.array_equal(labels, LABELS)
