"""The learning rate."""

from __future__ import annotations

import pytest

from edgeconv.training.recipe import Optimizer, ReduceOnPlateau
from edgeconv.training.schedule import Plateau, learning_rate


def test_without_a_climb_the_rate_is_there_at_once() -> None:
    assert learning_rate(Optimizer(learning_rate=0.1), Plateau(), 0.01) == 0.1


def test_the_rate_climbs_and_stays() -> None:
    options = Optimizer(learning_rate=0.1, warmup_epochs=2)
    rates = [learning_rate(options, Plateau(), done) for done in (0.5, 1.0, 2.0, 3.0)]
    assert rates == pytest.approx([0.025, 0.05, 0.1, 0.1])


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
