"""Each drawing is awkward in what its name says, once it is a file."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from edgeconv.images import decode
from edgeconv.parity.awkward import awkward_drawings
from edgeconv.parity.reference_set import generated_set
from edgeconv.spec import Preprocessing

AS_USUAL = Preprocessing(size=(224, 224))

FILES = {
    picture.name.removeprefix("awkward-"): picture
    for picture in generated_set().pictures
    if picture.name.startswith("awkward-")
}


def opened(name: str) -> Image.Image:
    return Image.open(io.BytesIO(FILES[name].read()))


def decoded(name: str) -> np.ndarray:
    return np.asarray(decode(FILES[name].read(), AS_USUAL, name)).astype(int)


def test_all_are_in_the_set() -> None:
    assert list(FILES) == [drawing.name for drawing in awkward_drawings()]


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("gray-1-bit.png", "1"),
        ("gray-8-bit.png", "L"),
        ("gray-8-bit.jpg", "L"),
        ("gray-16-bit.png", "I;16"),
        ("gray-16-bit.tif", "I;16"),
        ("alpha-gray.png", "LA"),
        ("alpha-hidden-colour.png", "RGBA"),
        ("alpha-hidden-colour.webp", "RGBA"),
        ("alpha-palette.png", "P"),
        ("palette.gif", "P"),
        ("cmyk.jpg", "CMYK"),
        ("cmyk.tif", "CMYK"),
    ],
)
def test_modes(name: str, mode: str) -> None:
    assert opened(name).mode == mode


@pytest.mark.parametrize("name", [name for name in FILES if name.startswith("exif-")])
def test_orientations(name: str) -> None:
    assert opened(name).getexif()[ExifTags.Base.Orientation] == int(Path(name).stem[-1])


def test_sizes() -> None:
    assert opened("tiny-1x1.png").size == (1, 1)
    assert opened("tiny-3x5.png").size == (3, 5)
    assert opened("panorama-wide.png").size == (2000, 40)
    assert opened("panorama-high.png").size == (40, 2000)


@pytest.mark.parametrize("name", ["animation.gif", "animation.webp"])
def test_animations_have_later_frames_that_differ(name: str) -> None:
    assert getattr(opened(name), "n_frames", 1) == 3
    assert decoded(name).std() > 20  # those are black, and white


def test_progressive() -> None:
    assert opened("progressive.jpg").info["progressive"]


@pytest.mark.parametrize("name", [name for name in FILES if name.startswith("alpha-")])
def test_what_is_transparent_hides_something(name: str) -> None:
    shown = np.asarray(opened(name).convert("RGBA"))[..., :3].astype(int)
    assert np.abs(shown - decoded(name)).mean() > 5


def test_deep_gray_would_be_clipped() -> None:
    assert 40 < decoded("gray-16-bit.png").mean() < 215
    assert 2 < decoded("gray-16-bit-dark.png").max() <= 9_000 >> 8
