"""The part of an enlarged picture that is kept, against Pillow's enlargement of the whole."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.random import RandomState
from numpy.typing import NDArray
from PIL import Image

from edgeconv import resampling
from edgeconv.resampling import Side, resample
from edgeconv.spec import Resize

FILTERS = ["nearest", "bilinear", "bicubic", "lanczos"]


def both_ways(
    image: Image.Image, across: Side, down: Side, how: Resize, monkeypatch: pytest.MonkeyPatch
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Computed for the part alone, and cut out of what Pillow makes of the whole."""
    monkeypatch.setattr(resampling, "WHOLE", 0)
    part = resample(image, across, down, how)
    monkeypatch.setattr(resampling, "WHOLE", 1 << 40)
    return part, resample(image, across, down, how)


def enlarged(random: RandomState, source: int) -> Side:
    """Any part, at either end as well, of a side at one to fifty times its length."""
    scaled = int(source * random.uniform(1, 50) ** random.uniform(0, 1))
    start = random.choice([0, random.randint(scaled), scaled - 1])
    return Side(source, scaled, start, random.randint(1, scaled - start + 1))


@pytest.mark.parametrize("name", FILTERS)
def test_the_part_is_that_of_the_whole(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    random = RandomState(FILTERS.index(name))
    for _ in range(300):
        width, height = random.randint(1, 40, 2)
        image = Image.fromarray(random.randint(0, 256, (height, width, 3)).astype(np.uint8))
        sides = enlarged(random, width), enlarged(random, height)
        part, whole = both_ways(image, *sides, Resize(filter=name), monkeypatch)
        assert np.array_equal(part, whole), (image.size, sides)


@pytest.mark.parametrize("name", FILTERS)
def test_the_part_of_a_panorama_is_that_of_the_whole(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = RandomState(0).randint(0, 256, (2, 5_000, 3)).astype(np.uint8)
    across, down = Side(5_000, 560_000, 279_888, 224), Side(2, 224, 0, 224)
    image, how = Image.fromarray(pixels), Resize(filter=name)
    part, whole = both_ways(image, across, down, how, monkeypatch)
    assert np.array_equal(part, whole)
    high, wide = both_ways(
        image.transpose(Image.Transpose.TRANSPOSE), down, across, how, monkeypatch
    )
    assert np.array_equal(high, wide)


def test_pillows_own_box_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """Why this room exists; were it otherwise one day, a ``box`` would do."""
    image = Image.fromarray(RandomState(0).randint(0, 256, (97, 131, 3)).astype(np.uint8))
    across, down = Side(131, 302, 39, 224), Side(97, 224, 0, 224)
    box = (39 * 131 / 302, 0, 263 * 131 / 302, 97)
    boxed = np.asarray(image.resize((224, 224), Image.Resampling.BILINEAR, box))
    whole = resample(image, across, down, Resize())
    assert not np.array_equal(boxed, whole)
    assert np.abs(boxed.astype(int) - whole).max() == 1
