"""What to learn from: a dataset of the user's, or pictures that edgeconv draws itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgeconv.datasets import listed_inputs, opened
from edgeconv.datasets.listing import SplitName, identity_of, of_split
from edgeconv.datasets.mapping import mapped
from edgeconv.datasets.opening import forms
from edgeconv.datasets.splits import Pixels, Split
from edgeconv.errors import TrainingError, UsageError
from edgeconv.generated import LABELS, Example, examples
from edgeconv.spec import ModelSpec
from edgeconv.training.labelling import held_out, refuse_other_labels
from edgeconv.training.recipe import Generated


@dataclass(frozen=True)
class Dataset:
    """What to learn from and what to be judged by.

    ``identity`` tells one dataset from another, for a run that is resumed.
    """

    train: Split
    held_out: Split
    identity: dict[str, Any]


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
        source: one of :func:`edgeconv.datasets.opening.forms`.
        generated: what to draw where there is no source.
        mapping: the dataset's label -> the model's, where they differ.
        share: of each label, to be kept from training where the dataset has no test pictures.
        seed: which ones.

    Raises:
        UsageError: there is nothing to learn from, or the request contradicts itself.
        DatasetError: it lists nothing, or what it lists cannot be understood.
        TrainingError: labels are missing, unknown or without anything readable.
        EmbeddingError: rows cannot be read, or are not what the model takes.
        MissingDependency: it is a parquet file, and pyarrow is not installed.
    """
    if source is None:
        return _drawn(spec, generated)
    how = spec.input.preprocessing
    everything, files = listed_inputs(source, how, spec.labels)
    listed = held_out(mapped(everything, spec.labels, mapping or {}), share, seed, source)
    refuse_other_labels(listed, spec, source)

    def split(name: SplitName) -> Split:
        found = opened(of_split(listed, name), spec.labels, how, files)
        _refuse_unreadable(found, spec, f"the {name} data in {source}")
        return found

    return Dataset(split("train"), split("test"), identity_of(listed, source))


def _drawn(spec: ModelSpec, generated: Generated | None) -> Dataset:
    if generated is None:
        raise UsageError(
            f"{spec.name} needs {spec.input.noun}s to be trained on",
            expected=forms(spec.input.preprocessing),
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
