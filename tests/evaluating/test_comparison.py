"""McNemar's exact test, and what was right before and is wrong now."""

from math import comb

import numpy as np
import pytest

from edgeconv.evaluating.comparison import compare, mcnemar
from edgeconv.parity.statistics import upper_bound_95


@pytest.mark.parametrize(("first", "second"), [(1, 9), (6, 6), (0, 5), (40, 21), (3, 2)])
def test_mcnemar_is_a_fair_coin(first, second):
    total = first + second
    tail = sum(comb(total, k) for k in range(min(first, second) + 1)) / 2**total
    assert mcnemar(first, second) == pytest.approx(min(1.0, 2 * tail), abs=1e-12)


def test_known_values():
    assert mcnemar(0, 5) == pytest.approx(2 / 32)
    assert mcnemar(0, 0) == 1
    # Agresti, Categorical Data Analysis (2002), 10.1: 150 and 86 changed their minds.
    assert mcnemar(150, 86) == pytest.approx(3.7e-5, rel=0.02)


def test_flips_by_label():
    truth = np.array([0, 0, 0, 1, 1, 2])
    before = np.array([0, 0, 1, 1, 0, 2])
    after = np.array([0, 1, 0, 1, 0, 1])
    found = compare("old", "somewhere", truth, before, after, ("a", "b", "c", "d"))
    assert (found.negative_flips, found.positive_flips) == (2, 1)
    assert (found.both_right, found.both_wrong) == (2, 1)
    assert found.negative_flip_rate == pytest.approx(2 / 6)
    assert found.bound_95 == upper_bound_95(2, 6)
    assert found.accuracy.count == 4
    assert [(one.label, one.pictures, one.negative, one.positive) for one in found.by_label] == [
        ("a", 3, 1, 1), ("b", 2, 0, 0), ("c", 1, 1, 0),
    ]  # fmt: skip
