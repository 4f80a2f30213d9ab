import numpy as np
import pytest
from scipy.stats import binom

from edgeconv.contract import OperatingPoint
from edgeconv.parity.statistics import (
    differences,
    kl_divergence,
    label_flips,
    margins,
    point_flips,
    upper_bound_95,
)

UNSAFE = np.array([False, True, True])


def scores(*rows):
    return np.array(rows, np.float32)


@pytest.mark.parametrize(("count", "trials"), [(0, 300), (2, 300), (10, 320), (1, 5)])
def test_bound_is_the_rate_at_which_so_few_are_seen_5_percent_of_the_time(count, trials):
    bound = upper_bound_95(count, trials)
    assert binom.cdf(count, trials, bound) == pytest.approx(0.05, abs=1e-9)


def test_bounds_with_a_known_answer():
    assert upper_bound_95(0, 300) == pytest.approx(1 - 0.05 ** (1 / 300), abs=1e-12)
    assert upper_bound_95(2, 300) == pytest.approx(0.0208, abs=5e-5)  # the figure of the design
    assert upper_bound_95(3, 3) == 1.0
    assert upper_bound_95(0, 0) == 1.0


def test_flips_have_a_direction():
    reference = scores([0.6, 0.4, 0], [0.4, 0.6, 0], [0, 0.6, 0.4], [1, 0, 0])
    candidate = scores([0.4, 0.6, 0], [0.6, 0.4, 0], [0, 0.4, 0.6], [1, 0, 0])
    flips = label_flips(reference, candidate, UNSAFE)
    assert (flips.count, flips.newly_flagged, flips.newly_missed) == (3, 1, 1)


def test_operating_points_count_their_own_flips():
    reference = scores([0.6, 0.2, 0.2], [0.7, 0.3, 0])
    candidate = scores([0.6, 0.2, 0.2], [0.6, 0.4, 0])
    (found,) = point_flips(
        reference, candidate, UNSAFE, [OperatingPoint(name="strict", threshold=0.35)]
    )
    assert (found.count, found.newly_flagged, found.newly_missed) == (1, 1, 0)


def test_each_side_is_held_to_its_own_threshold():
    reference = scores([0.6, 0.2, 0.2], [0.7, 0.3, 0], [0.5, 0.5, 0])
    candidate = scores([0.7, 0.2, 0.1], [0.8, 0.2, 0], [0.6, 0.4, 0])
    own = OperatingPoint(name="strict", threshold=0.25)
    (alike,) = point_flips(
        reference, candidate, UNSAFE, [own], [OperatingPoint(name="strict", threshold=0.35)]
    )
    assert (alike.count, alike.threshold, alike.reference_threshold) == (0, 0.25, 0.35)
    others = [OperatingPoint(name="lenient", threshold=0.35)]
    (found,) = point_flips(reference, candidate, UNSAFE, [own], others)
    assert (found.count, found.newly_missed, found.reference_threshold) == (1, 1, 0.25)


def test_kl_with_a_known_answer_and_never_infinite():
    reference, candidate = scores([0.5, 0.5]), scores([0.25, 0.75])
    assert kl_divergence(reference, candidate)[0] == pytest.approx(
        0.5 * np.log(2) + 0.5 * np.log(2 / 3), abs=1e-6
    )
    assert np.isfinite(kl_divergence(scores([1.0, 0.0]), scores([0.0, 1.0]))).all()


def test_differences_and_margins():
    found = differences(scores([0.5, 0.5], [1, 0]), scores([0.4, 0.6], [1, 0]))
    assert found.max_abs == pytest.approx(0.1)
    assert found.mean_abs == pytest.approx(0.05)
    assert margins(scores([0.7, 0.1, 0.2]))[0] == pytest.approx(0.5)
