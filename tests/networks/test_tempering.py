"""A temperature divides the logits inside whatever computes, and never changes a label."""

import numpy as np
import pytest
from onnx_graphs import SIGMOID, SOFTMAX, classifier, pictures, program, spec

from edgeconv.checkpoints.graph_program import GraphProgram
from edgeconv.errors import SpecError
from edgeconv.evaluating.temperature import with_temperature
from edgeconv.networks.graph_network import GraphNetwork
from edgeconv.networks.keras_network import KerasNetwork
from edgeconv.networks.onnx_network import OnnxNetwork
from edgeconv.normalising import normalise
from edgeconv.spec import ModelSpec, Output

LEAST = float(np.finfo(np.float32).tiny)
HOT = 2.5


def hold(before, after, kind):
    """The scores behind are those of the ones before, and differ from them."""
    expected = with_temperature(before.astype(np.float64), HOT, kind, LEAST)
    np.testing.assert_allclose(after, expected, atol=2e-6)
    assert np.abs(after - before).max() > 0.02
    assert (after.argmax(axis=1) == before.argmax(axis=1)).all()


def keras_model(ending):
    import tf_keras

    layers = tf_keras.layers
    given = layers.Input((8, 8, 3))
    x = layers.Conv2D(6, 3, activation="relu")(given)
    x = layers.GlobalAveragePooling2D()(x)
    x = ending(layers, x)
    model = tf_keras.Model(given, x)
    generator = np.random.default_rng(3)
    model.set_weights([generator.normal(0, 0.7, w.shape) for w in model.get_weights()])
    return model


ENDINGS = {
    "in the dense layer": lambda layers, x: layers.Dense(3, activation="softmax")(x),
    "in a layer of its own": lambda layers, x: layers.Softmax()(layers.Dense(3)(x)),
    "through a 1 x 1 convolution": lambda layers, x: layers.Activation("softmax")(
        layers.Flatten()(layers.Conv2D(3, 1)(layers.Reshape((1, 1, 6))(x)))
    ),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_keras(ending):
    inputs = np.random.default_rng(0).random((20, 8, 8, 3), np.float32)
    network = KerasNetwork(keras_model(ENDINGS[ending]))
    before = network.scores(inputs)
    hold(before, network.with_temperature(HOT).scores(inputs), "softmax")


@pytest.mark.slow
def test_the_demo_and_what_is_exported_of_it(demo, small_pixels):
    from edgeconv.classifier import load_classifier
    from edgeconv.networks.tempering import divide_logits

    network = load_classifier("demo").network
    divide_logits(network.model, HOT)
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 256, (6, 1, 1, 3)) + generator.integers(
        -60, 60, (6, 224, 224, 3)
    )
    normalised = normalise(pixels.clip(0, 255).astype(np.uint8), demo.spec.input)
    before, after = demo.network.scores(normalised), network.scores(normalised)
    hold(before, after, "softmax")
    frozen = network.freeze(demo.spec).scores(pixels.clip(0, 255).astype(np.float32))
    np.testing.assert_allclose(frozen, after, atol=1e-5)


def test_keras_without_logits_is_refused():
    model = keras_model(lambda layers, x: layers.Softmax()(layers.Dense(3, activation="relu")(x)))
    with pytest.raises(SpecError, match="no temperature can be folded"):
        KerasNetwork(model).with_temperature(HOT)
    model = keras_model(lambda layers, x: layers.Softmax()(layers.BatchNormalization()(x)))
    with pytest.raises(SpecError, match="BatchNormalization"):
        KerasNetwork(model).with_temperature(HOT)


@pytest.mark.parametrize("ending", ["Softmax", "Sigmoid", None])
def test_a_tensorflow_graph(ending):
    import tensorflow as tf

    weights = np.random.default_rng(2).normal(0, 1, (12, 3)).astype(np.float32)
    with tf.Graph().as_default() as graph:
        given = tf.compat.v1.placeholder(tf.float32, (None, 2, 2, 3), name="given")
        logits = tf.matmul(tf.reshape(given, (-1, 12)), weights)
        found = getattr(tf.nn, ending.lower())(logits) if ending else logits
        tf.identity(found, name="found")
    network = GraphNetwork(GraphProgram(graph.as_graph_def(), "given:0", "found:0"))
    if ending is None:
        with pytest.raises(SpecError, match="MatMul"):
            network.with_temperature(HOT)
        return
    inputs = np.random.default_rng(0).random((20, 2, 2, 3), np.float32)
    kind = "softmax" if ending == "Softmax" else "multi-label"
    hold(network.scores(inputs), network.with_temperature(HOT).scores(inputs), kind)


@pytest.mark.parametrize("ending", [(), (SOFTMAX,), (SIGMOID,)], ids=["bare", "softmax", "sigmoid"])
def test_an_onnx_file(ending):
    kind = "multi-label" if ending == (SIGMOID,) else "softmax"
    described = spec(kind)
    network = OnnxNetwork(program(classifier(*ending, width=3)), described)
    inputs = normalise(pictures(20), described.input)
    before, hot = network.scores(inputs), network.with_temperature(HOT)
    hold(before, hot.scores(inputs), kind)
    np.testing.assert_allclose(network.scores(inputs), before, atol=0)
    frozen = hot.freeze(described).scores(pictures(20))
    np.testing.assert_allclose(frozen, hot.scores(inputs), atol=1e-5)


def test_what_a_spec_may_say():
    assert Output().temperature == 1
    for wrong in (0, -1, float("inf"), float("nan")):
        with pytest.raises(ValueError, match="temperature"):
            Output(temperature=wrong)
    with pytest.raises(ValueError, match="no logits"):
        Output(kind="linear", temperature=2)
    described = spec().model_dump()
    described["operating_points"] = [{"name": "a", "threshold": 0.5}]
    with pytest.raises(ValueError, match="unsafe labels"):
        ModelSpec.model_validate(described)
    described |= {"unsafe": ["Dots"], "operating_points": described["operating_points"] * 2}
    with pytest.raises(ValueError, match="repeat"):
        ModelSpec.model_validate(described)
