"""Models of embeddings through the whole pipeline: export, verify, classify, tables and all."""

import json

import numpy as np
import pytest
from small_head import write_head
from typer.testing import CliRunner

from edgeconv.architectures import build
from edgeconv.artifact import open_artifact
from edgeconv.classifier import load_classifier
from edgeconv.cli.app import app
from edgeconv.contract import EmbeddingTensor
from edgeconv.errors import UsageError
from edgeconv.exporting import export
from edgeconv.parity.results import Verdict
from edgeconv.verifying import verify


@pytest.fixture(scope="module")
def head(tmp_path_factory):
    return write_head(tmp_path_factory.mktemp("head"))


@pytest.fixture(scope="module")
def run(head, tmp_path_factory):
    return export(head, out=tmp_path_factory.mktemp("exported"))


def test_every_usual_file_passes_and_every_gate_was_run(run):
    assert run.verdict is Verdict.PASS, run.parity.headline
    assert {entry.path for entry in run.manifest.artifacts} == {
        "Head.mlmodel",
        "Head.mlpackage",
        "Head.fp32.tflite",
        "Head.fp16.tflite",
        "Head.fp32.onnx",
        "Head.fp16.onnx",
    }
    for result in run.parity.artifacts:
        assert set(result.gates) == {"tensor", "pixels", "file"}
        assert result.flips.count == 0
        assert result.flips.images == 1000


def test_the_reference_varies_and_hits_the_tables(head, run):
    scores = np.array(run.parity.reference_scores)
    np.testing.assert_allclose(scores.sum(axis=1), 1, atol=1e-6)
    assert 0.2 < (scores[:, 1] > 0.5).mean() < 0.8
    classifier = load_classifier(head)
    rows = classifier.typical_rows(1000, 1)
    unlooked = {**classifier.spec.architecture, "look_up": False}
    without = build(classifier.spec.model_copy(update={"architecture": unlooked}))
    without.set_weights(classifier.network.model.get_weights())
    gap = np.abs(without.predict_on_batch(rows) - classifier.scores(rows))
    assert gap.max() > 0.2


def test_the_contract_says_what_a_row_is_and_carries_some(run):
    contract = open_artifact(run.out / "Head.fp32.onnx").contract
    assert isinstance(contract.input, EmbeddingTensor)
    assert (contract.input.length, contract.input.shape) == (16, (1, 16))
    assert contract.output.kind == "sigmoid"
    assert len(contract.golden) == 4
    assert len(contract.golden[0].values) == 16


def test_a_file_without_its_tables_fails(run, head, tmp_path):
    import onnx
    from onnx import numpy_helper

    path = run.out / "Head.fp32.onnx"
    model = onnx.load(path)
    changed = 0
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype == np.int32 and values.size == 2000:
            tensor.CopyFrom(numpy_helper.from_array(np.full_like(values, -1), tensor.name))
            changed += 1
    assert changed
    broken = tmp_path / "Head.fp32.onnx"
    onnx.save(model, broken)
    assert verify(broken, against=head).verdict is Verdict.FAIL


@pytest.mark.slow
def test_an_exported_folder_is_verified_again(run):
    assert verify(run.out / "Head.fp16.tflite", weights=None).verdict is Verdict.PASS


def test_two_files_need_rows_to_be_held_against_each_other(run, tmp_path, head):
    ours, theirs = run.out / "Head.fp32.onnx", run.out / "Head.fp32.tflite"
    with pytest.raises(UsageError, match="nobody says what they look like"):
        verify(ours, against=theirs)
    np.save(tmp_path / "rows.npy", load_classifier(head).typical_rows(400, 9))
    assert verify(ours, against=theirs, images=tmp_path / "rows.npy").verdict is Verdict.PASS


def test_classify_gives_one_entry_a_row(run, head, tmp_path):
    rows = load_classifier(head).typical_rows(5, 3)
    rows[2] = np.nan
    np.save(tmp_path / "rows.npy", rows)
    for model in (str(head), str(run.out / "Head.fp16.tflite")):
        done = CliRunner().invoke(app, ["classify", model, str(tmp_path / "rows.npy"), "--json"])
        assert done.exit_code == 0, done.stderr
        entries = json.loads(done.stdout)
        assert [entry["file"] for entry in entries] == [
            f"{tmp_path / 'rows.npy'}[{number}]" for number in range(5)
        ]
        assert "NaN" in entries[2]["error"]
        assert set(entries[0]["scores"]) == {"safe", "nsfw"}


@pytest.mark.slow
def test_integer_files_are_calibrated_on_rows(head, tmp_path):
    made = export(head, targets=["tflite", "onnx"], precisions=["int8"], out=tmp_path)
    assert made.manifest.calibration.source == "generated embeddings"
    for result in made.parity.artifacts:
        assert result.found.weight_type == "int8"
        assert result.gates["tensor"].differences.max_abs > 0
