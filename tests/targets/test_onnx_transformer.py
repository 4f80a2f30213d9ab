"""Transformers in ONNX: weights that tf2onnx never sees, fused operations, every precision."""

from collections import Counter

import numpy as np
import onnx
import onnxruntime
import pytest

from edgeconv.architectures import build
from edgeconv.formats.onnx_inspect import read_precision
from edgeconv.formats.onnx_model import OnnxModel
from edgeconv.networks.keras_network import KerasNetwork
from edgeconv.parity.honesty import misnamed
from edgeconv.spec import ModelSpec
from edgeconv.targets import Form, Options
from edgeconv.targets.onnx import OnnxConverter
from edgeconv.targets.onnx_from_graph import from_graph
from edgeconv.targets.onnx_fusing import fuse

SPEC = {
    "name": "small-vit",
    "basename": "SmallViT",
    "summary": "for a test",
    "labels": ["normal", "nsfw"],
    "architecture": {
        **{"kind": "vit", "patch": 8, "width": 96, "depth": 2, "heads": 3, "mlp": 192},
        "eps": 1e-12,
    },
    "input": {"size": [32, 48], "scale": "1/255", "mean": [0.5] * 3, "std": [0.25] * 3},
    "checkpoint": {"formats": ["safetensors"]},
}
LAYER_NORMS = 2 * 2 + 1


@pytest.fixture(scope="module")
def frozen():
    spec = ModelSpec.model_validate(SPEC)
    model, random = build(spec), np.random.default_rng(3)
    for weight in model.weights:
        spread = 0.2
        if "kernel" in weight.name:
            spread = np.prod(weight.shape[:-1]) ** -0.5
        mean = 1 if "gamma" in weight.name else 0
        weight.assign(random.normal(mean, spread, weight.shape))
    model.layers[-1].set_weights([3 * values for values in model.layers[-1].get_weights()])
    return KerasNetwork(model).freeze(spec)


@pytest.fixture(scope="module")
def pictures():
    """Twelve coloured noises, one black and one white."""
    random = np.random.default_rng(0)
    colours = random.integers(0, 256, (14, 1, 1, 3))
    pixels = (colours + random.integers(-60, 61, (14, 32, 48, 3))).clip(0, 255)
    pixels[0], pixels[1] = 0, 255
    return pixels.astype(np.uint8)


@pytest.fixture(scope="module")
def expected(frozen, pictures):
    scores = frozen.scores(pictures, threads=1, optimise=False)
    assert scores.std(axis=0).min() > 0.1
    return scores


@pytest.fixture(scope="module")
def written(frozen, pictures, tmp_path_factory):
    converter = OnnxConverter(frozen, Options(calibration=pictures))
    folder = tmp_path_factory.mktemp("onnx")

    def write(precision):
        path = folder / f"{precision}.onnx"
        if not path.exists():
            converter.write(Form("onnx", precision, ".onnx"), path)
        return path

    return write


def run(path, pictures):
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    tensors = pictures.transpose(0, 3, 1, 2)[:, None].astype(np.float32)
    return np.concatenate([session.run(None, {"image": tensor})[0] for tensor in tensors])


def optimised(path, folder):
    """How many operations of each kind ONNX Runtime runs."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(folder / "optimised.onnx")
    onnxruntime.InferenceSession(str(path), options)
    return kinds(onnx.load(folder / "optimised.onnx").graph)


def kinds(graph):
    return Counter(node.op_type for node in graph.node)


def test_weights_outside_change_nothing(frozen, pictures, expected, tmp_path):
    inside, outside = from_graph(frozen, large=1 << 30), from_graph(frozen, large=1 << 12)
    assert (len(inside.weights), len(outside.weights)) == (0, 12)
    assert kinds(inside.proto.graph) == kinds(outside.proto.graph)
    for name, model in (("inside", inside), ("outside", outside)):
        model.write(tmp_path / f"{name}.onnx")
    scores = run(tmp_path / "inside.onnx", pictures)
    assert np.array_equal(run(tmp_path / "outside.onnx", pictures), scores)
    assert scores == pytest.approx(expected, abs=2e-6)
    assert onnx.load(tmp_path / "outside.onnx").graph.input[0].name == "image"
    assert len(onnx.load(tmp_path / "outside.onnx").graph.input) == 1


def test_a_weight_outside_is_the_one_that_counts(frozen, pictures, expected, tmp_path):
    model = from_graph(frozen, large=1 << 12)
    name, weight = next(iter(model.weights.items()))
    zeroed = OnnxModel(model.proto, {**model.weights, name: lambda: np.zeros_like(weight())})
    zeroed.write(tmp_path / "zeroed.onnx")
    assert np.abs(run(tmp_path / "zeroed.onnx", pictures) - expected).max() > 0.01


@pytest.mark.slow
def test_the_demo_is_the_same_with_its_dense_layers_outside(frozen_demo, tmp_path):
    random = np.random.default_rng(0)
    pictures = random.integers(0, 256, (3, 224, 224, 3)).astype(np.uint8)
    found = []
    for large in (1 << 30, 1 << 6):
        model = from_graph(frozen_demo, large)
        model.write(tmp_path / f"{large}.onnx")
        found.append(run(tmp_path / f"{large}.onnx", pictures))
    assert len(model.weights) == 2
    assert np.array_equal(*found)


def test_layer_normalisations_are_one_operation_each(written):
    graph = onnx.load(written("fp32")).graph
    assert kinds(graph)["LayerNormalization"] == LAYER_NORMS
    assert not {"ReduceMean", "Sqrt", "Reciprocal"} & kinds(graph).keys()
    for node in graph.node:
        if node.op_type == "LayerNormalization":
            attributes = {attribute.name: attribute for attribute in node.attribute}
            assert attributes["epsilon"].f == pytest.approx(1e-12)
            assert attributes["stash_type"].i == onnx.TensorProto.FLOAT


def test_onnx_runtime_fuses_every_gelu(written, tmp_path):
    found = optimised(written("fp32"), tmp_path)
    assert (found["Gelu"], found["Erf"]) == (2, 0)


def test_fusing_leaves_another_normalisation_alone(frozen):
    model = from_graph(frozen)
    for node in model.proto.graph.node:
        if node.op_type == "ReduceMean":
            node.attribute[0].CopyFrom(onnx.helper.make_attribute(node.attribute[0].name, [0]))
    before = kinds(model.proto.graph)
    fuse(model)
    assert kinds(model.proto.graph)["ReduceMean"] == before["ReduceMean"]
    assert kinds(model.proto.graph)["LayerNormalization"] == 0


@pytest.mark.parametrize(
    ("precision", "weight_type", "tolerance"),
    [
        ("fp32", "float32", 2e-6),
        ("fp16", "float16", 0.02),
        ("dynamic", "int8", 0.1),
        ("int8", "int8", 0.1),
    ],
)
def test_each_precision_is_what_it_says(
    written, pictures, expected, precision, weight_type, tolerance
):
    found = read_precision(onnx.load(written(precision)), asked=precision)
    scores = run(written(precision), pictures)
    assert found.weight_type == weight_type
    assert np.isfinite(scores).all()
    assert np.abs(scores - expected).max() < tolerance
    assert np.array_equal(scores.argmax(axis=1), expected.argmax(axis=1))


def test_dynamic_rounds_matrices_by_column_and_shares_what_it_rounds(written):
    graph = onnx.load(written("dynamic")).graph
    dense, blocks = 6, 2
    assert kinds(graph)["MatMulInteger"] == dense * blocks
    # Queries, keys and values share rows; in the last block the query is the first token alone.
    assert kinds(graph)["DynamicQuantizeLinear"] == 4 * blocks + 1
    scales = [len(tensor.dims) for tensor in graph.initializer if tensor.name.endswith("_scale")]
    assert scales == [1] * dense * blocks


def test_int8_computes_dense_layers_in_integers_and_all_else_in_float(written, tmp_path):
    found, blocks = optimised(written("int8"), tmp_path), 2
    assert found["QGemm"] == 6 * blocks
    # As in the dynamic file; no result is rounded again.
    assert found["QuantizeLinear"] == 4 * blocks + 1
    assert found["DequantizeLinear"] == 0
    assert found["LayerNormalization"] == LAYER_NORMS
    assert (found["Softmax"], found["Gelu"]) == (blocks + 1, blocks)


def test_integers_that_are_multiplied_in_float_are_found_out(written):
    model = onnx.load(written("int8"))
    assert read_precision(model, asked="int8").float_products < 0.2
    assert read_precision(onnx.load(written("dynamic")), asked="int8").float_products < 0.2
    # Rows that nobody rounds: the matrices are still int8.
    for node in model.graph.node:
        if node.op_type == "Gemm":
            node.input[0] = node.input[0].removesuffix("_read")
    found = read_precision(model, asked="int8")
    assert (found.weight_type, found.float_products) == ("int8", 1)
    assert "computes in float" in misnamed(found)


def test_int8_rounds_to_the_range_that_calibration_saw(frozen, pictures, expected, tmp_path):
    """Calibrated on plain black, it cannot tell pictures apart."""
    errors = {}
    for name, calibration in (("seen", pictures), ("unseen", np.zeros_like(pictures[:1]))):
        converter = OnnxConverter(frozen, Options(calibration=calibration))
        converter.write(Form("onnx", "int8", ".onnx"), tmp_path / f"{name}.onnx")
        errors[name] = np.abs(run(tmp_path / f"{name}.onnx", pictures) - expected).mean()
    assert errors["unseen"] > 4 * errors["seen"]


def test_two_conversions_give_the_same_bytes(frozen, pictures, written, tmp_path):
    for precision in ("fp32", "fp16", "dynamic", "int8"):
        path = tmp_path / f"{precision}.onnx"
        OnnxConverter(frozen, Options(calibration=pictures)).write(
            Form("onnx", precision, ".onnx"), path
        )
        assert path.read_bytes() == written(precision).read_bytes()
