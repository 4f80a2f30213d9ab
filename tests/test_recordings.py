"""What one machine answered, judged on another; each claim with a twin that must not pass."""

import json
import sys
import types

import numpy as np
import pytest

from edgeconv.errors import FileError, UsageError
from edgeconv.parity.reference_set import generated_set
from edgeconv.parity.results import Verdict
from edgeconv.runtimes import open_runtime
from edgeconv.runtimes.coreml import ReferenceExecutor
from edgeconv.verifying import verify

LENIENT = 0.2


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    for picture in generated_set().pictures[::8]:
        (folder / picture.name).write_bytes(picture.read())
    return folder


@pytest.fixture
def judge(pictures, demo_artifact):
    """Verify against the fp32 ONNX file, which needs no Keras."""

    def verify_it(path, **options):
        options = {"images": pictures, "max_flip_rate": LENIENT, **options}
        return verify(path, against=demo_artifact, **options).artifacts[0]

    return verify_it


def changed(path, change):
    """A copy of a recording, changed by ``change(document)``."""
    document = json.loads(path.read_text())
    change(document)
    copy = path.with_name("changed.json")
    copy.write_text(json.dumps(document))
    return copy


@pytest.mark.parametrize("name", ["Demo.int8.onnx", "Demo.fp32.tflite", "Demo.mlpackage"])
def test_a_recording_is_judged_as_the_file_was(demo_run, judge, tmp_path, name):
    place = tmp_path / "recording.json"
    ran = judge(demo_run.out / name, record=place)
    recorded = judge(demo_run.out / name, recording=place)
    assert recorded.runtime == f"recorded: {ran.runtime}"
    assert recorded.gates == ran.gates
    assert recorded.scores == ran.scores
    assert recorded.latency is None


def test_a_recording_runs_no_runtime(demo_artifact, judge, tmp_path, monkeypatch):
    place = tmp_path / "recording.json"
    judge(demo_artifact, record=place)

    def refuse(path, threads=1, labels=None):
        raise AssertionError("it was run")

    monkeypatch.setattr("edgeconv.parity.trial.open_runtime", refuse)
    assert judge(demo_artifact, recording=place).verdict is Verdict.PASS


def test_the_executor_is_compared_with_what_was_recorded(demo_run, judge, tmp_path):
    place = tmp_path / "recording.json"
    judge(demo_run.out / "Demo.mlmodel", record=place)

    def shift(document):
        (runtime,) = document["runtimes"]
        runtime["runtime"] = "Core ML, macOS 15.1, CPU and Neural Engine"
        scores = runtime["pictures"][3]["answers"][0]["scores"]
        first, second, *_ = sorted(scores, key=scores.get)
        scores[first] += 0.125
        scores[second] -= 0.125

    result = judge(demo_run.out / "Demo.mlmodel", recording=changed(place, shift))
    assert result.runtime == "recorded: Core ML, macOS 15.1, CPU and Neural Engine"
    assert result.note == (
        "the reference executor differs by up to 0.12 from "
        "recorded: Core ML, macOS 15.1, CPU and Neural Engine"
    )


def test_altered_scores_fail(demo_artifact, judge, tmp_path):
    place = tmp_path / "recording.json"
    judge(demo_artifact, record=place)

    def rotate(document):
        for picture in document["runtimes"][0]["pictures"]:
            for answer in picture["answers"]:
                labels = list(answer["scores"])
                scores = list(answer["scores"].values())
                answer["scores"] = dict(zip(labels, scores[1:] + scores[:1], strict=True))

    result = judge(demo_artifact, recording=changed(place, rotate))
    assert {gate.verdict for gate in result.gates.values()} == {Verdict.FAIL}


def test_a_recording_of_another_file_is_refused(demo_run, judge, tmp_path):
    place = tmp_path / "recording.json"
    judge(demo_run.out / "Demo.int8.onnx", record=place)
    with pytest.raises(UsageError, match=r"not of Demo\.fp16\.onnx") as caught:
        judge(demo_run.out / "Demo.fp16.onnx", recording=place)
    assert "Demo.int8.onnx" in str(caught.value)


def test_a_recording_of_other_pictures_names_them(demo_artifact, pictures, judge, tmp_path):
    place = tmp_path / "recording.json"
    judge(demo_artifact, record=place)
    fewer = tmp_path / "fewer"
    fewer.mkdir()
    one, other, *rest = sorted(pictures.iterdir())
    for path in (one, *rest):
        (fewer / path.name).write_bytes((other if path is one else path).read_bytes())
    with pytest.raises(UsageError, match="not of these pictures") as caught:
        judge(demo_artifact, recording=place, images=fewer)
    assert f"{one.name}: other pixels" in str(caught.value)
    assert f"{other.name}: recorded, not given" in str(caught.value)


def test_what_is_no_recording_is_said(demo_run, judge, tmp_path):
    with pytest.raises(FileError, match="cannot read"):
        judge(demo_run.out / "Demo.fp32.onnx", recording=tmp_path / "absent.json")
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(UsageError, match="is no recording"):
        judge(demo_run.out / "Demo.fp32.onnx", recording=tmp_path / "x.json")
    with pytest.raises(UsageError, match="one artifact"):
        judge(demo_run.out, record=tmp_path / "x.json")


@pytest.fixture
def a_mac(monkeypatch):
    """macOS with a Core ML whose Neural Engine is off by whatever is put into ``drift``."""
    import coremltools as ct

    drift = types.SimpleNamespace(on_all_units=lambda scores: scores)

    class StandIn:
        def __init__(self, path, compute_units):
            from pathlib import Path

            self._executor = ReferenceExecutor(Path(path))
            self._all = compute_units is ct.ComputeUnit.ALL

        def predict(self, inputs):
            (picture,) = inputs.values()
            scores = self._executor.run(np.asarray(picture)[None])
            scores = drift.on_all_units(scores) if self._all else scores
            return {"scores": dict(zip(self._executor.labels, scores.tolist(), strict=True))}

    monkeypatch.setattr(ct.models, "MLModel", StandIn)
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr("platform.mac_ver", lambda: ("15.1", ("", "", ""), "arm64"))
    return drift


def test_a_mac_is_judged_on_the_cpu_and_on_all_units(demo_run, judge, a_mac, tmp_path):
    place = tmp_path / "recording.json"
    result = judge(demo_run.out / "Demo.mlpackage", record=place)
    cpu, every = (
        f"Core ML, macOS 15.1, {units}" for units in ("CPU only", "CPU, GPU and Neural Engine")
    )
    assert result.runtime == f"{cpu}; {every}"
    assert result.verdict is Verdict.PASS
    assert f"the reference executor differs by up to 0 from {cpu}" in result.note
    document = json.loads(place.read_text())
    assert [recorded["runtime"] for recorded in document["runtimes"]] == [cpu, every]


def test_a_broken_neural_engine_fails_though_the_cpu_passes(demo_run, judge, a_mac):
    a_mac.on_all_units = lambda scores: np.roll(scores, 1)
    result = judge(demo_run.out / "Demo.mlpackage")
    assert result.verdict is Verdict.FAIL
    findings = result.gates["file"].findings
    assert all("Neural Engine: " in finding for finding in findings)


def test_a_runtime_alone_stays_on_the_cpu(demo_run, a_mac):
    assert "CPU only" in open_runtime(demo_run.out / "Demo.mlpackage").description
