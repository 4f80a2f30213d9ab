"""Pictures whose label is likely wrong: confident learning (Northcutt et al. 2021).

A picture counts as another label's where the model gives it that label with more than the mean
score of the pictures that do have it. cleanlab finds the same by
``filter_by="confident_learning"``; it would bring pandas and scikit-learn.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeconv.datasets.splits import Split
from edgeconv.spec import ModelSpec, Strict
from edgeconv.training.evaluation import scored


class LabelIssue(Strict):
    """A picture, the label that its dataset gives it, and the one it seems to have.

    ``margin`` is how much the scores speak against the given label, 0..1.
    """

    name: str
    split: str
    given: str
    seems: str
    margin: float


def label_issues(model: Any, split: Split, spec: ModelSpec, name: str) -> list[LabelIssue]:
    """The pictures of a split whose label is likely wrong, the most suspicious first.

    Scores of pictures that the model has learnt follow their labels, right or wrong: there, fewer
    are found than there are.

    Args:
        model: a trained ``tf_keras.Model`` from normalised inputs to scores.
        split: pictures or rows from files.
        spec: the labels.
        name: of the split.
    """
    scores, targets = scored(model.predict_on_batch, split, spec)
    names = [one for one in split.names if one not in split.unreadable]
    labels = targets.argmax(axis=1)
    return [
        LabelIssue(
            name=names[one],
            split=name,
            given=spec.labels[labels[one]],
            seems=spec.labels[likely],
            margin=round(margin, 4),
        )
        for one, likely, margin in off_diagonal(scores, labels)
    ]


def off_diagonal(
    scores: NDArray[np.floating[Any]], labels: NDArray[np.integer[Any]]
) -> list[tuple[int, int, float]]:
    """Pictures off the diagonal of the confident joint, the most suspicious first.

    Args:
        scores: (N, labels).
        labels: the given ones, (N,).

    Returns:
        Index, likely label and margin of each: how far that label's score is above the given one's.
    """
    likely = confident_labels(scores, labels)
    wrong = np.flatnonzero((likely >= 0) & (likely != labels))
    margins = scores[wrong, likely[wrong]] - scores[wrong, labels[wrong]]
    order = np.argsort(-margins, kind="stable")
    return [(int(wrong[one]), int(likely[wrong[one]]), float(margins[one])) for one in order]


def confident_labels(
    scores: NDArray[np.floating[Any]], labels: NDArray[np.integer[Any]]
) -> NDArray[np.intp]:
    """The label that each picture confidently has, (N,); -1 where none.

    Of the labels whose score reaches the mean score of their own pictures, it is the highest.
    """
    thresholds = np.array(
        [
            scores[labels == label, label].mean() if (labels == label).any() else np.inf
            for label in range(scores.shape[1])
        ]
    )
    confident = np.where(scores >= thresholds, scores, -np.inf)
    return np.where(np.isfinite(confident).any(axis=1), confident.argmax(axis=1), -1)
