"""The training itself: epochs, the best weights kept, and an end that can be repeated.

Every epoch begins by setting all random streams anew, so that a resumed run goes on exactly as
one that was never interrupted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import RandomState

from edgeconv.architectures import body_layers, build
from edgeconv.checkpoints import read, safetensors
from edgeconv.checkpoints.fitting import fill
from edgeconv.errors import TrainingError
from edgeconv.files import locked
from edgeconv.progress import Progress, Silent
from edgeconv.spec import ModelSpec
from edgeconv.training.augment import augmentation
from edgeconv.training.batches import batches
from edgeconv.training.body import set_body
from edgeconv.training.data import Dataset, open_dataset
from edgeconv.training.evaluation import Evaluation, evaluate, loss_of
from edgeconv.training.history import Epoch, write_numbers, write_plot
from edgeconv.training.recipe import Recipe, recipe_of
from edgeconv.training.schedule import Plateau, learning_rate
from edgeconv.training.state import RunState, load_state, save_state


@dataclass(frozen=True)
class TrainingRun:
    """A finished training.

    ``held_out`` was measured with the written weights, rounded as they are. ``unreadable`` counts
    the pictures that were left out; ``stopped`` says why it ended early.
    """

    weights: Path
    plot: Path
    held_out: Evaluation
    history: tuple[Epoch, ...]
    unreadable: int
    stopped: str | None


def train(
    spec: ModelSpec,
    data: Path | None,
    out: Path,
    *,
    body: str | None = None,
    epochs: int | None = None,
    seed: int | None = None,
    progress: Progress | None = None,
) -> TrainingRun:
    """Train a model by the recipe of its spec; go on where an interrupted run left off.

    Args:
        spec: the model, its labels and its recipe.
        data: ``data/train/<label>/*`` and ``data/test/<label>/*``; without it, the pictures that
            the recipe says edgeconv shall draw.
        out: gets ``<model>.safetensors``, ``history.json``, ``history.png`` and the state.
        body: instead of the recipe's: ``imagenet``, ``none``, or a safetensors file.
        epochs: instead of the recipe's. More than before makes a finished run go on.
        seed: instead of the recipe's.
        progress: is told what is being done.

    Raises:
        SpecError: the spec cannot be built or holds no recipe.
        UsageError: there are no pictures, or the request contradicts itself.
        TrainingError: the pictures do not fit the labels, or no epoch gave a finite loss.
        CheckpointError, DownloadError: the body's weights cannot be had.
        FileError: the folder cannot be written.
    """
    recipe = recipe_of(spec, body=body, epochs=epochs, seed=seed)
    dataset = open_dataset(spec, data, recipe.generated)
    with locked(out):
        return _Trainer(spec, recipe, dataset, out, progress or Silent()).run()


class _Trainer:
    """One call of :func:`train`: the model, and where the training stands."""

    def __init__(
        self, spec: ModelSpec, recipe: Recipe, dataset: Dataset, out: Path, progress: Progress
    ) -> None:
        self.spec, self.recipe, self.dataset = spec, recipe, dataset
        self.out, self.progress = out, progress
        self.model: Any = None
        self.frozen: bool | None = None

    def run(self) -> TrainingRun:
        import tf_keras

        tf_keras.utils.set_random_seed(self.recipe.seed)
        self.model = build(self.spec)
        if self.recipe.batch_norm_momentum is not None:
            for layer in self.model.layers:
                if isinstance(layer, tf_keras.layers.BatchNormalization):
                    layer.momentum = self.recipe.batch_norm_momentum
        self.state = self._resumed_or_new()
        for epoch in range(len(self.state.history), self.recipe.epochs):
            if self.state.stopped:
                break
            self._epoch(epoch)
        return self._finish()

    def _resumed_or_new(self) -> RunState:
        identity = {
            "model": self.spec.model_dump(mode="json", exclude={"training", "checkpoint"}),
            "recipe": self.recipe.model_dump(mode="json", exclude={"epochs"}),
            "pictures": self.dataset.identity,
        }
        state = load_state(self.out, identity)
        if state is None:
            set_body(self.model, self.spec, self.recipe.body, self.recipe.seed)
            return RunState(identity, weights=self.model.get_weights())
        self.model.set_weights(state.weights)
        done = len(state.history)
        if state.stopped or done >= self.recipe.epochs:
            self.progress.note(f"this training is finished: {done} epochs")
        else:
            self.progress.note(f"going on after epoch {done}")
        return state

    def _epoch(self, epoch: int) -> None:
        self._begin_stage(epoch)
        loss, rate = self._learn(epoch)
        if not math.isfinite(loss):
            self._stop(f"the loss was {loss} in epoch {epoch + 1}")
            return
        held_out = evaluate(self.model, self.dataset.held_out, self.spec)
        if not math.isfinite(held_out.loss):
            self._stop(f"the held-out loss was {held_out.loss} in epoch {epoch + 1}")
            return
        self._keep(
            Epoch(
                epoch=epoch + 1,
                learning_rate=rate,
                loss=loss,
                val_loss=held_out.loss,
                val_accuracy=held_out.accuracy,
            )
        )

    def _learn(self, epoch: int) -> tuple[float, float]:
        """One pass over the training pictures: their mean loss, and the last learning rate.

        A loss that is not finite ends the pass, and is what is given.
        """
        import tf_keras

        recipe, train = self.recipe, self.dataset.train
        tf_keras.utils.set_random_seed(recipe.seed)
        random = RandomState([recipe.seed, epoch])
        change = augmentation(recipe.augment, random) if recipe.augment else None
        order = random.permutation(len(train.labels))
        steps = math.ceil(len(order) / recipe.batch)
        self.progress.step(f"epoch {epoch + 1} of {recipe.epochs}", total=steps)

        losses, rate = [], 0.0
        given = batches(train, self.spec, order, recipe.batch, epoch=epoch, change=change)
        for step, (inputs, targets) in enumerate(given, start=1):
            rate = learning_rate(recipe.optimizer, self.state.plateau, epoch + step / steps)
            self.model.optimizer.learning_rate.assign(rate)
            losses.append(float(self.model.train_on_batch(inputs, targets)))
            if not math.isfinite(losses[-1]):
                return losses[-1], rate
            self.progress.advance()
        return float(np.mean(losses)), rate

    def _keep(self, result: Epoch) -> None:
        """Note what an epoch brought, and save all that the next one needs."""
        state = self.state
        state.history.append(result)
        state.weights = self.model.get_weights()
        state.optimizer = [variable.numpy() for variable in self.model.optimizer.variables]
        if result.val_loss < state.best_loss:
            state.best_loss, state.best_weights = result.val_loss, state.weights
        state.plateau.after_epoch(result.val_loss, self.recipe.reduce_on_plateau)
        save_state(self.out, state)
        write_numbers(self.out, state.history)
        self.progress.note(
            f"epoch {result.epoch}: loss {result.loss:.3f}, held-out loss "
            f"{result.val_loss:.3f}, accuracy {result.val_accuracy:.1%}"
        )

    def _begin_stage(self, epoch: int) -> None:
        """Compile for the first epoch of this process, and where the body thaws."""
        import tf_keras

        frozen = self.recipe.is_frozen(epoch)
        if frozen == self.frozen:
            return
        if epoch and frozen != self.recipe.is_frozen(epoch - 1):
            self.state.plateau, self.state.optimizer = Plateau(), []
        for layer in body_layers(self.spec, self.model):
            layer.trainable = not frozen
        options = self.recipe.optimizer
        optimizer = tf_keras.optimizers.SGD(options.learning_rate, momentum=options.momentum)
        optimizer.build(self.model.trainable_variables)
        if self.state.optimizer:
            for variable, value in zip(optimizer.variables, self.state.optimizer, strict=True):
                variable.assign(value)
        self.model.compile(optimizer, loss_of(self.spec))
        self.frozen = frozen

    def _stop(self, why: str) -> None:
        self.state.stopped = why
        save_state(self.out, self.state)
        self.progress.note(f"stopped: {why}; the best weights so far are kept")

    def _finish(self) -> TrainingRun:
        state = self.state
        if not state.best_weights:
            raise TrainingError(
                f"{self.spec.name} learnt nothing",
                got=state.stopped,
                do="lower the learning rate in [training], or let it warm up",
            )
        weights = self.out / f"{self.spec.name}.safetensors"
        self.progress.step(f"writing and measuring {weights.name}")
        self.model.set_weights(state.best_weights)
        safetensors.write(self.model, weights, self.recipe.stored)
        # What is measured is what was written, with its rounding.
        fill(self.model, read(weights).tensors, str(weights), self.spec.name)
        return TrainingRun(
            weights=weights,
            plot=write_plot(self.out, state.history),
            held_out=evaluate(self.model, self.dataset.held_out, self.spec),
            history=tuple(state.history),
            unreadable=len(self.dataset.train.unreadable) + len(self.dataset.held_out.unreadable),
            stopped=state.stopped,
        )
