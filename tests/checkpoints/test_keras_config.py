"""Configurations of all dialects are read as data; what is not plain is refused by name."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from edgeconv.checkpoints.keras_config import read_config
from edgeconv.checkpoints.topology import build
from edgeconv.errors import (
    CheckpointError,
    CheckpointMismatch,
    CorruptCheckpoint,
    UnsafeCheckpoint,
)


def layer(kind: str, **config: Any) -> dict[str, Any]:
    return {"class_name": kind, "config": {"name": kind.lower(), **config}}


def sequential(*layers: dict[str, Any]) -> dict[str, Any]:
    first = layer("InputLayer", batch_input_shape=[None, 8, 8, 3])
    return {"class_name": "Sequential", "config": {"name": "model", "layers": [first, *layers]}}


DENSE = layer("Dense", units=3, activation="softmax")


def test_a_nested_model_is_laid_flat(tiny: Any) -> None:
    found = read_config(json.loads(tiny.to_json()), "here")
    assert list(found.layers)[:3] == ["Conv1", "bn_Conv1", "Conv1_relu"]
    assert list(found.layers)[-1] == "head"
    model = build(found, (8, 8), "flat", 10_000, "here")
    assert model.output_shape == (None, 3)
    assert model.count_params() == tiny.count_params()


def test_keras_3_says_the_same(tiny: Any) -> None:
    import keras

    layers = keras.layers
    pixels = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, use_bias=False, name="Conv1")(pixels)
    y = layers.LeakyReLU(0.1, name="leaky")(x)
    x = layers.Concatenate(name="both")([x, y])
    body = keras.Model(pixels, x, name="body")
    outer = keras.Input((8, 8, 3))
    pooled = layers.GlobalAveragePooling2D(name="pool")(body(outer, training=False))
    model = keras.Model(outer, layers.Dense(3, name="head")(pooled), name="outer")
    found = read_config(json.loads(model.to_json()), "here")
    assert list(found.layers) == ["pool", "head", "Conv1", "leaky", "both"]
    assert found.layers["leaky"].options == {"alpha": pytest.approx(0.1)}
    assert build(found, (8, 8), "flat", 1000, "here").output_shape == (None, 3)


def test_a_layer_used_twice_keeps_one_set_of_weights() -> None:
    import tf_keras

    pixels = tf_keras.Input((8, 8, 3))
    shared = tf_keras.layers.Conv2D(3, 1, name="shared")
    twice = shared(shared(pixels))
    model = tf_keras.Model(pixels, tf_keras.layers.Add(name="sum")([pixels, twice]))
    found = read_config(json.loads(model.to_json()), "here")
    assert [call.layer for call in found.calls] == ["shared", "shared", "sum"]
    assert build(found, (8, 8), "flat", 100, "here").count_params() == model.count_params()


def test_names_that_repeat_are_told_apart_by_their_model() -> None:
    inner = {"class_name": "Sequential", "config": {"name": "inner", "layers": [DENSE]}}
    outer = copy.deepcopy(DENSE)
    found = read_config(sequential(inner, layer("Flatten"), outer), "here")
    assert set(found.layers) == {"inner/dense", "flatten", "dense"}
    assert found.tensor_name("model/inner/dense/kernel") == "inner/dense/kernel"
    assert found.tensor_name("model/dense/kernel") == "dense/kernel"


def test_building_twice_gives_the_same_names(tiny: Any) -> None:
    found = read_config(json.loads(tiny.to_json()), "here")
    first, second = (build(found, (8, 8), "same", 10_000, "here") for _ in range(2))
    assert [layer.name for layer in first.layers] == [layer.name for layer in second.layers]
    assert [weight.name for weight in first.weights] == [weight.name for weight in second.weights]


def test_a_list_of_layers_is_the_oldest_sequential() -> None:
    first = layer("Flatten", batch_input_shape=[None, 8, 8, 3])
    found = read_config({"class_name": "Sequential", "config": [first, DENSE]}, "here")
    assert found.input_shape == (8, 8, 3)
    assert list(found.layers) == ["flatten", "dense"]


@pytest.mark.parametrize(
    "unsafe",
    [
        layer("Lambda", function=["4wEAAAAAAAAA", None, None], function_type="lambda"),
        layer("Custom>Payload"),
        layer("TFOpLambda", function="math.multiply"),
        layer("SlicingOpLambda", function="getitem"),
        layer("MyLayer"),
        layer("Dense", units=3) | {"module": "os"},
        layer("Dense", units=3) | {"module": "kerasx.layers"},
        layer("Dense", units=3) | {"registered_name": "package>Dense"},
        {"class_name": "MyModel", "config": {"name": "mine", "layers": []}},
    ],
    ids=lambda entry: f"{entry.get('module') or ''}{entry['class_name']}",
)
def test_what_is_not_plain_is_refused_by_name(unsafe: dict[str, Any]) -> None:
    with pytest.raises(UnsafeCheckpoint) as caught:
        read_config(sequential(unsafe, DENSE), "nsfw.h5")
    assert "nsfw.h5 was refused; nothing of it was run" in str(caught.value)
    assert repr(unsafe["config"]["name"]) in str(caught.value)


@pytest.mark.parametrize(
    "activation",
    [
        "os.system",
        {"class_name": "function", "config": "system", "module": "os"},
        {"class_name": "Lambda", "config": {}},
        ["relu"],
    ],
)
def test_activations_are_names_from_a_list(activation: Any) -> None:
    with pytest.raises(UnsafeCheckpoint, match="activation"):
        read_config(sequential(layer("Dense", units=3, activation=activation)), "here")


def test_an_object_for_an_option_is_refused() -> None:
    payload = {"class_name": "__lambda__", "config": {}}
    with pytest.raises(UnsafeCheckpoint, match="plain value"):
        read_config(sequential(layer("Dense", units=payload)), "here")


def test_what_matters_only_to_training_is_dropped() -> None:
    payload = {"class_name": "Lambda", "config": {"function": "boom"}}
    dense = layer("Dense", units=3, kernel_initializer=payload, kernel_regularizer=payload)
    assert read_config(sequential(dense), "here").layers["dense"].options == {"units": 3}


@pytest.mark.parametrize(
    "odd",
    [
        layer("Dense", units=3, mystery=1),
        layer("Conv2D", filters=3, kernel_size=1, data_format="channels_first"),
        layer("BatchNormalization", renorm=True),
        layer("Dense", units=float("inf")),
        layer("Conv2D", filters=3, kernel_size=[1, 1], padding="causal"),
        layer("Dense", units=3, name="with space"),
    ],
    ids=lambda entry: str(sorted(entry["config"].items())),
)
def test_options_we_do_not_honour_are_refused(odd: dict[str, Any]) -> None:
    with pytest.raises(CorruptCheckpoint):
        read_config(sequential(odd), "here")


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"class_name": "Sequential", "config": {}},
        {"class_name": "Sequential", "config": {"name": "x", "layers": 3}},
        {"class_name": "Sequential", "config": {"name": "x", "layers": [3]}},
        {"class_name": "Model", "config": {"name": "x", "layers": []}},
    ],
    ids=str,
)
def test_malformed_configurations_are_corrupt(config: dict[str, Any]) -> None:
    with pytest.raises(CorruptCheckpoint):
        read_config(config, "here")


def test_nesting_without_end_is_corrupt() -> None:
    config = DENSE
    for _ in range(50):
        config = {"class_name": "Sequential", "config": {"name": "x", "layers": [config]}}
    with pytest.raises(CorruptCheckpoint, match="nested"):
        read_config(config, "here")


def test_a_circle_of_layers_is_corrupt() -> None:
    nodes = {"a": "b", "b": "a"}
    layers = [
        layer("InputLayer", batch_input_shape=[None, 8, 8, 3], name="in"),
        *(
            layer("ReLU", name=name) | {"inbound_nodes": [[[source, 0, 0, {}]]]}
            for name, source in nodes.items()
        ),
    ]
    config = {"layers": layers, "input_layers": [["in", 0, 0]], "output_layers": [["a", 0, 0]]}
    with pytest.raises(CorruptCheckpoint, match="not there"):
        read_config({"class_name": "Model", "config": {"name": "x", **config}}, "here")


def test_two_outputs_are_no_classifier() -> None:
    import tf_keras

    pixels = tf_keras.Input((8, 8, 3))
    model = tf_keras.Model(pixels, [pixels, tf_keras.layers.ReLU()(pixels)])
    with pytest.raises(CheckpointError, match="no image classifier"):
        read_config(json.loads(model.to_json()), "here")


def test_no_layer_is_larger_than_the_checkpoint() -> None:
    found = read_config(sequential(layer("Flatten"), layer("Dense", units=1 << 20)), "here")
    with pytest.raises(CheckpointMismatch, match="does not hold the weights"):
        build(found, (8, 8), "x", 1000, "here")


def test_no_result_is_absurdly_large() -> None:
    found = read_config(sequential(layer("UpSampling2D", size=[9999, 9999]), DENSE), "here")
    with pytest.raises(CorruptCheckpoint, match="absurdly large"):
        build(found, (8, 8), "x", 1000, "here")


def test_another_input_size_is_named() -> None:
    with pytest.raises(CheckpointMismatch) as caught:
        build(read_config(sequential(DENSE), "here"), (224, 224), "x", 1000, "here")
    assert "8 x 8 x 3" in str(caught.value) and "224 x 224 x 3" in str(caught.value)
