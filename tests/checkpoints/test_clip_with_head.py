"""CLIP's tower and LAION's head in one folder: picture in, score out."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import autokeras_graphs
import foreign_models
import numpy as np
import pytest

from edgeconv.architectures import build
from edgeconv.checkpoints import clip_with_head, fitting, read
from edgeconv.checkpoints.checkpoint import Checkpoint
from edgeconv.errors import CheckpointError, CheckpointMismatch
from edgeconv.spec import Input, ModelSpec

VARIABLE = "EDGECONV_TORCH_PYTHON"
SIZE = (32, 32)


@pytest.fixture(scope="module")
def head(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """The archive of a head over embeddings of 12 numbers, and what it computes."""
    folder = tmp_path_factory.mktemp("head")
    module = autokeras_graphs.save(folder / "head")
    return Path(shutil.make_archive(str(folder / "packed"), "zip", folder, "head")), module


@pytest.fixture
def folder(head: tuple[Path, Any], tmp_path: Path) -> Path:
    """A tower whose embeddings are as long as the head takes them."""
    length = autokeras_graphs.LENGTH
    foreign_models.write(
        tmp_path / "clip",
        {**foreign_models.CLIP, "visual_projection.weight": (length, 8)},
        "model.safetensors",
        config={**foreign_models.CLIP_CONFIG, "projection_dim": length},
    )
    shutil.copy(head[0], tmp_path / "clip/head.zip")
    return tmp_path / "clip"


def network(checkpoint: Checkpoint, size: tuple[int, int]) -> Any:
    assert checkpoint.declared is not None
    spec = ModelSpec(
        name="clip",
        basename="Clip",
        summary="",
        labels=("safe", "nsfw"),
        architecture=dict(checkpoint.declared.architecture),
        input=Input(size=size),
        output=checkpoint.declared.output,
        checkpoint={"formats": ["clip_with_head"]},
    )
    model = build(spec)
    fitting.fill(model, checkpoint.tensors, "here", "clip")
    return model


def test_tower_and_head_are_one_checkpoint(folder: Path) -> None:
    checkpoint = read(folder)
    assert (checkpoint.format, checkpoint.path) == ("clip_with_head", folder)
    assert checkpoint.declared is not None
    architecture = checkpoint.declared.architecture
    assert architecture["kind"] == "clip_mlp"
    assert architecture["tower"]["projection"] == autokeras_graphs.LENGTH
    assert architecture["head"]["hidden"] == list(autokeras_graphs.HIDDEN)
    assert checkpoint.declared.output.kind == "sigmoid"
    pictures = np.random.default_rng(0).normal(size=(3, 8, 8, 3)).astype(np.float32)
    scores = network(checkpoint, (8, 8)).predict_on_batch(pictures)
    np.testing.assert_allclose(scores.sum(axis=1), 1, atol=1e-6)


def test_a_tower_of_another_length_is_refused(folder: Path) -> None:
    foreign_models.clip(folder)
    with pytest.raises(CheckpointMismatch, match="do not belong together") as caught:
        read(folder)
    assert "embeddings of 6" in str(caught.value)
    assert "embeddings of 12, as head.zip takes them" in str(caught.value)


def test_no_archive_and_two_archives(folder: Path) -> None:
    shutil.copy(folder / "head.zip", folder / "other.zip")
    with pytest.raises(CheckpointError, match="holds 2 zip archives") as caught:
        read(folder)
    assert "head.zip" in str(caught.value) and "other.zip" in str(caught.value)
    for archive in folder.glob("*.zip"):
        archive.unlink()
    assert not clip_with_head.recognises(folder)


ORIGINAL = """
import sys, numpy as np, torch
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

torch.manual_seed(0)
out, length = sys.argv[1], int(sys.argv[2])
config = CLIPVisionConfig(hidden_size=48, intermediate_size=96, num_hidden_layers=3,
    num_attention_heads=3, image_size=32, patch_size=8, projection_dim=length)
tower = CLIPVisionModelWithProjection(config).eval()
for parameter in tower.parameters():
    if parameter.ndim > 1:
        torch.nn.init.normal_(parameter, 0, 2 * parameter.shape[1:].numel() ** -0.5)
tower.save_pretrained(out)
colours = torch.randn(40, 3, 4, 4).repeat_interleave(8, 2).repeat_interleave(8, 3) * 3
pictures = colours + torch.randn(40, 3, 32, 32) * 0.5
embeds = tower(pixel_values=pictures).image_embeds.detach()
np.savez(out + "/original.npz", pictures=pictures.permute(0, 2, 3, 1),
    rows=torch.nn.functional.normalize(embeds, dim=1))
"""


@pytest.mark.slow
def test_it_scores_as_transformers_and_tensorflow_do(
    head: tuple[Path, Any], tmp_path: Path
) -> None:
    """Rows that a disturbance of 1e-6 moves into or out of a vocabulary are left out."""
    python = os.environ.get(VARIABLE, sys.executable)
    probe = [python, "-c", "import torch, transformers"]
    if subprocess.run(probe, capture_output=True, check=False).returncode:
        pytest.skip(f"{python} has no torch and transformers; set {VARIABLE}")
    archive, module = head
    command = [python, "-c", ORIGINAL, tmp_path, autokeras_graphs.LENGTH]
    subprocess.run(list(map(str, command)), check=True, capture_output=True)
    shutil.copy(archive, tmp_path)
    data = np.load(tmp_path / "original.npz")
    rows = data["rows"].astype(np.float64)
    wanted = module.serve(rows).numpy()[:, 0]
    settled = np.abs(module.serve(rows + 1e-6).numpy()[:, 0] - wanted) < 1e-4
    assert settled.mean() > 0.8
    assert np.ptp(wanted[settled]) > 0.05, "scores that do not vary prove nothing"

    checkpoint = read(tmp_path)
    found = network(checkpoint, SIZE).predict_on_batch(data["pictures"])[:, 1]
    np.testing.assert_allclose(found[settled], wanted[settled], atol=2e-5)
    moved = {"projection/kernel": checkpoint.tensors["projection/kernel"] * np.float32(-1)}
    wrong = replace(checkpoint, tensors={**checkpoint.tensors, **moved})
    assert (
        np.abs(network(wrong, SIZE).predict_on_batch(data["pictures"])[:, 1] - wanted).max() > 0.1
    )
