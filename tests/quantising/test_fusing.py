import numpy as np
import pytest

from edgeconv.quantising.fusing import fused, same_padding


def test_scores_and_names_stay_and_what_went_into_convolutions_is_idle(block, normalised):
    copy = fused(block)
    expected = block(normalised).numpy()
    assert np.ptp(expected) > 0.1
    assert copy(normalised).numpy() == pytest.approx(expected, abs=1e-4)
    assert [layer.name for layer in copy.layers] == [layer.name for layer in block.layers]
    kinds = [type(layer).__name__ for layer in copy.layers]
    assert not {"BatchNormalization", "ReLU", "ZeroPadding2D"}.intersection(kinds)
    assert copy.get_layer("depthwise").padding == "same"
    assert copy.get_layer("stem").activation.__name__ == "relu6"


def test_the_model_itself_is_left_alone(block):
    before = [weights.copy() for weights in block.get_weights()]
    fused(block)
    assert all(map(np.array_equal, before, block.get_weights()))


def test_what_is_looked_at_twice_stays_a_layer():
    import tf_keras
    from tf_keras import layers

    pixels = layers.Input((8, 8, 3))
    made = layers.Conv2D(4, 3, name="conv")(pixels)
    normal = layers.BatchNormalization(name="norm")(made)
    model = tf_keras.Model(pixels, layers.Add()([layers.ReLU(name="relu")(normal), made]))
    assert type(fused(model).get_layer("norm")).__name__ == "BatchNormalization"


@pytest.mark.parametrize(("zeros", "goes"), [(((0, 1), (0, 1)), True), (((1, 1), (1, 1)), False)])
def test_only_zeros_that_same_would_add_go(zeros, goes):
    import tf_keras
    from tf_keras import layers

    pixels = layers.Input((8, 8, 3))
    padded = layers.ZeroPadding2D(zeros, name="pad")(pixels)
    model = tf_keras.Model(pixels, layers.DepthwiseConv2D(3, 2, name="depthwise")(padded))
    copy = fused(model)
    assert (type(copy.get_layer("pad")).__name__ == "Activation") is goes
    inputs = np.random.RandomState(0).rand(2, 8, 8, 3).astype(np.float32)
    assert np.allclose(copy(inputs), model(inputs), atol=1e-6)


def test_same_padding_is_tensorflows():
    import tensorflow as tf
    from tf_keras import layers

    inputs = np.random.RandomState(0).rand(1, 11, 14, 2).astype(np.float32)
    for kernel, stride in ((3, 1), (3, 2), (5, 2), (5, 3)):
        same = layers.Conv2D(3, kernel, stride, padding="same")
        expected = same(inputs)
        vertical, horizontal = same_padding(same, 11, 14)
        padded = tf.pad(inputs, ((0, 0), vertical, horizontal, (0, 0)))
        found = tf.nn.conv2d(padded, same.kernel, stride, "VALID")
        assert np.allclose(found, expected, atol=1e-6)
