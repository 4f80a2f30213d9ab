"""One step of learning: loss, gradients, and what the optimizers remember of earlier steps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeconv.errors import TrainingError
from edgeconv.training.layer_rates import rate_groups
from edgeconv.training.recipe import Optimizer, Recipe
from edgeconv.training.strategy import workers

Floats = NDArray[np.float32]
Tensors = list[NDArray[Any]]


class Learner:
    """A model that learns by a recipe, on one device or on all of a strategy.

    Where the strategy has several replicas, a batch is shared out among them, and each step is
    that of the whole batch: losses and gradients are summed over all before the division. Every
    worker has to call the same methods in the same order.

    Args:
        model: a ``tf_keras.Model`` that was built in the strategy's scope. What is to learn is
            what is trainable now.
        body: the layers before the head.
        recipe: optimizer, averaging and the number of parts of a batch.
        loss: from targets and scores, both (N, labels), to a loss each, (N,).
        strategy: a ``tf.distribute.Strategy``.
    """

    def __init__(
        self, model: Any, body: Sequence[Any], recipe: Recipe, loss: Any, strategy: Any
    ) -> None:
        import tensorflow as tf

        self.model, self._recipe, self._loss, self._strategy = model, recipe, loss, strategy
        self._groups = []
        with strategy.scope():
            for share, variables in rate_groups(model, body, recipe.optimizer.layer_decay):
                optimizer = _optimizer(recipe, variables)
                optimizer.build(variables)
                self._groups.append((share, optimizer, variables))
            self._variables = [one for _, _, variables in self._groups for one in variables]
        # Traced once for any batch: workers whose shares differ would else trace at different
        # times, and no longer know each other's sums.
        batch = [
            tf.TensorSpec((None, *shape), tf.float32)
            for shape in (model.input_shape[1:], model.output_shape[1:], ())
        ]
        self._run = tf.function(self._run_on_all, input_signature=batch)

    def learn(self, inputs: Floats, targets: Floats, weights: Floats, rate: float) -> float:
        """Take one step.

        Args:
            inputs: this worker's share of a batch, normalised, (N, ...).
            targets: (N, labels).
            weights: what each one's loss is multiplied by, (N,).
            rate: the learning rate of the head.

        Returns:
            The mean loss of the whole batch before the step, weights included.

        Raises:
            TrainingError: the batch does not fit into memory, or another worker is gone.
        """
        import tensorflow as tf

        try:
            return self._learnt(inputs, targets, weights, rate)
        except tf.errors.ResourceExhaustedError as error:
            raise TrainingError(
                f"a batch of {len(inputs)} does not fit into memory",
                do="compute it in parts: accumulate in [training]",
            ) from error
        except (tf.errors.UnavailableError, tf.errors.AbortedError) as error:
            raise TrainingError(
                "another worker is gone",
                got=str(error.message).splitlines()[0],
                do="start all workers again: they go on after the last epoch",
            ) from error

    def _learnt(self, inputs: Floats, targets: Floats, weights: Floats, rate: float) -> float:
        for share, optimizer, _ in self._groups:
            optimizer.learning_rate.assign(rate * share)
        return float(self._run(inputs, targets, weights))

    def remembered(self) -> Tensors:
        """All that the optimizers know: steps, momenta, averages; in an order that stays."""
        return [one.numpy() for _, optimizer, _ in self._groups for one in optimizer.variables]

    def remember(self, tensors: Sequence[NDArray[Any]]) -> None:
        """Go on from what :meth:`remembered` gave."""
        known = [one for _, optimizer, _ in self._groups for one in optimizer.variables]
        for variable, value in zip(known, tensors, strict=True):
            variable.assign(value)

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Inside, the model has the averages of its weights, where the recipe averages them."""
        if self._recipe.averaging is None:
            yield
            return
        learnt = [one.numpy() for one in self._variables]
        for _, optimizer, variables in self._groups:
            optimizer.finalize_variable_values(variables)
        try:
            yield
        finally:
            for variable, value in zip(self._variables, learnt, strict=True):
                variable.assign(value)

    def _run_on_all(self, *batch: Any) -> Any:
        losses = self._strategy.run(self._step, args=batch)
        # Every replica has the same sum.
        return self._strategy.experimental_local_results(losses)[0]

    def _step(self, *batch: Any) -> Any:
        import tensorflow as tf

        piece = self._piece(*batch)
        losses, gradients = self._in_parts(*piece)
        count = tf.cast(tf.shape(piece[0])[0], tf.float32)
        losses, count, gradients = tf.distribute.get_replica_context().all_reduce(
            tf.distribute.ReduceOp.SUM, (losses, count, gradients)
        )
        self._apply([one / count for one in gradients])
        return losses / count

    def _in_parts(self, *batch: Any) -> tuple[Any, list[Any]]:
        """The sum of the losses and its gradients, one part of the batch after the other."""
        import tensorflow as tf

        if self._recipe.accumulate == 1:
            return self._gradients(*batch)
        count = tf.shape(batch[0])[0]
        # No part without a picture: batch normalisation would make NaN of it.
        parts = tf.clip_by_value(count, 1, self._recipe.accumulate)

        def add(number: Any, losses: Any, *sums: Any) -> list[Any]:
            start, end = count * number // parts, count * (number + 1) // parts
            more, gradients = self._gradients(*(one[start:end] for one in batch))
            added = [total + one for total, one in zip(sums, gradients, strict=True)]
            return [number + 1, losses + more, *added]

        nothing = [tf.constant(0), tf.constant(0.0), *(tf.zeros(v.shape) for v in self._variables)]
        _, losses, *gradients = tf.while_loop(
            lambda number, *_: number < parts, add, nothing, parallel_iterations=1
        )
        return losses, gradients

    def _gradients(self, inputs: Any, targets: Any, weights: Any) -> tuple[Any, list[Any]]:
        import tensorflow as tf

        with tf.GradientTape() as tape:
            scores = tf.cast(self.model(inputs, training=True), tf.float32)
            losses = tf.reduce_sum(self._loss(targets, scores) * weights)
        return losses, tape.gradient(losses, self._variables)

    def _piece(self, *batch: Any) -> Sequence[Any]:
        """What this replica has to do of its worker's share."""
        replicas = self._strategy.num_replicas_in_sync // workers().count
        if replicas == 1:
            return batch
        import tensorflow as tf

        number = tf.distribute.get_replica_context().replica_id_in_sync_group % replicas
        count = tf.shape(batch[0])[0]
        start, end = count * number // replicas, count * (number + 1) // replicas
        return [one[start:end] for one in batch]

    def _apply(self, gradients: Any) -> None:
        import tensorflow as tf

        largest = self._recipe.optimizer.clip_norm
        if largest is not None:
            gradients, _ = tf.clip_by_global_norm(gradients, largest)
        left = iter(gradients)
        for _, optimizer, variables in self._groups:
            optimizer.apply_gradients(
                [(next(left), variable) for variable in variables],
                skip_gradients_aggregation=True,
            )


def _optimizer(recipe: Recipe, variables: Sequence[Any]) -> Any:
    import tf_keras

    options: Optimizer = recipe.optimizer
    averaging = {"use_ema": recipe.averaging is not None, "ema_momentum": recipe.averaging or 0.0}
    if options.kind == "sgd":
        return tf_keras.optimizers.SGD(
            options.learning_rate, momentum=options.momentum, **averaging
        )
    optimizer = tf_keras.optimizers.AdamW(
        options.learning_rate,
        weight_decay=options.weight_decay,
        epsilon=options.epsilon,
        **averaging,
    )
    optimizer.exclude_from_weight_decay(var_list=[one for one in variables if _is_spared(one)])
    return optimizer


def _is_spared(variable: Any) -> bool:
    """Whether weight decay leaves a variable alone."""
    name: str = variable.name.removesuffix(":0")
    return len(variable.shape) < 2 or name.endswith("/positions")
