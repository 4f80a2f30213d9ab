"""Thresholds on the unsafe score: chosen for a rate, or refitted to another model's rate.

An input is flagged when its unsafe score reaches the threshold. A threshold lies in the middle of
the gap between the last score that it flags and the next, so that rounding in another runtime
crosses it as seldom as can be.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edgeconv.errors import UsageError
from edgeconv.evaluating.curves import Ladder, Marks, Numbers, ladder
from edgeconv.evaluating.metrics import rate, share
from edgeconv.evaluating.results import Interval, PointResult
from edgeconv.spec import OperatingPoint

RESAMPLES = 1000
"""Of the bootstrap: enough for the ends of a 95 % interval (Efron and Tibshirani 1993)."""

SEED = 0

_AT_ONCE = 2_000_000
"""Numbers of a block of resamples, so that memory does not grow with the pictures."""

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Aim:
    """What a threshold is chosen for.

    - ``fpr``: the lowest threshold that flags at most the share ``rate`` of safe pictures.
    - ``recall``: the highest one that flags at least the share ``rate`` of unsafe pictures.
    - ``f1``: the one with the highest F1, the highest of several.
    """

    name: str
    kind: Literal["fpr", "recall", "f1"]
    rate: float = 0.0

    def met(self, hits: Counts, alarms: Counts) -> NDArray[np.intp]:
        """How many rungs of each row the threshold flags; 0 where nothing may be flagged.

        Args:
            hits: (rows, rungs), growing along a row, as those of a :class:`Ladder`.
            alarms: the same, of safe pictures.
        """
        positives, negatives = hits[:, -1:], alarms[:, -1:]
        if self.kind == "fpr":
            found = (alarms <= self.rate * negatives * _ROUNDING).sum(axis=1)
        elif self.kind == "recall":
            found = (hits * _ROUNDING < self.rate * positives).sum(axis=1) + 1
        else:
            found = (2 * hits / (positives + hits + alarms)).argmax(axis=1) + 1
        return np.asarray(found, np.intp)


_ROUNDING = 1 + 1e-12
"""A rate of 1 % of 300 pictures is 3 of them, whatever floats make of it."""

MAX_F1 = Aim("max-f1", "f1")


def target_fpr(rate: str) -> Aim:
    """Flag at most this share of the safe pictures: ``1%`` or ``0.01``."""
    value = _rate_of(rate)
    return Aim(f"fpr-{100 * value:.6g}%", "fpr", value)


def target_recall(rate: str) -> Aim:
    """Flag at least this share of the unsafe pictures: ``99%`` or ``0.99``."""
    value = _rate_of(rate)
    return Aim(f"recall-{100 * value:.6g}%", "recall", value)


def choose(
    scores: Numbers, unsafe: Marks, aims: Sequence[Aim], seed: int = SEED
) -> tuple[PointResult, ...]:
    """A threshold for each aim, with bootstrap intervals.

    Safe and unsafe pictures are resampled apart, for their numbers are the collector's choice. Each
    resample's own threshold is tried on all pictures: that scatters around what was aimed at as
    the threshold chosen here will on new pictures.

    Args:
        scores: (N,) unsafe scores.
        unsafe: (N,) which pictures have an unsafe label.
        aims: of different names.
        seed: the same one gives the same intervals.

    Raises:
        UsageError: there are no safe or no unsafe pictures, or no threshold reaches an aim without
            flagging nothing at all.
    """
    if unsafe.all() or not unsafe.any():
        raise UsageError(
            "operating points need safe and unsafe pictures",
            got=f"{int(unsafe.sum())} unsafe ones of {len(unsafe)}",
            do="give pictures of both",
        )
    steps = ladder(scores, unsafe)
    rungs = [_rungs_of(aim, steps) for aim in aims]
    resampled: list[list[Numbers]] = [[] for _ in aims]
    for hits, alarms in _resamples(steps, np.random.default_rng(seed)):
        for aim, found in zip(aims, resampled, strict=True):
            found.append(_thresholds(steps.values, hits, alarms, aim.met(hits, alarms)))
    return tuple(
        _chosen(aim.name, steps, number, np.concatenate(found))
        for aim, number, found in zip(aims, rungs, resampled, strict=True)
    )


def presets(scores: Numbers, unsafe: Marks, seed: int = SEED) -> tuple[PointResult, ...]:
    """``strict``, ``balanced`` and ``lenient``, in that order of their thresholds.

    ``balanced`` has the highest F1. ``strict`` flags at least 99 % of the unsafe pictures, and all
    that balanced flags; ``lenient`` at most 1 % of the safe ones, and nothing that balanced does
    not.

    Raises:
        UsageError: as :func:`choose`.
    """
    strict, balanced, lenient = choose(
        scores,
        unsafe,
        [
            Aim("strict", "recall", 0.99),
            Aim("balanced", "f1"),
            Aim("lenient", "fpr", 0.01),
        ],
        seed,
    )
    middle = balanced.point.threshold
    if strict.point.threshold > middle:
        strict = _renamed(balanced, "strict")
    if lenient.point.threshold < middle:
        lenient = _renamed(balanced, "lenient")
    return strict, balanced, lenient


def measure(point: OperatingPoint, scores: Numbers, unsafe: Marks) -> PointResult:
    """What a threshold that was chosen elsewhere does here, with exact intervals."""
    flagged = scores >= point.threshold
    hits = int((flagged & unsafe).sum())
    threshold = point.threshold
    return PointResult(
        point=point,
        chosen=False,
        flagged=int(flagged.sum()),
        threshold=Interval(value=threshold, low=threshold, high=threshold),
        precision=rate(hits, int(flagged.sum())),
        recall=rate(hits, int(unsafe.sum())),
        false_positive_rate=rate(int((flagged & ~unsafe).sum()), int((~unsafe).sum())),
    )


def refitted(
    point: OperatingPoint, reference: Numbers, candidate: Numbers, pictures: str
) -> OperatingPoint:
    """The point of another model's file, moved so that this one flags as many pictures.

    The threshold stays where it is when it does so already. Else it goes to the middle of the gap
    behind as many of the candidate's scores, as far as ties allow.

    Args:
        point: as it was chosen for the reference.
        reference: (N,) unsafe scores of the reference.
        candidate: (N,) unsafe scores of the file for the same pictures.
        pictures: which these are, in words.
    """
    wanted = int((reference >= point.threshold).sum())
    flagged = int((candidate >= point.threshold).sum())
    if wanted in {flagged, 0, len(reference)}:
        # With all or none of them flagged, the pictures say nothing of the threshold.
        return point
    steps = ladder(candidate, np.zeros(len(candidate), np.bool_))
    above = int(np.abs(steps.alarms - wanted).argmin()) + 1
    if abs(int(steps.alarms[above - 1]) - wanted) >= abs(flagged - wanted):
        return point
    threshold = _between(steps.values, above)
    return point.model_copy(update={"threshold": threshold, "refitted_on": pictures})


def _rate_of(text: str) -> float:
    try:
        value = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        value = -1.0
    if not 0 < value < 1:
        raise UsageError(f"{text!r} is no rate", expected="a share such as 1% or 0.01")
    return value


def _rungs_of(aim: Aim, steps: Ladder) -> int:
    number = int(aim.met(steps.hits[None], steps.alarms[None])[0])
    if not number or not steps.hits[number - 1]:
        raise UsageError(
            f"no threshold reaches {aim.name} on these pictures",
            got="too many safe pictures outscore every unsafe one, or tie with it",
            expected=f"an unsafe picture above all but {aim.rate:.6g} of the safe ones",
            do="allow more, or give more pictures",
        )
    return number


def _between(values: Numbers, number: int) -> float:
    """The middle of the gap behind the first ``number`` of falling scores; the last one is 0."""
    below = values[number] if number < len(values) else min(values[-1], 0.0)
    return float((values[number - 1] + below) / 2)


def _resamples(steps: Ladder, random: np.random.Generator) -> Iterator[tuple[Counts, Counts]]:
    """Blocks of (resamples, rungs) cumulative hits and alarms."""
    at_once = max(1, _AT_ONCE // (steps.positives + steps.negatives))
    for start in range(0, RESAMPLES, at_once):
        size = min(at_once, RESAMPLES - start)
        yield _resampled(steps.hits, size, random), _resampled(steps.alarms, size, random)


def _resampled(counted: Counts, size: int, random: np.random.Generator) -> Counts:
    """(size, rungs) of what (rungs,) cumulative counts become when as many are drawn anew."""
    rung_of = np.repeat(np.arange(len(counted)), np.diff(counted, prepend=0))
    drawn = rung_of[random.integers(len(rung_of), size=(size, len(rung_of)))]
    cells = drawn + np.arange(size)[:, None] * len(counted)
    counts = np.bincount(cells.ravel(), minlength=size * len(counted))
    return counts.reshape(size, len(counted)).cumsum(axis=1)


def _thresholds(
    values: Numbers, hits: Counts, alarms: Counts, numbers: NDArray[np.intp]
) -> Numbers:
    """The threshold of each resample; above all scores where it may flag nothing.

    A resample lacks some of the scores: its gaps are between those that it has.
    """
    rows = np.arange(len(numbers))
    drawn = np.diff(hits + alarms, prepend=0, axis=1) > 0
    places = np.arange(len(values))
    last = np.maximum.accumulate(np.where(drawn, places, -1), axis=1)
    following = np.where(drawn, places, len(values))
    following = np.minimum.accumulate(following[:, ::-1], axis=1)[:, ::-1]
    padded = np.append(values, min(values[-1], 0.0))
    above = last[rows, np.maximum(numbers, 1) - 1]
    below = np.where(numbers < len(values), following[rows, numbers % len(values)], len(values))
    middle = (padded[above] + padded[below]) / 2
    nothing = np.nextafter(values[0], np.inf)
    return np.asarray(np.where((numbers == 0) | (above < 0), nothing, middle))


def _chosen(name: str, steps: Ladder, number: int, resampled: Numbers) -> PointResult:
    hits, alarms = int(steps.hits[number - 1]), int(steps.alarms[number - 1])
    reached = np.searchsorted(-steps.values, -resampled, side="right")
    tried_hits = np.append(0, steps.hits)[reached]
    tried_alarms = np.append(0, steps.alarms)[reached]
    flagged = np.maximum(tried_hits + tried_alarms, 1)
    threshold = _between(steps.values, number)
    precision = share(hits, hits + alarms)
    recall = share(hits, steps.positives)
    false_positive_rate = share(alarms, steps.negatives)
    return PointResult(
        point=OperatingPoint(
            name=name,
            threshold=threshold,
            precision=precision,
            recall=recall,
            false_positive_rate=false_positive_rate,
        ),
        chosen=True,
        flagged=hits + alarms,
        threshold=_interval(threshold, resampled),
        precision=_interval(precision, tried_hits / flagged),
        recall=_interval(recall, tried_hits / steps.positives),
        false_positive_rate=_interval(false_positive_rate, tried_alarms / steps.negatives),
    )


def _interval(value: float, resampled: Numbers) -> Interval:
    low, high = np.percentile(resampled, [2.5, 97.5])
    return Interval(value=value, low=min(float(low), value), high=max(float(high), value))


def _renamed(result: PointResult, name: str) -> PointResult:
    return result.model_copy(update={"point": result.point.model_copy(update={"name": name})})
