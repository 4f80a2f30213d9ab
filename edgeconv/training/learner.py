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
            self._sums = [
                tf.Variable(
                    tf.zeros(one.shape),
                    trainable=False,
                    aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
                )
                for one in self._variables
                if recipe.accumulate > 1
            ]
        # Traced once for any batch: workers whose shares differ would else trace at different
        # times, and no longer know each other's sums.
        batch = [
            tf.TensorSpec((None, *shape), tf.float32)
            for shape in (model.input_shape[1:], model.output_shape[1:], ())
        ]
        self._whole = tf.function(self._run_whole, input_signature=batch)
        self._part = tf.function(self._run_part, input_signature=batch)
        self._finish = tf.function(self._run_finish)

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
        if self._recipe.accumulate == 1:
            return float(self._whole(inputs, targets, weights))
        parts = zip(
            *(np.array_split(one, self._recipe.accumulate) for one in (inputs, targets, weights)),
            strict=True,
        )
        found = [self._part(*part) for part in parts]
        losses, count = (sum(float(one) for one in column) for column in zip(*found, strict=True))
        self._finish(np.float32(count))
        return losses / count

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

    def _run_whole(self, *batch: Any) -> Any:
        return self._local(self._strategy.run(self._step, args=batch))

    def _run_part(self, *batch: Any) -> Any:
        losses, count = self._strategy.run(self._add, args=batch)
        return self._local(losses), self._local(count)

    def _run_finish(self, count: Any) -> None:
        self._strategy.run(self._apply_sums, args=(count,))

    def _local(self, value: Any) -> Any:
        """What every replica has alike, once."""
        return self._strategy.experimental_local_results(value)[0]

    def _step(self, inputs: Any, targets: Any, weights: Any) -> Any:
        losses, count, gradients = self._gradients(inputs, targets, weights)
        self._apply([one / count for one in gradients])
        return losses / count

    def _add(self, inputs: Any, targets: Any, weights: Any) -> Any:
        losses, count, gradients = self._gradients(inputs, targets, weights)
        for total, gradient in zip(self._sums, gradients, strict=True):
            total.assign_add(gradient)
        return losses, count

    def _apply_sums(self, count: Any) -> None:
        import tensorflow as tf

        self._apply([total / count for total in self._sums])
        for total in self._sums:
            total.assign(tf.zeros_like(total))

    def _gradients(self, inputs: Any, targets: Any, weights: Any) -> Any:
        """Sums over all replicas: losses, how many, and the gradients of the losses."""
        import tensorflow as tf

        inputs, targets, weights = self._piece(inputs, targets, weights)
        with tf.GradientTape() as tape:
            scores = tf.cast(self.model(inputs, training=True), tf.float32)
            losses = tf.reduce_sum(self._loss(targets, scores) * weights)
        gradients = tape.gradient(losses, self._variables)
        count = tf.cast(tf.shape(inputs)[0], tf.float32)
        return tf.distribute.get_replica_context().all_reduce(
            tf.distribute.ReduceOp.SUM, (losses, count, gradients)
        )

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
