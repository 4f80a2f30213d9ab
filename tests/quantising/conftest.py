import numpy as np
import pytest

from edgeconv.classifier import Classifier
from edgeconv.contract import Source
from edgeconv.networks.keras_network import KerasNetwork


@pytest.fixture(scope="session")
def block(randomise):
    """What MobileNetV2 is made of, once: no test may change its weights."""
    import tf_keras
    from tf_keras import layers

    pixels = layers.Input((32, 32, 3), name="pixels")
    x = layers.Conv2D(8, 3, padding="same", use_bias=False, name="stem")(pixels)
    x = layers.BatchNormalization(name="stem_norm")(x)
    x = layers.ReLU(6.0, name="stem_relu")(x)
    x = layers.ZeroPadding2D(((0, 1), (0, 1)), name="pad")(x)
    x = layers.DepthwiseConv2D(3, 2, use_bias=False, name="depthwise")(x)
    x = layers.BatchNormalization(name="depthwise_norm")(x)
    x = layers.ReLU(6.0, name="depthwise_relu")(x)
    first = layers.Conv2D(8, 1, name="project")(x)
    x = layers.Conv2D(8, 1, use_bias=False, name="mix")(first)
    x = layers.BatchNormalization(name="mix_norm")(x)
    x = layers.Add(name="add")([x, first])
    x = layers.Flatten(name="flatten")(layers.AveragePooling2D(16, name="pool")(x))
    return randomise(
        tf_keras.Model(pixels, layers.Dense(3, activation="softmax", name="scores")(x))
    )


@pytest.fixture(scope="session")
def classifier(block, small_spec):
    source = Source(checkpoint_sha256="0" * 64, checkpoint_format="keras")
    return Classifier(small_spec, KerasNetwork(block), source)


@pytest.fixture(scope="session")
def normalised(small_pixels):
    return small_pixels.astype(np.float32) / 255
