"""How well a model does on pictures that it has not learnt from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeconv.datasets.splits import Split
from edgeconv.errors import TrainingError
from edgeconv.evaluating.metrics import rate
from edgeconv.evaluating.results import Rate
from edgeconv.spec import ModelSpec, OutputKind, Strict
from edgeconv.training.batches import batches

Floats = NDArray[np.float32]
Score = Callable[[Floats], Any]

SURE = 0.9
"""A picture whose best score is below this is a borderline case."""

BATCH = 32


class HeldOut(Strict):
    """``loss`` is the mean of what is learnt, ``borderline`` a share of the pictures.

    What else there is to know :func:`edgeconv.evaluate` finds out.
    """

    accuracy: Rate
    loss: float
    borderline: float


LOSSES: dict[OutputKind, str] = {
    "softmax": "categorical_crossentropy",
    "multi-label": "binary_crossentropy",
    "sigmoid": "binary_crossentropy",
    "linear": "mean_squared_error",
}


def loss_of(spec: ModelSpec) -> str:
    """The name of the Keras loss that fits the scores of a spec."""
    return LOSSES[spec.output.kind]


def evaluate(
    model: Any,
    split: Split,
    spec: ModelSpec,
    score: Score | None = None,
) -> HeldOut:
    """Score a split, as the model will be used: without dropout, with its moving statistics.

    Args:
        model: a ``tf_keras.Model`` from normalised inputs to scores.
        split: the held-out pictures or rows.
        spec: how pixels are normalised, and what the scores are.
        score: computes the model, where Keras' own ``predict_on_batch`` would not do.

    Raises:
        TrainingError: none of the pictures can be read.
    """
    import tf_keras

    scores, targets = scored(score or model.predict_on_batch, split, spec)
    right = scores.argmax(axis=1) == targets.argmax(axis=1)
    return HeldOut(
        accuracy=rate(int(right.sum()), len(right)),
        loss=float(np.mean(tf_keras.losses.get(loss_of(spec))(targets, scores))),
        borderline=float(np.mean(scores.max(axis=1) < SURE)),
    )


def scored(score: Score, split: Split, spec: ModelSpec) -> tuple[Floats, Floats]:
    """Scores and one-hot labels, both (N, labels), of what can be read of a split, in its order.

    Raises:
        TrainingError: nothing can be read.
    """
    scores, targets = [], []
    for inputs, labels in batches(split, spec, range(len(split.labels)), BATCH):
        scores.append(np.asarray(score(inputs), np.float32))
        targets.append(labels)
    if not scores:
        raise TrainingError(f"none of the {spec.input.noun}s can be read")
    return np.concatenate(scores), np.concatenate(targets)
