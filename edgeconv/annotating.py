"""Copies of what was classified, blurred or annotated. Originals are never written to.

A copy is made of pixels alone: no EXIF, no place, no comment, no colour profile goes with it.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from edgeconv.classifying import STDIN, Decision, MovingDecision
from edgeconv.errors import UsageError
from edgeconv.files import write_atomically
from edgeconv.images import FORMATS

BLURRED_TO = 12
"""Pixels along the longer side that are left of a blurred picture: no filter brings more back."""

_RED, _GREEN, _WHITE = (200, 30, 30), (20, 120, 50), (255, 255, 255)


class CopyFolder:
    """Keeps a copy of each picture in a folder, laid out as the folders that were classified.

    A still keeps its name and format; of a moving picture its worst frame is kept, as
    ``clip.mp4.jpg``.

    Args:
        folder: made where it is not there yet.
        roots: the files and folders that are classified.
        annotate: draw label and score on every copy; otherwise those of unsafe pictures are
            blurred beyond recognition, and the others are plain.

    Raises:
        UsageError: ``folder`` is inside what is classified.
    """

    def __init__(self, folder: Path, roots: Sequence[Path], *, annotate: bool) -> None:
        self._folder = folder
        self._roots = [root for root in roots if root.is_dir()]
        self._annotate = annotate
        self._taken: set[Path] = set()
        place = folder.resolve()
        for root in roots:
            inside = root.resolve() if root.is_dir() else root.resolve().parent
            if place == inside or (root.is_dir() and inside in place.parents):
                raise UsageError(
                    f"copies cannot go to {folder}",
                    got=f"a folder in which pictures are classified: {inside}",
                    expected="a folder of its own, so that no original is written over",
                )

    def keep(self, decision: Decision, picture: Image.Image) -> None:
        """Write one copy, whole or not at all.

        Raises:
            FileError: the folder cannot be written.
        """
        if self._annotate:
            picture = annotated(picture, decision)
        elif decision.unsafe:
            picture = blurred(picture)
        name = self._name(decision)
        content, suffix = _encoded(picture, name.suffix)
        place = self._free(self._folder / f"{name}{suffix}")
        write_atomically(place, content)

    def _name(self, decision: Decision) -> Path:
        file = Path("stdin" if decision.file == STDIN else decision.file)
        root = next((root for root in self._roots if file.is_relative_to(root)), file.parent)
        name = file.relative_to(root)
        return Path(f"{name}.jpg") if isinstance(decision, MovingDecision) else name

    def _free(self, place: Path) -> Path:
        """The place itself, or where this run has put another picture there, one beside it."""
        number = 2
        free = place
        while free in self._taken:
            free = place.with_name(f"{place.stem}-{number}{place.suffix}")
            number += 1
        self._taken.add(free)
        return free


def blurred(picture: Image.Image) -> Image.Image:
    """The picture with everything gone but its coarsest colours, at the same size."""
    shrink = BLURRED_TO / max(BLURRED_TO, *picture.size)
    small = picture.resize(
        (max(1, round(picture.width * shrink)), max(1, round(picture.height * shrink))),
        Image.Resampling.BOX,
    )
    return small.resize(picture.size, Image.Resampling.BICUBIC)


def annotated(picture: Image.Image, decision: Decision) -> Image.Image:
    """The picture in a red or green frame, with the label and its score."""
    copy = picture.copy()
    drawing = ImageDraw.Draw(copy)
    colour = _RED if decision.unsafe else _GREEN
    unit = max(1, min(copy.size) // 60)
    font = ImageFont.load_default(max(10, 4 * unit))
    text = f"{decision.label} {decision.scores[decision.label]:.2f}"
    left, top, right, bottom = drawing.textbbox((2 * unit, 2 * unit), text, font)
    drawing.rectangle((0, 0, copy.width - 1, copy.height - 1), outline=colour, width=unit)
    drawing.rectangle((left - unit, top - unit, right + unit, bottom + unit), fill=colour)
    drawing.text((2 * unit, 2 * unit), text, _WHITE, font)
    return copy


def _encoded(picture: Image.Image, suffix: str) -> tuple[bytes, str]:
    """The content of a picture file, and the suffix that has to be added to its name."""
    pixels = Image.fromarray(np.asarray(picture))  # without what the picture says of itself
    known = Image.registered_extensions().get(suffix.lower())
    if known in FORMATS:
        try:
            return _saved(pixels, known), ""
        except (OSError, ValueError):
            pass  # larger than the format has room for
    return _saved(pixels, "PNG"), ".png"


def _saved(picture: Image.Image, file_format: str) -> bytes:
    stream = io.BytesIO()
    quality = {"quality": 90} if file_format in {"JPEG", "WEBP"} else {}
    picture.save(stream, file_format, **quality)
    return stream.getvalue()
