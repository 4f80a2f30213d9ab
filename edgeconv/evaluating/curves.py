"""ROC and precision-recall curves of a score, and the areas under them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgeconv.evaluating.results import Curve

Numbers = NDArray[np.float64]
Marks = NDArray[np.bool_]


@dataclass(frozen=True)
class Ladder:
    """What each threshold flags: one rung for each distinct score, the highest first.

    ``values`` are the scores. At a threshold of ``values[i]``, ``hits[i]`` of ``positives`` and
    ``alarms[i]`` of ``negatives`` are flagged.
    """

    values: Numbers
    hits: NDArray[np.int64]
    alarms: NDArray[np.int64]

    @property
    def positives(self) -> int:
        return int(self.hits[-1])

    @property
    def negatives(self) -> int:
        return int(self.alarms[-1])


def ladder(scores: Numbers, positive: Marks) -> Ladder:
    """Count hits and false alarms at every threshold.

    Args:
        scores: (N,), at least one.
        positive: (N,), which ones should be flagged.
    """
    order = np.argsort(-scores, kind="stable")
    ordered, hit = scores[order], positive[order]
    ends = np.append(np.flatnonzero(np.diff(ordered)), len(ordered) - 1)
    hits = np.cumsum(hit)[ends]
    return Ladder(ordered[ends], hits, ends + 1 - hits)


def curve(scores: Numbers, positive: Marks) -> Curve | None:
    """ROC and precision-recall, as scikit-learn draws them; None where one side is empty.

    Points that lie on the straight line between their neighbours are left out of the ROC, and
    points without a new hit out of precision and recall: neither changes the area.
    """
    if positive.all() or not positive.any():
        return None
    steps = ladder(scores, positive)
    recall = np.append(0.0, steps.hits / steps.positives)
    false_positive_rate = np.append(0.0, steps.alarms / steps.negatives)
    precision = np.append(1.0, steps.hits / (steps.hits + steps.alarms))
    corner = _corners(steps)
    gained = np.append(True, np.diff(recall) > 0)
    return Curve(
        roc=_pairs(false_positive_rate[corner], recall[corner]),
        precision_recall=_pairs(recall[gained], precision[gained]),
        roc_auc=float(np.trapezoid(recall, false_positive_rate)),
        average_precision=float((np.diff(recall) * precision[1:]).sum()),
    )


def _corners(steps: Ladder) -> Marks:
    """Where the ROC turns; its two ends too."""
    up = np.diff(np.append(0, steps.hits))
    right = np.diff(np.append(0, steps.alarms))
    turns = up[:-1] * right[1:] != up[1:] * right[:-1]
    return np.concatenate([[True], turns, [True]])


def _pairs(across: Numbers, up: Numbers) -> tuple[tuple[float, float], ...]:
    return tuple(zip(across.tolist(), up.tolist(), strict=True))
