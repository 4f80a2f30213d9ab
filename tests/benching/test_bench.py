import json
import shutil

import pytest
from typer.testing import CliRunner

from edgeconv.benching import bench as benching
from edgeconv.benching.bench import NO_DEVICE, bench, headline
from edgeconv.benching.device import recipe
from edgeconv.benching.loading import measure_loading
from edgeconv.benching.plot import write_plot
from edgeconv.benching.results import Agreement
from edgeconv.cli.app import app
from edgeconv.errors import ArtifactError, UnknownName, UsageError

FEW = ("Demo.fp32.onnx", "Demo.int8.onnx", "Demo.mlmodel")
FLIPS = Agreement(held_against="the original", mean_diff=0.01, max_diff=0.1, flips=2, images=320)


@pytest.fixture(scope="module")
def folder(demo_run, tmp_path_factory):
    place = tmp_path_factory.mktemp("bench")
    for name in FEW:
        shutil.copy(demo_run.out / name, place)
    return place


@pytest.fixture(scope="module")
def run(folder):
    """Decisions made up: to count them is parity's work, and takes long."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(benching, "agreements", lambda *_: {"Demo.int8.onnx": FLIPS})
        return bench(folder, rounds=3)


def test_what_runs_here_is_loaded_and_timed(run):
    fp32, int8, _ = run.artifacts
    assert fp32.one_thread.relative == 1
    for one in (fp32, int8):
        assert one.one_thread.p5_ms <= one.one_thread.median_ms <= one.one_thread.p95_ms
        assert one.all_threads.median_ms > 0
        assert one.loading.load_ms > 0
        assert 20 < one.loading.peak_mb < 1000
    assert int8.times_smaller == pytest.approx(fp32.bytes / int8.bytes)


def test_core_ml_is_not_timed_off_a_mac(run):
    core_ml = run.artifacts[2]
    assert core_ml.one_thread is core_ml.loading is None
    assert core_ml.note == NO_DEVICE


def test_one_plain_line_sums_up(run):
    assert run.headline.startswith("Demo.int8.onnx takes ")
    assert run.headline.endswith(" times smaller, 2 of 320 decisions differ")
    assert "none to compare" in headline(run.artifacts[:1])


@pytest.mark.parametrize(("name", "begins"), [("a.png", b"\x89PNG"), ("a.svg", b"<?xml")])
def test_the_plot_is_a_picture(run, tmp_path, name, begins):
    write_plot(run, tmp_path / name)
    assert (tmp_path / name).read_bytes().startswith(begins)


def test_a_plot_of_nothing_is_refused(run, tmp_path):
    with pytest.raises(UsageError, match="nothing to plot"):
        write_plot(run.model_copy(update={"artifacts": run.artifacts[2:]}), tmp_path / "a.png")


def test_a_plot_of_another_kind_is_refused_before_anything_is_measured(folder, monkeypatch):
    monkeypatch.setattr(benching, "bench", lambda *_, **__: pytest.fail("measured"))
    refused = CliRunner().invoke(app, ["bench", str(folder), "--plot", "a.pdf"])
    assert isinstance(refused.exception, UsageError)


def test_a_broken_file_is_a_typed_error(tmp_path):
    (tmp_path / "a.onnx").write_bytes(b"nothing of the kind")
    with pytest.raises(ArtifactError, match="cannot be loaded"):
        measure_loading(tmp_path / "a.onnx")


def test_the_recipe_bundles_what_the_device_takes(folder):
    lines = recipe("jetson", folder)
    assert sum(line.startswith("edgeconv bundle jetson") for line in lines) == 2
    assert not any("mlmodel" in line for line in lines)
    with pytest.raises(UsageError, match="nothing that runs on a raspberry-pi"):
        recipe("raspberry-pi", folder)
    with pytest.raises(UnknownName, match="'toaster'"):
        recipe("toaster", folder)


@pytest.mark.slow
def test_decisions_are_counted_against_the_folders_fp32(folder):
    given = CliRunner().invoke(app, ["bench", str(folder), "--json"])
    document = json.loads(given.stdout)
    fp32, int8, _ = document["artifacts"]
    assert fp32["agreement"]["held_against"] == "Demo.fp32.onnx"
    assert fp32["agreement"]["flips"] == 0
    assert int8["agreement"]["mean_diff"] > 0


@pytest.mark.slow
def test_decisions_of_the_folders_own_verification_are_taken(verified_run):
    parity = {one.path: one for one in verified_run.parity.artifacts}
    for one in bench(verified_run.out, rounds=2).artifacts:
        assert one.agreement.held_against == "the original"
        assert one.agreement.flips == parity[one.path].flips.count
