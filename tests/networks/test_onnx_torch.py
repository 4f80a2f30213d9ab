"""Trained torch networks in every way that torch exports them, through all targets.

torch lives in an environment of its own: name its interpreter in ``EDGECONV_TORCH_PYTHON``.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from edgeconv.checkpoints import onnx as reader
from edgeconv.checkpoints.checkpoint import sound
from edgeconv.classifier import load_classifier
from edgeconv.errors import CheckpointError
from edgeconv.exporting import export
from edgeconv.generated import LABELS, examples
from edgeconv.networks.onnx_network import FrozenOnnx, OnnxNetwork
from edgeconv.normalising import normalise
from edgeconv.parity.results import Verdict
from edgeconv.spec import ModelSpec
from edgeconv.targets import FORMS, Options, converter

INPUT = """[input]
size = [64, 64]
scale = "1/255"

"""
VARIABLE = "EDGECONV_TORCH_PYTHON"
SCRIPT = Path(__file__).parent / "torch_classifiers.py"
SIZE = (64, 64)
CONVOLUTIONAL = ("gelan-dynamo", "gelan-open", "resnet-old", "mobilenet-legacy", "convnext-dynamo")
NETWORKS = (*CONVOLUTIONAL, "vit-open", "vit-dynamo")

pytestmark = pytest.mark.slow


class Made(NamedTuple):
    folder: Path
    pictures: NDArray[np.uint8]
    calibration: NDArray[np.uint8]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    python = os.environ.get(VARIABLE, sys.executable)
    probe = [python, "-c", "import torch, onnxscript"]
    if subprocess.run(probe, capture_output=True, check=False).returncode:
        pytest.skip(f"{python} has no torch and onnxscript; set {VARIABLE}")
    out = tmp_path_factory.mktemp("torch")
    known, tested = examples(60, seed=1), examples(8, seed=2)
    train = np.stack([example.draw(SIZE) for example in known])
    test = np.stack([example.draw(SIZE) for example in tested])
    labels = np.array([LABELS.index(example.label) for example in known])
    np.savez(out / "pictures.npz", train=train, test=test, labels=labels)
    run = subprocess.run(
        [python, SCRIPT, out / "pictures.npz", out], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr[-2000:]
    return Made(out, test, train[:24])


@pytest.fixture(scope="module")
def described() -> ModelSpec:
    return ModelSpec.model_validate(
        {
            "name": "theirs",
            "basename": "Theirs",
            "summary": "A network made in torch",
            "labels": LABELS,
            "architecture": {"kind": "onnx"},
            "input": {"size": SIZE, "scale": "1/255"},
            "checkpoint": {"formats": ["onnx"]},
        }
    )


@pytest.fixture(scope="module", params=NETWORKS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def network(name: str, made: Made, described: ModelSpec) -> OnnxNetwork:
    return OnnxNetwork(sound(reader.read(made.folder / f"{name}.onnx")).program, described)


@pytest.fixture(scope="module")
def frozen(network: OnnxNetwork, described: ModelSpec) -> FrozenOnnx:
    return network.freeze(described)


@pytest.fixture(scope="module")
def scores(network: OnnxNetwork, made: Made) -> NDArray[np.float32]:
    return network.scores(normalise(made.pictures, network.spec.input))


def test_the_reference_is_what_torch_computes(name: str, made: Made, scores: Any) -> None:
    expected = np.load(made.folder / f"{name}.npz")["scores"]
    assert np.ptp(expected, axis=0).max() > 0.05, "scores that do not vary prove nothing"
    np.testing.assert_allclose(scores, expected, atol=1e-5)
    assert np.abs(scores - expected[:, ::-1]).max() > 0.01, "labels in another order would be seen"


def test_the_frozen_file_is_at_opset_17_and_agrees(
    made: Made, frozen: FrozenOnnx, scores: Any
) -> None:
    assert frozen.onnx.proto.opset_import[0].version == 17
    np.testing.assert_allclose(frozen.scores(made.pictures), scores, atol=1e-5)


def write(frozen: FrozenOnnx, name: str, made: Made, folder: Path) -> Path:
    """One form, named as ``int8.tflite``."""
    precision, suffix = name.split(".")
    (form,) = (f for f in FORMS if f.precision == precision and f.suffix == f".{suffix}")
    path = folder / f"theirs.{name}"
    converter(form.target)(frozen, Options(calibration=made.calibration)).write(form, path)
    return path


def litert(path: Path, pictures: NDArray[np.uint8]) -> tuple[NDArray[np.float32], Counter[str]]:
    """Scores, and the operations of the file by kind."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(
        model_path=str(path),
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    interpreter.allocate_tensors()
    (given,), (out,) = interpreter.get_input_details(), interpreter.get_output_details()
    rows = []
    for picture in pictures:
        interpreter.set_tensor(given["index"], picture[None].astype(given["dtype"]))
        interpreter.invoke()
        rows.append(interpreter.get_tensor(out["index"])[0].astype(np.float32))
    scale, zero_point = out["quantization"]
    found = np.stack(rows)
    kinds = Counter(operation["op_name"] for operation in interpreter._get_ops_details())
    return (found - zero_point) * scale if scale else found, kinds


def test_tflite_agrees_and_is_not_full_of_transpositions(
    name: str, made: Made, frozen: FrozenOnnx, scores: Any, tmp_path: Path
) -> None:
    found, kinds = litert(write(frozen, "fp32.tflite", made, tmp_path), made.pictures)
    np.testing.assert_allclose(found, scores, atol=1e-4)
    if name in CONVOLUTIONAL:
        assert kinds["TRANSPOSE"] == 0
    convolutions = [n for n in frozen.onnx.proto.graph.node if n.op_type == "Conv"]
    assert kinds["CONV_2D"] + kinds["DEPTHWISE_CONV_2D"] == len(convolutions)
    assert "FlexErf" not in kinds


def test_core_ml_agrees(made: Made, frozen: FrozenOnnx, scores: Any, tmp_path: Path) -> None:
    from edgeconv.runtimes.coreml_reference import load

    model = load(write(frozen, "fp32.mlpackage", made, tmp_path))
    answers = [model.predict({"image": picture})["scores"] for picture in made.pictures]
    found = [[answer[label] for label in LABELS] for answer in answers]
    np.testing.assert_allclose(found, scores, atol=1e-4)


def test_a_file_as_falconsai_ships_it_is_exported_whole(made: Made, tmp_path: Path) -> None:
    """An ONNX file under another suffix, labels beside it; the rest from a page of TOML."""
    folder = tmp_path / "theirs"
    folder.mkdir()
    shutil.copy(made.folder / "gelan-dynamo.onnx", folder / "falconsai_yolov9.pt")
    (folder / "labels.json").write_text(json.dumps(dict(enumerate(LABELS))))
    with pytest.raises(CheckpointError, match="how pictures are prepared") as caught:
        load_classifier(folder)
    page = caught.value.do
    assert page is not None
    toml = tmp_path / "mine.toml"
    toml.write_text(re.sub(r"(?s)\[input\].*?\n\n", INPUT, page.partition("\n\n")[2]))
    run = export(toml, weights=folder, out=tmp_path / "out")
    assert len(run.manifest.artifacts) == 9
    assert run.parity is not None
    for result in run.parity.artifacts:
        if result.precision in {"fp32", "fp16"}:
            assert result.verdict is Verdict.PASS, (result.path, result.gates)


@pytest.mark.parametrize("suffix", ["tflite", "onnx"])
def test_it_is_quantised_anew_and_decides_mostly_alike(
    suffix: str, name: str, made: Made, frozen: FrozenOnnx, scores: Any, tmp_path: Path
) -> None:
    from onnx_graphs import run

    if name not in CONVOLUTIONAL:
        pytest.skip("full int8 is for convolutional networks")
    path = write(frozen, f"int8.{suffix}", made, tmp_path)
    if suffix == "tflite":
        found, _ = litert(path, made.pictures)
    else:
        import onnx

        pixels = made.pictures.transpose(0, 3, 1, 2).astype(np.float32)
        found = run(onnx.load(path), pixels)
    assert 0 < np.abs(found - scores).max() < 0.4
    assert np.mean(found.argmax(1) == scores.argmax(1)) >= 0.75
