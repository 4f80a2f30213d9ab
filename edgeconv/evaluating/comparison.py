"""Two models on the same pictures: is one better, and what was right before and is wrong now?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgeconv.evaluating.metrics import Labels, rate, share
from edgeconv.evaluating.results import Comparison, LabelFlips
from edgeconv.parity.statistics import upper_bound_95


def compare(
    against: str,
    runtime: str,
    truth: Labels,
    before: Labels,
    after: Labels,
    labels: Sequence[str],
) -> Comparison:
    """Hold one model's decisions against another's.

    Negative flips are those of Yan et al., Positive-Congruent Training (CVPR 2021).

    Args:
        against: the other model, by name.
        runtime: what ran it.
        truth: (N,) true labels, at least one.
        before: (N,) labels that the other model gave.
        after: (N,) labels that this one gave.
        labels: their names.
    """
    was_right, is_right = before == truth, after == truth
    lost, won = was_right & ~is_right, ~was_right & is_right
    negative, positive = int(lost.sum()), int(won.sum())
    return Comparison(
        against=against,
        runtime=runtime,
        pictures=len(truth),
        accuracy=rate(int(was_right.sum()), len(truth)),
        both_right=int((was_right & is_right).sum()),
        both_wrong=int((~was_right & ~is_right).sum()),
        negative_flips=negative,
        positive_flips=positive,
        negative_flip_rate=share(negative, len(truth)),
        bound_95=upper_bound_95(negative, len(truth)),
        p_value=mcnemar(negative, positive),
        by_label=tuple(
            LabelFlips(
                label=label,
                pictures=int((truth == index).sum()),
                negative=int(lost[truth == index].sum()),
                positive=int(won[truth == index].sum()),
            )
            for index, label in enumerate(labels)
            if np.any(truth == index)
        ),
    )


def mcnemar(only_first: int, only_second: int) -> float:
    """The exact two-sided p-value of McNemar's test (1947): a fair coin over what differs.

    Args:
        only_first: how many the first model alone has right.
        only_second: how many the second alone has right.
    """
    from scipy.stats import binomtest

    discordant = only_first + only_second
    return float(binomtest(only_first, discordant).pvalue) if discordant else 1.0
