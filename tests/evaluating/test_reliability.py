"""Calibration error and likelihood: known answers, and scikit-learn's bins and losses."""

import numpy as np
import pytest

from edgeconv.evaluating.reliability import BINS, calibration, negative_log_likelihood

LEAST = float(np.finfo(np.float32).tiny)


def two_labels(confidences, right):
    """Scores of two labels with these best scores, and the truth that makes them right or not."""
    best = np.asarray(confidences)
    return np.stack([best, 1 - best], axis=1), np.where(right, 0, 1)


def test_four_of_five_at_point_eight_are_calibrated():
    found = calibration(*two_labels([0.8] * 5, [1, 1, 1, 1, 0]), "softmax", LEAST)
    assert found.ece == pytest.approx(0, abs=1e-12)
    assert found.nll == pytest.approx(-(4 * np.log(0.8) + np.log(0.2)) / 5, abs=1e-12)


def test_a_known_error():
    # 10 at .95, 6 right: |.95 - .6|; 30 at .7, all right: |.7 - 1|; weighted by 10 and 30 of 40.
    scores, truth = two_labels([0.95] * 10 + [0.7] * 30, [1] * 6 + [0] * 4 + [1] * 30)
    found = calibration(scores, truth, "softmax", LEAST)
    assert found.ece == pytest.approx((10 * 0.35 + 30 * 0.3) / 40, abs=1e-12)
    assert sum(one.count for one in found.bins) == 40
    assert len(found.bins) == BINS == 15


def test_a_bin_takes_its_upper_edge():
    found = calibration(*two_labels([0.6], [1]), "softmax", LEAST)  # 9/15 is an edge
    (one,) = [one for one in found.bins if one.count]
    assert (one.low, one.high) == pytest.approx((8 / 15, 9 / 15))


@pytest.mark.parametrize("seed", range(20))
def test_bins_and_losses_as_scikit_learn(seed):
    oracle = pytest.importorskip("sklearn.calibration", reason="the oracle of these bins")
    from sklearn.metrics import log_loss

    generator = np.random.default_rng(seed)
    scores = generator.dirichlet(np.full(4, 0.4), 500)
    truth = generator.integers(0, 4, 500)
    found = calibration(scores, truth, "softmax", LEAST)
    right, confidence = scores.argmax(axis=1) == truth, scores.max(axis=1)
    accuracies, confidences = oracle.calibration_curve(right, confidence, n_bins=BINS)
    filled = [one for one in found.bins if one.count]
    assert [one.accuracy for one in filled] == pytest.approx(accuracies, abs=1e-12)
    assert [one.confidence for one in filled] == pytest.approx(confidences, abs=1e-12)
    assert found.nll == pytest.approx(log_loss(truth, scores, labels=range(4)), abs=1e-12)

    independent = generator.uniform(0.01, 0.99, (500, 4))
    total = sum(log_loss(truth == label, independent[:, label]) for label in range(4))
    found = negative_log_likelihood(independent, truth, "multi-label", LEAST)
    assert found == pytest.approx(total, abs=1e-12)


def test_a_score_of_zero_costs_much_and_not_infinity():
    found = calibration(np.array([[1.0, 0.0]]), np.array([1]), "softmax", 1 / 512)
    assert found.nll == pytest.approx(np.log(512))


def test_what_is_no_probability_has_no_likelihood():
    assert calibration(np.array([[1.2, -0.2]]), np.array([0]), "linear", LEAST).nll is None
