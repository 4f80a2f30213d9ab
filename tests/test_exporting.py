import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edgeconv import exporting
from edgeconv.artifact import open_artifact
from edgeconv.errors import CheckpointError, FileError, UnknownName, UsageError
from edgeconv.export_request import plan
from edgeconv.exporting import export
from edgeconv.files import STAGING_PREFIX, sha256_of
from edgeconv.golden import with_golden_scores
from edgeconv.manifest import read_manifest
from edgeconv.parity.reference_set import golden_pictures
from edgeconv.parity.results import Verdict

ALL_NINE = {
    "Demo.mlmodel",
    "Demo.mlpackage",
    "Demo.fp32.tflite",
    "Demo.fp16.tflite",
    "Demo.dynamic.tflite",
    "Demo.int8.tflite",
    "Demo.fp32.onnx",
    "Demo.fp16.onnx",
    "Demo.int8.onnx",
}
QUICK = {"targets": ["onnx"], "precisions": ["fp32"], "verify": False}


def command(*arguments):
    return [sys.executable, "-c", "from edgeconv.cli import main; main()", *map(str, arguments)]


def test_all_nine_are_made_and_every_file_carries_its_contract(demo_run, demo):
    assert {entry.path for entry in demo_run.manifest.artifacts} == ALL_NINE
    for name in ALL_NINE:
        contract = open_artifact(demo_run.out / name).contract
        assert contract.labels == demo.spec.labels
        assert contract.unsafe_labels == demo.spec.unsafe
        assert contract.source.checkpoint_sha256 == demo.source.checkpoint_sha256
        assert "no moderation model" in contract.notice
        beside = json.loads((demo_run.out / f"{name}.json").read_text())
        assert beside == contract.as_dict()


@pytest.mark.slow
def test_what_could_be_run_passed_and_what_could_not_is_not_a_pass(verified_run):
    verdicts = {entry.path: entry.verdict for entry in verified_run.manifest.artifacts}
    runnable = {name for name in ALL_NINE if not name.startswith("Demo.ml")}
    assert {verdicts[name] for name in runnable} == {Verdict.PASS}
    assert verified_run.verdict is Verdict.PASS


@pytest.mark.slow
def test_float_files_are_exact(verified_run):
    for name in ("Demo.fp32.tflite", "Demo.fp32.onnx"):
        assert verified_run[name].gates["pixels"].differences.max_abs < 1e-5
        assert verified_run[name].flips.count == 0


@pytest.mark.slow
def test_precision_is_as_found_in_the_file(verified_run):
    found = {result.path: result.found for result in verified_run.parity.artifacts}
    assert found["Demo.int8.tflite"].weight_type == "int8"
    assert found["Demo.int8.tflite"].float_ops == 0
    assert found["Demo.int8.onnx"].activation_type == "uint8"
    assert found["Demo.dynamic.tflite"].activation_type == "float32"
    assert found["Demo.fp16.onnx"].weight_type == "float16"
    assert found["Demo.mlpackage"].weight_type == "float16"
    assert found["Demo.mlmodel"].weight_type == "float32"


def test_a_file_gives_its_golden_scores_again(demo_run):
    for name in ("Demo.int8.tflite", "Demo.fp16.onnx", "Demo.mlpackage"):
        artifact = open_artifact(demo_run.out / name)
        assert len(artifact.contract.golden) == 8
        assert artifact.contract.golden_from
        pictures = golden_pictures(artifact.contract.input.preprocessing)
        assert with_golden_scores(artifact, pictures) == artifact.contract


@pytest.mark.slow
def test_the_folder_holds_manifest_parity_and_report(verified_run):
    manifest = read_manifest(verified_run.out)
    assert manifest == verified_run.manifest
    assert manifest.verified
    assert manifest.describes(verified_run.out)
    assert (verified_run.out / "report.html").read_text().startswith("<!doctype html>")
    assert json.loads((verified_run.out / "parity.json").read_text())["verdict"] == "PASS"
    assert not list(verified_run.out.glob(STAGING_PREFIX + "*"))


@pytest.mark.slow
def test_results_are_found_by_name(verified_run):
    assert verified_run["Demo.int8.tflite"].flips.images == 320
    with pytest.raises(UnknownName, match="Demo.int8.tflit"):
        verified_run["Demo.int8.tflit"]


def test_nothing_changed_nothing_done(demo, tmp_path, monkeypatch):
    first = export(demo, out=tmp_path, **QUICK)
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    monkeypatch.setattr(exporting, "_run", lambda *_: pytest.fail("it was done again"))
    second = export(demo, out=tmp_path, **QUICK)
    assert (first.up_to_date, second.up_to_date) == (False, True)
    assert second.manifest == first.manifest
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    "disturb",
    [
        lambda out: (out / "Demo.fp32.onnx").write_bytes(b"broken"),
        lambda out: (out / "Demo.fp32.onnx").unlink(),
        lambda out: (out / "manifest.json").unlink(),
    ],
    ids=["changed", "removed", "no manifest"],
)
def test_what_was_disturbed_is_made_again(demo, tmp_path, disturb):
    made = export(demo, out=tmp_path, **QUICK)
    disturb(tmp_path)
    again = export(demo, out=tmp_path, **QUICK)
    assert not again.up_to_date
    assert again.manifest.artifacts[0].sha256 == made.manifest.artifacts[0].sha256


@pytest.mark.slow
def test_other_options_are_another_export(demo, tmp_path):
    export(demo, out=tmp_path, **QUICK)
    assert not export(demo, out=tmp_path, **{**QUICK, "precisions": ["fp16"]}).up_to_date


def test_unverified_says_so(demo, tmp_path):
    run = export(demo, out=tmp_path, **QUICK)
    assert run.verdict is None
    assert not run.manifest.verified
    assert run.manifest.headline == "unverified"
    assert not (tmp_path / "report.html").exists()


@pytest.mark.slow
def test_the_same_inputs_give_the_same_bytes(demo_run, tmp_path):
    """In another process, with other hash seeds, and on another day by the clock."""
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    subprocess.run(
        command("export", "demo", "--out", tmp_path, "--no-verify"), env=environment, check=True
    )
    again = {entry.path: entry.sha256 for entry in read_manifest(tmp_path).artifacts}
    assert again == {entry.path: entry.sha256 for entry in demo_run.manifest.artifacts}
    dates = [path for path in tmp_path.rglob("*") if path.is_file()]
    stamp = time.strftime("%Y-%m-%d").encode()
    assert not [path for path in dates if stamp in path.read_bytes()]


def test_the_same_bytes_in_one_process(demo, demo_artifact, tmp_path):
    run = export(demo, out=tmp_path, **QUICK)
    assert run.manifest.artifacts[0].sha256 == sha256_of(demo_artifact)


@pytest.mark.slow
def test_killed_in_the_middle_leaves_what_was_there(tmp_path):
    first = subprocess.run(
        command("export", "demo", "--target", "tflite", "--no-verify", "--out", tmp_path),
        check=True,
    )
    assert first.returncode == 0
    before = {path.name: sha256_of(path) for path in tmp_path.glob("Demo.*")}
    running = subprocess.Popen(command("export", "demo", "--target", "all", "--out", tmp_path))
    while not list(tmp_path.glob(STAGING_PREFIX + "*/Demo.mlpackage")):
        assert running.poll() is None
        time.sleep(0.05)
    running.send_signal(signal.SIGKILL)
    running.wait()
    assert {path.name: sha256_of(path) for path in tmp_path.glob("Demo.*")} == before
    assert read_manifest(tmp_path).describes(tmp_path)
    subprocess.run(
        command("export", "demo", "--target", "onnx", "--no-verify", "--out", tmp_path), check=True
    )
    assert not list(tmp_path.glob(STAGING_PREFIX + "*"))
    assert before.items() <= {p.name: sha256_of(p) for p in tmp_path.glob("Demo.*")}.items()


@pytest.mark.slow
def test_interrupted_by_the_user_leaves_what_was_there(tmp_path):
    running = subprocess.Popen(
        command("export", "demo", "--target", "all", "--out", tmp_path), stderr=subprocess.PIPE
    )
    while not list(tmp_path.glob(STAGING_PREFIX + "*/Demo.mlmodel")):
        assert running.poll() is None
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    _, error = running.communicate()
    assert running.returncode == 130
    assert b"Traceback" not in error
    assert {path.name for path in tmp_path.iterdir()} <= {".edgeconv.lock"}


@pytest.mark.slow
def test_two_at_once_do_not_disturb_each_other(tmp_path):
    both = [
        subprocess.Popen(
            command("export", "demo", "--target", target, "--no-verify", "--out", tmp_path)
        )
        for target in ("tflite", "onnx")
    ]
    assert [process.wait() for process in both] == [0, 0]
    assert read_manifest(tmp_path).describes(tmp_path)
    for path in [*tmp_path.glob("*.tflite"), *tmp_path.glob("*.onnx")]:
        assert open_artifact(path).contract.model == "demo"
    assert len(list(tmp_path.glob("Demo.*.json"))) == 7


def test_a_full_disk_is_said_and_leaves_what_was_there(demo, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", disk]
    if subprocess.run(mount, stderr=subprocess.DEVNULL, check=False).returncode:
        pytest.skip("no right to mount a small disk here")
    try:
        first = export(demo, out=disk, **QUICK)
        with pytest.raises(FileError, match="cannot write"):
            export(demo, out=disk, **{**QUICK, "targets": ["tflite"]})
        assert read_manifest(disk) == first.manifest
        assert first.manifest.describes(disk)
        assert not list(disk.glob(STAGING_PREFIX + "*"))
    finally:
        subprocess.run(["umount", disk], check=True)


def test_a_place_that_cannot_be_written_is_said(demo, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match="cannot write"):
        export(demo, out=tmp_path / "file" / "out", **QUICK)


@pytest.mark.parametrize(
    ("options", "listed"),
    [
        ({"model": "nsfw"}, "nsfw-mobilenet-v2"),
        ({"targets": ["onxx"]}, "coreml, tflite, onnx, all"),
        ({"precisions": ["int4"]}, "fp32, fp16, w8, pal8, pal6, pal4, w8a8, dynamic, int8"),
        ({"compat": "tflite-1"}, "tflite-2.14"),
        ({"targets": ["coreml"], "precisions": ["int8"]}, "fp32, fp16"),
        ({"minimum_ios": 12}, "15"),
    ],
)
def test_what_does_not_exist_is_answered_with_what_does(options, listed):
    with pytest.raises(UsageError) as caught:
        plan(**options)
    assert listed in str(caught.value)


def test_a_model_without_weights_says_how_to_give_them(monkeypatch, tmp_path):
    monkeypatch.setenv("EDGECONV_CACHE", str(tmp_path))
    with pytest.raises(CheckpointError) as caught:
        plan("nsfw-mobilenet-v2")
    assert "--weights" in str(caught.value)


def test_a_plan_makes_nothing(tmp_path):
    request = plan("demo", out=tmp_path / "out")
    assert set(request.names) == ALL_NINE
    assert not (tmp_path / "out").exists()


def test_names_carry_the_precision_unless_it_is_the_usual_one():
    assert plan("demo", targets=["coreml"], precisions=["fp32", "fp16"]).names == (
        "Demo.mlmodel",
        "Demo.fp16.mlmodel",
        "Demo.mlpackage",
        "Demo.fp32.mlpackage",
    )


@pytest.mark.slow
def test_the_real_model_end_to_end(shared: Path, tmp_path):
    run = export(
        "nsfwjs-mobilenet-v2",
        weights=shared / "checkpoints/nsfwjs_mobilenet_v2",
        calibration=shared / "photos/natural",
        out=tmp_path,
    )
    assert len(run.manifest.artifacts) == 9
    judged = [entry.verdict for entry in run.manifest.artifacts]
    assert judged.count(Verdict.PASS) >= 7
    assert Verdict.FAIL not in judged
    assert run.manifest.calibration.found == 334
    assert run.manifest.calibration.overlap == 0
    for name in ("NSFWJS.fp32.tflite", "NSFWJS.fp32.onnx"):
        assert run[name].gates["pixels"].differences.max_abs < 1e-5
