"""Every system of the mission, end to end: from a checkpoint in its real layout to every target.

The real LAION heads are in the shared folder. Where real weights are not at hand, the original
libraries write the checkpoint, and say what it gives for the pictures (``torch_systems.py``).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

sys.path.append(str(Path(__file__).parent / "checkpoints"))
from filled_graph import fill

from edgeconv.classifier import Classifier, load_classifier
from edgeconv.exporting import ExportRun, export
from edgeconv.inputs import load_input
from edgeconv.normalising import normalise
from edgeconv.own_models import spec_as_toml
from edgeconv.parity.reference_set import generated_set
from edgeconv.parity.results import Verdict
from edgeconv.spec import load_spec

VARIABLE = "EDGECONV_TORCH_PYTHON"
WRITE = Path(__file__).parent / "torch_systems.py"
PROBE = """
import importlib.util, sys
sys.exit(not all(map(importlib.util.find_spec, ("torch", "transformers", "timm"))))
"""

PICTURES = 40
ENOUGH = 0.15
"""The flip rate that so few pictures can rule out; the real set has 320."""

HEADS = {"l14": "clip_autokeras_binary_nsfw.zip", "b32": "clip_autokeras_nsfw_b32.zip"}

TRANSFORMER = (
    "mlpackage", "fp32.tflite", "fp16.tflite", "dynamic.tflite",
    "fp32.onnx", "fp16.onnx", "dynamic.onnx",
)  # fmt: skip
DENSE = ("mlmodel", "mlpackage", "fp32.tflite", "fp16.tflite", "fp32.onnx", "fp16.onnx")
CONVOLUTIONAL = (
    "mlmodel", "mlpackage", "fp32.tflite", "fp16.tflite", "dynamic.tflite", "int8.tflite",
    "fp32.onnx", "fp16.onnx", "int8.onnx",
)  # fmt: skip

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    drawn = [p for p in generated_set().pictures if p.name.endswith(".png")]
    for picture in drawn[:: len(drawn) // PICTURES][:PICTURES]:
        (folder / picture.name).write_bytes(picture.read())
    return folder


@pytest.fixture(scope="module")
def originals(
    pictures: Path, shared: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Any]:
    """The folder that ``torch_systems.py`` wrote, and what the originals give."""
    python = os.environ.get(VARIABLE, sys.executable)
    if subprocess.run([python, "-c", PROBE], capture_output=True, check=False).returncode:
        pytest.skip(f"{python} has no torch, transformers and timm; set {VARIABLE}")
    out = tmp_path_factory.mktemp("systems")
    golden = {
        name: np.load(shared / f"golden/laion_clip_{name}.npz")["embeddings_float32"]
        for name in HEADS
    }
    np.savez(out / "statistics.npz", **golden)
    command = [python, str(WRITE), str(pictures), str(out / "statistics.npz"), str(out)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-2000:]
    for name, head in HEADS.items():
        shutil.copy(shared / "checkpoints/laion" / head, out / f"clip-{name}")
    return out, np.load(out / "scores.npz")


def scores_of(classifier: Classifier, pictures: Path) -> NDArray[np.float32]:
    """What we give for the picture files, each prepared as the classifier's spec says."""
    how = classifier.spec.input.preprocessing
    return classifier.scores(
        np.stack([load_input(file, how) for file in sorted(pictures.glob("*.png"))])
    )


def exported(classifier: Classifier, out: Path, **options: Any) -> ExportRun:
    return export(classifier, out=out, max_flip_rate=ENOUGH, **options)


def check(run: ExportRun, endings: tuple[str, ...], *, floats_only: bool = False) -> None:
    """All usual files are there, float32 ones are exact, and all were judged good."""
    basename = run.manifest.artifacts[0].path.partition(".")[0]
    assert {e.path for e in run.manifest.artifacts} == {f"{basename}.{e}" for e in endings}
    assert run.parity is not None
    for result in run.parity.artifacts:
        if result.precision == "fp32":
            assert result.gates["file"].differences.max_abs < 1e-4, result.path
            assert result.gates["file"].flips.count == 0
        if not floats_only or result.precision in {"fp32", "fp16"}:
            assert result.verdict is Verdict.PASS, (result.path, result.gates, result.warnings)


def test_falconsais_vit(originals: tuple[Path, Any], pictures: Path, tmp_path: Path) -> None:
    """A small ViT as transformers writes it; labels and preprocessing come from its folder."""
    folder, expected = originals
    classifier = load_classifier(folder / "falconsai")
    assert classifier.spec.labels == ("normal", "nsfw")
    np.testing.assert_allclose(scores_of(classifier, pictures), expected["falconsai"], atol=1e-5)
    check(exported(classifier, tmp_path, images=pictures), TRANSFORMER)


def test_marqos_vit_at_its_full_size(
    originals: tuple[Path, Any], pictures: Path, tmp_path: Path
) -> None:
    folder, expected = originals
    classifier = load_classifier("marqo-vit-tiny-384", folder / "marqo")
    assert classifier.spec.labels == ("NSFW", "SFW")
    np.testing.assert_allclose(scores_of(classifier, pictures), expected["marqo"], atol=1e-4)
    check(exported(classifier, tmp_path, images=pictures), TRANSFORMER)


@pytest.mark.parametrize("name", HEADS)
def test_laions_real_heads(name: str, shared: Path, tmp_path: Path) -> None:
    """No flip at .5 in any float file, on rows that hit the tables."""
    weights = shared / "checkpoints/laion" / HEADS[name]
    classifier = load_classifier(f"laion-clip-{name}-head", weights)
    golden = np.load(shared / f"golden/laion_clip_{name}.npz")
    for kind in ("float16", "float32"):
        rows = golden[f"embeddings_{kind}"].astype(np.float32)
        scores = classifier.scores(rows)[:, 1]
        np.testing.assert_allclose(scores, golden[f"scores_{kind}"].ravel(), atol=1e-6)
    np.save(tmp_path / "rows.npy", golden["embeddings_float16"][:2000])
    run = export(classifier, out=tmp_path / "out", images=tmp_path / "rows.npy")
    check(run, DENSE)
    assert run.parity is not None
    assert all(result.flips.count == 0 for result in run.parity.artifacts if result.flips)


@pytest.mark.parametrize("name", HEADS)
def test_laions_heads_over_their_towers_in_one_file(
    name: str, originals: tuple[Path, Any], pictures: Path, shared: Path, tmp_path: Path
) -> None:
    """Image in, score out: what the head gives for the embedding that transformers computes."""
    folder, expected = originals
    head = load_classifier(f"laion-clip-{name}-head", shared / "checkpoints/laion" / HEADS[name])
    wanted = head.scores(expected[f"clip-{name}"])
    assert np.ptp(wanted[:, 1]) > 0.5
    classifier = load_classifier(folder / f"clip-{name}", labels=("safe", "nsfw"))
    np.testing.assert_allclose(scores_of(classifier, pictures), wanted, atol=1e-4)
    run = export(classifier, out=tmp_path, precisions=["fp32", "fp16"])
    assert run.parity is not None
    assert run.parity.noise_floor is not None
    assert run.parity.noise_floor.float32 > 1e-3, "the tables make the original unstable"
    for result in run.parity.artifacts:
        assert result.verdict is Verdict.PASS, result.path
        assert result.note is not None
        assert "decisions alone are judged" in result.note
        if result.precision == "fp32":
            assert result.flips is not None
            assert result.flips.count == 0, result.path
            assert result.gates["file"].differences.mean_abs < 1e-3


@pytest.mark.parametrize("name", HEADS)
def test_without_tables_the_same_files_are_exact(
    name: str, originals: tuple[Path, Any], pictures: Path, tmp_path: Path
) -> None:
    folder, _ = originals
    read = load_classifier(folder / f"clip-{name}", labels=("safe", "nsfw")).spec
    head = {**read.architecture["head"], "look_up": False}
    architecture = {**read.architecture, "head": head}
    toml = tmp_path / "without.toml"
    toml.write_text(spec_as_toml(read.model_copy(update={"architecture": architecture})))
    classifier = load_classifier(toml, folder / f"clip-{name}")
    run = exported(classifier, tmp_path / "out", images=pictures, precisions=["fp32"])
    check(run, ("mlmodel", "fp32.mlpackage", "fp32.tflite", "fp32.onnx"))


def test_laions_head_over_h14(originals: tuple[Path, Any], tmp_path: Path) -> None:
    folder, expected = originals
    classifier = load_classifier("laion-clip-h14-head", folder / "h14.pth")
    scores = classifier.scores(expected["h14-embeddings"])
    assert scores.max() > 1, "it is no sigmoid"
    np.testing.assert_allclose(scores[:, 1], expected["h14"].ravel(), atol=2e-5)
    check(export(classifier, out=tmp_path), DENSE)


def test_gantmans_mobilenet(demo: Classifier, pictures: Path, tmp_path: Path) -> None:
    """A MobileNetV2 as Keras saves it, its body the demo's: five scores, labels from the spec."""
    import tf_keras

    trained = demo.network.model  # type: ignore[attr-defined]
    body = tf_keras.Model(trained.input, trained.get_layer("flatten").output)
    how = load_spec("gantman-mobilenet-v2").pictures
    files = sorted(pictures.glob("*.png"))
    pixels = np.stack([load_input(file, how.preprocessing) for file in files])
    features = body.predict_on_batch(normalise(pixels, how))
    kernel = np.random.default_rng(2).normal(size=(features.shape[1], 5))
    kernel *= 2 / (features @ kernel).std(axis=0)
    scores = tf_keras.layers.Dense(5, activation="softmax")
    model = tf_keras.Model(body.input, scores(body.output))
    scores.set_weights([kernel, -features.mean(axis=0) @ kernel])
    model.save(tmp_path / "nsfw.h5")
    classifier = load_classifier("gantman-mobilenet-v2", tmp_path / "nsfw.h5")
    assert len(classifier.spec.labels) == 5
    run = exported(classifier, tmp_path / "out", images=pictures)
    check(run, CONVOLUTIONAL, floats_only=True)


def test_nsfwjs_mid(shared: Path, pictures: Path, tmp_path: Path) -> None:
    """The real graph of TensorFlow.js, its shards filled with weights of ours."""
    fill(shared / "checkpoints/nsfwjs_mobilenet_v2_mid/model.json", tmp_path / "mid")
    classifier = load_classifier("nsfwjs-mobilenet-v2-mid", tmp_path / "mid")
    run = exported(classifier, tmp_path / "out", images=pictures, precisions=["fp32"])
    assert {entry.path for entry in run.manifest.artifacts} == {
        "NSFWJSMid.mlmodel", "NSFWJSMid.fp32.mlpackage",
        "NSFWJSMid.fp32.tflite", "NSFWJSMid.fp32.onnx",
    }  # fmt: skip
    assert run.parity is not None
    for result in run.parity.artifacts:
        assert result.gates["file"].differences.max_abs < 1e-4, result.path
        assert result.verdict is not Verdict.FAIL
