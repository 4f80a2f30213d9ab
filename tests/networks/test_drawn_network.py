"""Networks that are tensors and options: fitting the checkpoint, and pictures of another size."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from vit_specs import randomised_vit, vit_pixels, vit_spec

from edgeconv.architectures import build, drawn_weights
from edgeconv.architectures.vit_positions import POSITIONS, interpolate_positions
from edgeconv.checkpoints.checkpoint import Checkpoint, Declared
from edgeconv.errors import CheckpointMismatch
from edgeconv.evaluating.temperature import with_temperature
from edgeconv.networks.drawn_network import DrawnNetwork
from edgeconv.networks.from_checkpoint import network_of
from edgeconv.normalising import normalise
from edgeconv.own_models import reconciled

LEARNED = vit_spec(size=(32, 32))


@pytest.fixture(scope="module")
def checkpoint() -> Checkpoint:
    model = randomised_vit(build(LEARNED))
    tensors = {weight.name.removesuffix(":0"): weight.numpy() for weight in model.weights}
    table = dict(LEARNED.architecture)
    declared = Declared(table, labels=LEARNED.labels, input=LEARNED.pictures)
    return Checkpoint(Path("vit"), "huggingface", tensors, declared=declared)


def scores(network: Any, size: tuple[int, int]) -> Any:
    return network.scores(normalise(vit_pixels(3, size), LEARNED.pictures))


def test_tensors_that_fit_are_drawn(checkpoint: Checkpoint) -> None:
    network = network_of(LEARNED, checkpoint)
    assert isinstance(network, DrawnNetwork)
    assert scores(network, (32, 32)).std(axis=0).min() > 1e-3


def test_tensors_that_do_not_fit_are_told_apart_by_keras_layers(checkpoint: Checkpoint) -> None:
    broken = {name: value for name, value in checkpoint.tensors.items() if name != "norm/beta"}
    with pytest.raises(CheckpointMismatch, match="does not fit") as refused:
        network_of(LEARNED, replace(checkpoint, tensors=broken))
    assert "norm/beta" in str(refused.value)


def test_half_weights_change_the_scores_a_little(checkpoint: Checkpoint) -> None:
    network = network_of(LEARNED, checkpoint)
    whole, half = scores(network, (32, 32)), scores(network.with_half_weights(), (32, 32))
    assert 0 < np.abs(whole - half).max() < 0.01


def test_a_temperature_is_in_what_is_drawn(checkpoint: Checkpoint) -> None:
    output = LEARNED.output.model_copy(update={"temperature": 2.5})
    network = network_of(LEARNED.model_copy(update={"output": output}), checkpoint)
    assert isinstance(network, DrawnNetwork)
    plain = scores(network_of(LEARNED, checkpoint), (32, 32))
    expected = with_temperature(plain.astype(np.float64), 2.5, "softmax", 1e-30)
    np.testing.assert_allclose(scores(network, (32, 32)), expected, atol=1e-6)
    assert np.abs(plain - expected).max() > 0.01
    moved = {n for n, t in network.tensors.items() if not np.array_equal(t, checkpoint.tensors[n])}
    assert moved == {"scores/kernel", "scores/bias"}


@pytest.mark.parametrize("library", ["transformers", "timm"])
def test_positions_are_moved_to_the_size_that_is_asked_for(
    library: str, checkpoint: Checkpoint
) -> None:
    asked = vit_spec(size=(48, 40), interpolate=library)
    spec = reconciled(asked, checkpoint)
    assert spec.pictures.size == (48, 40)
    network = network_of(spec, checkpoint)
    by_hand = interpolate_positions(
        checkpoint.tensors[POSITIONS], (4, 4), (6, 5), class_token=True, antialias=library == "timm"
    )
    expected = DrawnNetwork(spec, {**checkpoint.tensors, POSITIONS: by_hand})
    assert np.array_equal(scores(network, (48, 40)), scores(expected, (48, 40)))
    shapes = {name: tensor.shape for name, tensor in network.tensors.items()}  # type: ignore[attr-defined]
    assert shapes == drawn_weights(spec)


def test_the_two_libraries_move_them_differently(checkpoint: Checkpoint) -> None:
    found = [
        scores(network_of(vit_spec(size=(48, 40), interpolate=library), checkpoint), (48, 40))
        for library in ("transformers", "timm")
    ]
    assert np.abs(found[0] - found[1]).max() > 1e-5


def test_the_checkpoints_own_size_holds_otherwise(checkpoint: Checkpoint) -> None:
    assert reconciled(vit_spec(size=(48, 40)), checkpoint).pictures.size == (32, 32)
