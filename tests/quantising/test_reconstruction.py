import numpy as np
import pytest

from edgeconv.progress import Silent
from edgeconv.quantising.fusing import fused
from edgeconv.quantising.reconstruction import reconstruct
from edgeconv.quantising.rounding import LARGEST


@pytest.fixture(scope="module")
def rounded(block, normalised):
    model = fused(block)
    reconstruct(model, normalised[:24], Silent())
    return model


@pytest.fixture(scope="module")
def nearest(block):
    """Every weight at its nearest integer, as the stock tools have it."""
    model = fused(block)
    for layer in model.layers:
        if weights := layer.get_weights():
            step = np.abs(weights[0]).max(axis=rows(layer), keepdims=True) / LARGEST
            layer.set_weights([np.round(weights[0] / step) * step, *weights[1:]])
    return model


def rows(layer):
    """Over which axes of a kernel one step holds."""
    axes = {"DepthwiseConv2D": (0, 1), "Conv2D": (0, 1, 2), "Dense": (0,)}
    return axes[type(layer).__name__]


def test_all_weights_lie_on_a_grid(rounded):
    weighted = [layer for layer in rounded.layers if layer.get_weights()]
    assert len(weighted) == 5
    for layer in weighted:
        kernel = layer.get_weights()[0]
        integers = kernel / (np.abs(kernel).max(axis=rows(layer), keepdims=True) / LARGEST)
        assert np.abs(integers - np.round(integers)).max() < 1e-4


def test_pictures_it_was_not_fitted_to_come_out_nearer_than_by_nearest_rounding(
    block, rounded, nearest, normalised
):
    expected = block(normalised[24:]).numpy()
    assert np.ptp(expected) > 0.1
    ours, stock = (np.abs(m(normalised[24:]) - expected).mean() for m in (rounded, nearest))
    assert ours < stock


def test_the_bias_takes_what_is_left_of_the_mean(block, rounded, nearest, normalised):
    """Features before the scores, on the pictures that it was fitted to."""
    import tf_keras

    def mean(model):
        return (
            tf_keras.Model(model.input, model.get_layer("flatten").output)(normalised[:24])
            .numpy()
            .mean(axis=0)
        )

    expected = mean(block)
    assert np.abs(mean(rounded) - expected).mean() < np.abs(mean(nearest) - expected).mean()


def test_the_same_pictures_give_the_same_weights_and_others_give_others(block, normalised):
    def weights(inputs):
        model = fused(block)
        reconstruct(model, inputs, Silent())
        return model.get_weights()

    first = weights(normalised[:8])
    assert all(map(np.array_equal, first, weights(normalised[:8])))
    assert not all(map(np.array_equal, first, weights(normalised[8:16])))
