"""An ONNX graph as an image classifier: what it takes, what it gives, and what it ends in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from edgeconv.errors import CheckpointError

Layout = Literal["NCHW", "NHWC"]
Ending = Literal["softmax", "sigmoid", "logits"]

_ENDINGS: dict[str, Ending] = {"Softmax": "softmax", "Sigmoid": "sigmoid"}

_LETS_THROUGH = frozenset(
    {"Cast", "DequantizeLinear", "Flatten", "Identity", "QuantizeLinear", "Reshape", "Squeeze"}
)
"""Operations between the last activation and the output that leave the scores as they are."""

_QUANTISED = ("QLinear", "QGemm", "QAttention", "ConvInteger", "MatMulInteger", "MatMulNBits")

_PICTURE = "one colour picture of float32: (1, 3, height, width) or (1, height, width, 3)"


@dataclass(frozen=True)
class OnnxProgram:
    """A checked ONNX model that takes one picture and gives one row of scores.

    ``model`` is the ``onnx.ModelProto`` as its author wrote it, all weights inside. ``size`` is
    (height, width), None where the graph leaves a side open. ``width`` is how many scores it gives,
    None where the graph does not say. ``ending`` is the last activation; a softmax that was written
    out as exponentials is not recognised. ``where`` is the file's name, for errors.
    """

    model: Any
    where: str
    input_name: str
    layout: Layout
    size: tuple[int | None, int | None]
    output_name: str
    width: int | None
    ending: Ending


def quantised_operations(model: Any) -> list[str]:
    """The kinds of operations that only quantised files have (QDQ, QOperator, dynamic), sorted."""
    found = {node.op_type for node in model.graph.node}
    return sorted(n for n in found if "quantize" in n.lower() or n.startswith(_QUANTISED))


def foreign_operations(model: Any) -> list[str]:
    """The operations of other domains than ONNX's own, as ``com.microsoft.FusedConv``, sorted."""
    own = {"", "ai.onnx"}
    return sorted({f"{n.domain}.{n.op_type}" for n in model.graph.node if n.domain not in own})


def classifier_in(model: Any, where: str) -> OnnxProgram:
    """What a checked model takes and gives.

    Args:
        model: an ``onnx.ModelProto`` that the checker has accepted.
        where: the file's name, for errors.

    Raises:
        CheckpointError: it is no classifier of colour pictures; the message says what was found.
    """
    graph = _inferred(model).graph
    constants = {tensor.name for tensor in graph.initializer}
    # Files of IR version 3 list their weights among the inputs.
    inputs = [value for value in graph.input if value.name not in constants]
    picture, scores = _picture(inputs, where), _scores(graph.output, where)
    _, *sides = _sides(picture)
    layout: Layout = "NCHW" if sides[0] == 3 else "NHWC"
    return OnnxProgram(
        model=model,
        where=where,
        input_name=picture.name,
        layout=layout,
        size=(sides[1], sides[2]) if layout == "NCHW" else (sides[0], sides[1]),
        output_name=scores.name,
        width=_sides(scores)[-1],
        ending=_ending(model.graph, scores.name, where),
    )


def _inferred(model: Any) -> Any:
    """The model with the shape of its output, where it leaves that to be inferred."""
    import onnx

    if all(value.type.tensor_type.HasField("shape") for value in model.graph.output):
        return model
    return onnx.shape_inference.infer_shapes(model)


def _picture(inputs: Sequence[Any], where: str) -> Any:
    if len(inputs) != 1:
        raise CheckpointError(
            f"{where} takes {len(inputs)} inputs",
            got=[described(value) for value in inputs],
            expected=_PICTURE,
        )
    (picture,) = inputs
    sides = _sides(picture)
    if len(sides) != 4 or sides[0] not in {1, None} or 3 not in {sides[1], sides[3]}:
        raise CheckpointError(
            f"{where} takes no colour picture, or more than one at once",
            got=described(picture),
            expected=_PICTURE,
            do="export the network again with a batch of 1 and three channels",
        )
    if element_type(picture) != "float32":
        raise CheckpointError(
            f"{where} takes pictures of another type than float32",
            got=described(picture),
            expected=_PICTURE,
            do="give the float32 export that it was made from",
        )
    return picture


def _scores(outputs: Sequence[Any], where: str) -> Any:
    if len(outputs) != 1:
        raise CheckpointError(
            f"{where} gives {len(outputs)} outputs, and so is no plain classifier",
            got=[described(value) for value in outputs],
            expected="one output (1, labels)",
            do="export it for classification, without auxiliary heads",
        )
    (scores,) = outputs
    sides = _sides(scores)
    if len(sides) != 2 or sides[0] not in {1, None}:
        what = "looks like a detection or segmentation model" if len(sides) > 2 else "gives no row"
        raise CheckpointError(
            f"{where} {what}",
            got=described(scores),
            expected="a classifier, with one output (1, labels)",
        )
    if element_type(scores) not in {"float32", "float16", "float64"}:
        raise CheckpointError(
            f"{where} gives no scores", got=described(scores), expected="float (1, labels)"
        )
    return scores


def _ending(graph: Any, output: str, where: str) -> Ending:
    producers = {name: node for node in graph.node for name in node.output}
    node = producers.get(output)
    while node is not None and node.op_type in _LETS_THROUGH:
        node = producers.get(node.input[0])
    if node is not None and node.op_type == "LogSoftmax":
        raise CheckpointError(
            f"{where} gives logarithms of scores",
            got="LogSoftmax as its last operation",
            expected="Softmax, Sigmoid, or bare logits",
            do="export it without the logarithm",
        )
    return "logits" if node is None else _ENDINGS.get(node.op_type, "logits")


def _sides(value: Any) -> tuple[int | None, ...]:
    """The shape of an input or output, None for an open side; empty where it states none."""
    return tuple(
        side.dim_value if side.WhichOneof("value") == "dim_value" else None
        for side in value.type.tensor_type.shape.dim
    )


def element_type(value: Any) -> str:
    """The element type of an input or output, named as numpy does."""
    import onnx

    name = str(onnx.TensorProto.DataType.Name(value.type.tensor_type.elem_type)).lower()
    return {"float": "float32", "double": "float64"}.get(name, name)


def described(value: Any) -> str:
    """An input or output for a message: ``images: float32 [open, 3, 224, 224]``."""
    if value.type.WhichOneof("value") != "tensor_type":
        return f"{value.name}: {value.type.WhichOneof('value')}"
    sides = ", ".join("open" if side is None else str(side) for side in _sides(value))
    return f"{value.name}: {element_type(value)} [{sides}]"
