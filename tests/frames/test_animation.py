"""Animated GIF, WebP and PNG: every frame, in its time, composited."""

import io

import numpy as np
import pytest
from moving_pictures import BLINKING, SAFE, SIZE, UNSAFE, animation, drawing
from PIL import Image

from edgeconv.errors import ImageError, ImageTooLarge, UnreadableImage
from edgeconv.frames import animation as animation_module
from edgeconv.frames.opening import open_moving


def frames_of(content, background="#ffffff"):
    """(start, end, pixels) of every frame."""
    with open_moving(content, background, "pictures") as moving:
        return [
            (frame.start, frame.end, np.asarray(frame.content.picture())) for frame in moving.frames
        ]


@pytest.mark.parametrize(("file_format", "most"), [("GIF", 12), ("WEBP", 0), ("PNG", 0)])
def test_every_frame_in_its_time(file_format, most):
    found = frames_of(animation([(SAFE, 0.3), (UNSAFE, 0.2)], file_format))
    starts, ends, pictures = zip(*found, strict=True)
    assert starts == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])
    assert ends == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5])
    for picture, label in zip(pictures, [SAFE] * 3 + [UNSAFE] * 2, strict=True):
        off = np.abs(picture[BLINKING:] - np.int16(drawing(label)[BLINKING:]))
        assert off.mean() <= most
    assert (pictures[0] != pictures[3]).any()


def test_a_frame_is_laid_over_those_before_it():
    below = Image.new("RGBA", (40, 30), (200, 0, 0, 255))
    above = Image.new("RGBA", (40, 30), (0, 0, 0, 0))
    above.paste((0, 0, 200, 255), (10, 10, 20, 20))
    stream = io.BytesIO()
    below.save(stream, "PNG", save_all=True, append_images=[above], duration=100, blend=1)
    (_, _, first), (_, _, second) = frames_of(stream.getvalue())
    assert first[15, 15].tolist() == [200, 0, 0]
    assert second[15, 15].tolist() == [0, 0, 200]
    assert second[0, 0].tolist() == [200, 0, 0]


def test_transparency_shows_the_background():
    clear = [Image.new("RGBA", (40, 30), (0, 0, 0, 0)) for _ in range(2)]
    clear[1].paste((0, 0, 200, 255), (10, 10, 20, 20))
    stream = io.BytesIO()
    clear[0].save(stream, "WEBP", save_all=True, append_images=clear[1:], lossless=True)
    for _, _, picture in frames_of(stream.getvalue(), "#204060"):
        assert picture[0, 0].tolist() == [0x20, 0x40, 0x60]


def test_hurried_frames_last_as_in_a_browser():
    assert [end for _, end, _ in frames_of(animation([(SAFE, 0.03)], frame_seconds=0.01))] == (
        pytest.approx([0.1, 0.2, 0.3])
    )


@pytest.mark.parametrize("file_format", ["PNG", "GIF", "WEBP", "JPEG", "TIFF"])
def test_a_still_does_not_move(file_format):
    stream = io.BytesIO()
    pages = {"save_all": True, "append_images": [Image.new("RGB", (8, 8))]}
    more = pages if file_format == "TIFF" else {}
    Image.fromarray(drawing(SAFE)).save(stream, file_format, **more)
    for content in (stream.getvalue(), stream.getvalue()[:40], b"", b"GIF89a", b"\x89PNG\r\n"):
        with open_moving(content, "#ffffff", "still") as moving:
            assert moving is None


@pytest.mark.parametrize("file_format", ["GIF", "PNG"])
def test_cut_off_it_gives_what_is_there(file_format):
    whole = animation([(SAFE, 0.1), (UNSAFE, 0.1)] * 3, file_format)
    starts = []
    with (
        open_moving(whole[: len(whole) * 7 // 10], "#ffffff", "torn") as moving,
        pytest.raises(UnreadableImage, match="torn"),
    ):
        for frame in moving.frames:
            starts.append(frame.start)
    assert 1 <= len(starts) < 6


@pytest.mark.parametrize("file_format", ["GIF", "PNG", "WEBP"])
def test_any_damage_is_an_error_of_ours_or_none(file_format):
    whole = animation([(SAFE, 0.3)], file_format)
    random = np.random.default_rng(0)
    outcomes = set()
    for _ in range(40):
        damaged = bytearray(whole)
        for at in random.integers(12, len(whole), 20):
            damaged[at] = random.integers(256)
        try:
            with open_moving(bytes(damaged), "#ffffff", "damaged") as moving:
                outcomes.add(None if moving is None else len(list(moving.frames)))
        except ImageError:
            outcomes.add("refused")
    assert len(outcomes) > 1


@pytest.mark.parametrize(
    ("cap", "value"), [("MAX_FRAMES", 3), ("MAX_TOTAL_PIXELS", 3 * SIZE[0] * SIZE[1] + 5)]
)
def test_it_is_judged_up_to_the_cap(monkeypatch, cap, value):
    monkeypatch.setattr(animation_module, cap, value)
    seen = []
    with (
        open_moving(animation([(SAFE, 0.5)]), "#ffffff", "long") as moving,
        pytest.raises(ImageTooLarge, match=r"long is judged up to 0\.3 s only"),
    ):
        for frame in moving.frames:
            seen.append(frame.start)
    assert len(seen) == 3


def test_a_canvas_that_is_too_large_is_left_to_the_still_reader():
    import struct

    screen = b"GIF89a" + struct.pack("<HHBBB", 65535, 65535, 0, 0, 0)
    with open_moving(screen + b";", "#ffffff", "huge") as moving:
        assert moving is None
