"""The embedded demo: small, trained, unsure often enough to be a witness; and honest cards."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from edgeconv.checkpoints import read
from edgeconv.classifier import Classifier, load_classifier
from edgeconv.exporting import export
from edgeconv.parity.results import Verdict
from edgeconv.spec import known_models, load_spec, models_dir
from edgeconv.training.data import open_dataset
from edgeconv.training.evaluation import HeldOut, evaluate
from edgeconv.training.recipe import recipe_of

DEMOS = {"demo": 5_000_000, "demo-vit": 3_000_000}
"""The embedded models, and how large their weights may be in bytes."""

BORDERLINE = {"demo": 0.2, "demo-vit": 0.15}
"""The share of pictures that each should at least be unsure of."""


@pytest.fixture(scope="module", params=list(DEMOS))
def demo(request: pytest.FixtureRequest) -> Classifier:
    return load_classifier(request.param)


@pytest.fixture(scope="module")
def held_out(demo: Classifier) -> HeldOut:
    generated = recipe_of(demo.spec).generated
    data = open_dataset(demo.spec, None, generated)
    return evaluate(demo.network.model, data.held_out, demo.spec)


def card(name: str) -> str:
    return (models_dir() / f"{name}.md").read_text(encoding="utf-8")


def stated(name: str, figure: str) -> float:
    """A percentage of the card's table."""
    (found,) = re.findall(rf"\| {figure} \| ([0-9.]+) % \|", card(name))
    return float(found) / 100


@pytest.mark.parametrize("name", DEMOS)
def test_the_weights_are_small_enough_for_the_repository(name: str) -> None:
    size = (models_dir() / f"{name}.safetensors").stat().st_size
    assert size <= DEMOS[name]
    assert f"{size:,} bytes" in card(name)


def test_kernels_are_rounded_to_float16_and_statistics_are_not() -> None:
    tensors = read(models_dir() / "demo.safetensors").tensors
    kernel, variance = tensors["Conv_1/kernel"], tensors["Conv_1_bn/moving_variance"]
    assert np.array_equal(kernel, kernel.astype(np.float16).astype(np.float32))
    assert not np.array_equal(variance, variance.astype(np.float16).astype(np.float32))


def test_scores_vary_and_many_are_unsure(demo: Classifier) -> None:
    generated = recipe_of(demo.spec).generated
    split = open_dataset(demo.spec, None, generated).held_out
    scores = demo.scores(np.stack([split.inputs(index, 0) for index in range(24)]))
    best = scores.max(axis=1)
    assert set(scores.argmax(axis=1)) == {0, 1, 2}
    assert best.min() < 0.7
    assert best.max() > 0.97
    assert len(np.unique(best.round(3))) > 12


@pytest.mark.slow
def test_held_out_accuracy_is_in_the_promised_range(demo: Classifier, held_out: HeldOut) -> None:
    assert 0.85 <= held_out.accuracy.value <= 0.97
    assert held_out.borderline >= BORDERLINE[demo.spec.name]


@pytest.mark.slow
def test_the_card_states_what_is_measured(demo: Classifier, held_out: HeldOut) -> None:
    name = demo.spec.name
    assert stated(name, "held-out accuracy") == pytest.approx(held_out.accuracy.value, abs=0.005)
    assert stated(name, "borderline, best score below 0.9") == pytest.approx(
        held_out.borderline, abs=0.005
    )


@pytest.mark.slow
def test_the_transformer_decides_alike_in_all_its_files(tmp_path: Path) -> None:
    run = export(load_classifier("demo-vit"), out=tmp_path)
    assert run.verdict is Verdict.PASS
    assert len(list(tmp_path.glob("DemoViT.*.json"))) == 7


@pytest.mark.parametrize("name", DEMOS)
def test_spec_and_card_say_that_it_is_no_moderation_model(name: str) -> None:
    assert "no moderation model" in (load_spec(name).notice or "")
    assert "no moderation model" in card(name)


@pytest.mark.parametrize("name", known_models())
def test_every_model_has_a_card_with_its_labels(name: str) -> None:
    card = Path(models_dir() / f"{name}.md").read_text(encoding="utf-8")
    assert card.startswith(f"# {name}\n")
    for label in load_spec(name).labels:
        assert label in card
