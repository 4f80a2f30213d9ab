import numpy as np

from edgeconv.generated_rows import RowStatistics, draw_rows, unknown_statistics

MEAN = np.linspace(-0.03, 0.03, 64, dtype=np.float32)
STATISTICS = RowStatistics(
    mean=MEAN,
    deviation=np.full(64, 0.1, np.float32),
    vocabularies={5: np.float32([0.012345, -0.023456, 0.5])},
)


def test_the_same_seed_gives_the_same_rows():
    first = draw_rows(STATISTICS, 20, 1, unit=True)
    np.testing.assert_array_equal(first, draw_rows(STATISTICS, 20, 1, unit=True))
    assert not np.array_equal(first, draw_rows(STATISTICS, 20, 2, unit=True))


def test_rows_have_norm_one_and_are_numbers_of_float16():
    rows = draw_rows(STATISTICS, 200, 1, unit=True)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=2e-3)
    np.testing.assert_array_equal(rows, rows.astype(np.float16).astype(np.float32))


def test_most_numbers_of_a_table_are_known_to_it_and_some_are_not():
    rows = draw_rows(STATISTICS, 1000, 1, unit=True)
    known = np.isin(rows[:, 5], STATISTICS.vocabularies[5].astype(np.float16).astype(np.float32))
    assert 0.7 < known.mean() < 0.9


def test_statistics_are_those_asked_for():
    rows = draw_rows(STATISTICS, 5000, 1, unit=False)
    others = np.delete(np.arange(64), 5)
    np.testing.assert_allclose(rows.mean(axis=0)[others], MEAN[others], atol=0.01)
    np.testing.assert_allclose(rows.std(axis=0)[others], 0.1, atol=0.01)


def test_a_model_that_tells_nothing_gets_all_directions_alike():
    rows = draw_rows(unknown_statistics(16), 2000, 1, unit=True)
    np.testing.assert_allclose(rows.mean(axis=0), 0, atol=0.03)
    np.testing.assert_allclose(rows.std(axis=0), 0.25, atol=0.02)
