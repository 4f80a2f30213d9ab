"""Copies: what is gone from them, where they go, and that originals stay as they are."""

import io

import numpy as np
import pytest
from moving_pictures import SAFE, UNSAFE, animation, drawing, written
from PIL import ExifTags, Image

from edgeconv.annotating import CopyFolder, annotated, blurred
from edgeconv.classifying import Decision, classify, open_scorer
from edgeconv.errors import FileError, UsageError


@pytest.fixture(scope="module")
def scorer(demo_artifact):
    return open_scorer(demo_artifact)


@pytest.fixture
def originals(tmp_path):
    """Stills in a folder and one beneath it, with EXIF, and an animation."""
    folder = tmp_path / "in"
    (folder / "deep").mkdir(parents=True)
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "a camera"
    exif[ExifTags.Base.Orientation] = 6
    for place, label in (("safe.jpg", SAFE), ("deep/unsafe.png", UNSAFE), ("unsafe.webp", UNSAFE)):
        picture = Image.fromarray(drawing(label))
        picture.save(folder / place, exif=exif, comment=b"secret", quality=95, lossless=True)
    written(folder / "moving.gif", animation([(UNSAFE, 2)]))
    return folder


def copies_of(scorer, files, folder, annotate=False):
    before = {file: file.read_bytes() for root in files for file in root.rglob("*.*")}
    keeper = CopyFolder(folder, files, annotate=annotate)
    found = list(classify(scorer, files, copies=[keeper]))
    assert all(file.read_bytes() == content for file, content in before.items())
    return found


def detail(picture):
    """How much neighbouring pixels differ."""
    return np.abs(np.diff(np.asarray(picture, np.int16), axis=1)).mean()


def test_each_has_a_copy_and_the_unsafe_ones_are_blurred(scorer, originals, tmp_path):
    out = tmp_path / "out"
    copies_of(scorer, [originals], out)
    names = sorted(file.relative_to(out).as_posix() for file in out.rglob("*.*"))
    assert names == ["deep/unsafe.png", "moving.gif.jpg", "safe.jpg", "unsafe.webp"]
    for name in names:
        copy = Image.open(out / name)
        sharp = detail(Image.fromarray(drawing(SAFE if name == "safe.jpg" else UNSAFE)))
        assert (detail(copy) < sharp / 4) == (name != "safe.jpg"), name


def test_exif_and_comments_are_gone_and_the_picture_is_upright(scorer, originals, tmp_path):
    original = Image.open(originals / "safe.jpg")
    assert original.getexif() and original.info["comment"] == b"secret"
    copies_of(scorer, [originals], tmp_path / "out")
    for file in (tmp_path / "out").rglob("*.*"):
        copy = Image.open(file)
        assert not copy.getexif()
        assert {"exif", "comment", "icc_profile", "xmp"}.isdisjoint(copy.info), file
        assert b"a camera" not in file.read_bytes()
        assert b"secret" not in file.read_bytes()
    assert Image.open(tmp_path / "out" / "safe.jpg").size == original.size[::-1]


def test_annotated_copies_of_all(scorer, originals, tmp_path):
    found = copies_of(scorer, [originals], tmp_path / "out", annotate=True)
    for decision in found:
        name = decision.file.removeprefix(f"{originals}/")
        file = tmp_path / "out" / (f"{name}.jpg" if name.endswith("gif") else name)
        corner = np.asarray(Image.open(file).convert("RGB"))[0, -1].astype(int)
        assert (corner[0] > corner[1]) == decision.unsafe


def test_two_of_one_name_both_have_a_copy(scorer, tmp_path):
    files = []
    for folder, label in (("a", SAFE), ("b", UNSAFE)):
        (tmp_path / folder).mkdir()
        files.append(tmp_path / folder / "x.png")
        Image.fromarray(drawing(label)).save(files[-1])
    copies_of(scorer, files, tmp_path / "out")
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["x-2.png", "x.png"]


def test_a_copy_is_in_a_format_that_is_written(scorer, tmp_path):
    stream = io.BytesIO()
    Image.fromarray(drawing(SAFE)).save(stream, "PNG")
    odd = written(tmp_path / "picture.bin", stream.getvalue())
    copies_of(scorer, [odd], tmp_path / "out")
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["picture.bin.png"]


def test_stdin_has_a_copy(scorer, tmp_path):
    stream = io.BytesIO()
    Image.fromarray(drawing(SAFE)).save(stream, "PNG")
    keeper = CopyFolder(tmp_path / "out", [], annotate=False)
    list(classify(scorer, ["-"], stdin=stream.getvalue(), copies=[keeper]))
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["stdin.png"]


@pytest.mark.parametrize("place", ["in", "in/copies", "in/../in"])
def test_copies_never_go_among_the_originals(originals, place):
    with pytest.raises(UsageError, match="a folder of its own"):
        CopyFolder(originals.parent / place, [originals], annotate=False)
    with pytest.raises(UsageError, match="a folder of its own"):
        CopyFolder(originals, [originals / "safe.jpg"], annotate=False)


def test_a_folder_that_cannot_be_written(scorer, originals, tmp_path):
    written(tmp_path / "out", b"a file")
    with pytest.raises(FileError, match="cannot write"):
        copies_of(scorer, [originals], tmp_path / "out")


def test_no_filter_brings_a_blurred_picture_back():
    picture = Image.fromarray(drawing(UNSAFE, (480, 640)))
    gone = blurred(picture)
    assert gone.size == picture.size
    assert detail(gone) < 2 < detail(picture)
    assert blurred(Image.new("RGB", (1, 500))).size == (1, 500)


@pytest.mark.parametrize("size", [(1, 1), (4, 300), (500, 20), (480, 640)])
def test_any_size_can_be_annotated(size):
    decision = Decision("x", "Обнажённое", True, {"Обнажённое": 0.75})
    picture = Image.fromarray(drawing("#808080", size))
    shown = annotated(picture, decision)
    assert shown.size == picture.size
    assert (np.asarray(picture) == 128).all()
    assert (np.asarray(shown) != 128).any()
