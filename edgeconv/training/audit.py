"""A look at a dataset before anything is learnt from it."""

from __future__ import annotations

import hashlib
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgeconv.datasets.listing import SPLITS, Listed
from edgeconv.datasets.splits import PictureSplit, Split
from edgeconv.errors import ImageError, TrainingError
from edgeconv.images import decode
from edgeconv.progress import Progress
from edgeconv.spec import ModelSpec, Strict
from edgeconv.training.data import Dataset
from edgeconv.training.perceptual_hash import difference_hash, near_pairs

MOST_LISTED = 50
"""Findings of a kind that are named; all are counted."""


class Sizes(Strict):
    """Of all pictures, in pixels: the shorter side."""

    smallest: int
    median: int
    largest: int


class Duplicates(Strict):
    """Pairs of a training picture and a test picture, at most :data:`MOST_LISTED` of them."""

    count: int
    pairs: tuple[tuple[str, str], ...]


class Audit(Strict):
    """What was found. ``labels`` counts by split and label, unreadable pictures included.

    ``duplicates`` have the same bytes, ``near_duplicates`` look alike.
    """

    labels: dict[str, dict[str, int]]
    unreadable: dict[str, str]
    sizes: Sizes | None
    duplicates: Duplicates
    near_duplicates: Duplicates

    @property
    def warnings(self) -> list[str]:
        """What the reader should know, a line each."""
        said = []
        if self.unreadable:
            first = next(iter(self.unreadable.items()))
            said.append(f"{len(self.unreadable)} pictures cannot be read: {': '.join(first)}")
        for found, what in (
            (self.duplicates, "are the same file as"),
            (self.near_duplicates, "look like"),
        ):
            if found.count:
                one, other = found.pairs[0]
                said.append(
                    f"{found.count} test pictures {what} a training picture: {other} and {one}"
                )
        return said


@dataclass(frozen=True)
class _Seen:
    """What is kept of one picture."""

    digest: bytes
    look: NDArray[np.uint8]
    side: int


def audit(dataset: Dataset, spec: ModelSpec, progress: Progress, *, strict: bool) -> Audit:
    """Read every picture once. Memory holds 70 bytes of each.

    Of rows and generated pictures only the labels are counted.

    Args:
        dataset: what is to be learnt from.
        spec: the labels.
        progress: is told what is being done.
        strict: whether an unreadable picture is an error.

    Raises:
        TrainingError: a picture cannot be read, and ``strict``.
    """
    splits: dict[str, Split] = dict(zip(SPLITS, (dataset.train, dataset.held_out), strict=True))
    seen: dict[str, dict[str, _Seen]] = {}
    unreadable: dict[str, str] = {}
    for name, split in splits.items():
        if isinstance(split, PictureSplit):
            seen[name], broken = _looked_at(split, f"looking at the {name} pictures", progress)
            unreadable |= broken
    if unreadable and strict:
        raise TrainingError(
            f"{len(unreadable)} pictures cannot be read",
            got=[f"{name}: {why}" for name, why in list(unreadable.items())[:3]],
            do="remove or replace them, or train without --strict",
        )
    train, test = (seen.get(name, {}) for name in SPLITS)
    same = _same(train, test)
    sides = sorted(one.side for found in (train, test) for one in found.values())
    return Audit(
        labels={name: _counted(split.labels, spec) for name, split in splits.items()},
        unreadable=unreadable,
        sizes=Sizes(smallest=sides[0], median=sides[len(sides) // 2], largest=sides[-1])
        if sides
        else None,
        duplicates=_duplicates(same),
        near_duplicates=_duplicates(_alike(train, test, set(same))),
    )


def _counted(labels: Iterable[int], spec: ModelSpec) -> dict[str, int]:
    counts = Counter(labels)
    return {label: counts[number] for number, label in enumerate(spec.labels)}


def _looked_at(
    split: PictureSplit, text: str, progress: Progress
) -> tuple[dict[str, _Seen], dict[str, str]]:
    seen, broken = {}, {}
    progress.step(text, total=len(split.listed))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = pool.map(lambda one: _look(one, split), split.listed)
        for one, look in zip(split.listed, found, strict=True):
            if isinstance(look, ImageError):
                broken[one.name] = "; ".join([look.message, *look.got])
            else:
                seen[one.name] = look
            progress.advance()
    return seen, broken


def _look(one: Listed, split: PictureSplit) -> _Seen | ImageError:
    try:
        content = one.content()
        picture = decode(content, split.preprocessing, one.name)
    except ImageError as error:
        return error
    except OSError as error:
        return ImageError(f"cannot read {one.name}", got=error.strerror)
    digest = hashlib.sha256(content).digest()
    return _Seen(digest, difference_hash(picture), min(picture.size))


def _same(train: dict[str, _Seen], test: dict[str, _Seen]) -> list[tuple[str, str]]:
    places = defaultdict(list)
    for name, one in train.items():
        places[one.digest].append(name)
    return [(places[one.digest][0], name) for name, one in test.items() if one.digest in places]


def _alike(
    train: dict[str, _Seen], test: dict[str, _Seen], same: set[tuple[str, str]]
) -> list[tuple[str, str]]:
    known = {name for _, name in same}
    others = [name for name in test if name not in known]
    if not train or not others:
        return []
    names = list(train)
    looks = np.stack([train[name].look for name in names])
    pairs = near_pairs(np.stack([test[name].look for name in others]), looks)
    return [(names[one], others[other]) for other, one in pairs]


def _duplicates(pairs: Sequence[tuple[str, str]]) -> Duplicates:
    return Duplicates(count=len(pairs), pairs=tuple(pairs[:MOST_LISTED]))
