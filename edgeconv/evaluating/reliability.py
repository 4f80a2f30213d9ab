"""Whether scores mean what they say: expected calibration error and likelihood.

Guo, Pleiss, Sun, Weinberger: On Calibration of Modern Neural Networks (ICML 2017).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgeconv.evaluating.metrics import Labels
from edgeconv.evaluating.results import Calibration, ReliabilityBin
from edgeconv.spec import OutputKind

BINS = 15
"""As many as the paper takes."""

Scores = NDArray[np.float64]


def calibration(scores: Scores, truth: Labels, kind: OutputKind, least: float) -> Calibration:
    """Expected calibration error and likelihood of (N, labels) scores.

    The confidence is the best score, wherever that lies; a bin takes what is above its lower edge
    and at most its upper one, and the first takes 0 too.

    Args:
        scores: at least one row.
        truth: the index of each row's true label.
        kind: what the scores are; ``linear`` ones have no likelihood.
        least: what a score that was rounded to 0 counts as in a logarithm.
    """
    confidence = scores.max(axis=1)
    right = scores.argmax(axis=1) == truth
    edges = np.linspace(0, 1, BINS + 1)
    place = np.clip(np.searchsorted(edges, confidence) - 1, 0, BINS - 1)
    bins = tuple(
        _bin(edges[number], edges[number + 1], confidence[place == number], right[place == number])
        for number in range(BINS)
    )
    apart = (
        one.count * abs(one.accuracy - one.confidence)
        for one in bins
        if one.accuracy is not None and one.confidence is not None
    )
    return Calibration(
        ece=sum(apart) / len(scores),
        nll=None if kind == "linear" else negative_log_likelihood(scores, truth, kind, least),
        bins=bins,
    )


def negative_log_likelihood(scores: Scores, truth: Labels, kind: OutputKind, least: float) -> float:
    """Mean of ``-log p(true label)``, in nats.

    Scores that are independent of each other (``multi-label``) each count: that of the true label
    by its logarithm, the others by those of their complements.
    """
    likely = np.log(np.maximum(scores, least))
    true = likely[np.arange(len(truth)), truth]
    if kind == "multi-label":
        unlikely = np.log(np.maximum(1 - scores, least))
        others = unlikely.sum(axis=1) - unlikely[np.arange(len(truth)), truth]
        return float(-(true + others).mean())
    return float(-true.mean())


def _bin(
    low: float, high: float, confidence: NDArray[np.float64], right: NDArray[np.bool_]
) -> ReliabilityBin:
    return ReliabilityBin(
        low=float(low),
        high=float(high),
        count=len(confidence),
        confidence=float(confidence.mean()) if len(confidence) else None,
        accuracy=float(right.mean()) if len(right) else None,
    )
