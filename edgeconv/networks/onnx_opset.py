"""Brings a stranger's graph to the opset that our ONNX files are written at.

Opset 17 is the newest that TensorRT 8.6 (JetPack 5) reads, and torch exports 18 and newer. onnx's
own converter goes up well, but hardly down: it has no way back for ``Split`` and ``Gelu``, which
torch writes into most networks. A graph that uses what opset 17 has not keeps its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from edgeconv.formats.onnx_model import OPSET

_SAME = frozenset(
    {"AveragePool", "BatchNormalization", "Cast", "Constant", "ConstantOfShape", "Conv", "Dropout",
     "Elu", "Equal", "Flatten", "GlobalAveragePool", "GlobalMaxPool", "HardSigmoid", "HardSwish",
     "Identity", "InstanceNormalization", "MaxPool", "Pad", "Reshape", "Resize", "Shape", "Size",
     "Softplus", "Squeeze", "Transpose", "Unsqueeze"}
)  # fmt: skip
"""Operations whose versions after 17 take more types, or optional things that the checker sees."""


def at_our_opset(model: Any) -> Any:
    """The model at :data:`OPSET` where that can be, else as it is.

    Args:
        model: an ``onnx.ModelProto`` without local functions.
    """
    import onnx

    own = opset_of(model)
    if own == OPSET or any(node.domain not in {"", "ai.onnx"} for node in model.graph.node):
        return model
    try:
        converted = (
            onnx.version_converter.convert_version(model, OPSET) if own < OPSET else _down(model)
        )
        onnx.checker.check_model(converted, full_check=True)
    except Exception:  # the converter and the checker raise errors of many kinds
        return model
    return converted


def opset_of(model: Any) -> int:
    """The version of ONNX's own operations that a model is written in."""
    return max((o.version for o in model.opset_import if o.domain in {"", "ai.onnx"}), default=0)


def _down(model: Any) -> Any:
    """Raises ValueError where an operation has no older form here."""
    import onnx

    made = type(model)()
    made.CopyFrom(model)
    del made.graph.node[:], made.opset_import[:]
    made.opset_import.append(onnx.helper.make_opsetid("", OPSET))
    for node in model.graph.node:
        since = onnx.defs.get_schema(node.op_type, opset_of(model)).since_version
        if since <= OPSET or node.op_type in _SAME:
            made.graph.node.append(node)
        elif node.op_type in _OLDER_FORMS:
            made.graph.node.extend(_OLDER_FORMS[node.op_type](node, made.graph))
        else:
            raise ValueError(f"{node.op_type} is newer than opset {OPSET}")
    return made


def _split(node: Any, _: Any) -> list[Any]:
    """Opset 18 wants to be told that parts are equal; before, that was the meaning of silence."""
    import onnx

    attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    attributes.pop("num_outputs", None)
    return [onnx.helper.make_node("Split", node.input, node.output, node.name, **attributes)]


def _reduction(node: Any, graph: Any) -> list[Any]:
    """Axes were an attribute until opset 18."""
    import onnx

    attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    constants = {tensor.name: tensor for tensor in graph.initializer}
    if len(node.input) > 1 and node.input[1]:
        axes = onnx.numpy_helper.to_array(constants[node.input[1]])
        attributes["axes"] = [int(axis) for axis in axes]
    elif attributes.get("noop_with_empty_axes"):
        return [onnx.helper.make_node("Identity", node.input[:1], node.output, node.name)]
    attributes.pop("noop_with_empty_axes", None)
    return [
        onnx.helper.make_node(node.op_type, node.input[:1], node.output, node.name, **attributes)
    ]


def _gelu(node: Any, graph: Any) -> list[Any]:
    """``0.5 x (1 + erf(x / sqrt(2)))``, or its approximation by tanh (onnx, operator Gelu)."""
    import onnx

    approximate = any(a.name == "approximate" and a.s == b"tanh" for a in node.attribute)
    (x,), (y,), name = node.input, node.output, node.name
    make = onnx.helper.make_node

    def number(value: float) -> str:
        constant = f"{y}.{value}"
        graph.initializer.append(onnx.numpy_helper.from_array(np.float32(value), constant))
        return constant

    if approximate:
        inner = [
            make("Mul", [x, x], [f"{y}.square"], f"{name}.square"),
            make("Mul", [f"{y}.square", x], [f"{y}.cube"], f"{name}.cube"),
            make("Mul", [f"{y}.cube", number(0.044715)], [f"{y}.bent"], f"{name}.bent"),
            make("Add", [x, f"{y}.bent"], [f"{y}.sum"], f"{name}.sum"),
            make("Mul", [f"{y}.sum", number((2 / np.pi) ** 0.5)], [f"{y}.in"], f"{name}.in"),
            make("Tanh", [f"{y}.in"], [f"{y}.curve"], f"{name}.curve"),
        ]
    else:
        inner = [
            make("Div", [x, number(2**0.5)], [f"{y}.in"], f"{name}.in"),
            make("Erf", [f"{y}.in"], [f"{y}.curve"], f"{name}.curve"),
        ]
    return [
        *inner,
        make("Add", [f"{y}.curve", number(1.0)], [f"{y}.share"], f"{name}.share"),
        make("Mul", [x, f"{y}.share"], [f"{y}.double"], f"{name}.double"),
        make("Mul", [f"{y}.double", number(0.5)], [y], f"{name}.half"),
    ]


_OLDER_FORMS: dict[str, Callable[[Any, Any], list[Any]]] = {
    "Gelu": _gelu,
    "Split": _split,
    **dict.fromkeys(("ReduceMax", "ReduceMean", "ReduceMin", "ReduceL2"), _reduction),
}
