"""How two sets of scores differ, and how sure one can be of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeconv.parity.results import Differences, Flips, PointFlips
from edgeconv.spec import OperatingPoint

Scores = NDArray[np.float32]


def upper_bound_95(count: int, trials: int) -> float:
    """Exact one-sided 95 % upper bound of a rate (Clopper and Pearson, 1934).

    Args:
        count: how often it happened.
        trials: out of how many; 0 bounds nothing, and gives 1.
    """
    from scipy.stats import beta

    return 1.0 if count >= trials else float(beta.ppf(0.95, count + 1, trials - count))


def differences(reference: Scores, candidate: Scores) -> Differences:
    """Differences of (N, labels) scores in 0..1; KL(reference || candidate) in nats."""
    gap = np.abs(reference.astype(np.float64) - candidate)
    divergence = kl_divergence(reference, candidate)
    return Differences(
        max_abs=float(gap.max()),
        mean_abs=float(gap.mean()),
        kl_mean=float(divergence.mean()),
        kl_p95=float(np.percentile(divergence, 95)),
        kl_max=float(divergence.max()),
    )


def kl_divergence(reference: Scores, candidate: Scores) -> NDArray[np.float64]:
    """KL(reference || candidate) of each row, in nats.

    Scores are clipped at 1e-7, about the resolution of float32 near one, so that a score that an
    integer file rounds to zero costs much, and not infinity.
    """
    p = _distribution(reference)
    q = _distribution(candidate)
    return np.asarray(np.maximum((p * np.log(p / q)).sum(axis=1), 0.0))


def label_flips(reference: Scores, candidate: Scores, unsafe: NDArray[np.bool_]) -> Flips:
    """Rows whose best label differs. ``unsafe`` marks the unsafe labels."""
    before, after = reference.argmax(axis=1), candidate.argmax(axis=1)
    return _flips(before != after, unsafe[before], unsafe[after])


def unsafe_scores(
    scores: NDArray[np.floating[Any]], unsafe: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """(N,) sums of the columns that ``unsafe`` marks, in double precision as the policy has it."""
    return np.asarray(scores[:, unsafe].sum(axis=1, dtype=np.float64))


def point_flips(
    reference: Scores,
    candidate: Scores,
    unsafe: NDArray[np.bool_],
    points: Sequence[OperatingPoint],
    reference_points: Sequence[OperatingPoint] = (),
) -> tuple[PointFlips, ...]:
    """Rows that one side flags and the other does not, at each operating point of the candidate.

    Each side is held to its own threshold of that name; a reference without one, to the
    candidate's.
    """
    before, after = unsafe_scores(reference, unsafe), unsafe_scores(candidate, unsafe)
    thresholds = {point.name: point.threshold for point in reference_points}
    found = []
    for point in points:
        own = thresholds.get(point.name, point.threshold)
        was, now = before >= own, after >= point.threshold
        flips = _flips(was != now, was, now)
        found.append(
            PointFlips(
                **flips.model_dump(),
                name=point.name,
                threshold=point.threshold,
                reference_threshold=own,
            )
        )
    return tuple(found)


def margins(scores: Scores) -> NDArray[np.float32]:
    """The lead of each row's best score over its second."""
    ordered = np.sort(scores, axis=1)
    return np.asarray(ordered[:, -1] - ordered[:, -2], np.float32)


def _flips(
    flipped: NDArray[np.bool_], was_unsafe: NDArray[np.bool_], is_unsafe: NDArray[np.bool_]
) -> Flips:
    count, images = int(flipped.sum()), len(flipped)
    return Flips(
        count=count,
        images=images,
        newly_flagged=int((~was_unsafe & is_unsafe).sum()),
        newly_missed=int((was_unsafe & ~is_unsafe).sum()),
        bound_95=upper_bound_95(count, images),
    )


def _distribution(scores: Scores) -> NDArray[np.float64]:
    clipped = np.clip(scores.astype(np.float64), 1e-7, None)
    return np.asarray(clipped / clipped.sum(axis=1, keepdims=True))
