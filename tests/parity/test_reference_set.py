"""The built-in set is the same everywhere and varied; folders are read as they are."""

from __future__ import annotations

import hashlib
import io
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgeconv.errors import UnreadableImage, UsageError
from edgeconv.images import load_pixels
from edgeconv.parity.reference_set import (
    GOLDEN,
    folder_set,
    generated_set,
    golden_pictures,
)
from edgeconv.spec import Preprocessing

AS_USUAL = Preprocessing(size=(224, 224))

RECORDED = [
    "92cd80f2c6451f1b",
    "3cedfca6d4eebebc",
    "b364e7bfdb484085",
    "bff0621a89f61f7e",
    "e0533591626bf9ab",
    "02249ca1ac14a581",
    "e5e4e4dfdc44c546",
    "3aa4b972e442b78b",
]
"""The first half of the SHA-256 of each golden picture's pixels, on the machine they were drawn."""


class TestGeneratedSet:
    def test_has_320_pictures_of_three_sorts_under_distinct_names(self) -> None:
        names = [picture.name for picture in generated_set().pictures]
        assert len(set(names)) == len(names) == 320
        sorts = Counter(name.split("-")[0] for name in names)
        assert sorts == {"pattern": 128, "scene": 144, "awkward": 48}

    def test_is_called_generated(self) -> None:
        assert generated_set().name == "generated"

    def test_is_drawn_alike_twice(self) -> None:
        again = generated_set.__wrapped__()
        for first, second in zip(generated_set().pictures[::8], again.pictures[::8], strict=True):
            assert first.read is not second.read
            assert first.sha256 == second.sha256

    def test_is_drawn_once(self) -> None:
        picture = generated_set().pictures[0]
        assert generated_set().pictures[0].read() is picture.read()

    def test_every_picture_can_be_read_and_few_are_alike(self) -> None:
        seen = Counter(
            load_pixels(picture.read(), AS_USUAL, picture.name).tobytes()
            for picture in generated_set().pictures
        )
        # Alike on purpose: orientations that two formats have, and what transparency hides.
        assert len(seen) >= 315

    def test_files_are_what_their_names_say(self) -> None:
        for picture in generated_set().pictures:
            assert len(picture.read()) > 40
            suffix = Path(picture.name).suffix
            assert file_format(picture.read()) == Image.registered_extensions()[suffix]


def file_format(content: bytes) -> str | None:
    with Image.open(io.BytesIO(content)) as image:
        return image.format


class TestGoldenPictures:
    def test_are_eight_at_the_models_size(self) -> None:
        pictures = golden_pictures(Preprocessing(size=(160, 192)))
        assert [name for name, _ in pictures] == list(GOLDEN)
        assert len(pictures) == 8
        for _, pixels in pictures:
            assert pixels.shape == (160, 192, 3)
            assert pixels.dtype == np.uint8

    def test_depend_on_no_lossy_decoder(self) -> None:
        assert {Path(name).suffix for name in GOLDEN} == {".png"}

    def test_are_the_same_everywhere(self) -> None:
        found = [
            hashlib.sha256(pixels.tobytes()).hexdigest()[:16]
            for _, pixels in golden_pictures(AS_USUAL)
        ]
        assert found == RECORDED


class TestFolderSet:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        for name in ("b.png", "a/c.png"):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            Image.new("RGB", (4, 4), "red").save(tmp_path / name)
        (tmp_path / "notes.txt").touch()
        return tmp_path

    def test_names_are_paths_inside_the_folder_in_order(self, folder: Path) -> None:
        pictures = folder_set(folder)
        assert pictures.name == str(folder)
        assert [picture.name for picture in pictures.pictures] == ["a/c.png", "b.png"]

    def test_contents_are_the_files(self, folder: Path) -> None:
        picture = folder_set(folder).pictures[1]
        content = (folder / "b.png").read_bytes()
        assert picture.read() == content
        assert picture.sha256 == hashlib.sha256(content).hexdigest()

    def test_the_fingerprint_follows_names_and_contents_not_the_place(self, folder: Path) -> None:
        before = folder_set(folder).fingerprint
        assert folder_set(folder.rename(folder.with_name("moved"))).fingerprint == before
        moved = folder.with_name("moved")
        (moved / "b.png").rename(moved / "d.png")
        renamed = folder_set(moved).fingerprint
        Image.new("RGB", (4, 4), "blue").save(moved / "d.png")
        assert len({before, renamed, folder_set(moved).fingerprint}) == 3

    def test_a_file_that_vanished_is_a_bad_picture_not_a_bad_set(self, folder: Path) -> None:
        pictures = folder_set(folder)
        (folder / "b.png").unlink()
        with pytest.raises(UnreadableImage, match=r"b\.png"):
            pictures.pictures[1].read()

    @pytest.mark.parametrize("name", ["empty", "missing"])
    def test_no_picture_is_bad_usage(self, tmp_path: Path, name: str) -> None:
        (tmp_path / "empty").mkdir()
        with pytest.raises(UsageError, match="no pictures in") as caught:
            folder_set(tmp_path / name)
        assert ".jpg" in str(caught.value.expected)

    def test_the_photographs(self, shared: Path) -> None:
        assert len(folder_set(shared / "photos" / "natural").pictures) == 334


@pytest.mark.slow
def test_a_real_classifiers_scores_vary_over_the_generated_set(shared: Path) -> None:
    from edgeconv.classifier import load_classifier

    model = load_classifier("nsfwjs-mobilenet-v2", shared / "checkpoints" / "nsfwjs_mobilenet_v2")
    scores = model.scores(
        np.stack([load_pixels(picture.read(), AS_USUAL) for picture in generated_set().pictures])
    )
    wins = np.bincount(scores.argmax(axis=1), minlength=scores.shape[1])
    assert (wins > 0).sum() >= 3
    assert wins.max() <= 0.75 * len(scores)
    assert (scores.max(axis=1) < 0.9).mean() >= 0.15
