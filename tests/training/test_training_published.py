"""Published recipes, whole: trained at a size that takes seconds, with every option on, exported.

What a body of millions of pictures brings is missing: learning rates are higher, epochs are fewer,
and batches smaller. All else is the model's page.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.random import RandomState
from PIL import Image

from edgeconv.classifier import load_classifier
from edgeconv.exporting import export
from edgeconv.own_models import spec_as_toml
from edgeconv.parity.results import Verdict
from edgeconv.spec import ModelSpec, load_spec
from edgeconv.training import TrainingRun, recipe_of, train

SMALL = {"patch": 8, "width": 48, "depth": 3, "heads": 3, "mlp": 96}


def small(name: str, rate: float, **changes: Any) -> ModelSpec:
    """A vision transformer of the catalogue, at 32 pixels and of a few blocks."""
    spec = load_spec(name)
    table = {**(spec.training or {}), "body": "none", "batch": 12, **changes}
    table["optimizer"] = {**table["optimizer"], "learning_rate": rate}
    return spec.model_copy(
        update={
            "architecture": {**spec.architecture, **SMALL},
            "input": spec.pictures.model_copy(update={"size": (32, 32)}),
            "training": table,
        }
    )


def exported(spec: ModelSpec, run: TrainingRun, folder: Path) -> Verdict:
    """The verdict over its float32 file."""
    page = folder / "page.toml"
    page.write_text(spec_as_toml(spec))
    model = load_classifier(page, run.weights)
    return export(model, targets=["onnx"], precisions=["fp32"], out=folder / "files").verdict


def tinted(folder: Path, labels: tuple[str, str]) -> Path:
    """Noise with a tint, which is its label."""
    random = RandomState(2)
    for split, count in (("train", 48), ("test", 16)):
        for label, tint in zip(labels, ((1, 0.9, 0.8), (0.8, 0.9, 1)), strict=True):
            place = folder / split / label
            place.mkdir(parents=True)
            for number in range(count):
                pixels = random.randint(0, 256, (40, 40, 3)) * tint
                Image.fromarray(pixels.astype(np.uint8)).save(place / f"{number}.png")
    return folder


def rows(folder: Path, length: int) -> Path:
    """Rows of norm one; which side of a plane they are on is their label."""
    random = RandomState(4)
    normal = random.normal(size=length)
    drawn = random.normal(size=(400, length))
    sides = np.sign(random.normal(size=400))
    drawn += (sides * 4)[:, None] * normal / np.linalg.norm(normal)
    drawn /= np.linalg.norm(drawn, axis=1, keepdims=True)
    for label, side in (("safe", -1), ("nsfw", 1)):
        np.save(folder / f"{label}.npy", drawn[sides == side].astype(np.float16))
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "rate", "changes", "labels"),
    [
        ("falconsai-vit-base", 1e-3, {"epochs": 4}, ("normal", "nsfw")),
        ("marqo-vit-tiny-384", 1e-3, {"epochs": 6, "accumulate": 2}, ("SFW", "NSFW")),
    ],
)
def test_recipes_of_transformers(
    name: str,
    rate: float,
    changes: dict[str, Any],
    labels: tuple[str, str],
    tmp_path: Path,
) -> None:
    spec = small(name, rate, **changes)
    ours, published = recipe_of(spec), recipe_of(load_spec(name))
    replaced = {"body", "batch", "accumulate", "epochs", "optimizer"}
    assert ours.model_dump(exclude=replaced) == published.model_dump(exclude=replaced)

    run = train(spec, tinted(tmp_path / "pictures", labels), tmp_path / "run")
    first, last = run.history[0], run.history[-1]
    assert last.loss < first.loss
    assert last.val_loss < 0.8 * first.val_loss
    assert run.held_out.accuracy.low > 0.75
    assert exported(spec, run, tmp_path) is Verdict.PASS


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["laion-clip-b32-head", "laion-clip-l14-head", "laion-clip-h14-head"]
)
def test_recipes_of_heads(name: str, tmp_path: Path) -> None:
    spec = load_spec(name)
    data = tmp_path / "rows"
    data.mkdir()
    run = train(spec, rows(data, spec.input_shape[0]), tmp_path / "run", epochs=4, split=0.25)
    assert run.history[-1].loss < 0.7 * run.history[0].loss
    assert run.held_out.accuracy.low > 0.75
    assert exported(spec, run, tmp_path) is Verdict.PASS
