"""One step of learning, held against tf_keras' own and against the formulas."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from edgeconv.architectures import body_layers, build
from edgeconv.spec import ModelSpec
from edgeconv.training.layer_rates import rate_groups
from edgeconv.training.learner import Learner
from edgeconv.training.recipe import Recipe

RANDOM = np.random.default_rng(0)
INPUTS = RANDOM.normal(size=(12, 5)).astype(np.float32)
TARGETS = np.eye(3, dtype=np.float32)[RANDOM.integers(0, 3, 12)]
ONES = np.ones(12, np.float32)


def network() -> Any:
    tf_keras.utils.set_random_seed(0)
    rows = tf_keras.layers.Input((5,))
    hidden = tf_keras.layers.Dense(4, activation="tanh", name="hidden")(rows)
    return tf_keras.Model(rows, tf_keras.layers.Dense(3, activation="softmax")(hidden))


def learner(**recipe: Any) -> Learner:
    loss = tf_keras.losses.categorical_crossentropy
    return Learner(network(), [], Recipe(**recipe), loss, tf.distribute.get_strategy())


def learnt(steps: int = 3, weights: np.ndarray = ONES, **recipe: Any) -> tuple[list, list]:
    one = learner(**recipe)
    losses = [one.learn(INPUTS, TARGETS, weights, 0.05) for _ in range(steps)]
    return losses, one.model.get_weights()


def same(some: list, others: list, tolerance: float = 1e-6) -> bool:
    return all(np.allclose(*pair, atol=tolerance) for pair in zip(some, others, strict=True))


@pytest.mark.parametrize("kind", ["sgd", "adamw"])
def test_steps_are_those_of_keras(kind: str) -> None:
    optimizers = {
        "sgd": tf_keras.optimizers.SGD(0.05, momentum=0.9),
        "adamw": tf_keras.optimizers.AdamW(0.05, weight_decay=0.1, epsilon=1e-8),
    }
    keras = network()
    if kind == "adamw":
        optimizers[kind].exclude_from_weight_decay(var_names=["bias"])
    keras.compile(optimizers[kind], "categorical_crossentropy")
    expected = [float(keras.train_on_batch(INPUTS, TARGETS)) for _ in range(3)]
    losses, weights = learnt(optimizer={"kind": kind, "weight_decay": 0.1})
    assert losses == pytest.approx(expected, rel=1e-5)
    assert same(weights, keras.get_weights(), 1e-5)
    assert losses[-1] < losses[0]


def test_a_batch_in_parts_is_the_same_step() -> None:
    whole, parts = learnt(), learnt(accumulate=5)
    assert parts[0] == pytest.approx(whole[0], rel=1e-5)
    assert same(parts[1], whole[1])
    assert not same(parts[1], learnt(steps=2)[1])


def test_weights_multiply_losses() -> None:
    heavy = np.where(TARGETS[:, 0] > 0, 3.0, 1.0).astype(np.float32)
    keras = network()
    keras.compile(tf_keras.optimizers.SGD(0.05, momentum=0.9), "categorical_crossentropy")
    for _ in range(3):
        keras.train_on_batch(INPUTS, TARGETS, class_weight={0: 3.0, 1: 1.0, 2: 1.0})
    assert same(learnt(weights=heavy)[1], keras.get_weights())
    assert not same(learnt()[1], keras.get_weights(), 1e-4)


def test_gradients_are_clipped_together() -> None:
    (_, before), (_, after) = learnt(steps=0), learnt(steps=1, optimizer={"clip_norm": 0.01})
    moved = np.sqrt(sum(((a - b) ** 2).sum() for a, b in zip(before, after, strict=True)))
    assert moved == pytest.approx(0.05 * 0.01, rel=1e-3)


def test_averages_are_exponential_and_only_inside() -> None:
    one = learner(averaging=0.8)
    average = one.model.get_weights()
    for _ in range(4):
        one.learn(INPUTS, TARGETS, ONES, 0.05)
        average = [0.8 * a + 0.2 * w for a, w in zip(average, one.model.get_weights(), strict=True)]
    learnt_weights = one.model.get_weights()
    with one.averaged():
        assert same(one.model.get_weights(), average)
        assert not same(one.model.get_weights(), learnt_weights, 1e-3)
    assert same(one.model.get_weights(), learnt_weights, 0)


def test_what_is_remembered_makes_another_learner_go_on_alike() -> None:
    recipe: dict[str, Any] = {"optimizer": {"kind": "adamw"}, "averaging": 0.9}
    whole = learner(**recipe)
    for _ in range(4):
        whole.learn(INPUTS, TARGETS, ONES, 0.05)
    first, second = learner(**recipe), learner(**recipe)
    for _ in range(2):
        first.learn(INPUTS, TARGETS, ONES, 0.05)
    second.model.set_weights(first.model.get_weights())
    second.remember(first.remembered())
    for _ in range(2):
        second.learn(INPUTS, TARGETS, ONES, 0.05)
    assert same(second.model.get_weights(), whole.model.get_weights(), 0)
    assert same(second.remembered(), whole.remembered(), 0)


def vit_spec() -> ModelSpec:
    return ModelSpec.model_validate(
        {
            "name": "v",
            "basename": "V",
            "summary": "for tests",
            "labels": ["a", "b", "c"],
            "architecture": {
                "kind": "vit", "patch": 8, "width": 8, "depth": 2, "heads": 2, "mlp": 8
            },
            "input": {"size": [16, 16]},
            "checkpoint": {"formats": ["safetensors"]},
        }
    )  # fmt: skip


def test_rates_fall_from_the_head_to_the_first_layers() -> None:
    model = build(vit_spec())
    groups = rate_groups(model, body_layers(vit_spec(), model), 0.5)
    shares = {
        variable.name.split("/")[0]: share for share, variables in groups for variable in variables
    }
    assert shares["patch"] == shares["positions"] == 0.125
    assert shares["block_00_query"] == shares["block_00_down"] == 0.25
    assert shares["block_01_norm1"] == 0.5
    assert shares["norm"] == shares["scores"] == 1.0
    assert [share for share, _ in rate_groups(model, [], 1.0)] == [1.0]


def test_layers_learn_at_their_rates() -> None:
    model = build(vit_spec())
    body = body_layers(vit_spec(), model)
    for weight in model.weights:
        weight.assign(RANDOM.normal(0, 0.2, weight.shape))
    before = {weight.name: weight.numpy() for weight in model.weights}
    recipe = Recipe(optimizer={"kind": "adamw", "layer_decay": 0.5})
    one = Learner(
        model,
        body,
        recipe,
        tf_keras.losses.categorical_crossentropy,
        tf.distribute.get_strategy(),
    )
    pixels = RANDOM.normal(size=(3, 16, 16, 3)).astype(np.float32)
    one.learn(pixels, np.eye(3, dtype=np.float32), ONES[:3], 0.01)
    # The first step of Adam is the rate itself, whatever the gradient.
    moved = {name: np.abs(model.get_layer(name.split("/")[0]).get_weights()[0] - value).max()
             for name, value in before.items() if name.endswith("kernel:0")}  # fmt: skip
    assert moved["patch/kernel:0"] == pytest.approx(0.00125, rel=1e-2)
    assert moved["block_00_up/kernel:0"] == pytest.approx(0.0025, rel=1e-2)
    assert moved["scores/kernel:0"] == pytest.approx(0.01, rel=1e-2)
