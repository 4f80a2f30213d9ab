"""An architecture for tests: what training asks of one, in four layers that trace in no time."""

from __future__ import annotations

from typing import Any

import tf_keras
from numpy.random import RandomState

from edgeconv.spec import ModelSpec


def build(spec: ModelSpec) -> Any:
    layers = tf_keras.layers
    pixels = layers.Input((*spec.input.size, 3), name="normalised_pixels")
    x = layers.Conv2D(6, 5, strides=4, name="conv")(pixels)
    x = layers.BatchNormalization(name="bn_conv", momentum=0.9)(x)
    x = layers.ReLU(name="relu")(x)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    x = layers.Dropout(0.3, name="dropout")(x)
    scores = layers.Dense(len(spec.labels), activation="softmax", name="scores")(x)
    return tf_keras.Model(pixels, scores, name="small_network")


def body_layers(model: Any) -> list[Any]:
    return [model.get_layer(name) for name in ("conv", "bn_conv", "relu")]


def randomise_body(model: Any, random: RandomState) -> None:
    kernel = model.get_layer("conv").kernel
    kernel.assign(random.normal(0, 0.1, kernel.shape))
