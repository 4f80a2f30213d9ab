"""Perceptrons over embeddings: LAION's heads to the last digit, tables and all, in every file."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edgeconv.architectures import build, lookup
from edgeconv.checkpoints import saved_model
from edgeconv.checkpoints.checkpoint import sound
from edgeconv.contract import Contract, EmbeddingTensor, OutputTensor, Precision, Source
from edgeconv.errors import SpecError
from edgeconv.networks import Frozen
from edgeconv.networks.from_checkpoint import network_of
from edgeconv.parity.gates import Judge
from edgeconv.parity.results import GateResult, NoiseFloor, Verdict
from edgeconv.runtimes import coreml_reference
from edgeconv.spec import ModelSpec, load_spec
from edgeconv.targets import FORMS, Options, converter

LABELS = ("safe", "nsfw")
ARCHIVES = {
    "l14": "clip_autokeras_binary_nsfw.zip",
    "b32": "clip_autokeras_nsfw_b32.zip",
}


@dataclass(frozen=True)
class Head:
    """A published head, and what the original answers to golden rows."""

    spec: ModelSpec
    archive: Path
    golden: Any

    @cached_property
    def network(self) -> Any:
        return network_of(self.spec, sound(saved_model.read(self.archive)))

    @cached_property
    def rows(self) -> NDArray[np.float32]:
        kinds = [self.golden[f"embeddings_{kind}"] for kind in ("float16", "float32")]
        return np.concatenate([rows.astype(np.float32) for rows in kinds])

    @cached_property
    def original(self) -> NDArray[np.float32]:
        second = np.concatenate([self.golden[f"scores_{kind}"] for kind in ("float16", "float32")])
        return np.stack([1 - second, second], axis=1)


@pytest.fixture(scope="module", params=ARCHIVES)
def head(request: pytest.FixtureRequest, shared: Path) -> Head:
    return head_of(request.param, shared)


def head_of(name: str, shared: Path) -> Head:
    return Head(
        load_spec(f"laion-clip-{name}-head"),
        shared / "checkpoints/laion" / ARCHIVES[name],
        np.load(shared / f"golden/laion_clip_{name}.npz"),
    )


def printed(numbers: NDArray[np.float32]) -> list[int]:
    return [int(f"{number:f}".replace(".", "")) for number in numbers.tolist()]


def millionths(numbers: NDArray[np.float32]) -> list[int]:
    high, low = lookup.digits_of_millionths(numbers)
    return (np.asarray(high, np.int64) * lookup.BASE + np.asarray(low)).tolist()


def awkward_numbers() -> dict[str, NDArray[np.float32]]:
    generator = np.random.default_rng(0)
    halves = np.arange(1 << 16, dtype=np.uint16).view(np.float16).astype(np.float32)
    drawn = generator.uniform(-1, 1, 200_000) * 10.0 ** generator.uniform(-4, 0, 200_000)
    return {
        "float16": halves[np.abs(halves) <= 1],
        "float32": drawn.astype(np.float32),
        "ties": (np.arange(-128, 129) / 128).astype(np.float32),
        "zeros": np.array([0.0, -0.0, 1e-7, -1e-7, 1e-30, -1e-45], np.float32),
    }


@pytest.mark.parametrize("kind", awkward_numbers())
def test_millionths_are_what_is_printed(kind: str) -> None:
    numbers = awkward_numbers()[kind]
    assert millionths(numbers) == printed(numbers)


@pytest.mark.parametrize("kind", ["float32", "ties"])
def test_a_plain_product_would_print_other_digits(kind: str) -> None:
    numbers = awkward_numbers()[kind]
    naive = np.floor(numbers * np.float32(1e6) + np.float32(0.5)).astype(np.int64)
    assert naive.tolist() != printed(numbers)


def test_digits_survive_float16() -> None:
    numbers = np.array([0, 1, -1, 1023, 1024, -1024, 999_999, -999_999, lookup.LARGEST])
    high, low = lookup.digits(numbers)
    for digit in (high, low):
        np.testing.assert_array_equal(digit.astype(np.float16).astype(np.float32), digit)
    np.testing.assert_array_equal(high.astype(np.int64) * lookup.BASE + low.astype(int), numbers)


def small_spec(**changes: Any) -> ModelSpec:
    table: dict[str, Any] = {
        "name": "small",
        "basename": "Small",
        "summary": "",
        "labels": LABELS,
        "architecture": {"kind": "embedding_mlp", "hidden": [6, 4]},
        "input": {"length": 5},
        "output": {"kind": "sigmoid"},
        "checkpoint": {"formats": []},
    }
    return ModelSpec.model_validate({**table, **changes})


def filled(spec: ModelSpec) -> Any:
    model = build(spec)
    generator = np.random.default_rng(3)
    for weight in model.weights:
        if weight.dtype.is_floating:
            weight.assign(generator.normal(0.3, 0.7, weight.shape).astype(np.float32))
    return model


def test_the_last_hidden_layers_may_be_linear() -> None:
    architecture = {"kind": "embedding_mlp", "hidden": [6, 4, 3], "linear_tail": 2}
    model = filled(small_spec(architecture=architecture, output={"kind": "linear"}))
    rows = np.random.default_rng(1).normal(size=(20, 5)).astype(np.float32)
    x = rows
    for name in ("dense_0", "dense_1", "dense_2", "scores"):
        kernel, bias = model.get_layer(name).get_weights()
        x = x @ kernel + bias
        if name == "dense_0":
            x = np.maximum(x, 0)
    assert x.min() < 0, "where nothing is negative, ReLU and nothing are the same"
    np.testing.assert_allclose(
        model.predict_on_batch(rows), np.concatenate([1 - x, x], axis=1), rtol=1e-5
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"hidden": []}, "hidden"),
        ({"hidden": [4], "linear_tail": 2}, "linear_tail is more than the 1"),
        ({"hidden": [4], "tables": {3: 5}}, "standardise = true"),
        ({"hidden": [4], "tables": {5: 9}, "standardise": True}, "column 5"),
        ({"hidden": [4], "tabels": {}}, "tabels"),
    ],
)
def test_wrong_options_are_named(options: dict[str, Any], said: str) -> None:
    with pytest.raises(SpecError) as caught:
        build(small_spec(architecture={"kind": "embedding_mlp", **options}))
    assert said in str(caught.value)


def test_pictures_are_refused() -> None:
    with pytest.raises(SpecError, match="takes embeddings"):
        build(small_spec(input={"size": [8, 8]}))


def test_a_copy_is_the_same_model(head: Head) -> None:
    import tf_keras

    model = head.network.model
    copy = tf_keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    np.testing.assert_array_equal(
        copy.predict_on_batch(head.rows[:50]), model.predict_on_batch(head.rows[:50])
    )


def test_the_original_answers_the_same(head: Head) -> None:
    assert np.ptp(head.original[:, 1]) > 0.9
    found = head.network.scores(head.rows)
    np.testing.assert_allclose(found, head.original, atol=1e-6)


def test_without_look_up_numbers_are_unknown(head: Head) -> None:
    """As the original takes numbers that are in no vocabulary: here, none of them is."""
    architecture = {**head.spec.architecture, "look_up": False}
    spec = head.spec.model_copy(update={"architecture": architecture})
    without = network_of(spec, sound(saved_model.read(head.archive)))
    rows = head.rows.copy()
    rows[:, [int(column) for column in architecture["tables"]]] = 0.999999
    np.testing.assert_allclose(without.scores(rows), head.network.scores(rows), atol=1e-6)
    assert np.abs(without.scores(head.rows) - head.original).max() > 0.05


def test_vocabularies_survive_half_weights(head: Head) -> None:
    half = head.network.with_half_weights()
    for name, whole in zip(
        [weight.name for weight in head.network.model.weights],
        head.network.model.get_weights(),
        strict=True,
    ):
        if "high_" in name or "low_" in name:
            (kept,) = (w.numpy() for w in half.model.weights if w.name == name)
            np.testing.assert_array_equal(kept, whole)
    assert np.abs(half.scores(head.rows) - head.original).max() < 5e-3


def written(frozen: Frozen, suffix: str, precision: str, folder: Path) -> Path:
    (form,) = (f for f in FORMS if (f.suffix, f.precision) == (suffix, precision))
    path = folder / f"head.{precision}{suffix}"
    converter(form.target)(frozen, Options()).write(form, path)
    return path


def run(path: Path, rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Both scores of each row, by what runs such files."""
    if path.suffix == ".onnx":
        import onnxruntime

        session = onnxruntime.InferenceSession(str(path))
        return np.concatenate([session.run(None, {"embedding": row[None]})[0] for row in rows])
    if path.suffix == ".tflite":
        return run_tflite(path, rows)
    model = coreml_reference.load(path)
    found = [model.predict({"embedding": row[None]})["scores"] for row in rows]
    return np.array([[scores[label] for label in LABELS] for scores in found], np.float32)


def run_tflite(path: Path, rows: NDArray[np.float32]) -> NDArray[np.float32]:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path), num_threads=1)
    interpreter.allocate_tensors()
    (given,), (scores,) = interpreter.get_input_details(), interpreter.get_output_details()
    found = []
    for row in rows:
        interpreter.set_tensor(given["index"], row[None])
        interpreter.invoke()
        found.append(interpreter.get_tensor(scores["index"])[0].copy())
    return np.array(found)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
@pytest.mark.parametrize("suffix", [".tflite", ".onnx", ".mlmodel", ".mlpackage"])
def test_files_decide_as_the_original(
    suffix: str, precision: str, head: Head, tmp_path: Path
) -> None:
    frozen = head.network.freeze(head.spec)
    rows = head.rows.copy()
    rows[-3:, ::17] = np.nan
    wanted = np.concatenate([head.original[:-3], head.network.scores(rows[-3:])])
    found = run(written(frozen, suffix, precision, tmp_path), rows)
    np.testing.assert_allclose(found, wanted, atol=2e-6 if precision == "fp32" else 2e-3)
    # Weights rounded to float16 move a score that is as near to .5 as this, in Keras too.
    undecided = 0.0 if precision == "fp32" else 5e-4
    sure = np.abs(wanted[:, 1] - 0.5) > undecided
    assert sure.mean() > 0.999
    np.testing.assert_array_equal((found[:, 1] > 0.5)[sure], (wanted[:, 1] > 0.5)[sure])


def judged(head: Head, candidate: NDArray[np.float32]) -> GateResult:
    source = Source(checkpoint_sha256="0" * 64, checkpoint_format="saved_model")
    length = head.rows.shape[1]
    contract = Contract(
        model=head.spec.name,
        summary="",
        labels=LABELS,
        unsafe_labels=LABELS[1:],
        input=EmbeddingTensor(length=length, name="embedding", shape=(1, length)),
        output=OutputTensor(name="scores", kind="sigmoid", dtype="float32"),
        precision=Precision(
            asked="fp32",
            weight_type="float32",
            activation_type="float32",
            weights={"float32": 1.0},
            float_ops=1.0,
        ),
        source=source,
        made_with={},
    )
    names = [str(number) for number in range(len(candidate))]
    noise = NoiseFloor(float32=1e-6, float16_weights=1e-3, variants={})
    return Judge(contract, LABELS, names, noise, 0.01).judge(head.original, candidate)


@pytest.mark.slow
def test_a_conversion_that_drops_the_tables_fails(shared: Path, tmp_path: Path) -> None:
    """tf2onnx takes the original graph, says it succeeded, and leaves the tables out."""
    import onnxruntime

    head = head_of("b32", shared)
    with zipfile.ZipFile(head.archive) as archive:
        archive.extractall(tmp_path)
    made = tmp_path / "original.onnx"
    folder = tmp_path / head.archive.stem
    command = ["-m", "tf2onnx.convert", "--saved-model", folder, "--output", made, "--opset", "17"]
    subprocess.run([sys.executable, *map(str, command)], check=True, capture_output=True)
    session = onnxruntime.InferenceSession(str(made))
    (given,) = session.get_inputs()
    second = session.run(None, {given.name: head.rows.astype(np.float64)})[0]
    dropped = judged(head, np.concatenate([1 - second, second], axis=1))
    assert dropped.verdict is Verdict.FAIL
    assert dropped.flips.count > 50
    assert dropped.differences.max_abs > 0.3
    assert judged(head, head.network.scores(head.rows)).verdict is Verdict.PASS
