"""Counts and curves equal scikit-learn's on random cases, ties and missing labels among them."""

import numpy as np
import pytest
from scipy.stats import binom

from edgeconv.evaluating.curves import curve, ladder
from edgeconv.evaluating.metrics import confusion_matrix, label_results, rate

sklearn = pytest.importorskip("sklearn.metrics", reason="the oracle of these metrics")

EXACT = {"abs": 1e-12, "rel": 1e-12}
LABELS = ("a", "b", "c", "d")


def a_case(seed):
    """Labels, scores with many ties, and decisions; a label may be missing on either side."""
    generator = np.random.default_rng(seed)
    count = int(generator.integers(2, 300))
    truth = generator.integers(0, generator.integers(2, 5), count)
    scores = generator.dirichlet(np.full(4, 0.5), count)
    scores[np.arange(count), truth] += generator.random()
    scores /= scores.sum(axis=1, keepdims=True)
    scores = np.round(scores, int(generator.integers(1, 8)))
    return truth, scores, scores.argmax(axis=1)


@pytest.mark.parametrize("seed", range(40))
def test_by_label_as_scikit_learn(seed):
    truth, _, decided = a_case(seed)
    confusion = confusion_matrix(truth, decided, 4)
    assert (confusion == sklearn.confusion_matrix(truth, decided, labels=range(4))).all()
    expected = sklearn.precision_recall_fscore_support(
        truth, decided, labels=range(4), zero_division=0
    )
    found = label_results(confusion, LABELS, ("b",))
    for name, values in zip(("precision", "recall", "f1", "support"), expected, strict=True):
        assert [getattr(one, name) for one in found] == pytest.approx(values, **EXACT)
    assert [one.predicted for one in found] == np.bincount(decided, minlength=4).tolist()
    assert [one.unsafe for one in found] == [False, True, False, False]
    accuracy = rate(int(confusion.trace()), len(truth)).value
    assert accuracy == pytest.approx(sklearn.accuracy_score(truth, decided), **EXACT)


@pytest.mark.parametrize("seed", range(40))
def test_curves_as_scikit_learn(seed):
    truth, scores, _ = a_case(seed)
    positive, score = truth == 1, scores[:, 1]
    if positive.all() or not positive.any():
        assert curve(score, positive) is None
        return
    steps, found = ladder(score, positive), curve(score, positive)
    fpr, tpr, thresholds = sklearn.roc_curve(positive, score, drop_intermediate=False)
    assert (steps.values == thresholds[1:]).all()
    assert (steps.alarms / steps.negatives).tolist() == pytest.approx(fpr[1:], **EXACT)
    assert (steps.hits / steps.positives).tolist() == pytest.approx(tpr[1:], **EXACT)
    assert found.roc_auc == pytest.approx(sklearn.roc_auc_score(positive, score), **EXACT)
    average = sklearn.average_precision_score(positive, score)
    assert found.average_precision == pytest.approx(average, **EXACT)

    # What was left out of the drawings changes no area under them.
    across, up = np.array(found.roc).T
    assert np.trapezoid(up, across) == pytest.approx(found.roc_auc, **EXACT)
    assert {*np.round(found.roc, 12).ravel()} <= {*np.round([fpr, tpr], 12).ravel()}
    recall, precision = np.array(found.precision_recall).T
    assert (np.diff(recall) * precision[1:]).sum() == pytest.approx(average, **EXACT)
    expected = {*zip(*sklearn.precision_recall_curve(positive, score)[:2], strict=True)}
    drawn = np.array(sorted((p, r) for p, r in expected))
    for point in zip(precision, recall, strict=True):
        assert np.abs(drawn - point).max(axis=1).min() < 1e-12


def test_one_wrong_label_is_seen():
    truth, scores, _ = a_case(3)
    positive = truth == 1
    good = curve(scores[:, 1], positive)
    swapped = positive.copy()
    swapped[np.argmax(scores[:, 1])] ^= True
    assert abs(curve(scores[:, 1], swapped).roc_auc - good.roc_auc) > 1e-6


@pytest.mark.parametrize(("count", "of"), [(5, 20), (0, 300), (20, 20), (999, 1000)])
def test_the_interval_is_exact(count, of):
    found = rate(count, of)
    assert found.low <= found.value <= found.high
    if count:
        assert binom.sf(count - 1, of, found.low) == pytest.approx(0.025, abs=1e-9)
    if count < of:
        assert binom.cdf(count, of, found.high) == pytest.approx(0.025, abs=1e-9)


def test_a_share_of_nothing():
    found = rate(0, 0)
    assert (found.value, found.low, found.high) == (0, 0, 1)
