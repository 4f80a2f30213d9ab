"""Pictures that edgeconv draws itself: dots, rings and stripes, from clear to undecidable.

The demo model learns them, and the built-in reference set is made of them. Byte for byte the same
everywhere: the random stream is numpy's frozen one, and pixels come from additions,
multiplications, divisions and square roots alone, which IEEE 754 rounds in one way only (sines,
logarithms and matrix products differ in the last bit from machine to machine).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.random import RandomState
from numpy.typing import NDArray

from edgeconv.errors import UnknownName

LABELS = ("Dots", "Rings", "Stripes")

HARDEST = 0.8
"""The ambiguity of the hardest pictures of a dataset; the easiest have none."""

_Floats = NDArray[np.float32]


class Example(NamedTuple):
    """One picture of a dataset, not drawn yet."""

    label: str
    ambiguity: float
    seed: int

    def draw(self, size: tuple[int, int]) -> NDArray[np.uint8]:
        """The picture, as :func:`draw_pattern` gives it."""
        return draw_pattern(self.label, self.ambiguity, self.seed, size)


def draw_pattern(
    label: str, ambiguity: float, seed: int, size: tuple[int, int] = (224, 224)
) -> NDArray[np.uint8]:
    """One picture: the named pattern on a textured, noisy background.

    Args:
        label: one of :data:`LABELS`.
        ambiguity: at 0 the pattern is clear. Towards 1 another label's pattern shines through,
            contrast falls and noise rises; at 1 both are there to the same amount on average, so
            that no observer can do better than guess between the two.
        seed: 0 to 2**32 - 1; the same seed gives the same bytes.
        size: height and width in pixels.

    Returns:
        RGB pixels, (height, width, 3).

    Raises:
        UnknownName: no label is called so.
    """
    if label not in LABELS:
        raise UnknownName("generated pattern", label, LABELS)
    random = RandomState(seed)
    other = random.choice([name for name in LABELS if name != label])
    # The shares overlap from one ambiguity to the next: a share near one half has no right answer.
    share = ambiguity * random.uniform(0.3, 0.7)
    contrast = random.uniform(0.6, 1.0) * (1 - 0.4 * ambiguity)

    layers = [(label, 1 - share), (other, share)]
    if random.randint(2):
        layers.reverse()  # which one is on top must not tell which one is named

    canvas = _background(random, size)
    middle = canvas[size[0] // 2, size[1] // 2].copy()
    for name, weight in layers:
        mask = _PATTERNS[name](random, size) * np.float32(weight * contrast)
        towards = middle + _pattern_colour(name, random) - canvas
        towards *= mask[..., None]
        canvas += towards
    canvas += _noise(random, size, amplitude=12 + 36 * ambiguity)
    np.rint(canvas, out=canvas)
    return np.clip(canvas, 0, 255, out=canvas).astype(np.uint8)


def examples(per_label: int, seed: int) -> list[Example]:
    """A dataset of ``per_label`` pictures a label, from clear to hard in even steps, shuffled.

    Args:
        per_label: how many pictures each label has.
        seed: datasets of different seeds share no picture.
    """
    random = RandomState(seed)
    steps = [HARDEST * (number + 0.5) / per_label for number in range(per_label)]
    seeds = iter(random.randint(0, 2**32, size=per_label * len(LABELS), dtype=np.uint32).tolist())
    drawn = [Example(label, step, next(seeds)) for label in LABELS for step in steps]
    return [drawn[index] for index in random.permutation(len(drawn))]


def draw_dataset(
    folder: Path,
    per_label_train: int,
    per_label_test: int,
    seed: int,
    size: tuple[int, int] = (224, 224),
) -> None:
    """Write ``folder/{train,test}/<label>/<number>.png``, as ``edgeconv train --data`` reads it.

    Args:
        folder: made where it is not there yet.
        per_label_train: pictures a label for training.
        per_label_test: held-out pictures a label.
        seed: of the training pictures; the held-out ones are drawn from ``seed + 1``.
        size: height and width in pixels.
    """
    from PIL import Image

    for split, per_label, split_seed in (
        ("train", per_label_train, seed),
        ("test", per_label_test, seed + 1),
    ):
        for number, example in enumerate(examples(per_label, split_seed)):
            place = folder / split / example.label / f"{number:05d}.png"
            place.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(example.draw(size)).save(place)


def _background(random: RandomState, size: tuple[int, int]) -> _Floats:
    """(H, W, 3), 0..255: a colour, a soft blotchy texture, and a slope of light."""
    height, width = size
    cells = 7
    blotches = random.uniform(-16, 16, (cells + 1, cells + 1, 3)).astype(np.float32)
    rows, row_part = _cell(height, cells)
    columns, column_part = _cell(width, cells)
    bands = blotches[:, columns]
    bands += (blotches[:, columns + 1] - bands) * column_part[:, None]
    texture: _Floats = np.diff(bands, axis=0)[rows]
    texture *= row_part[:, None, None]
    texture += bands[rows]
    slope = _across(random, size) * np.float32(random.uniform(-20, 20) / max(size))
    texture += slope[..., None]
    texture += (random.uniform(60, 130) + random.uniform(-18, 18, 3)).astype(np.float32)
    return texture


def _cell(pixels: int, cells: int) -> tuple[NDArray[np.intp], _Floats]:
    """For each pixel, the grid cell it is in and how far through it, 0..1."""
    place = np.arange(pixels, dtype=np.float32) * np.float32(cells / pixels)
    cell = place.astype(np.intp)
    return cell, (place - cell).astype(np.float32)


def _noise(random: RandomState, size: tuple[int, int], amplitude: float) -> _Floats:
    """(H, W, 3): the mean of two uniform draws, at most ``amplitude`` from zero."""
    draws = np.frombuffer(random.bytes(2 * size[0] * size[1] * 3), np.uint8)
    first, second = draws.reshape(2, *size, 3)
    noise: _Floats = np.add(first, second, dtype=np.float32)
    noise -= 255
    noise *= np.float32(amplitude / 255)
    return noise


def _pattern_colour(label: str, random: RandomState) -> _Floats:
    """How far a pattern stands out in each channel: most, as a rule, in its label's own."""
    colour = random.uniform(-40, 50, 3)
    colour[LABELS.index(label)] += random.uniform(60, 130)
    return colour.astype(np.float32)


def _dots(random: RandomState, size: tuple[int, int]) -> _Floats:
    """Filled discs."""
    unit = min(size) / 224
    largest = random.uniform(7, 12) * unit
    mask = np.zeros(size, np.float32)
    for _ in range(random.randint(25, 45)):
        radius = largest * random.uniform(0.8, 1)
        _circle(mask, random, radius=0, pen=radius)
    return mask


def _rings(random: RandomState, size: tuple[int, int]) -> _Floats:
    """Circles drawn with a broad pen."""
    unit = min(size) / 224
    largest = random.uniform(16, 26) * unit
    pen = random.uniform(2, 3.5) * unit
    mask = np.zeros(size, np.float32)
    for _ in range(random.randint(14, 28)):
        radius = largest * random.uniform(0.8, 1)
        _circle(mask, random, radius, pen)
    return mask


def _stripes(random: RandomState, size: tuple[int, int]) -> _Floats:
    """Parallel bars of equal distance."""
    across = _across(random, size)
    period = np.float32(random.uniform(14, 26) * min(size) / 224)
    from_bar = np.abs(across - np.rint(across / period) * period)
    return _soft(period * np.float32(random.uniform(0.15, 0.25)) - from_bar)


def _across(random: RandomState, size: tuple[int, int]) -> _Floats:
    """(H, W): how far each pixel is, in pixels, from a random line near the middle."""
    # The half-angle form gives every direction without a sine.
    half = random.uniform(-1, 1)
    cosine, sine = (1 - half * half) / (1 + half * half), 2 * half / (1 + half * half)
    top, left = (length * random.uniform(0.3, 0.7) for length in size)
    y = (np.arange(size[0], dtype=np.float32) - np.float32(top))[:, None]
    x = (np.arange(size[1], dtype=np.float32) - np.float32(left))[None, :]
    across: _Floats = x * np.float32(cosine) + y * np.float32(sine)
    return across


def _circle(mask: _Floats, random: RandomState, radius: float, pen: float) -> None:
    """Draw a circle into ``mask`` at a random place; ``pen`` is half as wide as its line."""
    reach = radius + pen
    top, left = (random.uniform(0, length) for length in mask.shape)
    rows = slice(max(0, int(top - reach)), int(top + reach) + 2)
    columns = slice(max(0, int(left - reach)), int(left + reach) + 2)
    patch = mask[rows, columns]
    y = np.arange(patch.shape[0], dtype=np.float32) + np.float32(rows.start - top)
    x = np.arange(patch.shape[1], dtype=np.float32) + np.float32(columns.start - left)
    distance = np.sqrt(y[:, None] ** 2 + x[None, :] ** 2)
    np.maximum(patch, _soft(pen - np.abs(distance - radius)), out=patch)


def _soft(depth: _Floats) -> _Floats:
    """Coverage, 0..1, of a pixel that lies ``depth`` pixels inside an edge."""
    coverage: _Floats = np.clip(depth + 0.5, 0, 1)
    return coverage.astype(np.float32, copy=False)


_PATTERNS: dict[str, Callable[[RandomState, tuple[int, int]], _Floats]] = {
    "Dots": _dots,
    "Rings": _rings,
    "Stripes": _stripes,
}
