"""Smoothed labels and weights by label."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from edgeconv.errors import SpecError
from edgeconv.spec import ModelSpec
from edgeconv.training.recipe import Recipe
from edgeconv.training.targets import label_weights, smoothed

MakeSpec = Callable[..., ModelSpec]


def test_smoothing_is_that_of_keras() -> None:
    import tf_keras

    targets = np.eye(3, dtype=np.float32)
    scores = np.array([[0.7, 0.2, 0.1], [0.3, 0.3, 0.4], [0.1, 0.1, 0.8]], np.float32)
    keras = tf_keras.losses.CategoricalCrossentropy(label_smoothing=0.1)
    ours = tf_keras.losses.categorical_crossentropy(smoothed(targets, 0.1), scores)
    assert float(np.mean(ours)) == pytest.approx(float(keras(targets, scores)), rel=1e-6)


def test_balanced_weights_give_every_label_the_same_say(tiny_spec: MakeSpec) -> None:
    labels = [0] * 6 + [1] * 3 + [2]
    weights = label_weights(Recipe(class_weights="balanced"), tiny_spec(), labels)
    # scikit-learn: n / (labels * count).
    assert weights == pytest.approx([10 / 18, 10 / 9, 10 / 3])
    assert weights[labels].sum() == pytest.approx(10)


def test_stated_weights_and_ones_for_the_rest(tiny_spec: MakeSpec) -> None:
    weights = label_weights(Recipe(class_weights={"Rings": 2.5}), tiny_spec(), [0, 1, 2])
    assert weights.tolist() == [1, 2.5, 1]
    assert label_weights(Recipe(), tiny_spec(), [0, 1, 2]).tolist() == [1, 1, 1]


def test_a_weight_for_a_label_that_is_not_there_is_refused(tiny_spec: MakeSpec) -> None:
    with pytest.raises(SpecError, match="Squares"):
        label_weights(Recipe(class_weights={"Squares": 2}), tiny_spec(), [0])
