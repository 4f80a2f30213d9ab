"""Small ONNX classifiers with weights under which scores vary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from edgeconv.checkpoints.onnx_program import OnnxProgram, classifier_in
from edgeconv.spec import ModelSpec

SIZE = (20, 16)
LABELS = ("Dots", "Rings", "Stripes")

Node = tuple[str, list[str], list[str], dict[str, Any]]


def spec(kind: str = "softmax", labels: Sequence[str] = LABELS, **given: Any) -> ModelSpec:
    return ModelSpec.model_validate(
        {
            "name": "theirs",
            "basename": "Theirs",
            "summary": "A classifier that somebody else made",
            "labels": labels,
            "architecture": {"kind": "onnx"},
            "input": {"size": SIZE, "scale": "1/255", **given},
            "output": {"kind": kind},
            "checkpoint": {"formats": ["onnx"]},
        }
    )


def pictures(count: int = 6) -> NDArray[np.uint8]:
    """Plain colours with noise over them."""
    generator = np.random.default_rng(1)
    colours = generator.integers(0, 256, (count, 1, 1, 3))
    noise = generator.integers(-60, 61, (count, *SIZE, 3))
    return (colours + noise).clip(0, 255).astype(np.uint8)


def model(
    nodes: Sequence[Node],
    constants: Mapping[str, Any],
    width: int | None,
    *,
    opset: int = 17,
    picture: tuple[Any, ...] = (1, 3, *SIZE),
    output: str = "output",
    domains: Sequence[str] = (),
) -> onnx.ModelProto:
    """Nodes from ``images`` to ``output`` (1, width)."""
    graph = helper.make_graph(
        [helper.make_node(op, read, made, **more) for op, read, made, more in nodes],
        "theirs",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, picture)],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, (picture[0], width))],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    opsets = [helper.make_opsetid("", opset), *(helper.make_opsetid(d, 1) for d in domains)]
    made = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    onnx.checker.check_model(made)
    return made


def classifier(
    *last: Node,
    width: int = 3,
    nhwc: bool = False,
    more: Mapping[str, Any] | None = None,
    **how: Any,
) -> onnx.ModelProto:
    """Convolutions, pooling and a dense layer that gives ``logits``; then the nodes of ``last``.

    The pooled picture is flattened with its places still apart, so that channels and places must
    not be mixed up.
    """
    generator = np.random.default_rng(3)

    def weights(*shape: int) -> NDArray[np.float32]:
        deviation = (2 / np.prod(shape[1:])) ** 0.5
        return generator.normal(0, deviation, shape).astype(np.float32)

    constants: dict[str, Any] = {
        **(more or {}),
        "kernel1": weights(8, 3, 3, 3),
        "bias1": weights(8, 8)[0],
        "kernel2": weights(8, 1, 3, 3),
        "kernel3": weights(6, 8, 1, 1),
        "dense": weights(width, 6 * 3 * 2) * 3,
        "offset": weights(width, 8)[:, 0],
    }
    same = {"pads": [1, 1, 1, 1]}
    nodes: list[Node] = [
        ("Conv", ["start", "kernel1", "bias1"], ["a"], {"strides": [2, 2], **same}),
        ("Relu", ["a"], ["b"], {}),
        ("Conv", ["b", "kernel2"], ["c"], {"group": 8, **same}),
        ("Add", ["b", "c"], ["d"], {}),
        ("MaxPool", ["d"], ["e"], {"kernel_shape": [3, 3], "strides": [2, 2], **same}),
        ("Conv", ["e", "kernel3"], ["f"], {}),
        ("AveragePool", ["f"], ["g"], {"kernel_shape": [2, 2], "strides": [2, 2], "ceil_mode": 1}),
        ("Flatten", ["g"], ["h"], {}),
        ("Gemm", ["h", "dense", "offset"], ["logits"], {"transB": 1}),
        *last,
    ]
    start: Node = (
        ("Transpose", ["images"], ["start"], {"perm": [0, 3, 1, 2]})
        if nhwc
        else ("Identity", ["images"], ["start"], {})
    )
    picture = (1, *SIZE, 3) if nhwc else (1, 3, *SIZE)
    output = last[-1][2][0] if last else "logits"
    return model([start, *nodes], constants, width, output=output, picture=picture, **how)


SOFTMAX: Node = ("Softmax", ["logits"], ["output"], {"axis": 1})
SIGMOID: Node = ("Sigmoid", ["logits"], ["output"], {})


def program(made: onnx.ModelProto) -> OnnxProgram:
    onnx.checker.check_model(made)
    return classifier_in(made, "theirs.onnx")


def run(made: onnx.ModelProto, inputs: NDArray[Any]) -> NDArray[np.float32]:
    """ONNX Runtime on (N, ...) inputs one by one, with nothing of edgeconv between."""
    import onnxruntime

    session = onnxruntime.InferenceSession(made.SerializeToString())
    (given,) = session.get_inputs()
    return np.concatenate([session.run(None, {given.name: one[None]})[0] for one in inputs])
