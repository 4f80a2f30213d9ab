"""Thresholds with a known answer, against brute force, and their intervals."""

import numpy as np
import pytest

from edgeconv.contract import OperatingPoint
from edgeconv.errors import UsageError
from edgeconv.evaluating import operating_points
from edgeconv.evaluating.operating_points import (
    MAX_F1,
    choose,
    measure,
    presets,
    refitted,
    target_fpr,
    target_recall,
)


def triangular(count):
    """Safe scores spread evenly over 0..1, unsafe ones with density 2t: quantiles, not chance.

    At a threshold t the false-positive rate is 1 - t and the recall 1 - t**2.
    """
    quantiles = (np.arange(count) + 0.5) / count
    scores = np.concatenate([quantiles, np.sqrt(quantiles)])
    return scores, np.repeat([False, True], count)


def drawn(generator, count):
    scores = np.concatenate([generator.random(count), np.sqrt(generator.random(count))])
    return scores, np.repeat([False, True], count)


@pytest.mark.parametrize(
    ("aim", "threshold"),
    [
        (target_fpr("1%"), 0.99),
        (target_fpr("0.2"), 0.8),
        (target_recall("99%"), 0.1),
        (target_recall("0.75"), 0.5),
        (MAX_F1, 2 - 3**0.5),  # where the derivative of 2(1 - t^2) / (3 - t - t^2) is 0
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_the_threshold_is_where_calculus_puts_it(aim, threshold):
    (found,) = choose(*triangular(2000), [aim])
    flat = 0.02 if aim is MAX_F1 else 1e-3  # around its highest value F1 hardly changes
    assert found.point.threshold == pytest.approx(threshold, abs=flat)
    reached = found.point.threshold
    assert found.recall.value == pytest.approx(1 - reached**2, abs=1e-3)
    assert found.false_positive_rate.value == pytest.approx(1 - reached, abs=1e-3)
    expected = (1 - reached**2) / (1 - reached**2 + 1 - reached)
    assert found.precision.value == pytest.approx(expected, abs=1e-2)
    assert found.threshold.low < reached < found.threshold.high
    assert found.point.name == aim.name


def brute_force(aim, scores, unsafe):
    """Every threshold there is, tried one by one."""
    best = None
    for threshold in sorted(set(scores), reverse=True):
        flagged = scores >= threshold
        hits, alarms = (flagged & unsafe).sum(), (flagged & ~unsafe).sum()
        if aim.kind == "fpr" and alarms <= aim.rate * (~unsafe).sum() + 1e-9:
            best = threshold
        elif aim.kind == "recall" and hits >= aim.rate * unsafe.sum() - 1e-9:
            return threshold
        elif aim.kind == "f1":
            f1 = 2 * hits / (unsafe.sum() + flagged.sum())
            if best is None or f1 > best[0]:
                best = f1, threshold
    return best[1] if aim.kind == "f1" else best


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("aim", [target_fpr("25%"), target_recall("80%"), MAX_F1], ids=str)
def test_as_brute_force_finds_it(aim, seed):
    generator = np.random.default_rng(seed)
    scores = np.round(generator.random(40), 1 + seed % 3)
    unsafe = (generator.random(40) + scores > 1) | (scores == scores.max())
    if unsafe.all():
        return
    (found,) = choose(scores, unsafe, [aim])
    expected = brute_force(aim, scores, unsafe)
    assert ((scores >= found.point.threshold) == (scores >= expected)).all()
    below = scores[scores < expected].max(initial=0.0)
    assert found.point.threshold == pytest.approx((expected + below) / 2)


@pytest.mark.parametrize("aim", [target_fpr("25%"), target_recall("80%"), MAX_F1], ids=str)
def test_a_resample_gets_the_threshold_it_would_get_by_itself(aim, monkeypatch):
    generator = np.random.default_rng(8)
    scores, unsafe = drawn(generator, 25)
    steps = operating_points.ladder(scores, unsafe)
    for hits, alarms in operating_points._resamples(steps, generator):
        found = operating_points._thresholds(steps.values, hits, alarms, aim.met(hits, alarms))
        for row in range(50):
            counts = [np.diff(kind[row], prepend=0) for kind in (hits, alarms)]
            again = np.concatenate([np.repeat(steps.values, count) for count in counts])
            is_unsafe = np.repeat([True, False], [count.sum() for count in counts])
            monkeypatch.setattr(operating_points, "RESAMPLES", 1)
            try:
                (alone,) = choose(again, is_unsafe, [aim])
            except UsageError:
                continue  # its highest scores are all safe
            assert found[row] == pytest.approx(alone.point.threshold)
        return


def test_the_same_seed_gives_the_same_intervals():
    scores, unsafe = drawn(np.random.default_rng(3), 200)
    aims = [target_fpr("5%"), MAX_F1]
    assert choose(scores, unsafe, aims) == choose(scores, unsafe, aims)
    assert choose(scores, unsafe, aims) != choose(scores, unsafe, aims, seed=1)


@pytest.mark.slow
@pytest.mark.parametrize("aim", [target_fpr("10%"), target_recall("90%")], ids=lambda aim: aim.name)
def test_the_interval_holds_what_the_threshold_does_elsewhere(aim):
    """In 95 % of cases the true rate of the chosen threshold lies in its interval."""
    generator = np.random.default_rng(11)
    held = []
    for _ in range(150):
        (found,) = choose(*drawn(generator, 300), [aim])
        threshold = found.point.threshold
        true, interval = (
            (1 - threshold, found.false_positive_rate)
            if aim.kind == "fpr"
            else (1 - threshold**2, found.recall)
        )
        held.append(interval.low <= true <= interval.high)
    assert 0.90 <= np.mean(held) <= 0.99


def test_presets_are_in_order_and_keep_their_word():
    for scores, unsafe in (triangular(500), drawn(np.random.default_rng(1), 60), separable()):
        strict, balanced, lenient = presets(scores, unsafe)
        assert [one.point.name for one in (strict, balanced, lenient)] == [
            "strict", "balanced", "lenient",
        ]  # fmt: skip
        thresholds = [one.point.threshold for one in (strict, balanced, lenient)]
        assert thresholds == sorted(thresholds)
        assert strict.recall.value >= 0.99
        assert lenient.false_positive_rate.value <= 0.01


def separable():
    """So good a model that 1 % of the safe ones is reached below where 99 % recall is."""
    return np.concatenate([np.linspace(0, 0.4, 50), np.linspace(0.6, 1, 50)]), np.repeat(
        [False, True], 50
    )


def test_a_threshold_from_elsewhere_is_measured():
    scores, unsafe = triangular(1000)
    found = measure(OperatingPoint(name="x", threshold=0.5), scores, unsafe)
    assert found.recall.value == pytest.approx(0.75, abs=2e-3)
    assert found.false_positive_rate.value == pytest.approx(0.5, abs=2e-3)
    assert found.recall.low < 0.75 < found.recall.high
    assert not found.chosen


def test_what_cannot_be_reached_is_said():
    with pytest.raises(UsageError, match="fpr-1%"):
        choose(np.array([0.9, 0.5, 0.1]), np.array([False, True, False]), [target_fpr("1%")])
    with pytest.raises(UsageError, match="safe and unsafe"):
        choose(np.array([0.9, 0.5]), np.array([True, True]), [MAX_F1])
    for rate in ("0%", "100%", "2", "many", "nan", ""):
        with pytest.raises(UsageError, match="no rate"):
            target_recall(rate)


POINT = OperatingPoint(name="strict", threshold=0.5, recall=0.9)


def test_a_file_that_flags_as_many_keeps_the_threshold():
    reference = np.random.default_rng(4).random(100)
    assert refitted(POINT, reference, reference, "some") is POINT
    assert refitted(POINT, reference * 0.4, reference, "some") is POINT, "none flagged: no evidence"


@pytest.mark.parametrize("squeeze", [lambda s: s * 0.7, lambda s: s**3, lambda s: 1 - (1 - s) ** 3])
def test_a_file_whose_scores_are_squeezed_flags_the_same_again(squeeze):
    reference = np.random.default_rng(4).random(400)
    candidate = squeeze(reference)
    found = refitted(POINT, reference, candidate, "400 pictures")
    assert ((candidate >= found.threshold) == (reference >= 0.5)).all()
    assert ((candidate >= 0.5) != (reference >= 0.5)).any(), "the twin: left alone, it flips"
    assert (found.refitted_on, found.recall) == ("400 pictures", 0.9)


def test_ties_get_as_near_as_they_can():
    reference = np.linspace(0, 1, 10)
    candidate = np.array([0.0] * 7 + [0.9] * 3)  # 3 or all: 5 cannot be had
    assert refitted(POINT, reference, candidate, "some") is POINT
