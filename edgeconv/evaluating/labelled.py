"""Pictures or rows whose labels are known, to be judged by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from edgeconv.datasets import listed_inputs, opened
from edgeconv.datasets.listing import Listed, SplitName, of_split
from edgeconv.datasets.mapping import mapped
from edgeconv.datasets.opening import Takes
from edgeconv.datasets.splits import PictureSplit, RowSplit
from edgeconv.errors import UnknownName, UsageError

HELD_OUT: SplitName = "test"
"""What ``edgeconv train`` does not learn from."""

AT_ONCE = 32
"""How many pictures are read ahead."""


@dataclass(frozen=True)
class LabelledSet:
    """All that a model is to be judged by.

    ``place`` is what names are relative to; ``absent`` are the labels of the model that nothing
    has.
    """

    place: Path
    inputs: PictureSplit | RowSplit
    absent: tuple[str, ...]

    @property
    def listed(self) -> Sequence[Listed]:
        return self.inputs.listed


def labelled_set(
    data: Path, labels: Sequence[str], how: Takes, mapping: Mapping[str, str] | None = None
) -> LabelledSet:
    """Find what a dataset has to judge a model by: its test part where it is split, else all.

    Args:
        data: one of :func:`edgeconv.datasets.opening.forms`.
        labels: those of the model. One that nothing has is left out, and said.
        how: whether pictures or rows are wanted.
        mapping: the dataset's label -> the model's, where they differ.

    Raises:
        UsageError: there is no such dataset, it is for training alone, or the mapping does not fit.
        UnknownName: a label of the dataset is none of the model.
        DatasetError, EmbeddingError, MissingDependency: as
            :func:`edgeconv.datasets.opening.listed_inputs`.
    """
    everything, files = listed_inputs(data, how, labels)
    # All of it is mapped, so that what train was told will do here.
    listed = _to_judge_by(mapped(everything, labels, mapping or {}), data)
    found = {one.label for one in listed}
    if strangers := sorted(found - set(labels)):
        error = UnknownName("label of the model", strangers[0], labels)
        error.do = error.do or f"name what it counts as: --map {strangers[0]}=LABEL"
        raise error
    place = data / HELD_OUT if listed[0].split and (data / HELD_OUT).is_dir() else data
    root = place if place.is_dir() else place.parent
    named = [replace(one, name=one.name.removeprefix(f"{root}/")) for one in listed]
    return LabelledSet(
        place,
        opened(named, labels, how, files),
        tuple(label for label in labels if label not in found),
    )


def read_inputs(inputs: PictureSplit | RowSplit) -> Iterator[tuple[int, NDArray[Any] | None]]:
    """Number and content of each input, in order; None where it cannot be read.

    They are read side by side, a few at a time: memory does not grow with their number.
    """
    waiting = iter(range(len(inputs.labels)))
    with ThreadPoolExecutor() as pool:
        while block := list(islice(waiting, AT_ONCE)):
            yield from zip(block, pool.map(lambda one: inputs.inputs(one, 0), block), strict=True)


def _to_judge_by(everything: Sequence[Listed], data: Path) -> Sequence[Listed]:
    found = of_split(everything, HELD_OUT) or [one for one in everything if one.split is None]
    if not found:
        raise UsageError(
            f"{data} has nothing to judge by",
            got=f"{len(everything)} inputs, all for training" if everything else "nothing",
            expected="inputs of the split test, or of none",
        )
    return found
