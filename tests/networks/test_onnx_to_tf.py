"""ONNX translated for tensorflow: every operation against ONNX Runtime, in ONNX's own order."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx_graphs import SIZE, SOFTMAX, classifier, model, pictures, program, run, spec

from edgeconv.errors import ConversionError
from edgeconv.networks.onnx_network import FrozenOnnx, OnnxNetwork
from edgeconv.networks.onnx_to_tf import concrete_function, shaping
from edgeconv.networks.onnx_to_tf.registry import known_operations
from edgeconv.spec import ModelSpec

H, W = SIZE
RANDOM = np.random.default_rng(7)


def floats(*shape: int) -> NDArray[np.float32]:
    return RANDOM.normal(0, 0.5, shape).astype(np.float32)


def ints(*values: int) -> NDArray[np.int64]:
    return np.array(values, np.int64)


def differs(nodes: list[Any], constants: dict[str, Any], opset: int = 20) -> float:
    """The largest difference between tensorflow and ONNX Runtime.

    The nodes go from ``x`` (1, 4, H, W), values about zero, to ``y`` of any shape; all of ``y`` is
    compared, in ONNX's order.
    """
    before = [
        ("Mul", ["images", "tiny"], ["small"], {}),
        ("Sub", ["small", "half"], ["centred"], {}),
        ("Conv", ["centred", "mix"], ["x"], {}),
    ]
    after = [("Flatten", ["y"], ["output"], {"axis": 0})]
    more = {
        "tiny": np.float32(1 / 64),
        "half": np.float32(2),
        "mix": np.random.default_rng(0).normal(0, 1, (4, 3, 1, 1)).astype(np.float32),
    }
    made = model([*before, *nodes, *after], {**more, **constants}, None, opset=opset)
    made.graph.input[0].name = "image"
    made.graph.node[0].input[0] = "image"
    given = pictures(2)
    expected = run(made, given.transpose(0, 3, 1, 2).astype(np.float32))
    assert np.ptp(expected) > 0.01, "values that do not vary prove nothing"
    function = concrete_function(made, spec())
    found = [function(one[None].astype(np.float32))[0].numpy() for one in given]
    assert found[0].shape == expected[0].shape
    return float(np.abs(np.stack(found) - expected).max())


def conv(group: int = 1, out: int = 4, kernel: int = 3, **more: Any) -> tuple[Any, Any]:
    weights = floats(out, 4 // group, kernel, kernel)
    return [("Conv", ["x", "w", "b"], ["y"], {"group": group, **more})], {
        "w": weights,
        "b": floats(out),
    }


def pool(operation: str, kernel: int, stride: int, pads: list[int], **more: Any) -> tuple[Any, Any]:
    shape = {"kernel_shape": [kernel] * 2, "strides": [stride] * 2, "pads": pads}
    return [(operation, ["x"], ["y"], {**shape, **more})], {}


def one(operation: str, constants: dict[str, Any] | None = None, **more: Any) -> tuple[Any, Any]:
    given = constants or {}
    return [(operation, ["x", *given], ["y"], more)], given


def chain(*steps: tuple[str, list[str], dict[str, Any]], **constants: Any) -> tuple[Any, Any]:
    names = ["x", *(f"t{n}" for n in range(1, len(steps))), "y"]
    nodes = [
        (op, [names[n], *more], [names[n + 1]], attributes)
        for n, (op, more, attributes) in enumerate(steps)
    ]
    return nodes, constants


def resize(mode: str, coordinates: str) -> tuple[Any, Any]:
    return one(
        "Resize",
        {"region": floats(0), "factors": np.float32([1, 1, 2, 2])},
        mode=mode,
        coordinate_transformation_mode=coordinates,
        nearest_mode="floor",
    )


def layer_norm_over_channels() -> tuple[Any, Any]:
    return chain(
        ("Transpose", [], {"perm": [0, 2, 3, 1]}),
        ("LayerNormalization", ["scale", "bias"], {"axis": -1}),
        ("MatMul", ["w"], {}),
        ("Transpose", [], {"perm": [0, 3, 1, 2]}),
        scale=floats(4),
        bias=floats(4),
        w=floats(4, 5),
    )


def attention() -> tuple[Any, Any]:
    """Patches to tokens, one head of self-attention, tokens back to a map."""
    return chain(
        ("Reshape", ["tokens"], {}),
        ("Transpose", [], {"perm": [0, 2, 1]}),
        ("MatMul", ["w"], {}),
        ("Softmax", [], {"axis": 1}),
        ("Transpose", [], {"perm": [0, 2, 1]}),
        ("Reshape", ["map"], {}),
        tokens=ints(1, 4, -1),
        map=ints(1, 6, H, W),
        w=floats(4, 6),
    )


CASES: dict[str, tuple[Any, Any]] = {
    "conv valid": conv(),
    "conv same": conv(pads=[1, 1, 1, 1]),
    "conv stride 2, even side": conv(pads=[1, 1, 1, 1], strides=[2, 2]),
    "conv auto_pad upper": conv(auto_pad="SAME_UPPER", strides=[2, 2]),
    "conv auto_pad lower": conv(auto_pad="SAME_LOWER", strides=[2, 2]),
    "conv uneven pads": conv(pads=[0, 1, 2, 1]),
    "conv dilated": conv(pads=[2, 2, 2, 2], dilations=[2, 2]),
    "conv in groups": conv(group=2, out=6),
    "conv depthwise": conv(group=4, pads=[1, 1, 1, 1]),
    "conv depthwise, two each": conv(group=4, out=8),
    "max pool": pool("MaxPool", 2, 2, [0, 0, 0, 0]),
    "max pool of a residual network": pool("MaxPool", 3, 2, [1, 1, 1, 1]),
    "max pool of a pyramid": pool("MaxPool", 5, 1, [2, 2, 2, 2]),
    "max pool with a broad border": pool("MaxPool", 2, 2, [1, 1, 1, 1]),
    "max pool reaching over": pool("MaxPool", 3, 2, [0, 0, 0, 0], ceil_mode=1),
    "average pool": pool("AveragePool", 2, 1, [0, 0, 0, 0]),
    "average pool, border counted": pool("AveragePool", 3, 2, [1, 1, 1, 1], count_include_pad=1),
    "average pool, border not counted": pool("AveragePool", 3, 2, [1, 1, 1, 1]),
    "average pool, same": pool("AveragePool", 3, 1, [1, 1, 1, 1]),
    "average pool, same, counted": pool("AveragePool", 3, 1, [1, 1, 1, 1], count_include_pad=1),
    "average pool reaching over": pool("AveragePool", 3, 2, [0, 0, 0, 0], ceil_mode=1),
    "global average": one("GlobalAveragePool"),
    "global max": one("GlobalMaxPool"),
    "batch norm": one(
        "BatchNormalization", {"a": floats(4), "b": floats(4), "c": floats(4), "d": floats(4) ** 2}
    ),
    "instance norm": one("InstanceNormalization", {"a": floats(4), "b": floats(4)}),
    "layer norm over channels": layer_norm_over_channels(),
    "layer norm over columns": one("LayerNormalization", {"a": floats(W), "b": floats(W)}),
    "attention": attention(),
    "flatten": one("Flatten"),
    "flatten late": one("Flatten", axis=2),
    "reshape that keeps channels apart": one("Reshape", {"s": ints(1, 2, 2, H, W)}),
    "reshape that mixes channels and rows": one("Reshape", {"s": ints(1, 4 * H, W)}),
    "reshape with a zero": one("Reshape", {"s": ints(0, 0, -1)}),
    "reshape to rows": one("Reshape", {"s": ints(1, 4, H // 2, 2, W)}),
    "channel shuffle": chain(
        ("Reshape", ["apart"], {}),
        ("Transpose", [], {"perm": [0, 2, 1, 3, 4]}),
        ("Reshape", ["joined"], {}),
        ("Relu", [], {}),
        apart=ints(1, 2, 2, H, W),
        joined=ints(1, 4, H, W),
    ),
    "transpose": one("Transpose", perm=[0, 3, 1, 2]),
    "squeeze": chain(("ReduceMean", ["axes"], {}), ("Squeeze", ["axes"], {}), axes=ints(2)),
    "unsqueeze": one("Unsqueeze", {"axes": ints(1, -1)}),
    "mean over channels": one("ReduceMean", {"axes": ints(1)}, keepdims=0),
    "mean over the picture": one("ReduceMean", {"axes": ints(2, 3)}),
    "max over all": one("ReduceMax", {"axes": ints(0, 1, 2)}, keepdims=0),
    "sum over rows": one("ReduceSum", {"axes": ints(-2)}, keepdims=0),
    "norm of channels": one("ReduceL2", {"axes": ints(1)}),
    "split in parts": (
        [
            ("Split", ["x", "parts"], ["a", "b"], {"axis": 1}),
            ("Tanh", ["a"], ["c"], {}),
            ("Concat", ["b", "c"], ["y"], {"axis": 1}),
        ],
        {"parts": ints(1, 3)},
    ),
    "split evenly": (
        [
            ("Split", ["x"], ["a", "b"], {"axis": 2, "num_outputs": 2}),
            ("Sub", ["a", "b"], ["y"], {}),
        ],
        {},
    ),
    "slice": one("Slice", {"s": ints(1, 2), "e": ints(9999, -2), "a": ints(1, 3), "t": ints(2, 3)}),
    "gather one": one("Gather", {"i": np.array(-1, np.int64)}, axis=1),
    "gather some": one("Gather", {"i": ints(2, 0)}, axis=1),
    "pad": one("Pad", {"p": ints(0, 1, 2, 0, 0, 0, 1, 3), "v": np.float32(0.5)}),
    "pad by reflection": one("Pad", {"p": ints(0, 0, 2, 1, 0, 0, 1, 3)}, mode="reflect"),
    "tile": one("Tile", {"r": ints(1, 2, 1, 3)}),
    "expand": chain(
        ("ReduceMax", ["axes"], {}), ("Expand", ["s"], {}), axes=ints(2, 3), s=ints(2, 5)
    ),
    "nearest": resize("nearest", "asymmetric"),
    "bilinear": resize("linear", "half_pixel"),
    "add to channels": one("Add", {"b": floats(4, 1, 1)}),
    "multiply columns": one("Mul", {"b": floats(W)}),
    "add a map": one("Add", {"b": floats(1, 4, H, W)}),
    "gate": (
        [
            ("GlobalAveragePool", ["x"], ["g"], {}),
            ("Flatten", ["g"], ["v"], {}),
            ("Gemm", ["v", "w", "b"], ["s"], {"alpha": 0.5, "beta": 2.0}),
            ("Reshape", ["s", "shape"], ["gate"], {}),
            ("Mul", ["x", "gate"], ["y"], {}),
        ],
        {"w": floats(4, 4), "b": floats(4), "shape": ints(1, 4, 1, 1)},
    ),
    "square": one("Pow", {"e": np.float32(2)}),
    "cube": one("Pow", {"e": np.float32(3)}),
    "divide": one("Div", {"d": floats(4, 1, 1) + np.float32(2)}),
    "where": (
        [("Greater", ["x", "zero"], ["c"], {}), ("Where", ["c", "x", "other"], ["y"], {})],
        {"zero": np.float32(0), "other": floats(4, 1, 1)},
    ),
    "cast": chain(("Cast", [], {"to": 10}), ("Cast", [], {"to": 1})),
    "relu": one("Relu"),
    "relu6": one("Clip", {"low": np.float32(0), "high": np.float32(6)}),
    "clip": one("Clip", {"low": np.float32(-0.3), "high": np.float32(0.7)}),
    "leaky relu": one("LeakyRelu", alpha=0.2),
    "prelu": one("PRelu", {"slope": floats(4, 1, 1)}),
    "elu": one("Elu", alpha=1.5),
    "sigmoid": one("Sigmoid"),
    "hard sigmoid": one("HardSigmoid", alpha=0.25, beta=0.4),
    "hard swish": one("HardSwish"),
    "softplus": one("Softplus"),
    "mish": one("Mish"),
    "gelu": one("Gelu"),
    "gelu by tanh": one("Gelu", approximate="tanh"),
    "softmax over channels": one("Softmax", axis=1),
    "softmax over columns": one("Softmax", axis=-1),
    "largest": one("Max", {"b": floats(4, 1, 1), "c": floats(1)}),
    "reciprocal": chain(
        ("Abs", [], {}), ("Add", ["one"], {}), ("Reciprocal", [], {}), one=np.float32(1)
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_an_operation_computes_what_onnx_runtime_computes(name: str) -> None:
    nodes, constants = CASES[name]
    assert differs(nodes, constants) < (2e-3 if name == "cast" else 2e-5)


def test_group_norm() -> None:
    nodes, constants = one(
        "GroupNormalization", {"a": floats(4), "b": floats(4)}, num_groups=2, epsilon=1e-3
    )
    assert differs(nodes, constants, opset=21) < 2e-5


@pytest.mark.parametrize("halved_first", [False, True])
def test_a_gelu_that_was_written_out_is_found(halved_first: bool) -> None:
    """As torch's two exporters write it."""
    import tensorflow as tf

    root, half = np.float32(2**0.5), np.float32(0.5)
    before = [
        ("Div", ["x", "root"], ["p"], {}),
        ("Erf", ["p"], ["q"], {}),
        ("Add", ["q", "one"], ["r"], {}),
    ]
    after = (
        [("Mul", ["x", "half"], ["s"], {}), ("Mul", ["s", "r"], ["y"], {})]
        if halved_first
        else [("Mul", ["x", "r"], ["s"], {}), ("Mul", ["s", "half"], ["y"], {})]
    )
    constants = {"root": root, "half": half, "one": np.float32(1)}
    assert differs([*before, *after], constants) < 2e-5
    constants["half"] = np.float32(0.25)
    assert differs([*before, *after], constants) < 2e-5, "half as much is another function"

    bent = [
        (op, ["logits" if n == "x" else n for n in read], made, more)
        for op, read, made, more in [*before, *after]
    ]
    last = ("Softmax", ["y"], ["output"], {"axis": 1})
    made = classifier(*bent, last, more={**constants, "half": half})
    function = OnnxNetwork(program(made), spec()).freeze(spec()).function
    content = tf.lite.TFLiteConverter.from_concrete_functions([function]).convert()
    assert operations(content)["GELU"] == 1


def test_an_operation_without_translation_is_named_with_those_that_have_one() -> None:
    with pytest.raises(ConversionError) as refused:
        differs(*one("CumSum", {"axis": np.array(1, np.int64)}))
    assert "no translation of CumSum" in str(refused.value)
    for name in known_operations():
        assert name in str(refused.value)


@pytest.mark.parametrize(
    ("case", "found"),
    [
        (one("Gather", {"i": np.array([[0, 1]], np.int64)}, axis=1), "indices are of rank 2"),
        (pool("MaxPool", 3, 1, [0, 0, 0, 0], dilations=[2, 2]), "dilated"),
        (one("Pad", {"p": ints(0, 0, 1, 1, 0, 0, 1, 1)}, mode="edge"), "mode is edge"),
        (resize("cubic", "half_pixel"), "cubic"),
    ],
)
def test_a_use_without_translation_is_named(case: tuple[Any, Any], found: str) -> None:
    with pytest.raises(ConversionError, match="cannot be translated") as refused:
        differs(*case)
    assert found in str(refused.value)


def test_a_layout_mistake_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Channels and places mixed up in a flattening: what converters of layouts get wrong."""
    nodes, constants = CASES["flatten"]
    assert differs(nodes, constants) < 2e-5
    monkeypatch.setattr(shaping, "_in_storage", lambda x, groups: list(range(len(groups))))
    assert differs(nodes, constants) > 0.1


# ---------------------------------------------------------------------------- whole classifiers


@pytest.fixture(scope="module")
def described() -> ModelSpec:
    return spec(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225])


@pytest.fixture(scope="module")
def frozen(described: ModelSpec) -> FrozenOnnx:
    return OnnxNetwork(program(classifier(SOFTMAX)), described).freeze(described)


def operations(content: bytes) -> Counter[str]:
    """The operations of a TFLite file, by kind, as they are before any delegate takes them."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(
        model_content=content,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    interpreter.allocate_tensors()
    return Counter(operation["op_name"] for operation in interpreter._get_ops_details())


def test_the_tensorflow_function_agrees_with_the_file(frozen: FrozenOnnx) -> None:
    given = pictures().astype(np.float32)
    found = [frozen.function(one[None]).numpy()[0] for one in given]
    np.testing.assert_allclose(found, frozen.scores(pictures()), atol=1e-5)


def test_tflite_has_no_transposition_but_the_one_of_the_flattening(frozen: FrozenOnnx) -> None:
    import tensorflow as tf

    content = tf.lite.TFLiteConverter.from_concrete_functions([frozen.function]).convert()
    assert operations(content)["TRANSPOSE"] == 1
    assert operations(content)["CONV_2D"] == 2
    assert operations(content)["DEPTHWISE_CONV_2D"] == 1


@pytest.mark.parametrize("suffix", [".mlmodel", ".mlpackage"])
def test_core_ml_agrees_with_the_file(suffix: str, frozen: FrozenOnnx, tmp_path: Path) -> None:
    from edgeconv.runtimes.coreml_reference import load
    from edgeconv.targets import FORMS, Options, converter

    (form,) = (f for f in FORMS if f.precision == "fp32" and f.suffix == suffix)
    path = tmp_path / f"theirs{suffix}"
    converter("coreml")(frozen, Options()).write(form, path)
    read = load(path)
    labels = frozen.spec.labels
    found = []
    for picture in pictures():
        scores = read.predict({"image": picture})["scores"]
        found.append([scores[label] for label in labels])
    expected = frozen.scores(pictures())
    assert np.ptp(expected, axis=0).max() > 0.1
    np.testing.assert_allclose(found, expected, atol=1e-4)
