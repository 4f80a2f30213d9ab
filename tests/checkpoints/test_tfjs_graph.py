"""TensorFlow.js graph models: the graph is data, and computes what TensorFlow.js fused."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filled_graph import fill
from numpy.typing import NDArray

from edgeconv.checkpoints import tfjs, tfjs_graph
from edgeconv.checkpoints.checkpoint import sound
from edgeconv.errors import CheckpointError, CorruptCheckpoint, UnsafeCheckpoint
from edgeconv.networks.graph_network import GraphNetwork

FLOAT = {"type": "DT_FLOAT"}


def text(value: str) -> str:
    return base64.b64encode(value.encode()).decode()


def node(name: str, op: str, *given: str, **attributes: Any) -> dict[str, Any]:
    return {"name": name, "op": op, "input": list(given), "attr": {"T": FLOAT, **attributes}}


def fused(*names: str) -> dict[str, Any]:
    return {
        "fused_ops": {"list": {"s": [text(name) for name in names]}},
        "num_args": {"i": "1"},
        "epsilon": {"f": 0.0},
    }


def convolving(stride: int) -> dict[str, Any]:
    return {
        "strides": {"list": {"i": ["1", str(stride), str(stride), "1"]}},
        "padding": {"s": text("SAME")},
        "data_format": {"s": text("NHWC")},
        "dilations": {"list": {"i": ["1", "1", "1", "1"]}},
    }


WEIGHTS = {
    "conv/w": (3, 3, 3, 8), "conv/b": (8,), "depthwise/w": (3, 3, 8, 1), "depthwise/b": (8,),
    "axes": (2,), "dense/w": (8, 5), "dense/b": (5,),
}  # fmt: skip


def small_graph() -> list[dict[str, Any]]:
    shape = {"shape": {"dim": [{"size": side} for side in ("-1", "8", "8", "3")]}}
    constants = [
        {
            "name": name,
            "op": "Const",
            "input": ["^input"],
            "attr": {
                "dtype": {"type": "DT_INT32"} if name == "axes" else FLOAT,
                "value": {
                    "tensor": {
                        "dtype": "DT_INT32" if name == "axes" else "DT_FLOAT",
                        "tensorShape": {"dim": [{"size": str(side)} for side in sides]},
                    }
                },
            },
        }
        for name, sides in WEIGHTS.items()
    ]
    relu, mean = fused("BiasAdd", "Relu6"), {"keep_dims": {"b": False}}
    return [
        {"name": "input", "op": "Placeholder", "attr": {"dtype": FLOAT, "shape": shape}},
        *constants,
        node("conv", "_FusedConv2D", "input", "conv/w", "conv/b", **convolving(2), **relu),
        node(
            "depthwise", "FusedDepthwiseConv2dNative", "conv", "depthwise/w", "depthwise/b",
            **convolving(1), **relu,
        ),
        node("sum", "AddV2", "conv", "depthwise"),
        node("pool", "Mean", "sum", "axes", Tidx={"type": "DT_INT32"}, **mean),
        node("dense", "_FusedMatMul", "pool", "dense/w", "dense/b", **fused("BiasAdd")),
        node("softmax", "Softmax", "dense"),
        node("Identity", "Identity", "softmax"),
    ]  # fmt: skip


def drawn(name: str, shape: tuple[int, ...], generator: Any) -> NDArray[Any]:
    if name == "axes":
        return np.array([1, 2], np.int32)
    inputs = shape[:2] if "depthwise" in name else shape[:-1]
    deviation = (2 / np.prod(inputs)) ** 0.5 if len(shape) > 1 else 0.2
    return generator.normal(0, deviation, shape).astype(np.float32)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    generator = np.random.default_rng(4)
    values = {name: drawn(name, shape, generator) for name, shape in WEIGHTS.items()}
    manifest = [
        {"name": name, "shape": list(value.shape), "dtype": value.dtype.name}
        for name, value in values.items()
    ]
    data = b"".join(value.tobytes() for value in values.values())
    (tmp_path / "group1-shard1of2").write_bytes(data[:100])
    (tmp_path / "group1-shard2of2").write_bytes(data[100:])
    document = {
        "format": "graph-model",
        "modelTopology": {"node": small_graph(), "versions": {"producer": 175}},
        "weightsManifest": [
            {"paths": ["group1-shard1of2", "group1-shard2of2"], "weights": manifest}
        ],
    }
    (tmp_path / "model.json").write_text(json.dumps(document))
    return tmp_path


def edit(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    document = json.loads((folder / "model.json").read_text())
    change(document)
    (folder / "model.json").write_text(json.dumps(document))


def nodes(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {entry["name"]: entry for entry in document["modelTopology"]["node"]}


def pictures(side: int, count: int = 6) -> NDArray[np.float32]:
    generator = np.random.default_rng(2)
    colours = generator.uniform(0, 1, (count, 1, 1, 3))
    noise = generator.normal(0, 0.15, (count, side, side, 3))
    return (colours + noise).clip(0, 1).astype(np.float32)


def stored_weights(folder: Path, group: dict[str, Any]) -> dict[str, NDArray[Any]]:
    data = b"".join((folder / name).read_bytes() for name in group["paths"])
    values = {}
    for weight in group["weights"]:
        how = weight.get("quantization")
        dtype = np.dtype("u1" if how else weight["dtype"])
        size = int(np.prod(weight["shape"])) * dtype.itemsize
        raw, data = np.frombuffer(data[:size], dtype), data[size:]
        wide = raw * how["scale"] + how["min"] if how else raw
        values[weight["name"]] = wide.astype(weight["dtype"]).reshape(weight["shape"])
    return values


def computed(folder: Path, given: NDArray[np.float32]) -> NDArray[np.float32]:
    """The document itself, node by node, fused operations as TensorFlow.js defines them."""
    import tensorflow as tf

    document = json.loads((folder / "model.json").read_text())
    values: dict[str, Any] = stored_weights(folder, document["weightsManifest"][0])

    def convolved(x: Any, kernel: Any, attributes: Any, convolve: Any) -> Any:
        strides = [int(stride) for stride in attributes["strides"]["list"]["i"]]
        return convolve(x, kernel, strides, base64.b64decode(attributes["padding"]["s"]).decode())

    plain = {
        "AddV2": lambda x, y: x + y,
        "Mul": lambda x, y: x * y,
        "Sub": lambda x, y: x - y,
        "Mean": lambda x, _: tf.reduce_mean(x, [1, 2]),
        "AvgPool": lambda x: tf.reduce_mean(x, [1, 2], keepdims=True),
        "Squeeze": lambda x: tf.squeeze(x, [1, 2]),
        "Softmax": tf.nn.softmax,
        "Identity": tf.identity,
    }
    for entry in document["modelTopology"]["node"]:
        op, attributes = entry["op"], entry["attr"]
        x = [values[name] for name in entry.get("input", []) if name in values]
        if op == "Placeholder":
            y = tf.constant(given)
        elif op == "Const":
            continue
        elif op == "_FusedConv2D":
            y = convolved(x[0], x[1], attributes, tf.nn.conv2d) + x[2]
        elif op == "FusedDepthwiseConv2dNative":
            y = convolved(x[0], x[1], attributes, tf.nn.depthwise_conv2d) + x[2]
        elif op == "_FusedMatMul":
            y = tf.linalg.matmul(x[0], x[1]) + x[2]
        else:
            y = plain[op](*x)
        if text("Relu6") in attributes.get("fused_ops", {"list": {"s": []}})["list"]["s"]:
            y = tf.clip_by_value(y, 0.0, 6.0)
        values[entry["name"]] = y
    return np.asarray(values["Identity"])


def assert_same_scores(folder: Path, given: NDArray[np.float32], least: float) -> None:
    wanted = computed(folder, given)
    assert np.ptp(wanted, axis=0).max() > least, "a model that does not vary is no witness"
    found = GraphNetwork(tfjs_graph.read(folder).program).scores(given)
    np.testing.assert_allclose(found, wanted, atol=2e-6)


def test_fused_operations_compute_what_they_stand_for(folder: Path) -> None:
    assert_same_scores(folder, pictures(8), 0.1)


def test_an_activation_that_is_another_is_seen(folder: Path) -> None:
    wanted = computed(folder, pictures(8))
    edit(folder, lambda document: nodes(document)["conv"]["attr"].update(fused("BiasAdd", "Tanh")))
    found = GraphNetwork(tfjs_graph.read(folder).program).scores(pictures(8))
    assert np.abs(found - wanted).max() > 0.01


def test_the_real_graph_with_weights_of_ours(shared: Path, tmp_path: Path) -> None:
    fill(shared / "checkpoints/nsfwjs_mobilenet_v2_mid/model.json", tmp_path)
    checkpoint = sound(tfjs_graph.read(tmp_path))
    assert checkpoint.values == 4_300_775
    assert (checkpoint.program.input_name, checkpoint.program.output_name) == (
        "input:0",
        "Identity:0",
    )
    assert not {n.op for n in checkpoint.program.graph_def.node} & tfjs_graph.FUSED.keys()
    assert_same_scores(tmp_path, pictures(224, 3), 0.01)


def test_graphs_and_layers_are_told_apart(folder: Path, tiny: Any, write_tfjs: Any) -> None:
    assert tfjs_graph.recognises(folder) and tfjs_graph.recognises(folder / "model.json")
    assert not tfjs_graph.recognises(write_tfjs(tiny, folder / "layers"))
    with pytest.raises(CheckpointError, match="graph model"):
        tfjs.read(folder)


def test_float_constants_are_its_tensors(folder: Path) -> None:
    checkpoint = tfjs_graph.read(folder)
    assert checkpoint.path == folder
    assert checkpoint.tensors.keys() == WEIGHTS.keys() - {"axes"}


def _retyped(name: str, op: str) -> Callable[[dict[str, Any]], object]:
    return lambda document: nodes(document)[name].update(op=op)


@pytest.mark.parametrize(
    "op", ["PyFunc", "ReadFile", "WriteFile", "While", "Assert", "HashTableV2"]
)
def test_operations_that_are_not_on_the_list_are_refused(op: str, folder: Path) -> None:
    edit(folder, _retyped("sum", op))
    with pytest.raises(UnsafeCheckpoint, match="nothing of it was run") as caught:
        tfjs_graph.read(folder)
    assert f"operation {op}" in str(caught.value)


def test_functions_are_refused(folder: Path) -> None:
    library = {"function": [{"signature": {"name": "hidden"}}]}
    edit(folder, lambda document: document["modelTopology"].update(library=library))
    with pytest.raises(UnsafeCheckpoint, match="refused") as caught:
        tfjs_graph.read(folder)
    assert "function hidden" in str(caught.value)


def test_normalisation_by_the_batch_is_refused(folder: Path) -> None:
    edit(folder, _retyped("sum", "FusedBatchNormV3"))
    with pytest.raises(UnsafeCheckpoint) as caught:
        tfjs_graph.read(folder)
    assert "sum normalises by the batch" in str(caught.value)


@pytest.mark.parametrize(
    "names", [("BiasAdd", "Magic"), ("Relu",), (), ("BiasAdd", "FusedBatchNorm")]
)
def test_what_cannot_be_taken_apart_is_refused(names: tuple[str, ...], folder: Path) -> None:
    edit(folder, lambda document: nodes(document)["conv"]["attr"].update(fused(*names)))
    with pytest.raises(CheckpointError, match="cannot be taken apart"):
        tfjs_graph.read(folder)


def test_a_cycle_is_corrupt(folder: Path) -> None:
    edit(folder, lambda document: nodes(document)["conv"].update(input=["sum", "conv/w", "conv/b"]))
    with pytest.raises(CorruptCheckpoint, match="wait for each other"):
        tfjs_graph.read(folder)


def test_missing_and_repeated_nodes_are_corrupt(folder: Path) -> None:
    edit(folder, lambda document: nodes(document)["sum"].update(input=["conv", "nowhere"]))
    with pytest.raises(CorruptCheckpoint, match="are missing") as caught:
        tfjs_graph.read(folder)
    assert "nowhere" in str(caught.value)
    edit(folder, lambda document: nodes(document)["pool"].update(name="sum"))
    with pytest.raises(CorruptCheckpoint, match="one name"):
        tfjs_graph.read(folder)


def test_short_long_and_missing_shards_are_corrupt(folder: Path) -> None:
    shard = folder / "group1-shard2of2"
    data = shard.read_bytes()
    shard.write_bytes(data[:-1])
    with pytest.raises(CorruptCheckpoint, match="too short"):
        tfjs_graph.read(folder)
    shard.write_bytes(data + b"\0")
    with pytest.raises(CorruptCheckpoint, match="too long"):
        tfjs_graph.read(folder)
    shard.unlink()
    with pytest.raises(CorruptCheckpoint, match="missing"):
        tfjs_graph.read(folder)


@pytest.mark.parametrize("path", ["../secret", "/etc/passwd", ".."])
def test_shards_outside_the_folder_are_refused(path: str, folder: Path) -> None:
    edit(folder, lambda document: document["weightsManifest"][0].update(paths=[path]))
    with pytest.raises(UnsafeCheckpoint, match="outside its folder"):
        tfjs_graph.read(folder)


def test_weights_that_are_not_those_of_the_graph_are_corrupt(folder: Path) -> None:
    def rename(document: dict[str, Any]) -> None:
        document["weightsManifest"][0]["weights"][0]["name"] = "other"

    edit(folder, rename)
    with pytest.raises(CorruptCheckpoint, match="weights of its own graph") as caught:
        tfjs_graph.read(folder)
    assert "other" in str(caught.value) and "conv/w" in str(caught.value)


def test_a_constant_of_another_shape_is_corrupt(folder: Path) -> None:
    def reshape(document: dict[str, Any]) -> None:
        document["weightsManifest"][0]["weights"][0]["shape"] = [3, 3, 8, 3]

    edit(folder, reshape)
    with pytest.raises(CorruptCheckpoint, match="not as its graph says"):
        tfjs_graph.read(folder)


@pytest.mark.parametrize(
    "change",
    [
        lambda document: document["modelTopology"].update(node=[]),
        lambda document: document["modelTopology"]["node"].append(node("more", "Relu", "conv")),
        lambda document: document["modelTopology"]["node"].append(
            {**nodes(document)["input"], "name": "second"}
        ),
        lambda document: nodes(document)["Identity"].update(input=["conv"]),
    ],
    ids=["empty", "two outputs", "two inputs", "no scores"],
)
def test_what_is_no_classifier_is_refused(change: Any, folder: Path) -> None:
    edit(folder, change)
    with pytest.raises(CheckpointError):
        tfjs_graph.read(folder)


@pytest.mark.parametrize(
    "topology", [None, 3, {"node": 3}, {"node": [{"nme": "x"}]}, {"node": [{"attr": {"T": 1}}]}]
)
def test_nonsense_is_corrupt(topology: Any, folder: Path) -> None:
    edit(folder, lambda document: document.update(modelTopology=topology))
    with pytest.raises(CorruptCheckpoint):
        tfjs_graph.read(folder)


def test_shapes_that_do_not_fit_are_corrupt(folder: Path) -> None:
    edit(folder, lambda document: nodes(document)["dense"].update(
        input=["pool", "conv/w", "dense/b"]
    ))  # fmt: skip
    with pytest.raises(CorruptCheckpoint, match="cannot be built"):
        tfjs_graph.read(folder)
