import numpy as np
import pytest

from edgeconv.embeddings import as_file, checked, find_row_files, mapped_rows, read_rows
from edgeconv.errors import EmbeddingError
from edgeconv.inputs import load_input
from edgeconv.spec import Embedding

EIGHT = Embedding(length=8, made_by="CLIP ViT-L/14")


@pytest.fixture
def rows():
    made = np.random.default_rng(0).normal(size=(5, 8))
    return (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_rows_of_any_float_are_read_as_float32(rows, tmp_path, dtype):
    np.save(tmp_path / "rows.npy", rows.astype(dtype))
    found = read_rows(tmp_path / "rows.npy", EIGHT, "rows.npy")
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, rows.astype(dtype).astype(np.float32))


def test_one_row_alone_is_one_row(rows):
    assert read_rows(as_file(rows[0]), EIGHT, "row").shape == (1, 8)
    np.testing.assert_array_equal(load_input(as_file(rows[0]), EIGHT), rows[0])


def test_several_rows_are_not_one_input(rows, tmp_path):
    np.save(tmp_path / "rows.npy", rows)
    with pytest.raises(EmbeddingError, match="holds 5 rows"):
        load_input(tmp_path / "rows.npy", EIGHT)


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.zeros((2, 9), np.float32), "(2, 9)"),
        (np.zeros((2, 2, 8), np.float32), "(2, 2, 8)"),
        (np.zeros((2, 8), np.int64), "int64"),
        (np.array([{}], object), "cannot read"),
    ],
)
def test_what_is_no_embedding_is_refused(array, said, tmp_path):
    np.save(tmp_path / "rows.npy", array, allow_pickle=True)
    with pytest.raises(EmbeddingError) as caught:
        read_rows(tmp_path / "rows.npy", EIGHT, "rows.npy")
    assert said in str(caught.value)


def test_another_networks_length_names_the_network_that_is_wanted(tmp_path):
    np.save(tmp_path / "rows.npy", np.zeros((1, 4), np.float32))
    with pytest.raises(EmbeddingError, match="CLIP ViT-L/14"):
        read_rows(tmp_path / "rows.npy", EIGHT, "rows.npy")


def test_a_pickle_in_a_npy_is_never_loaded(tmp_path):
    class Payload:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    np.save(tmp_path / "rows.npy", np.array([Payload()], object), allow_pickle=True)
    with pytest.raises(EmbeddingError):
        read_rows(tmp_path / "rows.npy", EIGHT, "rows.npy")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x93NUMPY\x01\x00", b"hello"])
def test_broken_files_are_refused(content):
    with pytest.raises(EmbeddingError, match="cannot read"):
        read_rows(content, EIGHT, "rows.npy")


def test_a_broken_header_is_refused_however_numpy_puts_it(rows, tmp_path):
    torn = as_file(rows[0]).replace(b"'shape'", b"\x13+=; ((")
    (tmp_path / "torn.npy").write_bytes(torn)
    with pytest.raises(EmbeddingError, match=r"cannot read torn\.npy"):
        read_rows(torn, EIGHT, "torn.npy")
    with pytest.raises(EmbeddingError, match="cannot read"):
        mapped_rows(tmp_path / "torn.npy", EIGHT)


def test_a_row_must_be_finite_and_of_norm_one(rows):
    with pytest.raises(EmbeddingError, match="norm one"):
        checked(rows[0] * 2, EIGHT, "rows.npy[0]")
    assert checked(rows[0] * 2, Embedding(length=8, unit=False), "row") is not None
    rows[0, 3] = np.nan
    with pytest.raises(EmbeddingError, match="NaN"):
        checked(rows[0], EIGHT, "rows.npy[0]")


def test_float16_rows_are_near_enough_to_norm_one(rows):
    for row in rows.astype(np.float16).astype(np.float32):
        checked(row, EIGHT, "row")


def test_a_folder_is_searched_by_name(tmp_path):
    (tmp_path / "deep").mkdir()
    for name in ("b.npy", "a.npy", "deep/c.npy", "d.txt"):
        (tmp_path / name).touch()
    assert [f.name for f in find_row_files([tmp_path])] == ["a.npy", "b.npy", "c.npy"]
