"""What a training needs of a dataset's labels: all of them, and held out in fair shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.random import RandomState

from edgeconv.datasets.listing import SPLITS, Listed, of_split
from edgeconv.errors import TrainingError, UsageError
from edgeconv.spec import ModelSpec


def refuse_other_labels(listed: Sequence[Listed], spec: ModelSpec, source: Path) -> None:
    """Each split must have all labels of the spec and no other.

    Raises:
        TrainingError: one has not.
    """
    for split in SPLITS:
        found = sorted({one.label for one in of_split(listed, split)})
        if found != sorted(spec.labels):
            strange = sorted(set(found) - set(spec.labels))
            raise TrainingError(
                f"the {split} pictures in {source} do not have the labels of {spec.name}",
                got="labels " + (", ".join(found) or "none"),
                expected="labels " + ", ".join(sorted(spec.labels)),
                do=f"name what it counts as: --map {strange[0]}=LABEL" if strange else None,
            )


def held_out(
    listed: Sequence[Listed], share: float | None, seed: int, source: Path
) -> list[Listed]:
    """The same with every split said: a share of each label is kept from training.

    Args:
        share: of each label, rounded, at least one; None where the dataset has test pictures.
        seed: which ones.

    Raises:
        UsageError: a share is asked for where there are test pictures already.
        TrainingError: there are none and no share is asked for, or a label has only one picture.
    """
    if any(one.split == "test" for one in listed):
        if share is not None:
            raise UsageError(f"{source} has test pictures of its own", do="leave out --split")
        return [one if one.split else replace(one, split="train") for one in listed]
    if share is None:
        raise TrainingError(
            f"{source} has no test pictures",
            do="keep some of each label from training: --split 10%",
        )
    random = RandomState(seed)
    labels = np.array([one.label for one in listed])
    test: set[int] = set()
    for label in sorted(set(labels.tolist())):
        places = np.flatnonzero(labels == label)
        if len(places) < 2:
            raise TrainingError(
                f"{source} has one picture of {label}", expected="at least two, to keep one back"
            )
        count = min(max(1, round(share * len(places))), len(places) - 1)
        test.update(random.permutation(places)[:count].tolist())
    return [
        replace(one, split="test" if number in test else "train")
        for number, one in enumerate(listed)
    ]
