"""How well a model does on pictures that it has not learnt from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from edgeconv.errors import TrainingError
from edgeconv.spec import ModelSpec
from edgeconv.training.batches import batches
from edgeconv.training.data import Split

SURE = 0.9
"""A picture whose best score is below this is a borderline case."""

BATCH = 32


@dataclass(frozen=True)
class Evaluation:
    """``accuracy`` and ``borderline`` are shares of the pictures, ``loss`` a mean."""

    pictures: int
    accuracy: float
    loss: float
    borderline: float


def loss_of(spec: ModelSpec) -> str:
    """The name of the Keras loss that fits the scores of a spec."""
    return "categorical_crossentropy" if spec.output.kind == "softmax" else "binary_crossentropy"


def evaluate(model: Any, split: Split, spec: ModelSpec) -> Evaluation:
    """Score a split, as the model will be used: without dropout, with its moving statistics.

    Args:
        model: a ``tf_keras.Model`` from normalised pixels to scores.
        split: the held-out pictures.
        spec: how pixels are normalised, and what the scores are.

    Raises:
        TrainingError: none of the pictures can be read.
    """
    import tf_keras

    scored, expected = [], []
    for inputs, targets in batches(split, spec, range(len(split.labels)), BATCH):
        scored.append(model.predict_on_batch(inputs))
        expected.append(targets)
    if not scored:
        raise TrainingError("none of the held-out pictures can be read")
    scores, targets = np.concatenate(scored), np.concatenate(expected)
    return Evaluation(
        pictures=len(scores),
        accuracy=float(np.mean(scores.argmax(axis=1) == targets.argmax(axis=1))),
        loss=float(np.mean(tf_keras.losses.get(loss_of(spec))(targets, scores))),
        borderline=float(np.mean(scores.max(axis=1) < SURE)),
    )
