"""A network over embeddings in every form: a float32 row in, one score a label out."""

import numpy as np
import pytest
import tensorflow as tf

from edgeconv.artifact import open_artifact
from edgeconv.contract import Contract, EmbeddingTensor, Source
from edgeconv.formats.coreml_file import load_proto
from edgeconv.frozen import trace
from edgeconv.runtimes import as_contracted, as_declared, open_runtime
from edgeconv.spec import ModelSpec
from edgeconv.targets import FORMS, Options, converter

LENGTH = 64
SPEC = {
    "name": "head",
    "basename": "Head",
    "summary": "for a test",
    "labels": ["safe", "unsafe"],
    "unsafe": ["unsafe"],
    "architecture": {"kind": "embedding_mlp", "hidden": [96, 64]},
    "input": {"length": LENGTH, "made_by": "CLIP ViT-L/14"},
    "output": {"kind": "sigmoid"},
    "checkpoint": {"formats": ["safetensors"]},
}
TOLERANCE = {
    "fp32": 1e-6, "fp16": 2e-3, "w8": 0.02, "pal8": 0.02, "pal6": 0.05, "pal4": 0.2, "w8a8": 0.05,
    "dynamic": 0.02, "int8": 0.05,
}  # fmt: skip


@pytest.fixture(scope="module")
def rows():
    rows = np.random.default_rng(1).normal(size=(40, LENGTH)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def frozen():
    random = np.random.default_rng(0)
    first, second, last = (
        random.normal(0, spread, shape).astype(np.float32)
        for spread, shape in ((1, (LENGTH, 96)), (0.2, (96, 64)), (0.8, (64, 1)))
    )

    def network(row):
        score = tf.sigmoid(tf.nn.relu(tf.nn.relu(row @ first) @ second) @ last)
        return tf.concat([1 - score, score], axis=1)

    return trace(ModelSpec.model_validate(SPEC), network)


@pytest.fixture(scope="module")
def expected(frozen, rows):
    scores = frozen.scores(rows)
    assert scores.std(axis=0).min() > 0.1
    return scores


@pytest.fixture(scope="module")
def made(frozen, rows, tmp_path_factory):
    """Every form, with its contract inside, by file name."""
    folder, converters, artifacts = tmp_path_factory.mktemp("embeddings"), {}, {}
    for form in FORMS:
        if form.target not in converters:
            converters[form.target] = converter(form.target)(frozen, Options(calibration=rows))
        target, path = converters[form.target], folder / form.file_name("Head")
        target.write(form, path)
        taken, given, precision = target.describe(form, path)
        contract = Contract(
            model="head",
            summary="for a test",
            labels=frozen.spec.labels,
            unsafe_labels=frozen.spec.unsafe,
            input=taken,
            output=given,
            precision=precision,
            source=Source(checkpoint_sha256="ab" * 32, checkpoint_format="safetensors"),
            made_with={},
        )
        target.embed(path, contract)
        artifacts[path.name] = open_artifact(path)
        assert artifacts[path.name].contract == contract
    return artifacts


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.file_name("Head"))
def test_rows_go_in_and_scores_come_out(made, rows, expected, form):
    artifact = made[form.file_name("Head")]
    runtime = open_runtime(artifact.path)
    signature = runtime.signature
    assert (signature.shape, signature.dtype, signature.layout) == ((1, LENGTH), "float32", "row")
    assert runtime.labels == ("safe", "unsafe")
    scores = np.stack([runtime.run(as_declared(row, signature)) for row in rows])
    assert np.abs(scores - expected).max() < TOLERANCE[form.precision]
    again = runtime.run(as_contracted(rows[0], artifact.contract.input))
    assert np.array_equal(again, scores[0])


def test_the_contract_says_what_the_row_is(made):
    for artifact in made.values():
        assert artifact.contract.input == EmbeddingTensor(
            length=LENGTH, made_by="CLIP ViT-L/14", name="embedding", shape=(1, LENGTH)
        )
        assert artifact.contract.output.name == "scores"
        assert artifact.contract.output.dtype == "float32"


def test_a_float_score_out_of_integers_states_its_step(made):
    steps = {name: artifact.contract.output.score_step for name, artifact in made.items()}
    assert steps["Head.int8.tflite"] == pytest.approx(1 / 256, rel=0.01)
    assert steps["Head.dynamic.tflite"] is None


def test_core_ml_takes_an_array_and_has_no_preview_of_pictures(made):
    for name in ("Head.mlmodel", "Head.mlpackage"):
        description = load_proto(made[name].path).description
        (row,) = description.input
        assert row.name == "embedding"
        assert list(row.type.multiArrayType.shape) == [1, LENGTH]
        assert "CLIP ViT-L/14" in row.shortDescription
        assert description.predictedProbabilitiesName == "scores"
        assert "com.apple.coreml.model.preview.type" not in description.metadata.userDefined
