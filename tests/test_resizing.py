"""Stretch, centre crop and pad against Pillow and against arithmetic done by hand."""

from __future__ import annotations

import tracemalloc
from math import floor
from typing import Any

import numpy as np
import pytest
from numpy.random import RandomState
from PIL import Image

from edgeconv.resizing import resize
from edgeconv.spec import Preprocessing, Resize

FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


def to(size: tuple[int, int], **how: Any) -> Preprocessing:
    return Preprocessing(size=size, resize=Resize(**how), background="#204060")


def noise(width: int, height: int) -> Image.Image:
    return Image.fromarray(RandomState(0).randint(0, 256, (height, width, 3)).astype(np.uint8))


@pytest.mark.parametrize("size", [(17, 23), (224, 224), (400, 300)])
@pytest.mark.parametrize("name", FILTERS)
def test_stretch_with_antialias_is_pillows_own(name: str, size: tuple[int, int]) -> None:
    pixels = resize(noise(200, 150), to(size, filter=name))
    assert pixels.shape == (*size, 3)
    assert pixels.dtype == np.uint8
    expected = noise(200, 150).resize(size[::-1], FILTERS[name])
    assert np.array_equal(pixels, np.asarray(expected))


SOURCES = [(200, 150), (150, 200), (333, 500), (40, 2000), (64, 64), (65, 64), (1, 9), (3, 2)]


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("crop", [1.0, 0.875, 0.9])
@pytest.mark.parametrize("offset", ["round", "floor"])
def test_centre_crop_is_scaling_then_cropping(
    source: tuple[int, int], name: str, crop: float, offset: str
) -> None:
    image, side = noise(*source), floor(63 / crop)
    shorter = min(source)
    scaled = image.resize((side * source[0] // shorter, side * source[1] // shorter), FILTERS[name])
    margins = scaled.width - 63, scaled.height - 63
    left, top = (m // 2 if offset == "floor" else round(m / 2) for m in margins)
    expected = np.asarray(scaled.crop((left, top, left + 63, top + 63)))
    how = to((63, 63), mode="center_crop", filter=name, crop=crop, offset=offset)
    assert np.array_equal(resize(image, how), expected)


@pytest.mark.parametrize("source", SOURCES)
def test_centre_crop_to_an_oblong_rounds_the_longer_side(source: tuple[int, int]) -> None:
    image = noise(*source)
    ratio = min(source[0] / 81, source[1] / 48)
    scaled = image.resize((round(source[0] / ratio), round(source[1] / ratio)), FILTERS["bilinear"])
    left, top = round((scaled.width - 81) / 2), round((scaled.height - 48) / 2)
    expected = np.asarray(scaled.crop((left, top, left + 81, top + 48)))
    assert np.array_equal(resize(image, to((48, 81), mode="center_crop")), expected)


def test_stretch_with_a_crop_keeps_the_middle() -> None:
    expected = noise(200, 150).resize((73, 55), FILTERS["bicubic"]).crop((4, 4, 68, 52))
    pixels = resize(noise(200, 150), to((48, 64), filter="bicubic", crop=0.87))
    assert np.array_equal(pixels, np.asarray(expected))


@pytest.mark.parametrize("size", [64, 93, 99, 112, 224])
@pytest.mark.parametrize("scaled", range(224, 449, 5))
def test_a_crop_written_as_a_quotient_gives_the_size_it_was_made_of(size: int, scaled: int) -> None:
    how = to((size, size), filter="nearest", crop=size / scaled, offset="floor")
    expected = noise(60, 60).resize((scaled, scaled), FILTERS["nearest"])
    start = (scaled - size) // 2
    box = (start, start, start + size, start + size)
    assert np.array_equal(resize(noise(60, 60), how), np.asarray(expected.crop(box)))


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("antialias", [True, False])
@pytest.mark.parametrize("source", [(65_535, 1), (1, 65_535), (30_000, 7)])
def test_centre_crop_of_an_endless_panorama_costs_nothing(
    source: tuple[int, int], name: str, antialias: bool
) -> None:
    # Scaled as a whole, one of them would be fourteen million pixels wide.
    how = to((224, 224), mode="center_crop", filter=name, antialias=antialias)
    tracemalloc.start()
    pixels = resize(Image.new("RGB", source, "red"), how)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (pixels == (255, 0, 0)).all()
    assert peak < 64 << 20


@pytest.mark.parametrize(
    ("source", "rows", "columns"),
    [
        ((200, 100), slice(16, 48), slice(0, 64)),
        ((100, 200), slice(0, 64), slice(16, 48)),
        ((10, 1), slice(29, 35), slice(0, 64)),
        ((2000, 1), slice(31, 32), slice(0, 64)),
        ((64, 64), slice(0, 64), slice(0, 64)),
    ],
)
def test_pad_keeps_the_whole_picture_on_the_background(
    source: tuple[int, int], rows: slice, columns: slice
) -> None:
    pixels = resize(Image.new("RGB", source, "white"), to((64, 64), mode="pad"))
    inside = np.zeros((64, 64), bool)
    inside[rows, columns] = True
    assert (pixels[inside] == 255).all()
    assert (pixels[~inside] == (0x20, 0x40, 0x60)).all()


@pytest.mark.parametrize("antialias", [True, False])
@pytest.mark.parametrize("mode", ["stretch", "center_crop", "pad"])
@pytest.mark.parametrize("name", FILTERS)
def test_a_flat_picture_stays_flat(name: str, mode: str, antialias: bool) -> None:
    how = to((50, 60), filter=name, mode=mode, antialias=antialias)
    pixels = resize(Image.new("RGB", (173, 91), "#204060"), how)
    assert (pixels == (0x20, 0x40, 0x60)).all()


@pytest.mark.parametrize("mode", ["stretch", "center_crop", "pad"])
@pytest.mark.parametrize("source", [(1, 1), (3, 5), (1, 700), (700, 1)])
@pytest.mark.parametrize("antialias", [True, False])
def test_tiny_and_narrow(source: tuple[int, int], mode: str, antialias: bool) -> None:
    how = to((224, 224), mode=mode, antialias=antialias)
    assert resize(noise(*source), how).shape == (224, 224, 3)


class TestWithoutAntialias:
    def test_bilinear_reads_only_its_two_neighbours(self) -> None:
        # Eight columns to two: their centres fall between columns 1 and 2, and 5 and 6.
        ramp = np.repeat(np.uint8([[0, 10, 30, 255, 255, 100, 200, 0]])[..., None], 3, axis=2)
        pixels = resize(Image.fromarray(ramp), to((1, 2), antialias=False))
        assert pixels[0, :, 0].tolist() == [20, 150]

    def test_bicubic_reads_only_its_four(self) -> None:
        ramp = np.repeat(np.uint8([[16, 64, 80, 32, 255, 255, 255, 255]])[..., None], 3, axis=2)
        pixels = resize(Image.fromarray(ramp), to((1, 2), filter="bicubic", antialias=False))
        # Half-way between two pixels Keys' kernel weighs -1/16, 9/16, 9/16, -1/16.
        assert pixels[0, 0, 0] == (-16 + 9 * 64 + 9 * 80 - 32) / 16

    def test_nearest_is_pillows(self) -> None:
        pixels = resize(noise(200, 150), to((40, 70), filter="nearest", antialias=False))
        expected = noise(200, 150).resize((70, 40), FILTERS["nearest"])
        assert np.array_equal(pixels, np.asarray(expected))

    @pytest.mark.parametrize(("name", "rounding"), [("bilinear", 1), ("bicubic", 3)])
    def test_enlarging_is_the_same_with_and_without(self, name: str, rounding: int) -> None:
        # Pillow rounds after the rows and again after the columns.
        smooth = noise(8, 8).resize((40, 30), FILTERS["bicubic"])
        without = resize(smooth, to((90, 130), filter=name, antialias=False)).astype(int)
        assert np.abs(without - resize(smooth, to((90, 130), filter=name))).max() <= rounding

    def test_shrinking_is_not(self) -> None:
        with_it = resize(noise(400, 400), to((40, 40))).astype(int)
        without = resize(noise(400, 400), to((40, 40), antialias=False))
        assert np.abs(with_it - without).mean() > 20

    def test_no_value_leaves_its_range(self) -> None:
        step = Image.fromarray(np.uint8([[0, 0, 255, 255]]).repeat(4, axis=0)).convert("RGB")
        pixels = resize(step, to((32, 32), filter="lanczos", antialias=False))
        assert pixels[:, :8].max() < 40
        assert pixels[:, -8:].min() > 215
