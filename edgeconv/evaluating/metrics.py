"""Accuracy, confusion, precision and recall: what the labels given say of a model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edgeconv.evaluating.results import LabelResult, Rate

Labels = NDArray[np.intp]
"""(N,) indices of labels."""


def rate(count: int, of: int) -> Rate:
    """A share with its exact two-sided 95 % interval (Clopper and Pearson 1934).

    Args:
        count: how often it happened.
        of: out of how many; of nothing, the share is 0 and the interval all of 0..1.
    """
    from scipy.stats import beta

    low = float(beta.ppf(0.025, count, of - count + 1)) if count else 0.0
    high = float(beta.ppf(0.975, count + 1, of - count)) if count < of else 1.0
    return Rate(value=share(count, of), low=low, high=high, count=count, of=of)


def share(count: float, of: float) -> float:
    """``count / of``, and 0 of nothing, as scikit-learn has it."""
    return float(count / of) if of else 0.0


def confusion_matrix(truth: Labels, decided: Labels, labels: int) -> NDArray[np.int64]:
    """(labels, labels) counts: one row a true label, one column a given one."""
    counts = np.bincount(truth * labels + decided, minlength=labels * labels)
    return counts.reshape(labels, labels).astype(np.int64)


def label_results(
    confusion: NDArray[np.int64], labels: Sequence[str], unsafe: Sequence[str]
) -> tuple[LabelResult, ...]:
    """Precision, recall and F1 of each label, from the confusion matrix."""
    right = confusion.diagonal().tolist()
    support, predicted = confusion.sum(axis=1).tolist(), confusion.sum(axis=0).tolist()
    return tuple(
        LabelResult(
            label=label,
            unsafe=label in unsafe,
            support=support[index],
            predicted=predicted[index],
            precision=share(right[index], predicted[index]),
            recall=share(right[index], support[index]),
            f1=share(2 * right[index], support[index] + predicted[index]),
        )
        for index, label in enumerate(labels)
    )
