"""Bundles for the iOS app, made of the demo."""

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgeconv.artifact import Assumptions, open_artifact
from edgeconv.bundles.ios import MODEL_FOLDER, notes, write
from edgeconv.bundling import bundle
from edgeconv.contract import Contract, EmbeddingTensor
from edgeconv.errors import ArtifactError, NoContract, UsageError
from edgeconv.exporting import export
from edgeconv.files import sha256_of

DEMO = Path(__file__).parents[2] / "ios_demo"
SWIFT_FIXTURE = DEMO / "ModerationKit/Tests/ModerationKitTests/Fixtures/Demo.mlpackage.json"


@pytest.fixture(scope="module")
def exported(demo, tmp_path_factory):
    return export(demo, targets=["coreml"], verify=False, out=tmp_path_factory.mktemp("coreml")).out


@pytest.fixture(scope="module")
def package(exported):
    return open_artifact(exported / "Demo.mlpackage")


@pytest.fixture(scope="module")
def network(exported):
    return open_artifact(exported / "Demo.mlmodel")


@pytest.fixture
def app(tmp_path):
    """What ``ios_demo`` has that a bundle looks for."""
    place = tmp_path / "app"
    (place / "ModerationDemo.xcodeproj").mkdir(parents=True)
    (place / MODEL_FOLDER).mkdir()
    shutil.copy(DEMO / MODEL_FOLDER / "README.md", place / MODEL_FOLDER)
    return place


def files(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_the_app_gets_model_contract_and_golden_pictures(package, app, tmp_path):
    written = write(package, tmp_path / "unused", app=app)
    model = app / MODEL_FOLDER

    assert {path.relative_to(model).parts[0] for path in written} == {
        "Demo.mlpackage",
        "contract.json",
        "golden",
        "bundle.json",
    }
    assert all(path.exists() for path in written)
    assert sha256_of(model / "Demo.mlpackage") == sha256_of(package.path)
    beside = Contract.from_json((model / "contract.json").read_bytes(), "contract.json")
    assert beside == package.contract == open_artifact(model / "Demo.mlpackage").contract
    assert not (tmp_path / "unused").exists()


def test_golden_pictures_are_those_that_the_contract_names(package, tmp_path):
    write(package, tmp_path / "out")
    pictures = {}
    for golden in package.contract.golden:
        with Image.open(tmp_path / "out" / "golden" / golden.name) as image:
            assert (image.format, image.mode) == ("PNG", "RGB")
            assert "gamma" not in image.info and "icc_profile" not in image.info
            pictures[golden.name] = np.asarray(image)
        assert hashlib.sha256(pictures[golden.name].tobytes()).hexdigest() == golden.sha256
    assert len({picture.tobytes() for picture in pictures.values()}) == len(pictures) == 8
    assert {path.name for path in (tmp_path / "out" / "golden").iterdir()} == set(pictures)


def test_the_mark_names_what_the_app_looks_for(package, tmp_path):
    write(package, tmp_path / "out")
    mark = json.loads((tmp_path / "out" / "bundle.json").read_text())
    assert (mark["bundle"], mark["version"], mark["model"]) == ("ios", 1, "Demo.mlpackage")
    for name, digest in mark["sha256"].items():
        assert sha256_of(tmp_path / "out" / name) == digest
    there = {path.split("/Data/")[0] for path in files(tmp_path / "out")}
    assert set(mark["sha256"]) | {"bundle.json"} == {
        name.removesuffix("/Manifest.json") for name in there
    }


def test_another_bundle_replaces_the_earlier_one_and_nothing_else(package, network, app):
    mine = app / MODEL_FOLDER / "golden" / "mine.png"
    write(package, app, app=app)
    mine.write_bytes(b"mine")
    write(network, app, app=app)

    model = app / MODEL_FOLDER
    assert not (model / "Demo.mlpackage").exists()
    assert open_artifact(model / "Demo.mlmodel").contract == network.contract
    assert mine.read_bytes() == b"mine"
    assert (model / "README.md").is_file()
    assert {path.name for path in model.iterdir()} == {
        "README.md",
        "Demo.mlmodel",
        "contract.json",
        "golden",
        "bundle.json",
    }


def test_nothing_is_left_in_a_folder_that_xcode_copies_into_the_app(package, app):
    write(package, app, app=app)
    assert not [name for name in files(app / MODEL_FOLDER) if Path(name).name.startswith(".")]


def test_the_same_artifact_gives_the_same_bytes(package, tmp_path):
    write(package, tmp_path / "one")
    write(package, tmp_path / "two")
    write(package, tmp_path / "two")
    assert files(tmp_path / "one") == files(tmp_path / "two")


def test_what_is_no_core_ml_file_is_refused(demo_artifact, app):
    with pytest.raises(UsageError, match="cannot run Demo.fp32.onnx"):
        write(open_artifact(demo_artifact), app, app=app)
    assert set(files(app / MODEL_FOLDER)) == {"README.md"}


def test_a_file_without_a_contract_of_its_own_is_refused(package, tmp_path):
    with pytest.raises(NoContract):
        write(replace(package, assumed=Assumptions()), tmp_path / "out")


def test_a_model_of_embeddings_is_refused(package, tmp_path):
    taken = EmbeddingTensor(name="embedding", length=768, shape=(1, 768))
    contract = package.contract.model_copy(update={"input": taken})
    with pytest.raises(UsageError, match="takes embeddings"):
        write(replace(package, contract=contract), tmp_path / "out")


def test_a_golden_picture_of_another_hash_is_refused(package, app):
    first, *rest = package.contract.golden
    other = first.model_copy(update={"sha256": "0" * 64})
    contract = package.contract.model_copy(update={"golden": (other, *rest)})
    with pytest.raises(ArtifactError, match=first.name):
        write(replace(package, contract=contract), app, app=app)
    assert set(files(app / MODEL_FOLDER)) == {"README.md"}


@pytest.mark.parametrize("lacking", ["ModerationDemo.xcodeproj", MODEL_FOLDER])
def test_a_folder_that_is_no_app_is_refused(package, app, lacking):
    shutil.rmtree(app / lacking)
    with pytest.raises(UsageError, match="no app that a model can be put into"):
        write(package, app, app=app)


def test_a_file_that_no_bundle_put_there_is_not_replaced(package, app):
    mine = app / MODEL_FOLDER / "contract.json"
    mine.write_text("mine")
    with pytest.raises(UsageError, match="no bundle put there") as raised:
        write(package, app, app=app)
    assert raised.value.got == ("contract.json",)
    assert mine.read_text() == "mine"


@pytest.mark.parametrize(
    "mark",
    [
        "",
        "[]",
        '{"bundle": "ios"}',
        '{"bundle": "jetson", "sha256": {}}',
        '{"bundle": "ios", "sha256": {"../mine": ""}}',
        '{"bundle": "ios", "sha256": {"/mine": ""}}',
        '{"bundle": "ios", "sha256": {"golden/../../mine": ""}}',
        '{"bundle": "ios", "sha256": {"golden/..": ""}}',
        '{"bundle": "ios", "sha256": {"golden": ""}}',
    ],
)
def test_a_mark_that_cannot_be_trusted_is_not_followed(package, app, mark):
    mine = app / "mine"
    mine.write_text("mine")
    (app / MODEL_FOLDER / "bundle.json").write_text(mark)
    with pytest.raises(UsageError, match="does not say what an earlier bundle"):
        write(package, app, app=app)
    assert mine.read_text() == "mine"


def test_the_command_puts_it_into_an_app_or_into_a_folder(package, app, tmp_path):
    into_app = bundle("ios", package.path, app=app)
    alone = bundle("ios", package.path, tmp_path / "alone")
    assert f"{MODEL_FOLDER}/Demo.mlpackage" in into_app.files
    into_folder = files(tmp_path / "alone")
    assert set(alone.files) == set(into_folder)
    assert into_folder.items() <= files(app / MODEL_FOLDER).items()


def test_who_pads_a_camera_s_frames_is_said(package):
    assert notes(package) == []
    contract = package.contract
    resize = contract.input.resize.model_copy(update={"mode": "pad"})
    padded = contract.model_copy(
        update={"input": contract.input.model_copy(update={"resize": resize})}
    )
    assert "#ffffff" in notes(replace(package, contract=padded))[0]


def test_the_swift_tests_read_a_contract_of_today(package):
    def shape(value):
        if isinstance(value, dict):
            return {key: shape(entry) for key, entry in value.items()}
        return [shape(entry) for entry in value] if isinstance(value, list) else type(value)

    fixture = json.loads(SWIFT_FIXTURE.read_text())
    assert shape(fixture) == shape(json.loads(package.contract.to_json()))
