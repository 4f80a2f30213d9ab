"""What learns, and from what, as long as the same layers are frozen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeconv.architectures import body_layers
from edgeconv.datasets.splits import Split
from edgeconv.spec import Embedding, ModelSpec
from edgeconv.training.augment import augmentation
from edgeconv.training.batches import Change, batches
from edgeconv.training.data import Dataset
from edgeconv.training.evaluation import HeldOut, evaluate, loss_of
from edgeconv.training.features import can_be_kept, cut, embedding_of, kept
from edgeconv.training.learner import Learner
from edgeconv.training.recipe import Recipe
from edgeconv.training.strategy import Workers

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Stage:
    """A learner and what it learns from: pictures, or what a frozen body made of them.

    ``spec`` says what the learner takes.
    """

    frozen: bool
    learner: Learner
    spec: ModelSpec
    recipe: Recipe
    train: Split
    held_out: Split
    change: Change | None
    score: Callable[[Floats], Any]

    def batches(
        self, order: NDArray[np.intp], epoch: int, share: Workers
    ) -> Iterator[tuple[Floats, Floats]]:
        """The training batches of an epoch, as :func:`edgeconv.training.batches.batches`."""
        return batches(
            self.train,
            self.spec,
            order,
            self.recipe.batch,
            epoch=epoch,
            change=self.change,
            seed=self.recipe.seed,
            share=share,
        )

    def evaluate(self) -> HeldOut:
        """How well the model does now on the held-out inputs."""
        return evaluate(self.learner.model, self.held_out, self.spec, self.score)


def stage_of(
    model: Any,
    spec: ModelSpec,
    recipe: Recipe,
    dataset: Dataset,
    strategy: Any,
    *,
    frozen: bool,
    scratch: Path,
) -> Stage:
    """Freeze or thaw the body of a model, and make what learns from it.

    Args:
        model: a ``tf_keras.Model`` of the spec, built in the strategy's scope.
        strategy: where it computes.
        frozen: whether the body keeps its weights.
        scratch: a folder for what a frozen body makes of the pictures, where that stays the same.

    Raises:
        FileError: the folder cannot be written.
    """
    import tensorflow as tf
    import tf_keras

    body = body_layers(spec, model)
    for layer in body:
        layer.trainable = not frozen
    train, held_out, change = dataset.train, dataset.held_out, None
    if frozen and can_be_kept(recipe, train, body):
        before, model = cut(model, body)
        train = kept(before, train, spec, scratch / "train.npy")
        held_out = kept(before, held_out, spec, scratch / "test.npy")
        spec, body = spec.model_copy(update={"input": embedding_of(before)}), []
    elif recipe.augment and not isinstance(spec.input, Embedding):
        change = augmentation(recipe.augment, spec.pictures)
    learner = Learner(model, body, recipe, tf_keras.losses.get(loss_of(spec)), strategy)
    # Not Keras' predict, which shares batches out among replicas and gathers the scores of all.
    score = tf.function(lambda inputs: model(inputs, training=False), reduce_retracing=True)
    return Stage(frozen, learner, spec, recipe, train, held_out, change, score)
