"""The learning rate."""

from __future__ import annotations

import pytest

from edgeconv.training.recipe import Optimizer, Recipe, ReduceOnPlateau
from edgeconv.training.schedule import Plateau, learning_rate


def rates(recipe: Recipe, steps: int = 2) -> list[float]:
    """The rate of every step, where an epoch has so many."""
    return [
        learning_rate(recipe, Plateau(), number / steps, 1 / steps)
        for number in range(recipe.epochs * steps)
    ]


def test_without_a_climb_the_rate_is_there_at_once() -> None:
    assert rates(Recipe(optimizer=Optimizer(learning_rate=0.1), epochs=1)) == [0.1, 0.1]


def test_the_rate_climbs_and_stays() -> None:
    recipe = Recipe(optimizer=Optimizer(learning_rate=0.1, warmup_epochs=2), epochs=3)
    assert rates(recipe) == pytest.approx([0.025, 0.05, 0.075, 0.1, 0.1, 0.1])


def test_a_climb_may_start_above_zero() -> None:
    optimizer = Optimizer(learning_rate=0.1, warmup_epochs=2, warmup_from=0.02)
    recipe = Recipe(optimizer=optimizer, epochs=3)
    rates = [learning_rate(recipe, Plateau(), done, 0.5) for done in (0.0, 0.5, 1.0, 1.5, 2.0)]
    assert rates == pytest.approx([0.04, 0.06, 0.08, 0.1, 0.1])


def test_a_line_goes_to_zero_as_transformers_draws_it() -> None:
    recipe = Recipe(optimizer=Optimizer(learning_rate=1.0), schedule="line", epochs=3)
    # transformers.get_linear_schedule_with_warmup(0, 6), before each of the 6 steps.
    assert rates(recipe) == pytest.approx([1, 5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6])


def test_a_cosine_follows_the_climb_as_keras_draws_it() -> None:
    import tf_keras

    recipe = Recipe(
        optimizer=Optimizer(learning_rate=0.4, warmup_epochs=1), schedule="cosine", epochs=4
    )
    keras = tf_keras.optimizers.schedules.CosineDecay(0.4, decay_steps=6)
    assert rates(recipe) == pytest.approx([0.2, 0.4, *(float(keras(step)) for step in range(6))])


def test_the_rate_falls_after_so_many_epochs_without_a_better_loss() -> None:
    options = ReduceOnPlateau(factor=0.1, patience=2)
    plateau = Plateau()
    scales = []
    for loss in (1.0, 0.5, 0.6, 0.4, 0.5, 0.4, 0.39995, 0.39995):
        plateau.after_epoch(loss, options)
        scales.append(plateau.scale)
    assert scales == pytest.approx([1, 1, 1, 1, 1, 0.1, 0.1, 0.01])


def test_it_steps_as_keras_does() -> None:
    import tf_keras

    losses = [3.0, 2.0, 2.5, 1.9, 1.9, 1.8999, 1.95, 1.2, 1.3, 1.3, 1.3, 1.3]
    model = tf_keras.Sequential([tf_keras.layers.Dense(1, input_shape=(1,))])
    model.compile(tf_keras.optimizers.SGD(1.0), "mse")
    keras = tf_keras.callbacks.ReduceLROnPlateau(factor=0.5, patience=3)
    keras.set_model(model)
    keras.on_train_begin()
    plateau, rates, scales = Plateau(), [], []
    for epoch, loss in enumerate(losses):
        keras.on_epoch_end(epoch, {"val_loss": loss})
        plateau.after_epoch(loss, ReduceOnPlateau(factor=0.5, patience=3))
        rates.append(float(model.optimizer.learning_rate.numpy()))
        scales.append(plateau.scale)
    assert scales == pytest.approx(rates)
    assert scales[-1] < 1
