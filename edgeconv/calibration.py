"""The pictures that integer files take their activation ranges from, and an audit of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edgeconv.errors import CalibrationError, ImageError
from edgeconv.generated import LABELS, draw_pattern
from edgeconv.images import load_pixels, resize
from edgeconv.parity.reference_set import ReferenceSet, folder_set
from edgeconv.parity.scenes import draw_scene
from edgeconv.progress import Progress
from edgeconv.spec import Preprocessing, Strict

if TYPE_CHECKING:
    from edgeconv.frozen import FrozenGraph

MOST_USED = 100
"""As many as tensorflow's guide to post-training quantisation asks for; more cost time alone."""

FIRST_SEED = 1_000_000
"""Far from the seeds of the reference set, so that no picture serves both."""


class CalibrationAudit(Strict):
    """What the calibration set is made of.

    ``labels`` gives the share of pictures the reference puts under each label; ``overlap`` counts
    pictures that the parity set holds too, which would flatter the result; None where nothing
    is verified.
    """

    source: str
    found: int
    used: int
    labels: dict[str, float]
    overlap: int | None
    skipped: dict[str, str] = {}

    def describe(self) -> str:
        """Source, counts, labels and overlap in one sentence."""
        shares = ", ".join(f"{label} {share:.0%}" for label, share in self.labels.items())
        overlap = "" if self.overlap is None else f"; {self.overlap} of them in the parity set"
        return (
            f"calibrated on {self.used} of {self.found} pictures, {self.source} ({shares}){overlap}"
        )

    def warnings(self) -> list[str]:
        """What the reader should know before trusting an integer file."""
        notes = []
        if self.overlap:
            notes.append(
                f"{self.overlap} calibration pictures are in the parity set too: "
                "integer files may look better than they are"
            )
        if self.labels and max(self.labels.values()) > 0.95:
            notes.append(
                f"{max(self.labels.values()):.0%} of the calibration pictures are of one label"
            )
        if self.skipped:
            notes.append(f"{len(self.skipped)} calibration pictures cannot be read")
        return notes


@dataclass(frozen=True)
class CalibrationSet:
    """(N, H, W, 3) uint8 RGB pixels at the model's size, where they came from, and their hashes."""

    source: str
    pixels: NDArray[np.uint8]
    found: int
    hashes: frozenset[str]
    skipped: dict[str, str]

    def audit(self, frozen: FrozenGraph, parity_set: ReferenceSet | None) -> CalibrationAudit:
        """Share of each label, and overlap with the parity set by SHA-256 of the file."""
        best = frozen.scores(self.pixels).argmax(axis=1)
        counts = Counter(frozen.spec.labels[index] for index in best)
        return CalibrationAudit(
            source=self.source,
            found=self.found,
            used=len(self.pixels),
            labels={label: counts[label] / len(best) for label in frozen.spec.labels},
            overlap=None if parity_set is None else self._overlap(parity_set),
            skipped=self.skipped,
        )

    def _overlap(self, parity_set: ReferenceSet) -> int:
        if not self.hashes:
            return 0
        return len(self.hashes & {picture.sha256 for picture in parity_set.pictures})


def generated_calibration(preprocessing: Preprocessing) -> CalibrationSet:
    """Patterns and scenes in turn, drawn with seeds that the parity set does not use."""
    drawn = [
        draw_pattern(LABELS[number % len(LABELS)], number / MOST_USED, FIRST_SEED + number)
        if number % 2
        else draw_scene(FIRST_SEED + number, (224, 224))
        for number in range(MOST_USED)
    ]
    pixels = np.stack([resize(Image.fromarray(picture), preprocessing) for picture in drawn])
    return CalibrationSet("generated", pixels, MOST_USED, frozenset(), {})


def calibration_from_folder(
    folder: Path, preprocessing: Preprocessing, progress: Progress
) -> CalibrationSet:
    """At most 128 pictures of a folder, spread evenly over it by name.

    Raises:
        CalibrationError: no picture can be read, or all are the same one.
        UsageError: there is no such folder, or no picture in it.
    """
    pictures = folder_set(folder).pictures
    chosen = np.unique(np.linspace(0, len(pictures) - 1, MOST_USED).round().astype(int))
    progress.step("decoding the calibration pictures", len(chosen))
    pixels, hashes, skipped = [], [], {}
    for index in chosen:
        picture = pictures[index]
        try:
            pixels.append(load_pixels(picture.read(), preprocessing, picture.name))
            hashes.append(picture.sha256)
        except ImageError as error:
            skipped[picture.name] = error.message
        progress.advance()
    if not pixels:
        raise CalibrationError(
            f"not one calibration picture of {folder} can be read",
            got=[f"{name}: {reason}" for name, reason in skipped.items()][:5],
            expected="ordinary photographs like those the model will see",
        )
    if len(set(hashes)) == 1:
        raise CalibrationError(
            f"{folder} holds one picture only, {len(hashes)} times",
            expected="different pictures like those the model will see; 100 or more are good",
        )
    return CalibrationSet(str(folder), np.stack(pixels), len(pictures), frozenset(hashes), skipped)
