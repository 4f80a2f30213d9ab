"""Divides the logits inside a network by a temperature (Guo et al. 2017), before all else is made
of it: original and exports have it alike, and no file carries an operation for it that it need not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeconv.architectures import SCORES
from edgeconv.checkpoints.graph_program import GraphProgram
from edgeconv.checkpoints.onnx_program import OnnxProgram
from edgeconv.errors import SpecError

_SCALING, _SCALED = "edgeconv.temperature", "edgeconv.tempered"

_ACTIVATIONS = ("Activation", "Softmax")
_SHAPES = ("Flatten", "Reshape", "Dropout", "WithComplement")
"""Layers that may stand between the weights that give logits and the scores."""


def divide_logits(model: Any, temperature: float) -> None:
    """Divide the last weights of a ``tf_keras.Model`` by the temperature, where they are.

    Raises:
        SpecError: its logits are not what its last weights give.
    """
    activated = False
    for layer in reversed(model.layers):
        kind = type(layer).__name__
        if kind in {"Dense", "Conv2D"}:
            if activated and layer.activation.__name__ != "linear":
                break
            layer.set_weights([_divided(weights, temperature) for weights in layer.get_weights()])
            return
        if kind not in (*_ACTIVATIONS, *_SHAPES):
            break
        activated = activated or kind in _ACTIVATIONS
    raise _no_logits(model.name, f"{layer.name} ({kind})")


def divided(
    tensors: Mapping[str, NDArray[np.float32]], temperature: float
) -> dict[str, NDArray[np.float32]]:
    """Tensors by ``layer/weight``, those of the scores divided."""
    return {
        name: _divided(tensor, temperature) if name.startswith(f"{SCORES}/") else tensor
        for name, tensor in tensors.items()
    }


def _divided(weights: NDArray[np.float32], temperature: float) -> NDArray[np.float32]:
    return np.asarray(np.float64(weights) / temperature, np.float32)


def tempered_graph(program: GraphProgram, temperature: float) -> GraphProgram:
    """A tensorflow graph that divides its logits.

    Raises:
        SpecError: it does not end in softmax or sigmoid.
    """
    import tensorflow as tf

    graph_def = tf.compat.v1.GraphDef()
    graph_def.CopyFrom(program.graph_def)
    nodes = {node.name: node for node in graph_def.node}
    last = nodes[program.output_name.removesuffix(":0")]
    while last.op in {"Identity", "Reshape", "Squeeze"}:
        last = nodes[last.input[0].removesuffix(":0")]
    if last.op not in {"Softmax", "Sigmoid"}:
        raise _no_logits("the graph", f"{last.name} ({last.op})")
    factor = graph_def.node.add(name=_SCALING, op="Const")
    factor.attr["dtype"].type = tf.float32.as_datatype_enum
    factor.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(np.float32(1 / temperature)))
    scaled = graph_def.node.add(name=_SCALED, op="Mul", input=[last.input[0], _SCALING])
    scaled.attr["T"].type = tf.float32.as_datatype_enum
    last.input[0] = _SCALED
    return replace(program, graph_def=graph_def)


def tempered_onnx(program: OnnxProgram, temperature: float) -> OnnxProgram:
    """An ONNX file that divides its logits: before its last activation, or as its output.

    Raises:
        SpecError: what stands before the activation is of another type than float32.
    """
    import onnx

    model = type(program.model)()
    model.CopyFrom(program.model)
    graph = model.graph
    producers = {name: node for node in graph.node for name in node.output}
    last = producers[program.output_name]
    while program.ending != "logits" and last.op_type not in {"Softmax", "Sigmoid"}:
        last = producers[last.input[0]]
    factor = onnx.numpy_helper.from_array(np.asarray(1 / temperature, np.float32), _SCALING)
    graph.initializer.append(factor)
    if program.ending == "logits":
        last.output[:] = [_SCALED if out == program.output_name else out for out in last.output]
        given, made = _SCALED, program.output_name
    else:
        given, made = last.input[0], _SCALED
        last.input[0] = _SCALED
    place = list(graph.node).index(last) + (program.ending == "logits")
    graph.node.insert(place, onnx.helper.make_node("Mul", [given, _SCALING], [made], _SCALED))
    try:
        onnx.checker.check_model(model, full_check=True)
    except Exception as error:  # shape inference and the checker have no common error
        raise _no_logits(program.where, str(error)) from error
    return replace(program, model=model)


def _no_logits(where: str, got: str) -> SpecError:
    return SpecError(
        f"no temperature can be folded into {where}",
        got=f"what its scores are made of: {got}",
        expected="weights that give logits, then softmax or sigmoid",
        do="leave temperature out of [output]",
    )
