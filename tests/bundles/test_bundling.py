"""A bundle is whole or not there, and never put over what is no bundle."""

import json
import subprocess
import sys

import pytest

from edgeconv.artifact import Artifact, Assumptions, open_artifact
from edgeconv.bundles import KINDS, contents
from edgeconv.bundling import bundle
from edgeconv.contract import EmbeddingTensor
from edgeconv.errors import ArtifactError, NoContract, UnknownName, UsageError


def edgeconv(*arguments):
    command = [sys.executable, "-c", "from edgeconv.cli import main; main()", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def everything_in(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_the_verb_answers_in_json(demo_artifact, tmp_path):
    done = edgeconv("bundle", "jetson", demo_artifact, "--out", tmp_path / "out", "--json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["bundle"] == "jetson"
    assert answer["out"] == str(tmp_path / "out")
    assert set(answer["files"]) == set(everything_in(tmp_path / "out"))
    assert {"Demo.fp32.onnx", "contract.json", "labels.txt", "selftest.py"} <= set(answer["files"])
    assert "a Jetson computes fp16 faster" in done.stderr


def test_the_verb_refuses_in_json_with_exit_code_2(demo_artifact, tmp_path):
    done = edgeconv("bundle", "raspberry-pi", demo_artifact, "--out", tmp_path / "out", "--json")
    assert done.returncode == 2
    assert json.loads(done.stdout)["error"]["type"] == "UsageError"
    assert not (tmp_path / "out").exists()


def test_the_same_artifact_gives_the_same_bytes(demo_artifact, jetson, tmp_path):
    again = bundle("jetson", demo_artifact, tmp_path / "again")
    assert everything_in(again.out) == everything_in(jetson)


def test_what_decides_is_recorded(jetson):
    mark = json.loads((jetson / "bundle.json").read_text())
    contract = json.loads((jetson / "contract.json").read_text())
    golden = {f"golden/{picture['name']}" for picture in contract["golden"]}
    assert len(golden) == 8
    assert set(mark["sha256"]) == {"Demo.fp32.onnx", "contract.json", "labels.txt"} | golden
    assert contract == open_artifact(jetson / mark["model"]).contract.as_dict()
    assert (jetson / "labels.txt").read_text().splitlines() == contract["labels"]


def test_an_earlier_bundle_is_replaced_as_a_whole(demo_artifact, tmp_path):
    out = bundle("jetson", demo_artifact, tmp_path / "out").out
    (out / "left_behind.txt").touch()
    (out / "labels.txt").write_text("other\n")
    again = bundle("jetson", demo_artifact, out)
    assert not (out / "left_behind.txt").exists()
    assert "other" not in (out / "labels.txt").read_text()
    assert set(again.files) == set(everything_in(out))


@pytest.mark.parametrize("there", ["a file", "a folder with a file"])
def test_what_is_no_bundle_is_left_alone(there, demo_artifact, tmp_path):
    out = tmp_path / "out"
    precious = out if there == "a file" else out / "precious.txt"
    precious.parent.mkdir(exist_ok=True)
    precious.write_text("mine")
    with pytest.raises(UsageError, match="is there already"):
        bundle("jetson", demo_artifact, out)
    assert precious.read_text() == "mine"


def test_an_interrupted_bundle_leaves_what_was_there(demo_artifact, tmp_path, monkeypatch):
    out = bundle("jetson", demo_artifact, tmp_path / "out").out
    before = everything_in(out)

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(contents.json, "dumps", interrupted)
    with pytest.raises(KeyboardInterrupt):
        bundle("jetson", demo_artifact, out)
    assert everything_in(out) == before
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["out"]


def test_an_unknown_kind_lists_those_there_are(demo_artifact, tmp_path):
    with pytest.raises(UnknownName) as caught:
        bundle("raspberrypi", demo_artifact, tmp_path / "out")
    assert all(kind in str(caught.value) for kind in KINDS)
    assert "did you mean 'raspberry-pi'?" in str(caught.value)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "jetson"])
def test_a_file_for_another_device_is_refused(kind, demo_artifact, tmp_path):
    with pytest.raises(UsageError, match="cannot hold Demo.fp32.onnx"):
        bundle(kind, demo_artifact, tmp_path / "out")


def with_contract(path, **changes):
    artifact = open_artifact(path)
    return Artifact(path, artifact.contract.model_copy(update=changes))


def test_a_file_of_somebody_elses_is_refused(demo_artifact, tmp_path):
    contract = open_artifact(demo_artifact).contract
    theirs = Artifact(demo_artifact, contract, Assumptions())
    with pytest.raises(NoContract, match="carries no edgeconv contract"):
        bundle("jetson", theirs, tmp_path / "out")


def test_embeddings_are_refused(demo_artifact, tmp_path):
    rows = EmbeddingTensor(name="row", shape=(1, 4), length=4)
    with pytest.raises(UsageError, match="takes embeddings"):
        bundle("jetson", with_contract(demo_artifact, input=rows), tmp_path / "out")


def test_without_golden_scores_there_is_no_bundle(demo_artifact, tmp_path):
    with pytest.raises(ArtifactError, match="carries no golden scores"):
        bundle("jetson", with_contract(demo_artifact, golden=()), tmp_path / "out")


@pytest.mark.parametrize("changed", [{"sha256": "0" * 64}, {"name": "../../evil.png"}])
def test_golden_pictures_must_be_those_of_the_contract(changed, demo_artifact, tmp_path):
    first, *others = open_artifact(demo_artifact).contract.golden
    golden = (first.model_copy(update=changed), *others)
    with pytest.raises(ArtifactError, match="scores for another picture"):
        bundle("jetson", with_contract(demo_artifact, golden=golden), tmp_path / "out")
    assert not list(tmp_path.rglob("*.png"))


def test_labels_of_several_lines_are_refused(demo_artifact, tmp_path):
    labels = with_contract(demo_artifact, labels=("Dots", "Rings", "a\nb"))
    with pytest.raises(ArtifactError, match="labels of several lines"):
        bundle("jetson", labels, tmp_path / "out")


def test_a_bundle_needs_a_folder(demo_artifact):
    done = edgeconv("bundle", "jetson", demo_artifact)
    assert done.returncode == 2
    assert "name one with --out" in done.stderr


def test_only_ios_has_an_app(demo_artifact, tmp_path):
    with pytest.raises(UsageError, match="a bundle for jetson is a folder of its own"):
        bundle("jetson", demo_artifact, app=tmp_path)


def test_scripts_may_be_executed_and_data_not(jetson):
    assert (jetson / "predict.py").stat().st_mode & 0o777 == 0o755
    assert (jetson / "contract.json").stat().st_mode & 0o777 == 0o644
