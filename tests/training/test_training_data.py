"""Folders of pictures, and pictures that are drawn."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgeconv.errors import DatasetError, TrainingError, UsageError
from edgeconv.spec import ModelSpec, load_spec
from edgeconv.training.batches import batches
from edgeconv.training.data import open_dataset
from edgeconv.training.recipe import Generated

MakeSpec = Callable[..., ModelSpec]

DRAWN = Generated(train_per_label=3, test_per_label=2, seed=1)


def test_a_folder_is_read_by_label(folder: Path, tiny_spec: MakeSpec) -> None:
    dataset = open_dataset(tiny_spec(), folder, None)
    assert list(dataset.train.labels) == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert list(dataset.held_out.labels) == [0, 0, 1, 1, 2, 2]
    pixels = dataset.train.inputs(0, epoch=0)
    assert pixels is not None
    assert (pixels.shape, pixels.dtype) == ((32, 32, 3), np.uint8)


def test_a_folder_wins_over_the_generator(folder: Path, tiny_spec: MakeSpec) -> None:
    assert "files" in open_dataset(tiny_spec(), folder, DRAWN).identity


@pytest.mark.parametrize("split", ["train", "test"])
def test_missing_and_unknown_labels_are_refused(
    folder: Path, split: str, tiny_spec: MakeSpec
) -> None:
    (folder / split / "Rings").rename(folder / split / "Squares")
    with pytest.raises(TrainingError) as caught:
        open_dataset(tiny_spec(), folder, None)
    assert caught.value.got == ("labels Dots, Squares, Stripes",)
    assert caught.value.expected == ("labels Dots, Rings, Stripes",)
    assert caught.value.do == "name what it counts as: --map Squares=LABEL"
    assert split in caught.value.message


def test_a_label_too_many_is_refused(folder: Path, tiny_spec: MakeSpec) -> None:
    (folder / "train" / "Squares").mkdir()
    with pytest.raises(DatasetError, match="Squares"):
        open_dataset(tiny_spec(), folder, None)


def test_a_missing_split_is_refused(folder: Path, tiny_spec: MakeSpec) -> None:
    shutil.rmtree(folder / "test")
    with pytest.raises(TrainingError, match="--split 10%"):
        open_dataset(tiny_spec(), folder, None)


def test_an_empty_label_is_refused(folder: Path, tiny_spec: MakeSpec) -> None:
    for picture in (folder / "train" / "Rings").iterdir():
        picture.unlink()
    with pytest.raises(DatasetError, match="Rings holds no picture"):
        open_dataset(tiny_spec(), folder, None)


def test_a_label_of_broken_pictures_is_refused(folder: Path, tiny_spec: MakeSpec) -> None:
    for picture in (folder / "test" / "Dots").iterdir():
        picture.write_bytes(b"not a picture")
    with pytest.raises(TrainingError, match="Dots has no picture that can be read"):
        open_dataset(tiny_spec(), folder, None)


def test_a_missing_folder_is_refused(tmp_path: Path, tiny_spec: MakeSpec) -> None:
    with pytest.raises(UsageError, match="no folder"):
        open_dataset(tiny_spec(), tmp_path / "nowhere", DRAWN)


def test_a_model_that_cannot_be_drawn_needs_a_folder() -> None:
    with pytest.raises(UsageError, match="--data"):
        open_dataset(load_spec("nsfw-mobilenet-v2"), None, None)


def test_pictures_are_not_drawn_for_other_labels() -> None:
    with pytest.raises(TrainingError, match="Neutral"):
        open_dataset(load_spec("nsfw-mobilenet-v2"), None, DRAWN)


def test_hidden_files_are_no_pictures(folder: Path, tiny_spec: MakeSpec) -> None:
    (folder / "train" / ".cache").mkdir()
    (folder / "train" / "Dots" / ".DS_Store").write_bytes(b"")
    assert len(open_dataset(tiny_spec(), folder, None).train.labels) == 9


def test_drawn_pictures_are_others_in_every_epoch_but_the_held_out_ones_are_scored_alike(
    tiny_spec: MakeSpec,
) -> None:
    train = open_dataset(tiny_spec(), None, DRAWN).train
    first, again, later = (train.inputs(0, epoch) for epoch in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, later)


def test_other_pictures_are_another_dataset(folder: Path, tiny_spec: MakeSpec) -> None:
    before = open_dataset(tiny_spec(), folder, None).identity
    next((folder / "train" / "Dots").iterdir()).unlink()
    assert open_dataset(tiny_spec(), folder, None).identity != before


def test_batches_are_normalised_and_one_hot(tiny_spec: MakeSpec) -> None:
    spec = tiny_spec()
    train = open_dataset(spec, None, DRAWN).train
    given = list(batches(train, spec, range(9), 4))
    assert [len(inputs) for inputs, _ in given] == [4, 4, 1]
    inputs, targets = given[0]
    assert (inputs.dtype, targets.dtype) == (np.float32, np.float32)
    assert targets.argmax(axis=1).tolist() == list(train.labels)[:4]
    assert np.allclose(inputs[0] * 255, train.inputs(0, 0), atol=1e-4)


def test_batches_normalise_by_channel(tiny_spec: MakeSpec) -> None:
    spec = tiny_spec()
    given = spec.input.model_copy(update={"mean": (0.1, 0.2, 0.3), "std": (0.5, 0.25, 0.2)})
    spec = spec.model_copy(update={"input": given})
    train = open_dataset(spec, None, DRAWN).train
    inputs, _ = next(batches(train, spec, [2], 1))
    pixels = np.asarray(train.inputs(2, 0), np.float64)
    assert np.allclose(inputs[0], (pixels / 255 - [0.1, 0.2, 0.3]) / [0.5, 0.25, 0.2], atol=1e-5)


def test_pictures_that_cannot_be_read_are_left_out_and_counted(
    folder: Path, tiny_spec: MakeSpec
) -> None:
    broken = sorted((folder / "train" / "Rings").iterdir())[1]
    broken.write_bytes(broken.read_bytes()[:200])
    spec = tiny_spec()
    train = open_dataset(spec, folder, None).train
    seen = np.concatenate([targets for _, targets in batches(train, spec, range(9), 4)])
    assert seen.sum(axis=0).tolist() == [3, 2, 3]
    assert list(train.unreadable) == [str(broken)]
    assert "cannot decode" in train.unreadable[str(broken)]


def test_a_batch_without_any_readable_picture_is_passed_over(
    folder: Path, tiny_spec: MakeSpec
) -> None:
    spec = tiny_spec()
    for picture in sorted((folder / "train" / "Dots").iterdir())[1:]:
        picture.write_bytes(b"")
    train = open_dataset(spec, folder, None).train
    assert [len(inputs) for inputs, _ in batches(train, spec, [1, 2, 0, 3], 2)] == [2]
