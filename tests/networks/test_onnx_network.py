"""An ONNX file as a network: the file itself is the reference, and the frozen one agrees."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from onnx_graphs import SIGMOID, SOFTMAX, classifier, model, pictures, program, run, spec

from edgeconv.errors import CheckpointMismatch, ConversionError, CorruptCheckpoint
from edgeconv.networks.onnx_network import OnnxNetwork
from edgeconv.networks.onnx_surgery import quantised_precision
from edgeconv.normalising import normalise
from edgeconv.spec import ModelSpec
from edgeconv.targets import Form, Options
from edgeconv.targets.onnx import OnnxConverter

IMAGENET = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}


def reference(network: OnnxNetwork) -> NDArray[np.float32]:
    scores = network.scores(normalise(pictures(), network.spec.input))
    assert np.ptp(scores, axis=0).max() > 0.1, "scores that do not vary prove nothing"
    return scores


def softmax(logits: NDArray[Any]) -> NDArray[Any]:
    powers = np.exp(logits.astype(np.float64))
    return powers / powers.sum(axis=1, keepdims=True)


def sigmoid(logits: NDArray[Any]) -> NDArray[Any]:
    return 1 / (1 + np.exp(-logits.astype(np.float64)))


def both(second: NDArray[Any]) -> NDArray[Any]:
    return np.concatenate([1 - second, second], axis=1)


@pytest.mark.parametrize(
    ("kind", "width", "ending", "expected"),
    [
        ("softmax", 3, (SOFTMAX,), softmax),
        ("softmax", 3, (), softmax),
        ("multi-label", 3, (SIGMOID,), sigmoid),
        ("multi-label", 3, (), sigmoid),
        ("sigmoid", 1, (SIGMOID,), lambda logits: both(sigmoid(logits))),
        ("sigmoid", 1, (), lambda logits: both(sigmoid(logits))),
        ("linear", 1, (), both),
    ],
)
@pytest.mark.parametrize("given", [{}, IMAGENET], ids=["scale", "imagenet"])
@pytest.mark.parametrize("nhwc", [False, True], ids=["nchw", "nhwc"])
def test_scores_of_every_kind_from_every_ending(
    kind: str, width: int, ending: Any, expected: Any, given: dict[str, Any], nhwc: bool
) -> None:
    labels = ("no", "yes") if width == 1 else ("Dots", "Rings", "Stripes")
    described = spec(kind, labels, **given)
    made = classifier(*ending, width=width, nhwc=nhwc)
    network = OnnxNetwork(program(made), described)
    scores = reference(network)

    taken = normalise(pictures(), described.input)
    logits = run(classifier(width=width, nhwc=nhwc), taken if nhwc else taken.transpose(0, 3, 1, 2))
    np.testing.assert_allclose(scores, expected(logits), atol=1e-5)

    frozen = network.freeze(described)
    np.testing.assert_allclose(frozen.scores(pictures()), scores, atol=1e-5)
    np.testing.assert_allclose(frozen.scores(pictures(), optimise=False), scores, atol=1e-5)


def test_the_frozen_file_takes_pixels_under_our_names_and_needs_nothing_of_ours() -> None:
    described = spec(**IMAGENET)
    network = OnnxNetwork(program(classifier(SOFTMAX)), described)
    frozen = network.freeze(described)
    assert [value.name for value in frozen.onnx.proto.graph.input] == ["image"]
    assert [value.name for value in frozen.onnx.proto.graph.output] == ["scores"]
    assert frozen.input_shape == (1, 20, 16, 3)
    pixels = pictures().astype(np.float32).transpose(0, 3, 1, 2)
    np.testing.assert_allclose(run(frozen.onnx.proto, pixels), reference(network), atol=1e-5)


def test_another_normalisation_is_seen() -> None:
    made = program(classifier(SOFTMAX))
    expected = reference(OnnxNetwork(made, spec(**IMAGENET)))
    wrong = OnnxNetwork(made, spec()).freeze(spec())
    assert np.abs(wrong.scores(pictures()) - expected).max() > 0.01


def _written_out_softmax(divide: str) -> onnx.ModelProto:
    return classifier(
        ("Exp", ["logits"], ["powers"], {}),
        ("ReduceSum", ["powers"], ["total"], {"keepdims": 1}),
        (divide, ["powers", "total"], ["output"], {}),
    )


def test_a_softmax_written_out_is_not_followed_by_another() -> None:
    network = OnnxNetwork(program(_written_out_softmax("Div")), spec())
    assert network.program.ending == "logits", "no operation says that it is a softmax"
    assert network.ending == "softmax"
    once = reference(OnnxNetwork(program(classifier(SOFTMAX)), spec()))
    np.testing.assert_allclose(reference(network), once, atol=1e-5)
    np.testing.assert_allclose(network.freeze(spec()).scores(pictures()), once, atol=1e-5)


def test_positive_logits_are_no_softmax() -> None:
    network = OnnxNetwork(program(_written_out_softmax("Mul")), spec())
    assert network.ending == "logits"


@pytest.mark.parametrize(
    ("ending", "described", "found"),
    [
        ((SIGMOID,), spec("softmax"), "ends in sigmoid"),
        ((SOFTMAX,), spec("multi-label"), "ends in softmax"),
        ((), spec("softmax", ("a", "b")), r"logits \(1, 3\)"),
        ((), spec("sigmoid", ("a", "b")), r"logits \(1, 3\)"),
        ((SOFTMAX,), spec(size=[20, 20]), "20 x 16"),
    ],
)
def test_a_file_that_is_not_what_the_spec_says(
    ending: Any, described: ModelSpec, found: str
) -> None:
    with pytest.raises(CheckpointMismatch) as refused:
        OnnxNetwork(program(classifier(*ending)), described)
    assert refused.match(r"theirs\.onnx")
    import re

    assert re.search(found, str(refused.value))


def test_any_size_and_any_batch_are_fixed_by_the_spec() -> None:
    """Shapes that a graph works out at run time become constants."""
    nodes: list[Any] = [
        ("Shape", ["images"], ["shape"], {"start": 0, "end": 1}),
        ("Concat", ["shape", "rest"], ["wanted"], {"axis": 0}),
        ("GlobalAveragePool", ["images"], ["pooled"], {}),
        ("Reshape", ["pooled", "wanted"], ["flat"], {}),
        ("MatMul", ["flat", "dense"], ["logits"], {}),
        SOFTMAX,
    ]
    dense = np.random.default_rng(0).normal(0, 9, (3, 3)).astype(np.float32)
    constants = {"rest": np.array([-1], np.int64), "dense": dense}
    made = model(nodes, constants, 3, picture=("batch", 3, "height", "width"))
    network = OnnxNetwork(program(made), spec())
    assert network.program.size == (None, None)
    frozen = network.freeze(spec())
    assert {node.op_type for node in frozen.onnx.proto.graph.node}.isdisjoint({"Shape", "Concat"})
    sides = [side.dim_value for side in frozen.onnx.proto.graph.input[0].type.tensor_type.shape.dim]
    assert sides == [1, 3, 20, 16]
    np.testing.assert_allclose(frozen.scores(pictures()), reference(network), atol=1e-6)


def test_a_file_that_takes_a_batch_in_name_only_runs() -> None:
    """torch's exporter leaves a 1 inside, where somebody wrote ``reshape(1, -1)``."""
    nodes: list[Any] = [
        ("GlobalAveragePool", ["images"], ["pooled"], {}),
        ("Reshape", ["pooled", "shape"], ["flat"], {}),
        ("MatMul", ["flat", "dense"], ["logits"], {}),
    ]
    dense = np.random.default_rng(0).normal(0, 9, (3, 3)).astype(np.float32)
    constants = {"shape": np.array([1, 3], np.int64), "dense": dense}
    made = model(nodes, constants, 3, picture=("batch", 3, *pictures().shape[1:3]), output="logits")
    network = OnnxNetwork(program(made), spec())
    np.testing.assert_allclose(
        network.freeze(spec()).scores(pictures()), reference(network), atol=1e-6
    )


def test_names_that_a_graph_has_already_do_not_clash() -> None:
    made = classifier(("Relu", ["logits"], ["image"], {}), ("Neg", ["image"], ["scores"], {}))
    made.graph.node.append(helper.make_node("Softmax", ["scores"], ["images.out"], axis=1))
    made.graph.output[0].name = "images.out"
    network = OnnxNetwork(program(made), spec())
    frozen = network.freeze(spec())
    np.testing.assert_allclose(frozen.scores(pictures()), reference(network), atol=1e-5)


def test_the_same_file_gives_the_same_bytes_and_no_prose() -> None:
    made = classifier(SOFTMAX)
    made.doc_string = made.graph.doc_string = made.graph.node[0].doc_string = "secret path"
    helper.set_model_props(made, {"names": "{0: 'secret'}", "date": "2026-11-20"})
    entry = made.graph.node[1].metadata_props.add()
    entry.key, entry.value = "pkg.torch.onnx.stack_trace", "secret path"
    first, second = (
        OnnxNetwork(program(made), spec())
        .freeze(spec())
        .onnx.proto.SerializeToString(deterministic=True)
        for _ in range(2)
    )
    assert first == second
    assert b"secret" not in first
    assert b"2026" not in first
    assert b"secret" in made.SerializeToString(), "the file as it came is left as it is"


@pytest.mark.parametrize("opset", [11, 13, 18, 20, 22])
def test_other_opsets_become_ours(opset: int) -> None:
    axes = {"axes": [2, 3]} if opset < 18 else {}
    inputs = ["images"] if opset < 18 else ["images", "axes"]
    constants = {
        "dense": np.random.default_rng(0).normal(0, 9, (4, 3)).astype(np.float32),
        "shape": np.array([1, 3], np.int64),
        **({} if opset < 18 else {"axes": np.array([2, 3], np.int64)}),
    }
    halves = {"num_outputs": 2} if opset >= 18 else {}
    nodes: list[Any] = [
        ("ReduceMean", inputs, ["mean"], {"keepdims": 0, **axes}),
        ("Concat", ["mean", "mean"], ["twice"], {"axis": 1}),
        ("Split", ["twice"], ["left", "right"], {"axis": 1, **halves}),
        ("Add", ["left", "right"], ["sum"], {}),
        ("Gelu" if opset >= 20 else "Relu", ["sum"], ["bent"], {}),
        ("Concat", ["bent", "one"], ["wide"], {"axis": 1}),
        ("MatMul", ["wide", "dense"], ["logits"], {}),
        SOFTMAX,
    ]
    constants["one"] = np.ones((1, 1), np.float32)
    made = model(nodes, constants, 3, opset=opset)
    network = OnnxNetwork(program(made), spec())
    frozen = network.freeze(spec())
    assert [(o.domain, o.version) for o in frozen.onnx.proto.opset_import] == [("", 17)]
    np.testing.assert_allclose(frozen.scores(pictures()), reference(network), atol=1e-6)


def test_what_opset_17_has_not_keeps_its_own() -> None:
    made = classifier(("Mish", ["logits"], ["bent"], {}), SOFTMAX, opset=18)
    made.graph.node[-1].input[0] = "bent"
    network = OnnxNetwork(program(made), spec())
    frozen = network.freeze(spec())
    assert frozen.onnx.proto.opset_import[0].version == 18
    np.testing.assert_allclose(frozen.scores(pictures()), reference(network), atol=1e-5)


def test_a_batch_normalisation_is_folded_into_its_convolution() -> None:
    generator = np.random.default_rng(5)
    made = classifier(SOFTMAX)
    statistics = {
        "gamma": 1 + generator.random(8),
        "beta": generator.normal(0, 0.3, 8),
        "mean": generator.normal(0, 0.3, 8),
        "variance": 1 + generator.random(8),
    }
    made.graph.initializer.extend(
        numpy_helper.from_array(values.astype(np.float32), name)
        for name, values in statistics.items()
    )
    made.graph.node.insert(
        2, helper.make_node("BatchNormalization", ["a", *statistics], ["normal"], epsilon=1e-3)
    )
    made.graph.node[3].input[0] = "normal"
    network = OnnxNetwork(program(made), spec())
    frozen = network.freeze(spec())
    assert "BatchNormalization" not in {node.op_type for node in frozen.onnx.proto.graph.node}
    np.testing.assert_allclose(frozen.scores(pictures()), reference(network), atol=1e-5)
    forgotten = OnnxNetwork(program(classifier(SOFTMAX)), spec())
    assert np.abs(reference(forgotten) - reference(network)).max() > 0.01


def test_half_weights_are_those_of_float16() -> None:
    network = OnnxNetwork(program(classifier(SOFTMAX)), spec())
    halved = network.with_half_weights()
    for tensor in halved.program.model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        np.testing.assert_array_equal(values, values.astype(np.float16).astype(np.float32))
    difference = np.abs(reference(halved) - reference(network)).max()
    assert 0 < difference < 0.01
    again = reference(OnnxNetwork(program(classifier(SOFTMAX)), spec()))
    np.testing.assert_array_equal(reference(network), again)


def quantised(how: str, tmp_path: Any) -> onnx.ModelProto:
    from onnxruntime import quantization

    source, target = tmp_path / "float.onnx", tmp_path / f"{how}.onnx"
    onnx.save(classifier(SOFTMAX), source)
    if how == "dynamic":
        quantization.quantize_dynamic(source, target)
        return onnx.load(target)

    class Calibration(quantization.CalibrationDataReader):
        def __init__(self) -> None:
            taken = normalise(pictures(), spec().input).transpose(0, 3, 1, 2)
            self.tensors = iter([{"images": one[None]} for one in taken])

        def get_next(self) -> Any:
            return next(self.tensors, None)

    quantization.quantize_static(
        source,
        target,
        Calibration(),
        quant_format=getattr(quantization.QuantFormat, how),
    )
    return onnx.load(target)


@pytest.mark.parametrize(
    ("how", "precision"), [("dynamic", "dynamic"), ("QDQ", "int8"), ("QOperator", "int8")]
)
def test_a_quantised_file_runs_as_it_is_and_is_translated_no_further(
    how: str, precision: str, tmp_path: Any
) -> None:
    made = quantised(how, tmp_path)
    network = OnnxNetwork(program(made), spec())
    whole = reference(OnnxNetwork(program(classifier(SOFTMAX)), spec()))
    difference = np.abs(reference(network) - whole).max()
    assert 0 < difference < 0.5
    frozen = network.freeze(spec())
    np.testing.assert_allclose(frozen.scores(pictures()), reference(network), atol=0.02)
    assert quantised_precision(frozen.onnx.proto) == precision
    with pytest.raises(ConversionError, match="quantised already") as refused:
        _ = frozen.function
    assert "float32 ONNX file it was made from" in str(refused.value)
    assert f"--precision {precision}" in str(refused.value)

    made_of = OnnxConverter(frozen, Options())
    own = Form("onnx", precision, ".onnx")
    made_of.write(own, tmp_path / "own.onnx")
    assert quantised_precision(onnx.load(tmp_path / "own.onnx")) == precision
    with pytest.raises(ConversionError, match="cannot become ONNX fp32"):
        made_of.write(Form("onnx", "fp32", ".onnx"), tmp_path / "float.onnx")


def test_a_float_file_is_not_taken_for_a_quantised_one() -> None:
    assert quantised_precision(classifier(SOFTMAX)) is None


def test_a_foreign_operation_runs_and_is_translated_no_further() -> None:
    made = classifier(
        ("FastGelu", ["logits"], ["bent"], {"domain": "com.microsoft"}),
        ("Softmax", ["bent"], ["output"], {"axis": 1}),
        domains=["com.microsoft"],
    )
    network = OnnxNetwork(program(made), spec())
    frozen = network.freeze(spec())
    np.testing.assert_allclose(frozen.scores(pictures()), reference(network), atol=1e-5)
    with pytest.raises(ConversionError) as refused:
        _ = frozen.function
    assert "com.microsoft.FastGelu" in str(refused.value)
    assert "MaxPool" in str(refused.value), "the message lists what is known"


def test_an_operation_that_no_runtime_has_is_a_typed_error() -> None:
    made = classifier(
        ("Fortune", ["logits"], ["output"], {"domain": "com.example"}), domains=["com.example"]
    )
    with pytest.raises(CorruptCheckpoint, match="does not load into ONNX Runtime"):
        OnnxNetwork(program(made), spec())
