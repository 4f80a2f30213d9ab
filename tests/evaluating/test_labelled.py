"""Folders of labels: both layouts, pictures and rows, and everything that may be wrong with one."""

import numpy as np
import pytest
from PIL import Image

from edgeconv.errors import UnknownName, UsageError
from edgeconv.evaluating.labelled import labelled_set, read_inputs
from edgeconv.spec import Embedding, Preprocessing

LABELS = ("Cat", "Dog", "Owl")
PICTURES = Preprocessing(size=(8, 8))
ROWS = Embedding(length=4, unit=False)


def put(path, colour=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (9, 9), (colour, 0, 0)).save(path)


def put_rows(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, np.asarray(rows, np.float32))


@pytest.fixture
def folder(tmp_path):
    put(tmp_path / "Dog" / "a.png", 10)
    put(tmp_path / "Dog" / "b.png", 20)
    put(tmp_path / "Cat" / "a.png", 30)
    return tmp_path


def names(found):
    return [(file.name, file.label) for file in found.files]


EXPECTED = [("Cat/a.png", "Cat"), ("Dog/a.png", "Dog"), ("Dog/b.png", "Dog")]


def test_labels_come_in_the_models_order(folder):
    (folder / ".hidden").mkdir()
    (folder / "Dog" / ".DS_Store").write_bytes(b"")
    (folder / "notes.txt").write_text("no label")
    found = labelled_set(folder, LABELS, PICTURES)
    assert names(found) == EXPECTED
    assert found.absent == ("Owl",)
    pixels = [one.given[0, 0, 0] for (one,) in read_inputs(found.files, PICTURES)]
    assert pixels == [30, 10, 20]


def test_the_held_out_part_of_a_training_folder(folder, tmp_path_factory):
    place = tmp_path_factory.mktemp("data")
    put(place / "train" / "Cat" / "never.png")
    folder.rename(place / "test")
    assert names(labelled_set(place, LABELS, PICTURES)) == EXPECTED
    assert labelled_set(place, LABELS, PICTURES).place == place / "test"
    with pytest.raises(UnknownName, match="'train'"):
        labelled_set(place, ("test", "Cat"), PICTURES)  # here test is a label


def test_rows_in_one_file_a_label_or_several(tmp_path):
    put_rows(tmp_path / "Cat.npy", [[1, 2, 3, 4], [5, 6, 7, 8]])
    put_rows(tmp_path / "Dog" / "x.npy", [9, 9, 9, 9])
    put_rows(tmp_path / "Dog" / "y.npy", [[0, 0, 0, 0], [np.nan, 0, 0, 0]])
    found = labelled_set(tmp_path, LABELS, ROWS)
    read = [one for contents in read_inputs(found.files, ROWS) for one in contents]
    assert [one.name for one in read] == [
        "Cat.npy[0]", "Cat.npy[1]", "Dog/x.npy[0]", "Dog/y.npy[0]", "Dog/y.npy[1]",
    ]  # fmt: skip
    assert read[1].given.tolist() == [5, 6, 7, 8]
    assert read[4].given is None
    assert "NaN" in read[4].error
    put_rows(tmp_path / "Owl.npy", [[1, 2, 3]])
    *_, (broken,) = read_inputs(labelled_set(tmp_path, LABELS, ROWS).files, ROWS)
    assert "another shape" in broken.error


def test_what_is_wrong_is_said(folder, tmp_path_factory):
    with pytest.raises(UsageError, match="there is no folder"):
        labelled_set(folder / "nowhere", LABELS, PICTURES)
    with pytest.raises(UsageError, match="no labels in"):
        labelled_set(tmp_path_factory.mktemp("empty"), LABELS, PICTURES)
    (folder / "Owl").mkdir()
    with pytest.raises(UsageError, match="the label Owl is empty"):
        labelled_set(folder, LABELS, PICTURES)
    put(folder / "Owls" / "a.png")
    (folder / "Owl").rmdir()
    with pytest.raises(UnknownName, match="did you mean 'Owl'"):
        labelled_set(folder, LABELS, PICTURES)
