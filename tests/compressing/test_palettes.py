import numpy as np
import pytest

from edgeconv.compressing.palettes import learn_palette, nearest_in

RNG = np.random.default_rng(4)
VALUES = RNG.laplace(0, 0.1, 5000)
EVEN = np.ones(5000)


def loss(palette, values=VALUES, importance=EVEN):
    return float((importance * (nearest_in(palette, values) - values) ** 2).sum())


@pytest.mark.parametrize("count", [16, 64, 256])
def test_as_good_as_scikit_learns(count):
    cluster = pytest.importorskip("sklearn.cluster")
    theirs = cluster.KMeans(count, n_init=1, random_state=0).fit(VALUES[:, None]).cluster_centers_
    ours = learn_palette(VALUES, EVEN, count)
    assert len(ours) <= count
    assert loss(ours) < 1.03 * loss(np.sort(theirs.ravel()))


def test_evenly_spaced_values_are_worse():
    even = np.linspace(VALUES.min(), VALUES.max(), 16)
    assert loss(learn_palette(VALUES, EVEN, 16)) < 0.3 * loss(even)


def test_what_counts_more_is_met_more_closely():
    importance = np.where(VALUES > 0, 100.0, 1.0)
    weighted, plain = learn_palette(VALUES, importance, 16), learn_palette(VALUES, EVEN, 16)
    assert loss(weighted, importance=importance) < 0.6 * loss(plain, importance=importance)


def test_entries_are_what_float16_holds():
    palette = learn_palette(VALUES, EVEN, 16)
    assert np.array_equal(palette, palette.astype(np.float16))


def test_one_value_is_a_palette():
    assert learn_palette(np.zeros(9), np.ones(9), 16).tolist() == [0.0]


def test_the_nearest_entry_is_taken():
    palette = np.array([-1.0, 0.0, 4.0])
    assert nearest_in(palette, np.array([[-9, -0.4, 1.9, 2.1]])).tolist() == [[-1, 0, 0, 4]]
