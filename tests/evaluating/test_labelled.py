"""What a model is judged by, in every form of a dataset, and all that may be wrong with one."""

import io
import tarfile

import numpy as np
import pytest
from PIL import Image

from edgeconv.datasets import sources
from edgeconv.errors import DatasetError, EmbeddingError, UnknownName, UsageError
from edgeconv.evaluating.labelled import labelled_set, read_inputs
from edgeconv.spec import Embedding, Preprocessing

LABELS = ("Cat", "Dog", "Owl")
PICTURES = Preprocessing(size=(8, 8))
ROWS = Embedding(length=4, unit=False)

EXPECTED = [("Cat/a.png", "Cat"), ("Dog/a.png", "Dog"), ("Dog/b.png", "Dog")]
COLOURS = [("Cat", 30), ("Dog", 10), ("Dog", 20)]


def put(path, colour=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (9, 9), (colour, 0, 0)).save(path)


def put_rows(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, np.asarray(rows, np.float32))


def csv_of(folder):
    rows = ["path,label", *(",".join(row) for row in EXPECTED)]
    (folder / "some.csv").write_text("\n".join(rows))
    return folder / "some.csv"


def parquet_of(folder, columns=None):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    columns = columns or dict(zip(("path", "label"), zip(*EXPECTED, strict=True), strict=True))
    parquet.write_table(pyarrow.table(columns), folder / "some.parquet")
    return folder / "some.parquet"


def shard_of(folder):
    with tarfile.open(folder / "some.tar", "w") as shard:
        for number, (name, label) in enumerate(EXPECTED):
            for suffix, content in (("png", (folder / name).read_bytes()), ("cls", label.encode())):
                member = tarfile.TarInfo(f"{number}.{suffix}")
                member.size = len(content)
                shard.addfile(member, io.BytesIO(content))
    return folder / "some.tar"


@pytest.fixture
def folder(tmp_path):
    put(tmp_path / "Dog" / "a.png", 10)
    put(tmp_path / "Dog" / "b.png", 20)
    put(tmp_path / "Cat" / "a.png", 30)
    return tmp_path


def labelled(found):
    numbers = zip(found.inputs.names, found.inputs.labels, strict=True)
    return [(name, LABELS[label]) for name, label in numbers]


def colours(found):
    """Label and colour of each picture, wherever it lies."""
    read = ((found.inputs.labels[number], given) for number, given in read_inputs(found.inputs))
    return sorted((LABELS[label], int(given[0, 0, 0])) for label, given in read)


def test_labels_and_names_of_a_folder(folder):
    (folder / ".hidden").mkdir()
    (folder / "Dog" / ".DS_Store").write_bytes(b"")
    (folder / "notes.txt").write_text("no label")
    found = labelled_set(folder, LABELS, PICTURES)
    assert labelled(found) == EXPECTED
    assert found.absent == ("Owl",)
    assert colours(found) == COLOURS


@pytest.mark.parametrize("written", [csv_of, parquet_of, shard_of])
def test_other_forms_hold_the_same_pictures(written, folder):
    found = labelled_set(written(folder), LABELS, PICTURES)
    assert colours(found) == COLOURS
    assert found.absent == ("Owl",)
    if written is not shard_of:
        assert labelled(found) == EXPECTED


def test_a_table_that_says_another_label_is_believed(folder):
    table = csv_of(folder)
    table.write_text(table.read_text().replace("a.png,Dog", "a.png,Owl"))
    assert colours(labelled_set(table, LABELS, PICTURES)) != COLOURS


def test_labels_of_the_dataset_are_mapped_to_the_models(folder):
    (folder / "Dog").rename(folder / "Puppy")
    with pytest.raises(UnknownName, match="--map Puppy=LABEL"):
        labelled_set(folder, LABELS, PICTURES)
    assert colours(labelled_set(folder, LABELS, PICTURES, {"Puppy": "Dog"})) == COLOURS
    assert colours(labelled_set(folder, LABELS, PICTURES, {"Puppy": "Owl"})) != COLOURS
    with pytest.raises(UsageError, match="Wolf"):
        labelled_set(folder, LABELS, PICTURES, {"Puppy": "Wolf"})


def test_the_held_out_part_of_a_training_dataset(folder, tmp_path_factory):
    place = tmp_path_factory.mktemp("data")
    put(place / "train" / "Cat" / "never.png")
    folder.rename(place / "test")
    assert labelled(labelled_set(place, LABELS, PICTURES)) == EXPECTED
    assert labelled_set(place, LABELS, PICTURES).place == place / "test"
    with pytest.raises(DatasetError, match="test holds no picture"):
        labelled_set(place, ("test", "Cat"), PICTURES)  # here test is a label


def test_the_held_out_part_of_a_training_table(folder):
    table = folder / "some.csv"
    table.write_text("path,label,split\nCat/a.png,Kitten,train\nDog/a.png,Dog,test\n")
    for mapping in ({}, {"Kitten": "Cat"}):
        found = labelled_set(table, LABELS, PICTURES, mapping)
        assert labelled(found) == [("Dog/a.png", "Dog")]
    table.write_text("path,label,split\nCat/a.png,Cat,train\n")
    with pytest.raises(UsageError, match="nothing to judge by"):
        labelled_set(table, LABELS, PICTURES)


def test_rows_in_one_file_a_label_or_several(tmp_path):
    put_rows(tmp_path / "Cat.npy", [[1, 2, 3, 4], [5, 6, 7, 8]])
    put_rows(tmp_path / "Dog" / "x.npy", [9, 9, 9, 9])
    put_rows(tmp_path / "Dog" / "y.npy", [[0, 0, 0, 0], [np.nan, 0, 0, 0]])
    (tmp_path / "Dog" / "notes.txt").write_text("no rows")
    found = labelled_set(tmp_path, LABELS, ROWS)
    assert labelled(found) == [
        ("Cat.npy[0]", "Cat"), ("Cat.npy[1]", "Cat"), ("Dog/x.npy[0]", "Dog"),
        ("Dog/y.npy[0]", "Dog"), ("Dog/y.npy[1]", "Dog"),
    ]  # fmt: skip
    read = dict(read_inputs(found.inputs))
    assert read[1].tolist() == [5, 6, 7, 8]
    assert read[4] is None
    assert "NaN" in found.inputs.unreadable["Dog/y.npy[1]"]
    put_rows(tmp_path / "Owl.npy", [[1, 2, 3]])
    with pytest.raises(EmbeddingError, match="another shape"):
        labelled_set(tmp_path, LABELS, ROWS)


def test_rows_of_a_parquet(tmp_path):
    columns = {"embedding": [[1.0, 2, 3, 4], [5, 6, 7, 8]], "label": ["Dog", "Cat"]}
    found = labelled_set(parquet_of(tmp_path, columns), LABELS, ROWS)
    assert labelled(found) == [("some.parquet[0]", "Dog"), ("some.parquet[1]", "Cat")]
    assert dict(read_inputs(found.inputs))[1].tolist() == [5, 6, 7, 8]


def test_what_is_wrong_is_said(folder, tmp_path_factory):
    with pytest.raises(UsageError, match="there is no folder") as caught:
        labelled_set(folder / "nowhere", LABELS, PICTURES)
    assert caught.value.expected == sources.FORMS
    with pytest.raises(DatasetError, match="no folder of a label"):
        labelled_set(tmp_path_factory.mktemp("empty"), LABELS, PICTURES)
    (folder / "Owl").mkdir()
    with pytest.raises(DatasetError, match="Owl holds no picture"):
        labelled_set(folder, LABELS, PICTURES)
    put(folder / "Owls" / "a.png")
    (folder / "Owl").rmdir()
    with pytest.raises(UnknownName, match="did you mean 'Owl'"):
        labelled_set(folder, LABELS, PICTURES)
