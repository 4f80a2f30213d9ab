"""From a dataset's labels to a model's: mapped, complete, and held out in fair shares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.random import RandomState

from edgeconv.errors import TrainingError, UsageError
from edgeconv.spec import ModelSpec
from edgeconv.training.listing import SPLITS, Listed, of_split


def mapped(listed: Sequence[Listed], spec: ModelSpec, mapping: Mapping[str, str]) -> list[Listed]:
    """The same with a model's labels. A number is the place of a label in the spec.

    Args:
        mapping: the dataset's label -> the model's; others stay.

    Raises:
        UsageError: the mapping is from or to a label that is not there.
    """
    known = {one.label for one in listed}
    if strangers := set(mapping) - known:
        raise UsageError(
            "the mapping is from labels that the pictures do not have",
            got=", ".join(sorted(strangers)),
            expected="some of " + ", ".join(sorted(known)),
        )
    if strangers := set(mapping.values()) - set(spec.labels):
        raise UsageError(
            f"the mapping is to labels that {spec.name} does not have",
            got=", ".join(sorted(strangers)),
            expected="some of " + ", ".join(spec.labels),
        )
    numbered = {str(number): label for number, label in enumerate(spec.labels)}
    names = {
        label: mapping.get(label) or (label if label in spec.labels else numbered.get(label, label))
        for label in known
    }
    return [replace(one, label=names[one.label]) for one in listed]


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
