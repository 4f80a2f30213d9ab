"""The policy over many rows at once: the same decisions as :meth:`edgeconv.policy.Policy.judge`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeconv.policy import Policy


def judge_rows(
    policy: Policy, scores: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The label of each row, as an index, and whether it is flagged.

    Args:
        policy: its labels are in the order of the columns.
        scores: (N, labels).
    """
    best: NDArray[np.int64] = scores.argmax(axis=1)
    if policy.point is None:
        unsafe = np.isin(policy.labels, policy.unsafe_labels)
        flagged: NDArray[np.bool_] = unsafe[best]
    else:
        total = np.zeros(len(scores))
        for label in policy.unsafe_labels:
            total += scores[:, policy.labels.index(label)]
        flagged = total >= policy.point.threshold
    for row in np.flatnonzero(~np.isfinite(scores).all(axis=1)):
        judgement = policy.judge(_by_label(policy, scores[row]))
        best[row], flagged[row] = policy.labels.index(judgement.label), judgement.flagged
    return best, flagged


def _by_label(policy: Policy, scores: NDArray[Any]) -> dict[str, float]:
    return dict(zip(policy.labels, scores.tolist(), strict=True))
