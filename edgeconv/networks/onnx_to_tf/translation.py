"""From a frozen ONNX graph to a tensorflow function, node by node."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from edgeconv.checkpoints.onnx_program import foreign_operations
from edgeconv.errors import ConversionError
from edgeconv.frozen import OUTPUT_NAME, input_name, input_shape
from edgeconv.networks.onnx_opset import opset_of
from edgeconv.networks.onnx_surgery import refuse_quantised
from edgeconv.networks.onnx_to_tf import (  # noqa: F401  (they register themselves)
    activation,
    convolution,
    elementwise,
    linear,
    normalization,
    pooling,
    reduction,
    resizing,
    shaping,
    slicing,
)
from edgeconv.networks.onnx_to_tf.gelu import with_gelu
from edgeconv.networks.onnx_to_tf.registry import known_operations, translate
from edgeconv.networks.onnx_to_tf.values import CHANNELS_LAST, Untranslatable, Value
from edgeconv.spec import ModelSpec

_OLDEST_OPSET = 13
"""Before it, Softmax flattened its input and axes were attributes of other operations."""


def concrete_function(model: Any, spec: ModelSpec) -> Any:
    """A tensorflow ``ConcreteFunction`` of a frozen ONNX model.

    Args:
        model: an ``onnx.ModelProto`` with static shapes, constants folded, from ``image``
            (1, 3, H, W) to ``scores`` (1, labels).
        spec: names the model and gives the picture's size.

    Returns:
        A function from float32 ``image`` (1, H, W, 3), RGB 0..255, to ``scores`` (1, labels).

    Raises:
        ConversionError: an operation cannot be translated; the message names it and those that can.
    """
    import tensorflow as tf

    _refuse(model, spec)
    graph = with_gelu(model.graph)

    def to_scores(image: Any) -> Any:
        values = {graph.input[0].name: Value(image, CHANNELS_LAST), **_constants(graph)}
        for node in graph.node:
            values.update(_made(node, values, spec))
        return tf.identity(values[graph.output[0].name].arranged(), name=OUTPUT_NAME)

    signature = tf.TensorSpec(input_shape(spec), tf.float32, name=input_name(spec))
    return tf.function(to_scores, autograph=False).get_concrete_function(signature)


def _refuse(model: Any, spec: ModelSpec) -> None:
    """What is known to have no translation, by name and all at once."""
    refuse_quantised(model, spec.name, "TFLite or Core ML")
    operations = {node.op_type for node in model.graph.node}
    strangers = [*foreign_operations(model), *sorted(operations - set(known_operations()))]
    if strangers:
        raise _untranslatable(
            spec,
            [f"no translation of {', '.join(strangers)}"],
            "operations among " + ", ".join(known_operations()),
            "export it to ONNX alone: --target onnx",
        )
    opset = opset_of(model)
    if opset < _OLDEST_OPSET:
        raise _untranslatable(
            spec,
            [f"opset {opset}"],
            f"opset {_OLDEST_OPSET} or newer",
            "export the network again, at a newer opset",
        )


def _made(node: Any, values: dict[str, Value], spec: ModelSpec) -> dict[str, Value]:
    """The outputs of a node by name."""
    inputs = [values[name] if name else None for name in node.input]
    try:
        made = translate(node.op_type, inputs, _attributes(node))
    except (Untranslatable, ValueError, TypeError, IndexError, AssertionError) as error:
        raise _untranslatable(
            spec,
            [f"{node.op_type} {node.name}: {error}"],
            None,
            "export it to ONNX alone: --target onnx",
        ) from error
    return dict(zip(node.output, made, strict=False))


def _attributes(node: Any) -> dict[str, Any]:
    import onnx

    found = {}
    for attribute in node.attribute:
        value = onnx.helper.get_attribute_value(attribute)
        found[attribute.name] = value.decode() if isinstance(value, bytes) else value
    if node.op_type == "Split":
        found.setdefault("num_outputs", len(node.output))  # before opset 18 it was not said
    return found


def _constants(graph: Any) -> dict[str, Value]:
    import onnx

    return {
        tensor.name: Value.plain(widened(onnx.numpy_helper.to_array(tensor)))
        for tensor in graph.initializer
    }


def widened(values: Any) -> Any:
    """Floats of any width as float32, the one width that all targets compute in."""
    array = np.asarray(values)
    return array.astype(np.float32) if array.dtype.kind == "f" else array


def _untranslatable(
    spec: ModelSpec, got: Iterable[str], expected: str | None, do: str
) -> ConversionError:
    return ConversionError(
        f"{spec.name} cannot be translated for TFLite and Core ML",
        got=list(got),
        expected=expected,
        do=do,
    )
