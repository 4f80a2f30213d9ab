"""Every gate has a twin here that breaks the model and sees it fail, and the gate that should."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from edgeconv.artifact import open_artifact
from edgeconv.classifier import load_classifier
from edgeconv.exporting import export
from edgeconv.parity.decoded import decode_set
from edgeconv.parity.judge import judge_artifacts
from edgeconv.parity.reference import reference_from_artifact, reference_from_classifier
from edgeconv.parity.reference_set import ReferenceSet, generated_set
from edgeconv.parity.results import Verdict
from edgeconv.progress import Silent
from edgeconv.spec import OperatingPoint, Resize
from edgeconv.targets import Options
from edgeconv.targets.onnx import OnnxConverter

LENIENT = 0.2
"""40 pictures bound a flip rate at 7 %: enough to see what is broken."""


@pytest.fixture(scope="module")
def pictures(demo):
    every_eighth = ReferenceSet("some", generated_set().pictures[::8])
    return decode_set(every_eighth, demo.spec.input.preprocessing, Silent())


@pytest.fixture(scope="module")
def reference(demo, frozen_demo, pictures):
    return reference_from_classifier(demo, frozen_demo, pictures, Silent())


@pytest.fixture
def sabotaged(demo_artifact, tmp_path):
    """A copy of the good file, changed by ``change(model, contract) -> contract``."""

    def make(change) -> Path:
        good = open_artifact(demo_artifact)
        model = onnx.load(demo_artifact)
        contract = change(model, good.contract)
        path = tmp_path / "Demo.fp32.onnx"
        onnx.save(model, path)
        OnnxConverter(None, Options()).embed(path, contract)
        return path

    return make


def verdicts(path, reference):
    run = judge_artifacts(
        [open_artifact(path)], reference, max_flip_rate=LENIENT, progress=Silent()
    )
    return {gate: found.verdict for gate, found in run.artifacts[0].gates.items()}, run


def changed_input(contract, **changes):
    return contract.model_copy(update={"input": contract.input.model_copy(update=changes)})


def first_weight(model, least_values):
    return next(t for t in model.graph.initializer if np.prod(t.dims) >= least_values)


def test_the_good_file_passes_every_gate(demo_artifact, reference):
    by_gate, run = verdicts(demo_artifact, reference)
    assert set(by_gate.values()) == {Verdict.PASS}
    assert run.verdict is Verdict.PASS
    assert np.ptp(np.array(run.reference_scores), axis=0).min() > 0.5, "the witness must vary"


def test_swapped_labels_fail(sabotaged, reference):
    def swap(model, contract):
        first, second, *others = contract.labels
        return contract.model_copy(update={"labels": (second, first, *others)})

    by_gate, run = verdicts(sabotaged(swap), reference)
    assert set(by_gate.values()) == {Verdict.FAIL}
    assert run.verdict is Verdict.FAIL


def test_renamed_labels_fail(sabotaged, reference):
    def rename(model, contract):
        return contract.model_copy(update={"labels": tuple(map(str.lower, contract.labels))})

    assert Verdict.PASS not in verdicts(sabotaged(rename), reference)[0].values()


def test_blue_for_red_fails_the_pixels_gate(sabotaged, reference):
    path = sabotaged(lambda _, contract: changed_input(contract, colour="BGR"))
    assert verdicts(path, reference)[0] == {
        "tensor": Verdict.PASS,
        "pixels": Verdict.FAIL,
        "file": Verdict.FAIL,
    }


def test_blue_for_red_inside_the_graph_fails_the_tensor_gate(sabotaged, reference):
    def swap_channels(model, contract):
        kernel = next(t for t in model.graph.initializer if list(t.dims)[1:2] == [3])
        swapped = numpy_helper.to_array(kernel)[:, ::-1]
        kernel.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(swapped), kernel.name))
        return contract

    assert verdicts(sabotaged(swap_channels), reference)[0]["tensor"] is Verdict.FAIL


def test_normalisation_twice_fails_the_tensor_gate(sabotaged, reference):
    def normalise_again(model, contract):
        node = next(n for n in model.graph.node if "image" in n.input)
        (scale,) = (t for t in model.graph.initializer if t.name in node.input)
        squared = numpy_helper.to_array(scale) ** 2
        scale.CopyFrom(numpy_helper.from_array(squared, scale.name))
        return contract

    assert verdicts(sabotaged(normalise_again), reference)[0]["tensor"] is Verdict.FAIL


@pytest.mark.slow
def test_a_frozen_graph_without_normalisation_fails_the_pixels_gate(demo, pictures, tmp_path):
    """Reference and file agree on the tensor here; the original itself gives the mistake away."""
    forgetful = replace(
        demo,
        spec=demo.spec.model_copy(
            update={"input": demo.spec.input.model_copy(update={"scale": 1.0})}
        ),
    )
    wrong = forgetful.freeze()
    reference = reference_from_classifier(demo, wrong, pictures, Silent())
    traced, original = reference.scores["tensor"], reference.scores["pixels"]
    assert np.abs(traced - original).max() > 0.5


def test_pixels_in_another_range_fail_the_pixels_gate(sabotaged, reference):
    path = sabotaged(lambda _, contract: changed_input(contract, range=(0.0, 1.0)))
    by_gate, _ = verdicts(path, reference)
    assert (by_gate["tensor"], by_gate["pixels"]) == (Verdict.PASS, Verdict.FAIL)


@pytest.mark.parametrize(
    "change",
    [
        {"resize": Resize(mode="center_crop")},
        {"resize": Resize(filter="nearest")},
        {"background": "#000000"},
        {"exif": "ignore"},
    ],
    ids=lambda change: str(next(iter(change.items()))),
)
def test_other_preprocessing_fails_the_file_gate_alone(sabotaged, reference, change):
    path = sabotaged(lambda _, contract: changed_input(contract, **change))
    assert verdicts(path, reference)[0] == {
        "tensor": Verdict.PASS,
        "pixels": Verdict.PASS,
        "file": Verdict.FAIL,
    }


def test_one_weight_zeroed_fails(sabotaged, reference):
    def zero_the_largest(model, contract):
        kernel = first_weight(model, 300)
        values = numpy_helper.to_array(kernel).copy()
        values.flat[np.abs(values).argmax()] = 0
        kernel.CopyFrom(numpy_helper.from_array(values, kernel.name))
        return contract

    by_gate, run = verdicts(sabotaged(zero_the_largest), reference)
    assert by_gate["tensor"] is Verdict.FAIL
    assert "noise floor" in run.artifacts[0].gates["tensor"].findings[0]


def heated(model, contract, by=0.5):
    """Divide the logits once more: another temperature than the original has."""
    (softmax,) = [node for node in model.graph.node if node.op_type == "Softmax"]
    factor = numpy_helper.from_array(np.array(by, np.float32), "factor")
    model.graph.initializer.append(factor)
    place = list(model.graph.node).index(softmax)
    heat = onnx.helper.make_node("Mul", [softmax.input[0], "factor"], ["heated"])
    softmax.input[0] = "heated"
    model.graph.node.insert(place, heat)
    return contract


def test_another_temperature_fails_though_no_label_changes(sabotaged, reference):
    by_gate, run = verdicts(sabotaged(heated), reference)
    assert set(by_gate.values()) == {Verdict.FAIL}
    assert run.artifacts[0].flips.count == 0


def test_another_temperature_shows_at_an_operating_point(sabotaged, reference):
    """Where decisions alone are judged, labels would let it pass."""
    unsafe = reference.scores["file"][:, 1:].sum(axis=1)
    threshold = float(np.quantile(unsafe[unsafe > 0.5], 0.4))

    def change(model, contract):
        heated(model, contract, by=0.25)
        rounded = contract.precision.model_copy(update={"asked": "int8"})
        point = OperatingPoint(name="balanced", threshold=threshold)
        return contract.model_copy(update={"precision": rounded, "operating_points": (point,)})

    by_gate, run = verdicts(sabotaged(change), reference)
    assert set(by_gate.values()) == {Verdict.FAIL}
    (found,) = run.artifacts[0].gates["file"].points
    assert found.newly_missed > 5
    assert found.newly_flagged == 0
    assert any("operating point balanced" in one for one in run.artifacts[0].gates["file"].findings)


def test_a_constant_output_fails(sabotaged, reference):
    def silence(model, contract):
        dense = [t for t in model.graph.initializer if 3 in t.dims and len(t.dims) == 2][-1]
        zeros = np.zeros_like(numpy_helper.to_array(dense))
        dense.CopyFrom(numpy_helper.from_array(zeros, dense.name))
        return contract

    by_gate, run = verdicts(sabotaged(silence), reference)
    assert set(by_gate.values()) == {Verdict.FAIL}
    assert any("same for every picture" in f for f in run.artifacts[0].gates["file"].findings)


def test_an_artifact_can_be_the_reference(demo_artifact, pictures, sabotaged):
    reference = reference_from_artifact(open_artifact(demo_artifact), pictures, Silent())
    assert set(verdicts(demo_artifact, reference)[0].values()) == {Verdict.PASS}
    path = sabotaged(lambda _, contract: changed_input(contract, colour="BGR"))
    assert verdicts(path, reference)[0]["pixels"] is Verdict.FAIL


@pytest.fixture(scope="module")
def half_vit(tmp_path_factory):
    """The float16 file of a transformer whose weights are float16 already, and its reference."""
    model = load_classifier("demo-vit").with_half_weights()
    weights = model.network.tensors.values()
    assert all(np.array_equal(w, w.astype(np.float16).astype(w.dtype)) for w in weights)
    out = tmp_path_factory.mktemp("half")
    export(model, targets=["onnx"], precisions=["fp16"], verify=False, out=out)
    every_eighth = ReferenceSet("some", generated_set().pictures[::8])
    pictures = decode_set(every_eighth, model.spec.input.preprocessing, Silent())
    reference = reference_from_classifier(model, model.freeze(), pictures, Silent())
    return out / "DemoViT.fp16.onnx", reference


def test_a_float16_file_of_float16_weights_passes(half_vit):
    """Its kernels are not the original's: attention's scale is in them, and rounded anew."""
    by_gate, run = verdicts(*half_vit)
    assert set(by_gate.values()) == {Verdict.PASS}
    found = run.artifacts[0].gates["tensor"]
    assert found.tolerance.limit < 0.01
    assert found.differences.max_abs > 4 * 2**-20, "more than no rounding of weights explains"


def test_a_float16_file_of_float16_weights_that_is_broken_fails(half_vit, tmp_path):
    path, reference = half_vit
    model = onnx.load(path)
    kernel = first_weight(model, 3000)
    values = numpy_helper.to_array(kernel)
    kernel.CopyFrom(numpy_helper.from_array((values * 1.02).astype(values.dtype), kernel.name))
    broken = tmp_path / path.name
    onnx.save(model, broken)
    OnnxConverter(None, Options()).embed(broken, open_artifact(path).contract)
    by_gate, run = verdicts(broken, reference)
    assert by_gate["tensor"] is Verdict.FAIL
    assert "noise floor" in run.artifacts[0].gates["tensor"].findings[0]
    assert run.artifacts[0].flips.count < LENIENT * 40, "decisions alone would have let it pass"
