"""What an audit finds, and which pictures look alike."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgeconv.errors import TrainingError
from edgeconv.progress import Silent
from edgeconv.spec import ModelSpec
from edgeconv.training import audit_data
from edgeconv.training.audit import audit
from edgeconv.training.data import open_dataset
from edgeconv.training.label_issues import off_diagonal
from edgeconv.training.perceptual_hash import NEAR, difference_hash, near_pairs
from edgeconv.training.recipe import Generated

MakeSpec = Callable[..., ModelSpec]


def recompressed(picture: Path, place: Path) -> None:
    with Image.open(picture) as image:
        image.convert("RGB").save(place, quality=70)


def test_a_clean_dataset_has_nothing_to_warn_of(folder: Path, tiny_spec: MakeSpec) -> None:
    found = audit_data(tiny_spec(), folder)
    assert found.labels == {
        "train": {"Dots": 3, "Rings": 3, "Stripes": 3},
        "test": {"Dots": 2, "Rings": 2, "Stripes": 2},
    }
    assert found.sizes is not None
    assert (found.sizes.smallest, found.sizes.largest) == (40, 40)
    assert found.warnings == []


def test_what_was_trained_on_is_found_among_the_test_pictures(
    folder: Path, tiny_spec: MakeSpec
) -> None:
    train = sorted((folder / "train" / "Rings").iterdir())
    (folder / "test" / "Dots" / "same.png").write_bytes(train[0].read_bytes())
    recompressed(train[1], folder / "test" / "Rings" / "smaller.jpg")
    found = audit_data(tiny_spec(), folder)
    assert found.duplicates.pairs == ((str(train[0]), str(folder / "test/Dots/same.png")),)
    assert found.near_duplicates.pairs == ((str(train[1]), str(folder / "test/Rings/smaller.jpg")),)
    assert len(found.warnings) == 2


def test_unreadable_pictures_are_listed_or_refused(folder: Path, tiny_spec: MakeSpec) -> None:
    broken = next((folder / "train" / "Dots").iterdir())
    broken.write_bytes(broken.read_bytes()[:300])
    assert list(audit_data(tiny_spec(), folder).unreadable) == [str(broken)]
    with pytest.raises(TrainingError, match="--strict") as caught:
        audit_data(tiny_spec(), folder, strict=True)
    assert str(broken) in caught.value.got[0]


def test_drawn_pictures_are_only_counted(tiny_spec: MakeSpec) -> None:
    dataset = open_dataset(tiny_spec(), None, Generated(train_per_label=3, test_per_label=2))
    found = audit(dataset, tiny_spec(), Silent(), strict=True)
    assert found.labels["train"] == {"Dots": 3, "Rings": 3, "Stripes": 3}
    assert found.sizes is None


def test_plain_pictures_are_like_no_other() -> None:
    plain = np.stack([difference_hash(Image.new("RGB", (50, 50), c)) for c in ("red", "blue")])
    assert list(near_pairs(plain, plain)) == []


def test_photographs_are_told_apart_and_their_copies_are_not(shared: Path) -> None:
    files = sorted((shared / "photos" / "natural").iterdir())[::3]
    hashes, copies = [], []
    for file in files:
        with Image.open(file) as image:
            hashes.append(difference_hash(image))
            stream = io.BytesIO()
            small = image.convert("RGB").resize((image.width // 2, image.height // 2))
            small.save(stream, "JPEG", quality=30)
        with Image.open(stream) as copy:
            copies.append(difference_hash(copy))
    ours = np.stack(hashes)
    apart = np.bitwise_count(ours[:, None] ^ ours[None]).sum(axis=2)
    assert apart[np.triu_indices(len(ours), 1)].min() > 2 * NEAR
    found = list(near_pairs(np.stack(copies), ours))
    assert all(copy == original for copy, original in found)
    assert len(found) >= 0.97 * len(files)


def noisy(count: int, wrong: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores of a model that knows the true labels well, the labels given, and the true ones."""
    random = np.random.default_rng(4)
    true = random.integers(0, 3, count)
    logits = random.normal(size=(count, 3)) + 4 * np.eye(3)[true]
    scores = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    flipped = random.random(count) < wrong
    return scores, np.where(flipped, (true + 1) % 3, true), true


def test_wrong_labels_are_found_and_right_ones_mostly_left() -> None:
    scores, given, true = noisy(600, 0.1)
    found = off_diagonal(scores, given)
    wrong = set(np.flatnonzero(given != true).tolist())
    named = {index for index, _, _ in found}
    assert len(named & wrong) >= 0.75 * len(wrong)
    assert len(named - wrong) <= 0.05 * 600
    assert all(true[index] == likely for index, likely, _ in found[:20])
    margins = [margin for _, _, margin in found]
    assert margins == sorted(margins, reverse=True)


def test_labels_without_a_mistake_raise_few_doubts() -> None:
    scores, given, _ = noisy(600, 0.0)
    assert len(off_diagonal(scores, given)) <= 0.03 * 600


def test_doubts_are_those_of_cleanlab() -> None:
    filters = pytest.importorskip("cleanlab.filter")
    for seed in range(5):
        random = np.random.default_rng(seed)
        true = random.integers(0, 4, 500)
        logits = 1.5 * random.normal(size=(500, 4)) + 3 * np.eye(4)[true]
        scores = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        given = np.where(random.random(500) < 0.1, (true + 1) % 4, true)
        theirs = filters.find_label_issues(
            given, scores, filter_by="confident_learning", min_examples_per_class=0, n_jobs=1
        )
        ours = {index for index, _, _ in off_diagonal(scores, given)}
        assert ours == set(np.flatnonzero(theirs).tolist())
