"""The embedded demo: small, trained, unsure often enough to be a witness; and honest cards."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from edgeconv.checkpoints import read
from edgeconv.classifier import Classifier, load_classifier
from edgeconv.spec import known_models, load_spec, models_dir
from edgeconv.training.data import open_dataset
from edgeconv.training.evaluation import Evaluation, evaluate
from edgeconv.training.recipe import recipe_of

WEIGHTS = models_dir() / "demo.safetensors"
CARD = models_dir() / "demo.md"


@pytest.fixture(scope="module")
def demo() -> Classifier:
    return load_classifier("demo")


@pytest.fixture(scope="module")
def held_out(demo: Classifier) -> Evaluation:
    generated = recipe_of(demo.spec).generated
    data = open_dataset(demo.spec, None, generated)
    return evaluate(demo.network.model, data.held_out, demo.spec)


def stated(figure: str) -> float:
    """A percentage of the card's table."""
    (found,) = re.findall(rf"\| {figure} \| ([0-9.]+) % \|", CARD.read_text(encoding="utf-8"))
    return float(found) / 100


def test_the_weights_are_small_enough_for_the_repository() -> None:
    assert WEIGHTS.stat().st_size <= 5_000_000


def test_kernels_are_rounded_to_float16_and_statistics_are_not() -> None:
    tensors = read(WEIGHTS).tensors
    kernel, variance = tensors["Conv_1/kernel"], tensors["Conv_1_bn/moving_variance"]
    assert np.array_equal(kernel, kernel.astype(np.float16).astype(np.float32))
    assert not np.array_equal(variance, variance.astype(np.float16).astype(np.float32))


def test_scores_vary_and_many_are_unsure(demo: Classifier) -> None:
    generated = recipe_of(demo.spec).generated
    split = open_dataset(demo.spec, None, generated).held_out
    scores = demo.scores(np.stack([split.pixels(index, 0) for index in range(24)]))
    best = scores.max(axis=1)
    assert set(scores.argmax(axis=1)) == {0, 1, 2}
    assert best.min() < 0.7
    assert best.max() > 0.97
    assert len(np.unique(best.round(3))) > 12


@pytest.mark.slow
def test_held_out_accuracy_is_in_the_promised_range(held_out: Evaluation) -> None:
    assert 0.85 <= held_out.accuracy <= 0.97
    assert held_out.borderline >= 0.2


@pytest.mark.slow
def test_the_card_states_what_is_measured(held_out: Evaluation) -> None:
    assert stated("held-out accuracy") == pytest.approx(held_out.accuracy, abs=0.005)
    assert stated("borderline, best score below 0.9") == pytest.approx(
        held_out.borderline, abs=0.005
    )


def test_spec_and_card_say_that_it_is_no_moderation_model() -> None:
    notice = load_spec("demo").notice or ""
    assert "no moderation model" in notice
    assert "no moderation model" in CARD.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", known_models())
def test_every_model_has_a_card_with_its_labels(name: str) -> None:
    card = Path(models_dir() / f"{name}.md").read_text(encoding="utf-8")
    assert card.startswith(f"# {name}\n")
    for label in load_spec(name).labels:
        assert label in card
