"""Checkpoints that transformers, timm, open_clip and torch wrote themselves.

They live in an environment of their own: name its interpreter in ``EDGECONV_TORCH_PYTHON``.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edgeconv.checkpoints import fitting, read, torch_zip
from edgeconv.checkpoints.checkpoint import Checkpoint

VARIABLE = "EDGECONV_TORCH_PYTHON"
WRITE = Path(__file__).parent / "torch_checkpoints.py"

# timm and open_clip import torchvision, which need not be there.
PROBE = """
import importlib.util, sys
names = ("torch", "transformers", "timm", "open_clip")
sys.exit(not all(map(importlib.util.find_spec, names)))
"""

TOLERANCE = 2e-5
SIZE = (32, 32)
LABELS = ("Drawing", "Neutral", "Porn")
FORMATS = {
    "hf": "huggingface",
    "hf-sharded": "huggingface",
    "hf-bf16": "huggingface",
    "hf-fp16": "huggingface",
    "hf-bin": "huggingface",
    "hf-sharded-bin": "huggingface",
    "hf-in-memory": "huggingface",
    "clip": "huggingface",
    "clip-with-projection": "huggingface",
    "clip-tower": "huggingface",
    "timm": "timm",
    "timm-mean": "timm",
    "timm-mean-with-token": "timm",
    "timm-clip": "timm",
    "open-clip": "open_clip",
    "open-clip-bin": "open_clip",
}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    python = os.environ.get(VARIABLE, sys.executable)
    if subprocess.run([python, "-c", PROBE], capture_output=True, check=False).returncode:
        pytest.skip(f"{python} has no torch, transformers, timm and open_clip; set {VARIABLE}")
    out = tmp_path_factory.mktemp("originals")
    run = subprocess.run([python, WRITE, out], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-2000:]
    return out


@pytest.mark.parametrize("name", FORMATS)
def test_tensors_are_theirs_bit_for_bit(name: str, written: Path) -> None:
    checkpoint = read(written / name)
    assert checkpoint.format == FORMATS[name]
    data = np.load(written / f"{name}.npz")
    wanted = {key.removeprefix("ours/"): data[key] for key in data if key.startswith("ours/")}
    assert checkpoint.tensors.keys() == wanted.keys()
    for key, tensor in wanted.items():
        np.testing.assert_array_equal(checkpoint.tensors[key], tensor, err_msg=key)


@pytest.mark.parametrize("name", FORMATS)
def test_the_network_gives_what_theirs_gives(name: str, written: Path) -> None:
    checkpoint = read(written / name)
    data = np.load(written / f"{name}.npz")
    outputs = data["outputs"]
    assert outputs.std(axis=0).min() > 0.05, "outputs that do not vary prove nothing"
    found = network_outputs(checkpoint, data["pixels"])
    np.testing.assert_allclose(found, outputs, rtol=0, atol=TOLERANCE)
    moved = {"block_01_up/bias": checkpoint.tensors["block_01_up/bias"] + np.float32(0.01)}
    wrong = replace(checkpoint, tensors={**checkpoint.tensors, **moved})
    assert np.abs(network_outputs(wrong, data["pixels"]) - outputs).max() > 10 * TOLERANCE


def network_outputs(checkpoint: Checkpoint, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Logits, or the features of a tower."""
    import tf_keras

    from edgeconv.architectures import build
    from edgeconv.spec import CheckpointSource, Input, ModelSpec

    assert checkpoint.declared is not None
    tensors: dict[str, Any] = dict(checkpoint.tensors)
    kernel = tensors.get("scores/kernel")
    count = 2 if kernel is None else kernel.shape[1]
    spec = ModelSpec(
        name="original",
        basename="Original",
        summary="as the checkpoint declares it",
        labels=tuple(f"label {number}" for number in range(count)),
        architecture=dict(checkpoint.declared.architecture),
        input=Input(size=SIZE),
        checkpoint=CheckpointSource(formats=(checkpoint.format,)),
    )
    model = build(spec)
    head = model.get_layer("scores")
    if kernel is None:
        tensors |= {"scores/kernel": np.zeros(head.kernel.shape), "scores/bias": np.zeros(count)}
    fitting.fill(model, tensors, checkpoint.path.name, spec.name)
    features: Any = tf_keras.Model(model.input, head.input).predict_on_batch(pixels)
    return features if kernel is None else features @ kernel + tensors["scores/bias"]


@pytest.mark.parametrize("name", FORMATS)
def test_what_they_declare(name: str, written: Path) -> None:
    declared = read(written / name).declared
    assert declared is not None
    of_a_classifier = name.startswith(("hf", "timm"))
    # transformers does not write two labels that it made up itself.
    assert declared.labels == (LABELS if of_a_classifier and name != "hf-sharded" else None)
    assert (declared.output is None) == (not name.startswith("hf"))
    assert (declared.input is None) == (name == "clip-tower")
    assert declared.input is None or declared.input.size == SIZE


def test_a_head_in_the_middle_of_its_training(written: Path) -> None:
    tensors = torch_zip.read_tensors(written / "head.pth")
    wanted = np.load(written / "head.npz")
    assert list(tensors) == list(wanted)
    assert tensors["layers.6.weight"].shape == (1024, 2048)
    for name, tensor in tensors.items():
        np.testing.assert_array_equal(tensor, wanted[name])
