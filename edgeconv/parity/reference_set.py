"""The pictures that parity is judged on: a set that edgeconv draws itself, or a folder."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, cached_property, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edgeconv.errors import UnreadableImage, UsageError
from edgeconv.generated import LABELS, draw_pattern
from edgeconv.images import IMAGE_SUFFIXES, find_images, load_pixels
from edgeconv.parity.awkward import Drawing, awkward_drawings
from edgeconv.parity.scenes import draw_scene
from edgeconv.spec import Preprocessing

GENERATED = "generated"
"""The name of the set that edgeconv draws itself."""

PICTURES = 320
"""How many pictures that set has."""

GOLDEN = (
    "pattern-0003.png",
    "pattern-0064.png",
    "scene-0000.png",
    "scene-0009.png",
    "scene-0020.png",
    "awkward-alpha-hidden-colour.png",
    "awkward-gray-16-bit.png",
    "awkward-panorama-wide.png",
)
"""Pictures that artifacts carry scores for. PNG alone: pixels of a JPEG depend on the decoder."""

_PATTERN_SIZES = ((224, 224), (160, 200), (180, 150), (128, 128), (192, 192))

_SCENE_SIZES = (
    (240, 320),
    (224, 224),
    (375, 500),
    (320, 240),
    (128, 128),
    (480, 640),
    (200, 300),
    (96, 144),
)
"""Heights and widths, which take turns."""


@dataclass(frozen=True)
class ReferencePicture:
    """One picture as an image file, or one embedding as a ``.npy`` file, where ``is_row``.

    ``read()`` gives the file's content; nothing is drawn, or read from disk, before. It raises
    :class:`UnreadableImage` where a file has gone since.
    """

    name: str
    read: Callable[[], bytes] = field(repr=False, compare=False)
    is_row: bool = False

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the image file's content."""
        return hashlib.sha256(self.read()).hexdigest()


@dataclass(frozen=True)
class ReferenceSet:
    """Pictures in order, under the name of where they come from."""

    name: str
    pictures: tuple[ReferencePicture, ...]

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over names and contents. Reads, or draws, every picture once."""
        digest = hashlib.sha256()
        for picture in self.pictures:
            digest.update(picture.name.encode() + b"\0" + bytes.fromhex(picture.sha256))
        return digest.hexdigest()


@cache
def generated_set() -> ReferenceSet:
    """The built-in set: 320 pictures, the same everywhere, each drawn when first read.

    Patterns for the demo, many of them borderline; scenes for classifiers of real pictures; and
    pictures that are awkward to decode. The same version of Pillow gives the same bytes; another
    one may draw, compress and resize by a level otherwise.
    """
    awkward = [drawing._replace(name=f"awkward-{drawing.name}") for drawing in awkward_drawings()]
    patterns = [_pattern(number) for number in range(128)]
    scenes = [_scene(number) for number in range(PICTURES - len(patterns) - len(awkward))]
    return ReferenceSet(
        GENERATED,
        tuple(
            ReferencePicture(drawing.name, cache(partial(_saved, drawing)))
            for drawing in (*patterns, *scenes, *awkward)
        ),
    )


def folder_set(path: Path) -> ReferenceSet:
    """The pictures in a folder, by their paths inside it, each read from disk when asked for.

    Raises:
        FileError: the folder cannot be read.
        UsageError: there is no picture in it, or no such folder.
    """
    pictures = find_images([path]) if path.is_dir() else []
    if not pictures:
        raise UsageError(
            f"no pictures in {path}",
            got="a folder without any" if path.is_dir() else "no folder of that name",
            expected=f"a folder with files ending in {', '.join(IMAGE_SUFFIXES)}",
        )
    return ReferenceSet(
        str(path),
        tuple(
            ReferencePicture(file.relative_to(path).as_posix(), partial(_from_disk, file))
            for file in pictures
        ),
    )


@cache
def golden_pictures(preprocessing: Preprocessing) -> tuple[tuple[str, NDArray[np.uint8]], ...]:
    """Name and pixels, (height, width, 3), of the :data:`GOLDEN` pictures at a model's size."""
    pictures = {picture.name: picture for picture in generated_set().pictures}
    return tuple((name, load_pixels(pictures[name].read(), preprocessing, name)) for name in GOLDEN)


def _pattern(number: int) -> Drawing:
    """Labels and sizes take turns; ambiguity takes 128 even steps from 0 to 1, in mixed order."""
    ambiguity = number * 37 % 128 / 127
    label = LABELS[number % len(LABELS)]
    size = _PATTERN_SIZES[number % len(_PATTERN_SIZES)]
    return Drawing(
        f"pattern-{number:04d}.png",
        lambda: Image.fromarray(draw_pattern(label, ambiguity, number, size)),
    )


def _scene(number: int) -> Drawing:
    # Kinds of scenes take turns by eight, so the sizes' turn must not be in step with them.
    size = _SCENE_SIZES[number * 3 // 8 % len(_SCENE_SIZES)]
    suffix = "jpg" if number % 3 == 1 or size[0] * size[1] > 150_000 else "png"
    return Drawing(
        f"scene-{number:04d}.{suffix}", lambda: Image.fromarray(draw_scene(number, size))
    )


def _saved(drawing: Drawing) -> bytes:
    """The image file's content, in the format that the name's suffix says."""
    stream = io.BytesIO()
    file_format = Image.registered_extensions()[Path(drawing.name).suffix]
    speed = {"compress_level": 1} if file_format == "PNG" else {}
    drawing.draw().save(stream, file_format, **speed, **drawing.options)
    return stream.getvalue()


def _from_disk(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise UnreadableImage(
            f"cannot read {file}", got=error.strerror, expected="an image file"
        ) from error
