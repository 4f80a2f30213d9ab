"""``edgeconv show`` on exported files, with and without a contract."""

import json

import pytest
from typer.testing import CliRunner

from edgeconv.cli.app import app


def show(*arguments):
    done = CliRunner().invoke(app, ["show", *map(str, arguments)])
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.fixture
def without_contract(demo_run, tmp_path):
    """A copy of an exported file with its metadata taken out."""
    import shutil

    import onnx

    from edgeconv.formats.coreml_file import load_proto, save_proto
    from edgeconv.formats.tflite_flatbuffer import pack, unpack

    def strip(name):
        source, path = demo_run.out / name, tmp_path / name
        if path.suffix == ".onnx":
            model = onnx.load(source)
            del model.metadata_props[:]
            onnx.save(model, path)
        elif path.suffix == ".tflite":
            path.write_bytes(pack(unpack(source.read_bytes())))
        else:
            (shutil.copytree if source.is_dir() else shutil.copy)(source, path)
            proto = load_proto(path)
            proto.description.metadata.userDefined.clear()
            save_proto(proto, path)
        return path

    return strip


@pytest.mark.parametrize(
    ("name", "kind", "operation", "weights"),
    [
        ("Demo.mlmodel", "neuralNetworkClassifier", "convolution", "fp32"),
        ("Demo.mlpackage", "mlProgram", "conv", "fp16"),
    ],
)
def test_core_ml_with_its_contract(demo_run, name, kind, operation, weights):
    document = json.loads(show(demo_run.out / name, "--json"))
    assert document["labels"] == ["Dots", "Rings", "Stripes"]
    file = document["file"]
    assert file["kind"] == kind
    assert file["operations"][operation] > 30
    assert next(iter(file["weights"])) == weights
    assert file["deployment_target"].startswith("iOS 1")
    assert file["inputs"] == [
        {"name": "image", "type": "image", "size": [224, 224], "colour": "RGB"}
    ]
    assert {feature["type"] for feature in file["outputs"]} == {"label", "label -> score"}
    assert {"rule", "what", "why", "do", "places"} == set(document["lint"][0])
    assert "centre-crop" in {finding["rule"] for finding in document["lint"]}


def test_the_lint_says_what_and_why_and_what_to_do(demo_run, without_contract):
    text = show(without_contract("Demo.mlpackage"))
    assert "no preview type in the metadata" in text
    assert "why  Xcode shows no Preview tab" in text
    assert "do   user_defined_metadata" in text
    assert "no preview type" not in show(demo_run.out / "Demo.mlpackage")


def test_core_ml_without_a_contract(without_contract):
    document = json.loads(show(without_contract("Demo.mlmodel"), "--json"))
    assert set(document) == {"file", "lint"}
    assert document["file"]["labels"] == ["Dots", "Rings", "Stripes"]


def test_others_without_a_contract_say_what_is_there(without_contract):
    file = json.loads(show(without_contract("Demo.fp32.onnx"), "--json"))["file"]
    assert file["inputs"] == [{"name": "image", "shape": [1, 3, 224, 224], "dtype": "float32"}]
    assert file["precision"]["weight_type"] == "float32"
    file = json.loads(show(without_contract("Demo.int8.tflite"), "--json"))["file"]
    assert file["inputs"][0]["dtype"] == "uint8"
    assert file["outputs"][0]["scale"] == pytest.approx(1 / 256)
    assert file["precision"]["activation_type"] == "int8"
    assert "precision" in show(without_contract("Demo.fp32.tflite"))
