"""What a model learns towards: shares of labels, and how much each picture counts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edgeconv.errors import SpecError
from edgeconv.spec import ModelSpec
from edgeconv.training.recipe import Recipe

Floats = NDArray[np.float32]


def smoothed(targets: Floats, smoothing: float) -> Floats:
    """Targets (N, labels) with a share of the right label given to all alike."""
    shares: Floats = targets * np.float32(1 - smoothing) + np.float32(smoothing / targets.shape[1])
    return shares


def label_weights(recipe: Recipe, spec: ModelSpec, labels: Sequence[int]) -> Floats:
    """What the loss of a picture is multiplied by, for each label: (labels,).

    Args:
        recipe: its ``class_weights``.
        spec: the labels in order.
        labels: of all training pictures, by index.

    Raises:
        SpecError: a weight is for a label that is not there.
    """
    weights = np.ones(len(spec.labels), np.float32)
    asked = recipe.class_weights
    if asked == "balanced":
        counts = np.bincount(labels, minlength=len(spec.labels))
        return (len(labels) / (len(counts) * np.maximum(counts, 1))).astype(np.float32)
    for label, weight in (asked or {}).items():
        if label not in spec.labels:
            raise SpecError(
                f"class_weights of {spec.name} names no label",
                got=label,
                expected="one of " + ", ".join(spec.labels),
            )
        weights[spec.labels.index(label)] = weight
    return weights
