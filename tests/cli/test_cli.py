"""The command line as a program: exit codes, JSON on stdout, everything else on stderr."""

import json
import subprocess
import sys

import pytest
from PIL import Image

from edgeconv.parity.reference_set import generated_set


def edgeconv(*arguments, **options):
    command = [sys.executable, "-c", "from edgeconv.cli import main; main()", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, check=False, **options)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Two good pictures and a truncated one."""
    folder = tmp_path_factory.mktemp("pictures")
    for picture in generated_set().pictures[:2]:
        (folder / picture.name).write_bytes(picture.read())
    (folder / "torn.png").write_bytes(generated_set().pictures[2].read()[:200])
    return folder


@pytest.mark.slow
def test_verify_answers_in_json(demo_run):
    done = edgeconv("verify", demo_run.out / "Demo.fp32.onnx", "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["verdict"] == "PASS"
    (artifact,) = document["artifacts"]
    assert artifact["path"] == "Demo.fp32.onnx"
    assert artifact["runtime"].startswith("ONNX Runtime")
    assert set(artifact["gates"]) == {"tensor", "pixels", "file"}
    for gate in artifact["gates"].values():
        assert {
            "verdict", "images", "flips", "flip_bound_95",
            "max_abs_diff", "mean_abs_diff", "kl_mean",
        } <= set(gate)  # fmt: skip


@pytest.mark.slow
def test_verify_against_another_artifact_writes_a_report(demo_run, tmp_path):
    done = edgeconv(
        "verify", demo_run.out / "Demo.int8.tflite",
        "--against", demo_run.out / "Demo.fp32.onnx", "--html", tmp_path / "report.html",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode().startswith("PASS")
    assert "Demo.fp32.onnx in ONNX Runtime" in (tmp_path / "report.html").read_text()


@pytest.mark.slow
def test_a_failed_gate_is_exit_code_1(demo_run):
    done = edgeconv("verify", demo_run.out / "Demo.int8.onnx", "--max-flip-rate", "0")
    assert done.returncode in (1, 3)
    assert done.stdout.decode().startswith(("FAIL", "INCONCLUSIVE"))


@pytest.mark.slow
def test_too_few_pictures_are_exit_code_3(demo_run, pictures):
    done = edgeconv("verify", demo_run.out / "Demo.fp32.onnx", "--images", pictures, "--json")
    assert done.returncode == 3
    assert json.loads(done.stdout)["verdict"] == "INCONCLUSIVE"


def test_classify_reports_the_bad_file_and_does_the_rest(demo_run, pictures):
    done = edgeconv("classify", demo_run.out / "Demo.fp32.onnx", pictures, "--json")
    assert done.returncode == 0
    good, better, torn = json.loads(done.stdout)
    for answer in (good, better):
        assert set(answer) == {"file", "label", "unsafe", "scores"}
        assert answer["label"] == max(answer["scores"], key=answer["scores"].get)
        assert answer["unsafe"] == (answer["label"] in ("Rings", "Stripes"))
    assert set(torn) == {"file", "error"}
    assert "torn.png" in torn["error"]
    assert b"no moderation model" in done.stderr


@pytest.mark.slow
def test_classify_reads_stdin_and_models_by_name(pictures):
    content = next(pictures.glob("pattern-*.png")).read_bytes()
    done = edgeconv("classify", "demo", "-", "--json", input=content)
    (answer,) = json.loads(done.stdout)
    assert answer["file"] == "-"
    assert sum(answer["scores"].values()) == pytest.approx(1, abs=1e-5)


@pytest.mark.slow
def test_model_and_artifact_agree(demo_run, pictures):
    by_name, by_file = (
        json.loads(edgeconv("classify", model, pictures, "--json").stdout)
        for model in ("demo", demo_run.out / "Demo.fp32.tflite")
    )
    for one, other in zip(by_name, by_file, strict=True):
        assert one.get("label") == other.get("label")


def test_nothing_readable_is_exit_code_2(demo_run, tmp_path):
    (tmp_path / "x.png").write_bytes(b"no picture")
    assert edgeconv("classify", demo_run.out / "Demo.fp32.onnx", tmp_path).returncode == 2


def test_an_error_is_for_people_and_for_programs():
    done = edgeconv("export", "nsfw-mobile", "--json")
    assert done.returncode == 2
    assert json.loads(done.stdout)["error"]["type"] == "UnknownName"
    assert b"did you mean 'nsfw-mobilenet-v2'?" in done.stderr
    assert b"Traceback" not in done.stderr


def test_models_lists_all_three():
    done = edgeconv("models", "--json")
    names = {model["name"]: model for model in json.loads(done.stdout)}
    assert {"demo", "nsfw-mobilenet-v2", "nsfwjs-mobilenet-v2"} <= set(names)
    assert names["demo"]["weights"] == "embedded"


def test_show_reads_the_contract_inside(demo_run):
    document = json.loads(edgeconv("show", demo_run.out / "Demo.mlpackage", "--json").stdout)
    assert document["labels"] == ["Dots", "Rings", "Stripes"]
    assert document["input"]["colour"] == "RGB"


def test_plan_writes_nothing(tmp_path):
    done = edgeconv("export", "demo", "--plan", "--json", "--out", tmp_path / "out")
    assert len(json.loads(done.stdout)["artifacts"]) == 9
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "verb", ["models", "show", "pull", "train", "export", "verify", "classify"]
)
def test_every_verb_has_help_with_an_example_and_json(verb):
    text = edgeconv(verb, "--help").stdout.decode()
    assert f"edgeconv {verb}" in text
    assert "--json" in text


def test_a_broken_artifact_is_said(tmp_path):
    for name in ("x.onnx", "x.tflite", "x.mlmodel"):
        (tmp_path / name).write_bytes(b"\x08\x01broken")
        done = edgeconv("verify", tmp_path / name)
        assert done.returncode == 2
        assert b"Traceback" not in done.stderr
    Image.new("RGB", (4, 4)).save(tmp_path / "x.png")
    assert edgeconv("verify", tmp_path / "x.png").returncode == 2


@pytest.mark.slow
def test_the_terminal_hears_edgeconv_alone(demo, tmp_path):
    done = edgeconv(
        "export", "demo", "--target", "tflite", "--precision", "int8", "--no-verify",
        "--out", tmp_path,
    )  # fmt: skip
    assert done.returncode == 0
    assert done.stderr.decode().splitlines() == [
        "loading demo",
        "note: integer files are calibrated on generated pictures; "
        "give real ones with --calibration PATH",
        "rounding weights to int8 (159)",
        "converting to Demo.int8.tflite",
    ]
