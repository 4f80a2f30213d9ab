"""Perceptrons that torch saved: a chain of dense layers, told by names and shapes."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch_files
from numpy.typing import NDArray

from edgeconv.architectures import build
from edgeconv.checkpoints import fitting, read, torch_mlp
from edgeconv.checkpoints.checkpoint import Checkpoint
from edgeconv.errors import CheckpointError
from edgeconv.spec import ModelSpec

VARIABLE = "EDGECONV_TORCH_PYTHON"

H14 = (1024, 1024, 2048, 1024, 256, 128, 16, 1)
SMALL = (12, 12, 20, 12, 8, 6, 4, 1)
PLACES = (0, 3, 6, 9, 12, 15, 16)
"""Where LAION's head has its ``Linear``; ReLU and dropout stand between, not before the last."""


def state(widths: tuple[int, ...] = SMALL, places: tuple[int, ...] = PLACES) -> dict[str, Any]:
    generator = np.random.default_rng(2)
    arrays = {}
    for place, (taken, made) in zip(places, pairwise(widths), strict=True):
        weight = generator.normal(0, (2 / taken) ** 0.5, (made, taken))
        arrays[f"layers.{place}.weight"] = weight.astype(np.float32)
        arrays[f"layers.{place}.bias"] = generator.normal(0, 0.1, made).astype(np.float32)
    return arrays


def scores(checkpoint: Checkpoint, rows: NDArray[np.float32]) -> NDArray[np.float32]:
    assert checkpoint.declared is not None
    spec = ModelSpec.model_validate(
        {
            "name": "head",
            "basename": "Head",
            "summary": "",
            "labels": ["safe", "nsfw"],
            "architecture": dict(checkpoint.declared.architecture),
            "input": {"length": rows.shape[1]},
            "output": {"kind": "linear"},
            "checkpoint": {"formats": ["torch_mlp"]},
        }
    )
    model = build(spec)
    fitting.fill(model, checkpoint.tensors, "here", "head")
    found: NDArray[np.float32] = model.predict_on_batch(rows)
    return found


def test_a_chain_is_read_and_declared(tmp_path: Path) -> None:
    arrays = state()
    checkpoint = read(torch_files.save(tmp_path / "h14.pth", arrays))
    assert checkpoint.format == "torch_mlp"
    assert checkpoint.declared is not None
    assert checkpoint.declared.architecture == {
        "kind": "embedding_mlp",
        "hidden": list(SMALL[1:-1]),
        "linear_tail": 1,
    }
    np.testing.assert_array_equal(checkpoint.tensors["dense_2/kernel"], arrays["layers.6.weight"].T)
    np.testing.assert_array_equal(checkpoint.tensors["scores/bias"], arrays["layers.16.bias"])


def test_it_computes_the_chain(tmp_path: Path) -> None:
    arrays = state()
    checkpoint = read(torch_files.save(tmp_path / "h14.pth", arrays))
    rows = np.random.default_rng(1).normal(size=(30, SMALL[0])).astype(np.float32)
    x = rows
    for place in PLACES:
        x = x @ arrays[f"layers.{place}.weight"].T + arrays[f"layers.{place}.bias"]
        x = np.maximum(x, 0) if place < PLACES[-2] else x
    assert np.ptp(x) > 0.5
    np.testing.assert_allclose(scores(checkpoint, rows)[:, 1:], x, atol=1e-5)


@pytest.mark.parametrize(
    ("places", "tail"), [((0, 2), 0), ((0, 2, 4), 0), ((0, 1), 1), ((1, 4, 5, 6), 2)]
)
def test_modules_that_follow_each_other_have_nothing_between(
    places: tuple[int, ...], tail: int, tmp_path: Path
) -> None:
    widths = (*SMALL[: len(places)], 1)
    path = torch_files.save(tmp_path / "head.pth", state(widths, places))
    declared = torch_mlp.read(path).declared
    assert declared is not None
    assert declared.architecture["linear_tail"] == tail


def test_an_activation_after_a_bare_layer_is_refused(tmp_path: Path) -> None:
    path = torch_files.save(tmp_path / "head.pth", state((*SMALL[:4], 1), (0, 1, 3, 5)))
    with pytest.raises(CheckpointError, match="without activation between") as caught:
        torch_mlp.read(path)
    assert "modules 0, 1, 3, 5" in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        lambda arrays: arrays.pop("layers.3.bias"),
        lambda arrays: arrays.update({"norm.weight": np.ones(3, np.float32)}),
        lambda arrays: arrays.update({"other.3.weight": arrays.pop("layers.3.weight")}),
        lambda arrays: arrays.update({"layers.3.weight": arrays["layers.3.weight"][:, :-1]}),
        lambda arrays: arrays.update({"layers.0.weight": np.ones((12, 12, 1, 1), np.float32)}),
    ],
    ids=["no bias", "another layer", "another chain", "another width", "a convolution"],
)
def test_anything_else_is_no_perceptron(change: Any, tmp_path: Path) -> None:
    arrays = state()
    change(arrays)
    path = torch_files.save(tmp_path / "head.pth", arrays)
    with pytest.raises(CheckpointError, match="no chain of dense layers"):
        torch_mlp.read(path)


ORIGINAL = """
import sys, numpy as np, torch
from torch import nn

torch.manual_seed(0)
widths, out = eval(sys.argv[1]), sys.argv[2]
modules = []
for place, (taken, made) in enumerate(zip(widths, widths[1:])):
    modules.append(nn.Linear(taken, made))
    nn.init.normal_(modules[-1].weight, 0, (2 / taken) ** 0.5)
    if place < len(widths) - 3:
        modules += [nn.ReLU(), nn.Dropout(0.2)]
head = nn.Module()
head.layers = nn.Sequential(*modules)
rows = torch.nn.functional.normalize(torch.randn(200, widths[0]), dim=1)
torch.save(head.state_dict(), out + ".pth")
np.savez(out + ".npz", rows=rows, scores=head.layers.eval()(rows).detach())
"""


@pytest.mark.slow
@pytest.mark.parametrize("widths", [SMALL, H14], ids=["small", "h14"])
def test_torch_answers_the_same(widths: tuple[int, ...], tmp_path: Path) -> None:
    python = os.environ.get(VARIABLE, sys.executable)
    if subprocess.run([python, "-c", "import torch"], capture_output=True, check=False).returncode:
        pytest.skip(f"{python} has no torch; set {VARIABLE}")
    command = [python, "-c", ORIGINAL, repr(widths), tmp_path / "head"]
    subprocess.run(list(map(str, command)), check=True, capture_output=True)
    data = np.load(tmp_path / "head.npz")
    assert np.ptp(data["scores"]) > 0.1
    found = scores(read(tmp_path / "head.pth"), data["rows"])
    np.testing.assert_allclose(found[:, 1:], data["scores"], atol=1e-5)
    np.testing.assert_allclose(found[:, :1], 1 - data["scores"], atol=1e-5)
