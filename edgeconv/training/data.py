"""What to learn from: a dataset of the user's, or pictures that edgeconv draws itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from edgeconv.errors import ImageError, TrainingError, UsageError
from edgeconv.generated import LABELS, Example, examples
from edgeconv.images import load_pixels
from edgeconv.spec import Embedding, ModelSpec, Preprocessing
from edgeconv.training import sources
from edgeconv.training.labelling import held_out, mapped, refuse_other_labels
from edgeconv.training.listing import Listed, SplitName, identity_of, of_split
from edgeconv.training.recipe import Generated
from edgeconv.training.rows import FORMS, Rows, RowSplit, listed_rows

Pixels = NDArray[np.uint8]


class Split(Protocol):
    """Pictures or rows with their labels; read one by one, as they are needed, by any thread."""

    @property
    def labels(self) -> Sequence[int]:
        """The index of each one's label."""

    @property
    def names(self) -> Sequence[str]:
        """What messages call each one."""

    @property
    def unreadable(self) -> Mapping[str, str]:
        """Those that could not be read so far: name -> reason."""

    @property
    def changes(self) -> bool:
        """Whether another epoch has other inputs."""

    def inputs(self, index: int, epoch: int) -> NDArray[Any] | None:
        """A picture, (H, W, 3) uint8, or a row, (length,) float32; None when it is unreadable."""


@dataclass(frozen=True)
class Dataset:
    """What to learn from and what to be judged by.

    ``identity`` tells one dataset from another, for a run that is resumed.
    """

    train: Split
    held_out: Split
    identity: dict[str, Any]


@dataclass
class PictureSplit:
    """Pictures in files, or in parts of them."""

    listed: Sequence[Listed]
    labels: Sequence[int]
    preprocessing: Preprocessing
    unreadable: dict[str, str] = field(default_factory=dict)
    changes = False

    @property
    def names(self) -> list[str]:
        """Paths, and keys in a shard."""
        return [one.name for one in self.listed]

    def inputs(self, index: int, epoch: int) -> Pixels | None:  # noqa: ARG002 - always the same
        """The decoded picture, (H, W, 3), at the model's size."""
        one = self.listed[index]
        try:
            return load_pixels(one.source, self.preprocessing, one.name)
        except ImageError as error:
            self.unreadable[one.name] = "; ".join([error.message, *error.got])
            return None


@dataclass
class GeneratedSplit:
    """Pictures that are drawn when they are asked for; in every epoch other ones."""

    examples: Sequence[Example]
    labels: Sequence[int]
    size: tuple[int, int]
    unreadable: dict[str, str] = field(default_factory=dict)
    changes = True

    @property
    def names(self) -> list[str]:
        """Label and seed of each."""
        return [f"{example.label} {example.seed}" for example in self.examples]

    def inputs(self, index: int, epoch: int) -> Pixels:
        """A picture, (H, W, 3), of the same label and ambiguity in every epoch."""
        example = self.examples[index]
        seed = (example.seed + epoch) % 2**32
        return example._replace(seed=seed).draw(self.size)


def open_dataset(
    spec: ModelSpec,
    source: Path | None,
    generated: Generated | None,
    *,
    mapping: Mapping[str, str] | None = None,
    share: float | None = None,
    seed: int = 0,
) -> Dataset:
    """The pictures or rows that ``edgeconv train`` was told to use.

    Args:
        spec: its labels are those that the dataset must have, its input says how to decode.
        source: one of :data:`edgeconv.training.sources.FORMS`; for a model of embeddings,
            :data:`edgeconv.training.rows.FORMS`.
        generated: what to draw where there is no source.
        mapping: the dataset's label -> the model's, where they differ.
        share: of each label, to be kept from training where the dataset has no test pictures.
        seed: which ones.

    Raises:
        UsageError: there is nothing to learn from, or the request contradicts itself.
        TrainingError: labels are missing, unknown or without anything readable.
        EmbeddingError: rows cannot be read, or are not what the model takes.
        MissingDependency: it is a parquet file, and pyarrow is not installed.
    """
    if source is None:
        return _drawn(spec, generated)
    everything, files = _listed(spec, source)
    listed = held_out(mapped(everything, spec, mapping or {}), share, seed, source)
    refuse_other_labels(listed, spec, source)

    def opened(name: SplitName) -> Split:
        ours = of_split(listed, name)
        labels = [spec.labels.index(one.label) for one in ours]
        split: Split = (
            RowSplit(ours, labels, files, spec.input)
            if isinstance(spec.input, Embedding)
            else PictureSplit(ours, labels, spec.pictures.preprocessing)
        )
        _refuse_unreadable(split, spec, f"the {name} data in {source}")
        return split

    return Dataset(opened("train"), opened("test"), identity_of(listed, source))


def _listed(spec: ModelSpec, source: Path) -> tuple[list[Listed], dict[Path, Rows]]:
    if isinstance(spec.input, Embedding):
        return listed_rows(source, spec.input)
    return sources.listed(source), {}


def _drawn(spec: ModelSpec, generated: Generated | None) -> Dataset:
    if generated is None:
        raise UsageError(
            f"{spec.name} needs {spec.input.noun}s to be trained on",
            expected=FORMS if isinstance(spec.input, Embedding) else sources.FORMS,
            do=f"edgeconv train {spec.name} --data PATH",
        )
    if spec.labels != LABELS:
        raise TrainingError(
            f"edgeconv cannot draw pictures for {spec.name}",
            got="labels " + ", ".join(spec.labels),
            expected="labels " + ", ".join(LABELS),
        )
    return Dataset(
        train=_draw(spec, generated.train_per_label, generated.seed),
        held_out=_draw(spec, generated.test_per_label, generated.seed + 1),
        identity={"generated": generated.model_dump(mode="json")},
    )


def _draw(spec: ModelSpec, per_label: int, seed: int) -> GeneratedSplit:
    listed = examples(per_label, seed)
    return GeneratedSplit(listed, [LABELS.index(one.label) for one in listed], spec.pictures.size)


def _refuse_unreadable(split: Split, spec: ModelSpec, where: str) -> None:
    """Some pictures may be broken; a label of which nothing can be read is an error."""
    for number, label in enumerate(spec.labels):
        places = [place for place, found in enumerate(split.labels) if found == number]
        if all(split.inputs(place, epoch=0) is None for place in places):
            raise TrainingError(
                f"{where}: {label} has no {spec.input.noun} that can be read",
                got=list(split.unreadable.values())[:3],
                expected=f"at least one {spec.input.noun}",
            )
