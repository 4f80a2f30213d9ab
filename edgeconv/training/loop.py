"""The training itself: epochs, the best weights kept, and an end that can be repeated.

Every epoch begins by setting all random streams anew, so that a resumed run goes on exactly as
one that was never interrupted.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import RandomState

from edgeconv.architectures import build
from edgeconv.errors import TrainingError
from edgeconv.progress import Progress
from edgeconv.spec import ModelSpec
from edgeconv.training.body import set_body
from edgeconv.training.data import Dataset
from edgeconv.training.encoding import fit_encoding
from edgeconv.training.history import Epoch, write_numbers
from edgeconv.training.mixing import mix
from edgeconv.training.precision import computing_in
from edgeconv.training.recipe import NO_BODY, Recipe
from edgeconv.training.schedule import Plateau, learning_rate
from edgeconv.training.stage import Stage, stage_of
from edgeconv.training.state import RunState, Tensors, load_state, save_state
from edgeconv.training.strategy import workers
from edgeconv.training.targets import label_weights, smoothed
from edgeconv.training.tensorboard import write_event

MOST_NAMED = 3
"""Pictures of a batch that went wrong that are named."""


class Trainer:
    """A model, and where its training stands.

    Args:
        spec: the model.
        recipe: how it is trained.
        dataset: what from.
        out: where an earlier run left its state.
        written: where this one leaves its own; another folder for workers that must not write.
        scratch: a folder that is thrown away.
        strategy: where it computes.
        logs: whether to write what TensorBoard reads.
        progress: is told what is being done.
    """

    def __init__(
        self,
        spec: ModelSpec,
        recipe: Recipe,
        dataset: Dataset,
        out: Path,
        written: Path,
        scratch: Path,
        strategy: Any,
        logs: bool,
        progress: Progress,
    ) -> None:
        self.spec, self.recipe, self.dataset = spec, recipe, dataset
        self.out, self.written, self.scratch = out, written, scratch
        self.strategy, self.logs, self.progress = strategy, logs, progress
        self.workers = workers()
        self.model: Any = None
        self.stage: Stage | None = None

    def run(self) -> RunState:
        """Train to the last epoch, or until it stops; from where an earlier run stood.

        Raises:
            TrainingError: no epoch gave a finite loss, or the state is that of another training.
            CheckpointError, DownloadError: the body's weights cannot be had.
            FileError: a folder cannot be written.
        """
        import tf_keras

        tf_keras.utils.set_random_seed(self.recipe.seed)
        with self.strategy.scope(), computing_in(self.recipe.precision):
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
        if not self.state.best_weights:
            raise TrainingError(
                f"{self.spec.name} learnt nothing",
                got=self.state.stopped,
                do="lower the learning rate in [training], or let it warm up",
            )
        return self.state

    def _resumed_or_new(self) -> RunState:
        # More epochs make a finished run go on, but for rates that are to be zero at the last one.
        free = set() if self.recipe.schedule in {"line", "cosine"} else {"epochs"}
        identity = {
            "model": self.spec.model_dump(mode="json", exclude={"training", "checkpoint"}),
            "recipe": self.recipe.model_dump(mode="json", exclude=free),
            "pictures": self.dataset.identity,
        }
        state = load_state(self.out, identity)
        if state is None:
            set_body(self.model, self.spec, self.recipe.body, self.recipe.seed)
            if self.recipe.body == NO_BODY:
                fit_encoding(self.model, self.dataset.train)
            return RunState(identity, weights=self.model.get_weights())
        self.model.set_weights(state.weights)
        done = len(state.history)
        if state.stopped or done >= self.recipe.epochs:
            self.progress.note(f"this training is finished: {done} epochs")
        else:
            self.progress.note(f"going on after epoch {done}")
        return state

    def _epoch(self, epoch: int) -> None:
        stage = self._stage_of(epoch)
        loss, rate = self._learn(stage, epoch)
        if not math.isfinite(loss):
            return
        with stage.learner.averaged():
            held_out = stage.evaluate()
            weights = self.model.get_weights()
        if not math.isfinite(held_out.loss):
            self._stop(f"the held-out loss was {held_out.loss} in epoch {epoch + 1}")
            return
        result = Epoch(
            epoch=epoch + 1,
            learning_rate=rate,
            loss=loss,
            val_loss=held_out.loss,
            val_accuracy=held_out.accuracy.value,
        )
        self._keep(stage, result, weights)

    def _learn(self, stage: Stage, epoch: int) -> tuple[float, float]:
        """One pass over the training pictures: their mean loss, and the last learning rate.

        A loss that is not finite ends the training, and is what is given.
        """
        import tf_keras

        recipe = self.recipe
        tf_keras.utils.set_random_seed(recipe.seed)
        random = RandomState([recipe.seed, epoch])
        order = random.permutation(len(stage.train.labels))
        steps = math.ceil(len(order) / recipe.batch)
        self.progress.step(f"epoch {epoch + 1} of {recipe.epochs}", total=steps)
        weights = label_weights(recipe, self.spec, stage.train.labels)

        losses, rate = [], 0.0
        given = stage.batches(order, epoch, self.workers)
        for step, (inputs, targets) in enumerate(given):
            shares = smoothed(targets, recipe.label_smoothing)
            if recipe.mixing:
                inputs, shares = mix(inputs, shares, recipe.mixing, random)  # noqa: PLW2901
            rate = learning_rate(recipe, self.state.plateau, epoch + step / steps, 1 / steps)
            losses.append(stage.learner.learn(inputs, shares, shares @ weights, rate))
            if not math.isfinite(losses[-1]):
                batch = order[step * recipe.batch : (step + 1) * recipe.batch]
                self._stop_at(losses[-1], epoch, step, [stage.train.names[one] for one in batch])
                return losses[-1], rate
            self.progress.advance()
        return float(np.mean(losses)), rate

    def _keep(self, stage: Stage, result: Epoch, weights: Tensors) -> None:
        """Note what an epoch brought, and save all that the next one needs.

        Args:
            weights: those that were judged; not those that go on learning where they are averaged.
        """
        state, patience = self.state, self.recipe.patience
        state.history.append(result)
        state.weights = self.model.get_weights()
        state.optimizer = stage.learner.remembered()
        if result.val_loss < state.best_loss:
            state.best_loss, state.best_weights = result.val_loss, weights
        if self.recipe.schedule == "plateau":
            state.plateau.after_epoch(result.val_loss, self.recipe.reduce_on_plateau)
        best = min(state.history, key=lambda epoch: epoch.val_loss)
        if patience is not None and result.epoch - best.epoch >= patience:
            state.stopped = f"the held-out loss was best in epoch {best.epoch}, {patience} before"
        self._save()
        if self.logs:
            write_event(self.written, result)
        self.progress.note(
            f"epoch {result.epoch}: loss {result.loss:.3f}, held-out loss "
            f"{result.val_loss:.3f}, accuracy {result.val_accuracy:.1%}"
        )

    def _save(self) -> None:
        save_state(self.written, self.state)
        write_numbers(self.written, self.state.history)

    def _stage_of(self, epoch: int) -> Stage:
        """What learns in this epoch: made for the first one of this process, and on a thaw."""
        frozen = self.recipe.is_frozen(epoch)
        if self.stage and self.stage.frozen == frozen:
            return self.stage
        if epoch and frozen != self.recipe.is_frozen(epoch - 1):
            self.state.plateau, self.state.optimizer = Plateau(), []
        self.stage = stage_of(
            self.model,
            self.spec,
            self.recipe,
            self.dataset,
            self.strategy,
            frozen=frozen,
            scratch=self.scratch,
        )
        if self.state.optimizer:
            self.stage.learner.remember(self.state.optimizer)
        return self.stage

    def _stop_at(self, loss: float, epoch: int, step: int, names: Sequence[str]) -> None:
        named = ", ".join(names[:MOST_NAMED]) + (", ..." if len(names) > MOST_NAMED else "")
        self._stop(f"the loss was {loss} in epoch {epoch + 1}, batch {step + 1} ({named})")

    def _stop(self, why: str) -> None:
        self.state.stopped = why
        self._save()
        kept = "; the best weights so far are kept" if self.state.best_weights else ""
        self.progress.note(f"stopped: {why}{kept}")
