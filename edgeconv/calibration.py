"""What integer files take their activation ranges from, and an audit of it."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edgeconv.errors import CalibrationError, InputError
from edgeconv.generated import LABELS, draw_pattern
from edgeconv.images import resize
from edgeconv.inputs import load_input
from edgeconv.parity.reference_set import ReferenceSet
from edgeconv.parity.samples import samples_in
from edgeconv.parity.scenes import draw_scene
from edgeconv.progress import Progress
from edgeconv.spec import Embedding, Preprocessing, Strict

if TYPE_CHECKING:
    from edgeconv.networks import Frozen

MOST_USED = 128
"""Weights are fitted to them too, layer after layer; more cost time alone."""

DRAWN = 64
"""Pictures that are calibrated on where no real ones are given: they are soon alike."""

ONE_SIDED = 0.95
"""The share of one label above which a set says little of the others."""

GENERATED_PICTURES = "generated pictures"
GENERATED_ROWS = "generated embeddings"

FIRST_SEED = 1_000_000
"""Far from the seeds of the reference set, so that no picture serves both."""


class CalibrationAudit(Strict):
    """What the calibration set is made of.

    ``labels`` gives the share of pictures the reference puts under each label; ``overlap`` counts
    pictures that the parity set holds too, which would flatter the result; None where nothing
    is verified. ``repeated`` counts those that are the same, value by value, as an earlier one.
    ``folder`` is the label whose folder holds them all, where folders are named after labels.
    """

    source: str
    found: int
    used: int
    labels: dict[str, float]
    overlap: int | None
    skipped: dict[str, str] = {}
    repeated: int = 0
    folder: str | None = None

    def describe(self) -> str:
        """Source, counts, labels and overlap in one sentence."""
        shares = ", ".join(f"{label} {share:.0%}" for label, share in self.labels.items())
        overlap = "" if self.overlap is None else f"; {self.overlap} of them in the parity set"
        return f"calibrated on {self.used} of {self.found}, {self.source} ({shares}){overlap}"

    def warnings(self) -> list[str]:
        """What the reader should know before trusting an integer file."""
        notes = []
        if self.overlap:
            notes.append(
                f"{self.overlap} of the calibration set are in the parity set too: "
                "integer files may look better than they are"
            )
        label = max(self.labels, key=lambda name: self.labels[name])
        if self.folder is not None:
            notes.append(
                f"all {self.used} of the calibration set lie under one label, {self.folder}"
            )
        elif self.labels[label] > ONE_SIDED:
            notes.append(
                f"{self.labels[label]:.0%} of the calibration set are of one label, {label}"
            )
        if self.repeated:
            notes.append(f"{self.repeated} of the calibration set repeat another one of it")
        if self.skipped:
            notes.append(
                f"{len(self.skipped)} of the calibration set cannot be read, "
                f"{next(iter(self.skipped))} for one"
            )
        return notes


@dataclass(frozen=True)
class CalibrationSet:
    """(N, H, W, 3) uint8 RGB pixels at the model's size, or (N, length) float32 rows; where they
    came from, the hashes of their files, and the folders that these lie in."""

    source: str
    inputs: NDArray[Any]
    found: int
    hashes: frozenset[str] = frozenset()
    skipped: dict[str, str] = field(default_factory=dict)
    folders: frozenset[str] = frozenset()

    def audit(self, frozen: Frozen, parity_set: ReferenceSet | None) -> CalibrationAudit:
        """Share of each label, and overlap with the parity set by SHA-256 of the file."""
        best = frozen.scores(self.inputs).argmax(axis=1)
        counts = Counter(frozen.spec.labels[index] for index in best)
        return CalibrationAudit(
            source=self.source,
            found=self.found,
            used=len(self.inputs),
            labels={label: counts[label] / len(best) for label in frozen.spec.labels},
            overlap=None if parity_set is None else self._overlap(parity_set),
            skipped=self.skipped,
            repeated=len(self.inputs) - _distinct(self.inputs),
            folder=self._only_label(frozen.spec.labels),
        )

    def _only_label(self, labels: Sequence[str]) -> str | None:
        """The one label whose folder holds every file."""
        folders = {folder.casefold() for folder in self.folders}
        return next((label for label in labels if folders == {label.casefold()}), None)

    def _overlap(self, parity_set: ReferenceSet) -> int:
        if not self.hashes:
            return 0
        return len(self.hashes & {picture.sha256 for picture in parity_set.pictures})


def generated_calibration(preprocessing: Preprocessing) -> CalibrationSet:
    """Patterns and scenes in turn, drawn with seeds that the parity set does not use."""
    drawn = [
        draw_pattern(LABELS[number % len(LABELS)], number / DRAWN, FIRST_SEED + number)
        if number % 2
        else draw_scene(FIRST_SEED + number, (224, 224))
        for number in range(DRAWN)
    ]
    pixels = np.stack([resize(Image.fromarray(picture), preprocessing) for picture in drawn])
    return CalibrationSet(GENERATED_PICTURES, pixels, DRAWN)


def row_calibration(rows: NDArray[np.float32]) -> CalibrationSet:
    """Rows (N, length) that were drawn as the model's statistics say."""
    return CalibrationSet(GENERATED_ROWS, rows, len(rows))


def _distinct(inputs: NDArray[Any]) -> int:
    return len({hashlib.sha256(given.tobytes()).digest() for given in inputs})


def calibration_from(
    folder: Path, preprocessing: Preprocessing | Embedding, progress: Progress
) -> CalibrationSet:
    """At most :data:`MOST_USED` pictures of a folder, or rows of ``.npy`` files, spread evenly.

    Raises:
        CalibrationError: no picture can be read, or all are the same one.
        UsageError: there is no such folder, or nothing in it.
    """
    noun = preprocessing.noun
    pictures = samples_in(folder, preprocessing).pictures
    chosen = np.unique(np.linspace(0, len(pictures) - 1, MOST_USED).round().astype(int))
    progress.step(f"decoding the calibration {noun}s", len(chosen))
    inputs, hashes, skipped, folders = [], set(), {}, set()
    for index in chosen:
        picture = pictures[index]
        try:
            inputs.append(load_input(picture.read(), preprocessing, picture.name))
            hashes.add(picture.sha256)
            folders.add((folder / picture.name).parent.name)
        except InputError as error:
            skipped[picture.name] = error.message
        progress.advance()
    if not inputs:
        raise CalibrationError(
            f"not one calibration {noun} of {folder} can be read",
            got=[f"{name}: {reason}" for name, reason in skipped.items()][:5],
            expected=f"{noun}s like those the model will see",
        )
    if _distinct(stacked := np.stack(inputs)) == 1:
        raise CalibrationError(
            f"{folder} holds one {noun} only, {len(inputs)} times",
            expected=f"different {noun}s like those the model will see; 100 or more are good",
        )
    return CalibrationSet(
        str(folder), stacked, len(pictures), frozenset(hashes), skipped, frozenset(folders)
    )
