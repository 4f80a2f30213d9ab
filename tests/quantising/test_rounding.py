import numpy as np
import pytest

from edgeconv.quantising.rounding import LARGEST, round_weights


@pytest.fixture
def weights():
    return np.random.RandomState(0).randn(6, 4, 9)


@pytest.fixture
def pixels():
    """Mean products of neighbouring pixels, which are nearly equal."""
    random = np.random.RandomState(1)
    values = random.randn(500, 1) + 0.1 * random.randn(500, 9)
    return np.broadcast_to(values.T @ values / 500, (6, 9, 9))


def nearest(weights):
    step = np.abs(weights).max(axis=-1, keepdims=True) / LARGEST
    return np.round(weights / step) * step


def squares(error, metric):
    return np.einsum("gri,gij,grj->gr", error, metric, error)


def test_every_quantiser_finds_the_same_integers_again(weights, pixels):
    rounded = round_weights(weights, pixels).astype(np.float32)
    step = np.abs(rounded).max(axis=-1, keepdims=True) / LARGEST
    integers = rounded / step
    assert np.abs(integers - np.round(integers)).max() < 1e-4
    assert (np.abs(np.round(integers)).max(axis=-1) == LARGEST).all()


def test_no_row_is_further_off_than_its_nearest_rounding(weights, pixels):
    ours = squares(round_weights(weights, pixels) - weights, pixels)
    stock = squares(nearest(weights) - weights, pixels)
    assert (ours <= stock + 1e-12).all()
    assert ours.mean() < 0.3 * stock.mean()


def test_the_sum_of_a_filter_is_kept_where_its_inputs_are_nearly_equal(weights, pixels):
    ours = np.abs((round_weights(weights, pixels) - weights).sum(axis=-1))
    stock = np.abs((nearest(weights) - weights).sum(axis=-1))
    assert ours.mean() < 0.3 * stock.mean()


def test_inputs_that_have_nothing_to_do_with_each_other_change_nothing_of_note(weights):
    apart = np.broadcast_to(np.eye(9), (6, 9, 9))
    ours = squares(round_weights(weights, apart) - weights, apart)
    assert ours.mean() > 0.4 * squares(nearest(weights) - weights, apart).mean()


def test_dead_rows_stay_dead(pixels):
    assert not round_weights(np.zeros((6, 1, 9)), pixels).any()
