"""Video as people send it and as strangers make it: turned, cut off, damaged, hostile."""

import subprocess
import sys

import numpy as np
import pytest
from moving_pictures import SAFE, SIZE, UNSAFE, clip, drawing, turned, written
from PIL import Image

from edgeconv.errors import (
    ImageTooLarge,
    MissingDependency,
    UnreadableImage,
    UnsupportedImage,
)
from edgeconv.frames import video
from edgeconv.frames.opening import open_moving
from edgeconv.frames.sampling import Sampling

pytest.importorskip("av", reason="PyAV is not installed: pip install 'edgeconv[video]'")

KINDS = {
    "mp4": ("mp4", "libx264", "yuv420p"),
    "mov": ("mov", "mjpeg", "yuvj420p"),
    "mkv": ("matroska", "libx265", "yuv420p"),
    "webm": ("webm", "libvpx-vp9", "yuv420p"),
    "webm-vp8": ("webm", "libvpx", "yuv420p"),
    "avi": ("avi", "mpeg4", "yuv420p"),
}


def seen(content, name="clip"):
    """The samples of a video, twice a second, what it broke off with, and how far it went."""
    samples, error, last, picture = [], None, None, None
    with open_moving(content, "#ffffff", name) as moving:
        sampling = Sampling(moving.frames, 0.5)
        try:
            for sample in sampling:
                if sample.content is not last:
                    last = sample.content
                    picture = last and np.asarray(last.picture())
                samples.append((sample.t, picture))
        except UnreadableImage as broken:
            error = broken
    return samples, error, sampling.seconds


@pytest.fixture(scope="module")
def colours():
    """Two seconds of red, then two of blue."""
    return clip([("#e00000", 2), ("#0000e0", 2)])


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_on_the_screen_at_each_instant(kind):
    container, codec, pixels = KINDS[kind]
    parts = [("#e00000", 2), ("#0000e0", 2)]
    samples, error, seconds = seen(clip(parts, container, codec, pixel_format=pixels))
    assert error is None
    assert [t for t, _ in samples] == [0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5]
    assert seconds == pytest.approx(4, abs=0.01)
    for t, picture in samples:
        # What no frame refers to is not decoded: just behind a cut one may be a few frames old.
        if t != 2:
            wanted = (0xE0, 0, 0) if t < 2 else (0, 0, 0xE0)
            assert np.abs(picture - np.int16(wanted)).max() < 16, t


def test_pixels_are_those_of_the_whole_frame():
    (first, *_), _, _ = seen(clip([(UNSAFE, 1)], "mov", "mjpeg", pixel_format="yuvj444p"))
    off = np.abs(first[1] - np.int16(drawing(UNSAFE)))
    assert first[1].shape == (*SIZE, 3)
    assert off.mean() < 4


def test_a_title_in_another_encoding():
    titled = clip([(SAFE, 1)], "avi", "mpeg4", title="Cafe noir")
    samples, error, _ = seen(titled.replace(b"Cafe noir", b"Caf\xe9 noir"))
    assert b"Cafe noir" in titled
    assert (len(samples), error) == (2, None)


def test_a_frame_of_an_odd_size_is_whole():
    (first, *_), _, _ = seen(clip([(SAFE, 1)], size=(50, 66)))
    assert first[1].shape == (50, 66, 3)


@pytest.mark.parametrize(
    ("matrix", "turn"),
    [
        ((0, 1, -1, 0), Image.Transpose.ROTATE_270),
        ((-1, 0, 0, -1), Image.Transpose.ROTATE_180),
        ((0, -1, 1, 0), Image.Transpose.ROTATE_90),
    ],
)
def test_a_phone_held_otherwise(matrix, turn):
    upright = clip([(UNSAFE, 1)])
    ((_, as_stored), *_), _, _ = seen(upright)
    ((_, shown), *_), _, _ = seen(turned(upright, *matrix))
    assert (shown == np.asarray(Image.fromarray(as_stored).transpose(turn))).all()
    assert shown.shape != as_stored.shape or (shown != as_stored).any()


@pytest.mark.parametrize(
    ("height", "tag", "matrix"), [(720, None, 1), (480, None, 5), (480, 1, 1), (720, 5, 5)]
)
def test_colours_are_those_of_the_matrix_named_or_usual(height, tag, matrix):
    import av

    red = av.VideoFrame.from_ndarray(drawing("#c02010", (height, 64)), format="rgb24")
    coded = red.reformat(format="yuv444p", dst_colorspace=matrix)
    coded.colorspace = 2 if tag is None else tag
    picture = np.asarray(video.Decoded(coded).picture())
    assert np.abs(picture - np.int16((0xC0, 0x20, 0x10))).max() <= 3
    coded.colorspace = 6 if matrix == 1 else 1
    assert np.abs(np.asarray(video.Decoded(coded).picture()) - picture.astype(int)).max() > 8


def test_the_full_range_is_full():
    import av

    gray = av.VideoFrame(64, 64, "yuvj420p")
    for plane, level in zip(gray.planes, (235, 128, 128), strict=True):
        plane.update(bytes([level]) * plane.buffer_size)
    gray.color_range = 2
    assert np.abs(np.asarray(video.Decoded(gray).picture(), np.int16) - 235).max() <= 1


def test_wide_colours_can_be_converted():
    (first, *_), error, _ = seen(
        clip([("#808080", 1)], "matroska", "libx265", pixel_format="yuv420p10le", colours=9)
    )
    assert error is None
    assert np.abs(first[1].astype(int) - 128).max() <= 3


def test_a_clip_that_is_cut_off_is_read_up_to_there():
    whole = clip([(SAFE, 2), (UNSAFE, 2)], "webm", "libvpx-vp9")
    samples, error, seconds = seen(whole[: len(whole) * 2 // 3], "clip.webm")
    assert 2 <= len(samples) < 8
    assert 0.5 < seconds < 3.6
    assert f"clip.webm breaks off at {seconds:.1f} s" in str(error)
    assert "4.0 s, as it says itself" in str(error)
    assert seen(whole)[1] is None


@pytest.mark.parametrize("options", [{"movflags": "faststart"}, {}])
def test_an_mp4_without_its_end(options):
    whole = clip([(SAFE, 2), (UNSAFE, 2)], options=options)
    half = whole[: len(whole) // 2]
    if not options:  # its index was at the end
        with pytest.raises(UnreadableImage, match="cannot decode clip"):
            seen(half)
        return
    samples, error, seconds = seen(half)
    assert 0 < len(samples) < 8
    assert 0 < seconds < 4
    assert "breaks off" in str(error)


def test_an_avi_without_its_end():
    whole = clip([(SAFE, 2), (UNSAFE, 2)], "avi", "mpeg4")
    samples, error, _ = seen(whole[: len(whole) // 2])
    assert 0 < len(samples) < 8
    assert "breaks off" in str(error)


def test_damage_in_the_middle_is_said_and_the_rest_is_read():
    whole = bytearray(clip([(SAFE, 3), (UNSAFE, 3)]))
    middle = whole.index(b"mdat") + (len(whole) - whole.index(b"mdat")) // 3
    whole[middle : middle + 600] = np.random.default_rng(1).bytes(600)
    samples, error, seconds = seen(bytes(whole), "clip.mp4")
    assert len(samples) == 12
    assert seconds == pytest.approx(6, abs=0.15)
    assert "clip.mp4 is damaged" in str(error)
    assert "frames that cannot be decoded" in str(error)


@pytest.mark.parametrize("kind", KINDS)
def test_any_damage_is_an_error_of_ours(kind):
    container, codec, pixels = KINDS[kind]
    whole = clip([(SAFE, 1)], container, codec, pixel_format=pixels)
    random = np.random.default_rng(0)
    outcomes = set()
    for _ in range(25):
        damaged = bytearray(whole)
        for at in random.integers(12, len(whole), 30):
            damaged[at] = random.integers(256)
        try:
            outcomes.add(seen(bytes(damaged))[1] is None)
        except (UnreadableImage, UnsupportedImage, ImageTooLarge):
            outcomes.add("not opened")
    assert outcomes


def test_a_playlist_reaches_no_other_file(tmp_path, colours):
    written(tmp_path / "other.mp4", colours)
    for name, content in {
        "list.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\n{}\n#EXT-X-ENDLIST\n",
        "list.mp4": "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\n{}\n#EXT-X-ENDLIST\n",
        "list.ffconcat": "ffconcat version 1.0\nfile {}\n",
    }.items():
        playlist = tmp_path / name
        playlist.write_text(content.format(tmp_path / "other.mp4"))
        with open_moving(playlist, "#ffffff", name) as moving:
            assert moving is None
        # Even told that it is a video, the one demuxer that is allowed refuses it.
        for demuxer in ("mov", "matroska", "avi"):
            with pytest.raises(UnreadableImage), video.open_video(playlist, demuxer, name):
                pass


def test_a_playlist_would_have_reached_it(tmp_path, colours):
    """The twin: FFmpeg left to itself opens what the list names, though given an open file."""
    import av

    written(tmp_path / "other.mp4", colours)
    playlist = tmp_path / "list.m3u8"
    playlist.write_text(
        f"#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\n{tmp_path / 'other.mp4'}\n#EXT-X-ENDLIST\n"
    )
    with playlist.open("rb") as stream, av.open(stream) as container:
        assert container.format.name == "hls"


def test_a_frame_that_is_too_large_is_not_decoded(monkeypatch, colours):
    monkeypatch.setattr(video, "MAX_FRAME_PIXELS", SIZE[0] * SIZE[1] - 1)
    with pytest.raises(ImageTooLarge, match="96 x 64 pixels a frame"):
        seen(colours)


def test_a_frame_that_grows_later_is_not_decoded_either(monkeypatch, colours):
    monkeypatch.setattr(video, "_refuse_unwanted", lambda track, name: None)
    monkeypatch.setattr(video, "MAX_FRAME_PIXELS", SIZE[0] * SIZE[1] - 1)
    samples, error, _ = seen(colours)
    assert not any(picture is not None for _, picture in samples)
    assert error is not None


def test_other_codecs_are_refused(monkeypatch):
    content = clip([(SAFE, 1)], "avi", "ffv1")
    with pytest.raises(UnsupportedImage, match="ffv1"):
        seen(content)


def test_sound_alone_is_no_video():
    import io

    import av

    stream = io.BytesIO()
    with av.open(stream, "w", format="mp4") as file:
        track = file.add_stream("aac", rate=44100)
        silence = av.AudioFrame.from_ndarray(
            np.zeros((1, 1024), np.float32), format="fltp", layout="mono"
        )
        silence.sample_rate = 44100
        file.mux(track.encode(silence))
        file.mux(track.encode())
    with pytest.raises(UnreadableImage, match="holds no video"):
        seen(stream.getvalue())


def test_stills_in_the_same_box_are_no_video():
    for brand in (b"heic", b"avif", b"mif1"):
        assert video.demuxer_of(b"\0\0\0\x18ftyp" + brand + b"\0\0\0\0") is None
    assert video.demuxer_of(b"\0\0\0\x18ftypisom\0\0\2\0") == "mov"
    assert video.demuxer_of(b"RIFF\0\0\0\0AVI LIST") == "avi"
    assert video.demuxer_of(b"RIFF\0\0\0\0WEBPVP8X") is None


def test_without_pyav_the_extra_is_named(monkeypatch, colours):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingDependency, match=r"pip install 'edgeconv\[video\]'"):
        seen(colours)


def test_ffmpeg_is_not_heard(tmp_path):
    whole = bytearray(clip([(SAFE, 2)]))
    whole[len(whole) // 3 : len(whole) // 2] = bytes(len(whole) // 2 - len(whole) // 3)
    damaged = written(tmp_path / "damaged.mp4", bytes(whole))
    code = (
        "import sys; from pathlib import Path; from edgeconv.frames.opening import open_moving\n"
        "try:\n"
        "    with open_moving(Path(sys.argv[1]), '#ffffff', 'x') as moving: list(moving.frames)\n"
        "except Exception as error: print(type(error).__name__)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(damaged)], capture_output=True, check=True
    )
    assert done.stdout == b"UnreadableImage\n"
    assert done.stderr == b""
