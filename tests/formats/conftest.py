"""One small real classifier, frozen once and converted to every kind of TFLite file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edgeconv.contract import Contract, InputTensor, OutputTensor, Precision, Source

SIZE = 64
LABELS = ("Zeichnung ä", "two words", "Sexy")
KINDS = ("fp32", "fp16", "dynamic", "int8")


@pytest.fixture(scope="session")
def pictures() -> NDArray[np.uint8]:
    """(24, 64, 64, 3) gradients, flat colours and noise."""
    random = np.random.default_rng(7)
    ramp = np.linspace(0, 1, SIZE)[:, None, None] * np.ones((1, SIZE, 1))
    made = []
    for number in range(24):
        base = random.random(3) * ramp + random.random(3) * ramp.transpose(1, 0, 2)
        noise = random.random((SIZE, SIZE, 3)) * (number % 4) / 4
        made.append(np.clip((base + noise) / 2, 0, 1) * 255)
    made[0][:], made[1][:] = 0, 255
    return np.stack(made).astype(np.uint8)


@pytest.fixture(scope="session")
def frozen(pictures: NDArray[np.uint8]) -> Any:
    """A concrete function without variables whose scores differ widely between the pictures."""
    import tensorflow as tf
    import tf_keras
    from tensorflow.python.framework.convert_to_constants import (
        convert_variables_to_constants_v2,
    )

    layers = tf_keras.layers
    tf_keras.utils.set_random_seed(7)
    image = values = layers.Input((SIZE, SIZE, 3))
    values = layers.ReLU(6.0)(layers.Conv2D(16, 3, strides=2, padding="same")(values))
    for channels in (32, 64):
        values = layers.ZeroPadding2D(((0, 1), (0, 1)))(values)
        values = layers.ReLU(6.0)(layers.DepthwiseConv2D(3, strides=2)(values))
        expanded = layers.ReLU(6.0)(layers.Conv2D(channels, 1)(values))
        values = layers.Add()([expanded, layers.Conv2D(channels, 1)(expanded)])
    values = layers.Dense(64, activation="relu")(layers.GlobalAveragePooling2D()(values))
    model = tf_keras.Model(image, layers.Dense(len(LABELS))(values))

    last = model.layers[-1]
    logits = model(pictures / np.float32(127.5) - 1).numpy()
    spread, kernel = logits.std(axis=0) / 2, last.get_weights()[0]
    last.set_weights([kernel / spread, -logits.mean(axis=0) / spread])

    @tf.function
    def scores(image: Any) -> Any:
        return tf.nn.softmax(model(image / 127.5 - 1, training=False))

    signature = tf.TensorSpec((1, SIZE, SIZE, 3), tf.float32, name="image")
    return convert_variables_to_constants_v2(scores.get_concrete_function(signature))


@pytest.fixture(scope="session")
def tflite_files(frozen: Any, pictures: NDArray[np.uint8]) -> dict[str, bytes]:
    """Kind -> file, as tensorflow's converter leaves it."""
    import tensorflow as tf

    def calibration() -> Iterator[list[NDArray[np.float32]]]:
        for picture in pictures:
            yield [picture[None].astype(np.float32)]

    def convert(kind: str) -> bytes:
        converter = tf.lite.TFLiteConverter.from_concrete_functions([frozen])
        if kind != "fp32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if kind == "fp16":
            converter.target_spec.supported_types = [tf.float16]
        if kind == "int8":
            converter.representative_dataset = calibration
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
            converter.inference_input_type = tf.uint8
            converter.inference_output_type = tf.uint8
        if kind == "int16x8":
            converter.representative_dataset = calibration
            converter.target_spec.supported_ops = [
                tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
            ]
        return bytes(converter.convert())

    return {kind: convert(kind) for kind in (*KINDS, "int16x8")}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """Each kind of TFLite file that edgeconv writes."""
    return str(request.param)


@pytest.fixture
def tflite_contract() -> Contract:
    """A contract for the float files of :func:`tflite_files`."""
    return Contract(
        model="demo",
        summary="Three classes",
        notice="No moderation model",
        labels=LABELS,
        unsafe_labels=LABELS[2:],
        input=InputTensor(
            size=(SIZE, SIZE),
            name="image",
            shape=(1, SIZE, SIZE, 3),
            dtype="float32",
            layout="NHWC",
        ),
        output=OutputTensor(name="scores", kind="softmax", dtype="float32"),
        precision=Precision(
            asked="fp32",
            weight_type="float32",
            activation_type="float32",
            weights={"float32": 1.0},
            float_ops=1.0,
        ),
        source=Source(
            checkpoint_sha256="ab" * 32,
            checkpoint_format="keras_h5",
            licence="MIT",
            author="A. Author",
        ),
        made_with={"edgeconv": "0.1.0"},
    )
