"""What converters make of the export form: few operations, fused, and the same scores."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from vit_specs import randomised_vit, vit_pixels, vit_spec

from edgeconv.architectures.vit import build
from edgeconv.networks import Frozen
from edgeconv.networks.keras_network import KerasNetwork
from edgeconv.normalising import normalise
from edgeconv.runtimes.coreml_reference import load
from edgeconv.spec import ModelSpec
from edgeconv.targets import FORMS, Options, converter

TI_384 = {"size": (384, 384), "labels": 2, "patch": 16, "width": 192, "depth": 12, "mlp": 768}
SMALLEST_HALF = 2.0**-24

pytestmark = pytest.mark.filterwarnings("ignore")


class Traced:
    """A spec's classifier with weights that matter, traced for the converters."""

    def __init__(self, spec: ModelSpec, pictures: int = 4) -> None:
        network = KerasNetwork(randomised_vit(build(spec)))
        self.spec = spec
        self.pixels = vit_pixels(pictures, spec.input.size)
        self.expected = network.scores(normalise(self.pixels, spec.input))
        self.frozen: Frozen = network.freeze(spec)

    def written(self, suffix: str, precision: str, folder: Path) -> Path:
        (form,) = (f for f in FORMS if (f.suffix, f.precision) == (suffix, precision))
        path = folder / f"vit.{precision}{suffix}"
        converter(form.target)(self.frozen, Options()).write(form, path)
        return path


@pytest.fixture(scope="module")
def traced() -> Traced:
    """An epsilon that float16 does not know."""
    found = Traced(vit_spec(eps=1e-12))
    assert found.expected.std(axis=0).min() > 0.01, "scores that do not vary prove nothing"
    return found


def litert(path: Path) -> Any:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = Interpreter(str(path), experimental_op_resolver_type=plain)
    interpreter.allocate_tensors()
    return interpreter


def litert_scores(interpreter: Any, pixels: NDArray[np.uint8]) -> Any:
    (given,), (scores,) = interpreter.get_input_details(), interpreter.get_output_details()
    found = []
    for one in pixels:
        interpreter.set_tensor(given["index"], one[None].astype(np.float32))
        interpreter.invoke()
        found.append(interpreter.get_tensor(scores["index"])[0])
    return np.array(found)


def onnx_scores(path: Path, pixels: NDArray[np.uint8]) -> Any:
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    planar = pixels.transpose(0, 3, 1, 2).astype(np.float32)
    return np.concatenate([session.run(None, {"image": one[None]})[0] for one in planar])


def coreml_scores(path: Path, pixels: NDArray[np.uint8], mode: Any = "exact") -> Any:
    model = load(path, mode=mode)
    rows = [model.predict({"image": one})["scores"] for one in pixels]
    labels = list(rows[0])
    return np.array([[row[label] for label in labels] for row in rows])


def program_of(path: Path) -> Any:
    from coremltools import proto

    content = (path / "Data/com.apple.CoreML/model.mlmodel").read_bytes()
    main = proto.Model_pb2.Model.FromString(content).mlProgram.functions["main"]
    return next(iter(main.block_specializations.values())).operations


def test_tflite_fuses_every_gelu(traced: Traced, tmp_path: Path) -> None:
    interpreter = litert(traced.written(".tflite", "fp32", tmp_path))
    found = Counter(operation["op_name"] for operation in interpreter._get_ops_details())
    assert found["GELU"] == 3
    assert found["FULLY_CONNECTED"] == 3 * 6 + 1
    assert not {name for name in found if "ERF" in name.upper() or "FLEX" in name.upper()}
    assert sum(found.values()) < 3 * 43 + 25
    np.testing.assert_allclose(
        litert_scores(interpreter, traced.pixels), traced.expected, atol=1e-5
    )


def test_onnx_runs_and_knows_each_dense_layer(traced: Traced, tmp_path: Path) -> None:
    import onnx

    path = traced.written(".onnx", "fp32", tmp_path)
    found = Counter(node.op_type for node in onnx.load(path).graph.node)
    assert found["Gemm"] == 3 * 6 + 1
    assert found["GlobalAveragePool"] == 0
    np.testing.assert_allclose(onnx_scores(path, traced.pixels), traced.expected, atol=1e-5)


@pytest.mark.parametrize("activation", ["gelu", "gelu_tanh", "quick_gelu"])
def test_every_activation_converts(activation: str, tmp_path: Path) -> None:
    traced = Traced(vit_spec(depth=1, activation=activation, eps=1e-5))
    tflite = litert(traced.written(".tflite", "fp32", tmp_path))
    onnx = traced.written(".onnx", "fp32", tmp_path)
    np.testing.assert_allclose(litert_scores(tflite, traced.pixels), traced.expected, atol=1e-5)
    np.testing.assert_allclose(onnx_scores(onnx, traced.pixels), traced.expected, atol=1e-5)


@pytest.mark.slow
def test_float16_files_keep_an_epsilon_that_float16_does_not_know(
    traced: Traced, tmp_path: Path
) -> None:
    import onnx

    package = traced.written(".mlpackage", "fp16", tmp_path)
    constants = {op.outputs[0].name: op for op in program_of(package) if op.type == "const"}
    norms = [op for op in program_of(package) if op.type == "layer_norm"]
    assert len(norms) == 3 * 2 + 1
    for norm in norms:
        value = constants[norm.inputs["epsilon"].arguments[0].name].attributes["val"]
        (eps,) = np.frombuffer(value.immediateValue.tensor.bytes.values, np.float16)
        assert eps >= SMALLEST_HALF

    path = traced.written(".onnx", "fp16", tmp_path)
    scalars = [
        onnx.numpy_helper.to_array(tensor)
        for tensor in onnx.load(path).graph.initializer
        if not tensor.dims
    ]
    assert min(map(abs, scalars)) >= SMALLEST_HALF
    np.testing.assert_allclose(onnx_scores(path, traced.pixels), traced.expected, atol=5e-3)

    tflite = litert(traced.written(".tflite", "fp16", tmp_path))
    np.testing.assert_allclose(litert_scores(tflite, traced.pixels), traced.expected, atol=5e-3)


@pytest.mark.slow
def test_coreml_fuses_every_normalisation_and_every_gelu(tmp_path: Path) -> None:
    traced = Traced(vit_spec(**TI_384), pictures=2)
    package = traced.written(".mlpackage", "fp16", tmp_path)
    found = Counter(operation.type for operation in program_of(package))
    del found["const"]
    assert (found["layer_norm"], found["gelu"], found["linear"]) == (25, 12, 73)
    assert sum(found.values()) <= 330

    for mode, tolerance in (("exact", 5e-3), ("fp16", 2e-2)):
        np.testing.assert_allclose(
            coreml_scores(package, traced.pixels, mode), traced.expected, atol=tolerance
        )
