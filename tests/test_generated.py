"""The generated pictures: the same bytes everywhere, clear at 0, undecidable at 1."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgeconv.errors import UnknownName
from edgeconv.generated import HARDEST, LABELS, draw_dataset, draw_pattern, examples
from edgeconv.spec import load_spec

RECORDED = ["b81784e4134b91e4", "28af3f4e4cdf65fd", "f962b57a6e6f748c"]


def sha256(pixels: np.ndarray) -> str:
    return hashlib.sha256(pixels.tobytes()).hexdigest()


@pytest.mark.parametrize("label", LABELS)
def test_a_picture_is_rgb_of_the_size_asked_for(label: str) -> None:
    pixels = draw_pattern(label, 0.3, 5, (48, 96))
    assert pixels.shape == (48, 96, 3)
    assert pixels.dtype == np.uint8


def test_the_bytes_are_those_of_the_day_they_were_written_down() -> None:
    drawn = [draw_pattern(label, 0.5, 12345) for label in LABELS]
    assert [sha256(pixels)[:16] for pixels in drawn] == RECORDED


def test_the_random_state_of_the_process_is_neither_used_nor_touched() -> None:
    np.random.seed(3)
    first = draw_pattern("Rings", 0.5, 1)
    after = np.random.random_sample()
    np.random.seed(3)
    assert np.random.random_sample() == after
    assert np.array_equal(draw_pattern("Rings", 0.5, 1), first)


def test_seeds_labels_and_ambiguities_give_different_pictures() -> None:
    drawn = {
        sha256(draw_pattern(label, ambiguity, seed, (32, 32)))
        for label in LABELS
        for ambiguity in (0.0, 0.5, 1.0)
        for seed in range(4)
    }
    assert len(drawn) == len(LABELS) * 3 * 4


def test_contrast_falls_with_ambiguity() -> None:
    def spread(ambiguity: float) -> float:
        # Averaged over blocks, so that noise does not count.
        drawn = [draw_pattern("Dots", ambiguity, seed) for seed in range(30)]
        blocks = [d.reshape(28, 8, 28, 8, 3).mean(axis=(1, 3)) for d in drawn]
        return float(np.mean([block.std(axis=(0, 1)) for block in blocks]))

    assert spread(1.0) < 0.8 * spread(0.0)


def test_at_full_ambiguity_the_named_pattern_is_as_strong_as_the_other_on_average(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Dots become a black half and the others a white half: the mean tells which weighs more."""
    from edgeconv import generated

    left, right = np.zeros((8, 8), np.float32), np.zeros((8, 8), np.float32)
    left[:, :4], right[:, 4:] = 1, 1
    halves = {"Dots": left, "Rings": right, "Stripes": right}
    monkeypatch.setattr(
        generated,
        "_PATTERNS",
        {label: lambda random, size, half=half: half for label, half in halves.items()},
    )
    monkeypatch.setattr(
        generated, "_background", lambda random, size: np.zeros((*size, 3), np.float32)
    )

    def share_of_the_named(ambiguity: float) -> float:
        drawn = [draw_pattern("Dots", ambiguity, seed, (8, 8)) for seed in range(400)]
        named = np.mean([pixels[:, :4] for pixels in drawn])
        return float(named / (named + np.mean([pixels[:, 4:] for pixels in drawn])))

    assert share_of_the_named(1.0) == pytest.approx(0.5, abs=0.02)
    assert share_of_the_named(0.0) > 0.8


def test_a_label_that_is_not_drawn_is_refused_with_those_that_are() -> None:
    with pytest.raises(UnknownName, match="Rings"):
        draw_pattern("Ring", 0.0, 1)


def test_a_picture_takes_milliseconds() -> None:
    def seconds(seed: int) -> float:
        start = time.perf_counter()
        draw_pattern("Rings", 0.5, seed)
        return time.perf_counter() - start

    assert min(seconds(seed) for seed in range(20)) < 0.02


def test_a_dataset_has_as_many_of_each_label_and_goes_from_clear_to_hard() -> None:
    listed = examples(10, seed=4)
    for label in LABELS:
        ambiguities = sorted(one.ambiguity for one in listed if one.label == label)
        assert len(ambiguities) == 10
        assert ambiguities[0] < 0.1
        assert 0.9 * HARDEST < ambiguities[-1] < HARDEST


def test_datasets_of_different_seeds_share_no_picture() -> None:
    one, other = ({example.seed for example in examples(50, seed)} for seed in (1, 2))
    assert len(one) == 150
    assert not one & other


def test_a_dataset_on_disk_is_the_one_that_is_drawn(tmp_path: Path) -> None:
    draw_dataset(tmp_path, per_label_train=2, per_label_test=1, seed=9, size=(32, 40))
    found = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.png"))
    assert len(found) == 9
    assert {name.rsplit("/", 1)[0] for name in found} == {
        f"{split}/{label}" for split in ("train", "test") for label in LABELS
    }
    first = examples(2, seed=9)[0]
    stored = np.asarray(Image.open(tmp_path / "train" / first.label / "00000.png"))
    assert np.array_equal(stored, first.draw((32, 40)))


def test_the_demo_model_has_these_labels() -> None:
    assert load_spec("demo").labels == LABELS
