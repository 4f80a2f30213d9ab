import numpy as np
import pytest

from edgeconv.quantising.gptq import TOGETHER, Turns, mean_squares

RNG = np.random.default_rng(7)


def loss(error, metric):
    return float(np.einsum("gri,gij,grj->", error, metric, error))


def metric_of(inputs, groups=1):
    """Inputs that go together, as neighbouring pixels do."""
    common = RNG.normal(size=(groups, 400, 1)) * 3
    samples = common + RNG.normal(size=(groups, 400, inputs))
    return samples.swapaxes(1, 2) @ samples / 400


def rounded(weights, metric):
    return Turns.of(metric, mean_squares(metric)).rounded(weights, np.round)


@pytest.mark.parametrize(("groups", "inputs"), [(1, 2 * TOGETHER + 5), (6, 9)])
def test_results_stay_closer_than_with_the_nearest_values(groups, inputs):
    weights = RNG.normal(size=(groups, 8, inputs))
    metric = metric_of(inputs, groups)
    made = rounded(weights, metric)
    assert np.array_equal(made, np.round(made))
    assert loss(made - weights, metric) < 0.5 * loss(np.round(weights) - weights, metric)


def test_inputs_that_do_not_go_together_leave_the_nearest():
    weights = RNG.normal(size=(2, 3, 9))
    metric = np.stack([np.diag(RNG.uniform(1, 2, 9)) for _ in range(2)])
    assert np.array_equal(rounded(weights, metric), np.round(weights))
