"""Many inputs at once: the scores of one by one, or no batches; and the fastest file is found."""

import json
import pickle

import numpy as np
import onnx
import pytest
from scoring_inputs import read_parts, unit_rows
from small_head import write_head

import edgeconv
from edgeconv.architectures.lookup import BASE
from edgeconv.artifact import open_artifact
from edgeconv.classifier import load_classifier
from edgeconv.contract import OperatingPoint
from edgeconv.errors import ArtifactError, UnknownName, UsageError
from edgeconv.policy import Policy
from edgeconv.runtimes import open_runtime
from edgeconv.scoring import onnx_rewriting
from edgeconv.scoring.choosing import choose
from edgeconv.scoring.onnx_batches import OnnxBatches
from edgeconv.scoring.scorer import BatchScorer
from edgeconv.scoring.verdicts import judge_rows


@pytest.fixture(scope="module")
def head(tmp_path_factory):
    return write_head(tmp_path_factory.mktemp("head"))


@pytest.fixture(scope="module")
def exported(head, tmp_path_factory):
    """The head's ONNX files, verified on typical rows."""
    out = tmp_path_factory.mktemp("exported")
    return edgeconv.export(head, targets=["onnx"], out=out).out


@pytest.fixture(scope="module")
def rows(head):
    """Rows as the model was trained on, half of them with numbers that are in its tables."""
    return load_classifier(head).typical_rows(600, 3)


def one_by_one(path, rows):
    runtime = open_runtime(path)
    return np.stack([runtime.run(row[None]) for row in rows])


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_batches_of_any_size_score_as_one_by_one(exported, rows, precision):
    path = exported / f"Head.{precision}.onnx"
    expected = one_by_one(path, rows)
    assert 0.1 < (expected[:, 1] > 0.5).mean() < 0.9
    for batch in (2, 7, 64, 1000):
        scores = BatchScorer(str(path), batch=batch)(rows)
        np.testing.assert_allclose(scores, expected, atol=2e-6)


def test_tables_are_looked_up_and_not_searched(exported, rows):
    model = onnx.load(exported / "Head.fp32.onnx")
    onnx_rewriting.for_batches(model)
    kinds = [node.op_type for node in model.graph.node]
    assert not {"ReduceSum", "Where", "And"} & set(kinds)
    # Both tables, and the columns that are looked up. The dense layer takes in the rest.
    assert kinds.count("Gather") == 3
    assert onnx_rewriting._BASE == BASE
    (scores,) = load_session(model).run(None, {"embedding": rows})
    np.testing.assert_allclose(
        scores, one_by_one(exported / "Head.fp32.onnx", rows), rtol=0, atol=2e-6
    )


def load_session(model):
    import onnxruntime

    return onnxruntime.InferenceSession(model.SerializeToString())


def test_a_rewriting_that_is_wrong_is_not_used(exported, monkeypatch):
    path = exported / "Head.fp32.onnx"
    contract = open_artifact(path).contract
    OnnxBatches(path, contract, 8, 1)
    look_up = onnx_rewriting._look_up_directly

    def one_further(graph):
        look_up(graph)
        for tensor in graph.initializer:
            if tensor.name.endswith("/entries"):
                entries = onnx.numpy_helper.to_array(tensor)
                moved = np.where(entries > 0, entries + 1, 0).astype(entries.dtype)
                tensor.CopyFrom(onnx.numpy_helper.from_array(moved, tensor.name))

    monkeypatch.setattr(onnx_rewriting, "_look_up_directly", one_further)
    with pytest.raises(ArtifactError, match="answers otherwise"):
        OnnxBatches(path, contract, 8, 1)


def test_a_file_that_takes_one_only_is_run_one_by_one(demo_artifact, monkeypatch, tmp_path):
    """Its graph says 1 where a batch would have to pass."""
    model = onnx.load(demo_artifact)
    (reshape,) = [node for node in model.graph.node if node.op_type == "Reshape"]
    shape = next(one for one in model.graph.initializer if one.name == reshape.input[1])
    sides = onnx.numpy_helper.to_array(shape).copy()
    sides[0] = 1
    shape.CopyFrom(onnx.numpy_helper.from_array(sides, shape.name))
    onnx.save(model, tmp_path / "One.onnx")
    choice = choose(tmp_path / "One.onnx")
    assert {trial.batch for trial in choice.trials} == {1}
    assert {trial.batch for trial in choose(demo_artifact).trials} == {1, 8}


def test_pictures_in_batches(demo_artifact):
    pixels = np.random.default_rng(0).integers(0, 256, (9, 224, 224, 3)).astype(np.uint8)
    alone, together = (BatchScorer(str(demo_artifact), batch=batch)(pixels) for batch in (1, 4))
    np.testing.assert_allclose(alone, together, atol=1e-6)


def test_a_scorer_can_be_sent_and_takes_no_session_along(demo_artifact):
    scorer = BatchScorer(str(demo_artifact))
    before = pickle.dumps(scorer)
    scores = scorer(np.zeros((1, 224, 224, 3), np.uint8))
    assert pickle.dumps(scorer) == before
    again = pickle.loads(before)
    np.testing.assert_array_equal(again(np.zeros((1, 224, 224, 3), np.uint8)), scores)


def test_the_fastest_file_that_passed_is_taken(exported, tmp_path):
    choice = choose(exported)
    assert {trial.artifact for trial in choice.trials} == {"Head.fp32.onnx", "Head.fp16.onnx"}
    times = [trial.ms_per_input for trial in choice.trials]
    assert times == sorted(times)
    assert choice.scorer.batch == choice.trials[0].batch > 1
    manifest = json.loads((exported / "manifest.json").read_text())
    for entry in manifest["artifacts"]:
        entry["verdict"] = "FAIL" if "fp32" in entry["path"] else entry["verdict"]
        (tmp_path / entry["path"]).write_bytes((exported / entry["path"]).read_bytes())
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    assert {trial.artifact for trial in choose(tmp_path).trials} == {"Head.fp16.onnx"}
    for entry in manifest["artifacts"]:
        entry["verdict"] = None
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(UsageError, match="passed its verification"):
        choose(tmp_path)


def test_embeddings_end_to_end(head, exported, rows, tmp_path):
    np.save(tmp_path / "rows.npy", rows)
    edgeconv.score(exported, tmp_path / "rows.npy", tmp_path / "out", workers=1)
    edgeconv.score(head, tmp_path / "rows.npy", tmp_path / "by-model", workers=1)
    found, original = (read_parts(tmp_path / name / "scores") for name in ("out", "by-model"))
    for label in ("safe", "nsfw"):
        expected = load_classifier(head).scores(rows)[:, ("safe", "nsfw").index(label)]
        assert [row[f"score_{label}"] for row in found] == pytest.approx(expected, abs=2e-3)
        assert [row[f"score_{label}"] for row in original] == pytest.approx(expected, abs=1e-6)
    assert {row["label"] for row in found} == {"safe", "nsfw"}


def test_threads_write_what_one_would(exported, rows, tmp_path):
    """Rows in batches are scored by threads; a row of another norm is an error in both."""
    given = np.tile(rows, (30, 1))
    given[[5, 9000]] *= 2
    np.save(tmp_path / "rows.npy", given)
    for workers in (1, 3):
        edgeconv.score(
            exported / "Head.fp32.onnx",
            tmp_path / "rows.npy",
            tmp_path / str(workers),
            workers=workers,
        )
    alone, together = (
        {path.name: path.read_bytes() for path in (tmp_path / name / "scores").iterdir()}
        for name in ("1", "3")
    )
    assert len(alone) > 3
    assert alone == together
    found = read_parts(tmp_path / "3/scores")
    assert [number for number, row in enumerate(found) if row["error"]] == [5, 9000]
    assert found[9000]["key"].endswith("rows.npy[9000]")


@pytest.mark.slow
@pytest.mark.parametrize("rows", ["float16", "float32"])
def test_laions_head_as_the_original(shared, tmp_path, rows):
    out = edgeconv.export(
        "laion-clip-l14-head",
        targets=["onnx"],
        weights=shared / "checkpoints/laion/clip_autokeras_binary_nsfw.zip",
        out=tmp_path / "export",
    ).out
    golden = np.load(shared / "golden/laion_clip_l14.npz")
    np.save(tmp_path / "rows.npy", golden[f"embeddings_{rows}"])
    edgeconv.score(out / "LaionClipL14Head.fp32.onnx", tmp_path / "rows.npy", tmp_path / "out")
    scores = [row["score_nsfw"] for row in read_parts(tmp_path / "out/scores")]
    np.testing.assert_allclose(scores, golden[f"scores_{rows}"], atol=2e-6)


POINT = OperatingPoint(name="strict", threshold=0.3)


@pytest.mark.parametrize("point", [None, POINT])
def test_the_policy_over_rows_is_the_policy(point):
    labels = ("Drawing", "Hentai", "Neutral", "Porn", "Sexy")
    policy = Policy(labels, ("Porn", "Hentai", "Sexy"), point)
    random = np.random.default_rng(0)
    scores = random.dirichlet(np.full(5, 0.3), 3000).astype(np.float32)
    scores[:50] = scores[:50].round(1)
    scores[50:60, 2] = 0.5
    scores[50:60, 4] = 0.5
    for row, value in ((100, np.nan), (101, np.inf), (102, -np.inf)):
        scores[row, row % 5] = value
    scores[103] = np.nan
    best, flagged = judge_rows(policy, scores)
    for row, (index, flag) in enumerate(zip(best, flagged, strict=True)):
        judgement = policy.judge(dict(zip(labels, scores[row].tolist(), strict=True)))
        assert (labels[index], bool(flag)) == (judgement.label, judgement.flagged)
    assert flagged[100:104].all()
    assert 0.1 < flagged.mean() < 0.9


def test_an_error_of_a_worker_arrives_whole():
    error = UnknownName("engine", "sparkle", ["spark", "ray"])
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == str(error)
    assert type(again) is UnknownName


def test_rows_of_another_length_are_rows_with_errors(exported, tmp_path):
    np.save(tmp_path / "rows.npy", unit_rows(4, 15))
    done = edgeconv.score(exported / "Head.fp32.onnx", tmp_path / "rows.npy", tmp_path / "out")
    (row,) = read_parts(tmp_path / "out/scores")
    assert "shape (4, 15)" in row["error"]
    assert done.counts.errors == 1
