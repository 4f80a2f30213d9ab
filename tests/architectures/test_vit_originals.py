"""Our vision transformer against the original libraries' own, weight for weight.

transformers and timm live in an environment of their own: name its interpreter in
``EDGECONV_TORCH_PYTHON``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tf_keras
from numpy.typing import NDArray

from edgeconv.architectures.vit import build, export_form
from edgeconv.architectures.vit_options import TowerOptions
from edgeconv.architectures.vit_positions import interpolate_positions
from edgeconv.checkpoints.fitting import fill
from edgeconv.checkpoints.huggingface import CLIP, VIT_IN_MEMORY
from edgeconv.checkpoints.timm import LAYOUTS
from edgeconv.checkpoints.vit_names import Network, mapped
from edgeconv.spec import ModelSpec

PYTHON = "EDGECONV_TORCH_PYTHON"
ORIGINALS = Path(__file__).parent / "torch_vit.py"

TOLERANCE = 2e-5

pytestmark = pytest.mark.slow

Tensors = dict[str, NDArray[np.float32]]
Case = dict[str, Any]


def case(
    library: str,
    size: tuple[int, int],
    shape: tuple[int, int, int, int, int],
    eps: float,
    labels: int = 5,
    learned_at: tuple[int, int] | None = None,
    embedding_scale: float = 1.0,
    **options: Any,
) -> Case:
    """``shape`` is patch, width, depth, heads and mlp."""
    table = dict(zip(("patch", "width", "depth", "heads", "mlp"), shape, strict=True))
    return {
        "library": library,
        "size": size,
        "learned_at": learned_at or size,
        "labels": labels,
        "embedding_scale": embedding_scale,
        "architecture": {**table, "eps": eps, **options},
    }


WITH_GELU = {"pre_norm": True, "patch_bias": False}
AS_CLIP = {**WITH_GELU, "activation": "quick_gelu"}
CASES = {
    "hf": case("hugging_face", (64, 64), (16, 96, 3, 3, 384), 1e-12),
    "hf-deep": case("hugging_face", (48, 48), (8, 64, 10, 4, 256), 1e-12, labels=2),
    "hf-tanh": case("hugging_face", (56, 56), (14, 120, 2, 5, 200), 1e-6, activation="gelu_tanh"),
    "hf-no-qkv-bias": case("hugging_face", (64, 64), (32, 48, 2, 1, 96), 1e-5, qkv_bias=False),
    "hf-moved": case("hugging_face", (96, 32), (16, 96, 2, 6, 192), 1e-12, learned_at=(64, 64)),
    "hf-small-embeddings": case(
        "hugging_face", (64, 64), (16, 96, 2, 3, 192), 1e-5, embedding_scale=3e-3
    ),
    "clip": case("clip", (64, 64), (16, 96, 3, 3, 384), 1e-5, projection=40, **AS_CLIP),
    "clip-gelu": case("clip", (56, 56), (14, 80, 4, 5, 160), 1e-5, projection=64, **WITH_GELU),
    "timm": case("timm", (64, 96), (16, 96, 3, 3, 384), 1e-6),
    "timm-one-label": case("timm", (32, 32), (8, 48, 2, 3, 96), 1e-6, labels=1, drop_path=0.3),
    "timm-mean": case("timm", (64, 64), (16, 72, 3, 4, 144), 1e-6, pool="mean", norm="after_pool"),
    "timm-mean-normed": case(
        "timm", (48, 80), (16, 60, 2, 3, 240), 1e-5, pool="mean", class_token=False
    ),
    "timm-pre-norm": case("timm", (64, 64), (16, 96, 3, 2, 192), 1e-5, **AS_CLIP),
    "timm-plain": case(
        "timm", (64, 64), (16, 96, 2, 3, 96), 1e-4, qkv_bias=False, activation="gelu_tanh"
    ),
    "timm-grown": case("timm", (96, 128), (16, 48, 2, 3, 96), 1e-6, learned_at=(64, 64)),
    "timm-shrunk": case("timm", (48, 32), (16, 48, 2, 3, 96), 1e-6, learned_at=(96, 112)),
}


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    python = os.environ.get(PYTHON, sys.executable)
    probe = [python, "-c", "import transformers, importlib.util as u; assert u.find_spec('timm')"]
    if subprocess.run(probe, capture_output=True, check=False).returncode:
        pytest.skip(f"{python} has no transformers and timm; set {PYTHON}")
    out = tmp_path_factory.mktemp("vit")
    (out / "cases.json").write_text(json.dumps(CASES))
    command = [python, str(ORIGINALS), str(out / "cases.json"), str(out)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-2000:]
    return out


def ours(state: Tensors, how: Case) -> Tensors:
    """The original's tensors under our names, positions moved to the pictures' size."""
    options = TowerOptions.model_validate(how["architecture"])
    grids = [options.grid(how[key]) for key in ("learned_at", "size")]
    scores = None if how["library"] == "clip" else how["labels"]
    network = Network(options, options.tokens(how["learned_at"]), scores)
    layouts = {"hugging_face": VIT_IN_MEMORY, "clip": CLIP, "timm": LAYOUTS[options.norm]}
    found = mapped(state, layouts[how["library"]], network, "the original")
    moved = interpolate_positions(
        found["positions/positions"],
        *grids,
        class_token=options.class_token,
        antialias=how["library"] == "timm",
    )
    return {**found, "positions/positions": moved}


def spec_of(how: Case) -> ModelSpec:
    """A spec whose model ends in as many logits as the original."""
    labels, kind = how["labels"], "softmax"
    if labels == 1:
        labels, kind = 2, "sigmoid"
    return ModelSpec.model_validate(
        {
            "name": "original",
            "basename": "Original",
            "summary": "for a test",
            "labels": [f"label {number}" for number in range(labels)],
            "architecture": {"kind": "vit", **how["architecture"]},
            "input": {"size": how["size"]},
            "output": {"kind": kind},
            "checkpoint": {"formats": ["safetensors"]},
        }
    )


def outputs(how: Case, tensors: Tensors, pixels: NDArray[np.float32]) -> Any:
    """Logits, or a tower's features, in both forms."""
    spec = spec_of(how)
    model = build(spec)
    if how["library"] == "clip":
        scores = dict(zip(("kernel", "bias"), model.get_layer("scores").get_weights(), strict=True))
        tensors = {**tensors, **{f"scores/{name}": value for name, value in scores.items()}}
    fill(model, tensors, "the original", spec.name)
    exported = export_form(model, spec)
    return (
        of_last_layer(model, how)(pixels).numpy(),
        np.concatenate([of_last_layer(exported, how)(one[None]).numpy() for one in pixels]),
    )


def of_last_layer(model: Any, how: Case) -> Callable[[Any], Any]:
    """What the model gives before its activation, or before its scores."""
    scores = model.get_layer("scores")
    features = tf_keras.Model(model.input, scores.input)
    if how["library"] == "clip":
        return features
    return lambda pixels: features(pixels) @ scores.kernel + scores.bias


@pytest.mark.parametrize("name", CASES)
def test_outputs_are_the_originals(name: str, originals: Path) -> None:
    data = np.load(originals / f"{name}.npz")
    state = {key.removeprefix("state/"): data[key] for key in data if key.startswith("state/")}
    expected = data["outputs"]
    assert expected.std(axis=0).min() > 0.1, "outputs that do not vary prove nothing"
    trained, exported = outputs(CASES[name], ours(state, CASES[name]), data["pixels"])
    np.testing.assert_allclose(trained, expected, rtol=0, atol=TOLERANCE)
    np.testing.assert_allclose(exported, expected, rtol=0, atol=TOLERANCE)


def swapped(tensors: Tensors, one: str, other: str) -> Tensors:
    """The tensors of two layers under each other's names."""
    names = {one: other, other: one}
    return {
        "/".join((names.get(layer, layer), weight)): tensor
        for (layer, weight), tensor in ((name.split("/"), t) for name, t in tensors.items())
    }


SABOTAGE: dict[str, tuple[str, Callable[[Case, Tensors], tuple[Case, Tensors]]]] = {
    "queries for keys": (
        "hf-deep",
        lambda how, tensors: (how, swapped(tensors, "block_04_query", "block_04_key")),
    ),
    "another epsilon": (
        "hf-small-embeddings",
        lambda how, tensors: (
            {**how, "architecture": {**how["architecture"], "eps": 1e-6}},
            tensors,
        ),
    ),
    "another gelu": (
        "hf",
        lambda how, tensors: (
            {**how, "architecture": {**how["architecture"], "activation": "gelu_tanh"}},
            tensors,
        ),
    ),
    "another pool": (
        "timm-mean",
        lambda how, tensors: (
            {**how, "architecture": {**how["architecture"], "norm": "before_pool"}},
            tensors,
        ),
    ),
}


@pytest.mark.parametrize("what", SABOTAGE)
def test_a_broken_model_is_seen(what: str, originals: Path) -> None:
    name, break_it = SABOTAGE[what]
    data = np.load(originals / f"{name}.npz")
    state = {key.removeprefix("state/"): data[key] for key in data if key.startswith("state/")}
    how, tensors = break_it(CASES[name], ours(state, CASES[name]))
    for found in outputs(how, tensors, data["pixels"]):
        assert np.abs(found - data["outputs"]).max() > 5 * TOLERANCE


def test_positions_moved_as_the_other_library_does_are_seen(originals: Path) -> None:
    data = np.load(originals / "timm-grown.npz")
    positions = data["state/pos_embed"][0]
    moved = [
        interpolate_positions(positions, (4, 4), (6, 8), class_token=True, antialias=antialias)
        for antialias in (True, False)
    ]
    assert np.abs(moved[0] - moved[1]).max() > 1e-2
