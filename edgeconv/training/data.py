"""Pictures to learn from: a folder of them, or those that edgeconv draws itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from edgeconv.errors import ImageError, TrainingError, UsageError
from edgeconv.generated import LABELS, Example, examples
from edgeconv.images import load_pixels
from edgeconv.spec import ModelSpec, Preprocessing
from edgeconv.training.recipe import Generated

Pixels = NDArray[np.uint8]


class Split(Protocol):
    """Pictures with their labels; decoded one by one, as they are needed."""

    @property
    def labels(self) -> Sequence[int]:
        """The index of each picture's label."""

    @property
    def unreadable(self) -> Mapping[str, str]:
        """Pictures that could not be decoded so far: name -> reason."""

    def pixels(self, index: int, epoch: int) -> Pixels | None:
        """A picture, (H, W, 3); None when it cannot be decoded."""


@dataclass(frozen=True)
class Dataset:
    """What to learn from and what to be judged by.

    ``identity`` tells one dataset from another, for a run that is resumed.
    """

    train: Split
    held_out: Split
    identity: dict[str, Any]


@dataclass
class FolderSplit:
    """``folder/<label>/*``, in name order."""

    files: Sequence[Path]
    labels: Sequence[int]
    preprocessing: Preprocessing
    unreadable: dict[str, str] = field(default_factory=dict)

    def pixels(self, index: int, epoch: int) -> Pixels | None:  # noqa: ARG002 - always the same
        """The decoded file, (H, W, 3), at the model's size."""
        try:
            return load_pixels(self.files[index], self.preprocessing)
        except ImageError as error:
            self.unreadable[str(self.files[index])] = error.message
            return None


@dataclass
class GeneratedSplit:
    """Pictures that are drawn when they are asked for; in every epoch other ones."""

    examples: Sequence[Example]
    labels: Sequence[int]
    size: tuple[int, int]
    unreadable: dict[str, str] = field(default_factory=dict)

    def pixels(self, index: int, epoch: int) -> Pixels:
        """A picture, (H, W, 3), of the same label and ambiguity in every epoch."""
        example = self.examples[index]
        seed = (example.seed + epoch) % 2**32
        return example._replace(seed=seed).draw(self.size)


def open_dataset(spec: ModelSpec, folder: Path | None, generated: Generated | None) -> Dataset:
    """The pictures that ``edgeconv train`` was told to use.

    Args:
        spec: its labels are those that the folders must have, its input says how to decode.
        folder: ``folder/train/<label>/*`` and ``folder/test/<label>/*``.
        generated: what to draw where there is no folder.

    Raises:
        UsageError: there is neither a folder nor anything to draw, or the folder is not there.
        TrainingError: label folders are missing, unknown or without a readable picture.
    """
    if folder is not None:
        return _from_folder(spec, folder)
    if generated is None:
        raise UsageError(
            f"{spec.name} needs pictures to be trained on",
            expected="a folder with train/<label>/* and test/<label>/*",
            do=f"edgeconv train {spec.name} --data DIR",
        )
    if spec.labels != LABELS:
        raise TrainingError(
            f"edgeconv cannot draw pictures for {spec.name}",
            got="labels " + ", ".join(spec.labels),
            expected="labels " + ", ".join(LABELS),
        )
    return Dataset(
        train=_drawn(spec, generated.train_per_label, generated.seed),
        held_out=_drawn(spec, generated.test_per_label, generated.seed + 1),
        identity={"generated": generated.model_dump(mode="json")},
    )


def _drawn(spec: ModelSpec, per_label: int, seed: int) -> GeneratedSplit:
    listed = examples(per_label, seed)
    return GeneratedSplit(listed, [LABELS.index(one.label) for one in listed], spec.pictures.size)


def _from_folder(spec: ModelSpec, folder: Path) -> Dataset:
    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder}", do="name the folder of train/ and test/")
    train, held_out = (_folder_split(spec, folder / name) for name in ("train", "test"))
    return Dataset(
        train=train,
        held_out=held_out,
        identity={
            "files": [
                [str(file.relative_to(folder)), file.stat().st_size]
                for split in (train, held_out)
                for file in split.files
            ]
        },
    )


def _folder_split(spec: ModelSpec, folder: Path) -> FolderSplit:
    found = sorted(_visible(folder)) if folder.is_dir() else []
    names = [path.name for path in found if path.is_dir()]
    if sorted(spec.labels) != names:
        raise TrainingError(
            f"{folder} does not hold the labels of {spec.name}",
            got="folders " + (", ".join(names) or "none"),
            expected="folders " + ", ".join(sorted(spec.labels)),
        )
    files, labels = [], []
    for index, label in enumerate(spec.labels):
        pictures = sorted(path for path in _visible(folder / label) if path.is_file())
        _refuse_unreadable(folder / label, pictures, spec.pictures.preprocessing)
        files += pictures
        labels += [index] * len(pictures)
    return FolderSplit(files, labels, spec.pictures.preprocessing)


def _refuse_unreadable(folder: Path, files: Sequence[Path], preprocessing: Preprocessing) -> None:
    """Some pictures may be broken; a label of which nothing can be read is an error."""
    split = FolderSplit(files, [0] * len(files), preprocessing)
    if all(split.pixels(index, epoch=0) is None for index in range(len(files))):
        raise TrainingError(
            f"{folder} holds no picture that can be read",
            got=list(split.unreadable.values())[:3] or "no files",
            expected="at least one picture",
        )


def _visible(folder: Path) -> Iterator[Path]:
    return (path for path in folder.iterdir() if not path.name.startswith("."))
