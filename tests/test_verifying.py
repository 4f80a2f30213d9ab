import shutil

import pytest

from edgeconv.errors import ArtifactError, UsageError
from edgeconv.exporting import export
from edgeconv.parity.results import Verdict
from edgeconv.verifying import verify


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    """Twelve pictures: enough to run every gate, too few to pass."""
    from edgeconv.parity.reference_set import generated_set

    folder = tmp_path_factory.mktemp("few")
    for picture in generated_set().pictures[:12]:
        (folder / picture.name).write_bytes(picture.read())
    return folder


@pytest.mark.slow
def test_a_whole_folder_is_verified(demo_run, few):
    run = verify(demo_run.out, images=few)
    assert len(run.artifacts) == 9
    assert run.verdict is not Verdict.PASS
    assert run.pictures.count == 12


@pytest.mark.slow
def test_unreadable_pictures_are_skipped_and_named(demo_artifact, few, tmp_path):
    folder = shutil.copytree(few, tmp_path / "pictures")
    (folder / "torn.jpg").write_bytes(b"\xff\xd8\xff")
    run = verify(demo_artifact, images=folder)
    assert list(run.pictures.skipped) == ["torn.jpg"]
    assert run.pictures.count == 12


@pytest.mark.slow
def test_the_same_files_elsewhere_are_verified_too(demo_artifact, few, tmp_path):
    """The embedded original is found by the contract alone, without a manifest."""
    alone = shutil.copy(demo_artifact, tmp_path)
    assert verify(alone, images=few).artifacts[0].gates["file"].differences.max_abs < 1e-5


def test_another_checkpoint_is_no_reference(demo, demo_artifact, few, tmp_path):
    from edgeconv.checkpoints import safetensors

    other = tmp_path / "other.safetensors"
    safetensors.write(demo.network.model, other, "float32")
    with pytest.raises(UsageError, match="made from another checkpoint"):
        verify(demo_artifact, weights=other, images=few)


def test_a_missing_original_says_what_to_do(demo, demo_artifact, few, tmp_path, monkeypatch):
    import onnx

    from edgeconv.formats.onnx_metadata import read_contract
    from edgeconv.targets import Options
    from edgeconv.targets.onnx import OnnxConverter

    orphan = tmp_path / "orphan.onnx"
    shutil.copy(demo_artifact, orphan)
    contract = read_contract(orphan).model_copy(update={"model": "nsfw-mobilenet-v2"})
    OnnxConverter(None, Options()).embed(orphan, contract)
    assert onnx.load(orphan)
    monkeypatch.setenv("EDGECONV_CACHE", str(tmp_path / "cache"))
    with pytest.raises(UsageError) as caught:
        verify(orphan, images=few)
    assert "--weights" in str(caught.value)
    assert "--against" in str(caught.value)


def test_two_models_at_once_are_refused(demo_artifact, tmp_path):
    from edgeconv.formats.onnx_metadata import read_contract
    from edgeconv.targets import Options
    from edgeconv.targets.onnx import OnnxConverter

    shutil.copy(demo_artifact, tmp_path / "a.onnx")
    shutil.copy(demo_artifact, tmp_path / "b.onnx")
    contract = read_contract(demo_artifact).model_copy(update={"model": "other"})
    OnnxConverter(None, Options()).embed(tmp_path / "b.onnx", contract)
    with pytest.raises(UsageError, match="2 models at once"):
        verify(tmp_path)


def test_nothing_to_verify_is_said(tmp_path):
    with pytest.raises(UsageError, match="no artifacts"):
        verify(tmp_path)
    with pytest.raises(UsageError, match="there is no"):
        verify(tmp_path / "x.onnx")


def test_a_torn_artifact_is_a_typed_error(demo_artifact, tmp_path):
    torn = tmp_path / "torn.onnx"
    torn.write_bytes(demo_artifact.read_bytes()[:100_000])
    with pytest.raises(ArtifactError):
        verify(torn)


@pytest.mark.slow
def test_not_run_here_is_never_a_pass(demo, few, tmp_path, monkeypatch):
    from edgeconv import runtimes
    from edgeconv.errors import CannotRunHere

    def refuse(path, threads=1, labels=None):
        raise CannotRunHere("not run here: Core ML runs on macOS only")

    run = export(demo, targets=["onnx"], precisions=["fp32"], verify=False, out=tmp_path)
    monkeypatch.setattr("edgeconv.parity.trial.open_runtime", refuse)
    assert runtimes.open_runtime is not refuse
    found = verify(run.out, images=few)
    assert found.artifacts[0].verdict is Verdict.NOT_RUN
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "nothing could be run here" in found.headline
