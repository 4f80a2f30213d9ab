"""Files that edgeconv did not make, judged; each with a twin that is broken."""

import logging
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from edgeconv.artifact import open_artifact
from edgeconv.errors import ArtifactError, NoContract, UsageError
from edgeconv.foreign import EXAMPLE_SPEC, open_artifacts
from edgeconv.parity.reference_set import generated_set
from edgeconv.parity.results import Verdict
from edgeconv.spec import load_spec
from edgeconv.verifying import verify

LENIENT = 0.2
"""40 pictures bound a flip rate at 7 %: enough to see what is broken."""

SPEC = """
name = "theirs"
basename = "Theirs"
summary = "The demo, as somebody else would have converted it"
labels = {labels}
architecture = {{ kind = "mobilenet_v2", width = 1.0, head = [32], batch_norm = true }}
checkpoint = {{ formats = ["safetensors"] }}
[input]
size = [224, 224]
scale = "1/255"
mean = {mean}
"""

TORCH_VARIABLE = "EDGECONV_TORCH_PYTHON"
TORCH_CONVERT = Path(__file__).parent / "torch_foreign.py"


pytestmark = pytest.mark.slow  # a whole converter for each of four files, before the first test


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    for picture in generated_set().pictures[::8]:
        (folder / picture.name).write_bytes(picture.read())
    return folder


@pytest.fixture(scope="module")
def bare(demo):
    """The demo's graph without its normalisation, as most people export theirs."""
    unscaled = demo.spec.input.model_copy(update={"scale": 1.0})
    return replace(demo, spec=demo.spec.model_copy(update={"input": unscaled})).freeze()


@pytest.fixture(scope="module")
def theirs(bare, tmp_path_factory):
    """``theirs.onnx`` and ``.tflite`` (normalised pixels in, no labels), ``.mlmodel`` (an image
    classifier) and ``.mlpackage`` (arrays in and out)."""
    import coremltools as ct
    import tensorflow as tf
    import tf2onnx

    logging.getLogger("coremltools").setLevel(logging.ERROR)
    out = tmp_path_factory.mktemp("theirs")
    tf2onnx.convert.from_graph_def(
        bare.graph_def,
        input_names=["image:0"],
        output_names=["scores:0"],
        inputs_as_nchw=["image:0"],
        opset=17,
        output_path=str(out / "theirs.onnx"),
    )
    converter = tf.lite.TFLiteConverter.from_concrete_functions([bare.function])
    (out / "theirs.tflite").write_bytes(converter.convert())
    ct.convert(
        [bare.function],
        convert_to="neuralnetwork",
        inputs=[ct.ImageType(name="image", shape=(1, 224, 224, 3), scale=1 / 255)],
        classifier_config=ct.ClassifierConfig(list(bare.spec.labels)),
        skip_model_load=True,
    ).save(str(out / "theirs.mlmodel"))
    ct.convert(
        [bare.function],
        convert_to="mlprogram",
        inputs=[ct.TensorType(name="image", shape=(1, 224, 224, 3))],
        compute_precision=ct.precision.FLOAT32,
        skip_model_load=True,
    ).save(str(out / "theirs.mlpackage"))
    return out


@pytest.fixture(scope="module")
def spec(demo, tmp_path_factory):
    """Write ``theirs.toml``, with whatever is to be wrong in it."""
    folder = tmp_path_factory.mktemp("spec")

    def write(labels=demo.spec.labels, mean=(0.0, 0.0, 0.0)):
        path = folder / f"{'-'.join(labels)}-{mean[0]}.toml"
        path.write_text(SPEC.format(labels=list(labels), mean=list(mean)))
        return path

    return write


@pytest.fixture
def judged(pictures):
    """The result of the one file, and the verdicts of its gates."""

    def judge(place, against, spec=None):
        run = verify(place, against=against, spec=spec, images=pictures, max_flip_rate=LENIENT)
        assert np.ptp(np.array(run.reference_scores), axis=0).max() > 0.5, "the witness must vary"
        (result,) = run.artifacts
        return result, {gate: found.verdict for gate, found in result.gates.items()}

    return judge


def without_softmax(path, out):
    model = onnx.load(path)
    (softmax,) = (node for node in model.graph.node if node.op_type == "Softmax")
    softmax.op_type = "Identity"
    del softmax.attribute[:]
    onnx.save(model, out)
    return out


def test_an_image_classifier_against_normalised_floats(theirs, spec, judged):
    result, gates = judged(theirs / "theirs.mlmodel", theirs / "theirs.onnx", spec())
    assert gates == {"pixels": Verdict.PASS, "file": Verdict.PASS}
    assert "no tensor gate" in result.note
    assert "file semantics verified by the reference executor" in result.note
    assert "Core ML" not in result.runtime
    assert result.gates["file"].differences.max_abs < 1e-4


def test_two_that_take_the_same_tensor_have_a_tensor_gate(theirs, spec, judged):
    result, gates = judged(theirs / "theirs.tflite", theirs / "theirs.onnx", spec())
    assert gates == dict.fromkeys(("tensor", "pixels", "file"), Verdict.PASS)
    assert "taken on trust" in result.note


def test_arrays_in_and_out_of_core_ml(theirs, spec, judged):
    _, gates = judged(theirs / "theirs.mlpackage", theirs / "theirs.mlmodel", spec())
    assert gates == {"pixels": Verdict.PASS, "file": Verdict.PASS}


def test_a_contract_on_the_other_side_is_enough_for_an_image(theirs, demo_artifact, judged):
    result, gates = judged(theirs / "theirs.mlmodel", demo_artifact)
    assert gates == dict.fromkeys(("tensor", "pixels", "file"), Verdict.PASS)
    assert result.gates["file"].flips.newly_missed == 0


@pytest.mark.slow
def test_a_known_model_is_a_reference_with_a_noise_floor(theirs, judged):
    result, gates = judged(theirs / "theirs.onnx", "demo")
    assert gates == {"pixels": Verdict.PASS, "file": Verdict.PASS}
    assert result.gates["pixels"].tolerance


def test_a_checkpoint_is_explained_by_the_spec(theirs, demo, spec, pictures, tmp_path):
    from edgeconv.checkpoints import safetensors

    checkpoint = tmp_path / "demo.safetensors"
    safetensors.write(demo.network.model, checkpoint, "float32")
    few = tmp_path / "few"
    few.mkdir()
    for picture in sorted(pictures.iterdir())[:4]:
        shutil.copy(picture, few)
    run = verify(theirs / "theirs.mlmodel", against=checkpoint, spec=spec(), images=few)
    assert run.model == "theirs"
    assert run.artifacts[0].gates["tensor"].differences.max_abs < 1e-4


def test_a_report_off_a_mac_never_speaks_of_core_ml(theirs, demo_artifact, pictures, tmp_path):
    html = tmp_path / "report.html"
    verify(theirs / "theirs.mlmodel", against=demo_artifact, images=pictures, html=html)
    text = (tmp_path / "report.html").read_text()
    assert "run by the reference executor" in text
    assert "file semantics verified by the reference executor" in text
    assert "Core ML" not in text


def test_a_wrong_mean_in_the_spec_fails(theirs, spec, judged):
    _, gates = judged(theirs / "theirs.mlmodel", theirs / "theirs.onnx", spec(mean=(0.7, 0.7, 0.7)))
    assert gates == {"pixels": Verdict.FAIL, "file": Verdict.FAIL}


def test_swapped_labels_in_the_file_fail(theirs, spec, judged, tmp_path):
    from edgeconv.formats.coreml_file import load_proto, save_proto

    swapped = shutil.copy(theirs / "theirs.mlmodel", tmp_path / "swapped.mlmodel")
    proto = load_proto(swapped)
    labels = proto.neuralNetworkClassifier.stringClassLabels.vector
    labels[0], labels[1] = labels[1], labels[0]
    save_proto(proto, swapped)
    _, gates = judged(swapped, theirs / "theirs.onnx", spec())
    assert set(gates.values()) == {Verdict.FAIL}


def test_swapped_labels_in_the_spec_fail(theirs, demo, spec, judged):
    first, second, third = demo.spec.labels
    _, gates = judged(
        theirs / "theirs.onnx", theirs / "theirs.mlmodel", spec(labels=(second, first, third))
    )
    assert set(gates.values()) == {Verdict.FAIL}


def test_logits_are_called_logits_on_either_side(theirs, spec, judged, tmp_path):
    logits = without_softmax(theirs / "theirs.onnx", tmp_path / "logits.onnx")
    result, gates = judged(logits, theirs / "theirs.tflite", spec())
    assert set(gates.values()) == {Verdict.FAIL}
    assert any("logits" in finding for finding in result.gates["file"].findings)
    result, gates = judged(theirs / "theirs.tflite", logits, spec())
    assert Verdict.PASS not in gates.values()


def test_what_nobody_says_is_asked_for(theirs, demo_artifact, tmp_path):
    with pytest.raises(UsageError, match="how pixels are normalised") as caught:
        verify(theirs / "theirs.onnx", against=demo_artifact)
    assert EXAMPLE_SPEC in str(caught.value)
    with pytest.raises(UsageError, match="no file names the labels") as caught:
        verify(theirs / "theirs.tflite", against=theirs / "theirs.onnx")
    assert EXAMPLE_SPEC in str(caught.value)
    with pytest.raises(UsageError, match="nobody knows its original"):
        verify(theirs / "theirs.onnx")
    (tmp_path / "theirs.toml").write_text(EXAMPLE_SPEC)
    assert load_spec(tmp_path / "theirs.toml").input.std == (0.229, 0.224, 0.225)


def test_a_spec_that_does_not_fit_is_said(theirs, spec, tmp_path):
    with pytest.raises(UsageError, match="not one score a label"):
        verify(
            theirs / "theirs.onnx", against=theirs / "theirs.tflite", spec=spec(labels=("a", "b"))
        )
    larger = tmp_path / "larger.toml"
    larger.write_text(spec().read_text().replace("[224, 224]", "[256, 256]"))
    with pytest.raises(UsageError, match="another size"):
        verify(theirs / "theirs.onnx", against=theirs / "theirs.tflite", spec=larger)


@pytest.mark.parametrize(
    ("shape", "dtype", "inputs", "complaint"),
    [
        ((1, 3, 8, 8), "FLOAT", 2, "takes 2 inputs"),
        ((1, 3, None, None), "FLOAT", 1, "no picture of a fixed size"),
        ((4, 3, 8, 8), "FLOAT", 1, "no picture of a fixed size"),
        ((1, 8), "FLOAT", 1, "no picture of a fixed size"),
        ((), "FLOAT", 1, "no picture of a fixed size"),
        ((1, 3, 8, 8), "FLOAT16", 1, "pixels of a type"),
    ],
)
def test_what_is_no_classifier_of_pictures_is_a_typed_error(
    shape, dtype, inputs, complaint, tmp_path
):
    element = getattr(onnx.TensorProto, dtype)
    taken = [onnx.helper.make_tensor_value_info(f"x{n}", element, shape) for n in range(inputs)]
    given = onnx.helper.make_tensor_value_info("y", element, shape)
    node = onnx.helper.make_node("Identity", ["x0"], ["y"])
    path = tmp_path / "odd.onnx"
    onnx.save(onnx.helper.make_model(onnx.helper.make_graph([node], "odd", taken, [given])), path)
    with pytest.raises(NoContract):
        open_artifact(path)
    with pytest.raises(ArtifactError, match=complaint):
        open_artifacts([path], load_spec("demo"))


def test_an_open_batch_is_one(theirs, spec, judged, tmp_path):
    model = onnx.load(theirs / "theirs.onnx")
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    onnx.save(model, tmp_path / "open.onnx")
    (artifact,) = open_artifacts([tmp_path / "open.onnx"], load_spec(spec()))
    assert artifact.contract.input.shape == (1, 3, 224, 224)
    _, gates = judged(tmp_path / "open.onnx", theirs / "theirs.tflite", spec())
    assert set(gates.values()) == {Verdict.PASS}


@pytest.fixture(scope="module")
def torch_made(tmp_path_factory):
    """``theirs.mlpackage``, ``theirs.onnx`` and ``theirs.toml`` of one small torch network."""
    python = os.environ.get(TORCH_VARIABLE, sys.executable)
    probe = [python, "-c", "import torch, coremltools, onnxscript"]
    if subprocess.run(probe, capture_output=True, check=False).returncode:
        pytest.skip(f"{python} has no torch, coremltools and onnxscript; set {TORCH_VARIABLE}")
    out = tmp_path_factory.mktemp("torch")
    run = subprocess.run([python, TORCH_CONVERT, out], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-2000:]
    return out


@pytest.mark.slow
def test_what_torch_made_is_verified(torch_made):
    command = [
        sys.executable, "-c", "from edgeconv.cli import main; main()",
        "verify", torch_made / "theirs.mlpackage",
        "--against", torch_made / "theirs.onnx", "--spec", torch_made / "theirs.toml",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("PASS")
    wrong = torch_made / "wrong.toml"
    wrong.write_text((torch_made / "theirs.toml").read_text().replace("0.485", "0.985"))
    command[-1] = wrong
    assert subprocess.run(command, capture_output=True, check=False).returncode == 1
