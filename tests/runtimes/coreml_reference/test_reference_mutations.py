"""Damaged files: each is a typed error, or changes scores, or is shown to change none."""

from __future__ import annotations

import random
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeconv.errors import EdgeconvError
from edgeconv.runtimes.coreml_reference import load

pytestmark = pytest.mark.slow

TOLERANCE = 1e-4
"""What the gates allow a float32 file: a change below it is no change of score."""


def scores(path: Path, pictures: Any, executor: Any) -> list[dict[str, float]]:
    model = load(path, executor=executor)
    rows = []
    for picture in pictures:
        outputs = model.predict({"image": picture})
        rows.append(next(value for value in outputs.values() if isinstance(value, dict)))
    return rows


def largest_difference(left: list[dict[str, float]], right: list[dict[str, float]]) -> float:
    """Over dictionaries, as the gates compare: another set of labels is an infinite difference."""
    if any(a.keys() != b.keys() for a, b in zip(left, right, strict=True)):
        return float("inf")
    differences = [
        abs(a[label] - b[label]) for a, b in zip(left, right, strict=True) for label in a
    ]
    return float("inf") if np.isnan(differences).any() else max(differences)


def fresh_copy(original: Path, folder: Path) -> Path:
    copy = folder / f"damaged{original.suffix}"
    if original.is_dir():
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(original, copy)
    else:
        shutil.copy(original, copy)
    return copy


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("fp32.mlpackage", 160),
        ("fp16.mlpackage", 60),
        ("palettised.mlpackage", 60),
        ("network.mlmodel", 120),
    ],
)
def test_no_damage_passes_for_the_original(
    name: str, count: int, mobilenets: Path, tmp_path: Path, mutations: Any
) -> None:
    original = mobilenets / name
    pictures = np.load(mobilenets / "pictures.npy")[:2]
    expected = scores(original, pictures, "onnx")
    rng = random.Random(name)
    outcomes: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    while outcomes.total() < count:
        damaged = fresh_copy(original, tmp_path)
        kind = rng.choice(sorted(mutations.MUTATIONS))
        try:
            what = f"{kind}: {mutations.MUTATIONS[kind](rng, damaged)}"
        except mutations.Inapplicable:
            continue
        kinds[kind] += 1
        try:
            found = scores(damaged, pictures, "onnx")
        except EdgeconvError as error:
            assert str(damaged) in str(error) or "image" in str(error), what
            outcomes["typed error"] += 1
            continue
        if largest_difference(expected, found) > TOLERANCE:
            outcomes["changes scores"] += 1
            continue
        # the oracle, which shares nothing with the fast path, must say so too
        oracle = scores(damaged, pictures, "numpy")
        assert largest_difference(expected, oracle) <= 2 * TOLERANCE, what
        outcomes["changes none"] += 1
    print(f"\n{name}: {dict(outcomes)} over {len(kinds)} kinds of damage")  # noqa: T201
    assert outcomes["typed error"] and outcomes["changes scores"]
